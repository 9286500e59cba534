"""Rules for Prometheus: accepted by promtool, over metrics that there are, and deciding as the live alerts do."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.tasks.promised import PLAN, plan_file

from roteiro.gateway.metrics import FAMILIES
from roteiro.report.prometheus import RECORDED, prometheus_duration
from roteiro.tasks.export import export_dashboard, export_openslo, export_rules
from roteiro.terms.error import SettingsError

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here (scripts/install-monitoring-tools)")
OBJECTIVE = "enterprise.availability"


def unknown(text: str) -> set[str]:
    """Metrics in some text that the gateway has not."""
    known = {*FAMILIES, *(f"{name}_{end}" for name in FAMILIES for end in ("total", "bucket", "count", "sum"))}
    named = set(re.findall(r"\broteiro_[a-z0-9_:]+", text)) - {"roteiro_slo:objective:ratio"}
    return {name for name in named if name not in known and not name.startswith(RECORDED)}


def rules(tmp_path: Path, plan: str = PLAN) -> list[dict[str, Any]]:
    found: dict[str, Any] = YAML(typ="safe").load(export_rules(plan_file(tmp_path, plan)))
    return [rule for group in found["groups"] for rule in group["rules"]]


def test_every_metric_that_is_asked_for_is_one_that_the_gateway_tells(tmp_path: Path) -> None:
    plan = plan_file(tmp_path)
    assert unknown(export_rules(plan) + export_dashboard(plan) + export_openslo(plan, "http://p")) == set()


def test_every_objective_has_its_alerts_and_none_that_cannot_fire(tmp_path: Path) -> None:
    alerts: dict[str, list[str]] = {}
    for rule in rules(tmp_path):
        if "alert" in rule and "objective" in rule["labels"]:
            alerts.setdefault(rule["labels"]["objective"], []).append(rule["labels"].get("burn", rule["alert"]))
    assert alerts == {
        OBJECTIVE: ["14.4", "6", "3", "1"], "enterprise.latency_p95": ["14.4", "6", "3", "1"], "enterprise.leaks": ["RoteiroPromiseBroken"],
        "enterprise.cost": ["RoteiroCostOverPromise"], "basic.availability": ["6", "3", "1"], "fast": ["14.4", "6", "3", "1"],
    }  # fmt: skip


def test_nothing_is_recorded_twice(tmp_path: Path) -> None:
    found = rules(tmp_path, PLAN.replace("window: 30d", "window: 1d"))
    names = [rule["record"] for rule in found if "record" in rule and rule["record"] != RECORDED[3]]
    assert len(names) == len(set(names))


def test_a_rule_says_whom_to_tell(tmp_path: Path) -> None:
    told = {
        (rule["labels"]["severity"], rule["labels"].get("channels")) for rule in rules(tmp_path) if rule.get("alert", "").endswith("Burn")
    }
    assert {("page", "ops"), ("ticket", "mail"), ("page", None)} <= told


def test_without_promises_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="promises nothing"):
        export_rules(plan_file(tmp_path, "roteiro: 1\nproviders: {one: {name: openai, model: gpt-4o}}\n"))


@pytest.mark.parametrize(("seconds", "told"), [(60, "1m"), (300, "5m"), (90, "90s"), (3600, "1h"), (259_200, "3d"), (0.2, "1s")])
def test_durations(seconds: float, told: str) -> None:
    assert prometheus_duration(seconds) == told


def test_for_the_operator(tmp_path: Path) -> None:
    found = YAML(typ="safe").load(export_rules(plan_file(tmp_path), "monitoring"))
    assert (found["kind"], found["metadata"]["namespace"]) == ("PrometheusRule", "monitoring") and found["spec"]["groups"]


@needs_promtool
def test_promtool_accepts_them(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(export_rules(plan_file(tmp_path)))
    done = subprocess.run(["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stderr


def story(good: str, bad: str, at: str, fires: list[str]) -> dict[str, Any]:
    """What promtool is to see: counters by the minute, and which burns fire at a moment."""
    series = [
        {"series": f'roteiro_slo_{kind}_total{{objective="{OBJECTIVE}"}}', "values": values}
        for kind, values in (("good", good), ("bad", bad))
    ]
    names = [
        {
            "eval_time": at, "expr": f'count by (burn) (ALERTS{{alertname="RoteiroErrorBudgetBurn",objective="{OBJECTIVE}"}})',
            "exp_samples": [{"labels": f'{{burn="{burn}"}}', "value": 1} for burn in fires],
        }
    ]  # fmt: skip
    return {
        "interval": "1m", "input_series": [*series, {"series": "roteiro_up", "values": "1x240"}], "promql_expr_test": names,
    }  # fmt: skip


@needs_promtool
def test_promtool_sees_them_fire_and_keep_quiet(tmp_path: Path) -> None:
    """At 99.9 %: a healthy service, one failure among few requests, an outage of everything, a slow burn, and an outage that is over."""
    healthy = story("0+100x240", "0x240", "240m", [])
    lonely = story("0+0.2x240", "0x220 1x20", "230m", [])  # 12 an hour, and one fails: 83 times too fast, and chance
    outage = story("0+100x180 18000x60", "0x180 100+100x59", "200m", ["14.4", "6", "3", "1"])
    slow = story("0+100x240", "0+0.8x240", "240m", ["6", "3", "1"])  # 8 times too fast, all the time
    over = story("0+100x120 12000x20 12100+100x99", "0x120 100+100x19 2000x100", "180m", ["3", "1"])
    found = YAML(typ="safe").load(export_rules(plan_file(tmp_path)))
    for group in found["groups"]:
        group["rules"] = [one for one in group["rules"] if "alert" not in one or one["labels"].get("objective") == OBJECTIVE]
    file = {"rule_files": ["rules.yml"], "evaluation_interval": "5m", "tests": [healthy, lonely, outage, slow, over]}
    for name, content in (("rules.yml", found), ("tests.yml", file)):
        with (tmp_path / name).open("w") as out:
            YAML().dump(content, out)
    done = subprocess.run(["promtool", "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
