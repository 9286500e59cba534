"""Limits on requests and tokens a minute, by the generic cell rate algorithm.

Record: LIMIT. `arrival` is the theoretical arrival time, `interval_s` the seconds that one unit takes, `burst_s` how far ahead
of the clock the theoretical arrival may run. GCRA (ATM Forum TM 4.0, annex A) is a token bucket without a refill to schedule.
"""

from typing import Any

from roteiro.policy.kernel import kernel

__all__ = ["give_back", "take", "wait_for"]

TINY_S = 1e-9  # rounding of the clock readings, far below one unit of any limit


@kernel
def wait_for(limit: Any, units: float, now: float) -> float:
    """Seconds until `units` fit; 0.0 where they fit now.

    More units than the whole burst are let through when the limit is idle, and leave it in debt: a request
    larger than the burst would otherwise never be served.
    """
    need = min(units * limit.interval_s, limit.burst_s)
    wait = max(limit.arrival, now) + need - now - limit.burst_s
    return wait if wait > TINY_S else 0.0


@kernel
def take(limit: Any, units: float, now: float) -> None:
    """Reserve `units`."""
    limit.arrival = max(limit.arrival, now) + units * limit.interval_s


@kernel
def give_back(limit: Any, units: float) -> None:
    """Settle: return `units` reserved too many, or take those reserved too few (negative)."""
    limit.arrival -= units * limit.interval_s
