"""A floor from a ledger on disk: an overlay that the plan takes up, with the start-up that was measured."""

from pathlib import Path

import numpy as np
import pytest
from tests.analysis.build import EPOCH_S, NAMES
from tests.tasks.test_money import ran
from tests.tasks.test_report import record

from roteiro.ledger import SegmentWriter
from roteiro.ledger.place import TABLES
from roteiro.ledger.schema import Head
from roteiro.plan.read import read
from roteiro.tasks.floor import export_floor, overlay
from roteiro.terms.codes import Step
from roteiro.terms.error import SettingsError

PLAN = """
roteiro: 1
providers:
  primary: {name: local, model: m, price: {input: $0/M, output: $0/M}, local: {slots: 2},
            servers: {replicas: 1, least: 1, most: 2, batch: 2, start_up: 90s}}
models: {chat: {targets: [primary]}}
tenants: {t: {}}
scaling_policies: {token_based: {scale_up_threshold: 100, scale_down_threshold: 10}}
"""
BUSY_HOURS, HOUR_S = range(9, 12), 3600.0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three days: five requests at once from 9 to 12 o'clock, one else. Two servers were started, in 2 and in 3 seconds."""
    midnight = -(EPOCH_S % 86_400.0)
    rows = [
        {"arrival_s": midnight + HOUR_S * hour, "target": "primary", "total_ms": 1000.0 * HOUR_S}
        for hour in range(24, 96)
        for _ in range(5 if hour % 24 in BUSY_HOURS else 1)
    ]
    record(tmp_path, "run-1", *rows)
    packed = np.zeros(3, TABLES["decisions"])
    packed["seq"], packed["step"], packed["a"] = range(3), Step.CAPACITY, NAMES.targets.index("primary")
    packed["d"] = 0, 2000, 3000
    writer = SegmentWriter(tmp_path, Head("decisions", "run-1", EPOCH_S, NAMES))
    writer.append(packed)
    writer.seal()
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path


def test_the_overlay_is_one_that_the_plan_takes_up(data: Path) -> None:
    (floor,) = export_floor(data / "plan.yaml", data)
    assert floor.replicas == tuple(2 if hour in BUSY_HOURS else 1 for hour in range(24)), "three would be wanted, and most is two"
    assert floor.start_up is not None and (floor.start_up.starts, floor.start_up.median_s) == (2, 2.5)
    (data / "plan.floor.yaml").write_text(overlay((floor,)))
    plan = read(data / "plan.yaml", "floor").plan
    assert plan is not None and plan.scaling_policies.floor["primary"].replicas == floor.replicas
    assert plan.providers["primary"].servers is not None and plan.providers["primary"].servers.start_up_s == 2.5


def test_the_command_prints_it_and_says_where_it_is_from(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("export", "floor", str(data / "plan.yaml"), "--data", str(data)) == 0
    said = capsys.readouterr().out
    assert "start_up: 2.5s  # median of 2 measured starts, the longest 3s" in said
    assert "# from 3.0 days, at most 5.0 requests at once" in said


def test_what_gives_no_floor_says_why(data: Path) -> None:
    for change, words in (("most: 2", "most: 1"), "no provider has servers"), (("primary", "other"), "has no request that other answered"):
        (data / "plan.yaml").write_text(PLAN.replace(*change))
        with pytest.raises(SettingsError, match=words):
            export_floor(data / "plan.yaml", data)
