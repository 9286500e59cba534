"""Reports on a simulated run: they say what the run counted itself, and what they would say of the same events if these were live."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.test_main import call
from tests.simulator.build import BUSY

from roteiro.ledger import Head, Ledger, SegmentWriter
from roteiro.tasks.report import report_cost, report_traffic
from roteiro.tasks.service_levels import report_sla
from roteiro.tasks.simulate import SimulationResult, simulate
from roteiro.terms.codes import World

REQUESTS = 1500


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulationResult]:
    """A run whose budgets, limits and queues bind, with its events and decisions."""
    data = tmp_path_factory.mktemp("data")
    (data / "plan.yaml").write_text(BUSY)
    return data, simulate(data / "plan.yaml", data=data, seeds=1, requests=REQUESTS, keep=True, journal=True)


def test_a_report_says_what_the_run_counted(kept: tuple[Path, SimulationResult]) -> None:
    data, result = kept
    (run,), (measured,) = result.runs, result.by_seed.values()
    levels, money, moves = report_sla(data, run=run), report_cost(data, run=run), report_traffic(data, run=run)
    assert levels.period.world == "simulated" and levels.period.requests == REQUESTS and levels.period.digests == (result.digest,)
    assert levels.targets_known and money.budgets_known
    assert money.cost.total.cost_nusd / 1e9 == pytest.approx(measured.cost_usd, rel=1e-9)
    told = {name: count / REQUESTS for name, count in moves.traffic.outcomes.items() if count}
    assert told == pytest.approx({name: share for name, share in measured.outcomes.items() if share})
    assert len(told) > 1, "not all were answered"
    tiers = {one.tier: one for one in levels.sla.tiers}
    assert tiers["gold"].attained("availability").share == pytest.approx(measured.tiers["gold"].availability, abs=1e-6)
    assert any(one.spent_nusd for one in money.budgets)


def test_the_same_events_live_are_reported_alike(kept: tuple[Path, SimulationResult], tmp_path: Path) -> None:
    data, result = kept
    (run,) = result.runs
    ledger = Ledger(data)
    head = ledger.head(run)
    for table in ("events", "decisions"):
        rows = ledger.rows(table, run).copy()
        if table == "events":
            rows["world"] = World.LIVE
        writer = SegmentWriter(tmp_path, Head(table, "live-1", head.epoch_s, head.names))
        for first in range(0, len(rows), 500):
            writer.append(rows[first : first + 500])
        writer.seal()
    shutil.copytree(data / "run" / run, tmp_path / "run" / "live-1")  # the plan that was in force
    assert report_sla(tmp_path).sla == report_sla(data, run=run).sla
    assert report_cost(tmp_path).cost == report_cost(data, run=run).cost
    assert report_traffic(tmp_path).traffic == report_traffic(data, run=run).traffic
    live, simulated = report_sla(tmp_path).period, report_sla(data, run=run).period
    assert replace(live, data="", run=None, world=None) == replace(simulated, data="", run=None, world=None)


def test_a_run_without_a_journal_has_its_promises_too(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(BUSY)
    (run,) = simulate(tmp_path / "plan.yaml", data=tmp_path / "data", seeds=1, requests=300, keep=True).runs
    levels, money = report_sla(tmp_path / "data", run=run), report_cost(tmp_path / "data", run=run)
    assert levels.targets_known and levels.sla.tiers[0].attained("availability").target == 0.99
    assert money.budgets_known and [one.name for one in money.budgets] == ["tenant/acme/daily"]


@pytest.mark.parametrize("what", ["sla", "traffic", "cost"])
def test_the_commands_tell_of_a_simulated_run(what: str, kept: tuple[Path, SimulationResult], capsys: pytest.CaptureFixture[str]) -> None:
    data, result = kept
    words = ("report", what, "--data", str(data), "--run", result.runs[0])
    for lang in ("en", "pt-BR"):
        assert call(*words, "--lang", lang, "--markdown") == 0
        assert result.runs[0] in capsys.readouterr().out
    assert call(*words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["period"]["requests"] == REQUESTS and told["period"]["world"] == "simulated"
