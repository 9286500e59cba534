"""`simulate` and `predict`, as a person asks for them."""

import json
from pathlib import Path

import pytest
from tests.simulator.build import BUSY

from roteiro.ledger import Ledger
from roteiro.tasks.simulate import predict, simulate
from roteiro.terms.error import LedgerError, PlanError, SettingsError


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(BUSY)
    return path


def test_a_plan_is_simulated_over_seeds(plan: Path) -> None:
    found = simulate(plan, seeds=3, requests=800)
    assert found.seeds == (1, 2, 3) and found.requests == 2400 and not found.interrupted and found.runs == ()
    p95 = found.measured.total_ms.p95
    assert p95.low < p95.mean < p95.high
    assert found.demand == "gamma 60/s, cv 2" and found.service == "plan"
    assert any("primary.service.ttft" in one for one in found.assumed)
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["measured"]["tiers"]["gold"]["availability"]["mean"] == found.measured.tiers["gold"].availability.mean
    assert told["measured"]["ttft_ms"]["p95"]["mean"] > 0.0
    assert repr(simulate(plan, seeds=[2], requests=800).by_seed[2]) == repr(found.by_seed[2])


def test_a_duration_bounds_it_too(plan: Path) -> None:
    found = simulate(plan, seeds=1, duration_s=10.0)
    assert found.requests == pytest.approx(600, rel=0.35)


def test_a_trace_brings_its_own_arrivals_and_its_bad_rows_are_told(plan: Path, tmp_path: Path) -> None:
    rows = "".join(f"2023-11-16 18:17:{second:02}.5,50,20\n" for second in range(30))
    trace = tmp_path / "trace.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + rows + "nonsense,1,1\n")
    found = simulate(plan, demand=trace, seeds=2)
    assert found.requests == 60 and found.demand == "trace.csv"
    assert [problem.where.line for problem in found.problems if problem.code == "W913"] == [32]
    named = BUSY.replace("process: gamma, rate: 60/s, cv: 2", "process: trace, trace: trace.csv")
    plan.write_text(named)
    assert repr(simulate(plan, seeds=2).by_seed) == repr(found.by_seed)


def test_a_kept_run_can_be_asked_for_replayed_and_foretold(plan: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    kept = simulate(plan, data=data, seeds=1, requests=2500, journal=True)
    (run,) = kept.runs
    assert [(one.run, one.events) for one in Ledger(data).runs()] == [(run, 2500)]
    again = simulate(plan, demand=run, data=data, seeds=2)
    assert again.requests == 5000 and again.demand == f"run {run}" and again.service == f"fitted to {run}"
    assert repr(predict(data, run, seeds=2).by_seed) == repr(again.by_seed)
    measured = kept.by_seed[1]
    assert again.measured.total_ms.p95.mean == pytest.approx(measured.total_ms.p95, rel=0.15)
    assert again.measured.cost_usd.mean == pytest.approx(measured.cost_usd, rel=0.1)


def test_what_is_wrong_is_said(plan: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanError) as raised:
        bad = tmp_path / "bad.yaml"
        bad.write_text("providers: {a: {nam: x}}\nmodels: 3\n")
        simulate(bad)
    assert len(raised.value.problems) > 1
    with pytest.raises(PlanError, match="cannot be read"):
        simulate(plan, demand=tmp_path / "none.csv")
    with pytest.raises(SettingsError, match="data directory"):
        simulate(plan, demand="some-run")
    with pytest.raises(LedgerError, match="no run 'some-run'"):
        simulate(plan, demand="some-run", data=tmp_path)
    with pytest.raises(SettingsError, match="one seed"):
        simulate(plan, seeds=0)
