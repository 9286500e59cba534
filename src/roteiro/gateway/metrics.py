"""What a server tells a monitoring system: metric families by Prometheus' conventions, in its text format or as OpenMetrics.

Base units (seconds, dollars, bytes, tokens), `_total` on what only grows, labels whose values the plan or a closed list bounds. The tables
below are the reference: `docs/reference/metrics.md` is checked against them.
What must not live here: counting, and the reading of the block.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from roteiro.gateway.metrics_slo import SLO, slo_families
from roteiro.gateway.tally import OTHERS, Histogram, Steps, Sums, Tally
from roteiro.terms.codes import BreakerState, CacheKind, Command, Complexity, ErrorClass, Operation, Outcome, Reason
from roteiro.terms.edge import Names

__all__ = ["FAMILIES", "Seen", "families", "metrics_page"]

NUSD: Final = 1e9

EVENTS_SUMMED: Final = (
    # metric, table of the tally, column, scale, help
    ("requests", "requests", "count", 1.0, "Requests that ended, by how"),
    ("workload_requests", "loads", "count", 1.0, "Requests that ended, by workload and whether a stream was asked for"),
    ("operation_requests", "operations", "count", 1.0, "Requests that ended, by endpoint"),
    ("endings", "endings", "count", 1.0, "Requests that ended, by why and with what HTTP status"),
    ("input_tokens", "usage", "input_tokens", 1.0, "Input tokens, those read from the provider's cache included"),
    ("cached_input_tokens", "usage", "cached_tokens", 1.0, "Input tokens that the provider read from its cache"),
    ("output_tokens", "usage", "output_tokens", 1.0, "Output tokens, reasoning included"),
    ("reasoning_tokens", "usage", "reasoning_tokens", 1.0, "Output tokens that were reasoning"),
    ("cost_dollars", "usage", "cost_nusd", NUSD, "What providers charge for answers, at the plan's prices"),
    ("lost_dollars", "usage", "lost_nusd", NUSD, "Estimated cost of attempts that were given up: broken streams, lost hedges"),
    ("saved_dollars", "usage", "saved_nusd", NUSD, "Estimated cost that caches saved"),
    ("retries", "walks", "again", 1.0, "Sends after the first of a request, whatever for"),
    ("fallbacks", "walks", "fallbacks", 1.0, "Sends to another target than the one before"),
    ("rescues", "walks", "rescues", 1.0, "Broken streams that went on elsewhere"),
    ("hedges", "walks", "hedges", 1.0, "Requests with a second attempt beside the first"),
    ("hedges_won", "walks", "hedges_won", 1.0, "Of them, those that the second attempt answered"),
    ("estimated_usage", "walks", "estimated", 1.0, "Requests whose usage the provider did not report"),
    ("cache_hits", "caches", "count", 1.0, "Requests that a cache answered"),
    ("degraded_requests", "degraded", "count", 1.0, "Requests that a cheaper model got, for a budget's sake or the hour's cost"),
    ("task_complexity", "complexities", "count", 1.0, "Requests by how demanding their task looked"),
)
STEPS_SUMMED: Final = (
    ("attempts", "sends", "Sends to providers, by why that target was taken"),
    ("attempt_failures", "failures", "Attempts that failed, by what went wrong"),
    ("decisions", "answers", "Answers of the journey, by command and reason"),
    ("happenings", "notes", "What happened on the way: breakers, rules, credentials"),
)
HISTOGRAMS: Final = (
    ("request_duration_seconds", "duration", "Arrival to settlement of requests that a provider or a cache was asked for"),
    ("time_to_first_token_seconds", "first_token", "Arrival to the first byte of the answer, streams only"),
    (
        "inter_token_seconds",
        "inter_token",
        "Time between output tokens after the first: rest of the time by rest of the tokens, streams only",
    ),
    ("queue_seconds", "queued", "Time in the waiting room, of requests that waited"),
    ("answer_input_tokens", "input_tokens", "Input tokens of an answered request"),
    ("answer_output_tokens", "output_tokens", "Output tokens of an answer"),
)
FLEET: Final = (
    # metric, counter?, field of the state, help
    ("arrivals", True, "requests", "Requests that arrived"),
    ("in_flight", False, "in_flight", "Requests that are not settled"),
    ("waiting", False, "waiting", "Requests in the queues"),
    ("queue_bound", False, "queue_bound", "Most requests that may wait"),
    ("unrecorded", True, "refused", "Requests that could not even be recorded: no flow or no room in the ledger"),
    ("unjournaled_decisions", True, "unjournaled", "Decisions for which the journal had no room"),
    ("retry_balance", False, "retry_balance", "Retries and fallbacks that the fleet's ratio allows at this moment"),
    ("ledger_lag_seconds", False, "lag_s", "Age of the oldest event that is not on disk"),
)
ROWS: Final = (
    # metric, table of the state, label, field, scale, help
    ("target_in_flight", "targets", "target", "in_flight", 1.0, "Attempts under way"),
    ("target_slots", "targets", "target", "slots", 1.0, "Most attempts at once, where bounded"),
    ("target_failure_share", "targets", "target", "failure_share", 1.0, "Share of failures, the latest weighing most"),
    ("target_paused_seconds", "targets", "target", "paused_s", 1.0, "Time left of the pause that the provider asked for"),
    ("target_credentials_resting", "targets", "target", "credentials_resting", 1.0, "Credentials at their limit, or refused"),
    ("target_tokens", "targets", "target", "tokens", 1.0, "Tokens that the attempts under way reserve"),
    ("waiting_tokens", "pools", "target", "waiting_tokens", 1.0, "Tokens that wait for servers of one's own, in queues and before them"),
    ("queued_tokens", "pools", "target", "queued_tokens", 1.0, "Of them, those in the plan's queues"),
    ("replicas_ready", "pools", "target", "ready", 1.0, "Servers that serve, as far as the gateway knows"),
    ("replicas_wanted", "pools", "target", "wanted", 1.0, "Servers that scaling wants"),
    ("replica_start_up_seconds", "pools", "target", "start_up_s", 1.0, "Time from asking for a server until it serves"),
    ("tenant_in_flight", "tenants", "tenant", "in_flight", 1.0, "Requests in flight"),
    ("workload_in_flight", "workloads", "workload", "in_flight", 1.0, "Requests in flight"),
    ("workload_waiting", "workloads", "workload", "waiting", 1.0, "Requests in the queue"),
    ("rule_active", "rules", "rule", "active", 1.0, "1 while the rule holds"),
    ("limit_used_ratio", "limits", "limit", "used", 1.0, "Share of a limit's burst that is taken; above 1 it is in debt"),
    ("budget_dollars", "budgets", "budget", "amount_nusd", NUSD, "The budget"),
    ("budget_spent_dollars", "budgets", "budget", "spent_nusd", NUSD, "Spent in the current period"),
    ("budget_reserved_dollars", "budgets", "budget", "reserved_nusd", NUSD, "Reserved by requests in flight"),
    ("budget_used_ratio", "budgets", "budget", "share", 1.0, "Share that is spent or reserved"),
    ("budget_ends_timestamp_seconds", "budgets", "budget", "ends_unix_s", 1.0, "When the budget's period ends"),
)
OWN: Final = (
    ("up", "1 while it serves"),
    ("build_info", "What runs"),
    ("plan_info", "The plan in force"),
    ("start_timestamp_seconds", "When the run began"),
    ("breaker_state", "1 at the state that the target's circuit breaker is in"),
    ("breaker_reopened", "Times in a row that the breaker opened"),
    ("hour_cost_dollars", "Cost of the last hour"),
    ("ring_rows", "Rows written to a ring"),
    ("ring_durable_rows", "Rows of a ring that are on disk"),
    ("ring_fill_ratio", "Share of a ring that waits to be written to disk"),
    ("worker_up", "1 where the worker's process runs"),
    ("worker_restarts", "Times the worker was replaced"),
    ("process_resident_memory_bytes", "Memory of a process"),
    ("writer_restarts", "Times the ledger's writer was started again"),
    ("writer_failing", "1 while the ledger cannot be written"),
    ("telemetry_missed_rows", "Rows that were overwritten before these metrics had counted them"),
)
FAMILIES: Final = {
    f"roteiro_{row[0]}": str(row[-1]) for table in (OWN, FLEET, EVENTS_SUMMED, STEPS_SUMMED, HISTOGRAMS, ROWS, SLO) for row in table
}
"""Every family → its help."""

CODES: Final[Mapping[str, type[IntEnum]]] = {
    "outcome": Outcome, "reason": Reason, "error_class": ErrorClass, "cache": CacheKind, "complexity": Complexity, "operation": Operation,
    "command": Command,
}  # fmt: skip
DEGRADED: Final = {1: "budget", 2: "hour_cost"}


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a scrape is made from. `state`: of the supervisor; `build`: labels of what runs."""

    state: Mapping[str, Any]
    tally: Tally
    steps: Steps
    names: Names
    missed: Mapping[str, int]
    build: Mapping[str, str]


def metrics_page(seen: Seen, accept: str = "") -> tuple[bytes, str]:
    """(body, content type): OpenMetrics, with exemplars, for whoever accepts it, else Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Page(seen))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class Page(Collector):
    """One scrape."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        return families(self._seen)

    def describe(self) -> list[Metric]:
        return []


def families(seen: Seen) -> Iterator[Metric]:
    """All families, those without a sample too."""
    state, words = seen.state, Words(seen.names)
    yield from own(seen)
    for name, is_counter, field, _ in FLEET:
        yield plain(name, is_counter, [((), state[field])])
    for name, table, column, scale, _ in EVENTS_SUMMED:
        yield of_sums(name, getattr(seen.tally, table), column, scale, words)
    for name, table, _ in STEPS_SUMMED:
        yield of_sums(name, getattr(seen.steps, table), "count", 1.0, words)
    epoch_s = float(state["epoch_unix_s"])
    for name, table, _ in HISTOGRAMS:
        yield of_histogram(name, getattr(seen.tally, table), words, epoch_s)
    for name, table, label, field, scale, _ in ROWS:
        yield plain(name, False, [((row["name"],), row[field] / scale) for row in state[table] if row[field] is not None], (label,))
    for family in slo_families(state):
        yield plain(family.name, family.is_counter, family.samples, family.labels)


def own(seen: Seen) -> Iterator[Metric]:
    """Those that are like no other."""
    state = seen.state
    plan = state["plan"]
    yield plain("up", False, [((), float(state["status"] == "serving"))])
    yield plain("build_info", False, [(tuple(seen.build.values()), 1.0)], tuple(seen.build))
    yield plain("plan_info", False, [((state["run"], plan["digest"], str(plan["version"])), 1.0)], ("run", "digest", "version"))
    yield plain("start_timestamp_seconds", False, [((), state["epoch_unix_s"])])
    states = [each.name.lower() for each in BreakerState]
    breakers = [((row["name"], each), float(row["breaker"] == each)) for row in state["targets"] for each in states]
    yield plain("breaker_state", False, breakers, ("target", "state"))
    yield plain("breaker_reopened", False, [((row["name"],), row["breaker_opened"]) for row in state["targets"]], ("target",))
    yield plain("hour_cost_dollars", False, [((), state["hour"]["cost_nusd"] / NUSD)])
    rings = state["rings"].items()
    yield plain("ring_rows", True, [((table,), ring["written"]) for table, ring in rings], ("table",))
    yield plain("ring_durable_rows", True, [((table,), ring["durable"]) for table, ring in rings], ("table",))
    fills = [((table,), (ring["written"] - ring["durable"]) / ring["capacity"]) for table, ring in rings]
    yield plain("ring_fill_ratio", False, fills, ("table",))
    workers = state["workers"]
    yield plain("worker_up", False, [((str(each["worker"]),), float(each["pid"] is not None)) for each in workers], ("worker",))
    yield plain("worker_restarts", True, [((str(each["worker"]),), each["restarts"]) for each in workers], ("worker",))
    resident = [(f"worker-{each['worker']}", each["rss_bytes"]) for each in workers]
    resident += [(name, state[name]["rss_bytes"]) for name in ("writer", "supervisor")]
    yield plain("process_resident_memory_bytes", False, [((name,), size) for name, size in resident if size is not None], ("process",))
    yield plain("writer_restarts", True, [((), state["writer"]["restarts"])])
    yield plain("writer_failing", False, [((), float(state["writer"]["error"] is not None))])
    yield plain("telemetry_missed_rows", True, [((table,), count) for table, count in seen.missed.items()], ("table",))


class Words:
    """What the numbers of a key mean."""

    def __init__(self, names: Names) -> None:
        self._lists = {"tenant": names.tenants, "workload": names.workloads, "model": names.routes, "target": names.targets}

    def __call__(self, field: str, number: int) -> str:
        if field in self._lists:
            names = self._lists[field]
            return names[number] if 0 <= number < len(names) else "(others)" if number == OTHERS else "none"
        if field in CODES:
            try:
                return CODES[field](number).name.lower()
            except ValueError:  # of a newer kernel
                return str(number)
        return DEGRADED.get(number, str(number)) if field == "degraded" else str(number)


def plain(name: str, is_counter: bool, samples: Sequence[tuple[tuple[str, ...], Any]], labels: tuple[str, ...] = ()) -> Metric:
    """A family of counters or gauges."""
    kind: Callable[..., Any] = CounterMetricFamily if is_counter else GaugeMetricFamily
    family: Metric = kind(f"roteiro_{name}", FAMILIES[f"roteiro_{name}"], labels=labels)
    for values, value in samples:
        family.add_metric(list(values), float(value))  # type: ignore[attr-defined]
    return family


def of_sums(name: str, sums: Sums, column: str, scale: float, words: Words) -> Metric:
    """A family of counters; where several numbers share a key, keys whose number is nothing are left out."""
    at = sums.of.index(column)
    samples = [
        (tuple(words(field, number) for field, number in zip(sums.by, key, strict=True)), values[at] / scale)
        for key, values in sums.items()
        if values[at] or len(sums.of) == 1
    ]
    return plain(name, True, samples, sums.by)


def of_histogram(name: str, histogram: Histogram, words: Words, epoch_s: float) -> Metric:
    family = HistogramMetricFamily(f"roteiro_{name}", FAMILIES[f"roteiro_{name}"], labels=histogram.by)
    bounds = [*(f"{float(bound):g}" if bound < 1e5 else str(float(bound)) for bound in histogram.bounds), "+Inf"]
    for key, values in histogram.items():
        buckets: list[Any] = []
        examples, so_far = histogram.examples.get(key, {}), 0.0
        for n, (bound, count) in enumerate(zip(bounds, values[:-1], strict=True)):
            so_far += count
            buckets.append((bound, so_far, exemplar(examples[n], epoch_s)) if n in examples else (bound, so_far))
        labels = [words(field, number) for field, number in zip(histogram.by, key, strict=True)]
        family.add_metric(labels, buckets, values[-1])
    return family


def exemplar(example: Any, epoch_s: float) -> Exemplar:
    trace_id = f"{example.trace_hi % 2**64:016x}{example.trace_lo % 2**64:016x}"
    return Exemplar({"trace_id": trace_id}, example.value, epoch_s + example.ended_s)
