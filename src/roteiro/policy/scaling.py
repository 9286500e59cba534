"""Scaling: how many replicas of a target there should be, by the tokens that wait, by latency, and within the plan's bounds.

Records: POOL, FLOOR. Any policy may ask for more; all must agree to less, and go on agreeing for the stabilisation window. Between the two
thresholds of a policy nothing is asked (hysteresis), a change is at most its step, and after a change each policy is silent for its
cooldown. No more is asked while what was asked last has not come, and no less while what was given up last still serves. The requests in
flight must fit the replicas that are left. A forecast's floor raises at once, ahead by the time that a start takes, and never lowers. The
stabilisation window is that of Kubernetes' horizontal pod autoscaler, the wait for what was asked that of step scaling with a warm-up; the
percentile is counted.

What must not live here: starting and stopping replicas, and the noting of what was decided (`journey.fleet`).
"""

from math import floor
from typing import Any

import numpy as np

from roteiro.policy import meter as meters
from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, candidate_at, floor_at, header_of, meter_at, pool_at, route_at, target_at

__all__ = ["BY_BOUNDS", "BY_LATENCY", "BY_TOKENS", "foreseen", "judge", "pool_of", "slots_of", "started", "told", "waiting_tokens"]

BY_TOKENS, BY_LATENCY, BY_BOUNDS = 1, 2, 3


@kernel
def pool_of(block: int, target: int) -> int:
    """The pool of a target, or NONE."""
    for p in range(header_of(block).pool_count):
        if pool_at(block, p).target == target:
            return p
    return NONE


@kernel
def waiting_tokens(block: int, pool: Any) -> float:
    """Tokens that requests reserve which wait: for a route that leads to the target, and before its replicas.

    Of those that are with the target already, as many wait as are more than its replicas work at; their tokens are taken in proportion.
    The pool keeps both numbers, for whoever watches it.
    """
    total = 0.0
    for r in range(header_of(block).n_routes):
        route = route_at(block, r)
        if route.waiting_tokens == 0:
            continue
        for c in range(route.first, route.first + route.count):
            if candidate_at(block, c).target == pool.target:
                total += route.waiting_tokens
                break
    target = target_at(block, pool.target)
    ahead = target.in_flight - pool.ready * pool.batch
    pool.queued_tokens = total
    pool.waiting_tokens = total + target.tokens * (ahead / target.in_flight) if ahead > 0 else total
    return pool.waiting_tokens


@kernel
def slots_of(ready: int, batch: int, queue: int, cap: int) -> int:
    """Requests in flight that a target takes with so many replicas: those that they work at, and those that may wait before them."""
    return min(ready * batch + queue, cap) if ready > 0 else 0


@kernel
def told(block: int, p: int, ready: int) -> None:
    """So many replicas serve now: the target takes what they work at and let wait."""
    pool = pool_at(block, p)
    pool.ready = max(ready, 0)
    target_at(block, pool.target).slots = slots_of(pool.ready, pool.batch, pool.queue, pool.cap)


@kernel
def started(block: int, p: int, took_s: float) -> None:
    """A replica took so long from being asked for until it served."""
    pool_at(block, p).start_up_s = took_s


@kernel
def foreseen(block: int, pool: Any, now: float) -> int:
    """The highest floor of the calendar from now until a replica that were asked for now would serve; 0 outside of it."""
    if pool.floor_count == 0:
        return 0
    first = floor((now - pool.floor_from) / pool.floor_step_s)
    last = floor((now + pool.start_up_s - pool.floor_from) / pool.floor_step_s)
    if pool.floor_repeats != 0:
        last = min(last, first + pool.floor_count - 1)
    else:
        first, last = max(first, 0), min(last, pool.floor_count - 1)
    highest = 0
    for k in range(first, last + 1):
        highest = max(highest, floor_at(block, pool.floor_first + k % pool.floor_count).replicas)
    return highest


@kernel
def lowest(block: int, pool: Any, now: float) -> int:
    """Fewer than these are never wanted."""
    return min(max(pool.least, pool.floor, foreseen(block, pool, now)), pool.most)


@kernel
def judge(block: int, p: int, now: float) -> tuple[int, int, float, float]:
    """Bring what pool `p` wants up to date → (change in replicas, by what, what was measured, what it was compared with).

    Tokens are compared with tokens; of latency the share of calls that took longer than the threshold is, with the share that may.
    """
    pool = pool_at(block, p)
    before, least, tokens = pool.wanted, lowest(block, pool, now), waiting_tokens(block, pool)
    if before < least or before > pool.most:
        pool.wanted = least if before < least else pool.most
        if pool.wanted > before:
            pool.changed, pool.low_since = now, np.nan
        return pool.wanted - before, BY_BOUNDS, float(before), float(pool.wanted)
    since, may_grow = now - pool.changed, before < pool.most and pool.ready >= before
    if may_grow and pool.token_up > 0.0 and tokens > pool.token_up and since >= pool.token_cooldown_s:
        return more(pool, now), BY_TOKENS, tokens, pool.token_up
    slow, may_be_slow = 0.0, 0.0
    if pool.latency_up != NONE:
        passed, share, enough = meters.read(meter_at(block, pool.latency_up), now)
        may_be_slow = 1.0 - meter_at(block, pool.latency_up).percentile
        if may_grow and enough and passed > 0.0 and since >= pool.latency_cooldown_s:
            return more(pool, now), BY_LATENCY, share, may_be_slow
        passed, slow, _ = meters.read(meter_at(block, pool.latency_down), now)
        if passed > 0.0:
            pool.low_since = np.nan
            return 0, 0, 0.0, 0.0
    step = min(pool.step_down, before - least)
    fits = target_at(block, pool.target).in_flight <= (before - step) * pool.batch
    if step <= 0 or not fits or (pool.token_up > 0.0 and tokens >= pool.token_down) or (pool.token_up <= 0.0 and pool.latency_up == NONE):
        pool.low_since = np.nan
        return 0, 0, 0.0, 0.0
    if pool.low_since != pool.low_since:
        pool.low_since = now
    cooldown = 0.0
    if pool.token_up > 0.0:
        cooldown = pool.token_cooldown_s
    if pool.latency_up != NONE:
        cooldown = max(cooldown, pool.latency_cooldown_s)
    if since < cooldown or now - pool.low_since < pool.stabilisation_s or pool.ready > before:
        return 0, 0, 0.0, 0.0
    pool.wanted -= step
    pool.changed, pool.low_since = now, np.nan
    if pool.token_up > 0.0:
        return -step, BY_TOKENS, tokens, pool.token_down
    return -step, BY_LATENCY, slow, may_be_slow


@kernel
def more(pool: Any, now: float) -> int:
    """As many more as a step and the plan's most allow."""
    step = min(pool.step_up, pool.most - pool.wanted)
    pool.wanted += step
    pool.changed, pool.low_since = now, np.nan
    return step
