"""Burn alerts over a record: they stay silent where nothing is wrong, and tell what is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.burn_alert import failures_to_fire, firings, usual_rule
from roteiro.analysis.error_budget import CountSeries
from roteiro.analysis.objective import BurnAlert, Severity, Window, usual_alerts

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
MONTH = Window.rolling(30 * 86_400.0)
MINUTES = 30 * 1440


def at_random(least: float, an_hour: float, bad: object, minutes: int, seed: int) -> CountSeries:
    draw = np.random.default_rng(seed)
    events = draw.poisson(an_hour / 60.0, minutes)
    failed = draw.binomial(events, bad)
    return CountSeries(BEGIN, 60.0, events - failed, failed)


@pytest.mark.parametrize(("least", "an_hour", "usually"), [(0.999, 60.0, 10), (0.99, 5.0, 8)])
def test_a_healthy_service_with_little_traffic_pages_nobody_in_three_months(least: float, an_hour: float, usually: int) -> None:
    """At half of its budget; the usual rule pages some ten or twenty times a month."""
    alerts = [alert for alert in usual_alerts(MONTH, least) if alert.severity is Severity.PAGE]
    for seed in range(3):
        series = at_random(least, an_hour, (1.0 - least) / 2, MINUTES, seed)
        assert firings(series, alerts, least, MONTH.length_s) == ()
    assert len(firings(series, alerts, least, MONTH.length_s, decide=usual_rule)) >= usually


@pytest.mark.parametrize(("least", "an_hour", "within_min"), [(0.999, 60.0, 15), (0.99, 5.0, 90), (0.999, 6000.0, 30)])
def test_silence_is_not_blindness(least: float, an_hour: float, within_min: int) -> None:
    """A day at half the budget, then nothing is answered; it is told once, and clears after it is over."""
    day, outage = 1440, slice(1440, 1440 + 180)
    bad = np.full(3 * day, (1.0 - least) / 2)
    bad[outage] = 1.0
    series = at_random(least, an_hour, bad, 3 * day, 5)
    (told, *others) = firings(series, usual_alerts(MONTH, least)[:1], least, MONTH.length_s)
    assert not others
    assert timedelta() < told.since - BEGIN - timedelta(days=1) <= timedelta(minutes=within_min)
    assert told.until is not None and timedelta(0) < told.until - BEGIN - timedelta(days=1, hours=3) <= timedelta(hours=1, minutes=15)


def test_what_still_fires_has_no_end() -> None:
    good = np.full(240, 100)
    series = CountSeries(BEGIN, 60.0, np.where(np.arange(240) < 200, good, 0), np.where(np.arange(240) < 200, 0, good))
    (told,) = firings(series, [BurnAlert(14.4, 3600.0, 300.0, Severity.PAGE)], 0.99, MONTH.length_s)
    assert told.until is None and told.bad <= told.total


@given(st.integers(1, 20_000), st.sampled_from([0.9, 0.95, 0.99, 0.999, 0.9999]), st.floats(1.0, 1e4))
def test_so_many_failures_fire_and_one_less_does_not(events: int, least: float, longer: float) -> None:
    alert = BurnAlert(6.0, 21_600.0, 1_800.0, Severity.PAGE)
    needed = failures_to_fire(alert, events, events * longer, least, MONTH.length_s)
    assert needed is None or 2 <= needed <= events
    if needed is not None:
        assert needed >= alert.burn * (1 - least) * events * (1 - 1e-9)
