"""Budgets: they add up, windows roll, and a forecast says when nothing is left."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.error_budget import Budget, Counts, CountSeries, exhaustion, expected_events, poisson_interval, sliced
from roteiro.analysis.objective import Window

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = 3600.0
rows = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 50)), min_size=1, max_size=60)


def series(*counts: tuple[int, int], step_s: float = HOUR, since: datetime = BEGIN) -> CountSeries:
    table = np.array(counts, np.int64).reshape(-1, 2)
    return CountSeries(since, step_s, table[:, 0], table[:, 1])


def test_one_bad_of_ten_thousand_and_one_at_99_percent_leaves_99_percent() -> None:
    budget = Budget.of(Counts(10_000, 1), 0.99)
    assert budget.remaining == pytest.approx(0.990, abs=1e-5)
    assert f"{budget.remaining:.1%}" == "99.0%"


def test_a_budget_that_is_spent_and_one_of_nothing() -> None:
    assert Budget.of(Counts(9_900, 100), 0.99).remaining == pytest.approx(0.0, abs=1e-12)
    assert Budget.of(Counts(9_800, 200), 0.99).remaining == pytest.approx(-1.0)
    assert Budget.of(Counts(9_800, 200), 0.99).burn == pytest.approx(2.0)
    assert Budget.of(Counts(), 0.99).remaining is None and Budget.of(Counts(5, 1), 1.0).remaining is None
    assert Budget.of(Counts(100, 1), 0.99, expected=1000.0).remaining == pytest.approx(0.9), "of the month to come, not of the hour gone"


@given(rows, st.integers(0, 60), st.floats(0.5, 0.9999))
def test_budgets_add_up_over_any_split_of_time(counts: list[tuple[int, int]], cut: int, least: float) -> None:
    one, at, far = series(*counts), BEGIN + timedelta(hours=cut), BEGIN + timedelta(days=9)
    before, after, whole = one.between(BEGIN, at), one.between(at, far), one.between(BEGIN, far)
    assert before + after == whole == Counts(int(one.good.sum()), int(one.bad.sum()))
    parts = [Budget.of(part, least) for part in (before, after)]
    assert sum(part.allowed for part in parts) == pytest.approx(Budget.of(whole, least).allowed)


@given(rows, st.randoms(use_true_random=False))
def test_budgets_add_up_over_any_split_of_traffic_and_merging_ledgers_is_adding(counts: list[tuple[int, int]], luck: object) -> None:
    taken = [(luck.randint(0, good), luck.randint(0, bad)) for good, bad in counts]  # type: ignore[attr-defined]
    rest = [(good - a, bad - b) for (good, bad), (a, b) in zip(counts, taken, strict=True)]
    merged = series(*taken) + series(*rest)
    assert merged.good.tolist() == [good for good, _ in counts] and merged.bad.tolist() == [bad for _, bad in counts]
    with pytest.raises(ValueError, match="different buckets"):
        series(*taken) + series(*rest, step_s=60.0)


@given(rows, st.integers(1, 40))
def test_windows_roll(counts: list[tuple[int, int]], hours: int) -> None:
    """From one hour to the next a window loses the hour that leaves it and gains the one that comes."""
    one = series(*counts)
    for k in range(len(counts)):
        now, then = (one.last(BEGIN + timedelta(hours=k + later), hours * HOUR) for later in (0, 1))
        leaves = Counts(*counts[k - hours]) if k >= hours else Counts()
        assert then + leaves == now + Counts(*counts[k])


@given(rows, st.integers(1, 7), st.floats(0.1, 1.0))
def test_slices_are_good_bad_or_empty(counts: list[tuple[int, int]], by: int, objective: float) -> None:
    judged = sliced(series(*counts), by * HOUR, objective)
    parts = [counts[k : k + by] for k in range(0, len(counts), by)]
    assert len(judged.good) == len(parts)
    for good, bad, part in zip(judged.good, judged.bad, parts, strict=True):
        total, its = sum(map(sum, part)), sum(one for one, _ in part)
        assert good + bad == (total > 0)
        if total:
            assert bool(good) == (its >= objective * total * (1 - 1e-12))


def test_windows_follow_the_clocks() -> None:
    at = datetime(2026, 10, 25, 12, tzinfo=UTC)
    assert Window.calendar("day", "Europe/Berlin").seconds(at) == 25 * HOUR, "clocks go back"
    assert Window.calendar("day", "Europe/Berlin").seconds(datetime(2026, 3, 29, 12, tzinfo=UTC)) == 23 * HOUR
    since, until = Window.calendar("month", "America/Sao_Paulo").bounds(datetime(2026, 11, 1, 1, tzinfo=UTC))
    assert (since.astimezone(UTC), until.astimezone(UTC)) == (datetime(2026, 10, 1, 3, tzinfo=UTC), datetime(2026, 11, 1, 3, tzinfo=UTC))
    quarter = Window.calendar("quarter").bounds(datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert quarter == (datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def test_a_month_that_has_just_begun_has_the_budget_of_a_month() -> None:
    month, at = Window.calendar("month"), BEGIN + timedelta(hours=31)
    one = series(*[(100, 0)] * 31)
    assert expected_events(one, month, at) == pytest.approx(3100 * 24)
    assert expected_events(one, Window.rolling(10 * HOUR), at) == 1000
    assert expected_events(one, Window.rolling(62 * HOUR), at) == pytest.approx(6200), "a record younger than the window"


def test_the_forecast_of_a_steady_burn_is_right_and_its_interval_holds_it() -> None:
    """720 hours of 1,000 at 99 % may have 7,200 failures; at 20 an hour they are gone after 360."""
    window, at = Window.rolling(720 * HOUR), BEGIN + timedelta(hours=720)
    one = series(*[(1000, 0)] * 696, *[(980, 20)] * 24)
    told = exhaustion(one, window, 0.99, at)
    assert told is not None and told.at is not None and told.earliest is not None and told.latest is not None
    assert (told.at - at).total_seconds() / HOUR == pytest.approx(336, abs=1)
    assert told.earliest < told.at < told.latest
    month = exhaustion(series(*[(980, 20)] * 100), Window.calendar("month"), 0.99, BEGIN + timedelta(hours=100))
    assert month is not None and month.at is not None and month.at - BEGIN == timedelta(hours=372), "half of October's 744"


def test_what_forgives_as_fast_as_it_fails_is_never_spent() -> None:
    window, at = Window.rolling(100 * HOUR), BEGIN + timedelta(hours=100)
    one = series(*[(995, 5)] * 100)
    told = exhaustion(one, window, 0.99, at)
    assert told is not None and told.at is None
    spent = exhaustion(series(*[(980, 20)] * 100), window, 0.99, at)
    assert spent is not None and spent.at == at, "it is spent already"
    assert exhaustion(one, window, 1.0, at) is None


def test_without_failures_the_interval_still_knows_how_little_was_seen() -> None:
    told = exhaustion(series(*[(10, 0)] * 100), Window.rolling(3000 * HOUR), 0.999, BEGIN + timedelta(hours=100))
    assert told is not None and told.at is None and told.latest is None and told.earliest is not None
    assert poisson_interval(0) == (0.0, pytest.approx(3.689, abs=1e-3))
    assert poisson_interval(10) == (pytest.approx(4.795, abs=1e-3), pytest.approx(18.391, abs=1e-3))
