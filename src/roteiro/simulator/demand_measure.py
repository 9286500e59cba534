"""What can be measured of arrivals, the same for a record and for what was fitted to it: how far apart the two are.

What must not live here: fitting.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator.trace_form import Chains

__all__ = ["SCALES_S", "Measures", "dispersion", "ideal_hits", "kendall", "measured", "variation_of_gaps"]

SCALES_S: Final = (0.1, 1.0, 10.0, 60.0, 300.0, 3600.0)
FEWEST_BINS: Final = 10
MOST_PAIRS: Final = 4000
SHARES: Final = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measures:
    """Of arrivals over a time: rate a second, variation of the gaps, index of dispersion by scale (`SCALES_S`; NaN where the time is
    too short), Kendall's tau of input and output, their quantiles at `SHARES`, and the ideal share of prefix hits.
    """

    rate_per_s: float
    cv: float
    dispersion: tuple[float, ...]
    tau: float
    input_tokens: tuple[float, ...]
    output_tokens: tuple[float, ...]
    hits: float


def measured(at_s: Floats, span_s: float, inputs: Integers, outputs: Integers, chains: Chains | None = None) -> Measures:
    """Of arrivals in the order of time. Block hits are in the order of arrival, with room for everything (nothing is forgotten)."""
    return Measures(
        len(at_s) / span_s if span_s > 0.0 else math.inf,
        variation_of_gaps(at_s),
        tuple(dispersion(at_s, span_s, scale) for scale in SCALES_S),
        kendall(inputs, outputs),
        tuple(np.quantile(inputs, SHARES).tolist()) if len(inputs) else (math.nan,) * len(SHARES),
        tuple(np.quantile(outputs, SHARES).tolist()) if len(outputs) else (math.nan,) * len(SHARES),
        math.nan if chains is None else ideal_hits(chains),
    )


def variation_of_gaps(at_s: Floats) -> float:
    """Standard deviation over mean of the gaps; NaN for fewer than three arrivals."""
    gaps = np.diff(at_s)
    mean = float(gaps.mean()) if len(gaps) > 1 else 0.0
    return float(gaps.std()) / mean if mean > 0.0 else math.nan


def dispersion(at_s: Floats, span_s: float, scale_s: float) -> float:
    """The index of dispersion of counts: variance over mean of the arrivals in stretches of `scale_s`. 1 is Poisson's at any scale.

    NaN where the time has fewer than ten such stretches.
    """
    n = int(span_s / scale_s)
    if n < FEWEST_BINS:
        return math.nan
    places = (at_s / scale_s).astype(np.int64)
    counts = np.bincount(places[places < n], minlength=n)
    mean = float(counts.mean())
    return float(counts.var()) / mean if mean > 0.0 else math.nan


def kendall(x: Integers, y: Integers) -> float:
    """Kendall's tau-b of two columns (M. Kendall, 1945, for ties), of at most 4,000 rows taken evenly; NaN where one does not vary."""
    step = max(-(-len(x) // MOST_PAIRS), 1)
    x, y = x[::step], y[::step]
    n = len(x)
    both = x_pairs = y_pairs = 0
    for start in range(0, n, 512):
        rows = slice(start, min(start + 512, n))
        by_x, by_y = np.sign(x[rows, None] - x[None, :]), np.sign(y[rows, None] - y[None, :])
        both += int((by_x * by_y).sum())
        x_pairs += int(np.abs(by_x).sum())
        y_pairs += int(np.abs(by_y).sum())
    return both / math.sqrt(x_pairs * y_pairs) if x_pairs and y_pairs else math.nan


def ideal_hits(chains: Chains, order: Sequence[int] | Integers | None = None) -> float:
    """The share of prefix blocks that an earlier request of the record had: hits of a cache that forgets nothing, block by block.

    `order`: rows in the order of arrival, where they may come more than once; all of them once where it is None.
    """
    seen = np.zeros(int(chains.blocks.max(initial=-1)) + 1, np.bool_)
    hits = total = 0
    for row in range(len(chains.count)) if order is None else order:
        blocks = chains.blocks[chains.first[row] : chains.first[row] + chains.count[row]]
        known = seen[blocks]
        first = int(np.argmin(known)) if not known.all() else len(blocks)
        hits += first
        total += len(blocks)
        seen[blocks] = True
    return hits / total if total else math.nan
