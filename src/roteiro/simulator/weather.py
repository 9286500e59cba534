"""Weather: how a target's times and failures change with time; and outages, which come over it.

A slice begins and lasts until the next. What must not live here: when outages come (`outages`), what a record tells (`fit`), draws.
"""

import math
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from roteiro.simulator.records import CLASSES
from roteiro.terms.codes import ErrorClass

__all__ = ["FAIR", "KINDS", "Kind", "Outage", "OutageDraws", "Slice"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A target's weather from `start_s` on: factors on its times, the share of attempts that fail by class (shape (CLASSES,)), and
    what a refused one is told to wait. `breaks`: share of the attempts then under way whose connection breaks.

    Of servers of one's own instead: the share of the work in them that `stops` then, `stops_as` which error, and whether the machines
    are `down`.
    """

    start_s: float = 0.0
    slow_ttft: float = 1.0
    slow_itl: float = 1.0
    failing: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(CLASSES))
    retry_after_s: float = 1.0
    breaks: float = 0.0
    stops: float = 0.0
    stops_as: int = 0
    down: bool = False


FAIR: Final = (Slice(),)


Kind = ErrorClass | Literal["slow"]
KINDS: Final[dict[str, Kind]] = {
    "hard": ErrorClass.CONNECTION, "errors": ErrorClass.SERVER, "silent": ErrorClass.TIMEOUT, "slow": "slow",
}  # fmt: skip
"""The plan's words: connections refused, and those under way broken; 5xx; no answer until a timeout; longer times."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Seconds from the run's start; of the calendar, where `unix`, Unix seconds. `share` of attempts is struck; a `slow` outage
    multiplies the times of all by `slow`. `machines_s`: until when the machines that it took with it are off, NaN where it took none."""

    targets: tuple[str, ...]
    start_s: float
    end_s: float
    kind: Kind = ErrorClass.CONNECTION
    share: float = 1.0
    slow: float = 5.0
    unix: bool = False
    machines_s: float = math.nan


@dataclass(frozen=True, slots=True)
class OutageDraws:
    """Outages of targets that go down together: from start to start `mtbf_s` on the mean, each `mttr_s` long on the mean.

    `correlated`: the share of them that comes of the common cause, which strikes others too.
    """

    mtbf_s: float
    mttr_s: float
    correlated: float
    targets: tuple[str, ...]
    kind: Kind = ErrorClass.CONNECTION
    share: float = 1.0
    slow: float = 5.0
