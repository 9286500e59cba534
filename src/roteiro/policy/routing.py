"""Routing: one target among a route's candidates, by rank and weight, health and room, and the rules that hold.

Records: ROUTE, CANDIDATE, TARGET. `tried` is a bit set of candidate positions that this request has used up.
What must not live here: taking the slot (the journey does, once everything else has agreed).
"""

from typing import Any

from roteiro.policy import breaker as breakers
from roteiro.policy import limits
from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, breaker_at, candidate_at, header_of, limit_at, target_at
from roteiro.terms.codes import Reason

__all__ = ["FULL", "READY", "UNHEALTHY", "choose", "least_bad", "position", "readiness"]

READY, FULL, UNHEALTHY = 0, 1, 2
WEIGHTED, RULE, ONLY_TARGET = int(Reason.WEIGHTED), int(Reason.RULE), int(Reason.ONLY_TARGET)
TARGETS_FULL, NO_HEALTHY_TARGET, LEAST_BAD = int(Reason.TARGETS_FULL), int(Reason.NO_HEALTHY_TARGET), int(Reason.LEAST_BAD)


@kernel
def has_room(block: int, target: Any, tokens: int, now: float) -> bool:
    if target.in_flight >= target.slots:
        return False
    if target.requests_limit != NONE and limits.wait_for(limit_at(block, target.requests_limit), 1.0, now) > 0.0:
        return False
    return target.tokens_limit == NONE or limits.wait_for(limit_at(block, target.tokens_limit), float(tokens), now) == 0.0


@kernel
def readiness(block: int, i: int, tokens: int, now: float) -> int:
    """READY, FULL (slots or quota) or UNHEALTHY (breaker, pause, retired)."""
    target = target_at(block, i)
    if target.retired != 0 or target.paused_until > now or not breakers.allows(breaker_at(block, i), now):
        return UNHEALTHY
    return READY if has_room(block, target, tokens, now) else FULL


@kernel
def position(block: int, route: Any, target: int) -> int:
    """Position of `target` among the route's candidates, or NONE."""
    for c in range(route.count):
        if candidate_at(block, route.first + c).target == target:
            return c
    return NONE


@kernel
def may_redirect(block: int, route: Any, target: int, tried: int, tokens: int, now: float) -> int:
    """Position of the target that a rule sends to, if this request can go there; else NONE."""
    if target == NONE:
        return NONE
    c = position(block, route, target)
    if c == NONE or (tried >> c) & 1 or readiness(block, target, tokens, now) != READY:
        return NONE
    return c


@kernel
def choose(block: int, route: Any, tried: int, tokens: int, now: float, u: float) -> tuple[int, int, float, float]:
    """(candidate position, reason, x, y); position NONE where none can take it, with the reason why."""
    header = header_of(block)
    c = may_redirect(block, route, header.redirect, tried, tokens, now)
    if c != NONE:
        return c, RULE, float(header.redirect_rule), -1.0
    rank, weight, ready, full, avoided = 1 << 30, 0.0, 0, 0, 1
    last = NONE
    for c in range(route.count):
        candidate = candidate_at(block, route.first + c)
        if (tried >> c) & 1:
            continue
        how = readiness(block, candidate.target, tokens, now)
        full += how == FULL
        if how != READY:
            continue
        ready += 1
        avoid = target_at(block, candidate.target).avoid
        if avoid < avoided or (avoid == avoided and candidate.rank < rank):  # a better class of candidates: start the sum anew
            rank, weight, avoided = candidate.rank, 0.0, avoid
        if avoid == avoided and candidate.rank == rank:
            weight += candidate.weight
            last = c
    if ready == 0:
        if full > 0:
            return NONE, TARGETS_FULL, float(route.count), float(header.waiting)
        return NONE, NO_HEALTHY_TARGET, float(route.count), float(route.count)
    x = u * weight
    chosen = last
    for c in range(route.count):
        candidate = candidate_at(block, route.first + c)
        target = target_at(block, candidate.target)
        if (
            (tried >> c) & 1
            or candidate.rank != rank
            or target.avoid != avoided
            or readiness(block, candidate.target, tokens, now) != READY
        ):
            continue
        x -= candidate.weight
        if x < 0.0:
            chosen = c
            break
    picked = candidate_at(block, route.first + chosen).target
    c = may_redirect(block, route, target_at(block, picked).redirect, tried, tokens, now)
    if c != NONE:
        return c, RULE, float(target_at(block, picked).redirect_rule), float(picked)
    if ready == 1:
        return chosen, ONLY_TARGET, float(picked), float(route.count)
    return chosen, WEIGHTED, u * weight, weight


@kernel
def least_bad(block: int, route: Any, now: float) -> tuple[int, int, float, float]:
    """The candidate with the smallest share of failures that has a free slot, breaker or not."""
    best, least = NONE, 2.0
    for c in range(route.count):
        target = target_at(block, candidate_at(block, route.first + c).target)
        if target.retired == 0 and target.in_flight < target.slots and target.failure_share < least:
            best, least = c, target.failure_share
    if best == NONE:
        return NONE, NO_HEALTHY_TARGET, float(route.count), float(route.count)
    return best, LEAST_BAD, float(candidate_at(block, route.first + best).target), least
