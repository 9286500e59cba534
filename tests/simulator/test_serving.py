"""How attempts fare, against what theory says: times with input and load, tails, classes of failure, quotas."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import QUEUE, compiled, run

from roteiro.plan.compile import RingSizes
from roteiro.policy.kernel import JIT
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator import table
from roteiro.simulator.groups import Lengths
from roteiro.simulator.service import Quota, ServiceWorld, TargetService
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import ErrorClass, Outcome, Step

REQUESTS = 40_000 if JIT else 200
MANY = RingSizes(1 << 13, 1 << 14, 1 << 17)
ONE = TargetService(ttft=table.constant(1.0), itl=table.constant(0.0), output=table.constant(1.0))
ONCE = QUEUE.replace("timeouts: {total: 4w}", "timeouts: {total: 4w}, retry: {attempts: 1}")


def world(
    target: TargetService, rate: float, *, text: str = ONCE, servers: int = 4000, output: float = 1.0, stream: float = 0.0, seed: int = 3,
    inputs: table.Table | None = None, journal: bool = False,
) -> Simulation:  # fmt: skip
    """Poisson arrivals at one target."""
    plan = compiled(text.replace("SERVERS", str(servers)), MANY)
    drawn = demands.drawn(plan, "poisson", 0, rate, 1.0)
    lengths = Lengths(drawn.streams[0].lengths.input if inputs is None else inputs, table.constant(output))
    drawn = replace(drawn, streams=tuple(replace(group, lengths=lengths, stream=stream) for group in drawn.streams))
    return Simulation(plan, drawn, ServiceWorld("one", (target,)), seed, journal=journal)


def mean_s(rows: Any) -> float:
    return float(rows["total_ms"].mean(dtype=float)) / 1e3


def test_the_first_token_waits_for_each_token_of_the_input() -> None:
    target = replace(ONE, ttft=table.constant(0.2), ttft_per_token_s=0.001)
    rows, _ = run(world(target, 1.0, stream=1.0), 400 if JIT else 50)
    expected = 200.0 + 1.0 * rows["input_tokens"]
    assert rows["ttft_ms"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.skipif(not JIT, reason="wants many requests")
def test_load_slows_the_first_token_as_theory_says() -> None:
    """Poisson arrivals see the mean number in service (R. Wolff, 1982), so E[S] = D (1 + a E[N]) and by Little's law E[N] = λ E[S]:
    E[S] = D / (1 - a λ D)."""
    rate, load = 20.0, 0.02
    target = replace(ONE, ttft=table.exponential(1.0), ttft_load=load)
    base = table.mean(target.ttft)
    rows, _ = run(world(target, rate), 400_000)
    assert mean_s(rows[2000:]) == pytest.approx(base / (1.0 - load * rate * base), rel=0.015)


@pytest.mark.skipif(not JIT, reason="wants many requests")
def test_load_slows_the_time_between_tokens_as_theory_says() -> None:
    """The same with n - 1 gaps of mean g: E[S] = D + (n - 1) g (1 + a E[N])."""
    rate, load, gap, tokens = 10.0, 0.01, 0.01, 101
    target = replace(ONE, ttft=table.constant(0.1), itl=table.constant(gap), output=table.constant(float(tokens)), itl_load=load)
    rows, _ = run(world(target, rate, output=float(tokens)), 200_000)
    whole = (tokens - 1) * gap
    assert mean_s(rows[2000:]) == pytest.approx((0.1 + whole) / (1.0 - whole * load * rate), rel=0.015)


def test_a_power_tail_goes_through_its_three_quantiles() -> None:
    tail = table.power_tailed(1.0, 3.0, 9.0)
    at = [float(np.interp(share, table.SHARES, tail)) for share in (0.5, 0.95, 0.99, 0.998)]
    power = math.log(3.0) / math.log(5.0)
    assert at == pytest.approx([1.0, 3.0, 9.0, 3.0 * 25.0**power], rel=0.02)
    assert (np.diff(tail) >= 0.0).all()
    light = table.lognormal(1.0, 3.0)
    assert tail[-2] > 2.0 * light[-2]


@pytest.mark.parametrize(("share", "factor"), [(0.02, 10.0), (0.3, 3.0)])
def test_a_share_of_times_is_longer_by_a_factor(share: float, factor: float) -> None:
    body = table.lognormal(1.0, 3.0)
    both = table.mixed(body, share, factor)
    assert table.mean(both) == pytest.approx(table.mean(body) * (1.0 + share * (factor - 1.0)), rel=0.02)
    assert (np.diff(both) >= 0.0).all()
    assert table.mean(table.mixed(table.constant(2.0), share, factor)) == pytest.approx(2.0 * (1.0 + share * (factor - 1.0)), rel=0.02)


def test_each_class_of_failure_has_its_share_and_its_time() -> None:
    text = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", limits: {concurrency: 4000}, timeouts: {first_token: 5s, attempt: 9s},
        breaker: {minimum_calls: 1000000}, service: {ttft: {median: 100ms, p95: 200ms}, itl: {median: 1ms, p95: 2ms}, errors: {
        server: {share: 4%, after: {median: 2s, p95: 3s}}, timeout: 2%, rate_limit: 0, connection: 5%, content: 3%, auth: 0, protocol: 1%},
        midstream: 50%}}
models: {chat: {targets: {one: 1}, retry: {attempts: 1}, timeouts: {total: 4w}, on_exhausted: fail_fast}}
workloads: {chat: {model: chat}}
demand: {arrivals: {rate: 50/s}, output_tokens: {median: 50, p95: 100}, stream: 50%}
"""
    plan = compiled(text, MANY)
    rows, _ = run(Simulation(plan, demands.of_plan(plan), services.of_plan(plan), 7), REQUESTS)
    shares = np.bincount(rows["error_class"], minlength=len(ErrorClass)) / len(rows)
    wanted = {"SERVER": 0.04, "TIMEOUT": 0.02, "CONNECTION": 0.05, "CONTENT": 0.03, "PROTOCOL": 0.01}
    for name, share in wanted.items():
        assert shares[ErrorClass[name]] == pytest.approx(share, abs=4.0 * math.sqrt(share / len(rows))), name
    took = {name: rows["attempt_ms"][rows["error_class"] == ErrorClass[name]] for name in wanted}
    if JIT:
        assert np.median(took["SERVER"]) == pytest.approx(2000.0, rel=0.05)
        assert np.median(took["CONNECTION"]) == pytest.approx(10.0, rel=0.05)
    assert took["TIMEOUT"].min() >= 4999.0
    failed_streams = rows[(rows["error_class"] == ErrorClass.SERVER) & (rows["outcome"] != Outcome.SUCCESS)]
    assert len(failed_streams)


def test_the_way_is_added_to_answers_and_to_refused_connections() -> None:
    near = replace(ONE, weather=failing(ErrorClass.CONNECTION, 0.5))
    far = replace(near, network=table.constant(0.25))
    one, other = (run(world(target, 5.0), 200)[0] for target in (near, far))
    one, other = one[np.argsort(one["request"])], other[np.argsort(other["request"])]
    assert set(one["error_class"].tolist()) == {0, int(ErrorClass.CONNECTION)}
    assert one["error_class"].tolist() == other["error_class"].tolist()
    assert other["attempt_ms"] - one["attempt_ms"] == pytest.approx(250.0, rel=1e-4)


def failing(error_class: ErrorClass, share: float) -> tuple[services.Slice, ...]:
    shares = np.zeros(len(ErrorClass))
    shares[error_class] = share
    return (services.Slice(failing=shares),)


def admitted(rows: Any) -> Any:
    return rows[rows["outcome"] == Outcome.SUCCESS]


def sent_s(rows: Any) -> Any:
    """When the last attempts began."""
    return np.sort(rows["ended_s"] - rows["attempt_ms"].astype(float) / 1e3)


def test_a_sliding_quota_lets_no_more_in_than_it_says() -> None:
    """In any stretch of time at most its rate's worth and the burst, whatever is asked of it."""
    target = replace(ONE, ttft=table.constant(0.01), quota=Quota(requests_per_s=2.0, burst_s=5.0))
    rows, _ = run(world(target, 6.0), 1500 if JIT else 150)
    passed = sent_s(admitted(rows))
    assert 0 < len(passed) < len(rows)
    for n in (2, 5, 20, 100):
        if n < len(passed):
            assert (passed[n:] - passed[:-n]).min() >= (n - 10) / 2.0 - 1e-3
    assert len(passed) <= 2.0 * float(rows["ended_s"].max()) + 11


def test_a_quota_by_the_minute_starts_afresh_at_the_full_minute() -> None:
    target = replace(ONE, ttft=table.constant(0.01), quota=Quota(requests_per_s=1.0, window_s=60.0))
    rows, _ = run(world(target, 3.0), 1500 if JIT else 250)
    passed = sent_s(admitted(rows)) + 1e-4
    minutes = np.bincount((passed // 60.0).astype(int))
    assert (minutes <= 60).all() and minutes.max() == 60


@pytest.mark.parametrize("window_s", [0.0, 60.0])
def test_tokens_that_a_quota_lets_in_stay_within_it(window_s: float) -> None:
    """Over the whole run: the rate's worth, one burst (or window), and what was under way."""
    target = replace(ONE, ttft=table.constant(0.01), quota=Quota(tokens_per_s=1000.0, burst_s=10.0, window_s=window_s))
    rows, _ = run(world(target, 5.0), 2000 if JIT else 150)
    good = admitted(rows)
    assert 0 < len(good) < len(rows)
    used = int((good["input_tokens"] + good["output_tokens"]).sum())
    assert used <= 1000.0 * (float(rows["ended_s"].max()) + max(window_s, 10.0)) + 8000


@pytest.mark.parametrize("window_s", [0.0, 60.0])
def test_who_waits_as_long_as_a_429_says_is_let_in(window_s: float) -> None:
    """A lone client retries after exactly what it was told, and passes: never a second 429 in a row."""
    text = ONCE.replace("retry: {attempts: 1}", "retry: {attempts: 2, retry_after_cap: 4w}")
    target = replace(ONE, ttft=table.constant(0.001), quota=Quota(requests_per_s=0.5, burst_s=4.0, window_s=window_s))
    simulation = world(target, 0.2, text=text, journal=True)
    rows, decisions = run(simulation, 120)
    refused = decisions[(decisions["step"] == Step.FAILED) & (decisions["a"] == ErrorClass.RATE_LIMIT)]
    alone = rows[rows["attempts"] == 2]
    if window_s == 0.0 or len(refused):
        assert (refused["b"] > 0).all()
        assert (alone["outcome"] == Outcome.SUCCESS).mean() > 0.9


def test_a_quota_counts_what_was_foreseen_until_the_true_tokens_are_known() -> None:
    """Answers of one token that were foreseen as hundreds leave room for more once they ended."""
    target = replace(ONE, ttft=table.constant(0.01), quota=Quota(tokens_per_s=200.0, burst_s=10.0))
    simulation = world(target, 1.0, inputs=table.constant(100.0))
    foreseen = simulation.compiled.plan.request.output_tokens
    assert 100 + foreseen > 200, "else nothing is shown"
    rows, _ = run(simulation, 300)
    assert (rows["outcome"] == Outcome.SUCCESS).all()
