"""Scenarios of a plan's demand, as forecasts apply them; where a plan has none, or there is no plan, the chapter's four.

What must not live here: what a scenario does to a forecast (`analysis.scenarios`).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from roteiro.analysis.scenarios import CHAPTER, KINDS, Event, Factor, Kind, Scenario
from roteiro.plan.demand import Demand
from roteiro.plan.demand import Scenario as Written
from roteiro.plan.demand_event import DemandEvent
from roteiro.plan.demand_shape import Surge
from roteiro.plan.model import Plan
from roteiro.plan.moment import begins_at
from roteiro.plan.near import did_you_mean
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Where

__all__ = ["ALL", "scenarios_of"]

ALL: Final = "all"


def scenarios_of(plan: Plan | None, wanted: Iterable[str], begins_s: float | None = None, where: str = "plan") -> tuple[Scenario, ...]:
    """The scenarios that are named, in their order; ALL is all that there are. Names are of `demand.scenarios`, and where the plan has none
    of the chapter's, around the plan's own factors if it has any.

    `begins_s`: Unix seconds at which the forecast begins, from which a surge's time of day is looked for. Raises PlanError (E923) for a
    name that is not there.
    """
    there = dict(CHAPTER) if plan is None else written_in(plan, begins_s)
    asked = [name for one in wanted for name in (there if one == ALL else (one,))]
    found = {name: there[name] for name in asked if name in there}
    missing = [name for name in dict.fromkeys(asked) if name not in there]
    if missing:
        known = f"name one of those there are: {', '.join(there)}, or {ALL}"
        raise PlanError([
            Problem("E923", Where(where), "demand.scenarios", f"has no {name!r}", did_you_mean(name, sorted(there), known))
            for name in missing
        ])  # fmt: skip
    return tuple(found.values())


def written_in(plan: Plan, begins_s: float | None) -> dict[str, Scenario]:
    demand = plan.demand
    if not demand.scenarios:
        base = made("base", demand, Written(), plan, begins_s)
        if not base.factors and not base.events:
            return dict(CHAPTER)
        return {"base": Scenario("base", base.factors, base.events, CHAPTER["base"].description)}
    return {name: made(name, demand, one, plan, begins_s) for name, one in demand.scenarios.items()}


def made(name: str, demand: Demand, varied: Written, plan: Plan, begins_s: float | None) -> Scenario:
    """A scenario with what the demand says beneath it. Of its shape, growth is a factor and the surge an event; the rest is in the past."""
    values = {**demand.factors, **varied.factors}
    spread = {**demand.spread, **varied.spread}
    if "growth" in varied.shape.model_fields_set:
        values.setdefault("growth", varied.shape.growth)
    factors = tuple(Factor(each, value, spread.get(each), kind_of(demand, each)) for each, value in values.items())
    events = [event_of(each, one, plan.timezone) for each, one in {**demand.events, **varied.events}.items()]
    if varied.shape.surge is not None:
        events.append(event_of_surge(varied.shape.surge, plan.timezone, begins_s))
    return Scenario(name, factors, tuple(events), varied.description or "")


def kind_of(demand: Demand, name: str) -> Kind:
    return demand.kinds[name].value if name in demand.kinds else KINDS.get(name, "monthly")


def event_of(name: str, one: DemandEvent, zone: str) -> Event:
    begins_s = None if one.begins is None else begins_at(one.begins, zone)
    return Event(name, one.peak, begins_s, one.after_s, one.ramp_s, one.plateau_s, one.decay_s, one.spread, one.lasting)


def event_of_surge(surge: Surge, zone: str, begins_s: float | None) -> Event:
    """A surge of the day begins at the first such time after the forecast does; without dates, at the forecast's own peak."""
    course = {"ramp_s": surge.ramp_s, "plateau_s": surge.plateau_s, "decay_s": surge.decay_s}
    if begins_s is None:
        return Event("surge", surge.peak, **course)
    first = datetime.fromtimestamp(begins_s, UTC).astimezone(ZoneInfo(zone))
    at = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=surge.day, seconds=surge.at_s)
    if at < first:
        at += timedelta(days=1)
    return Event("surge", surge.peak, at.timestamp(), **course)
