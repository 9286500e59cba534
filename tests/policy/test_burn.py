"""When a burn alert fires, and when it does not."""

import math

from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binom

from roteiro.policy.burn import CHANCE, MONTH_S, burn_fires, most_burn, scaled_rules

HOUR_OF_30_DAYS = 14.4 / 720


def fires(bad: int, total: int, least: float = 0.999, a_day: float = 1e6, burn: float = 14.4, share: float = HOUR_OF_30_DAYS) -> bool:
    """With the failures all in the short window."""
    return burn_fires(False, bad, total, bad, max(bad, total // 12), a_day * 30, least, burn, share)


def test_one_failure_never_fires_though_it_burns_fast_enough() -> None:
    assert 1 / 60 > 14.4 * 0.001, "at 60 requests an hour the usual rule pages for one failure"
    assert not fires(1, 60, a_day=60 * 24)
    assert not fires(2, 60, a_day=60 * 24), "nor for two, which chance brings once in a hundred and seventy hours"
    assert fires(3, 60, a_day=60 * 24)


def test_a_loss_that_does_not_matter_yet_does_not_fire() -> None:
    assert not fires(30, 60, a_day=1e6), "30 of the 600 failures that it takes at a million a day"
    assert fires(30, 60, a_day=1440.0)


def test_it_clears_when_the_short_window_shows_that_it_is_over_and_only_then() -> None:
    hour = {"expected": 3e7, "least": 0.999, "burn": 14.4, "share": HOUR_OF_30_DAYS}
    assert burn_fires(True, 900, 40_000, 100, 3000, **hour)
    assert not burn_fires(True, 900, 40_000, 3, 3000, **hour), "3,000 events with 3 failures say that it is over"
    quiet = {"expected": 3600.0, "least": 0.99, "burn": 14.4, "share": HOUR_OF_30_DAYS}
    assert burn_fires(True, 3, 5, 0, 0, **quiet), "an empty short window says nothing"
    assert not burn_fires(True, 0, 5, 0, 0, **quiet)


def test_a_burn_faster_than_all_failing_is_left_out() -> None:
    assert math.isclose(most_burn(0.9305), 14.388, rel_tol=1e-3) and most_burn(1.0) == math.inf
    assert [rule[0] for rule in scaled_rules(MONTH_S, 0.9305)] == [6.0, 3.0, 1.0]
    assert [rule[0] for rule in scaled_rules(MONTH_S, 0.9306)] == [14.4, 6.0, 3.0, 1.0]


def test_windows_are_in_proportion_to_the_period() -> None:
    assert scaled_rules(MONTH_S * 3, 0.99)[0] == (14.4, 10_800.0, 900.0, True)
    assert scaled_rules(MONTH_S / 30, 0.99)[0] == (14.4, 120.0, 60.0, True), "in whole minutes, one at least"


@given(st.integers(1, 5000), st.integers(2, 60), st.sampled_from([0.9, 0.95, 0.99, 0.999, 0.9999]))
def test_what_fires_is_rarer_than_chance_in_a_service_that_keeps_its_objective(total: int, bad: int, least: float) -> None:
    """The bound is one: the exact binomial tail is never larger."""
    assume(bad <= total)
    if fires(bad, total, least, a_day=0.0, burn=1.0):
        assert binom.sf(bad - 1, total, 1 - least) <= CHANCE


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.5, 0.99999), st.booleans())
def test_more_failures_never_silence_it(total: int, one: int, other: int, least: float, firing: bool) -> None:
    fewer, more = sorted((min(one, total), min(other, total)))
    arguments = (1e6, least, 6.0, 0.05)
    if burn_fires(firing, fewer, total, fewer, total, *arguments):
        assert burn_fires(firing, more, total, more, total, *arguments)
