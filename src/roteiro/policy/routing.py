"""Routing: one target among a route's candidates, by rank and weight, health and room, context and credentials, and the rules that hold.

Records: ROUTE, CANDIDATE, TARGET, FLOW, LINK. Sets of candidates are bits by position: `tried` are those that this request has used up for
now, `barred` those that it must not ask again, `skip` those that are passed over here.

What must not live here: taking the slot (the journey does, once everything else has agreed).
"""

from typing import Any

from roteiro.policy import breaker as breakers
from roteiro.policy import credential as credentials
from roteiro.policy import limits, region
from roteiro.policy.kernel import kernel
from roteiro.policy.state import ANYWHERE, NONE, breaker_at, candidate_at, header_of, limit_at, target_at
from roteiro.terms.codes import Reason

__all__ = [
    "FORBIDDEN",
    "FULL",
    "PAUSED",
    "READY",
    "UNFIT",
    "UNHEALTHY",
    "allowed",
    "bar_credential",
    "carried",
    "choose",
    "fits",
    "least_bad",
    "limited",
    "position",
    "readiness",
    "soonest_return",
    "used_credentials",
    "widest",
]

READY, FULL, UNHEALTHY, UNFIT, PAUSED, FORBIDDEN = 0, 1, 2, 3, 4, 5
WEIGHTED, RULE, ONLY_TARGET = int(Reason.WEIGHTED), int(Reason.RULE), int(Reason.ONLY_TARGET)
TARGETS_FULL, NO_HEALTHY_TARGET, LEAST_BAD = int(Reason.TARGETS_FULL), int(Reason.NO_HEALTHY_TARGET), int(Reason.LEAST_BAD)
PROVIDER_LIMIT, RESIDENCY = int(Reason.PROVIDER_LIMIT), int(Reason.RESIDENCY)
NEVER = 1e18
NOTED = 7  # candidates whose refused credentials a flow can note, eight bits each; a later one is barred whole


@kernel
def has_room(block: int, target: Any, tokens: int, now: float) -> bool:
    if target.in_flight >= target.slots:
        return False
    if target.requests_limit != NONE and limits.wait_for(limit_at(block, target.requests_limit), 1.0, now) > 0.0:
        return False
    return target.tokens_limit == NONE or limits.wait_for(limit_at(block, target.tokens_limit), float(tokens), now) == 0.0


@kernel
def used_credentials(flow: Any, c: int) -> int:
    """Bits of the credentials of the candidate at position `c` that this request must not use again."""
    return (flow.tried_credentials >> 8 * c) & 255 if c < NOTED else 0


@kernel
def bar_credential(flow: Any, c: int, k: int) -> None:
    """This request does not use credential `k` of the candidate at position `c` again."""
    if c < NOTED:
        flow.tried_credentials |= 1 << (8 * c + k)
    else:
        flow.barred |= 1 << c


@kernel
def readiness(block: int, flow: Any, c: int, i: int, needed: int, now: float) -> int:
    """How target `i`, the candidate at position `c`, stands for this request.

    READY; FULL (slots or quota); PAUSED (the provider's rate limit: full too, in other words); UNHEALTHY (breaker, credentials refused,
    retired); UNFIT (its context is known and smaller than `needed` tokens); FORBIDDEN (in a region where its data may not go).
    """
    target = target_at(block, i)
    if flow.residency != ANYWHERE and not region.allows(flow.residency, target.region):
        return FORBIDDEN
    if target.retired != 0:
        return UNHEALTHY
    if 0 < target.context_tokens < needed:
        return UNFIT
    if not breakers.allows(breaker_at(block, i), now):
        return UNHEALTHY
    if target.paused_until > now or flow.tried_credentials != 0:
        how = credentials.condition(target, used_credentials(flow, c), now)
        if how != credentials.AVAILABLE:
            return PAUSED if how == credentials.LIMITED else UNHEALTHY
    return READY if has_room(block, target, flow.input_tokens + flow.output_tokens, now) else FULL


@kernel
def position(block: int, route: Any, target: int) -> int:
    """Position of `target` among the route's candidates, or NONE."""
    for c in range(route.count):
        if candidate_at(block, route.first + c).target == target:
            return c
    return NONE


@kernel
def allowed(block: int, route: Any, flow: Any) -> bool:
    """Whether a candidate is where the flow's data may go, whatever its state."""
    if flow.residency == ANYWHERE:
        return True
    for c in range(route.count):
        target = target_at(block, candidate_at(block, route.first + c).target)
        if target.retired == 0 and region.allows(flow.residency, target.region):
            return True
    return False


@kernel
def fits(block: int, route: Any, flow: Any, tokens: int) -> bool:
    """Whether a candidate that this request may ask can have a context of so many tokens; one that is not known can."""
    for c in range(route.count):
        target = target_at(block, candidate_at(block, route.first + c).target)
        if not (flow.barred >> c) & 1 and target.retired == 0 and not 0 < target.context_tokens < tokens:
            if region.allows(flow.residency, target.region):
                return True
    return False


@kernel
def widest(block: int, route: Any, flow: Any) -> int:
    """The largest known context among the candidates where the flow's data may go, in tokens; 0 where none is known."""
    most = 0
    for c in range(route.count):
        target = target_at(block, candidate_at(block, route.first + c).target)
        if region.allows(flow.residency, target.region):
            most = max(most, target.context_tokens)
    return most


@kernel
def carried(block: int, old: Any, new: Any, flow: Any) -> None:
    """Turn what a flow bars among the candidates of one route into the same of another's, where the two share targets."""
    barred, used = flow.barred, flow.tried_credentials
    flow.barred, flow.tried_credentials = 0, 0
    if barred == 0 and used == 0:
        return
    for c in range(old.count):
        there = position(block, new, candidate_at(block, old.first + c).target)
        if there == NONE:
            continue
        if (barred >> c) & 1:
            flow.barred |= 1 << there
        for k in range(8):
            if c < NOTED and (used >> (8 * c + k)) & 1:
                bar_credential(flow, there, k)


@kernel
def may_redirect(block: int, route: Any, flow: Any, target: int, skip: int, prefix: bool, needed: int, now: float) -> int:
    """Position of the target that a rule sends to, if this request can go there; else NONE."""
    if target == NONE:
        return NONE
    c = position(block, route, target)
    if c == NONE or (skip >> c) & 1 or (prefix and target_at(block, target).prefix == 0):
        return NONE
    return c if readiness(block, flow, c, target, needed, now) == READY else NONE


@kernel
def choose(block: int, route: Any, flow: Any, skip: int, prefix: bool, now: float, u: float) -> tuple[int, int, float, float]:
    """(candidate position, reason, x, y); position NONE where none can take it, with the reason why.

    `prefix`: only those that go on from the beginning of an answer. Candidates whose context is too small for the estimated input are
    passed over while another fits, ready or not; where none does, an estimate refuses nobody. Of those that could take it go first the ones
    that no rule avoids, then the lowest rank, then, where the route says so, the region nearest to the client; weights decide among them.
    """
    header = header_of(block)
    needed = flow.input_tokens if fits(block, route, flow, flow.input_tokens) else 0
    c = may_redirect(block, route, flow, header.redirect, skip, prefix, needed, now)
    if c != NONE:
        return c, RULE, float(header.redirect_rule), -1.0
    rank, weight, ready, full, paused, avoided = 1 << 30, 0.0, 0, 0, 0, 1
    last, best = NONE, 0
    near, far = route.nearest != 0 and flow.client_region != NONE, NEVER
    for c in range(route.count):
        candidate = candidate_at(block, route.first + c)
        if (skip >> c) & 1 or (prefix and target_at(block, candidate.target).prefix == 0):
            continue
        how = readiness(block, flow, c, candidate.target, needed, now)
        full += how == FULL
        paused += how == PAUSED
        if how != READY:
            continue
        ready += 1
        avoid = target_at(block, candidate.target).avoid
        away = region.latency(block, flow.client_region, target_at(block, candidate.target).region) if near else 0.0
        if avoid < avoided or (avoid == avoided and (candidate.rank < rank or (candidate.rank == rank and away < far))):
            rank, weight, avoided, far, best = candidate.rank, 0.0, avoid, away, 0  # a better class of candidates: start the sum anew
        if avoid == avoided and candidate.rank == rank and away == far:
            weight += candidate.weight
            last = c
            best |= 1 << c
    if ready == 0:
        if full > 0:
            return NONE, TARGETS_FULL, float(route.count), float(header.waiting)
        if paused > 0:
            return NONE, PROVIDER_LIMIT, 0.0, float(route.count)
        if not allowed(block, route, flow):
            return NONE, RESIDENCY, float(route.count), float(region.count(flow.residency))
        return NONE, NO_HEALTHY_TARGET, float(route.count), float(route.count)
    x = u * weight
    chosen = last
    for c in range(route.count):
        if not (best >> c) & 1:
            continue
        x -= candidate_at(block, route.first + c).weight
        if x < 0.0:
            chosen = c
            break
    picked = candidate_at(block, route.first + chosen).target
    c = may_redirect(block, route, flow, target_at(block, picked).redirect, skip, prefix, needed, now)
    if c != NONE:
        return c, RULE, float(target_at(block, picked).redirect_rule), float(picked)
    if ready == 1:
        return chosen, ONLY_TARGET, float(picked), float(route.count)
    return chosen, WEIGHTED, u * weight, weight


@kernel
def least_bad(block: int, route: Any, flow: Any, now: float) -> tuple[int, int, float, float]:
    """The candidate with the smallest share of failures that has a free slot, breaker or not, and that this request may still ask."""
    best, least = NONE, 2.0
    for c in range(route.count):
        target = target_at(block, candidate_at(block, route.first + c).target)
        if (
            target.retired == 0
            and not (flow.barred >> c) & 1
            and region.allows(flow.residency, target.region)
            and target.in_flight < target.slots
            and target.failure_share < least
            and credentials.returns_at(target, used_credentials(flow, c)) < NEVER
        ):
            best, least = c, target.failure_share
    if best == NONE:
        return NONE, NO_HEALTHY_TARGET, float(route.count), float(route.count)
    return best, LEAST_BAD, float(candidate_at(block, route.first + best).target), least


@kernel
def limited(block: int, route: Any, flow: Any, now: float) -> bool:
    """Whether a candidate that this request may still ask rests for its own rate limit."""
    for c in range(route.count):
        if not (flow.barred >> c) & 1 and readiness(block, flow, c, candidate_at(block, route.first + c).target, 0, now) == PAUSED:
            return True
    return False


@kernel
def soonest_return(block: int, route: Any, flow: Any, now: float) -> float:
    """Seconds until the first candidate may be asked again: a credential back, a breaker half-open; 0.0 where one may be asked now, 1e18
    where this request may ask none any more."""
    soonest = NEVER
    for c in range(route.count):
        i = candidate_at(block, route.first + c).target
        target, breaker = target_at(block, i), breaker_at(block, i)
        if target.retired != 0 or (flow.barred >> c) & 1 or not region.allows(flow.residency, target.region):
            continue
        returns_at = credentials.returns_at(target, used_credentials(flow, c))
        if returns_at >= NEVER:
            continue
        wait = returns_at - now
        if breaker.state == breakers.OPEN:
            wait = max(wait, breaker.until - now)
        soonest = min(soonest, wait)
    return max(soonest, 0.0)
