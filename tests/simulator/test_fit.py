"""A fitted world serves as the record did."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.simulator.build import BUSY, busy, compiled, run, troubled
from tests.simulator.test_demand import recorded

from roteiro.policy.kernel import JIT
from roteiro.simulator import demand, service, table
from roteiro.simulator.fit import fit, fitted
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
    """With its outage in the middle: same arrivals, fitted service; 95th percentile, cost and availability within a few per cent.

    The plan has room for all: where a record lies at the edge of its capacity, a breaker or a queue tips over or does not, by chance, and
    two seeds of the very same world are further apart than that.
    """
    plan = compiled(CALM)
    simulation = Simulation(plan, demand.of_plan(plan), troubled(plan), 7, journal=True)
    events, decisions = run(simulation, 6000)
    ledger = recorded(events, decisions, simulation)
    wanted, world = demand.of_run(plan, ledger, "run-1"), fit(plan, ledger, "run-1")
    measured = told(events)
    predicted = [told(run(Simulation(plan, wanted, world, seed), 10_000)[0]) for seed in range(1, 5)]
    assert np.mean(predicted, axis=0) == pytest.approx(measured, rel=0.05 if JIT else 0.12)


def told(events: npt.NDArray[Any]) -> list[float]:
    good = events["outcome"] == Outcome.SUCCESS
    return [float(np.quantile(events["total_ms"][good], 0.95)), float(events["cost_nusd"].sum()), float(good.mean())]


SLOPED = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", on_premises: true, limits: {concurrency: 1000},
        timeouts: {first_token: 60s, attempt: 300s}, service: {ttft: {median: 300ms, p95: 500ms}, ttft_per_token: 0.4ms,
        itl: {median: 10ms, p95: 20ms}, load: {capacity: 100, ttft: +300%, itl: +200%}, network: {median: 200ms, p95: 220ms}}}
models:
  chat: {targets: {one: 1}, timeouts: {total: 300s}}
workloads:
  chat: {priority: interactive, queue: {size: 1000, max_wait: 60s}, model: chat}
demand:
  arrivals: {process: gamma, rate: RATE/s, cv: 2}
  input_tokens: {median: 500, p95: 2000}
  output_tokens: {median: 80, p95: 300}
  stream: 100%
"""
"""A provider that slows down under load and reads long prompts longer; per attempt in flight 3 % to the first token and 2 % between."""


def sloped(rate: int, seed: int) -> tuple[Simulation, Any, Any]:
    plan = compiled(SLOPED.replace("RATE", str(rate)))
    simulation = Simulation(plan, demand.of_plan(plan), service.of_plan(plan), seed, journal=True)
    return simulation, *run(simulation, 8000 if JIT else 300)


@pytest.mark.skipif(not JIT, reason="takes many answers")
@pytest.mark.parametrize("weather", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_slopes_come_back_and_are_counted_once(weather: bool, told: bool) -> None:
    """Whether or not the plan tells the way, which is then not told from times."""
    simulation, events, decisions = sloped(14, 1)
    known = simulation.compiled if told else compiled(SLOPED.replace("RATE", "14").replace(", network: {median: 200ms, p95: 220ms}", ""))
    world, report = fitted(known, recorded(events, decisions, simulation), "run-1", weather=weather)
    one = world.targets[0]
    assert one.ttft_per_token_s == pytest.approx(4e-4, rel=0.10)
    assert one.ttft_load == pytest.approx(0.03, rel=0.15)
    assert one.itl_load == pytest.approx(0.02, rel=0.05)
    assert one.network is not None and one.network[0] == pytest.approx(0.2, rel=0.01 if told else 0.15)
    assert np.interp(0.5, table.SHARES, one.ttft) == pytest.approx(0.3, rel=0.15)
    assert table.mean(one.itl) == pytest.approx(table.mean(table.lognormal(0.01, 0.02)), rel=0.03)
    used = {parameter.name for parameter in report.targets[0].parameters if parameter.used}
    assert {"ttft_per_token", "ttft_load", "itl_load"} <= used


@pytest.mark.skipif(not JIT, reason="takes many answers")
def test_another_load_is_foretold_by_the_slopes() -> None:
    """Fitted at one load, foretold at a third of it and at a fifth more: medians within 5 %, tails within 10 %, though all of it shifts."""
    simulation, events, decisions = sloped(14, 1)
    world = fit(simulation.compiled, recorded(events, decisions, simulation), "run-1", weather=False)
    medians = []
    for rate in (5, 17):
        other, truth, _ = sloped(rate, 2)
        foretold, _ = run(Simulation(other.compiled, demand.of_plan(other.compiled), world, 2), 8000)
        for column in ("total_ms", "ttft_ms"):
            for share, tolerance in ((0.5, 0.05), (0.95, 0.10)):
                figures = [float(np.quantile(rows[column], share)) for rows in (foretold, truth)]
                assert figures[0] == pytest.approx(figures[1], rel=tolerance), (rate, column, share)
        medians.append(float(np.median(truth["total_ms"])))
    assert medians[1] > 1.3 * medians[0]


def test_nothing_to_fit_is_said() -> None:
    simulation = busy(journal=True)
    events, decisions = run(simulation, 300)
    none = decisions[decisions["step"] == 1]
    with pytest.raises(LedgerError, match="no attempt"):
        fit(simulation.compiled, recorded(events, none[:1], simulation), "run-1")
