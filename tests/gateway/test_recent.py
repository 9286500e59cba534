"""The last minute: sums of whole seconds, percentiles good to some per cent, and what is old is forgotten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.events import events

from roteiro.gateway.recent import BINS, LONGEST_S, Recent, bins, percentile_s
from roteiro.terms.codes import Outcome

LATENCIES = st.lists(st.floats(0.001, 100.0), min_size=1, max_size=200)


@given(LATENCIES, st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_are_near(values: list[float], share: float) -> None:
    found = percentile_s(np.bincount(bins(np.array(values)), minlength=BINS), share)
    exact = float(np.quantile(values, share, method="inverted_cdf"))
    assert found == pytest.approx(exact, rel=0.11)


@given(st.lists(st.floats(0.0, 200.0), max_size=60), st.integers(1, 60))
def test_a_window_is_its_whole_seconds(ended: list[float], seconds: int) -> None:
    """Whatever the order of batches is, as long as each is of the last seconds."""
    recent, seen = Recent(), sorted(ended)
    for n, at in enumerate(seen):
        recent.add(events(1, n, ended_s=at, output_tokens=3, model=n % 3), at + 0.2)
    now = (seen[-1] if seen else 0.0) + 0.2
    expected = [at for at in seen if int(now) - seconds <= int(at) < int(now)]
    whole = recent.windows("all", seconds, now)
    assert (whole[0].sums["requests"] if whole else 0) == len(expected)
    assert (whole[0].sums["output_tokens"] if whole else 0) == 3 * len(expected)
    assert sum(window.sums["requests"] for window in recent.windows("model", seconds, now).values()) == len(expected)


def test_outcomes_have_their_kinds() -> None:
    recent = Recent()
    recent.add(events(9, outcome=list(Outcome), ended_s=5.5, cache=[1, *[0] * 8], attempts=[3, *[0] * 8], tenant=4), 6.0)
    (window,) = recent.windows("tenant", 10, 6.5).values()
    sums = window.sums
    assert (sums["requests"], sums["answered"], sums["refused"], sums["failed"]) == (9, 1, 3, 4), "one was cancelled"
    assert (sums["cache_hits"], sums["again"]) == (1, 2)
    assert list(recent.windows("tenant", 10, 6.5)) == [4] and window.seconds == 6.0, "the run is no older"


def test_what_is_old_or_never_happened_is_not_there() -> None:
    recent = Recent()
    recent.add(events(3, ended_s=[1.0, 70.0, 70.5]), 71.0)
    assert recent.windows("all", LONGEST_S, 71.0)[0].sums["requests"] == 2
    assert recent.rates(71.0) == [0.0] * (LONGEST_S - 1) + [2.0]
    assert recent.windows("all", LONGEST_S, 200.0) == {} and set(recent.rates(200.0)) == {0.0}


def test_names_past_the_bound_are_counted_as_one() -> None:
    recent = Recent()
    recent.add(events(4, ended_s=1.0, tenant=[-1, 3, 500, 900]), 1.0)
    assert {name: window.sums["requests"] for name, window in recent.windows("tenant", 10, 2.0).items()} == {-1: 1, 3: 1, 126: 2}


def test_streams_have_a_first_token() -> None:
    recent = Recent()
    recent.add(events(3, ended_s=1.0, total_ms=200.0, ttft_ms=[50.0, 50.0, np.nan], stream=[1, 0, 1]), 1.0)
    (window,) = recent.windows("all", 10, 2.0).values()
    assert window.first_s[0] == pytest.approx(0.05, rel=0.1) and window.total_s[2] == pytest.approx(0.2, rel=0.1)
