"""Counts by columns are the counts one would get row by row."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.events import decisions, events

from roteiro.gateway import tally as module
from roteiro.gateway.tally import DURATION_S, OTHERS, Histogram, Steps, Sums, Tally, distinct
from roteiro.terms.codes import Command, ErrorClass, Outcome, Reason, Step

ROW = st.tuples(
    st.integers(-1, 5), st.integers(-1, 3), st.integers(-1, 3), st.sampled_from(list(Outcome)), st.integers(0, 4), st.integers(0, 10**6)
)


def batch(rows: list[tuple[int, ...]], first: int) -> Any:
    tenant, model, target, outcome, attempts, cost = zip(*rows, strict=True) if rows else ((),) * 6
    return events(len(rows), first, tenant=tenant, model=model, target=target, outcome=outcome, attempts=attempts, cost_nusd=cost)


@given(st.lists(st.lists(ROW, max_size=20), max_size=5))
def test_sums_are_those_of_the_rows(batches: list[list[tuple[int, ...]]]) -> None:
    tally = Tally()
    requests: Counter[tuple[int, ...]] = Counter()
    costs: defaultdict[tuple[int, ...], int] = defaultdict(int)
    again: Counter[int] = Counter()
    for rows in batches:
        tally.add(batch(rows, tally.rows))
        for tenant, model, target, outcome, attempts, cost in rows:
            requests[tenant, model, target, outcome] += 1
            costs[tenant, model, target] += cost
            again[model] += max(0, attempts - 1)
    assert {key: values[0] for key, values in tally.requests.items()} == requests
    at = tally.usage.of.index("cost_nusd")
    assert {key: values[at] for key, values in tally.usage.items()} == costs
    assert {key[0]: values[0] for key, values in tally.walks.items() if values[0]} == +again


@given(st.lists(st.floats(0.0, 400.0), max_size=60), st.integers(1, 7))
def test_buckets_hold_what_is_at_most_their_bound(values: list[float], size: int) -> None:
    histogram = Histogram(("model",), DURATION_S)
    for n in range(0, len(values), size):
        some = np.array(values[n : n + size])
        histogram.take({"model": np.zeros(len(some), np.int16)}, some, np.arange(len(some)))
    found = dict(histogram.items()).get((0,), [0.0] * (len(DURATION_S) + 2))
    so_far = np.cumsum(found[:-1])
    assert so_far.tolist() == [*(sum(v <= bound for v in values) for bound in DURATION_S), len(values)]
    assert found[-1] == pytest.approx(sum(values))


@given(st.lists(st.one_of(st.integers(0, 50), st.integers(0, 2**40)), max_size=40))
def test_distinct_is_unique(values: list[int]) -> None:
    cells, group = distinct(np.array(values, np.int64))
    assert cells.tolist() == sorted(set(values)) and cells[group].tolist() == values


def test_tenants_past_the_bound_share_a_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TENANTS", 3)
    tally = Tally()
    tally.add(events(4, tenant=[7, 7, 1, -1]))
    tally.add(events(6, 4, tenant=[7, 8, 9, 9, 1, 10]))
    assert {key[0]: values[0] for key, values in tally.requests.items()} == {-1: 1, 1: 2, 7: 3, OTHERS: 4}


def test_times_are_of_answers_and_streams() -> None:
    tally = Tally()
    nan = float("nan")
    tally.add(
        events(
            4, outcome=[Outcome.SUCCESS, Outcome.SUCCESS, Outcome.FAILED, Outcome.LIMITED], attempts=[1, 1, 2, 0],
            total_ms=[1000.0, 3000.0, 500.0, 1.0], ttft_ms=[nan, 1000.0, 200.0, nan], output_tokens=[9, 5, 3, 0], stream=[0, 1, 1, 0],
        )
    )  # fmt: skip
    counts = {name: {k: sum(v[:-1]) for k, v in getattr(tally, name).items()} for name in ("duration", "first_token", "inter_token")}
    assert counts["duration"] == {(0, 0, Outcome.SUCCESS): 2, (0, 0, Outcome.FAILED): 1}
    assert counts["first_token"] == counts["inter_token"] == {(0, 0): 1}
    ((_, values),) = tally.inter_token.items()
    assert values[-1] == pytest.approx(2.0 / 4)


def test_an_example_is_the_latest_of_its_bucket() -> None:
    tally = Tally()
    tally.add(events(4, total_ms=[15.0, 16.0, 30.0, 17.0], trace_hi=[1, 2, 3, 0], trace_lo=[-1, -2, -3, 0], ended_s=[1.0, 2.0, 3.0, 4.0]))
    examples = tally.duration.examples[0, 0, 0]
    assert {bucket: (e.trace_hi, e.trace_lo, e.ended_s) for bucket, e in examples.items()} == {1: (2, -2, 2.0), 2: (3, -3, 3.0)}
    assert examples[1].value == pytest.approx(0.016)


def test_steps_are_counted_by_what_they_were() -> None:
    steps = Steps()
    steps.add(
        decisions(
            6, step=[Step.BEGIN, Step.FAILED, Step.NOTE, Step.TEND, Step.WAKE, Step.END], target=[0, 1, 2, -1, -1, 1],
            command=[Command.SEND, Command.SEND, 0, 0, 0, Command.DONE], argument=[1.0, 65536.0 + 2, 0, 0, 0, 0], a=[0, 3, 0, 0, 0, 0],
            reason=[Reason.WEIGHTED, Reason.FALLBACK, Reason.BREAKER_OPENED, 0, 0, 0],
        )
    )  # fmt: skip
    assert {key for key, _ in steps.sends.items()} == {(1, Reason.WEIGHTED), (2, Reason.FALLBACK)}
    assert {key for key, _ in steps.failures.items()} == {(1, ErrorClass.SERVER)}
    assert {key for key, _ in steps.notes.items()} == {(2, Reason.BREAKER_OPENED)}
    assert sum(values[0] for _, values in steps.answers.items()) == 3


def test_a_key_that_does_not_fit_is_not_made() -> None:
    with pytest.raises(Exception, match="does not fit"):
        Sums(("tenant", "workload", "model", "target", "outcome", "status", "reason"))
