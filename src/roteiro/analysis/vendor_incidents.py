"""Incidents of a vendor as its clients see them: from their first failure to the first answer after it.

Time is cut into slices. A slice is bad where enough of its attempts failed by the vendor's fault; an incident is a run of bad slices
without a good one between, so that the silence of an open breaker does not end it. It begins with the first failure in its first slice
and ends with the first answer in the first good slice after it.

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
    found: list[Incident] = []
    begun: int | None = None
    for k in range(len(slices)):
        inside = failed[edges[k] : edges[k + 1]]
        bad = int(inside.sum()) >= least and inside.mean() > bad_share
        if bad and begun is None:
            begun = edges[k] + int(np.argmax(inside))
        elif not bad and begun is not None and not inside.all():
            end = edges[k] + int(np.argmin(inside))
            found.append(told(at_s, failed, begun, end, float(at_s[end])))
            begun = None
    if begun is not None:
        found.append(told(at_s, failed, begun, len(at_s), None))
    return tuple(found)


def told(at_s: npt.NDArray[np.float64], failed: npt.NDArray[np.bool_], first: int, last: int, end_s: float | None) -> Incident:
    return Incident(float(at_s[first]), end_s, int(failed[first:last].sum()), last - first)
