"""What came of the demonstration: read from its ledger, replayed, and predicted anew.

What must not live here: how it looks.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roteiro.analysis.sla import TierReport
from roteiro.plan.model import Plan
from roteiro.tasks.replay import ReplayResult, replay
from roteiro.tasks.report import CostAnswer, TrafficAnswer, report_cost, report_traffic
from roteiro.tasks.service_levels import SlaAnswer, report_sla
from roteiro.tasks.simulate import SimulationResult, predict
from roteiro.terms.units import NUSD
from roteiro.testing.exchange import Record

__all__ = ["DemoResult", "Played", "conclude"]


@dataclass(frozen=True, slots=True)
class Played:
    """A demonstration that was played: where its ledger is, and what its clients saw. `local` is the provider of the real local model."""

    plan_path: Path
    plan: Plan
    digest: str
    data: Path
    run: str
    local: str | None
    why_not: str
    seconds: float
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything that is known of it."""

    run: str
    digest: str
    seconds: float
    local: str | None
    why_not: str
    clients: dict[str, int]
    """What the clients saw: answers by how they came (`http`, `openai`), whole or not."""
    sla: SlaAnswer
    cost: CostAnswer
    traffic: TrafficAnswer
    local_requests: int
    local_output_tokens: int
    replay: ReplayResult
    prediction: SimulationResult

    def as_json(self) -> dict[str, Any]:
        """One plain object, as `roteiro demo --json` prints it.

        Times in milliseconds, those of breakers in seconds after the first request; money in dollars, and in nano-dollars exactly.
        """
        traffic = self.traffic.traffic
        began = self.traffic.period.first or datetime.now(UTC)
        overall = self.sla.sla.overall
        return {
            "run": self.run,
            "plan_digest": self.digest,
            "seconds": self.seconds,
            "requests": traffic.requests,
            "outcomes": traffic.outcomes,
            "by_provider": {row.name: row.answered for row in traffic.by_provider},
            "breaker_transitions": [
                {"at_s": round((one.time - began).total_seconds(), 3), "provider": one.target, "state": one.state, "reason": one.reason}
                for one in traffic.transitions
            ],
            "failovers": {"requests": traffic.failovers.requests, "answered": traffic.failovers.answered},
            "reasons": {f"{row.command}:{row.reason}": row.count for row in traffic.reasons},
            "local_model": {
                "provider": self.local,
                "real": self.local is not None,
                "why_not": self.why_not or None,
                "requests": self.local_requests,
                "output_tokens": self.local_output_tokens,
            },
            "clients": self.clients,
            "cost_usd": self.cost.cost.total.cost_nusd / NUSD,
            "cost_nusd": self.cost.cost.total.cost_nusd,
            "cost_by_tenant_usd": {line.name or "": line.cost_nusd / NUSD for line in self.cost.cost.by_tenant},
            "sla": {tier.tier or "": sla_fields(tier) for tier in self.sla.sla.tiers},
            "replay": {
                "events": self.replay.decisions,
                "identical": self.replay.same_decisions,
                "requests": self.replay.events,
                "identical_requests": self.replay.same_events,
                "complete": self.replay.identical,
            },
            "prediction": {
                "seeds": len(self.prediction.seeds),
                "p95_ms": rounded(self.prediction.measured.total_ms.p95.mean),
                "measured_p95_ms": rounded(overall.total.p95_ms),
                "cost_usd": rounded(self.prediction.measured.cost_usd.mean, 9),
                "measured_cost_usd": self.cost.cost.total.cost_nusd / NUSD,
            },
        }


def rounded(value: float | None, digits: int = 3) -> float | None:
    """For reading; no data is null."""
    return None if value is None or math.isnan(value) else round(value, digits)


def sla_fields(tier: TierReport) -> dict[str, Any]:
    available, latency, bound_s = tier.attained("availability"), tier.attained("latency_p95"), tier.bound("latency_p95")
    return {
        "requests": tier.service.requests,
        "verdict": str(tier.verdict),
        "availability": available.share,
        "availability_target": available.target,
        "availability_verdict": str(available.verdict),
        "p95_ms": rounded(tier.service.total.p95_ms),
        "p95_target_ms": None if bound_s is None else bound_s * 1e3,
        "within_target": latency.share,
        "latency_verdict": str(latency.verdict),
        "quality": str(tier.attained("quality").verdict),
        "excluded": dict(tier.service.excluded),
    }


def conclude(played: Played, seeds: int, tell: Callable[[str], None]) -> DemoResult:
    """Read the ledger, replay the run, predict it. `tell` is told `report`, `replay` and `predict` as each begins."""
    tell("report")
    sla = report_sla(played.data, run=played.run)
    cost = report_cost(played.data, run=played.run)
    traffic = report_traffic(played.data, run=played.run)
    tell("replay")
    replayed = replay(played.data, played.run)
    tell("predict")
    predicted = predict(played.data, played.run, seeds=seeds)
    of_local = next((line for line in cost.cost.by_provider if line.name == played.local), None)
    seen = Counter(
        f"{record.via}:{'whole' if record.whole else 'refused' if record.status >= 400 else 'broken'}" for record in played.records
    )
    return DemoResult(
        run=played.run,
        digest=played.digest,
        seconds=played.seconds,
        local=played.local,
        why_not=played.why_not,
        clients=dict(sorted(seen.items())),
        sla=sla,
        cost=cost,
        traffic=traffic,
        local_requests=of_local.answered if of_local is not None else 0,
        local_output_tokens=of_local.output_tokens if of_local is not None else 0,
        replay=replayed,
        prediction=predicted,
    )
