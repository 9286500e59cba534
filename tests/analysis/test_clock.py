"""The clock of a zone: there and back, hours that are missing or come twice."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.clock import comes_twice, to_clock, to_unix
from roteiro.analysis.series import coarser
from roteiro.analysis.series_rows import series_of_rows

ZONES = ("America/Sao_Paulo", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")


@given(at_s=st.lists(st.floats(0.0, 2.5e9), min_size=1, max_size=20), zone=st.sampled_from(ZONES))
def test_the_clock_shows_what_the_zone_does_and_leads_back(at_s: list[float], zone: str) -> None:
    unix_s = np.array(at_s)
    clock_s = to_clock(unix_s, zone)
    for unix, shown in zip(unix_s, clock_s, strict=True):
        local = datetime.fromtimestamp(unix, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
        assert shown == pytest.approx(local.timestamp(), abs=1e-3)
    once = ~comes_twice(clock_s, zone)
    assert to_unix(clock_s, zone)[once] == pytest.approx(unix_s[once])


def hours(first: str, count: int) -> pa.Table:
    start = datetime.fromisoformat(first).timestamp()
    return pa.table(
        {"time": [datetime.fromtimestamp(start + 3600 * at, UTC).isoformat() for at in range(count)], "requests": [60.0] * count}
    )


@pytest.mark.parametrize(("first", "missing"), [("2026-03-07T05:00:00+00:00", 1), ("2026-10-31T04:00:00+00:00", 0)])
def test_days_of_23_and_25_hours_are_told_as_24(first: str, missing: int) -> None:
    found = series_of_rows(hours(first, 72), "r", zone="America/New_York")
    (series,) = found.of("requests")
    assert (~series.known).sum() == missing and series.values[series.known] == pytest.approx(60.0)
    assert series.zone == "America/New_York" and [one.code for one in found.problems] == ["W946"]
    days = coarser(series, 86_400)
    assert days.values[:2] == pytest.approx([24 * 60.0] * 2) and days.start_s % 86_400 == 0


def test_days_begin_at_midnight_of_the_zone() -> None:
    (series,) = series_of_rows(hours("2026-01-01T03:00:00+00:00", 48), "r", zone="America/Sao_Paulo").of("requests")
    assert datetime.fromtimestamp(series.start_s, UTC).isoformat() == "2026-01-01T00:00:00+00:00"
    assert len(coarser(series, 86_400)) == 2


def test_times_without_a_zone_are_of_the_zone_that_is_named() -> None:
    table = pa.table({"time": ["2026-01-01T00:00:00", "2026-01-01T01:00:00", "2026-01-01T05:00:00Z"], "requests": [1.0, 2.0, 3.0]})
    found = series_of_rows(table, "r", zone="America/Sao_Paulo", step_s=3600, arrivals=False)
    (series,) = found.of("requests")
    assert series.values.tolist() == [1.0, 2.0, 3.0] and series.start_s % 86_400 == 0
    (problem,) = found.problems
    assert problem.code == "W934" and "America/Sao_Paulo" in problem.remedy
