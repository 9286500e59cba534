"""What was fitted to a record of demand, with its parameters, and how well it fits.

What must not live here: fitting, and how the report is shown.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from roteiro.simulator.demand_gaps import Gaps
from roteiro.simulator.demand_measure import Measures
from roteiro.simulator.demand_prefix import Reuse

__all__ = ["PROCESSES", "FitReport", "GroupFit", "Seasons", "WindowFit"]

PROCESSES: Final = {0: "poisson", 1: "gamma", 3: "weibull"}


@dataclass(frozen=True, slots=True)
class WindowFit:
    """One window: seconds, arrivals, its rate a second with a 95 % interval, its process and the shape of gaps of mean 1."""

    start_s: float
    end_s: float
    arrivals: int
    rate_per_s: float
    low_per_s: float
    high_per_s: float
    process: int
    shape: float


@dataclass(frozen=True, slots=True)
class GroupFit:
    """One client group. `gaps` are all its gaps in operational time; None where the record told the process itself.

    `tau`: Kendall's, of its input and output tokens. `reuse`: of its prefixes, where the record has them.
    """

    name: str
    arrivals: float
    share: float
    windows: tuple[WindowFit, ...]
    gaps: Gaps | None
    tau: float
    stream: float
    reuse: Reuse | None = None


@dataclass(frozen=True, slots=True)
class Seasons:
    """Rates by hour of the day (24, mean 1) and by day of the week (7), counted from the record's first moment, as factors.

    `explained`: the share of the rate's variance that the hours alone account for. Empty where the record has fewer than two days, or
    fewer than two weeks.
    """

    daily: tuple[float, ...] = ()
    weekly: tuple[float, ...] = ()
    explained: float = math.nan


@dataclass(frozen=True, slots=True)
class FitReport:
    """What was fitted to `source`, of `span_s` seconds and so many arrivals.

    `data` and `fitted`: the same measures of the record and of what was fitted, drawn a few times; None where the record has rates only.
    """

    source: str
    span_s: float
    arrivals: float
    groups: tuple[GroupFit, ...]
    data: Measures | None = None
    fitted: Measures | None = None
    seasons: Seasons = field(default_factory=Seasons)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null, processes are words."""
        found: dict[str, Any] = plain(asdict(self))
        for group in found["groups"]:
            for one in (*group["windows"], *([group["gaps"]] if group["gaps"] else [])):
                one["process"] = PROCESSES[one["process"]]
        return found


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
