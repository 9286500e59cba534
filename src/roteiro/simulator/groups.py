"""Groups of clients: independent arrival processes, how long their requests are, and the prefixes that these share.

A demand is the superposition of its groups (ServeGen's form: "ServeGen: Workload Characterization and Generation of Large Language Model
Serving in Production", arXiv:2505.09999, section 5). What must not live here: draws, and where a group's numbers came from.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator import table
from roteiro.simulator.arriving import GAMMA, POISSON, WEIBULL
from roteiro.simulator.records import PART, SLICE
from roteiro.simulator.trace_form import Chains
from roteiro.terms.error import InvariantError

__all__ = ["BLOCK_TOKENS", "JOINT_COLUMNS", "ClientGroup", "Lengths", "Prefixes", "gap_shape", "slices_of", "steady"]

CLOCKWORK_CV: Final = 1e-3
LEAST_WEIBULL, MOST_WEIBULL = 0.05, 1000.0
JOINT_COLUMNS: Final = ("input", "output", "cached", "reasoning")
BLOCK_TOKENS: Final = 512
"""Tokens in a block of a recorded prefix, as Mooncake's traces count them."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of a request and its answer: `joint` rows (input, output, cached, reasoning), shape (n, 4), that are drawn together, each as
    likely as any other; or by tables, apart or, where `rho` is not 0, by a Gaussian copula of that correlation.

    `chains`: the prefix of each joint row, drawn with it.

    `output` None: lengths of answers are the targets' affair. Raises InvariantError for lengths that cannot be drawn.
    """

    input: table.Table | None = None
    output: table.Table | None = None
    rho: float = 0.0
    joint: npt.NDArray[np.int64] | None = None
    chains: Chains | None = None

    def __post_init__(self) -> None:
        if self.joint is not None:
            if self.joint.ndim != 2 or self.joint.shape[1] != len(JOINT_COLUMNS) or not len(self.joint):
                raise InvariantError(f"joint lengths of the shape {self.joint.shape}; at least one row of {len(JOINT_COLUMNS)}")
            if self.chains is not None and len(self.chains.count) != len(self.joint):
                raise InvariantError(f"{len(self.chains.count)} chains of prefixes for {len(self.joint)} joint lengths")
            if int(self.joint.min()) < 0 or int(self.joint.max()) >= 1 << 31:
                raise InvariantError("joint lengths below 0 or beyond 32 bits")
        elif self.input is None:
            raise InvariantError("lengths need a table of inputs, or joint rows")
        if not -1.0 <= self.rho <= 1.0 or (self.rho != 0.0 and self.output is None and self.joint is None):
            raise InvariantError(f"a correlation of {self.rho:g}; between -1 and 1, and of two tables")

    @property
    def mean_tokens(self) -> tuple[float, float]:
        """Of input and output; the latter NaN where targets tell."""
        if self.joint is not None:
            return float(self.joint[:, 0].mean()), float(self.joint[:, 1].mean())
        return table.mean(self.input), math.nan if self.output is None else table.mean(self.output)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Beginnings that prompts share, such as system prompts: `count` of them, the i-th with a share in proportion to i^-`zipf`.

    `tokens`: how long each is, shape (count,), or one number for all. They are part of a request's input.
    """

    count: int
    zipf: float = 1.0
    tokens: int | npt.NDArray[np.int64] = 1024

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        weights: npt.NDArray[np.float64] = np.arange(1, self.count + 1, dtype=np.float64) ** -self.zipf
        shares: npt.NDArray[np.float64] = weights / weights.sum()
        return shares


@dataclass(frozen=True, slots=True)
class ClientGroup:
    """One independent arrival process. `slices` (SLICE) are in order, the first from 0 on; rates are before the demand's common shape.

    `mix` (PART) says who asks for what, `stream` the share that asks for a stream. `region`: where these clients are, for the reader;
    what is simulated of it is in `mix`.
    """

    name: str
    slices: npt.NDArray[Any]
    lengths: Lengths
    mix: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0, PART))
    stream: float = 0.5
    prefixes: Prefixes | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        starts, rates, shapes = (self.slices[name] for name in ("start", "rate", "gap_shape"))
        if not len(self.slices) or starts[0] > 0.0 or (np.diff(starts) <= 0.0).any():
            raise InvariantError(f"client group {self.name}: slices are wanted from 0 on, in order")
        if not (np.isfinite(rates) & (rates >= 0.0) & np.isfinite(shapes) & (shapes > 0.0)).all():
            raise InvariantError(f"client group {self.name}: rates are at least 0, shapes above 0")
        if not np.isin(self.slices["process"], (POISSON, GAMMA, WEIBULL)).all():
            raise InvariantError(f"client group {self.name}: a process is Poisson, Gamma or Weibull")

    def mean_rate(self, horizon_s: float = math.inf) -> float:
        """Arrivals a second over the time until `horizon_s`; of the last slice where that is endless."""
        if not math.isfinite(horizon_s) or horizon_s <= 0.0:
            return float(self.slices["rate"][-1])
        edges = np.minimum(np.append(self.slices["start"], math.inf), horizon_s)
        edges[0] = 0.0
        return float((np.diff(edges) * self.slices["rate"]).sum() / horizon_s)


def gap_shape(process: int, cv: float) -> float:
    """The shape of a Gamma or Weibull distribution of the coefficient of variation `cv`; 1 for a Poisson process.

    Gamma: 1 / cv². Weibull: the k of Γ(1 + 2/k) / Γ(1 + 1/k)² = 1 + cv², found by halving.
    """
    if process == POISSON:
        return 1.0
    if process == GAMMA:
        return 1.0 / max(cv, CLOCKWORK_CV) ** 2
    low, high = LEAST_WEIBULL, MOST_WEIBULL
    for _ in range(80):
        k = math.sqrt(low * high)
        if math.lgamma(1.0 + 2.0 / k) - 2.0 * math.lgamma(1.0 + 1.0 / k) > math.log1p(cv * cv):
            low = k
        else:
            high = k
    return math.sqrt(low * high)


def slices_of(
    starts_s: Sequence[float] | npt.NDArray[np.float64],
    rates_per_s: Sequence[float] | npt.NDArray[np.float64],
    process: int | npt.NDArray[np.int64] = POISSON,
    shapes: float | npt.NDArray[np.float64] = 1.0,
) -> npt.NDArray[Any]:
    """SLICE rows; factors on lengths are 1."""
    rows = np.zeros(len(starts_s), SLICE)
    rows["start"], rows["rate"], rows["process"], rows["gap_shape"] = starts_s, rates_per_s, process, shapes
    rows["input_factor"] = rows["output_factor"] = 1.0
    return rows


def steady(
    name: str, process: int, rate_per_s: float, cv: float, lengths: Lengths, mix: npt.NDArray[Any], stream: float
) -> ClientGroup:  # fmt: skip
    """A group that arrives at one rate for ever. A Gamma or Weibull of variation 1 is a Poisson process, and is taken for one."""
    process = POISSON if cv == 1.0 else process
    return ClientGroup(name, slices_of([0.0], [rate_per_s], process, gap_shape(process, cv)), lengths, mix, stream)


def with_units(slices: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The slices with what their raw gaps must be multiplied by for a mean of 1."""
    rows = slices.copy()
    rows["unit"] = 1.0
    for k, (process, shape) in enumerate(zip(rows["process"].tolist(), rows["gap_shape"].tolist(), strict=True)):
        if process == GAMMA:
            rows["unit"][k] = 1.0 / shape
        elif process == WEIBULL:
            rows["unit"][k] = math.exp(-math.lgamma(1.0 + 1.0 / shape))
    return rows
