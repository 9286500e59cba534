"""When a budget will be spent: the probability that its period passes it, and the date, from spending so far.

**From the past.** Spending in steps of time is a shape (the mean by hour of the day; from two weeks of it also by day of the week) times
what is left over. Paths of the rest of the period are the shape times blocks of up to 24 consecutive leftovers, drawn from the past with
replacement and around its end (circular block bootstrap: Politis and Romano, 1992), times a level, the mean of a past drawn likewise,
because the mean of a short past is itself uncertain. A path passes the budget where what is spent already and what it adds reach it.

**From a forecast.** Sample paths of what each step will cost take the place of those.

Nothing is said where the past has fewer than 12 steps, or the rest of the period is over 28 times as long: a few minutes tell nothing of a
month. What a budget refused is not in the past, so a budget that stops requests is told from what was let through.
What must not live here: what is spent (`purse`), making forecasts, drawing at random without the generator that is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from roteiro.analysis.chance import Chance
from roteiro.analysis.column import numbers
from roteiro.analysis.purse import Purse, ended_micros, paid_by, period_end, purse_use

__all__ = ["COLUMNS", "HISTORY_DAYS", "Exhaustion", "SpendingPaths", "exhaustion", "passing"]

COLUMNS: Final = ("time", "total_ms", "tenant", "workload", "cost_nusd", "lost_nusd")
"""The columns of `events` that are read."""

HISTORY_DAYS: Final = 56
"""How far back spending is looked at."""

STEPS_S: Final = (3600, 300, 60, 10)
FEWEST_STEPS: Final = 12
LONGEST_BLOCK: Final = 24
FARTHEST: Final = 28
PATHS: Final = 2000
MOST_DRAWN: Final = 4_000_000
SHARES: Final = (0.1, 0.5, 0.9)
DAY_S: Final = 86400.0
HOURS: Final = 24
WEEKDAYS: Final = 7
FEWEST_PASSING: Final = 0.01
FloatArray = npt.NDArray[np.float64]
Method = Literal["history", "forecast", "passed", "too_short"]


@dataclass(frozen=True, slots=True)
class SpendingPaths:
    """Sample paths of spending: step `i` lasts from `starts_s[i]` for `step_s`; `paths_nusd` has the shape (paths, steps)."""

    starts_s: FloatArray
    step_s: float
    paths_nusd: FloatArray


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """A budget's period as it will go. `spent_nusd` is until `at`.

    `probability` that the period passes the amount; None where nothing is said. `passes`: when, at 10, 50 and 90 % of the paths that
    pass it; empty where fewer than one in a hundred does. `ends_nusd`: what the whole period costs, at 10, 50 and 90 % of all paths.
    `method` says from what: `passed` already, its `passes` being when. `history_s` is how much of the past was known.
    """

    name: str
    period: str
    at: datetime
    since: datetime
    until: datetime
    amount_nusd: int
    spent_nusd: int
    probability: float | None
    passes: tuple[datetime, ...]
    ends_nusd: tuple[int, ...]
    method: Method
    history_s: float
    step_s: float | None


def exhaustion(
    events: pa.Table, purses: tuple[Purse, ...], at: datetime, chance: Chance, paths: Mapping[str, SpendingPaths] | None = None
) -> tuple[Exhaustion, ...]:
    """How the period of each purse that holds `at` will go. `paths`: forecasts by the purse's name, in place of its past.

    `events` holds at least COLUMNS, all of the purses' periods, and what is known of HISTORY_DAYS before.
    """
    found = []
    ended = ended_micros(events) / 1e6
    money = numbers(events, "cost_nusd") + numbers(events, "lost_nusd")
    for purse, use in zip(purses, purse_use(events, purses, at), strict=True):
        mine = paid_by(events, purse) & (ended <= at.timestamp())
        ends_s, spent = ended[mine], money[mine]
        until = period_end(purse.period, use.since)
        drawn, step_s, history_s = None, None, at.timestamp() - float(ends_s.min()) if len(ends_s) else 0.0
        method: Method = "too_short"
        if paths is not None and purse.name in paths:
            given = paths[purse.name]
            method, drawn, step_s = "forecast", rest_of(given, at.timestamp(), until.timestamp()), given.step_s
        elif (past := stepped(ends_s, spent, at.timestamp(), until.timestamp(), purse.timezone)) is not None:
            method, drawn, step_s = "history", past.drawn(until.timestamp(), chance), past.step_s
        probability: float | None = None
        passes: tuple[datetime, ...] = ()
        ends: tuple[int, ...] = ()
        if drawn is not None:
            probability, when, ends = passing(use.spent_nusd, purse.amount_nusd, drawn)
            passes = tuple(datetime.fromtimestamp(moment, at.tzinfo) for moment in when)
        if use.spent_nusd >= purse.amount_nusd > 0:
            of_period = ends_s >= use.since.timestamp()
            method, probability, passes = "passed", 1.0, (reached(ends_s[of_period], spent[of_period], purse.amount_nusd, at),)
        zone = ZoneInfo(purse.timezone)
        found.append(
            Exhaustion(
                purse.name, purse.period, at.astimezone(zone), use.since, until, purse.amount_nusd, use.spent_nusd, probability,
                tuple(moment.astimezone(zone) for moment in passes), ends, method, history_s, step_s,
            )
        )  # fmt: skip
    return tuple(found)


def passing(spent_nusd: int, amount_nusd: int, drawn: SpendingPaths) -> tuple[float, tuple[float, ...], tuple[int, ...]]:
    """(share of the paths that reach the amount, when at 10, 50 and 90 % of them, what all have cost in the end at 10, 50 and 90 %).

    Times are seconds since 1970, linear within a step.
    """
    risen = spent_nusd + np.cumsum(drawn.paths_nusd, axis=1)
    ends = tuple(round(float(value)) for value in np.quantile(risen[:, -1], SHARES)) if risen.shape[1] else (spent_nusd,) * len(SHARES)
    reach = risen >= amount_nusd
    passed = reach[:, -1] if risen.shape[1] else np.zeros(len(risen), bool)
    probability = float(passed.mean())
    if probability < FEWEST_PASSING:  # quantiles of a handful of paths would be noise
        return probability, (), ends
    first = reach[passed].argmax(axis=1)
    added = np.take_along_axis(drawn.paths_nusd[passed], first[:, None], axis=1)[:, 0]
    left = amount_nusd - (np.take_along_axis(risen[passed], first[:, None], axis=1)[:, 0] - added)
    within = np.divide(left, added, out=np.zeros_like(added), where=added > 0)
    when = drawn.starts_s[first] + np.clip(within, 0.0, 1.0) * drawn.step_s
    return probability, tuple(float(value) for value in np.quantile(when, SHARES)), ends


def reached(ends_s: FloatArray, spent: FloatArray, amount_nusd: int, at: datetime) -> datetime:
    """When spending reached the amount."""
    order = np.argsort(ends_s, kind="stable")
    index = int(np.searchsorted(np.cumsum(spent[order]), amount_nusd))
    return datetime.fromtimestamp(float(ends_s[order][min(index, len(order) - 1)]), at.tzinfo)


def rest_of(given: SpendingPaths, at_s: float, until_s: float) -> SpendingPaths:
    """The steps of a forecast that lie between two moments; of those cut by them, the part that is in."""
    ends = given.starts_s + given.step_s
    inside = (ends > at_s) & (given.starts_s < until_s)
    parts = (np.minimum(ends, until_s) - np.maximum(given.starts_s, at_s))[inside] / given.step_s
    return SpendingPaths(np.maximum(given.starts_s[inside], at_s), given.step_s, np.maximum(given.paths_nusd[:, inside], 0.0) * parts)


@dataclass(frozen=True, slots=True)
class Past:
    """Spending in whole steps up to `at_s`, the oldest first."""

    spent: FloatArray
    step_s: int
    at_s: float
    timezone: str

    def drawn(self, until_s: float, chance: Chance) -> SpendingPaths:
        """Paths of the steps from `at_s` until then; the last may be shorter, and costs in proportion."""
        steps = len(self.spent)
        ahead = int(np.ceil((until_s - self.at_s) / self.step_s))
        before = self.at_s - self.step_s * np.arange(steps, 0, -1, dtype=np.float64)
        starts = self.at_s + self.step_s * np.arange(ahead, dtype=np.float64)
        usual, coming = self.shape(before, starts)
        left_over = np.divide(self.spent, usual, out=np.ones(steps), where=usual > 0)
        block = max(1, min(LONGEST_BLOCK, steps // 4))
        count = max(200, min(PATHS, MOST_DRAWN // max(ahead, steps, 1)))
        around = left_over[(np.arange(steps)[:, None] + np.arange(block)) % steps]
        level = around.mean(axis=1)[chance.integers(0, steps, (count, -(-steps // block)))].mean(axis=1)
        noise = around[chance.integers(0, steps, (count, -(-ahead // block)))].reshape(count, -1)[:, :ahead]
        parts = np.minimum(1.0, (until_s - starts) / self.step_s)
        return SpendingPaths(starts, float(self.step_s), noise * (coming * parts) * level[:, None])

    def shape(self, before: FloatArray, coming: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What a step at those times usually costs: the past's own, and the coming ones'."""
        known_s = len(self.spent) * self.step_s
        usual, ahead = np.full(len(before), self.spent.mean()), np.full(len(coming), self.spent.mean())
        for enough_s, slots in ((2 * DAY_S, HOURS), (14 * DAY_S, WEEKDAYS)):
            if known_s < enough_s:
                break
            old, new = (self.slot(times, slots) for times in (before, coming))
            sums, means = np.bincount(old, self.spent, slots), np.bincount(old, usual, slots)
            factor = np.divide(sums, means, out=np.zeros(slots), where=means > 0)
            usual, ahead = usual * factor[old], ahead * factor[new]
        return usual, ahead

    def slot(self, times: FloatArray, slots: int) -> npt.NDArray[np.int64]:
        """The hour of the day, or the day of the week, in the middle of each step, by the clocks of the time zone."""
        zone = ZoneInfo(self.timezone)
        local = [datetime.fromtimestamp(float(moment) + self.step_s / 2, zone) for moment in times]
        return np.array([one.hour if slots == HOURS else one.weekday() for one in local], np.int64)


def stepped(ends_s: FloatArray, spent: FloatArray, at_s: float, until_s: float, timezone: str) -> Past | None:
    """The past in the longest steps that are short enough for it and for the rest of the period; None where it is too short."""
    if not len(ends_s) or until_s - at_s > FARTHEST * (at_s - ends_s.min()):
        return None
    for step_s in STEPS_S:
        steps = min(int((at_s - ends_s.min()) // step_s), HISTORY_DAYS * 24)
        if steps < FEWEST_STEPS or (step_s > STEPS_S[-1] and until_s - at_s < 6 * step_s):
            continue
        back = ((at_s - ends_s) // step_s).astype(np.int64)
        mine = back < steps
        return Past(np.bincount(steps - 1 - back[mine], spent[mine], steps).astype(np.float64), step_s, at_s, timezone)
    return None
