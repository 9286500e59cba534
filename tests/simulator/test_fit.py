"""A fitted world serves as the record did."""

import numpy as np
import pytest
from tests.simulator.build import BUSY, busy, compiled, run
from tests.simulator.test_demand import recorded

from roteiro.policy.kernel import JIT
from roteiro.simulator import demand, service, table
from roteiro.simulator.fit import fit
from roteiro.simulator.fit_attempts import attempts_of
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import ErrorClass, Outcome
from roteiro.terms.error import LedgerError

CALM = (
    BUSY.replace("rate: 60/s", "rate: 20/s")
    .replace("concurrency: 40", "concurrency: 400")
    .replace("requests: 900/min", "requests: 90000/min")
).replace("timeouts: {first_token: 2s, attempt: 6s}", "timeouts: {first_token: 60s, attempt: 300s}")
"""Room for all, and patience: an answer that is cut off would tell only that it took longer."""


@pytest.mark.kernel
def test_attempts_are_those_that_the_events_count() -> None:
    events, decisions = run(busy(journal=True), 2500 if JIT else 200)
    attempts = attempts_of(decisions)
    assert len(attempts) == int(events["attempts"].sum())
    assert int((attempts["error_class"] == 0).sum()) == int((events["outcome"] == Outcome.SUCCESS).sum())
    assert (attempts["ended_s"] >= attempts["sent_s"]).all()
    heard = attempts["heard_s"] > 0.0
    assert (attempts["heard_s"][heard] >= attempts["sent_s"][heard]).all()


def test_times_and_failures_come_back() -> None:
    """Fitted to a run without weather: the plan's own spreads come out, for streams and for whole answers alone."""
    for stream in ("100%", "0%"):
        plan = compiled(CALM + f"  stream: {stream}\n")
        simulation = Simulation(plan, demand.of_plan(plan), service.of_plan(plan), 1, journal=True)
        ledger = recorded(*run(simulation, 12_000), simulation)
        fitted = fit(plan, ledger, "run-1").targets[plan.names.targets.index("primary")]
        tolerance = 0.06 if stream == "100%" else 0.35
        assert np.interp([0.5, 0.95], table.SHARES, fitted.ttft) == pytest.approx([0.4, 1.2], rel=tolerance)
        assert table.mean(fitted.itl) == pytest.approx(table.mean(table.lognormal(0.02, 0.05)), rel=0.05)


def test_weather_is_found_in_its_slices() -> None:
    simulation = busy(journal=True)
    ledger = recorded(*run(simulation, 4000), simulation)
    fitted = fit(simulation.compiled, ledger, "run-1").targets[0]
    inside = [one.failing[ErrorClass.SERVER] for one in fitted.weather if 21.0 <= one.start_s <= 24.0]
    before = [one.failing[ErrorClass.SERVER] for one in fitted.weather if 2.0 <= one.start_s <= 18.0]
    assert np.mean(inside) > 0.5 and np.mean(before) < 0.1


def test_a_prediction_of_a_recorded_run_is_near_it() -> None:
    """With its outage in the middle: same arrivals, fitted service; 95th percentile and cost within a tenth or so over a few seeds."""
    simulation = busy(7, journal=True)
    events, decisions = run(simulation, 6000)
    ledger = recorded(events, decisions, simulation)
    plan = compiled()
    wanted, world = demand.of_run(plan, ledger, "run-1"), fit(plan, ledger, "run-1")
    good = events["outcome"] == Outcome.SUCCESS
    measured = [float(np.quantile(events["total_ms"][good], 0.95)), float(events["cost_nusd"].sum()), float(good.mean())]
    predicted = []
    for seed in range(1, 5):
        rows, _ = run(Simulation(plan, wanted, world, seed), 10_000)
        ok = rows["outcome"] == Outcome.SUCCESS
        predicted.append([float(np.quantile(rows["total_ms"][ok], 0.95)), float(rows["cost_nusd"].sum()), float(ok.mean())])
    assert np.mean(predicted, axis=0) == pytest.approx(measured, rel=0.12)


def test_nothing_to_fit_is_said() -> None:
    simulation = busy(journal=True)
    events, decisions = run(simulation, 300)
    none = decisions[decisions["step"] == 1]
    with pytest.raises(LedgerError, match="no attempt"):
        fit(simulation.compiled, recorded(events, none[:1], simulation), "run-1")
