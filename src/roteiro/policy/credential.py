"""Credentials: whose turn it is among those of one provider, and which of them rest.

Record: TARGET (`credentials`, 0 counts as 1; `next_credential`; `credential_until`; `credential_refused`; `paused_until`, until when all of
them rest). A credential rests where the provider said that its rate limit is reached, or refused it. `used` is a set of bits: credentials
that this request must not use again.

What must not live here: the secrets, which the kernel never sees.
"""

from typing import Any

from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.state import CREDENTIALS

__all__ = [
    "AVAILABLE",
    "LIMITED",
    "REFUSALS",
    "REFUSED",
    "REFUSED_S",
    "accepted",
    "condition",
    "count",
    "refuse",
    "rest",
    "returns_at",
    "settle",
    "take",
]

AVAILABLE, LIMITED, REFUSED = 0, 1, 2
REFUSED_S = 60.0
"""How long a refused credential rests before somebody else may try it: an operator who mends a key should not have to restart."""
REFUSALS = 3
"""Refusals in a row before it rests for everybody. A single one may be about the request (some firewalls say 403 to a text), and one client
must not be able to take a provider from all others."""
NEVER = 1e18


@kernel
def count(target: Any) -> int:
    return min(max(target.credentials, 1), CREDENTIALS)


@kernel
def condition(target: Any, used: int, now: float) -> int:
    """AVAILABLE where one may be used now, LIMITED where one rests for its rate limit, REFUSED where none is left."""
    if used == 0 and target.paused_until <= now:
        return AVAILABLE
    how = REFUSED
    for k in range(count(target)):
        if (used >> k) & 1:
            continue
        if target.credential_until[k] <= now:
            return AVAILABLE
        if (target.credential_refused >> k) & 1 == 0:
            how = LIMITED
    return how


@inlined
def take(target: Any, used: int, now: float) -> int:
    """The credential whose turn it is, and the next one's turn begins. Where all rest, the one that rests the shortest."""
    n = count(target)
    chosen, soonest = 0, NEVER
    k = target.next_credential - 1
    for _ in range(n):
        k = k + 1 if k + 1 < n else 0
        if (used >> k) & 1:
            continue
        until = target.credential_until[k]
        if until <= now:
            chosen = k
            target.credential_refused &= ~(1 << k)
            break
        if until < soonest:
            chosen, soonest = k, until
    target.next_credential = chosen + 1 if chosen + 1 < n else 0
    return chosen


@kernel
def settle(target: Any) -> None:
    """Derive `paused_until` from the credentials that there are."""
    target.paused_until = target.credential_until[0]
    for k in range(1, count(target)):
        target.paused_until = min(target.paused_until, target.credential_until[k])


@kernel
def rest(target: Any, k: int, until: float, refused: bool) -> None:
    """Leave credential `k` alone until then."""
    target.credential_until[k] = max(target.credential_until[k], until)
    if refused:
        target.credential_refused |= 1 << k
    else:
        target.credential_refused &= ~(1 << k)
    settle(target)


@kernel
def refuse(target: Any, k: int, now: float) -> bool:
    """Credential `k` was refused → whether that was once too often, and it rests."""
    target.refusals[k] += 1
    if target.refusals[k] < REFUSALS:
        return False
    rest(target, k, now + REFUSED_S, True)
    return True


@kernel
def accepted(target: Any, k: int) -> None:
    """An answer came by credential `k`."""
    target.refusals[k] = 0


@kernel
def returns_at(target: Any, used: int) -> float:
    """When the first credential may be used again; 1e18 where there is none for this request."""
    if used == 0:
        return target.paused_until
    soonest = NEVER
    for k in range(count(target)):
        if (used >> k) & 1 == 0:
            soonest = min(soonest, target.credential_until[k])
    return soonest
