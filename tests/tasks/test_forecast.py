"""Forecasts of what a ledger holds: a data directory, or a run in one."""

from pathlib import Path

import numpy as np
import pytest
from tests.tasks.test_report import record

from roteiro.tasks.forecast import forecast
from roteiro.tasks.series_source import series_from
from roteiro.terms.codes import World
from roteiro.terms.error import LedgerError, PlanError, SettingsError

HOUR = 3600.0


def rows(hours: float, per_hour: int = 12) -> list[dict[str, object]]:
    return [
        {
            "arrival_s": at * HOUR / per_hour,
            "tenant": "acme" if at % 3 else "beta",
            "input_tokens": 90,
            "output_tokens": 10,
            "cost_nusd": 10**6,
        }
        for at in range(round(hours * per_hour))
    ]


def test_a_data_directory_is_forecast_by_what_was_asked_for(tmp_path: Path) -> None:
    record(tmp_path, "run-1", *rows(48.0))
    found = forecast(tmp_path, horizon_s=6 * HOUR, step_s=3600, method="seasonal_naive")
    (one,) = found.forecasts
    assert (found.measure, len(one), one.series.dated) == ("tokens", 6, True)
    assert one.median == pytest.approx(np.full(6, 1200.0)) and one.at_s[0] == one.series.end_s
    tenants = forecast(
        tmp_path, horizon_s=6 * HOUR, step_s=3600, method="seasonal_naive", level="tenant", coherent=True, measure="cost_usd"
    )
    assert [each.series.name for each in tenants.forecasts] == ["total", "acme", "beta"]
    assert tenants.forecasts[1].median + tenants.forecasts[2].median == pytest.approx(tenants.forecasts[0].median)
    assert tenants.forecasts[0].median == pytest.approx(np.full(6, 0.012))


def test_a_run_is_named_beside_its_data_and_simulated_ones_count_only_so(tmp_path: Path) -> None:
    record(tmp_path, "run-1", *rows(24.0))
    record(tmp_path, "sim-1", *rows(24.0, 120), world=World.SIMULATED)
    live = forecast(tmp_path, horizon_s=HOUR, step_s=3600, measure="requests", method="seasonal_naive")
    simulated = forecast("sim-1", data=tmp_path, horizon_s=HOUR, step_s=3600, measure="requests", method="seasonal_naive")
    assert live.forecasts[0].median[0] == pytest.approx(12.0) and simulated.forecasts[0].median[0] == pytest.approx(120.0)
    with pytest.raises(LedgerError, match="run-9"):
        forecast("run-9", data=tmp_path, horizon_s=HOUR)
    with pytest.raises(SettingsError, match="--data"):
        forecast("run-1", horizon_s=HOUR)


def test_an_hour_that_is_half_over_teaches_no_fall(tmp_path: Path) -> None:
    record(tmp_path, "run-1", *rows(24.5, 60))
    found = series_from(tmp_path, step_s=3600)
    series = found.of("requests")[0]
    assert series.values.tolist() == [60.0] * len(series) and [one.code for one in found.problems] == ["W947"]
    assert "last period is not whole" in str(found.problems[0])


def test_a_quiet_end_is_no_unfinished_period(tmp_path: Path) -> None:
    record(tmp_path, "run-1", *rows(24.0, 2))
    found = series_from(tmp_path, step_s=3600)
    assert found.problems == () and len(found.of("requests")[0]) == 24


def test_a_ledger_without_requests_is_told(tmp_path: Path) -> None:
    record(tmp_path, "sim-1", *rows(1.0), world=World.SIMULATED)
    with pytest.raises(PlanError, match="E934"):
        forecast(tmp_path, horizon_s=HOUR)
