"""Export what others read: the ledger's money in the FinOps format, the plan's scaling policies as manifests, its objectives as rules.

What must not live here: the formats (`analysis.focus`, `report.{kubernetes,prometheus,openslo,grafana}`).
"""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roteiro.analysis.focus import COLUMNS, FOCUS_VERSION, Grain, Vendor, focus
from roteiro.analysis.objective import Objective
from roteiro.plan.model import Plan
from roteiro.report.grafana import dashboard
from roteiro.report.kubernetes import hpa, keda, manifests
from roteiro.report.openslo import openslo, unspeakable
from roteiro.report.prometheus import prometheus_rule_object, prometheus_rules
from roteiro.tasks.check import checked
from roteiro.tasks.objectives_of import objectives_of
from roteiro.tasks.report import Period, Question
from roteiro.terms.error import SettingsError
from roteiro.terms.units import NUSD

__all__ = ["FocusExport", "Scaler", "export_dashboard", "export_focus", "export_openslo", "export_rules", "export_scaling"]

Scaler = Literal["keda", "hpa"]
FORMS: Final = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class FocusExport:
    """What was written: so many rows, which bill so much together. `plan_known`: whether vendors and teams could be named."""

    path: str
    version: str
    period: Period
    rows: int
    billed_nusd: int
    plan_known: bool


def export_focus(
    data: str | Path, to: str | Path, since: datetime | None = None, run: str | None = None, grain: Grain = "hour"
) -> FocusExport:
    """Write the charges of the live traffic, or of one run, as CSV or Parquet. Raises SettingsError and LedgerError."""
    path = Path(to)
    if path.suffix.lower() not in FORMS:
        raise SettingsError(f"{path.name} is neither CSV nor Parquet; name a file that ends in {' or '.join(FORMS)}")
    question = Question(Path(data), since, run)
    period = question.period()
    plan = question.plan(period)
    vendors = {} if plan is None else {name: Vendor(one.name, one.model) for name, one in plan.providers.items()}
    teams = {} if plan is None else {name: tenant.team for name, tenant in plan.tenants.items()}
    account = plan.name if plan is not None and plan.name else "roteiro"
    table = focus(question.ask("events", COLUMNS), account, vendors, teams, grain)
    try:
        if path.suffix.lower() == ".csv":
            write_csv(table, path)
        else:
            pq.write_table(table, path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}") from error
    billed = pc.sum(table.column("BilledCost")).as_py() or Decimal(0)
    return FocusExport(str(path), FOCUS_VERSION, period, len(table), int(billed * NUSD), plan is not None)


def write_csv(table: pa.Table, path: Path) -> None:
    """Numbers plain, times as ISO 8601 in UTC with Z, null as nothing, as the specification has them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        for row in table.to_pylist():
            writer.writerow([told(value) for value in row.values()])


def told(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return format(value, "f") if isinstance(value, Decimal) else value


def export_scaling(
    plan_path: str | Path, form: Scaler, namespace: str = "default", prometheus: str = "", environment: str | None = None
) -> str:
    """Manifests as one YAML text. Raises PlanError, and SettingsError where the plan scales nothing."""
    plan = checked(plan_path, environment).plan
    assert plan is not None
    if form == "hpa":
        return manifests(hpa(plan, namespace))
    return manifests(keda(plan, prometheus, namespace))


def export_rules(plan_path: str | Path, namespace: str | None = None, environment: str | None = None) -> str:
    """Rules for Prometheus as YAML; with a namespace, as an object for its operator.

    Raises PlanError, and SettingsError where the plan promises nothing.
    """
    plan, objectives = promised(plan_path, environment)
    tiers = {tier: tuple(name for name, one in plan.tenants.items() if one.tier == tier) for tier in plan.sla_tiers}
    rules = prometheus_rules(objectives, tiers)
    return manifests([rules if namespace is None else prometheus_rule_object(rules, namespace)])


def export_openslo(plan_path: str | Path, prometheus: str, environment: str | None = None) -> str:
    """OpenSLO documents as one YAML text; what it has no words for is named in its head. Raises as `export_rules`."""
    plan, objectives = promised(plan_path, environment)
    return "".join(f"# {line}\n" for line in unspeakable(objectives)) + manifests(openslo(plan, objectives, prometheus))


def export_dashboard(plan_path: str | Path, environment: str | None = None) -> str:
    """A dashboard for Grafana as JSON. Raises as `export_rules`."""
    return dashboard(*promised(plan_path, environment))


def promised(plan_path: str | Path, environment: str | None) -> tuple[Plan, tuple[Objective, ...]]:
    plan = checked(plan_path, environment).plan
    assert plan is not None
    if not (objectives := objectives_of(plan)):
        raise SettingsError("the plan promises nothing; write sla_tiers or slos")
    return plan, objectives
