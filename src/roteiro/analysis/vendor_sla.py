"""A vendor's promise of availability against what one's own ledger holds, counted as its contract counts.

**By requests:** 1 - failures / requests. **By slices of time:** 1 - slices that were down / slices of the period, where a slice is down if
more than a share of its requests failed; a slice in which nothing was asked counts as up, since contracts owe what their customer saw.
What leaves the count (classes of errors that are our own, announced maintenance) is counted apart. This is a census of one's own requests,
which is what a contract is about, so that it has no interval.

What must not live here: queries, and the letter that claims what is owed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Attained", "Bracket", "Buckets", "SlaTerms", "attain_vendor", "credit_due"]

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bracket:
    """Below this attainment, this share of what was paid is owed."""

    below: float
    credit: float


@dataclass(frozen=True, slots=True)
class SlaTerms:
    """The promise. `slice_s` is the width of the buckets that are counted, `failures_above` and `least_requests` what makes one down."""

    target: float
    measured: Literal["requests", "slices"]
    slice_s: float
    failures_above: float
    least_requests: int
    brackets: tuple[Bracket, ...]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Counts by slice of time, of slices that had any request. `number`: of the slice since the period's start."""

    number: Counts
    requests: Counts
    failures: Counts


@dataclass(frozen=True, slots=True)
class Attained:
    """`share` is None where nothing was asked. `slices`, of which `down` were down and `seen` had requests; of a count by requests, 0."""

    requests: int
    failures: int
    slices: int
    down: int
    seen: int
    share: float | None
    met: bool | None
    credit: float


def credit_due(share: float | None, brackets: Sequence[Bracket]) -> float:
    """The largest credit of the brackets that the attainment is below; 0 without any, or without an attainment."""
    return max((one.credit for one in brackets if share is not None and share < one.below), default=0.0)


def attain_vendor(buckets: Buckets, slices: int, terms: SlaTerms) -> Attained:
    """Attainment of a period of `slices` slices (those under announced maintenance left out)."""
    requests, failures = int(buckets.requests.sum()), int(buckets.failures.sum())
    if terms.measured == "requests":
        share = 1.0 - failures / requests if requests else None
        return judged(requests, failures, 0, 0, 0, share, terms)
    counted = buckets.requests >= terms.least_requests
    down = int((counted & (buckets.failures > terms.failures_above * buckets.requests)).sum())
    seen = int((buckets.requests > 0).sum())
    slices = max(slices, seen)
    return judged(requests, failures, slices, down, seen, 1.0 - down / slices if seen else None, terms)


def judged(requests: int, failures: int, slices: int, down: int, seen: int, share: float | None, terms: SlaTerms) -> Attained:
    met = None if share is None else share >= terms.target
    due = 0.0 if met is not False else credit_due(share, terms.brackets)
    return Attained(requests, failures, slices, down, seen, share, met, due)
