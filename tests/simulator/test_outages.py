"""Outages: by calendar, by draw, alone and together."""

import math

import numpy as np
import pytest
from tests.simulator.build import compiled, run

from roteiro.policy.kernel import JIT
from roteiro.simulator import demand as demands
from roteiro.simulator import outages
from roteiro.simulator import service as services
from roteiro.simulator.outages import Outage, OutageDraws, drawn, laid_over
from roteiro.simulator.weather import FAIR, Slice
from roteiro.simulator.world import EPOCH_UNIX_S, Simulation
from roteiro.terms.codes import ErrorClass, Outcome
from roteiro.terms.error import InvariantError

DAY_S, HOUR_S = 86_400.0, 3_600.0
PLAN = """
roteiro: 1
providers:
  one: {name: openai, model: gpt-4o-mini, region: us, weight: 1, limits: {concurrency: 400}, timeouts: {first_token: 2s, attempt: 6s},
        service: {ttft: {median: 300ms, p95: 400ms}, itl: {median: 20ms, p95: 30ms}, outages: OUTAGES}}
  other: {name: openai, model: gpt-4o, region: us, weight: 0.001, limits: {concurrency: 400}}
  far: {name: anthropic, model: claude-3-5-haiku-latest, region: eu, weight: 0.001, limits: {concurrency: 400}}
models: {chat: {targets: {one: 1}, retry: {attempts: 1}}}
workloads: {chat: {model: chat}}
demand: {arrivals: {rate: 20/s}, output_tokens: {median: 50, p95: 60}, stream: 50%}
"""
BARE = PLAN.replace(", outages: OUTAGES", "")
REQUESTS = 800 if JIT else 400


def test_mean_times_are_those_asked_for() -> None:
    one = OutageDraws(5.0 * DAY_S, 2.5 * HOUR_S, 0.0, ("one",))
    found = sorted(drawn([one], 1, 20_000 * DAY_S), key=lambda row: row.start_s)
    starts = np.array([row.start_s for row in found])
    lengths = np.array([row.end_s - row.start_s for row in found])
    assert np.diff(starts).mean() == pytest.approx(5.0 * DAY_S, rel=0.05)
    assert lengths.mean() == pytest.approx(2.5 * HOUR_S, rel=0.05)
    assert np.diff(starts).std() == pytest.approx(5.0 * DAY_S, rel=0.08), "exponential"
    # Up for the share e^(-MTTR / MTBF): the union of the outages is what is missing.
    down, until = 0.0, 0.0
    for row in found:
        down += max(row.end_s - max(row.start_s, until), 0.0)
        until = max(until, row.end_s)
    assert 1.0 - down / (20_000 * DAY_S) == pytest.approx(math.exp(-2.5 / 120.0), abs=0.002)


def test_the_correlated_share_strikes_all_and_each_keeps_its_own_mean() -> None:
    slow, fast = OutageDraws(10.0 * DAY_S, HOUR_S, 0.2, ("a",)), OutageDraws(5.0 * DAY_S, 2.0 * HOUR_S, 0.4, ("b",))
    horizon = 50_000 * DAY_S
    found = drawn([slow, fast], 3, horizon)
    starts = {name: {row.start_s for row in found if row.targets == (name,)} for name in ("a", "b")}
    assert len(starts["a"]) == pytest.approx(5_000, rel=0.05)
    assert len(starts["b"]) == pytest.approx(10_000, rel=0.04)
    # The common cause comes at 0.4 / 5 a day; a joins in a quarter of it: a fifth of its own outages.
    together = starts["a"] & starts["b"]
    assert len(together) / len(starts["a"]) == pytest.approx(0.2, abs=0.02)


def test_another_providers_rate_leaves_ones_outages_as_they_were() -> None:
    a = OutageDraws(5.0 * DAY_S, HOUR_S, 0.0, ("a",))
    b, calmer = OutageDraws(5.0 * DAY_S, HOUR_S, 0.0, ("b",)), OutageDraws(9.0 * DAY_S, HOUR_S, 0.0, ("b",))
    one, other = ([row for row in drawn([a, last], 4, 400 * DAY_S) if row.targets == ("a",)] for last in (b, calmer))
    assert one == other != []
    assert drawn([a], 4, 400 * DAY_S) == one != drawn([a], 5, 400 * DAY_S)


def test_outages_that_overlap_strike_what_the_others_left() -> None:
    shares = np.zeros(len(ErrorClass))
    shares[ErrorClass.SERVER] = 0.1
    weather = (Slice(failing=shares), Slice(50.0, 2.0, 1.0))
    rows = laid_over(
        weather,
        [
            Outage(("x",), 10.0, 60.0, ErrorClass.SERVER, 0.5),
            Outage(("x",), 20.0, 30.0, ErrorClass.CONNECTION, 0.8),
            Outage(("x",), 55.0, 70.0, "slow", slow=3.0),
        ],
    )
    assert [row.start_s for row in rows] == [0.0, 10.0, 20.0, 30.0, 50.0, 55.0, 60.0, 70.0]
    assert [round(float(row.failing[ErrorClass.SERVER]), 6) for row in rows] == [0.1, 0.55, 0.11, 0.55, 0.5, 0.5, 0.0, 0.0]
    assert [float(row.failing[ErrorClass.CONNECTION]) for row in rows] == [0, 0, 0.8, 0, 0, 0, 0, 0]
    assert [row.slow_ttft for row in rows] == [1, 1, 1, 1, 2, 6, 6, 2]
    assert [row.breaks for row in rows] == [0, 0, 0.8, 0, 0, 0, 0, 0]
    assert len(laid_over(FAIR, [])) == 1


@pytest.mark.parametrize(
    ("kind", "error_class"),
    [("hard", ErrorClass.CONNECTION), ("errors", ErrorClass.SERVER), ("silent", ErrorClass.TIMEOUT), ("slow", None)],
)
def test_each_kind_of_outage_fails_in_its_own_way(kind: str, error_class: ErrorClass | None) -> None:
    text = BARE.replace("models: {chat: {targets: {one: 1}", "models: {chat: {targets: {one: 1}, timeouts: {total: 9s}")
    text = text.replace(
        "timeouts: {first_token: 2s, attempt: 6s}", "timeouts: {first_token: 2s, attempt: 6s}, breaker: {minimum_calls: 99999}"
    )
    plan = compiled(text)
    world = outages.with_outage(services.of_plan(plan), ["one"], 5.0, 8.0, kind)
    rows, _ = run(Simulation(plan, demands.of_plan(plan), world, 2), REQUESTS)
    within = (rows["arrival_s"] > 5.0) & (rows["arrival_s"] < 13.0)
    before = rows["ended_s"] < 5.0
    assert (rows["error_class"][before] == 0).all() and before.any()
    if error_class is None:
        assert rows["attempt_ms"][within].mean() > 3.0 * rows["attempt_ms"][before].mean()
    else:
        assert (rows["error_class"][within] == error_class).all()
    broken = (rows["arrival_s"] < 4.999) & (rows["ended_s"] >= 5.0)
    assert broken.any()
    # A hard outage breaks what is under way, there and then; the others let it end.
    expected = int(ErrorClass.CONNECTION) if kind == "hard" else 0
    assert (rows["error_class"][broken] == expected).all()
    if kind == "hard":
        assert rows["ended_s"][broken] == pytest.approx(5.0)


def test_the_calendar_is_always_kept_and_draws_only_come_when_asked() -> None:
    calendar = "[{from: 2026-01-05T00:00:10Z, for: 5s}, {after: 20s, for: 5s, kind: errors, share: 50%}]"
    plan = compiled(PLAN.replace("OUTAGES", calendar))
    world = services.of_plan(plan)
    assert [(row.start_s, row.unix) for row in world.outages] == [(EPOCH_UNIX_S + 10.0, True), (20.0, False)]
    assert world.draws == ()
    rows, _ = run(Simulation(plan, demands.of_plan(plan), world, 2), REQUESTS)
    struck = rows["error_class"] != 0
    seconds = set((rows["arrival_s"][struck] // 1).astype(int).tolist())
    assert seconds and seconds <= {*range(8, 15), *range(20, 25)}
    share = struck[(rows["arrival_s"] > 20.0) & (rows["arrival_s"] < 25.0)]
    if JIT:
        assert 0.3 < share.mean() < 0.7


def test_the_catalogue_tells_how_often_vendors_are_down() -> None:
    plan = compiled(BARE)
    draws = {row.targets: row for row in outages.draws_of(plan)}
    assert set(draws) == {("one", "other"), ("far",)}, "what one vendor serves goes down together"
    assert draws["one", "other"].mtbf_s == pytest.approx(5.64 * DAY_S) and draws["far",].mttr_s == pytest.approx(2.81 * HOUR_S)
    own = compiled(PLAN.replace("OUTAGES", "{mtbf: 1d, mttr: 1h, correlated: 10%, kind: slow}"))
    said = {row.targets: row for row in outages.draws_of(own)}
    assert said["one",] == OutageDraws(DAY_S, HOUR_S, 0.1, ("one",), "slow")
    assert {row.correlated for row in outages.draws_of(own, correlated=0.3)} == {0.3}


def test_a_region_is_lost_with_all_that_is_in_it() -> None:
    plan = compiled(BARE)
    world = outages.with_region_lost(services.of_plan(plan), plan, "us", 1.0, 2.0)
    assert set(world.outages[0].targets) == {"one", "other"}
    with pytest.raises(InvariantError, match="no provider of the plan is in region 'mars'"):
        outages.with_region_lost(world, plan, "mars", 1.0, 2.0)


def test_drawn_outages_differ_by_seed_and_are_the_same_for_one() -> None:
    plan = compiled(BARE)
    often = OutageDraws(10.0, 3.0, 0.0, ("one",))
    world = outages.with_draws(services.of_plan(plan), [often])
    told = []
    for seed in (1, 1, 2):
        rows, _ = run(Simulation(plan, demands.of_plan(plan), world, seed), REQUESTS)
        told.append(rows["outcome"].tolist())
        assert (rows["outcome"] != Outcome.SUCCESS).any()
    assert told[0] == told[1] != told[2]
