"""The records of objectives, their alerts, their steps of burn and of maintenance, as they lie in the block.

What must not live here: counting and judging (`objective`), and where the tables lie (`state`).
"""

from typing import Any, Final

import numpy as np

__all__ = ["BURN_ALERT", "BURN_STEP", "HOUR_SLOTS", "MINUTE_SLOTS", "OBJECTIVE", "PAUSE", "record"]

MINUTE_SLOTS: Final = 360
"""Minutes that an objective remembers."""
HOUR_SLOTS: Final = 93 * 24
"""Hours that it does: more than its longest window has."""


def record(*fields: tuple[Any, ...]) -> np.dtype[Any]:
    """A packed record whose fields lie where the machine likes them."""
    return np.dtype(list(fields), align=True)


OBJECTIVE: Final = record(
    ("sli", "i2"),  # 0: retired
    ("bound", "f8"), ("least", "f8"),
    ("tier", "i4"), ("tenant", "i4"), ("workload", "i4"), ("route", "i4"), ("target", "i4"), ("region", "i4"),  # its scope; NONE: any
    ("window_s", "f8"),  # rolling; 0: the calendar period below
    ("period_s", "f8"), ("offset_s", "f8"), ("starts_s", "f8"), ("ends_s", "f8"),  # as of BUDGET
    ("phase_s", "f8"),  # what local hours are shifted by within the hour
    ("since_s", "f8"),  # the earliest moment that is counted
    ("good", "i8"), ("bad", "i8"),  # of the window
    ("run_good", "i8"), ("run_bad", "i8"),  # of the run
    ("news", "i1"), ("holds", "i2"), ("due", "i1"),  # something failed since the last look; alerts and steps that hold; to be judged now
    ("looked_s", "f8"), ("turns_s", "f8"),  # the last look; up to when the slots stay as they are
    ("minute", "i8"), ("minute_good", "i4", (MINUTE_SLOTS,)), ("minute_bad", "i4", (MINUTE_SLOTS,)),
    ("hour", "i8"), ("hour_good", "i4", (HOUR_SLOTS,)), ("hour_bad", "i4", (HOUR_SLOTS,)),
)  # fmt: skip
"""A service level objective with the counts of its events, by minute and by hour of the Unix epoch."""

BURN_ALERT: Final = record(
    ("objective", "i4"), ("severity", "i1"), ("firing", "i1"), ("long_s", "f8"), ("short_s", "f8"), ("burn", "f8"),
    ("share", "f8"),  # of the window's budget, which the burn spends within the long window
    ("since_s", "f8"), ("fired", "i8"), ("fired_s", "f8"),  # since when it fires; how often it began to, and for how long it did in all
)  # fmt: skip

BURN_STEP: Final = record(
    ("objective", "i4"), ("action", "i2"), ("argument", "i4"), ("spent", "f8"), ("active", "i1"), ("begun", "i8"), ("since_s", "f8"),
    ("active_s", "f8"),
)  # fmt: skip

PAUSE: Final = record(
    ("from_s", "f8"), ("to_s", "f8"),
    ("tier", "i4"), ("tenant", "i4"), ("workload", "i4"), ("route", "i4"), ("target", "i4"), ("region", "i4"),
)  # fmt: skip
"""A stretch of announced maintenance, on the run's clock, and whose."""
