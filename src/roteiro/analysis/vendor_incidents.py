"""Incidents of a vendor as its clients see them: from their first failure to the first answer after it.

An incident begins with the first failure in a slice of time in which enough attempts failed by the vendor's fault. It ends with the first
answer from which on few of the next attempts fail: one lucky answer does not end it, nor does the silence of an open breaker.

What must not live here: which failures are the vendor's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Incident", "incidents"]

SLICE_S: Final = 60.0
BAD_SHARE: Final = 0.2
LEAST_FAILURES: Final = 3
NEXT: Final = 10
"""Attempts from an answer on that are looked at, to see whether it was luck."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Unix seconds. `end_s` is None where it still goes on as the record ends."""

    start_s: float
    end_s: float | None
    failures: int
    attempts: int

    @property
    def lasted_s(self) -> float | None:
        return None if self.end_s is None else self.end_s - self.start_s


def incidents(
    at_s: npt.NDArray[np.float64],
    failed: npt.NDArray[np.bool_],
    slice_s: float = SLICE_S,
    bad_share: float = BAD_SHARE,
    least: int = LEAST_FAILURES,
) -> tuple[Incident, ...]:
    """Incidents among attempts that ended at `at_s`, in their order."""
    if not len(at_s):
        return ()
    order = np.argsort(at_s, kind="stable")
    at_s, failed = at_s[order], failed[order]
    slices, first = np.unique(np.floor(at_s / slice_s), return_index=True)
    edges = [*first.tolist(), len(at_s)]
    counted = np.concatenate([[0], np.cumsum(failed)])
    last = np.minimum(np.arange(len(at_s)) + NEXT, len(at_s))
    fine = ~failed & (counted[last] - counted[:-1] <= bad_share * (last - np.arange(len(at_s))))
    found: list[Incident] = []
    over = 0
    for k in range(len(slices)):
        start = max(edges[k], over)
        inside = failed[start : edges[k + 1]]
        if int(inside.sum()) < least or inside.mean() <= bad_share:
            continue
        begun = start + int(np.argmax(inside))
        after = np.flatnonzero(fine[begun:])
        if not len(after):
            return (*found, told(at_s, failed, begun, len(at_s), None))
        over = begun + int(after[0])
        found.append(told(at_s, failed, begun, over, float(at_s[over])))
    return tuple(found)


def told(at_s: npt.NDArray[np.float64], failed: npt.NDArray[np.bool_], first: int, last: int, end_s: float | None) -> Incident:
    return Incident(float(at_s[first]), end_s, int(failed[first:last].sum()), last - first)
