"""What was at once, and the floor that follows from it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.busyness import STRETCH_S, at_once, floor_profile

MONDAY_S = 1_767_571_200.0  # 2026-01-05 00:00 UTC


@given(st.lists(st.tuples(st.floats(0.0, 5000.0), st.floats(0.0, 3000.0)), min_size=1, max_size=20))
def test_what_is_at_once_is_the_time_that_requests_spend_in_a_stretch(spans: list[tuple[float, float]]) -> None:
    starts = MONDAY_S + np.array([begin for begin, _ in spans])
    ends = starts + np.array([length for _, length in spans])
    first, busy = at_once(starts, ends)
    assert first <= starts.min() < first + STRETCH_S and first + STRETCH_S * len(busy) >= ends.max()
    for k, value in enumerate(busy):
        low, high = first + k * STRETCH_S, first + (k + 1) * STRETCH_S
        within = np.clip(np.minimum(ends, high) - np.maximum(starts, low), 0.0, None).sum()
        assert value == pytest.approx(within / STRETCH_S, abs=1e-6)


def steady(days: int, levels: dict[int, int], zone: str = "UTC") -> tuple[np.ndarray, np.ndarray]:
    """So many requests at once all through these hours of the day, one in all others."""
    hours = MONDAY_S + 3600.0 * np.arange(days * 24)
    local = [datetime.fromtimestamp(float(hour), ZoneInfo(zone)).hour for hour in hours]
    starts = np.repeat(hours, [levels.get(hour, 1) for hour in local])
    return starts, starts + 3600.0


def test_a_day_s_floor_is_in_replicas_and_by_the_clocks_of_the_zone() -> None:
    for zone in ("UTC", "America/Sao_Paulo"):
        profile = floor_profile(*steady(10, {9: 7, 10: 8}, zone), 4, zone)
        assert profile.replicas == tuple({9: 2, 10: 2}.get(hour, 1) for hour in range(24))
        assert (profile.days, profile.held, profile.most_at_once) == (pytest.approx(10.0, abs=0.01), 1.0, 8.0)
    assert floor_profile(*steady(4, {9: 7}), 1, "UTC").held is None, "nothing to leave out"


def test_three_weeks_tell_days_of_the_week_apart() -> None:
    starts, ends = steady(28, {})
    tuesdays = MONDAY_S + 86_400.0 * (1 + 7 * np.arange(4)) + 9 * 3600.0
    profile = floor_profile(
        np.concatenate([starts, tuesdays, tuesdays]), np.concatenate([ends, tuesdays + 3600.0, tuesdays + 3600.0]), 1, "UTC"
    )
    assert len(profile.replicas) == 168
    assert [hour for hour, count in enumerate(profile.replicas) if count == 3] == [24 + 9]


def test_a_record_that_is_too_short_says_so() -> None:
    with pytest.raises(ValueError, match=r"the record is 1\.0 days long; a floor takes 2 at least"):
        floor_profile(*steady(1, {}), 1, "UTC")
    with pytest.raises(ValueError, match="there are no requests"):
        at_once(np.array([]), np.array([]))
