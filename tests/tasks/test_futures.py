"""Futures are demands: what is written is read again by whoever simulates it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from roteiro.simulator.trace import Rates, read_record
from roteiro.tasks.futures import write_futures
from roteiro.terms.error import SettingsError


def usage(folder: Path, columns: str = "requests,input_tokens,output_tokens") -> Path:
    path = folder / "usage.csv"
    chance, names = np.random.default_rng(1), columns.split(",")
    with path.open("w") as file:
        file.write(f"timestamp,{columns}\n")
        for hour in range(24 * 10):
            requests = 3600 * (1 + 0.5 * np.sin(2 * np.pi * hour / 24)) * chance.lognormal(0.0, 0.1)
            values = {"requests": requests, "input_tokens": 800 * requests, "output_tokens": 150 * requests, "cost_usd": requests / 100}
            file.write(f"2026-11-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z," + ",".join(f"{values[name]:.0f}" for name in names) + "\n")
    return path


def test_a_future_is_a_demand_whose_requests_and_tokens_belong_together(tmp_path: Path) -> None:
    written = write_futures(
        tmp_path / "f", usage(tmp_path), 3, horizon_s=86_400.0, step_s=3600, method="seasonal_naive", scenarios=("base",)
    )
    assert [path.name for path in written] == [f"{name}-{row:03d}.csv" for name in ("future", "base") for row in (1, 2, 3)]
    rates, _ = read_record(written[0])
    assert isinstance(rates, Rates) and rates.window_s == 3600.0 and len(rates.rate_per_s) == 24
    assert 0.7 < float(np.mean(rates.rate_per_s)) < 1.3
    assert np.median(rates.input_tokens) == pytest.approx(800, rel=0.15) and np.median(rates.output_tokens) == pytest.approx(150, rel=0.15)
    values = [[float(row["rate_rps"]) for row in csv.DictReader(path.read_text().splitlines())] for path in written[:3]]
    assert values[0] != values[1] != values[2]


def test_a_record_without_tokens_gives_rates_and_one_without_requests_nothing(tmp_path: Path) -> None:
    (one,) = write_futures(tmp_path, usage(tmp_path, "requests"), 1, horizon_s=86_400.0, step_s=3600, method="seasonal_naive")
    assert one.read_text().splitlines()[0] == "t_s,rate_rps"
    with pytest.raises(SettingsError, match="does not count requests"):
        write_futures(tmp_path, usage(tmp_path, "cost_usd"), 1, horizon_s=86_400.0)
    with pytest.raises(SettingsError, match="--futures"):
        write_futures(tmp_path / "usage.csv", usage(tmp_path, "requests"), 1, horizon_s=86_400.0, step_s=3600, method="seasonal_naive")
