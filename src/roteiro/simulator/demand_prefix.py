"""Prefixes that requests share, made fit to be drawn again: which blocks of a record are shared, and how much of that a redraw gives back.

A request that is drawn twice must not find its own unshared blocks, so chains are cut after the last block that two requests of the
record have. Redrawing has a bias of its own: a block that m requests have is drawn about Poisson(m) times, so that m - 1 hits become
m - 1 + e^-m. Chains whose last blocks only a few requests have are cut further, at random, until the expected hits are those of the record.
What must not live here: draws of a run, and how long a target keeps a block.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator.demand_measure import ideal_hits
from roteiro.simulator.trace_form import Chains

__all__ = ["Reuse", "chains_of", "redrawn", "reuse_of"]

Integers = npt.NDArray[np.int64]
FEW: Final = 3


@dataclass(frozen=True, slots=True)
class Reuse:
    """Of a record's chains: share of blocks that an earlier request had, distinct blocks, those that two requests or more have, how
    many requests have each of these in the mean and at most, and Zipf's exponent of their ranks (its slope over the upper half).
    """

    hits: float
    blocks: int
    shared: int
    mean: float
    most: int
    zipf: float


def reuse_of(chains: Chains) -> Reuse:
    times = np.bincount(chains.blocks)
    shared = np.sort(times[times > 1])[::-1]
    return Reuse(
        ideal_hits(chains), int((times > 0).sum()), len(shared), float(shared.mean()) if len(shared) else math.nan,
        int(times.max(initial=0)), exponent(shared),
    )  # fmt: skip


def exponent(ranked: Integers) -> float:
    """The slope of log frequency over log rank; NaN for fewer than three."""
    n = max(len(ranked) // 2, 3)
    if len(ranked) < 3:
        return math.nan
    x, y = np.log(np.arange(1, n + 1)), np.log(ranked[:n].astype(np.float64))
    return float(-np.polyfit(x, y, 1)[0])


def chains_of(first: Integers, count: Integers, blocks: Integers, block_tokens: int) -> Chains:
    """Chains of rows that may be a part of a record: ids are made dense anew."""
    places = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
    dense = np.unique(blocks[places], return_inverse=True)[1].astype(np.int64)
    return Chains(np.cumsum(count) - count, count, dense, block_tokens)


def redrawn(chains: Chains) -> Chains:
    """The chains to draw rows with: what nobody shares is cut away, and as much more as redrawing would add of hits."""
    times = np.bincount(chains.blocks)
    shared = times[chains.blocks] > 1
    keep = leading(chains, shared)
    goal = ideal_hits(chains) * float(chains.count.sum())
    excess = expected(chains, keep) - goal
    # Rows whose last blocks have few requests add most of the bias; they lose one turn each until it is gone.
    order = np.random.default_rng(0).permutation(len(keep))
    for row in order.tolist():
        if excess <= 0.0:
            break
        own = times[chains.blocks[chains.first[row] : chains.first[row] + keep[row]]]
        if not len(own) or own[-1] > FEW:
            continue
        rest = int(np.searchsorted(-own, -own[-1]))  # frequencies never rise along a chain
        m = float(own[-1])
        excess -= (int(keep[row]) - rest) * (1.0 - math.exp(-m))
        keep[row] = rest
    return chains_of(chains.first, keep, chains.blocks, chains.block_tokens)


def leading(chains: Chains, shared: npt.NDArray[np.bool_]) -> Integers:
    """How many of each chain's blocks, from the start on, are shared."""
    owner = np.repeat(np.arange(len(chains.count)), chains.count)
    place = np.arange(len(owner)) - np.repeat(chains.first, chains.count)
    ends = np.where(shared, chains.count[owner], place)
    found = chains.count.copy()
    np.minimum.at(found, owner, ends)
    return found


def expected(chains: Chains, keep: Integers) -> float:
    """Hits to be expected of as many rows drawn anew as there are."""
    cut = chains_of(chains.first, keep, chains.blocks, chains.block_tokens)
    m = np.bincount(cut.blocks).astype(np.float64)
    return float((m - 1.0 + np.exp(-m)).sum())
