"""Results to show in tests: small, and with one of everything."""

from datetime import UTC, datetime

from tests.analysis.build import NAMES, RUN, events, ledger_of, many
from tests.analysis.test_explain import DECISIONS, EVENT

from roteiro.analysis.cost import CostReport, cost
from roteiro.analysis.explain import Story, tell
from roteiro.analysis.purse import Purse, PurseUse, purse_use
from roteiro.analysis.sla import SlaReport, TierTarget, sla
from roteiro.analysis.traffic import TrafficReport, traffic

ROWS = [
    *many(
        40, tier="enterprise", total_ms=350.0, stream=1, ttft_ms=120.0, cost_nusd=3_141_592, input_tokens=900, output_tokens=80, attempts=1
    ),
    *many(2, tier="enterprise", total_ms=4200.0, target="secondary", cost_nusd=650_000, attempts=2, fallbacks=1, input_tokens=90),
    {"tier": "enterprise", "outcome": "failed", "reason": "out_of_attempts", "attempts": 3, "total_ms": 9000.0},
    *many(3, tier="enterprise", outcome="cancelled", reason="client_gone"),
    *many(5, tier="basic", tenant="gama", total_ms=80.0, target="fallback", first_target="fallback", attempts=1, estimated=1),
    {"tier": "basic", "tenant": "gama", "outcome": "budget", "reason": "budget_spent", "target": None, "first_target": None},
]
TARGETS = {
    "enterprise": TierTarget(0.9999, 1.0, 0.3, 0.9),
    "business": TierTarget(0.999, 2.0, None, 0.85),
    "basic": TierTarget(0.5, None, None, None),
}
NOTES = [
    *many(40, step="begin", command="send", reason="weighted", target="primary"),
    {"step": "note", "reason": "breaker_opened", "target": "primary", "x": 0.4314, "y": 0.3, "now_s": 33.05},
    {"step": "note", "reason": "breaker_half_open", "target": "primary", "x": 0, "y": 3, "now_s": 37.0},
    {"step": "note", "reason": "breaker_closed", "target": "primary", "x": 0, "y": 3, "now_s": 38.8},
]


def levels() -> SlaReport:
    return sla(events(*ROWS), TARGETS)


def money() -> tuple[CostReport, tuple[PurseUse, ...]]:
    table = events(*ROWS)
    purses = [Purse("all/day", 100_000_000_000, "day"), Purse("tenant/acme/day", 100_000_000, "day", "America/Sao_Paulo", {"acme"})]
    return cost(table), purse_use(table, purses, datetime(2026, 2, 1, 1, tzinfo=UTC))


def moves() -> TrafficReport:
    return traffic(events(*ROWS), ledger_of((), NOTES).decisions())


def story() -> Story:
    ledger = ledger_of([EVENT], DECISIONS)
    return tell(RUN, 7, ledger.events(), ledger.decisions(where="request = 7"), ledger.decisions(where="seq < 2"), NAMES)
