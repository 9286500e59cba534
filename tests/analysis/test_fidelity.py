"""Errors are what they say, parts add up, and a goal is missed only beyond chance."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.fidelity import Answer, Fidelity, Goals, compare, edges_of, facts, prediction_interval
from roteiro.terms.codes import Outcome
from roteiro.terms.edge import Names
from roteiro.terms.event import EVENT

NAMES = Names(
    targets=["one", "two"], routes=["chat"], tenants=["t"], workloads=["w"], keys=["k"], tiers=["gold"], regions=[], limits=[], budgets=[],
    rules=[], plans=["d"],
)  # fmt: skip
PROMISED = {"gold": (1000.0, math.nan)}


def events_of(n: int = 200, seed: int = 0, slower: float = 1.0, failing: int = 0) -> Any:
    """Streams that wait 10 ms, are told a first token after 100 ms and end after 400 to 600 ms, the second target 50 ms later."""
    draw = np.random.default_rng(seed)
    rows = np.zeros(n, EVENT)
    rows["arrival_s"] = np.arange(n) * 0.1
    rows["target"] = np.arange(n) % 2
    rows["queue_ms"], rows["ttft_ms"] = 10.0, 110.0
    rows["attempt_ms"] = (draw.uniform(400.0, 600.0, n) + rows["target"] * 50.0) * slower
    rows["total_ms"] = rows["queue_ms"] + rows["attempt_ms"]
    rows["outcome"], rows["attempts"], rows["cost_nusd"], rows["output_tokens"] = int(Outcome.SUCCESS), 1, 1000, 10
    rows["outcome"][:failing] = int(Outcome.FAILED)
    return rows


def judge(recorded: Any, *foretold: Any, goals: Goals | None = None) -> Fidelity:
    edges = edges_of(0.0, float(recorded["arrival_s"].max()), len(recorded))
    return compare(facts(recorded, NAMES, edges, PROMISED), [facts(one, NAMES, edges, PROMISED) for one in foretold], edges, goals)


def test_the_same_events_are_foretold_without_error() -> None:
    found = judge(events_of(), events_of())
    assert found.kept and found.requests == 200 and found.seeds == 1
    assert {figure.error for figure in found.figures if not math.isnan(figure.error)} == {0.0}
    assert {figure.answer for figure in found.figures} <= {Answer.MET, Answer.NO_GOAL}
    assert len(found.periods) == 3 and sum(period.requests for period in found.periods) == 200
    assert all(one.measured_ms == one.predicted_ms for one in found.percentiles)


def test_what_is_slower_is_told_with_the_part_it_is_of() -> None:
    recorded, foretold = events_of(), [events_of(seed=seed, slower=1.2) for seed in range(1, 4)]
    found = judge(recorded, *foretold)
    median = found.figure("total.p50")
    assert median is not None and median.answer is Answer.MISSED and median.error == pytest.approx(0.196, abs=0.03)
    assert not found.kept
    difference = np.mean([one["total_ms"].mean() for one in foretold]) - recorded["total_ms"].mean()
    assert sum(one.adds_ms for one in found.culprits) == pytest.approx(difference, rel=1e-5)
    assert {(one.target, one.part) for one in found.culprits[:2]} == {("one", "rest"), ("two", "rest")}


def test_beyond_its_goal_but_within_chance_is_not_missed() -> None:
    """Seeds that differ by a tenth: an error of a tenth is nothing that they show."""
    found = judge(events_of(), *(events_of(seed=1, slower=slower) for slower in (1.0, 1.1, 1.2)))
    median = found.figure("total.p50")
    assert median is not None and median.answer is Answer.CHANCE and median.low < median.measured < median.high
    assert found.kept


def test_shares_are_told_in_points() -> None:
    found = judge(events_of(failing=20), events_of(failing=26))
    available = found.figure("tier.gold.availability")
    assert available is not None and available.error == pytest.approx(-0.03) and available.answer is Answer.MISSED
    failed = found.figure("outcome.failed")
    assert failed is not None and (failed.measured, failed.predicted, failed.goal) == (0.1, 0.13, None)
    assert found.figure("tier.gold.first_in_time") is None, "nothing is promised of it"


def test_events_beyond_the_judged_time_do_not_count() -> None:
    rows = events_of()
    early = facts(rows, NAMES, np.array([0.0, 10.0]), PROMISED)
    assert early.figures["requests"] == 100 and early.answers == 100


@given(st.lists(st.floats(1.0, 100.0), min_size=2, max_size=30))
def test_an_interval_for_one_more_seed_is_about_the_mean_and_wider_than_that_of_the_mean(values: list[float]) -> None:
    mean, low, high = prediction_interval(np.array(values))
    assert low <= mean <= high
    assert high - low >= 3.9 * float(np.std(values, ddof=1)) * 0.99


def test_nothing_is_no_number() -> None:
    assert all(math.isnan(value) for value in prediction_interval(np.array([math.nan])))
    assert prediction_interval(np.array([3.0, math.nan])) == (3.0, 3.0, 3.0)
