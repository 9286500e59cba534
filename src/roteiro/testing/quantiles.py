"""How long things take, given as people know it: a median and a 95th percentile, or a table.

Pure inverse distribution functions: whoever draws brings the uniform number. What must not live here: random generators.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

__all__ = ["Latency", "Quantiles"]

_NORMAL: Final = NormalDist()
_Z95: Final = _NORMAL.inv_cdf(0.95)
_EDGE: Final = 1e-9
"""Keeps the ends of a lognormal finite: six standard deviations is far enough."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution of non-negative numbers, in the unit its owner names.

    `Quantiles(median, p95)` is the lognormal through these two (the usual shape of service times), and a constant where they are equal.
    `Quantiles(table=((0.0, 0.1), (0.5, 0.2), (1.0, 2.0)))` is the explicit form: pairs of (share, value), straight lines between them.
    Raises ValueError where no distribution has such quantiles.
    """

    median: float = 0.0
    p95: float = 0.0
    table: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.table:
            shares, values = zip(*self.table, strict=True)
            if len(self.table) < 2 or shares[0] != 0.0 or shares[-1] != 1.0:
                raise ValueError(f"a table of quantiles goes from share 0.0 to 1.0, this one has {shares}")
            if list(shares) != sorted(set(shares)) or list(values) != sorted(values) or values[0] < 0 or not math.isfinite(values[-1]):
                raise ValueError(f"a table of quantiles rises in both columns from zero or more, this one is {self.table}")
        elif not (0.0 <= self.median <= self.p95 < math.inf) or (self.median == 0.0 and self.p95 > 0.0):
            raise ValueError(f"a median of {self.median} and a p95 of {self.p95} are no lognormal: 0 < median <= p95 (or both 0)")

    def at(self, share: float) -> float:
        """The value below which `share` (0..1) of all values lie. Give it a uniform draw to draw a value."""
        if self.table:
            return self._interpolated(share)
        if self.median == self.p95:
            return self.median
        sigma = math.log(self.p95 / self.median) / _Z95
        return self.median * math.exp(sigma * _NORMAL.inv_cdf(min(max(share, _EDGE), 1.0 - _EDGE)))

    def _interpolated(self, share: float) -> float:
        below_share, below = self.table[0]
        for above_share, above in self.table[1:]:
            if share <= above_share:
                return below + (above - below) * (share - below_share) / (above_share - below_share)
            below_share, below = above_share, above
        return below


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a provider thinks before the first token, and between tokens. Seconds."""

    ttft_s: Quantiles = Quantiles()
    itl_s: Quantiles = Quantiles()
