"""Events and decisions for tests of analysis: rows of the kernel's own types, encoded as the ledger encodes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from roteiro.ledger import MemoryLedger
from roteiro.ledger.place import TABLES, Table
from roteiro.ledger.schema import Head
from roteiro.terms.codes import Command, ErrorClass, Outcome, Priority, Reason, Signal, Step
from roteiro.terms.edge import Names

EPOCH_S = 1_769_904_000.0
"""2026-02-01T00:00:00Z"""
RUN = "run-1"
NAMES = Names(
    targets=["primary", "secondary", "fallback"],
    routes=["chat", "support"],
    tenants=["acme", "beta", "gama"],
    workloads=["chat", "nightly"],
    keys=["acme-1", "beta-1", "gama-1"],
    tiers=["enterprise", "basic"],
    regions=["default"],
    limits=[],
    budgets=["all/day", "tenant/gama/daily"],
    rules=["0: primary.error_rate > 5% → circuit_break_primary"],
    plans=["digest-a"],
)
CODES: dict[str, Any] = {
    "outcome": Outcome, "reason": Reason, "route_reason": Reason, "error_class": ErrorClass, "priority": Priority, "step": Step,
    "command": Command, "kind": Signal,
}  # fmt: skip
LISTS = {
    "tenant": NAMES.tenants, "workload": NAMES.workloads, "tier": NAMES.tiers, "target": NAMES.targets, "first_target": NAMES.targets,
    "model": NAMES.routes, "key": NAMES.keys,
}  # fmt: skip
ABSENT: dict[str, dict[str, Any]] = {
    "events": {"quality": np.nan, "ttft_ms": np.nan}, "decisions": {"answered": -1, "flow": -1}, "signals": {"probe": -1, "version": -1},
}  # fmt: skip


def coded(field: str, value: Any) -> Any:
    """A word as the kernel's code; None is -1."""
    if field in LISTS:
        return -1 if value is None else LISTS[field].index(value)
    return CODES[field][value.upper()] if field in CODES and isinstance(value, str) else value


def ledger_of(
    events: Sequence[dict[str, Any]] = (), decisions: Sequence[dict[str, Any]] = (), run: str = RUN, signals: Sequence[dict[str, Any]] = ()
) -> MemoryLedger:
    """A ledger with these rows; what a row leaves out is 0, or the first name."""
    ledger = MemoryLedger()
    for table, given in (("events", events), ("decisions", decisions), ("signals", signals)):
        write(ledger, table, given, run)  # type: ignore[arg-type]
    return ledger


def write(ledger: Any, table: Table, given: Sequence[dict[str, Any]], run: str = RUN) -> None:
    rows = np.zeros(len(given), TABLES[table])
    for i, fields in enumerate(given):
        rows[i]["seq"] = i
        for field, value in {**ABSENT[table], **fields}.items():
            rows[i][field] = coded(field, value)
    if len(given):
        ledger.writer(Head(table, run, EPOCH_S, NAMES)).append(rows)


def events(*given: dict[str, Any]) -> pa.Table:
    return ledger_of(given).events()


def decisions(*given: dict[str, Any]) -> pa.Table:
    return ledger_of((), given).decisions()


def many(count: int, **fields: Any) -> list[dict[str, Any]]:
    """The same row so often."""
    return [fields] * count
