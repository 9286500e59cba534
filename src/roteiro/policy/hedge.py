"""Hedging: a second attempt beside one that is late, and the first answer wins.

Record: ROUTE (`hedge_share` of requests at most; after `hedge_after_s`, or at `hedge_percentile` of the times to the first sign of an
answer; `hedge_balance`; `hedge_delay_s` and `hedge_seen`, of whole answers and of first bytes of streams, which take different times).

Each request adds the share to the balance and each hedge takes 1, so hedges never exceed their share of requests (J. Dean and L. Barroso,
"The Tail at Scale", 2013, on hedged requests; the balance is that of retries). The percentile is followed, not stored: each time moves the
logarithm of the estimate up by p or down by 1 - p of a step that shrinks to 5 % (H. Robbins and S. Monro, "A stochastic approximation
method", 1951).

What must not live here: which target the second attempt goes to, and who wins.
"""

import math
from typing import Any

from roteiro.policy.kernel import kernel

__all__ = ["ENOUGH", "MOST_SAVED", "delay", "earn", "give_back", "observe", "spend"]

MOST_SAVED = 10.0
"""Hedges that a quiet hour may save up."""
ENOUGH = 20
"""Times that must have been seen before a percentile says anything."""
LEAST_STEP = 0.05
LEAST_S = 1e-3


@kernel
def earn(route: Any) -> None:
    """A request was sent."""
    route.hedge_balance = min(route.hedge_balance + route.hedge_share, MOST_SAVED)


@kernel
def spend(route: Any) -> bool:
    """Take one hedge; whether there was one."""
    if route.hedge_balance < 1.0:
        return False
    route.hedge_balance -= 1.0
    return True


@kernel
def give_back(route: Any) -> None:
    """A hedge that was taken was not made."""
    route.hedge_balance = min(route.hedge_balance + 1.0, MOST_SAVED)


@kernel
def delay(route: Any, stream: int) -> float:
    """Seconds after which an attempt is late; 0.0 where it is not known yet, or never."""
    if route.hedge_share <= 0.0:
        return 0.0
    if route.hedge_after_s > 0.0:
        return route.hedge_after_s
    return route.hedge_delay_s[stream] if route.hedge_seen[stream] >= ENOUGH else 0.0


@kernel
def observe(route: Any, stream: int, took_s: float) -> None:
    """A first attempt gave its first sign after `took_s`, or was given up then."""
    if route.hedge_share <= 0.0 or route.hedge_percentile <= 0.0:
        return
    took_s = max(took_s, LEAST_S)
    route.hedge_seen[stream] += 1
    seen = route.hedge_seen[stream]
    if seen == 1:
        route.hedge_delay_s[stream] = took_s
        return
    step = max(4.0 / (seen + 8.0), LEAST_STEP)
    within = 1.0 if took_s <= route.hedge_delay_s[stream] else 0.0
    route.hedge_delay_s[stream] *= math.exp(step * (route.hedge_percentile - within))
