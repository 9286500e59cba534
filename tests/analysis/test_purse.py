"""Budgets' periods by the calendar of a place, and whose requests they pay for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.build import EPOCH_S, events

from roteiro.analysis.purse import Purse, period_start, purse_use

ZONES = st.sampled_from(["UTC", "America/Sao_Paulo", "Asia/Kolkata", "Europe/Lisbon"])
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("period", "start"),
    [("hour", "2026-02-04T21:00"), ("day", "2026-02-04T00:00"), ("week", "2026-02-02T00:00"), ("month", "2026-02-01T00:00")],
)
def test_periods_begin_by_local_clocks(period: str, start: str) -> None:
    zone = "America/Sao_Paulo"
    at = datetime(2026, 2, 5, 0, 30, tzinfo=UTC)  # half past nine in the evening of Wednesday the 4th
    assert period_start(period, at, zone) == datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))


@given(st.sampled_from(["hour", "day", "week", "month"]), MOMENTS, ZONES)
def test_a_period_holds_its_moment(period: str, at: datetime, zone: str) -> None:
    start = period_start(period, at, zone)
    longest = {"hour": 2, "day": 25, "week": 7 * 24 + 1, "month": 31 * 24 + 1}[period]
    assert timedelta(0) <= at - start < timedelta(hours=longest)
    assert period_start(period, start, zone) == start


def test_a_purse_pays_for_its_own_in_its_period() -> None:
    at = datetime.fromtimestamp(EPOCH_S + 3600, UTC)
    rows = [
        {"tenant": "acme", "workload": "chat", "cost_nusd": 1, "arrival_s": 1.0},
        {"tenant": "beta", "workload": "chat", "cost_nusd": 10, "arrival_s": 2.0},
        {"tenant": "beta", "workload": "nightly", "cost_nusd": 100, "arrival_s": 3.0},
    ]
    purses = [
        Purse("all", 1000, "day"),
        Purse("beta", 50, "day", tenants={"beta"}),
        Purse("nightly", 100, "day", workloads={"nightly"}),
        Purse("nobody", 0, "day", tenants=()),
    ]
    used = {use.name: use for use in purse_use(events(*rows), purses, at)}
    assert {name: use.spent_nusd for name, use in used.items()} == {"all": 111, "beta": 110, "nightly": 100, "nobody": 0}
    assert used["beta"].left_nusd == -60 and used["beta"].share_used == 2.2
    assert used["nobody"].share_used is None


def test_a_request_counts_in_the_period_in_which_it_ended() -> None:
    """It arrived in one hour and ended in the next."""
    table = events({"cost_nusd": 7, "arrival_s": 3599.0, "total_ms": 2000.0})
    first, second = (datetime.fromtimestamp(EPOCH_S + s, UTC) for s in (3599.5, 3601.5))
    assert [purse_use(table, [Purse("p", 10, "hour")], at)[0].spent_nusd for at in (first, second)] == [0, 7]
