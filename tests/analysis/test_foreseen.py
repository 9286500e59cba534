"""Budgets that are forecast: who shares a forecast, which records are long enough, and that the paths are those of the rest."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.analysis.build import EPOCH_S, events

from roteiro.analysis import foreseen as subject
from roteiro.analysis.foreseen import foreseen, spending_series
from roteiro.analysis.purse import Purse

DOLLAR = 10**9
DAYS = 16
AT = datetime.fromtimestamp(EPOCH_S + DAYS * 86_400.0, UTC)


def test_a_series_is_dollars_in_whole_steps_up_to_now() -> None:
    ends = EPOCH_S + 1800.0 + 3600.0 * np.arange(DAYS * 24)
    series = spending_series(ends, np.full(len(ends), 2.0 * DOLLAR), AT.timestamp(), AT.timestamp() + 86_400.0, "all")
    assert series is not None and (series.step_s, series.end_s, len(series)) == (3600, AT.timestamp(), DAYS * 24 - 1)
    assert (series.values == 2.0).all()
    month = spending_series(ends, np.full(len(ends), 2.0 * DOLLAR), AT.timestamp(), AT.timestamp() + 20 * 86_400.0, "all")
    assert month is not None and month.step_s == 10_800 and (month.values == 6.0).all()
    assert spending_series(ends[-13 * 24 :], np.ones(13 * 24), AT.timestamp(), AT.timestamp() + 3600.0, "all") is None


def test_budgets_of_the_same_payers_share_a_forecast_and_hours_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, int]] = []

    def fake(series: Any, horizon: int, chance: Any, *, count: int, on_progress: Any) -> Any:
        asked.append((series.name, series.step_s, horizon))
        on_progress(0.5, "theta")
        return SimpleNamespace(at_s=series.end_s + series.step_s * np.arange(horizon), paths=np.ones((3, horizon)))

    monkeypatch.setattr(subject, "forecast_series", fake)
    rows = [{"arrival_s": 3600.0 * hour, "tenant": "acme" if hour % 2 else "beta", "cost_nusd": DOLLAR} for hour in range(DAYS * 24)]
    late = [{"arrival_s": 86_400.0 * (DAYS - 1), "tenant": "gama", "cost_nusd": DOLLAR}]
    purses = [
        Purse("all/day", 10 * DOLLAR, "day"), Purse("all/week", 90 * DOLLAR, "week"), Purse("all/hour", 99 * DOLLAR, "hour"),
        Purse("acme/day", 9 * DOLLAR, "day", tenants=("acme",)), Purse("gama/day", 8 * DOLLAR, "day", tenants=("gama",)),
    ]  # fmt: skip
    seen: list[float] = []
    found = foreseen(events(*rows, *late), purses, AT, lambda n: np.random.default_rng(n), lambda share, label: seen.append(share))
    assert set(found) == {"all/day", "all/week", "acme/day"}, "gama's record is a day long"
    assert [name for name, _, _ in asked] == ["all/week", "acme/day"]
    assert found["all/day"] is found["all/week"] and (found["all/day"].paths_nusd == DOLLAR).all()
    assert all(0.0 < share < 1.0 for share in seen) and len(seen) == 2
