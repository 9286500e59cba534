"""Burn alerts over recorded counts: when each would have fired and cleared, minute by minute, by the very decision the kernel takes.

What must not live here: the decision (`policy.burn`), and whom it tells.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from roteiro.analysis.error_budget import CountSeries
from roteiro.analysis.objective import BurnAlert
from roteiro.policy.burn import burn_fires

__all__ = ["Decision", "Firing", "failures_to_fire", "firings", "usual_rule"]

ALMOST: Final = 1.0 - 1e-9

Decision = Callable[[bool, int, int, int, int, float, float, float, float], bool]
"""`policy.burn.burn_fires`, or another with its arguments."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that an alert fired: `until` is None where it still does. Counts are those of the long window at `since`."""

    alert: BurnAlert
    since: datetime
    until: datetime | None
    bad: int
    total: int
    burn: float


def firings(
    series: CountSeries, alerts: Sequence[BurnAlert], least: float, period_s: float, *, decide: Decision = burn_fires
) -> tuple[Firing, ...]:
    """All of them, by time. The period's expected events are those of the period before each moment, or of what there is of it, in full."""
    found = [firing for alert in alerts for firing in of_one(series, alert, least, period_s, decide)]
    return tuple(sorted(found, key=lambda firing: (firing.since, firing.alert.long_s)))


def of_one(series: CountSeries, alert: BurnAlert, least: float, period_s: float, decide: Decision) -> Iterator[Firing]:
    bad, total = (np.concatenate([[0], np.cumsum(values)]) for values in (series.bad, series.good + series.bad))
    ends = np.arange(1, len(bad))
    bad_long, total_long = within(bad, ends, alert.long_s / series.step_s), within(total, ends, alert.long_s / series.step_s)
    bad_short, total_short = within(bad, ends, alert.short_s / series.step_s), within(total, ends, alert.short_s / series.step_s)
    period = period_s / series.step_s
    expected = within(total, ends, period) * np.maximum(period / ends, 1.0)
    # Where the long window does not burn, no rule fires: only the other moments are asked about, one by one.
    candidates = np.flatnonzero((bad_long > 0) & (bad_long >= alert.burn * (1.0 - least) * ALMOST * total_long))
    began, last = -1, -2
    for k in candidates.tolist():
        if began >= 0 and k > last + 1:
            yield told(series, alert, least, began, last + 1, bad_long, total_long)
            began = -1
        counts = (int(bad_long[k]), int(total_long[k]), int(bad_short[k]), int(total_short[k]))
        fires = decide(began >= 0, *counts, float(expected[k]), least, alert.burn, alert.share(period_s))
        if began >= 0 and not fires:
            yield told(series, alert, least, began, k, bad_long, total_long)
        began, last = (k if began < 0 else began) if fires else -1, k
    if began >= 0:
        yield told(series, alert, least, began, last + 1 if last + 1 < len(ends) else None, bad_long, total_long)


def within(cumulated: Any, ends: Any, buckets: float) -> Any:
    """Sums of the last so many buckets, one at least, at each end."""
    return cumulated[ends] - cumulated[np.maximum(ends - max(1, round(buckets)), 0)]


def told(series: CountSeries, alert: BurnAlert, least: float, began: int, ended: int | None, bad: Any, total: Any) -> Firing:
    def at(bucket: int) -> datetime:
        """The end of a bucket: it was counted then."""
        return series.since + timedelta(seconds=(bucket + 1) * series.step_s)

    burn = float(bad[began] / total[began] / (1.0 - least))
    return Firing(alert, at(began), None if ended is None else at(ended), int(bad[began]), int(total[began]), burn)


def failures_to_fire(alert: BurnAlert, events: int, expected: float, least: float, period_s: float) -> int | None:
    """How many of so many events in the long window must be bad for the alert to fire; None where not even all of them do."""
    share = alert.share(period_s)

    def fires(bad: int) -> bool:
        return burn_fires(False, bad, events, bad, bad, expected, least, alert.burn, share)

    low, high = 1, events
    if events < 1 or not fires(events):
        return None
    while low < high:  # more failures never silence it
        middle = (low + high) // 2
        low, high = (low, middle) if fires(middle) else (middle + 1, high)
    return low


def usual_rule(
    firing: bool, bad_long: int, total_long: int, bad_short: int, total_short: int, expected: float, least: float, burn: float, share: float
) -> bool:
    """What most tools do, to compare with: both windows burn at least so fast, however few events they hold."""
    del firing, expected, share
    bound = burn * (1.0 - least) * ALMOST
    return total_long > 0 and total_short > 0 and bad_short > 0 and bad_long >= bound * total_long and bad_short >= bound * total_short
