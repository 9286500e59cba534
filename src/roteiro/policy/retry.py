"""Retry: when another attempt is worth making, and how long to wait before it.

State: the fleet-wide retry balance in HEADER. Each request adds `retry_ratio` to it and each extra attempt, retry or fallback, takes 1,
so an outage multiplies the load on providers by at most 1 + ratio (the retry budget of Finagle; "The SRE book", ch. 22).
Backoff is exponential with full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.terms.codes import ErrorClass

__all__ = ["another_target_may_do", "backoff", "earn", "give_back", "rescue_may_do", "same_target_may_do", "spend"]

AUTH, RATE_LIMIT, SERVER, TIMEOUT = int(ErrorClass.AUTH), int(ErrorClass.RATE_LIMIT), int(ErrorClass.SERVER), int(ErrorClass.TIMEOUT)
CONNECTION, PROTOCOL, UNFIT = int(ErrorClass.CONNECTION), int(ErrorClass.PROTOCOL), int(ErrorClass.UNFIT)


@kernel
def another_target_may_do(error_class: int) -> bool:
    """Whether another provider could answer where one failed so. What the client did wrong stays wrong everywhere."""
    return error_class in (AUTH, RATE_LIMIT, SERVER, TIMEOUT, CONNECTION, PROTOCOL, UNFIT)


@kernel
def same_target_may_do(error_class: int) -> bool:
    """Whether the failure may pass by itself. A target that stayed silent is not asked again for the same request."""
    return error_class in (SERVER, CONNECTION)


@kernel
def rescue_may_do(error_class: int) -> bool:
    """Whether a stream that broke so can go on elsewhere."""
    return error_class in (SERVER, TIMEOUT, CONNECTION, PROTOCOL, RATE_LIMIT)


@kernel
def backoff(attempts: int, base_s: float, max_s: float, u: float) -> float:
    """Seconds to wait after `attempts` sends: uniform below the exponential bound."""
    return u * min(base_s * 2.0 ** (attempts - 1), max_s)


@kernel
def earn(header: Any, now: float) -> None:
    """A new request adds its share to the balance, and time a little, so that a quiet service may retry too."""
    quiet = max(now - header.retry_seen, 0.0)
    header.retry_seen = max(now, header.retry_seen)
    header.retry_balance = min(header.retry_balance + header.retry_ratio + quiet * header.retry_per_s, header.retry_cap)


@kernel
def spend(header: Any) -> bool:
    """Take one extra attempt; whether there was one."""
    if header.retry_balance < 1.0:
        return False
    header.retry_balance -= 1.0
    return True


@kernel
def give_back(header: Any) -> None:
    """An extra attempt that was taken was not made."""
    header.retry_balance = min(header.retry_balance + 1.0, header.retry_cap)
