"""Burn alerts: is an error budget being spent too fast, for sure, and at a loss that matters?

An alert watches two windows, a long one and a short one that says whether it still goes on (Google, "The Site Reliability Workbook", 2018,
chapter 5). The usual rule fires as soon as both burn faster than `burn`, which at 60 requests an hour one failure does. Here it fires when

* both windows burn at least that fast (bad ÷ total ≥ burn × (1 − objective)), and the short one has a failure;
* the long window's failures have really spent `share` of the budget that the whole period has at its expected traffic;
* more than one failure, and more than chance: were the service spending its budget at exactly the allowed rate p = 1 − objective, so many
  failures would come with a probability of at most CHANCE. The probability is bounded from above by P(X ≥ k) ≤ exp(−n·KL(k/n ‖ p))
  (H. Chernoff, 1952; W. Hoeffding, 1963), which needs two logarithms and no table.

It clears when the long window no longer burns, or when the short one does not and is large enough to show it: one that would not hold a
single failure even at that burn proves nothing.

`burn_fires` is plain arithmetic on integers, which Python and the kernel both run. What must not live here: counting, telling, and a clock.
"""

import math
from typing import Final

__all__ = ["CHANCE", "MONTH_S", "RULES", "burn_fires", "most_burn", "scaled_rules"]

CHANCE: Final = 1e-3
"""How likely so many failures may be in a service that keeps its objective exactly, at most."""
LOG_CHANCE: Final = -math.log(CHANCE)
LEAST_BAD: Final = 2
"""One failure never fires."""
ALMOST: Final = 1.0 - 1e-9
"""A burn that equals its bound has reached it, whatever the last bit of 1 − objective says."""

MONTH_S: Final = 30 * 86_400.0
RULES: Final = (
    (14.4, 3_600.0, 300.0, True),
    (6.0, 21_600.0, 1_800.0, True),
    (3.0, 86_400.0, 7_200.0, False),
    (1.0, 259_200.0, 21_600.0, False),
)
"""For a period of 30 days: burn, long window, short window (seconds), and whether it pages. They spend 2, 5, 10 and 10 % of the budget."""
LEAST_WINDOW_S: Final = 60.0


def burn_fires(
    firing: bool,
    bad_long: int,
    total_long: int,
    bad_short: int,
    total_short: int,
    expected: float,
    least: float,
    burn: float,
    share: float,
) -> bool:
    """Whether the alert fires now, given whether it did a moment ago.

    Counts are of the two windows that end now. `expected`: events that the whole period has at its usual traffic. `least`: the objective,
    0..1. `burn`: times the allowed rate. `share`: of the period's budget, burn × long window ÷ period.
    """
    allowed = 1.0 - least
    bound = burn * allowed * ALMOST
    if total_long <= 0 or bad_long < bound * total_long or bad_long == 0:
        return False
    short_burns = bad_short > 0 and bad_short >= bound * total_short
    if firing:
        return short_burns or bound * total_short < 1.0
    if not short_burns or bad_long < LEAST_BAD or bad_long < share * allowed * expected * ALMOST:
        return False
    if allowed <= 0.0:
        return True
    seen = bad_long / total_long
    if seen <= allowed:
        return False
    surprise = seen * math.log(seen / allowed)
    if seen < 1.0:
        surprise += (1.0 - seen) * math.log((1.0 - seen) / least)
    return total_long * surprise >= LOG_CHANCE


def most_burn(least: float) -> float:
    """The fastest that a budget can burn: when everything fails. Infinite where nothing may."""
    return math.inf if least >= 1.0 else 1.0 / (1.0 - least)


def scaled_rules(period_s: float, least: float) -> tuple[tuple[float, float, float, bool], ...]:
    """The usual alerts for a period: windows in proportion to it, in whole minutes; those that could never fire left out."""
    by = period_s / MONTH_S
    return tuple(
        (burn, whole_minutes(long_s * by), whole_minutes(short_s * by), pages)
        for burn, long_s, short_s, pages in RULES
        if burn < most_burn(least) * ALMOST
    )


def whole_minutes(seconds: float) -> float:
    return max(LEAST_WINDOW_S, round(seconds / 60.0) * 60.0)
