"""The shape of a plan's demand as a run has it: factors on every rate, piece by piece, from the run's epoch on.

What must not live here: the plan's language (`plan.demand_shape`), and arrivals.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from roteiro.plan.model import Bursts, Daily, DemandShape, Surge
from roteiro.simulator.records import PIECE

__all__ = ["HORIZON_S", "local_hours", "pieces_of", "surge_begins_s", "surge_steps"]

HOUR_S, DAY_S, MONTH_S = 3600.0, 86_400.0, 365.25 / 12 * 86_400.0
HORIZON_S: Final = 400 * DAY_S
"""How far a shape is reckoned where nothing says how long the run is; its last factor lasts from there on."""
RAMP_STEPS, STEPS_A_HALVING, HALVINGS = 32, 8, 10
QUARTERS = 4
BURSTS: Final = 0xB0
"""Beside the seed: the stream from which bursts are drawn, which nothing else draws from."""


def pieces_of(shape: DemandShape, zone: str, epoch_unix_s: float, seed: int, horizon_s: float = HORIZON_S) -> npt.NDArray[Any]:
    """PIECE rows from 0 to `horizon_s` seconds after the epoch; none where the shape is flat.

    Within a piece the factor is constant: an hour of the local day (a quarter of one for a wave), a step of a surge, a burst. Hours and
    days are scaled to a mean of 1; growth compounds by the piece; bursts and the surge come on top, so that they bring more requests.
    """
    horizon_s = min(horizon_s, HORIZON_S)
    steps = list(surge_steps(shape.surge, surge_begins_s(shape.surge, zone, epoch_unix_s))) if shape.surge is not None else []
    bursts = list(bursts_of(shape.bursts, seed, horizon_s)) if shape.bursts is not None else []
    regular = shape.daily is not None or bool(shape.weekly) or shape.growth != 1.0
    if not (regular or steps or bursts):
        return np.zeros(0, PIECE)
    edges = [np.zeros(1), np.array([edge for start, end, _ in steps for edge in (start, end)]), np.array(bursts).ravel()]
    hours, hour_of, day_of = local_hours(zone, epoch_unix_s, math.ceil(horizon_s / HOUR_S) + 1)
    if regular:
        edges.append(hours)
        if shape.daily is not None and not shape.daily.hours:
            edges += [hours + HOUR_S * quarter / QUARTERS for quarter in range(1, QUARTERS)]
    starts = np.unique(np.concatenate(edges))
    starts = starts[(starts >= 0.0) & (starts < max(horizon_s, 1.0))]
    middles = (starts + np.append(starts[1:], starts[-1] + HOUR_S)) / 2.0
    rows = np.zeros(len(starts), PIECE)
    rows["start"], rows["factor"] = starts, shape.growth ** (middles / MONTH_S)
    here = np.maximum(np.searchsorted(hours, middles, side="right") - 1, 0)
    time_of_day = hour_of[here] + (middles - hours[here]) / HOUR_S
    if shape.daily is not None:
        rows["factor"] *= daily_factors(shape.daily, time_of_day)
    if shape.weekly:
        rows["factor"] *= np.array(shape.weekly)[day_of[here]] / np.mean(shape.weekly)
    for start, end, factor in steps:
        rows["factor"][(middles >= start) & (middles < end)] *= factor
    crowded = np.zeros(len(rows), np.bool_)
    for start, end in bursts:
        crowded[np.searchsorted(starts, start) : np.searchsorted(starts, end)] = True
    if shape.bursts is not None:
        rows["factor"][crowded] *= shape.bursts.size
    return rows


@lru_cache(maxsize=8)
def local_hours(zone: str, epoch_unix_s: float, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The local hours from that of the epoch on: (when each begins, seconds since the epoch; its hour; its weekday, Monday being 0).

    The first began before the epoch unless that is a whole hour. A clock that is put forward skips an hour, one put back has it twice.
    """
    place = ZoneInfo(zone) if zone != "UTC" else UTC
    local = datetime.fromtimestamp(epoch_unix_s, place)
    first = epoch_unix_s - (local.minute * 60 + local.second + local.microsecond / 1e6)
    starts = first + HOUR_S * np.arange(count, dtype=np.float64)
    found = [datetime.fromtimestamp(one, place) for one in (starts + 1.0).tolist()]
    return starts - epoch_unix_s, np.array([one.hour for one in found]), np.array([one.weekday() for one in found])


def daily_factors(daily: Daily, time_of_day: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """At hours since local midnight. A wave is 1 + a cos, whose lowest is (1 - a) / (1 + a) of its highest."""
    if daily.hours:
        by_hour = np.array(daily.hours) / np.mean(daily.hours)
        return by_hour[time_of_day.astype(np.int64) % 24]  # type: ignore[no-any-return]
    swing = (1.0 - daily.trough) / (1.0 + daily.trough)
    assert daily.peak_at is not None
    return 1.0 + swing * np.cos((time_of_day - daily.peak_at / HOUR_S) * (2.0 * math.pi / 24.0))


def surge_begins_s(surge: Surge, zone: str, epoch_unix_s: float) -> float:
    """Seconds after the epoch at which it begins to climb."""
    place = ZoneInfo(zone) if zone != "UTC" else UTC
    local = datetime.fromtimestamp(epoch_unix_s, place)
    begins = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=surge.at_s)
    if begins < local:
        begins += timedelta(days=1)
    return (begins + timedelta(days=surge.day)).timestamp() - epoch_unix_s


def surge_steps(surge: Surge, begins_s: float) -> Iterator[tuple[float, float, float]]:
    """(from, to, factor) of each step, whose factor is the mean of the curve over it, so that the surge's mass is exact.

    What is above 1 climbs in a line to peak - 1, stays, and halves every `decay`.
    """
    above, t = surge.peak - 1.0, begins_s
    if surge.ramp_s > 0.0:
        for k in range(RAMP_STEPS):
            yield t + surge.ramp_s * k / RAMP_STEPS, t + surge.ramp_s * (k + 1) / RAMP_STEPS, 1.0 + above * (k + 0.5) / RAMP_STEPS
    t += surge.ramp_s
    if surge.plateau_s > 0.0:
        yield t, t + surge.plateau_s, surge.peak
    t += surge.plateau_s
    if surge.decay_s > 0.0:
        step = 1.0 / STEPS_A_HALVING
        shrink = 2.0**-step
        mean = (1.0 - shrink) / (step * math.log(2.0))
        for k in range(HALVINGS * STEPS_A_HALVING):
            yield t + surge.decay_s * step * k, t + surge.decay_s * step * (k + 1), 1.0 + above * shrink**k * mean


def bursts_of(bursts: Bursts, seed: int, horizon_s: float) -> Iterator[tuple[float, float]]:
    """(from, to) of each, as this seed has it."""
    draws = np.random.default_rng([seed, BURSTS])
    t = 0.0
    while True:
        t += float(draws.exponential(1.0 / bursts.rate.per_second))
        if t >= horizon_s:
            return
        yield t, min(t + float(draws.exponential(bursts.length_s)), horizon_s)
