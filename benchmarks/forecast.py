"""How good forecasts are: error and coverage on production demand, and overall weighted average (OWA) on the M4 competition.

    python benchmarks/forecast.py --data FOLDER            # all windows and series (an hour and more)
    python benchmarks/forecast.py --data FOLDER --quick    # few of both (minutes)

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
from pathlib import Path
from typing import Any

import numpy as np

from roteiro.analysis.choice import choose
from roteiro.analysis.forecast import forecast_series
from roteiro.analysis.methods import predict
from roteiro.analysis.past import past_of
from roteiro.analysis.series import Series
from roteiro.tasks.series_source import series_from

AHEAD = 144
M4 = {"Hourly": (48, 24, (24, 168)), "Weekly": (13, 1, (52,))}
"""Steps ahead, the competition's season, and the seasons that are looked for."""


def servegen(folder: Path, origins: int) -> dict[str, Any]:
    """Rolling 24 h ahead over the last days."""
    found: dict[str, Any] = {}
    for size in ("small", "mid", "large"):
        series = series_from(folder / f"m-{size}_10min.csv").of("tokens")[0]
        mine, naive, inside, known, methods = 0.0, 0.0, 0, 0, []
        for k in range(origins, 0, -1):
            at = len(series) - k * AHEAD
            one = forecast_series(series.until(at), AHEAD, np.random.default_rng(k))
            came = series.values[at : at + AHEAD]
            good = np.isfinite(came)
            mine += float(np.abs(came - one.median)[good].sum())
            naive += float(np.abs(came - one.yardstick)[good].sum())
            inside += int(((came >= one.low[-1]) & (came <= one.high[-1]))[good].sum())
            known += int(good.sum())
            methods.append(one.method)
        found[size] = {"mase_to_seasonal_naive": mine / naive, "coverage_90": inside / known, "days": origins, "methods": methods}
    return found


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
    scores = []
    for at in chosen:
        values, came = pasts[at], futures[at]
        past = past_of(Series("total", "total", 0.0, 3600, values, "value", dated=False, seasons=seasons))
        path = predict(choose(past, horizon).method, past, horizon)
        scores.append([*errors(values, came, path, season), *errors(values, came, naive2(values, horizon, season), season)])
    smape, mase, smape2, mase2 = np.mean(scores, axis=0)
    owa = (smape / smape2 + mase / mase2) / 2
    return {"owa": owa, "smape": smape, "mase": mase, "naive2": {"smape": smape2, "mase": mase2}, "series": len(scores), "of": len(pasts)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ROTEIRO_TRACES", "traces")))
    parser.add_argument("--quick", action="store_true", help="the last 3 days of ServeGen and 12 series of each kind of M4")
    parser.add_argument("--only", choices=("servegen", "m4"), help="one part alone")
    asked = parser.parse_args()
    begun, told = time.perf_counter(), dict[str, Any]()
    if asked.only != "m4":
        told["servegen"] = servegen(asked.data / "servegen", 3 if asked.quick else 6)
    if asked.only != "servegen":
        told["m4"] = {kind: m4(asked.data / "m4", kind, 12 if asked.quick else None) for kind in M4}
    print(json.dumps({"benchmark": "forecast", "quick": asked.quick, **told, "took_s": time.perf_counter() - begun}, indent=2))


if __name__ == "__main__":
    main()
