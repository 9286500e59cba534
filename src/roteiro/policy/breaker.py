"""Circuit breaker per target: closed, open, half-open, over a sliding time window with a minimum of calls.

Record: BREAKER. The window is a ring of slots, so an old failure is forgotten a tenth of a window late at most. Open time doubles,
with jitter; half-open admits a bounded number of probes, and closes when that many have succeeded.
Semantics as in M. Nygard, "Release It!", and the .NET and Java libraries that made them standard.
"""

from typing import Any

from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.state import BREAKER_SLOTS
from roteiro.terms.codes import BreakerState

__all__ = ["CLOSED", "HALF_OPEN", "OPEN", "UNCHANGED", "abandon", "allows", "force_open", "settle", "shares", "take"]

CLOSED, OPEN, HALF_OPEN = int(BreakerState.CLOSED), int(BreakerState.OPEN), int(BreakerState.HALF_OPEN)
UNCHANGED = -1
JITTER = 0.25


@kernel
def forget(breaker: Any) -> None:
    for i in range(BREAKER_SLOTS):
        breaker.calls[i] = 0
        breaker.failures[i] = 0
        breaker.slows[i] = 0


@inlined
def turn(breaker: Any, now: float) -> int:
    """Advance the ring to the slot of `now`; its position."""
    slot = int(now * BREAKER_SLOTS / breaker.window_s)
    steps = slot - breaker.slot
    if steps >= BREAKER_SLOTS:
        forget(breaker)
    elif steps > 0:
        for i in range(breaker.slot + 1, slot + 1):
            breaker.calls[i % BREAKER_SLOTS] = 0
            breaker.failures[i % BREAKER_SLOTS] = 0
            breaker.slows[i % BREAKER_SLOTS] = 0
    if steps > 0:
        breaker.slot = slot
    return breaker.slot % BREAKER_SLOTS


@kernel
def shares(breaker: Any) -> tuple[int, float, float]:
    """(calls in the window, share of failures, share of slow calls)."""
    calls, failures, slows = 0, 0, 0
    for i in range(BREAKER_SLOTS):
        calls += breaker.calls[i]
        failures += breaker.failures[i]
        slows += breaker.slows[i]
    if calls == 0:
        return 0, 0.0, 0.0
    return calls, failures / calls, slows / calls


@kernel
def allows(breaker: Any, now: float) -> bool:
    """Whether a call may go; changes nothing."""
    if breaker.state == CLOSED:
        return True
    if breaker.state == OPEN:
        return now >= breaker.until
    return breaker.probes_out + breaker.probes_ok < breaker.probes


@kernel
def take(breaker: Any) -> tuple[bool, bool]:
    """A call goes that `allows` let through → (it is a probe, the breaker became half-open by it)."""
    if breaker.state == CLOSED:
        return False, False
    became = breaker.state == OPEN
    if became:
        breaker.state, breaker.probes_out, breaker.probes_ok = HALF_OPEN, 0, 0
    breaker.probes_out += 1
    return True, became


@kernel
def trip(breaker: Any, now: float, u: float) -> None:
    breaker.opened += 1
    breaker.state = OPEN
    breaker.probes_out = 0
    breaker.probes_ok = 0
    breaker.until = now + min(breaker.open_s * 2.0 ** (breaker.opened - 1), breaker.max_open_s) * (1.0 + JITTER * u)


@kernel
def force_open(breaker: Any, now: float, u: float) -> bool:
    """Open by order of a routing rule. Whether that changed anything."""
    if not breaker.enabled or breaker.state == OPEN:
        return False
    trip(breaker, now, u)
    return True


@kernel
def abandon(breaker: Any, probe: bool) -> None:
    """A call ended without a verdict on the target (its client left)."""
    if probe and breaker.state == HALF_OPEN and breaker.probes_out > 0:
        breaker.probes_out -= 1


@inlined
def settle(breaker: Any, probe: bool, failed: bool, took_s: float, now: float, u: float) -> int:
    """Count the outcome of a call → the new state where it changed, else UNCHANGED."""
    if not breaker.enabled:
        return UNCHANGED
    slow = breaker.slow_s > 0.0 and took_s > breaker.slow_s
    if breaker.state == HALF_OPEN:
        if not probe:  # a straggler from before the opening says nothing about now
            return UNCHANGED
        breaker.probes_out -= 1
        if failed or slow:
            trip(breaker, now, u)
            return OPEN
        breaker.probes_ok += 1
        if breaker.probes_ok >= breaker.probes:
            breaker.state, breaker.opened = CLOSED, 0
            forget(breaker)
            return CLOSED
        return UNCHANGED
    if breaker.state == OPEN:
        return UNCHANGED
    at = turn(breaker, now)
    breaker.calls[at] += 1
    breaker.failures[at] += 1 if failed else 0
    breaker.slows[at] += 1 if slow else 0
    if failed or slow:
        calls, failure_share, slow_share = shares(breaker)
        if calls >= breaker.minimum_calls and (
            failure_share >= breaker.failure_share or (breaker.slow_s > 0.0 and slow_share >= breaker.slow_share)
        ):
            trip(breaker, now, u)
            return OPEN
    return UNCHANGED
