"""The shape of demand: hours of the local day, days, growth, bursts and a viral surge."""

import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator.build import BUSY, compiled

from roteiro.plan.model import DemandShape
from roteiro.simulator.demand import of_plan
from roteiro.simulator.demand_shape import HORIZON_S, pieces_of, surge_begins_s
from roteiro.simulator.sample import sample

MONDAY = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
HOUR_S, DAY_S = 3600.0, 86_400.0


def pieces(shape: dict[str, Any], zone: str = "UTC", epoch: float = MONDAY, seed: int = 1, horizon_s: float = 8 * DAY_S) -> Any:
    return pieces_of(DemandShape.model_validate(shape), zone, epoch, seed, horizon_s)


def at(rows: Any, t: float) -> float:
    return float(rows["factor"][np.searchsorted(rows["start"], t, side="right") - 1])


def mass(rows: Any, end: float) -> float:
    """The integral of the factor from 0 to `end`."""
    edges = np.minimum(np.append(rows["start"], end), end)
    return float((np.diff(edges) * rows["factor"]).sum())


def test_a_flat_shape_has_no_pieces() -> None:
    assert len(pieces({})) == 0


@pytest.mark.parametrize("zone", ["UTC", "America/Sao_Paulo", "Asia/Kolkata"])
def test_hours_are_local(zone: str) -> None:
    hours = [1.0] * 24
    hours[9] = 25.0
    rows = pieces({"daily": hours}, zone)
    for t in np.arange(60.0, 3 * DAY_S, 1800.0):
        local = datetime.fromtimestamp(MONDAY + float(t), ZoneInfo(zone))
        assert at(rows, float(t)) == pytest.approx(12.5 if local.hour == 9 else 0.5), local


def test_a_day_without_its_hour_and_one_with_two_of_them() -> None:
    """Berlin puts its clocks forward on 29 March 2026 at 2:00, and back on 25 October at 3:00."""
    hours = [0.0] * 24
    hours[2] = 24.0
    for day, found in ((datetime(2026, 3, 29), 0.0), (datetime(2026, 10, 25), 2.0), (datetime(2026, 6, 1), 1.0)):
        epoch = day.replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
        assert mass(pieces({"daily": hours}, "Europe/Berlin", epoch), 22 * HOUR_S) / (24 * HOUR_S) == pytest.approx(found)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 900).map(lambda n: n / 100), min_size=24, max_size=24).filter(lambda hours: sum(hours) > 1.0),
    st.integers(0, 86_399),
)
def test_law_the_mean_of_a_day_stays_what_it_is(hours: list[float], offset: int) -> None:
    rows = pieces({"daily": hours}, "America/Sao_Paulo", MONDAY + offset)
    assert mass(rows, DAY_S) == pytest.approx(DAY_S, rel=1e-9)


def test_a_wave_has_its_peak_its_trough_and_its_mean() -> None:
    rows = pieces({"daily": {"peak_at": "14:00", "trough": "25%"}}, "America/Sao_Paulo")
    day = rows[(rows["start"] >= 0.0) & (rows["start"] < DAY_S)]
    top = datetime.fromtimestamp(MONDAY + float(day["start"][np.argmax(day["factor"])]), ZoneInfo("America/Sao_Paulo"))
    assert (top.hour, top.minute) in {(13, 45), (14, 0)}
    assert day["factor"].min() / day["factor"].max() == pytest.approx(0.25, abs=0.01)
    assert mass(rows, DAY_S) == pytest.approx(DAY_S)


def test_a_week_begins_on_monday() -> None:
    rows = pieces({"weekly": [1, 1, 1, 1, 1, 0.25, 0.25]})
    assert at(rows, 5 * DAY_S + 60.0) / at(rows, 60.0) == pytest.approx(0.25)
    assert at(rows, 4 * DAY_S + 60.0) == at(rows, 60.0)
    assert mass(rows, 7 * DAY_S) == pytest.approx(7 * DAY_S)


def test_growth_compounds_by_the_month() -> None:
    rows = pieces({"growth": "+10%"}, horizon_s=HORIZON_S)
    assert at(rows, 365.25 * DAY_S) == pytest.approx(1.1**12, rel=1e-3)


@pytest.mark.parametrize("surge", [(0.0, 7200.0, 1800.0), (1200.0, 0.0, 3600.0), (1800.0, 3600.0, 0.0), (600.0, 600.0, 600.0)])
def test_a_surge_brings_what_its_curve_holds(surge: tuple[float, float, float]) -> None:
    """(peak - 1) × (ramp / 2 + plateau + decay × (1 - 2^-10) / ln 2) further seconds' worth of arrivals."""
    ramp, plateau, decay = surge
    rows = pieces({"surge": {"at": "06:00", "peak": 9, "ramp": ramp, "plateau": plateau, "decay": decay}}, horizon_s=3 * DAY_S)
    more = 8.0 * (ramp / 2.0 + plateau + decay * (1.0 - 2.0**-10) / math.log(2.0))
    assert mass(rows, 3 * DAY_S) - 3 * DAY_S == pytest.approx(more, rel=1e-9)
    assert rows["factor"].max() <= 9.0 and at(rows, 6 * HOUR_S - 1.0) == 1.0


def test_a_surge_begins_at_its_local_hour_of_its_day() -> None:
    shape = DemandShape.model_validate({"surge": {"at": "10:00", "peak": 3, "day": 2}})
    assert shape.surge is not None
    assert surge_begins_s(shape.surge, "America/Sao_Paulo", MONDAY) == 2 * DAY_S + 13 * HOUR_S
    assert surge_begins_s(shape.surge, "UTC", MONDAY + 11 * HOUR_S) == 2 * DAY_S + 23 * HOUR_S


def test_bursts_come_as_often_as_said_and_differ_by_seed() -> None:
    shape = {"bursts": {"rate": "12/d", "size": 5, "length": "10min"}}
    shares = [mass(pieces(shape, seed=seed, horizon_s=100 * DAY_S), 100 * DAY_S) / (100 * DAY_S) for seed in range(1, 5)]
    assert len(set(shares)) == 4
    covered = 1.0 - math.exp(-12 * 600.0 / DAY_S)  # at least one burst: an M/G/∞ queue that is not empty
    assert np.mean(shares) == pytest.approx(1.0 + 4.0 * covered, rel=0.03)
    assert mass(pieces(shape, seed=7), DAY_S) == mass(pieces(shape, seed=7), DAY_S)


SHAPED = BUSY.replace("arrivals: {process: gamma, rate: 60/s, cv: 2}", """arrivals: {rate: 0.5/s}
  shape: {daily: {peak_at: "15:00", trough: 20%}}
  scenarios:
    viral: {factors: {hype: 2}, shape: {surge: {at: "03:00", ramp: 0s, peak: 50, plateau: 1h, decay: 0s}}}
""") + "timezone: America/Sao_Paulo\n"  # fmt: skip


def test_arrivals_follow_the_local_day_and_the_scenario_s_surge() -> None:
    plan = compiled(SHAPED)
    wanted = of_plan(plan)
    rows = sample(plan, wanted, 60_000, epoch_unix_s=MONDAY, duration_s=DAY_S)
    by_hour = np.histogram(rows["at"], 24, (0.0, DAY_S))[0]
    assert abs(int(np.argmax(by_hour)) - 18) <= 2  # 15:00 in São Paulo is 18:00 UTC
    assert len(rows) == pytest.approx(0.5 * DAY_S, rel=0.03)
    assert wanted.peak_s(MONDAY) / HOUR_S == pytest.approx(18.0, abs=0.3)
    viral = of_plan(plan, "viral")
    assert viral.rate_per_s == pytest.approx(1.0)
    surged = sample(plan, viral, 200_000, epoch_unix_s=MONDAY, duration_s=DAY_S)
    assert (np.histogram(surged["at"], 24, (0.0, DAY_S))[0])[6] / by_hour[6] == pytest.approx(100.0, rel=0.12)
    assert viral.peak_s(MONDAY) / HOUR_S == pytest.approx(6.5, abs=0.5)
