"""What requests cost: by tenant, provider and model, in integer nano-dollars, with tokens.

Sums are exact. What is divided (a thousand tokens, a request) is rounded half up to the nano-dollar once, at the end.
What must not live here: prices (the kernel applied them when the request ended), and budgets (`purse`).
"""

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from roteiro.analysis.column import words

__all__ = ["COLUMNS", "CostLine", "CostReport", "cost", "per"]

COLUMNS: Final = (
    "tenant", "target", "model", "outcome", "cost_nusd", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "estimated",
)  # fmt: skip
"""The columns of `events` that are read."""

SUMMED: Final = ("answered", "cost_nusd", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "estimated")


@dataclass(frozen=True, slots=True)
class CostLine:
    """The cost of a group of requests. `name` is None for what belongs to none (a request that no provider was asked for).

    `answered` had an answer; `estimated` of the requests have usage that was estimated, because the provider did not report it.
    """

    name: str | None
    requests: int
    answered: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated: int
    cost_nusd: int
    per_1k_tokens_nusd: int | None
    per_answer_nusd: int | None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class CostReport:
    """The same money four ways, each group the dearest first."""

    total: CostLine
    by_tenant: tuple[CostLine, ...]
    by_provider: tuple[CostLine, ...]
    by_model: tuple[CostLine, ...]


def per(cost_nusd: int, count: int, units: int = 1) -> int | None:
    """Nano-dollars for each `units` of `count`, rounded half up; None where there are none."""
    return (2 * cost_nusd * units + count) // (2 * count) if count > 0 else None


def cost(events: pa.Table) -> CostReport:
    """The cost of `events`, which holds at least COLUMNS."""
    answered = pc.cast(pc.equal(words(events, "outcome"), "success"), pa.int64())
    rows = events.select([name for name in SUMMED if name != "answered"]).append_column("answered", answered)
    return CostReport(
        total=total(rows),
        by_tenant=lines(rows, words(events, "tenant")),
        by_provider=lines(rows, words(events, "target")),
        by_model=lines(rows, words(events, "model")),
    )


def total(rows: pa.Table) -> CostLine:
    return line({"name": None, "cost_nusd_count": len(rows)} | {f"{name}_sum": pc.sum(rows.column(name)).as_py() or 0 for name in SUMMED})


def lines(rows: pa.Table, names: pa.ChunkedArray) -> tuple[CostLine, ...]:
    """One line for each name."""
    grouped = rows.append_column("name", names).group_by("name")
    sums = grouped.aggregate([("cost_nusd", "count"), *((name, "sum") for name in SUMMED)]).to_pylist()
    return tuple(sorted(map(line, sums), key=lambda one: (-one.cost_nusd, -one.requests, one.name is None, one.name or "")))


def line(sums: dict[str, Any]) -> CostLine:
    amount, tokens = sums["cost_nusd_sum"], sums["input_tokens_sum"] + sums["output_tokens_sum"]
    return CostLine(
        name=sums["name"],
        requests=sums["cost_nusd_count"],
        **{name: int(sums[f"{name}_sum"]) for name in SUMMED},
        per_1k_tokens_nusd=per(amount, tokens, 1000),
        per_answer_nusd=per(amount, sums["answered_sum"]),
    )
