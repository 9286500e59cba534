"""The last hour's cost, and the bound above which the cheaper model is taken.

Record: HEADER (a ring of minutes; `hour_bound_nusd`, 0 for none; `cost_route`; `cost_degrading`, `cost_since`, `cost_cooldown_s`). A minute
that is over is forgotten an hour after it began. It begins to hold as soon as the hour's cost is above the bound, and ends when the cost is
below it again, but not before the cooldown is over, so that it does not flicker.

What must not live here: what a request does then.
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.state import MINUTES, NONE

__all__ = ["add", "judge", "turn"]

MINUTE_S = 60.0


@kernel
def turn(header: Any, now: float) -> None:
    """Forget the minutes that are an hour old."""
    minute = int(now / MINUTE_S)
    steps = minute - header.minute
    if steps <= 0:
        return
    for m in range(max(header.minute + 1, minute - MINUTES + 1), minute + 1):
        header.hour_nusd -= header.minute_nusd[m % MINUTES]
        header.minute_nusd[m % MINUTES] = 0
    header.minute = minute


@kernel
def add(header: Any, nusd: int, now: float) -> None:
    turn(header, now)
    header.minute_nusd[header.minute % MINUTES] += nusd
    header.hour_nusd += nusd


@kernel
def judge(header: Any, now: float) -> int:
    """Bring it up to date → 1 where the bound began to be passed, -1 where that is over, 0 otherwise."""
    turn(header, now)
    bound = header.hour_bound_nusd
    if header.cost_degrading == 0:
        if bound <= 0 or header.cost_route == NONE or header.hour_nusd <= bound:
            return 0
        header.cost_degrading, header.cost_since = 1, now
        return 1
    lifted = bound <= 0 or header.cost_route == NONE
    if not lifted and (header.hour_nusd > bound or now - header.cost_since < header.cost_cooldown_s):
        return 0
    header.cost_degrading = 0
    return -1
