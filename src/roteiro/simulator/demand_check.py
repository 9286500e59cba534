"""A fitted demand drawn a few times, to measure it as its record was measured.

The loop's own draws are compiled together with a plan's journey and would be too much to start for this; these are the same processes in
NumPy, begun anew at each change of process. The loop's own arrivals are told by `sample`. What must not live here: fitting.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from roteiro.simulator import table
from roteiro.simulator.demand_gaps import draw
from roteiro.simulator.demand_measure import Measures, ideal_hits, measured
from roteiro.simulator.groups import ClientGroup, Lengths

__all__ = ["simulated"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def simulated(groups: Sequence[ClientGroup], span_s: float, samples: int) -> Measures:
    """The mean of the measures of so many draws."""
    found = [once(groups, span_s, np.random.default_rng(seed)) for seed in range(samples)]

    def mean(name: str) -> Any:
        values = np.mean([np.atleast_1d(getattr(one, name)) for one in found], axis=0).tolist()
        return tuple(values) if isinstance(getattr(found[0], name), tuple) else values[0]

    return Measures(**{one.name: mean(one.name) for one in fields(Measures)})


def once(groups: Sequence[ClientGroup], span_s: float, source: np.random.Generator) -> Measures:
    times, inputs, outputs, hits, total = [], [], [], 0.0, 0.0
    for group in groups:
        at_s = arrivals(group, span_s, source)
        rows = rows_for(group, at_s, source)
        lengths = tokens(group.lengths, rows, source)
        times.append(at_s)
        inputs.append(lengths[0])
        outputs.append(lengths[1])
        chains, joint = group.lengths.chains, group.lengths.joint
        if chains is not None and joint is not None:
            blocks = -(-joint[rows, 0] // chains.block_tokens)
            total += float(blocks.sum())
            own = float(chains.count[rows].sum())
            hits += ideal_hits(chains, rows) * own if own else 0.0
    at_s = np.concatenate(times)
    order = np.argsort(at_s, kind="stable")
    found = measured(at_s[order], span_s, np.concatenate(inputs)[order], np.concatenate(outputs)[order])
    return replace(found, hits=hits / total if total else float("nan"))


def arrivals(group: ClientGroup, span_s: float, source: np.random.Generator) -> Floats:
    """Times of a renewal process in operational time, begun anew where its process changes."""
    slices = group.slices
    edges = np.append(slices["start"], max(span_s, float(slices["start"][-1]) + 1e-9))
    passed = np.concatenate([[0.0], np.cumsum(np.diff(edges) * slices["rate"])])
    changes = np.flatnonzero(np.diff(slices["process"]) | (np.diff(slices["gap_shape"]) != 0.0)) + 1
    found = []
    for first, last in zip([0, *changes.tolist()], [*changes.tolist(), len(slices)], strict=True):
        room = passed[last] - passed[first]
        n = int(room + 10.0 * (room**0.5) / min(float(slices["gap_shape"][first]), 1.0)) + 20
        x = np.cumsum(draw(source, n, int(slices["process"][first]), float(slices["gap_shape"][first])))
        found.append(passed[first] + x[x < room])
    times: Floats = np.interp(np.concatenate(found), passed, edges)
    return times


def rows_for(group: ClientGroup, at_s: Floats, source: np.random.Generator) -> Integers:
    """Which recorded request each is like."""
    joint = group.lengths.joint
    if joint is None:
        return np.zeros(len(at_s), np.int64)
    place = np.searchsorted(group.slices["start"], at_s, side="right") - 1
    count = np.where(group.slices["rows"] > 0, group.slices["rows"], len(joint))
    found: Integers = group.slices["row"][place] + (source.random(len(at_s)) * count[place]).astype(np.int64)
    return found


def tokens(lengths: Lengths, rows: Integers, source: np.random.Generator) -> tuple[Integers, Integers]:
    if lengths.joint is not None:
        return lengths.joint[rows, 0], lengths.joint[rows, 1]

    def one(quantiles: table.Table | None) -> Integers:
        if quantiles is None:
            return np.zeros(len(rows), np.int64)
        return np.interp(source.random(len(rows)), table.SHARES, quantiles).astype(np.int64)

    return one(lengths.input), one(lengths.output)
