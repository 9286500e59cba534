"""What arrives is what the plan, a trace or a run says."""

from typing import Any

import numpy as np
import pytest
from tests.simulator.build import BUSY, busy, compiled, run, troubled

from roteiro.ledger import Head, MemoryLedger
from roteiro.simulator import demand
from roteiro.simulator.world import Simulation
from roteiro.terms.error import LedgerError, PlanError

MIX = """
  stream: 25%
  mix:
    - {tenant: acme, workload: bulk, model: chat, share: 60%}
    - {tenant: cleo, share: 40%}
  factors: {user_growth: 1.5, seasonality: 2}
  scenarios: {calm: {factors: {seasonality: 1}}}
"""


def recorded(events: Any, decisions: Any, simulation: Simulation) -> MemoryLedger:
    ledger = MemoryLedger()
    for table, rows in (("events", events), ("decisions", decisions)):
        if len(rows):
            ledger.writer(Head(table, "run-1", simulation.epoch_unix_s, simulation.compiled.names)).append(rows)  # type: ignore[arg-type]
    return ledger


def gaps(text: str) -> Any:
    plan = compiled(text)
    events, _ = run(Simulation(plan, demand.of_plan(plan), troubled(plan), 5), 20_000)
    return np.diff(np.sort(events["arrival_s"]))


@pytest.mark.parametrize(("process", "cv"), [("poisson", 1.0), ("gamma", 0.5), ("gamma", 3.0)])
def test_gaps_have_the_rate_and_the_variation_asked_for(process: str, cv: float) -> None:
    found = gaps(BUSY.replace("process: gamma, rate: 60/s, cv: 2", f"process: {process}, rate: 600/s, cv: {cv}"))
    assert found.mean() == pytest.approx(1 / 600, rel=0.08)
    assert found.std() / found.mean() == pytest.approx(cv, rel=0.08)


def test_mix_streams_and_factors_are_the_plan_s() -> None:
    text = BUSY + MIX
    plan = compiled(text)
    wanted = demand.of_plan(plan)
    assert wanted.rate_per_s == pytest.approx(180.0)
    assert demand.of_plan(plan, "calm").rate_per_s == pytest.approx(90.0)
    events, _ = run(Simulation(plan, wanted, troubled(plan), 3), 6000)
    names = plan.names
    acme = events["tenant"] == names.tenants.index("acme")
    assert acme.mean() == pytest.approx(0.6, abs=0.03)
    assert set(events["workload"][acme].tolist()) == {names.workloads.index("bulk")}
    assert set(events["workload"][~acme].tolist()) == {names.workloads.index("chat")}
    assert events["stream"].mean() == pytest.approx(0.25, abs=0.03)
    answered = events["output_tokens"] > 0
    assert np.median(events["input_tokens"][answered]) == pytest.approx(300, rel=0.1)
    assert np.median(events["output_tokens"][answered]) == pytest.approx(60, rel=0.1)


def test_what_is_assumed_is_said() -> None:
    text = BUSY[: BUSY.index("  input_tokens")]
    assert [one.split(":")[0] for one in demand.of_plan(compiled(text)).assumed] == [
        "demand.input_tokens", "demand.output_tokens", "demand.mix"
    ]  # fmt: skip


def test_a_plan_without_arrivals_and_an_unknown_scenario_are_problems() -> None:
    with pytest.raises(PlanError, match="E921"):
        demand.of_plan(compiled(BUSY[: BUSY.index("demand:")]))
    with pytest.raises(PlanError, match="E923"):
        demand.of_plan(compiled(), "storm")


@pytest.mark.parametrize("with_decisions", [True, False])
def test_a_run_s_arrivals_come_again(with_decisions: bool) -> None:
    simulation = busy(journal=True)
    events, decisions = run(simulation, 3000)
    ledger = recorded(events, decisions if with_decisions else decisions[:0], simulation)
    plan = compiled()
    found = demand.of_run(plan, ledger, "run-1")
    by_arrival = events[np.argsort(events["request"])]
    assert found.arrivals["at"].tolist() == by_arrival["arrival_s"].tolist()
    assert found.arrivals["key"].tolist() == by_arrival["key"].tolist()
    assert (found.arrivals["asks"] & 1).tolist() == by_arrival["stream"].tolist()
    answered = by_arrival["outcome"] == 0
    for name in ("input", "output"):
        assert found.arrivals[name][answered].tolist() == by_arrival[f"{name}_tokens"][answered].tolist()
    assert (found.arrivals["output"] > 0).all()
    again, _ = run(Simulation(plan, found, troubled(plan), 1), 10_000)
    assert sorted(again["arrival_s"].tolist()) == sorted(events["arrival_s"].tolist())


def test_a_run_under_a_plan_with_other_places_is_told_by_names() -> None:
    simulation = busy(journal=True)
    events, decisions = run(simulation, 500)
    ledger = recorded(events, decisions, simulation)
    other = compiled(BUSY.replace("  acme:", "  aaa: {workloads: [chat]}\n  acme:").replace("  beta: {workloads", "  zeta: {workloads"))
    found = demand.of_run(other, ledger, "run-1")
    beta = simulation.compiled.names.tenants.index("beta")
    assert len(found.arrivals) == int((events["tenant"] != beta).sum())
    assert "left out" in found.assumed[0]
    names = {other.names.keys[key] for key in found.arrivals["key"]}
    assert names == {"tenant:acme", "tenant:cleo"}


def test_a_key_made_while_the_server_ran_counts_as_its_tenants_own() -> None:
    simulation = busy(journal=True)
    events, decisions = run(simulation, 300)
    names = simulation.compiled.names
    names.keys[names.keys.index("tenant:beta")] = "beta-1"
    found = demand.of_run(plan := compiled(), recorded(events, decisions, simulation), "run-1")
    assert len(found.arrivals) == len(events) and found.assumed == ()
    by_arrival = events[np.argsort(events["request"])]
    tenants = [plan.names.keys[key].removeprefix("tenant:") for key in found.arrivals["key"]]
    assert tenants == [names.tenants[tenant] for tenant in by_arrival["tenant"]]


def test_an_empty_run_is_refused() -> None:
    with pytest.raises(LedgerError):
        demand.of_run(compiled(), MemoryLedger(), "none")
