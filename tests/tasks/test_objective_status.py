"""Budgets as of a moment, and alerts over a record: of a day at thirty requests an hour with an outage in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.analysis.build import EPOCH_S
from tests.cli.test_main import call
from tests.tasks.test_report import record

from roteiro.analysis.error_budget import Counts
from roteiro.plan.digest import canonical_json, digest
from roteiro.plan.read import read_text
from roteiro.tasks.objective_status import alerts, status
from roteiro.terms.error import SettingsError

PLAN = """
roteiro: 1
providers: {primary: {name: openai, model: gpt-4o, promised_sla: {availability: 99.9%}}}
tenants: {acme: {tier: enterprise}}
sla_tiers:
  enterprise:
    {availability: 99%, latency_p95: 1s, pii_leaks: 0, cost_per_request: $1, window: 30d,
     steps: [{spent: 10%, do: degrade}, {spent: 100%, do: shed}]}
slos:
  by-time: {sli: availability, objective: 99%, slices: {length: 1h, objective: 90%}, window: 7d}
"""
BEGIN = datetime.fromtimestamp(EPOCH_S, UTC)
DAY = BEGIN + timedelta(days=1)
OUTAGE = range(10 * 30, 11 * 30)
"""The eleventh hour."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    plan = read_text(PLAN).plan
    assert plan is not None
    (folder / "plans").mkdir()
    (folder / "plans" / f"{digest(plan)}.json").write_text(canonical_json(plan))
    rows = [
        {"tier": "enterprise", "arrival_s": 120.0 * k, "total_ms": 500.0, "outcome": "failed" if k in OUTAGE else "success"}
        for k in range(720)
    ]
    record(folder, "run-1", *rows, digest_of=digest(plan))
    return folder


def test_a_budget_is_that_of_the_whole_window(data: Path) -> None:
    """A day of thirty has 720 events; thirty days are expected to have 21,600, of which 216 may fail."""
    answer = status(data, at=DAY)
    by_name = {one.objective.name: one for one in answer.objectives}
    available = by_name["enterprise.availability"]
    assert available.counts == Counts(690, 30) and available.budget is not None
    assert available.budget.allowed == pytest.approx(216) and available.budget.spent == pytest.approx(30 / 216)
    assert [step.do for step in available.steps] == ["degrade"]
    assert not any(burn.firing for burn in available.burns if burn.alert.severity == "page"), "it was over hours ago"
    assert by_name["enterprise.leaks"].budget is None and "enterprise.cost" not in by_name
    assert available.exhaustion is not None and available.exhaustion.at is not None
    hours = by_name["by-time"]
    assert hours.counts == Counts(23, 1), "slices are counted, one of them bad"


def test_a_later_moment_forgives_what_has_left_the_window(data: Path) -> None:
    answer = status(data, at=BEGIN + timedelta(days=30, hours=12))
    (available,) = (one for one in answer.objectives if one.objective.name == "enterprise.availability")
    assert available.counts.bad == 0 and available.counts.good == 360


def test_alerts_fire_in_the_outage_and_clear_after_it(data: Path) -> None:
    answer = alerts(data)
    pages = [
        (firing.since - BEGIN, None if firing.until is None else firing.until - BEGIN)
        for one in answer.alerts
        if one.objective == "enterprise.availability" and one.alert.burn == 14.4
        for firing in one.firings
    ]
    ((began, ended),) = pages
    assert timedelta(hours=10) < began < timedelta(hours=10, minutes=15)
    assert ended is not None and timedelta(hours=11) < ended < timedelta(hours=12, minutes=5)
    assert answer.fired("page") >= 1 and not [one for one in answer.alerts if one.objective == "enterprise.latency_p95" and one.firings]


def test_the_commands_say_it(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    for words, expected in (
        (("slo", "status", "--data", str(data)), "enterprise.availability"),
        (("slo", "status", "--data", str(data), "--objective", "by-time"), "slices of 1h"),
        (("slo", "alerts", "--data", str(data), "--lang", "pt-BR"), "pela regra usual"),
        (("slo", "list", str(tmp_path / "plan.yaml")), "p95 within 1,000 ms"),
        (("slo", "compose", str(tmp_path / "plan.yaml"), "--markdown"), "enterprise promises 99%: carried"),
        (("report", "sla", "--data", str(data), "--month", "2026-02", "--zone", "UTC", "--by", "tenant"), "By tenant"),
    ):
        assert call(*words) == 0
        assert expected in " ".join(capsys.readouterr().out.split())


def test_one_objective_alone_and_one_that_is_not_there(data: Path) -> None:
    assert [one.objective.name for one in status(data, at=DAY, objective="by-time").objectives] == ["by-time"]
    assert {one.objective for one in alerts(data, objective="by-time").alerts} == {"by-time"}
    with pytest.raises(SettingsError, match="has no objective 'x'"):
        status(data, at=DAY, objective="x")
