"""A quota lets through what it says a minute, and the wait it names is the one that helps."""

from hypothesis import given
from hypothesis import strategies as st

from roteiro.testing.quota import QuotaMeter

steps = st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(1, 400)), min_size=1, max_size=60)


@given(requests=st.integers(1, 50), tokens=st.integers(1, 2000), steps=steps)
def test_no_more_than_a_full_bucket_and_its_refill_passes(requests: int, tokens: int, steps: list[tuple[float, int]]) -> None:
    meter, now_s, passed, passed_tokens, last = QuotaMeter(requests, tokens, 0.0), 0.0, 0, 0, 0
    for pause_s, amount in steps:
        now_s += pause_s
        if meter.take(amount, now_s) == 0.0:
            passed, passed_tokens, last = passed + 1, passed_tokens + amount, amount
    assert passed <= requests * (1 + now_s / 60) + 1e-6
    # A request longer than a whole minute passes alone, from a full bucket; so the last one may overshoot.
    assert passed_tokens - last <= tokens * (1 + now_s / 60) + 1e-6


@given(requests=st.integers(1, 50), tokens=st.integers(1, 2000), steps=steps)
def test_whoever_waits_as_told_is_admitted(requests: int, tokens: int, steps: list[tuple[float, int]]) -> None:
    meter, now_s = QuotaMeter(requests, tokens, 0.0), 0.0
    for pause_s, amount in steps:
        now_s += pause_s
        wait_s = meter.take(amount, now_s)
        if wait_s > 0.0:
            now_s += wait_s
            assert meter.take(amount, now_s) == 0.0


def test_a_refused_request_takes_from_neither_bucket() -> None:
    meter = QuotaMeter(10, 100, 0.0)
    assert meter.take(100, 0.0) == 0.0
    assert meter.take(50, 0.0) == 30.0
    assert meter.headers()["x-ratelimit-remaining-requests"] == "9"


def test_headers_tell_limit_rest_and_reset() -> None:
    meter = QuotaMeter(60, None, 0.0)
    meter.take(5, 0.0)
    assert meter.headers() == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1.000s",
    }
