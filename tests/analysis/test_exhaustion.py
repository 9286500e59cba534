"""When a budget will be spent: by its past or by a forecast, never before it could, and nothing where nothing is known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.build import EPOCH_S, events

from roteiro.analysis.exhaustion import SpendingPaths, exhaustion, passing
from roteiro.analysis.purse import Purse, period_end, period_start

START = datetime.fromtimestamp(EPOCH_S, UTC)
DOLLAR = 10**9


def hours(count: int, noise: float = 0.0, seed: int = 3) -> pa.Table:
    """A dollar each hour, two by day, times noise."""
    generator = np.random.default_rng(seed)
    return events(
        *(
            {
                "arrival_s": 3600.0 * h + 1,
                "cost_nusd": int(DOLLAR * (2 if 9 <= h % 24 < 18 else 1) * (1 + noise * generator.uniform(-1, 1))),
            }
            for h in range(count)
        )
    )


def told(table: pa.Table, purse: Purse, at: datetime, **more: SpendingPaths):  # type: ignore[no-untyped-def]
    (one,) = exhaustion(table, (purse,), at, np.random.default_rng(1), more or None)
    return one


def test_a_regular_past_goes_on_by_its_hours_to_the_minute() -> None:
    """20 days of $33 make $660, and until noon of the 20th $642: what is left of a budget of $660 lasts until midnight."""
    one = told(hours(480), Purse("month", 660 * DOLLAR, "month"), START + timedelta(days=19, hours=12))
    assert (one.method, one.step_s, one.probability) == ("history", 3600, 1.0)
    assert one.spent_nusd == 642 * DOLLAR
    assert [abs(moment - datetime(2026, 2, 21, tzinfo=UTC)) < timedelta(minutes=2) for moment in one.passes] == [True] * 3
    assert one.ends_nusd == pytest.approx([28 * 33 * DOLLAR] * 3)


def test_noise_makes_an_interval_that_holds_what_came() -> None:
    """The last 8 days are foreseen from the 20 before them, in 40 worlds: the band of 80 % holds most of what they cost."""
    held = 0
    for seed in range(40):
        table = hours(28 * 24, noise=0.9, seed=seed)
        at = START + timedelta(days=20)
        whole = sum(table.column("cost_nusd").to_pylist())
        one = told(table, Purse("month", 2000 * DOLLAR, "month"), at)
        held += one.ends_nusd[0] <= whole <= one.ends_nusd[-1]
        assert one.probability == 0.0 and one.passes == ()
    assert held >= 26


def test_a_probability_lies_between_where_the_amount_is_in_the_middle() -> None:
    one = told(hours(480, noise=0.9), Purse("month", 925 * DOLLAR, "month"), START + timedelta(days=20))
    assert one.probability is not None and 0.05 < one.probability < 0.95
    assert one.passes[0] <= one.passes[1] <= one.passes[2] <= one.until


def test_what_is_passed_says_when() -> None:
    one = told(hours(36), Purse("day", 10 * DOLLAR, "day"), START + timedelta(days=1, hours=12))
    assert (one.method, one.probability) == ("passed", 1.0)
    assert one.passes == (datetime(2026, 2, 2, 9, 0, 1, tzinfo=UTC),)


def test_minutes_say_nothing_of_a_month() -> None:
    table = events(*({"arrival_s": 10.0 * i, "cost_nusd": DOLLAR} for i in range(60)))
    one = told(table, Purse("month", 10**15, "month"), START + timedelta(minutes=10))
    assert (one.method, one.probability, one.ends_nusd) == ("too_short", None, ())
    hourly = told(table, Purse("hour", 200 * DOLLAR, "hour"), START + timedelta(minutes=10))
    assert (hourly.method, hourly.step_s, hourly.probability) == ("history", 10, 1.0)


def test_a_forecast_takes_the_place_of_the_past() -> None:
    at = START + timedelta(hours=12)
    starts = at.timestamp() - 1800 + 3600.0 * np.arange(48)
    paths = SpendingPaths(starts, 3600.0, np.vstack([np.full(48, 1.0 * DOLLAR)] * 3 + [np.full(48, 0.0)]))
    one = told(hours(12), Purse("day", 20 * DOLLAR, "day"), at, day=paths)
    assert (one.method, one.probability) == ("forecast", 0.75)
    assert one.spent_nusd == 15 * DOLLAR
    assert one.passes[1] == at + timedelta(hours=5), "half of the first step is past already"
    assert one.ends_nusd[-1] == 27 * DOLLAR


@given(
    st.lists(st.lists(st.floats(0, 100), min_size=4, max_size=4), min_size=1, max_size=30),
    st.floats(0, 100),
    st.floats(1, 300),
)
def test_paths_pass_by_counting(paths: list[list[float]], spent: float, amount: float) -> None:
    drawn = SpendingPaths(np.arange(4) * 10.0, 10.0, np.array(paths))
    probability, when, ends = passing(round(spent), round(spent) + round(amount), drawn)
    assert probability == np.mean([round(spent) + np.cumsum(path)[-1] >= round(spent) + round(amount) for path in paths])
    assert all(0.0 <= moment <= 40.0 for moment in when) and list(when) == sorted(when)
    assert list(ends) == sorted(ends)
    more, _, _ = passing(round(spent), round(spent) + round(amount) + 10, drawn)
    assert more <= probability, "a larger budget is passed less"


@given(st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)), st.sampled_from(["hour", "day", "week", "month"]))
def test_a_period_ends_where_the_next_begins(moment: datetime, period: str) -> None:
    at = moment.replace(tzinfo=UTC)
    for zone in ("UTC", "America/New_York", "Asia/Kathmandu"):
        start = period_start(period, at, zone)
        end = period_end(period, start)
        assert start.timestamp() <= at.timestamp() < end.timestamp()
        assert period_start(period, end, zone).timestamp() == end.timestamp()
