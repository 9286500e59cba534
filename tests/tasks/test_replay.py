"""`replay`, as a person asks for it."""

import json
from pathlib import Path

import pytest
from tests.simulator.build import BUSY

from roteiro.tasks.replay import replay
from roteiro.tasks.simulate import simulate
from roteiro.terms.error import LedgerError


def test_a_simulated_run_with_its_journal_replays_identically(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(BUSY)
    (run,) = simulate(plan, data=tmp_path, seeds=1, requests=2000, journal=True).runs
    found = replay(tmp_path, run)
    assert found.identical and found.events == found.same_events == 2000
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["identical"] is True and told["decisions"] == told["same_decisions"] > 4000 and told["first_difference"] is None


def test_a_run_without_its_plan_or_its_decisions_cannot_be_replayed(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(BUSY)
    (run,) = simulate(plan, data=tmp_path, seeds=1, requests=100, keep=True).runs
    with pytest.raises(LedgerError, match="plan version 0"):
        replay(tmp_path, run)
    with pytest.raises(LedgerError, match="no run 'nobody'"):
        replay(tmp_path, "nobody")
