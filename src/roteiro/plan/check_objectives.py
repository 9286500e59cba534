"""Cross-checks of what is promised: whether vendors' promises carry it, and whether alerts can fire, and not for one failure.

What must not live here: the arithmetic of paths (`composition`), and names that are not there (`check_people`).
"""

from collections.abc import Iterator

from roteiro.plan.composition import Composed, compose, models_of_tier
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.model import Plan
from roteiro.plan.objectives import ObjectiveScope, SlaTier, Slo
from roteiro.plan.promised import Promised, promised
from roteiro.plan.resolve import Path
from roteiro.policy.burn import most_burn
from roteiro.terms.units import format_duration, format_share

__all__ = ["COUNTED", "requests_per_s"]

ALMOST = 1.0 + 1e-9
COUNTED = ("availability", "latency", "cost")
"""Indicators of which each request is one event, so that demand tells how many there are."""
DIGITS = 9
NOTHING = 1e-12


def paths(look: Look, tier: str) -> list[Composed]:
    """What each model that the tier's promises are about can promise."""
    written = [name for name in look.plan.models if look.written("models", name)]
    return [compose(look.plan, name) for name in models_of_tier(look.plan, tier, written)]


@checks(
    "E207",
    "a tier promises more availability than its vendors",
    "Joint availability is 1 − ∏(1 − aᵢ), if they fail independently; what is not promised counts as nothing.",
)
def promised_availability(look: Look) -> Iterator[Found]:
    for name, tier, known in carried(look):
        could, path = known[-1]
        if tier > could + NOTHING:
            remedy = f"promise at most {format_share(floored(could))}, or add a provider"
            if path.reach == 1 and len(path.parts) > 1:
                remedy += ", or let retry.attempts reach another"
            message = f"is {format_share(tier)}; the vendors jointly promise {told(could, path)}"
            yield Found(("sla_tiers", name, "availability"), message, remedy)


@checks(
    "W311", "a tier promises more availability than a model's vendors", "Its tenants use that model too; on the mean others may make it up."
)
def weaker_path(look: Look) -> Iterator[Found]:
    for name, tier, known in carried(look):
        could, path = known[0]
        if could + NOTHING < tier <= known[-1][0] + NOTHING:
            message = f"is {format_share(tier)}; the vendors of model {path.model} jointly promise {told(could, path)}"
            yield Found(("sla_tiers", name, "availability"), message, f"give {path.model} another target or fallback, or promise less")


def carried(look: Look) -> Iterator[tuple[str, float, list[tuple[float, Composed]]]]:
    """Tiers with the availability they promise and what each of their models' paths can, the weakest first, as far as vendors promise."""
    for name, tier in look.plan.sla_tiers.items():
        known = [(path.independent, path) for path in paths(look, name) if path.independent is not None]
        if tier.availability is not None and known:
            yield name, tier.availability, sorted(known, key=lambda one: one[0])


def told(could: float, path: Composed) -> str:
    parts = ", ".join(f"{one.target} {'nothing' if one.availability is None else format_share(one.availability)}" for one in path.parts)
    alone = ", each request asking one alone" if path.reach == 1 and len(path.parts) > 1 else ""
    return f"{format_share(round(could, DIGITS))}, if they fail independently (model {path.model}: {parts}{alone})"


@checks(
    "W208", "a tier promises less latency than its vendors", "A p95 is carried by the targets that promise as much and answer 95% together."
)
def promised_latency(look: Look) -> Iterator[Found]:
    for name, tier in look.plan.sla_tiers.items():
        if tier.latency_p95_s is None:
            continue
        for path in paths(look, name):
            told = [part.latency_p95_s for part in path.parts if part.latency_p95_s is not None]
            unknown = any(part.share > 0.0 and part.latency_p95_s is None for part in path.parts)
            if unknown or path.latency_p95_s is None:
                if told and tier.latency_p95_s < min(told):
                    message = f"is {format_duration(tier.latency_p95_s)}; the fastest vendor promises {format_duration(min(told))}"
                    yield Found(("sla_tiers", name, "latency_p95"), message, "promise more time")
                    break
            elif tier.latency_p95_s < path.latency_p95_s:
                carried = f"the vendors of model {path.model} carry {format_duration(path.latency_p95_s)}"
                message = f"is {format_duration(tier.latency_p95_s)}; {carried}"
                yield Found(("sla_tiers", name, "latency_p95"), message, f"promise {format_duration(path.latency_p95_s)} or more")
                break


def floored(share: float) -> float:
    """Rounded down to a hundredth of a per cent; where that loses it all, as it is."""
    rounded = int(share * 1e4) / 1e4
    return rounded if rounded > 0.0 else share


def alerted(look: Look) -> Iterator[tuple[Path, Promised]]:
    """Every objective whose alerts a person wrote, with the place of these alerts; of a tier the one that alerts soonest fail."""
    for one in promised(look.plan):
        section = "sla_tiers" if one.tier is not None else "slos"
        owner = one.tier if one.tier is not None else one.name
        if not isinstance(one.of.alerts.burn, str):
            yield (section, owner, "alerts", "burn"), one


@checks("E310", "an alert can never fire", "A budget burns at most 1/(1 − objective) times too fast: when everything fails.")
def deaf_alerts(look: Look) -> Iterator[Found]:
    seen = set()
    for path, one in alerted(look):
        if isinstance(one.of.alerts.burn, str) or one.mean or one.least >= 1.0:
            continue
        most = most_burn(one.least)
        for index, rule in enumerate(one.of.alerts.burn):
            at = (*path, index, "burn")
            if rule.burn > most * ALMOST and at not in seen:
                seen.add(at)
                message = (
                    f"is {rule.burn:g}; {one.name} is {format_share(one.least)}, which burns at most {round(most, 2):g} times too fast"
                )
                yield Found(at, message, f"write {int(most * 0.9 * 10) / 10:g} or less, or burn: auto, which leaves such alerts out")


@checks(
    "E311", "one failure fires an alert", "At the plan's demand its share of the budget is one failure or less: it would page for chance."
)
def nervous_alerts(look: Look) -> Iterator[Found]:
    seen = set()
    for path, one in alerted(look):
        rate = requests_per_s(look.plan, one.scope)
        if isinstance(one.of.alerts.burn, str) or one.sli not in COUNTED or one.mean or one.least >= 1.0 or rate is None:
            continue
        for index, rule in enumerate(one.of.alerts.burn):
            failures = rule.burn * (1.0 - one.least) * rate * rule.long_s
            at = (*path, index)
            if 0.0 < failures <= ALMOST and at not in seen:
                seen.add(at)
                demand = f"{rate * 3600:.3g} requests an hour have {rate * rule.long_s:.3g} in {format_duration(rule.long_s)}"
                message = f"fires at {failures:.2g} failures: {demand}, and {one.name} is {format_share(one.least)}"
                needed = format_duration(float(int(2.0 / (rule.burn * (1.0 - one.least) * rate) / 60.0) * 60 + 60))
                yield Found(at, message, f"write long: {needed} or more, or burn: auto, which wants more than chance", at_key=True)


@checks("E312", "an alert looks back further than its objective", "What is older than the window no longer counts against its budget.")
def far_alerts(look: Look) -> Iterator[Found]:
    lengths = {"day": 86_400.0, "week": 604_800.0, "month": 28 * 86_400.0, "quarter": 90 * 86_400.0}
    for section, owners in (("sla_tiers", look.plan.sla_tiers), ("slos", look.plan.slos)):
        for name, owner in owners.items():
            assert isinstance(owner, SlaTier | Slo)
            window_s = lengths[owner.window] if isinstance(owner.window, str) else owner.window
            for index, rule in enumerate(() if isinstance(owner.alerts.burn, str) else owner.alerts.burn):
                if rule.long_s > window_s:
                    message = f"is {format_duration(rule.long_s)}; the window is {owner.window if isinstance(owner.window, str) else format_duration(window_s)}"  # noqa: E501
                    yield Found((section, name, "alerts", "burn", index, "long"), message, "shorten it, or widen the window")


@checks("W310", "what nobody may miss has no budget", "At 100% there is nothing to burn: such alerts and steps never act.")
def no_budget(look: Look) -> Iterator[Found]:
    for name, slo in look.plan.slos.items():
        for key, written in (("steps", bool(slo.steps)), ("alerts", not isinstance(slo.alerts.burn, str))):
            if slo.objective >= 1.0 and written:
                message = f"has {key}, and its objective is 100%, which leaves no error budget"
                yield Found(("slos", name, key), message, "write an objective below 100%", at_key=True)


def requests_per_s(plan: Plan, scope: ObjectiveScope) -> float | None:
    """Requests a second of a scope at the plan's demand; None where the plan does not tell."""
    demand = plan.demand
    if scope.provider is not None or scope.region is not None:
        return None
    whole = None if demand.arrivals is None or demand.arrivals.rate is None else float(demand.arrivals.rate.per_second)
    if demand.groups:
        rates = [float(group.rate.per_second) for group in demand.groups.values() if group.rate is not None]
        total = sum(rates) + sum(float(group.share) * (whole or 0.0) for group in demand.groups.values() if group.share is not None)
        return total if total > 0.0 and not any((scope.tier, scope.tenant, scope.workload, scope.model)) else None
    return None if whole is None else whole * share_of(plan, scope)


def share_of(plan: Plan, scope: ObjectiveScope) -> float:
    """The share of the demand's mix that is of a scope; what the mix does not say may be of any."""
    tenants, mix = plan.tenants, plan.demand.mix
    if not mix:
        return 1.0

    def is_of(tenant: str | None, workload: str | None, model: str | None) -> bool:
        tier = tenants[tenant].tier if tenant in tenants else None
        pairs = ((scope.tier, tier), (scope.tenant, tenant), (scope.workload, workload), (scope.model, model))
        return all(wanted is None or said is None or wanted == said for wanted, said in pairs)

    return sum(part.share for part in mix if is_of(part.tenant, part.workload, part.model))
