"""Files that other programs read: charges of a ledger on disk, and manifests of a plan."""

import csv
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.report.test_kubernetes import PLAN as SCALED
from tests.tasks.test_money import ran
from tests.tasks.test_report import keep, record

from roteiro.tasks.export import export_focus, export_scaling
from roteiro.tasks.report import report_cost
from roteiro.terms.error import PlanError, SettingsError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    in_force = keep(tmp_path)
    rows = [{"tenant": "acme", "cost_nusd": 1_234_567_891}, {"tenant": "beta", "cost_nusd": 1, "arrival_s": 7200.0, "lost_nusd": 3}]
    record(tmp_path, "run-1", *rows, digest_of=in_force)
    return tmp_path


def test_both_forms_bill_what_the_report_says(data: Path) -> None:
    whole = report_cost(data).cost.total.cost_nusd + 3
    for name in ("charges.csv", "charges.parquet"):
        done = export_focus(data, data / name)
        assert (done.billed_nusd, done.rows, done.plan_known) == (whole, 2, True)
    with (data / "charges.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(data / "charges.parquet")
    assert sum(Decimal(row["BilledCost"]) for row in rows) * 10**9 == whole
    assert [Decimal(row["BilledCost"]) for row in rows] == table.column("BilledCost").to_pylist()
    assert rows[0]["ChargePeriodStart"] == "2026-02-01T00:00:00Z" and rows[0]["ChargeClass"] == ""
    assert list(rows[0]) == table.column_names and table.schema.metadata[b"FocusVersion"] == b"1.1"
    assert (rows[0]["ProviderName"], rows[0]["SubAccountId"]) == ("openai", "acme")


def test_the_command_says_what_was_written(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("export", "focus", "--data", str(data), "-o", str(data / "day.csv"), "--grain", "day", "--run", "run-1") == 0
    assert "2 rows of FOCUS 1.1, $1.234567895" in capsys.readouterr().err


def test_a_file_of_another_kind_is_refused(data: Path) -> None:
    with pytest.raises(SettingsError, match="neither CSV nor Parquet"):
        export_focus(data, data / "charges.xlsx")
    with pytest.raises(SettingsError, match="cannot be written"):
        export_focus(data, data / "nowhere" / "charges.csv")


def test_manifests_of_a_plans_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(SCALED, encoding="utf-8")
    assert ran("export", "keda", str(plan), "--prometheus", "http://prom:9090", "--namespace", "models") == 0
    assert capsys.readouterr().out == export_scaling(plan, "keda", "models", "http://prom:9090")
    assert ran("export", "hpa", str(plan)) == 0
    assert capsys.readouterr().out.count("kind: HorizontalPodAutoscaler") == 2
    plan.write_text("roteiro: 1\nnonsense: 1\n", encoding="utf-8")
    with pytest.raises(PlanError):
        export_scaling(plan, "hpa")
