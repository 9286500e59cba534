"""The dashboard has the form that Grafana imports, and its panels do not lie over each other."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from tests.tasks.promised import plan_file

from roteiro.tasks.export import export_dashboard


def page(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(export_dashboard(plan_file(tmp_path)))
    return found


def test_it_has_what_an_import_asks_for(tmp_path: Path) -> None:
    found = page(tmp_path)
    assert found["title"] and found["uid"] and len(found["uid"]) <= 40 and "id" not in found and found["schemaVersion"] >= 36
    names = [one["name"] for one in found["templating"]["list"]]
    assert names == ["source", "objective"]
    for panel in found["panels"]:
        assert {"id", "type", "title", "gridPos"} <= panel.keys()
        for target in panel.get("targets", ()):
            assert target["expr"] and target["refId"] and target["datasource"]["uid"] == "${source}"
            assert "$objective" in target["expr"] or "roteiro_slo_good" not in target["expr"]


def test_panels_stand_beside_each_other(tmp_path: Path) -> None:
    panels = page(tmp_path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert one["x"] + one["w"] <= 24


def test_promised_bounds_are_lines(tmp_path: Path) -> None:
    (latency,) = [panel for panel in page(tmp_path)["panels"] if panel["title"].startswith("Answers")]
    lines = {target["legendFormat"]: target["expr"] for target in latency["targets"]}
    assert lines["enterprise.latency_p95"] == "vector(1)" and lines["fast"] == "vector(2)"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here (scripts/install-monitoring-tools)")
def test_its_queries_are_promql(tmp_path: Path) -> None:
    queries = [target["expr"] for panel in page(tmp_path)["panels"] for target in panel.get("targets", ())]
    rules = [
        {"record": f"query:{n}", "expr": re.sub(r"\$__\w+", "5m", query).replace("$objective", ".*")} for n, query in enumerate(queries)
    ]
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", "queries.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
