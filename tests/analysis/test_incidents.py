"""Incidents: what burned is found with its loss, and what chance does is none."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.error_budget import CountSeries
from roteiro.analysis.incidents import incidents

SINCE = datetime(2026, 10, 1, tzinfo=UTC)
BUCKETS = 288 * 30


def month(bad: dict[int, int], total: int = 50) -> CountSeries:
    """A month of buckets of five minutes with `total` events each."""
    lost = np.zeros(BUCKETS, np.int64)
    for bucket, count in bad.items():
        lost[bucket] = count
    return CountSeries(SINCE, 300.0, np.full(BUCKETS, total, np.int64) - lost, lost)


def test_an_outage_is_one_incident_with_all_that_it_lost() -> None:
    (one,) = incidents(month({100: 20, 101: 50, 103: 10}), 0.999, 50 * BUCKETS)
    assert (one.since, one.until) == (SINCE + timedelta(seconds=100 * 300), SINCE + timedelta(seconds=104 * 300))
    assert (one.bad, one.total, one.length_s) == (80, 200, 1200.0)
    assert one.spent == pytest.approx(80 / (0.001 * 50 * BUCKETS))


def test_a_quarter_of_an_hour_apart_is_two() -> None:
    assert len(incidents(month({100: 50, 104: 50}), 0.999, 50 * BUCKETS)) == 2
    assert len(incidents(month({100: 50, 103: 50}), 0.999, 50 * BUCKETS)) == 1


def test_single_failures_are_none_however_little_traffic_there_is() -> None:
    assert incidents(month(dict.fromkeys(range(0, BUCKETS, 97), 1), total=2), 0.999, 2 * BUCKETS) == ()


def test_what_is_missed_all_month_long_is_no_incident_but_a_worse_hour_in_it_is() -> None:
    """Four times what is allowed, everywhere; and ten times that for an hour, whose ends chance does not stretch."""
    lost = np.random.default_rng(3).binomial(50, 0.04, BUCKETS)
    assert incidents(CountSeries(SINCE, 300.0, 50 - lost, lost), 0.99, 50 * BUCKETS) == ()
    lost[1000:1012] = 20
    (one,) = incidents(CountSeries(SINCE, 300.0, 50 - lost, lost), 0.99, 50 * BUCKETS)
    assert (one.since, one.until) == (SINCE + timedelta(seconds=1000 * 300), SINCE + timedelta(seconds=1012 * 300))


def test_where_nothing_may_be_bad_there_is_no_budget_to_burn() -> None:
    assert incidents(month({100: 50}), 1.0, 50 * BUCKETS) == ()


def test_a_healthy_service_has_none() -> None:
    """At its objective exactly, over 20 months: chance alone makes no incident."""
    draw = np.random.default_rng(7)
    for _ in range(20):
        lost = draw.binomial(50, 0.001, BUCKETS)
        assert incidents(CountSeries(SINCE, 300.0, 50 - lost, lost), 0.999, 50 * BUCKETS) == ()


@given(st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(0, 50), max_size=30), st.sampled_from([0.9, 0.99, 0.999]))
def test_incidents_do_not_overlap_and_lose_no_more_than_there_was(bad: dict[int, int], least: float) -> None:
    series = month(bad)
    found = incidents(series, least, 50 * BUCKETS)
    assert all(one.until < other.since for one, other in pairwise(found))
    assert sum(one.bad for one in found) <= int(series.bad.sum())
    assert all(series.between(one.since, one.until).bad == one.bad for one in found)
