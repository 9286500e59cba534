"""A stretch of a demand: where so many arrivals come in the least time, and the demand of that stretch alone, from its first moment on.

Load is counted in arrivals, not in tokens. What must not live here: what is measured on a stretch (`thinning`), and draws.
"""

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator.demand import Demand
from roteiro.simulator.demand_shape import HORIZON_S
from roteiro.simulator.groups import ClientGroup

__all__ = ["busiest", "stretch_of"]

BINS: Final = 4096
"""Of recorded arrivals, whose times are looked at by bins."""
FULLER: Final = 1.0 + 1e-9
"""A later stretch is taken only where it is fuller than rounding makes it."""

Floats = npt.NDArray[np.float64]


def busiest(demand: Demand, arrivals: float, within: float, within_s: float, epoch_unix_s: float, seed: int = 1) -> tuple[float, float]:
    """(start, length in seconds) of the shortest stretch in which `arrivals` are expected, the first of several alike.

    Looked for among the first `within` arrivals and `within_s` seconds, of what is expected: rates and their shape, with the bursts of
    `seed`, and arrivals as they were recorded. All of that where it has no more. The length is 0 where so many come at one moment, and
    endless where so many never come.
    """
    t, came = expected(demand, min(within_s, demand.horizon_s), epoch_unix_s, seed)
    if came[-1] > within:
        t, came = np.append(t[came < within], np.interp(within, came, t)), np.append(came[came < within], within)
    if came[-1] <= arrivals:
        return 0.0, float(t[-1]) if math.isfinite(min(within, within_s, demand.horizon_s)) else math.inf
    # Rates are constant between two moments of `t`, so the shortest stretch begins or ends at one of them.
    starts = np.concatenate([t[came + arrivals <= came[-1]], np.interp(came[came >= arrivals] - arrivals, came, t)])
    starts.sort()
    lengths = np.interp(np.interp(starts, t, came) + arrivals, came, t) - starts
    k = int(np.argmax(lengths <= lengths.min() * FULLER))
    return float(starts[k]), float(lengths[k])


def expected(demand: Demand, within_s: float, epoch_unix_s: float, seed: int) -> tuple[Floats, Floats]:
    """(moments, how many are expected until each), straight lines between them."""
    end_s = min(within_s, HORIZON_S)
    pieces = demand.pieces(epoch_unix_s, seed)
    recorded = demand.arrivals["at"]
    bins = np.linspace(0.0, max(float(recorded[-1]), 1e-9), BINS + 1) if len(recorded) else np.zeros(0)
    t = np.unique(np.concatenate([[0.0, end_s], pieces["start"], bins, *(group.slices["start"] for group in demand.streams)]))
    t = t[(t >= 0.0) & (t <= end_s)]
    rates = np.zeros(len(t) - 1)
    for group in demand.streams:
        rates += rate_at(group.slices, "rate", t[:-1])
    came = np.concatenate([[0.0], np.cumsum(rates * factor_at(pieces, t[:-1]) * np.diff(t))])
    if len(recorded):
        came += np.interp(t, bins, np.searchsorted(recorded, bins, side="right"))
    return t, came * demand.keep


def rate_at(rows: npt.NDArray[Any], name: str, t: Floats) -> Floats:
    found: Floats = rows[name][np.maximum(np.searchsorted(rows["start"], t, side="right") - 1, 0)]
    return found


def factor_at(pieces: npt.NDArray[Any], t: Floats) -> Floats:
    return rate_at(pieces, "factor", t) if len(pieces) else np.ones(len(t))


def stretch_of(demand: Demand, start_s: float, length_s: float, epoch_unix_s: float, seed: int = 1) -> Demand:
    """The demand from `start_s` on, for so long, as one that begins at 0.

    Its shape is in the groups' rates then, with the bursts of `seed`. Whoever came before is not there: the stretch begins empty.
    """
    if start_s == 0.0:
        return replace(demand, horizon_s=min(demand.horizon_s, length_s))
    pieces = demand.pieces(epoch_unix_s, seed)
    rows = demand.arrivals[(demand.arrivals["at"] >= start_s) & (demand.arrivals["at"] < start_s + length_s)].copy()
    rows["at"] -= start_s
    groups = tuple(cut(group, pieces, start_s, start_s + length_s) for group in demand.streams)
    return replace(demand, streams=groups, arrivals=rows, horizon_s=length_s, shape=None)


def cut(group: ClientGroup, pieces: npt.NDArray[Any], start_s: float, end_s: float) -> ClientGroup:
    """The group between two moments, the pieces' factors in its rates."""
    slices = group.slices.copy()
    told = np.maximum.accumulate(np.where(slices["rows"] > 0, np.arange(len(slices)), 0))  # rows of 0: those of the slice before
    slices["row"], slices["rows"] = slices["row"][told], slices["rows"][told]
    t = np.unique(np.concatenate([[start_s], slices["start"], pieces["start"]]))
    t = t[(t >= start_s) & (t < end_s)]
    found = slices[np.maximum(np.searchsorted(slices["start"], t, side="right") - 1, 0)]
    found["rate"] *= factor_at(pieces, t)
    found["start"] = t - start_s
    return replace(group, slices=found)
