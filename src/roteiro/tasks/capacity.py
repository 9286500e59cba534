"""`roteiro capacity`: what a demand takes of each provider, what to buy so that the promises are kept, why, and the plan that has it.

Reckoned by queues at a quantile of the demand, then simulated; where the simulation misses a promise, enlarged and simulated again.
What must not live here: how a result is shown.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from roteiro.analysis.purchase_case import Promise
from roteiro.plan.compile import RingSizes, compile_plan
from roteiro.plan.model import Plan
from roteiro.plan.read import Reading, read
from roteiro.simulator import service as services
from roteiro.simulator.world import EPOCH_UNIX_S
from roteiro.tasks.capacity_check import Confirmation, confirmed, foretold_of
from roteiro.tasks.capacity_demand import Expected, of_forecast, of_plan
from roteiro.tasks.capacity_needs import Fleet, Period, needs_of, warning
from roteiro.tasks.capacity_offers import Buying, offers_of, what_to_buy
from roteiro.tasks.capacity_options import Option, options_of
from roteiro.tasks.capacity_overlay import Change, changes_of, overlay_text, rewarded, with_weights
from roteiro.tasks.check import checked
from roteiro.tasks.diff import plain
from roteiro.tasks.scenarios import scenarios_of
from roteiro.terms.error import PlanError, SettingsError
from roteiro.terms.problem import Problem, Where

__all__ = ["BASE", "SCENARIOS", "CapacityResult", "Course", "capacity"]

BASE: Final = "base"
SCENARIOS: Final = (BASE, "optimistic", "pessimistic", "stress")
"""The chapter's; those that a plan has are told beside the one that is planned for."""
ROUNDS: Final = 4
LARGER: Final = 1.25
DAY_S: Final = 86_400.0
USUAL_ATTAINMENT: Final = 0.999
LONGEST_S: Final = 92 * DAY_S

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Course:
    """One scenario step by step: tokens a minute, the median of the paths and the quantile that is planned for."""

    scenario: str
    at_s: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CapacityResult:
    """The answer. `periods`: of every scenario, as the plan routes now; `planned`: of the scenario that is planned for, as it would route.

    `capacity`: tokens a minute that the bought has room for, without the loss of anything; None where nothing bounds it. `headroom_usd`:
    what replicas beyond those of the purchase cost over the horizon: for start-up, losses and fullest minutes. `confirmed` None: it was
    not simulated. `dated`: whether times are Unix seconds.
    """

    plan: str
    digest: str
    demand: str
    scenario: str
    probability: float
    attainment: float
    survive: bool
    horizon_s: float
    step_s: float
    dated: bool
    tokens_a_request: float
    courses: tuple[Course, ...]
    periods: tuple[Period, ...]
    planned: tuple[Period, ...]
    buyings: tuple[Buying, ...]
    options: tuple[Option, ...]
    changes: tuple[Change, ...]
    confirmed: Confirmation | None
    capacity: float | None
    headroom_usd: float
    losses: tuple[str, ...]
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    interrupted: bool
    took_s: float
    resolved: Plan
    files: tuple[Path, ...]

    @property
    def met(self) -> bool:
        """Whether what is on offer keeps the promise, in the reckoning and, where it was simulated, there too."""
        reckoned = all(one.purchase.met for one in self.buyings)
        return reckoned and (self.confirmed is None or self.confirmed.kept)

    def overlay(self, to: Path, comments: Mapping[str, str], head: str) -> str:
        """The text of a plan, to be kept at `to`, that is this one with the changes. `comments` as of `overlay_text`."""
        return overlay_text(self.changes, self.resolved, self.files, to, comments, head)

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        names = (
            "plan", "digest", "demand", "scenario", "probability", "attainment", "survive", "horizon_s", "step_s", "dated",
            "tokens_a_request", "met", "courses", "periods", "planned", "options", "changes", "confirmed", "capacity", "headroom_usd",
            "losses",
            "assumed", "interrupted", "took_s",
        )  # fmt: skip
        told = {name: plain(getattr(self, name)) for name in names}
        bought = [purchased(one) for one in self.buyings]
        return {**told, "purchases": bought, "problems": [str(problem) for problem in self.problems]}


def capacity(
    plan_path: Path | str,
    source: Path | str | None = None,
    *,
    horizon_s: float = 7 * DAY_S,
    step_s: int | None = None,
    scenario: str = BASE,
    probability: float = 0.95,
    attainment: float | None = None,
    survive: bool = True,
    seed: int = 1,
    paths: int = 200,
    method: str = "auto",
    data: Path | None = None,
    environment: str | None = None,
    begin: datetime | None = None,
    simulate: bool = True,
    seeds: int = 3,
    why: bool = True,
    on_progress: OnProgress | None = None,
) -> CapacityResult:
    """What a plan needs over a horizon, and the cheapest way to it.

    `source`: a record or run whose forecast is the demand (`data`: the directory that a run is in); None takes the plan's own, as the
    simulator draws it. `scenario`: the one that is planned for; the chapter's others are told beside it. `probability`: of the sample
    paths, the share for which the promise is to be kept; each step is looked at at this quantile. `attainment`: of what is asked at
    once, the share that finds capacity; None takes the strictest availability of the tiers. `survive`: the loss of any one vendor or
    region is to be borne. `simulate`: confirm by `seeds` seeds. `why`: reckon the reasons too, which takes as long again twice.

    Raises PlanError with every problem of the plan or the demand, SettingsError and LedgerError for what is not there.
    """
    begun, path = time.monotonic(), Path(plan_path)
    bounded(probability, attainment, horizon_s)
    reading = checked(path, environment)
    plan = reading.plan
    assert plan is not None
    tell = on_progress or (lambda share, label: None)
    compiled = compile_plan(plan, reading.digest, sizes=RingSizes(flows=8, events=8, decisions=8))
    serving = dict(zip(compiled.names.targets, services.of_plan(compiled).targets, strict=True))
    expected = demands(reading, path, source, horizon_s, step_s, scenario, seed, paths, method, data, begin, tell)
    here = expected[scenario]
    problems = list(dict.fromkeys([*reading.problems, *(problem for one in expected.values() for problem in one.problems)]))
    fleet = Fleet.of(plan, here, probability, survive, serving)
    problems += fleet.problems
    tell(0.45, "")
    periods = tuple(period for one in expected.values() for period in needs_of(fleet, one, probability))
    aimed = attainment if attainment is not None else strictest(plan)
    several = len({plan.providers[name].name for name in fleet.aims}) > 1
    promise = Promise(aimed, probability, survive=1.0 if survive and several else 0.0)
    offered = offers_of(fleet, here, problems)
    tell(0.5, "")
    buyings = what_to_buy(fleet, here, offered, promise, problems, why=why)
    for one in buyings:
        if not one.purchase.met:
            lacking = max(one.purchase.lacking, default=0.0) / 60.0
            problems.append(warning("W956", "providers", f"do not sell what the promise takes: {lacking:,.0f} tokens/min are lacking", "raise quotas, add a provider, or promise less"))  # noqa: E501 # fmt: skip
    tell(0.75, "")
    written = {name: ("models", name) in reading.marks.rows for name in plan.models}
    weights = rewarded(fleet, here, buyings, written)
    planned_fleet = Fleet.of(with_weights(plan, weights), here, probability, survive, serving)
    planned = needs_of(planned_fleet, here, probability)
    files = (path, *((path.with_name(f"{path.stem}.{environment}{path.suffix}"),) if environment is not None else ()))

    def changed(enlarge: float) -> tuple[Change, ...]:
        return changes_of(planned_fleet, here, planned, buyings, weights, written, plan=plan, enlarge=enlarge)

    problems += bound_by_most(plan, planned, buyings)
    changes, told, interrupted = changed(1.0), None, False
    if simulate:
        told, changes, interrupted = tried(changed, plan, files, planned_fleet, here, planned, serving, seeds, source is not None, tell)
        if not told.kept:
            message = f"misses a promise in the simulation, even with {told.enlarged:.3g} times the capacity"
            problems.append(warning("W958", "sla_tiers", message, "capacity is not what is lacking: see which promise, and how providers serve"))  # noqa: E501 # fmt: skip
    return CapacityResult(
        plan=plan.name or "", digest=reading.digest, demand=here.name, scenario=scenario, probability=probability, attainment=aimed,
        survive=survive, horizon_s=len(here.at_s) * here.step_s, step_s=here.step_s, dated=here.dated,
        tokens_a_request=here.lengths.tokens, courses=tuple(course(one, probability) for one in expected.values()), periods=periods,
        planned=planned, buyings=buyings, options=options_of(fleet, here, probability), changes=changes, confirmed=told,
        capacity=room(buyings), headroom_usd=headroom(plan, changes, buyings), losses=tuple(name for name, _ in fleet.losses),
        assumed=here.assumed, problems=tuple(dict.fromkeys(placed(one, path) for one in problems)),
        interrupted=interrupted, took_s=time.monotonic() - begun, resolved=plan, files=files,
    )  # fmt: skip


def placed(problem: Problem, path: Path) -> Problem:
    """Problems that are found by reckoning are of the plan, which its file tells."""
    return replace(problem, where=Where(str(path))) if problem.where.file == "plan" else problem


def purchased(buying: Buying) -> dict[str, Any]:
    names = ("cost", "p50", "p95", "missed", "unreserved", "unreserved_kept", "kept", "met", "lacking", "gap")
    answer, why = buying.purchase, buying.reasons
    rows = [
        {"provider": one.provider, "variant": one.variant, **plain(asdict(bought))}
        for one, bought in zip(buying.offered, answer.bought, strict=True)
    ]
    head = {"regions": list(buying.regions), "promise": plain(asdict(buying.promise)), "hours": buying.hours}
    figures = {name: plain(getattr(answer, name)) for name in names}
    return {**head, **figures, "bought": rows, "reasons": None if why is None else plain(asdict(why))}


def bounded(probability: float, attainment: float | None, horizon_s: float) -> None:
    for name, value in (("probability", probability), ("attainment", attainment if attainment is not None else 0.5)):
        if not 0.0 < value < 1.0:
            raise SettingsError(f"{name} is {value:g}; above 0 and below 1 (of 200 sample paths, 0.995 is the most that can be told)")
    if not 3600.0 <= horizon_s <= LONGEST_S:
        raise SettingsError(f"the horizon is {horizon_s:g} s; from an hour to {LONGEST_S / DAY_S:g} days")


def strictest(plan: Plan) -> float:
    """The highest availability that a tier promises, as far as it is less than all."""
    promised = [tier.availability for tier in plan.sla_tiers.values() if tier.availability is not None]
    return min(max(promised, default=USUAL_ATTAINMENT), 0.99999)


def demands(
    reading: Reading,
    path: Path,
    source: Path | str | None,
    horizon_s: float,
    step_s: int | None,
    scenario: str,
    seed: int,
    paths: int,
    method: str,
    data: Path | None,
    begin: datetime | None,
    tell: OnProgress,
) -> dict[str, Expected]:
    """The demand under the scenario that is planned for, and under the others there are. Raises PlanError (E923)."""  # fmt: skip
    plan = reading.plan
    assert plan is not None
    compiled = compile_plan(plan, reading.digest, sizes=RingSizes(flows=8, events=8, decisions=8))
    there = set(plan.demand.scenarios) or (set(SCENARIOS) if source is not None else {BASE})
    known = [
        name for name in dict.fromkeys((BASE, *SCENARIOS, *plan.demand.scenarios)) if name in there or (name == BASE and source is None)
    ]
    if scenario not in known:
        names = ", ".join(known)
        raise PlanError([Problem("E923", Where(str(path)), "demand.scenarios", f"has no {scenario!r}", f"name one of those there are: {names}")])  # noqa: E501 # fmt: skip
    wanted = [name for name in known if name in SCENARIOS or name == scenario]
    if source is not None:
        named = scenarios_of(plan, wanted)
        return of_forecast(
            compiled, source, named, data=data, horizon_s=horizon_s, step_s=step_s, method=method, paths=paths, seed=seed,
            on_progress=lambda share, label: tell(0.4 * share, label),
        )  # fmt: skip
    zone = ZoneInfo(plan.timezone)
    moment = None if begin is None else begin if begin.tzinfo is not None else begin.replace(tzinfo=zone)
    epoch = EPOCH_UNIX_S if moment is None else moment.timestamp()
    step = float(step_s or (3600 if horizon_s >= DAY_S else 900))
    found = {}
    for at, name in enumerate(wanted):
        tell(0.4 * at / len(wanted), name)
        # The same luck for every scenario, so that they differ by what they say alone.
        found[name] = of_plan(
            compiled, name, data=data, horizon_s=horizon_s, step_s=step, paths=paths, epoch_unix_s=epoch,
            chance=np.random.default_rng(seed), folder=path.parent,
        )  # fmt: skip
    return found


def course(expected: Expected, quantile: float) -> Course:
    tokens = expected.total * 60.0 * expected.lengths.tokens
    middle, high = (np.quantile(tokens, share, axis=0, method="inverted_cdf") for share in (0.5, quantile))
    return Course(expected.scenario, tuple(expected.at_s.tolist()), tuple(middle.tolist()), tuple(high.tolist()))


def room(buyings: Sequence[Buying]) -> float | None:
    """Tokens a minute of everything that was bought, quotas included."""
    whole = 0.0
    for buying in buyings:
        for bought in buying.purchase.bought:
            whole += bought.units * bought.offer.unit_load + (bought.offer.quota if bought.offer.usage_price is not None else 0.0)
    return whole / 60.0 if np.isfinite(whole) else None


def bound_by_most(plan: Plan, planned: Sequence[Period], buyings: Sequence[Buying]) -> list[Problem]:
    """Own servers of which more would be needed than `most` says there are."""
    found = []
    for one in (each for buying in buyings for each in buying.offered):
        servers = plan.providers[one.provider].servers
        if servers is None or servers.most is None or one.variant is None:
            continue
        wanted = max((need.lost_replicas.get(one.variant, 0) for period in planned for need in period.needs if need.provider == one.provider), default=0)  # noqa: E501 # fmt: skip
        if wanted > servers.most:
            message = f"is {servers.most}; {wanted} are needed at the highest step, the loss of any one borne"
            found.append(warning("W959", f"providers.{one.provider}.servers.most", message, "raise it, or let others take more"))
    return found


def headroom(plan: Plan, changes: Sequence[Change], buyings: Sequence[Buying]) -> float:
    """$ of replicas that run beyond those that the purchase takes."""
    running = {change.path[1]: int(change.after) for change in changes if change.path[2:] == ("servers", "replicas")}
    whole = 0.0
    for buying in buyings:
        for one, bought in zip(buying.offered, buying.purchase.bought, strict=True):
            servers = plan.providers[one.provider].servers
            if servers is not None:
                whole += max(running.get(one.provider, servers.replicas) - bought.units, 0) * bought.offer.unit_price * buying.hours
    return whole


def tried(
    changed: Callable[[float], tuple[Change, ...]],
    plan: Plan,
    files: Sequence[Path],
    fleet: Fleet,
    expected: Expected,
    planned: Sequence[Period],
    serving: dict[str, services.TargetService],
    seeds: int,
    foreseen: bool,
    tell: OnProgress,
) -> tuple[Confirmation, tuple[Change, ...], bool]:
    """Simulated; enlarged and simulated again while a promise is missed and more capacity helps, ROUNDS times at most."""  # fmt: skip
    rate = max(period.rate_per_s for period in planned)
    foretold = foretold_of(fleet, expected, planned, serving)
    best: tuple[Confirmation, tuple[Change, ...], bool] | None = None
    enlarge = 1.0
    for round_ in range(1, ROUNDS + 1):
        changes = changed(enlarge)
        laid = [*changes, *(as_demand(expected) if foreseen else [])]
        with tempfile.TemporaryDirectory() as folder:
            over = Path(folder) / "planned.yaml"
            over.write_text(overlay_text(laid, plan, files, over, {}, ""), encoding="utf-8")
            again = read(over)
        if again.plan is None:
            raise PlanError(again.problems)

        def progress(share: float, label: str, round_: int = round_) -> None:
            tell(0.8 + 0.2 * (round_ - 1 + share) / ROUNDS, label)

        made, interrupted = confirmed(again, files[0].parent, expected, rate, seeds=range(1, seeds + 1), on_progress=progress)
        made = replace(made, rounds=round_, enlarged=enlarge, foretold=foretold)
        if best is not None and not better(made, best[0]):
            return replace(best[0], rounds=round_), best[1], interrupted
        best = made, changes, interrupted
        if made.kept or interrupted:
            break
        enlarge *= LARGER
    assert best is not None
    return best


def better(new: Confirmation, old: Confirmation) -> bool:
    """Whether a larger capacity brought any promise nearer."""
    shares = [[min(one.share.mean - one.least, 0.0) for one in each.promises if one.kept is not None] for each in (new, old)]
    return new.kept or sum(shares[0]) > sum(shares[1]) + 1e-4


def as_demand(expected: Expected) -> list[Change]:
    """A forecast's demand as a plan writes it, for the simulation: one rate, who asks for what, and how long."""
    shares = [round(float(one), 6) for one in expected.shares]
    shares[0] += round(1.0 - sum(shares), 6)
    mix = ", ".join(
        f'{{tenant: "{flow.tenant}", workload: "{flow.workload}", model: "{flow.model}", share: {share:.6f}}}'
        for flow, share in zip(expected.flows, shares, strict=True) if share > 0.0
    )  # fmt: skip
    spreads = {}
    for key, sample in (("input_tokens", expected.lengths.inputs), ("output_tokens", expected.lengths.outputs)):
        middle, high = (max(round(float(np.quantile(sample, share))), 1) for share in (0.5, 0.95))
        spreads[key] = f"{{median: {middle}, p95: {max(high, middle)}}}"
    after = {"arrivals": "{process: poisson, rate: 1/s}", "mix": f"[{mix}]", "groups": "null", **spreads}
    return [Change(("demand", key), "", value, "trace") for key, value in after.items()]
