"""A snapshot in Prometheus' text format (exposition format 0.0.4).

What must not live here: the reading of the block.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["CONTENT_TYPE", "metrics_text"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_FLEET: Final = (
    ("requests_total", "counter", "requests", "Requests that arrived in this run"),
    ("in_flight", "gauge", "in_flight", "Requests that are not settled"),
    ("waiting", "gauge", "waiting", "Requests in the queues"),
    ("refused_total", "counter", "refused", "Requests that could not even be recorded"),
    ("unjournaled_total", "counter", "unjournaled", "Decisions for which the journal had no room"),
)
_TABLES: Final = (
    ("target_calls_total", "counter", "targets", "target", "calls", "Attempts that ended"),
    ("target_failures_total", "counter", "targets", "target", "failures", "Attempts that failed"),
    ("target_in_flight", "gauge", "targets", "target", "in_flight", "Attempts under way"),
    ("target_paused_seconds", "gauge", "targets", "target", "paused_s", "Time left of the pause that the provider asked for"),
    ("breaker_opened_total", "counter", "targets", "target", "breaker_opened", "Times in a row that the breaker opened"),
    ("tenant_in_flight", "gauge", "tenants", "tenant", "in_flight", "Requests in flight"),
    ("workload_in_flight", "gauge", "workloads", "workload", "in_flight", "Requests in flight"),
    ("workload_waiting", "gauge", "workloads", "workload", "waiting", "Requests in the queue"),
    ("rule_active", "gauge", "rules", "rule", "active", "1 while the rule holds"),
)
_MONEY: Final = (
    ("budget_dollars", "amount_nusd", "The budget"),
    ("budget_spent_dollars", "spent_nusd", "Spent in the current period"),
    ("budget_reserved_dollars", "reserved_nusd", "Reserved by requests in flight"),
)
_STATES: Final = ("closed", "open", "half_open")

Sample = tuple[Mapping[str, str], float]


def metrics_text(state: Mapping[str, Any]) -> str:
    """The text for a scrape, of what `GET /admin/state` answers."""
    return "".join(
        f"# HELP roteiro_{name} {about}\n# TYPE roteiro_{name} {kind}\n"
        + "".join(f"roteiro_{name}{_labels(labels)} {value!r}\n" for labels, value in samples)
        for name, kind, about, samples in families(state)
    )


def families(state: Mapping[str, Any]) -> Iterator[tuple[str, str, str, list[Sample]]]:
    """(name, type, help, samples)."""
    yield "up", "gauge", "1 while it serves", [({"run": state["run"], "plan": state["plan"]["digest"]}, 1)]
    for name, kind, field, about in _FLEET:
        yield name, kind, about, [({}, state[field])]
    for name, kind, table, label, field, about in _TABLES:
        yield name, kind, about, [({label: row["name"]}, float(row[field])) for row in state[table]]
    yield (
        "breaker_state", "gauge", "1 at the state it is in",
        [({"target": row["name"], "state": each}, float(row["breaker"] == each)) for row in state["targets"] for each in _STATES],
    )  # fmt: skip
    for name, field, about in _MONEY:
        yield name, "gauge", about, [({"budget": row["name"]}, row[field] / 1e9) for row in state["budgets"]]
    for name, field, about in (("rows_written_total", "written", "Rows written"), ("rows_durable_total", "durable", "Rows on disk")):
        yield name, "counter", about, [({"table": table}, ring[field]) for table, ring in state["rings"].items()]
    yield "worker_restarts_total", "counter", "Workers replaced", [({"worker": str(w["worker"])}, w["restarts"]) for w in state["workers"]]
    resident = [*((f"worker-{w['worker']}", w["rss_bytes"]) for w in state["workers"]), ("supervisor", state["supervisor"]["rss_bytes"])]
    resident.append(("writer", state["writer"]["rss_bytes"]))
    yield "resident_bytes", "gauge", "Memory of a process", [({"process": name}, size) for name, size in resident if size is not None]
    yield "writer_restarts_total", "counter", "Times the ledger's writer was started again", [({}, state["writer"]["restarts"])]
    yield "writer_failing", "gauge", "1 while the ledger cannot be written", [({}, float(state["writer"]["error"] is not None))]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
