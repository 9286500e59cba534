"""Results to show in tests: small, and with one of everything."""

from datetime import UTC, datetime, timedelta

from tests.analysis.build import EPOCH_S, NAMES, RUN, events, ledger_of, many
from tests.analysis.test_explain import DECISIONS, EVENT

from roteiro.analysis.cost import CostReport, cost
from roteiro.analysis.explain import Story, tell
from roteiro.analysis.purse import Purse, PurseUse, purse_use
from roteiro.analysis.service_times import services_of, times_query
from roteiro.analysis.sla import SlaReport
from roteiro.analysis.traffic import TrafficReport, traffic
from roteiro.plan.read import read_text
from roteiro.tasks.objective_counts import absences_of
from roteiro.tasks.objectives_of import objectives_of
from roteiro.tasks.service_levels import assembled, judged

ROWS = [
    *many(
        40, tier="enterprise", total_ms=350.0, stream=1, ttft_ms=120.0, cost_nusd=3_141_592, input_tokens=900, output_tokens=80, attempts=1
    ),
    *many(2, tier="enterprise", total_ms=4200.0, target="secondary", cost_nusd=650_000, attempts=2, fallbacks=1, input_tokens=90),
    {"tier": "enterprise", "outcome": "failed", "reason": "out_of_attempts", "attempts": 3, "total_ms": 9000.0, "arrival_s": 700.0},
    *many(3, tier="enterprise", outcome="cancelled", reason="client_gone"),
    *many(5, tier="basic", tenant="gama", total_ms=80.0, target="fallback", first_target="fallback", attempts=1, estimated=1),
    {"tier": "basic", "tenant": "gama", "outcome": "budget", "reason": "budget_spent", "target": None, "first_target": None},
]
PLAN = """\
roteiro: 1
providers: {primary: {name: openai, model: gpt-4o}}
sla_tiers:
  enterprise:
    {availability: 99.99%, latency_p95: 1s, ttft_p95: 300ms, quality_score: 0.9, throughput: 20, hallucination_rate: 1%, pii_leaks: 0,
     auditable: 100%, cost_per_request: $0.01, support: "24/7 com 15min SLA"}
  business: {availability: 99.9%, latency_p95: 2s, quality_score: 0.85, confidence: {above: 0.85, of: 95%}, support: 24/7 com 1h SLA}
  basic: {availability: 50%}
slos:
  chat-fast: {sli: latency, objective: 90%, threshold: 2s, of: {provider: primary}, slices: {length: 5min, objective: 95%}}
maintenance: [{from: 2026-02-01T00:10Z, to: 2026-02-01T00:20Z, reason: a new rack}]
"""
NOTES = [
    *many(40, step="begin", command="send", reason="weighted", target="primary"),
    {"step": "note", "reason": "breaker_opened", "target": "primary", "x": 0.4314, "y": 0.3, "now_s": 33.05},
    {"step": "note", "reason": "breaker_half_open", "target": "primary", "x": 0, "y": 3, "now_s": 37.0},
    {"step": "note", "reason": "breaker_closed", "target": "primary", "x": 0, "y": 3, "now_s": 38.8},
]


def levels() -> SlaReport:
    plan = read_text(PLAN).plan
    assert plan is not None
    begin = datetime.fromtimestamp(EPOCH_S, UTC)
    ledger, until = ledger_of(ROWS), begin + timedelta(hours=1)
    services, overall = services_of(ledger.sql(times_query(begin, until)).to_pylist())
    dimensions, _ = judged(ledger, objectives_of(plan), begin, until, by="tenant", absences=absences_of(plan))
    return assembled(plan, services, overall, dimensions, "tenant")


def money() -> tuple[CostReport, tuple[PurseUse, ...]]:
    table = events(*ROWS)
    purses = [Purse("all/day", 100_000_000_000, "day"), Purse("tenant/acme/day", 100_000_000, "day", "America/Sao_Paulo", {"acme"})]
    return cost(table), purse_use(table, purses, datetime(2026, 2, 1, 1, tzinfo=UTC))


def moves() -> TrafficReport:
    return traffic(events(*ROWS), ledger_of((), NOTES).decisions())


def story() -> Story:
    ledger = ledger_of([EVENT], DECISIONS)
    return tell(RUN, 7, ledger.events(), ledger.decisions(where="request = 7"), ledger.decisions(where="seq < 2"), NAMES)
