"""How good forecasts are: error and coverage on production demand, overall weighted average (OWA) on the M4 competition; and how fast.

    python benchmarks/forecast.py --data FOLDER            # all of it (some 15 minutes)
    python benchmarks/forecast.py --data FOLDER --quick    # some of each (minutes)

FOLDER has `servegen/` and `m4/` as their publishers name the files; without --data it is ROTEIRO_TRACES. Prints one JSON object.
ServeGen: tokens in windows of 10 min; at each origin the default forecasts 24 h from what came before, and is held against seasonal naive
and against what came. M4: sMAPE and MASE of the default, both relative to those of Naive2 over the same series, and their mean.
"""

import argparse
import csv
import gzip
import json
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from roteiro.analysis.forecast import forecast_together
from roteiro.analysis.series import Series
from roteiro.tasks.forecast_blocks import forecast_blocks
from roteiro.tasks.series_source import series_from

AHEAD = 144
APART = 36
SIZES = ("small", "mid", "large")
M4 = {"Hourly": (48, 24, (24, 168)), "Weekly": (13, 1, (52,))}
"""Steps ahead, the competition's season, and the seasons that are looked for."""


def servegen(folder: Path, origins: int) -> dict[str, Any]:
    """Rolling 24 h ahead, a quarter of a day apart, over the last days; the three models are one record, and forecast together."""
    series = [replace(series_from(folder / f"m-{size}_10min.csv").of("tokens")[0], name=size, level="model") for size in SIZES]
    told = {size: {"mine": 0.0, "naive": 0.0, "inside": 0, "known": 0, "methods": list[str]()} for size in SIZES}
    for k in range(origins, 0, -1):
        at = len(series[0]) - AHEAD - (k - 1) * APART
        chances = [np.random.default_rng([k, row]) for row in range(len(series))]
        for one in forecast_together([each.until(at) for each in series], AHEAD, chances):
            whole, found = next(each for each in series if each.name == one.series.name), told[one.series.name]
            came = whole.values[at : at + AHEAD]
            good = np.isfinite(came)
            found["mine"] += float(np.abs(came - one.median)[good].sum())
            found["naive"] += float(np.abs(came - one.yardstick)[good].sum())
            found["inside"] += int(((came >= one.low[-1]) & (came <= one.high[-1]))[good].sum())
            found["known"] += int(good.sum())
            found["methods"].append(one.method)
    return {size: {"mase_to_seasonal_naive": one["mine"] / one["naive"], "coverage_90": one["inside"] / one["known"], "origins": origins,
                   "methods": sorted(set(one["methods"]))} for size, one in told.items()}  # fmt: skip


def many(count: int) -> dict[str, Any]:
    """Seconds for `count` hourly series of four weeks, seven days ahead: days and weeks of unlike shape and noise, made up."""
    chance, at = np.random.default_rng(1), np.arange(28 * 24)
    series = []
    for row in range(count):
        shape = 1 + 0.6 * np.sin(2 * np.pi * (at / 24 + chance.uniform())) * chance.uniform() + 0.3 * (at // 24 % 7 >= 5) * chance.normal()
        values = np.exp(chance.normal(6, 2)) * np.maximum(shape + chance.uniform(0.02, 0.3) * chance.normal(size=len(at)), 0.0)
        series.append(Series(str(row), "tenant", 1_767_225_600.0, 3600, values, "requests"))
    begun = time.perf_counter()
    told = forecast_blocks(series, 168, 1, method="auto", count=20, left_out=[None] * count, on_progress=lambda _share, _label: None)
    methods = Counter(one.method for one in told)
    return {"series": count, "took_s": time.perf_counter() - begun, "methods": dict(methods), "cores": os.cpu_count()}


def rows(path: Path) -> list[np.ndarray]:
    """Series of a file of M4, a row each."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return [np.array([float(value) for value in row[1:] if value], np.float64) for row in list(csv.reader(file))[1:]]


def naive2(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """The competition's yardstick: the last value, seasonally adjusted where the autocorrelation at the season is significant (90 %)."""
    if season == 1 or not seasonal(values, season):
        return np.full(horizon, values[-1])
    weights = np.r_[0.5, np.ones(season - 1), 0.5] / season if season % 2 == 0 else np.ones(season) / season
    trend = np.convolve(values, weights, "valid")
    half = len(weights) // 2
    ratio = np.full(len(values), np.nan)
    ratio[half : half + len(trend)] = values[half : half + len(trend)] / trend
    index = np.array([np.nanmean(ratio[k::season]) for k in range(season)])
    index *= season / index.sum()
    adjusted = values[-1] / index[(len(values) - 1) % season]
    return adjusted * index[(len(values) + np.arange(horizon)) % season]


def seasonal(values: np.ndarray, season: int) -> bool:
    if len(values) < 3 * season:
        return False
    off = values - values.mean()
    acf = np.array([np.dot(off[lag:], off[: len(off) - lag]) for lag in range(1, season + 1)]) / np.dot(off, off)
    return bool(abs(acf[-1]) > 1.645 * np.sqrt((1 + 2 * (acf[:-1] ** 2).sum()) / len(values)))


def errors(values: np.ndarray, came: np.ndarray, path: np.ndarray, season: int) -> tuple[float, float]:
    """(sMAPE in per cent, MASE) as the competition has them."""
    smape = float(np.mean(200 * np.abs(came - path) / (np.abs(came) + np.abs(path))))
    return smape, float(np.mean(np.abs(came - path)) / np.mean(np.abs(values[season:] - values[:-season])))


def m4(folder: Path, kind: str, most: int | None) -> dict[str, Any]:
    """OWA of the default over the series of one kind, or over `most` of them, evenly spread."""
    horizon, season, seasons = M4[kind]
    pasts, futures = rows(folder / f"{kind}-train.csv.gz"), rows(folder / f"{kind}-test.csv")
    chosen = range(len(pasts)) if most is None else np.linspace(0, len(pasts) - 1, most).astype(int)
    series = [Series(str(at), "tenant", 0.0, 3600, pasts[at], "value", dated=False, seasons=seasons) for at in chosen]
    told = forecast_together(series, horizon, [np.random.default_rng(at) for at in chosen], count=2)
    scores, methods = [], Counter[str]()
    for at, one in zip(chosen, told, strict=True):
        values, came = pasts[at], futures[at]
        methods[one.method] += 1
        scores.append([*errors(values, came, one.median, season), *errors(values, came, naive2(values, horizon, season), season)])
    smape, mase, smape2, mase2 = np.mean(scores, axis=0)
    owa = (smape / smape2 + mase / mase2) / 2
    return {
        "owa": owa,
        "smape": smape,
        "mase": mase,
        "naive2": {"smape": smape2, "mase": mase2},
        "series": len(scores),
        "of": len(pasts),
        "methods": dict(methods),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ROTEIRO_TRACES", "traces")))
    parser.add_argument("--quick", action="store_true", help="4 origins of ServeGen, 24 series of each kind of M4, 500 made up")
    parser.add_argument("--only", choices=("servegen", "m4", "many"), help="one part alone")
    asked = parser.parse_args()
    begun, told = time.perf_counter(), dict[str, Any]()
    if asked.only in (None, "servegen"):
        told["servegen"] = servegen(asked.data / "servegen", 4 if asked.quick else 13)
    if asked.only in (None, "m4"):
        told["m4"] = {kind: m4(asked.data / "m4", kind, 24 if asked.quick else None) for kind in M4}
    if asked.only in (None, "many"):
        told["many"] = many(500 if asked.quick else 10_000)
    print(json.dumps({"benchmark": "forecast", "quick": asked.quick, **told, "took_s": time.perf_counter() - begun}, indent=2))


if __name__ == "__main__":
    main()
