"""Reports from a ledger on disk: which rows they are about, by whose promises, in which periods."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.build import EPOCH_S, NAMES, coded

from roteiro.analysis.sla import Verdict
from roteiro.ledger import SegmentWriter
from roteiro.ledger.place import TABLES
from roteiro.ledger.schema import Head
from roteiro.plan.digest import canonical_json, digest
from roteiro.plan.read import read_text
from roteiro.report.plain import dumps
from roteiro.tasks.kept_plan import purses_of
from roteiro.tasks.report import parse_since, report_cost, report_traffic
from roteiro.tasks.service_levels import report_sla
from roteiro.terms.codes import World
from roteiro.terms.error import SettingsError

PLAN = """
roteiro: 1
providers: {primary: {name: openai, model: gpt-4o}}
teams: {payments: {budgets: {daily: $2/day}}}
tenants:
  acme: {tier: enterprise, team: payments}
  beta: {tier: basic, team: payments, budgets: {daily: $1/day}}
workloads: {chat: {budgets: {hourly: $1/hour}}}
budgets: {all: $5/day}
sla_tiers:
  basic: {availability: 90%, latency_p95: 5s}
  enterprise: {availability: 99%, latency_p95: 1s}
"""


def record(
    data: Path, run: str, *rows: dict[str, Any], digest_of: str = "digest-a", world: World = World.LIVE, epoch_s: float = EPOCH_S
) -> None:
    """A run in the ledger of a data directory."""
    names = type(NAMES)(**{**{f: getattr(NAMES, f) for f in NAMES.__struct_fields__}, "plans": [digest_of]})
    packed = np.zeros(len(rows), TABLES["events"])
    for i, row in enumerate(rows):
        for field, value in {"seq": i, "request": i, "world": world, "ttft_ms": np.nan, "quality": np.nan, **row}.items():
            packed[i][field] = coded(field, value)
    writer = SegmentWriter(data, Head("events", run, epoch_s, names))
    writer.append(packed)
    writer.seal()


def keep(data: Path) -> str:
    """Keep the plan as a server does; its digest."""
    plan = read_text(PLAN).plan
    assert plan is not None
    (data / "plans").mkdir()
    (data / "plans" / f"{digest(plan)}.json").write_text(canonical_json(plan))
    return digest(plan)


def test_live_rows_alone_unless_a_run_is_named(tmp_path: Path) -> None:
    record(tmp_path, "live-1", {"cost_nusd": 1}, {"cost_nusd": 2})
    record(tmp_path, "sim-1", *[{"cost_nusd": 100}] * 5, world=World.SIMULATED)
    assert report_cost(tmp_path).cost.total.cost_nusd == 3
    assert report_cost(tmp_path, run="sim-1").cost.total.cost_nusd == 500
    assert report_sla(tmp_path).period.runs == 1
    assert report_sla(tmp_path, run="sim-1").period.world == "simulated"
    assert report_traffic(tmp_path, run="live-1").traffic.requests == 2


def test_since_leaves_out_what_came_before(tmp_path: Path) -> None:
    record(tmp_path, "run-1", {"arrival_s": 10.0}, {"arrival_s": 20.0}, {"arrival_s": 30.0})
    since = datetime.fromtimestamp(EPOCH_S + 20.0, UTC)
    period = report_sla(tmp_path, since=since).period
    assert (period.requests, period.first) == (2, since)


def test_promises_are_those_of_the_plan_that_was_in_force(tmp_path: Path) -> None:
    in_force = keep(tmp_path)
    record(tmp_path, "run-1", {"tier": "enterprise", "total_ms": 3000.0}, {"tier": "basic", "total_ms": 3000.0}, digest_of=in_force)
    answer = report_sla(tmp_path)
    assert answer.targets_known and answer.period.digest == in_force
    assert [(tier.tier, tier.attained("latency_p95").verdict) for tier in answer.sla.tiers] == [
        ("enterprise", Verdict.MISSED),
        ("basic", Verdict.MET),
    ]


def test_counts_by_provider_are_plain_data_also_of_requests_that_reached_none(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"tier": "enterprise"}, {"tier": "enterprise", "outcome": "shed", "target": None}]
    record(tmp_path, "run-1", *rows, digest_of=keep(tmp_path))
    tier = report_sla(tmp_path, by="target").sla.tiers[0]
    assert set(tier.dimensions[0].groups) == {"primary", ""}
    assert '"primary"' in dumps(report_sla(tmp_path, by="target"))


def test_without_the_plan_nothing_is_judged_and_that_is_said(tmp_path: Path) -> None:
    record(tmp_path, "run-1", {"tier": "enterprise"}, digest_of="0" * 64)
    answer = report_sla(tmp_path)
    assert not answer.targets_known
    assert {tier.attained("availability").verdict for tier in answer.sla.tiers} == {Verdict.NO_TARGET}
    assert not report_cost(tmp_path).budgets_known


def test_budgets_pay_for_their_own_over_all_runs_of_their_period(tmp_path: Path) -> None:
    """A budget's period does not begin with a run; what was spent by an earlier one, or is left out by --since, counts."""
    in_force = keep(tmp_path)
    cent = 10_000_000
    record(tmp_path, "run-1", {"tenant": "acme", "cost_nusd": 10 * cent}, digest_of=in_force)
    record(tmp_path, "run-2", {"tenant": "beta", "cost_nusd": 30 * cent}, digest_of=in_force, epoch_s=EPOCH_S + 7200)
    record(tmp_path, "sim-1", {"tenant": "beta", "cost_nusd": 99 * cent}, digest_of=in_force, world=World.SIMULATED, epoch_s=EPOCH_S + 7200)
    used = {use.name: use.spent_nusd // cent for use in report_cost(tmp_path, run="run-2").budgets}
    assert used == {"all/all": 40, "team/payments/daily": 40, "tenant/beta/daily": 30, "workload/chat/hourly": 30}
    simulated = {use.name: use.spent_nusd // cent for use in report_cost(tmp_path, run="sim-1").budgets}
    assert simulated["all/all"] == simulated["tenant/beta/daily"] == 99


def test_purses_have_their_members() -> None:
    plan = read_text(PLAN).plan
    assert plan is not None
    members = {purse.name: purse.tenants for purse in purses_of(plan)}
    assert members["team/payments/daily"] == {"acme", "beta"} and members["all/all"] is None


@given(st.integers(1, 10**6))
def test_since_counts_back_from_now(hours: int) -> None:
    now = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=200_000)
    assert parse_since(f"{hours}h", now) == now - timedelta(hours=hours)


def test_since_as_a_time() -> None:
    assert parse_since("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert parse_since("2026-01-31T12:00-03:00") == datetime(2026, 1, 31, 15, tzinfo=UTC)
    with pytest.raises(SettingsError, match="no period and no time"):
        parse_since("soon")
    with pytest.raises(SettingsError, match="no period and no time"):
        parse_since("99999999999w")


def test_a_month_is_that_of_a_zones_clocks(tmp_path: Path) -> None:
    """The first three hours of February in UTC are January in São Paulo."""
    record(tmp_path, "run-1", *({"arrival_s": hour * 3600.0} for hour in range(6)))
    assert report_sla(tmp_path, month="2026-01", zone="America/Sao_Paulo").sla.requests == 3
    assert report_sla(tmp_path, month="2026-02", zone="America/Sao_Paulo").sla.requests == 3
    assert report_sla(tmp_path, month="2026-02").sla.requests == 6, "without a plan by UTC"
    with pytest.raises(SettingsError, match="is no month"):
        report_sla(tmp_path, month="2026-13")
    with pytest.raises(SettingsError, match="no time zone"):
        report_sla(tmp_path, month="2026-01", zone="Mars/Olympus")
