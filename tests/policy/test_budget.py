"""Periods end where the calendar says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.compiled import callable_from_python

from roteiro.policy import budget

pytestmark = pytest.mark.kernel

month_end = callable_from_python(budget.month_end)
period_end = callable_from_python(budget.period_end)
moments = st.datetimes(datetime(1971, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC))


@given(moments)
def test_a_month_ends_on_the_first_of_the_next(moment: datetime) -> None:
    following = (moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
    assert month_end(moment.timestamp()) == following.timestamp()


@given(moments, st.sampled_from([0.0, 3600.0, 86_400.0, 604_800.0]), st.integers(-14, 14), st.floats(0, 1e8))
def test_a_period_ends_after_now_on_a_local_boundary(epoch: datetime, period_s: float, offset_hours: int, now: float) -> None:
    end = period_end(period_s, offset_hours * 3600.0, epoch.timestamp(), now)
    assert end > now - 1e-3
    local = epoch.timestamp() + end + offset_hours * 3600.0
    if period_s:
        assert end - now <= period_s + 1e-3
        assert local % period_s == pytest.approx(0.0, abs=1e-3) or local % period_s == pytest.approx(period_s, abs=1e-3)
    else:
        moment = datetime.fromtimestamp(round(local), UTC)
        assert (moment.day, moment.hour, moment.minute, moment.second) == (1, 0, 0, 0)
