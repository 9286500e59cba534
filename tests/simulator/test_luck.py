"""Common random numbers: the same luck for the same request, whatever a plan makes of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import compiled, run

from roteiro.policy.kernel import JIT, entry
from roteiro.simulator import demand as demands
from roteiro.simulator import draw
from roteiro.simulator import service as services
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import Outcome

PAIR = """
roteiro: 1
providers:
  one: {name: sandbox, model: a, base_url: "http://127.0.0.1:9", weight: 50, limits: {concurrency: 4000}, breaker: {minimum_calls: 1000000},
        service: {ttft: {median: 300ms, p95: 900ms}, errors: {server: 10%}, network: {median: 20ms, p95: 60ms}}}
  two: {name: sandbox, model: b, base_url: "http://127.0.0.1:9", weight: 50, limits: {concurrency: 4000}, breaker: {minimum_calls: 1000000},
        service: {ttft: {median: 200ms, p95: 700ms}, errors: {server: 10%, connection: 2%}}}
models: {chat: {targets: {one: 50, two: 50}, retry: {attempts: 3}}}
workloads: {chat: {model: chat}}
demand:
  arrivals: {process: gamma, rate: 50/s, cv: 2}
  stream: 50%
"""
REQUESTS = 3000 if JIT else 300


@entry
def draws(word: int, out: Any) -> None:
    for i in range(out.shape[0]):
        out[i] = draw.chance(word, i)


def events_of(text: str, seed: int = 5) -> Any:
    plan = compiled(text)
    rows, _ = run(Simulation(plan, demands.of_plan(plan), services.of_plan(plan), seed), REQUESTS)
    return rows[np.argsort(rows["request"])]


def test_the_luck_is_splitmix64() -> None:
    """The first words that its authors' program gives for the seed 0."""
    out = np.empty(3)
    draws(0, out)
    words = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert out.tolist() == [(word >> 11) * 2.0**-53 for word in words]


def test_draws_are_uniform_and_neighbours_differ() -> None:
    one, other = np.empty(20_000), np.empty(20_000)
    draws(draw.seeded(1, 1)[0] >> 1, one)
    draws(draw.seeded(2, 1)[0] >> 1, other)
    assert np.histogram(one, 10, (0, 1))[0] == pytest.approx(2000, abs=200)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 0.03


def test_another_weight_leaves_what_befalls_a_request_at_the_same_target_as_it_was() -> None:
    """To the bit, attempt by attempt: here the first attempts that were also the last."""
    even, uneven = events_of(PAIR), events_of(PAIR.replace("{one: 50, two: 50}", "{one: 80, two: 20}"))
    assert even["arrival_s"].tolist() == uneven["arrival_s"].tolist()
    assert even["input_tokens"].tolist() == uneven["input_tokens"].tolist() or (even["outcome"] != uneven["outcome"]).any()
    same = (even["attempts"] == 1) & (uneven["attempts"] == 1) & (even["target"] == uneven["target"])
    moved = (even["attempts"] == 1) & (uneven["attempts"] == 1) & (even["target"] != uneven["target"])
    assert same.sum() > REQUESTS / 2 and moved.sum() > REQUESTS / 10
    for column in ("attempt_ms", "ttft_ms", "output_tokens", "outcome", "error_class", "cost_nusd", "total_ms"):
        assert even[column][same].tobytes() == uneven[column][same].tobytes(), column


def test_a_second_attempt_has_its_own_luck_and_the_answer_keeps_its_length() -> None:
    """A length that the demand says or that a target draws is the request's, whoever answers and however often it was tried."""
    even, uneven = events_of(PAIR), events_of(PAIR.replace("{one: 50, two: 50}", "{one: 20, two: 80}"))
    answered = (even["outcome"] == Outcome.SUCCESS) & (uneven["outcome"] == Outcome.SUCCESS)
    assert (even["attempts"][answered] != uneven["attempts"][answered]).any()
    assert even["output_tokens"][answered].tolist() == uneven["output_tokens"][answered].tolist()


def test_common_numbers_tell_two_plans_apart_sooner() -> None:
    """The difference of two plans varies far less over seeds than each of them does."""
    slower = PAIR.replace("median: 300ms, p95: 900ms", "median: 330ms, p95: 990ms")
    differences, singles = [], []
    for seed in range(6):
        one, other = (events_of(text, seed)["total_ms"].astype(float).mean() for text in (PAIR, slower))
        differences.append(other - one)
        singles.append(one)
    assert np.mean(differences) > 0.0
    assert np.var(differences) < 0.1 * np.var(singles)


def test_the_journey_learns_no_length_before_it_is_produced() -> None:
    """With answers of another length, whatever was decided before the first answer's end is decided alike."""
    plan = compiled(PAIR)
    wanted = demands.of_plan(plan)
    lengths = wanted.streams[0].lengths
    assert lengths.output is not None
    longer = wanted.with_lengths(replace(lengths, output=lengths.output * 3.0))
    told = []
    for demand in (wanted, longer):
        _, decisions = run(Simulation(plan, demand, services.of_plan(plan), 5, journal=True), 60)
        ends = decisions["now_s"][decisions["step"] == 5]
        told.append(decisions[decisions["now_s"] < float(ends.min())])
    first = min(float(rows["now_s"].max()) for rows in told)
    one, other = (rows[rows["now_s"] <= first] for rows in told)
    assert len(one) == len(other) > 3
    for column in ("step", "a", "b", "c", "d", "e", "u", "command", "argument", "reason"):
        assert one[column].tolist() == other[column].tolist(), column
