"""How true what is said of a budget's coming week is: from the past's shape, and from a forecast, on made records whose end is known.

`python benchmarks/budgets.py [--records 16]`; about ten seconds a record. Prints one JSON object.
Each record: four weeks by the hour and a fifth that nobody is shown, a daily and a weekly shape, noise with an autocorrelation of 0.7
from hour to hour. `held_80`: how many of the weeks cost what the 80 % band says; `error`: mean distance of the median from the truth;
`width`: of the band; all as shares of what the week cost. Wants the extra `forecast`.
"""

import argparse
import json
from typing import Any

import numpy as np

from roteiro.analysis.exhaustion import Past
from roteiro.analysis.forecast import forecast_series
from roteiro.analysis.series import Series

HOUR_S, WEEK = 3600, 168
MONDAY_S = 1_767_571_200.0  # 2026-01-05
KNOWN = 4 * WEEK
SPREAD, LASTS = 0.35, 0.7


def made(seed: int) -> np.ndarray:
    """Dollars an hour."""
    rng, hours = np.random.default_rng(seed), np.arange(KNOWN + WEEK)
    drawn, noise = rng.standard_normal(len(hours)), np.zeros(len(hours))
    for k in range(1, len(hours)):
        noise[k] = LASTS * noise[k - 1] + np.sqrt(1.0 - LASTS**2) * drawn[k]
    shape = (1.0 + 0.6 * np.sin(2.0 * np.pi * hours / 24.0)) * np.where(hours // 24 % 7 > 4, 0.6, 1.0)
    return np.asarray(shape * np.exp(SPREAD * noise))


def told(sums: np.ndarray, came: float) -> tuple[float, float, float]:
    low, middle, high = np.quantile(sums, (0.1, 0.5, 0.9))
    return float(low <= came <= high), abs(middle - came) / came, (high - low) / came


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=16)
    asked = parser.parse_args()
    rows: dict[str, list[tuple[float, float, float]]] = {"past": [], "forecast": []}
    now_s = MONDAY_S + HOUR_S * KNOWN
    for seed in range(asked.records):
        values = made(seed)
        past, came = values[:KNOWN], float(values[KNOWN:].sum())
        drawn = Past(past, HOUR_S, now_s, "UTC").drawn(now_s + HOUR_S * WEEK, np.random.default_rng(seed))
        rows["past"].append(told(drawn.paths_nusd.sum(axis=1), came))
        series = Series("budget", "total", MONDAY_S, HOUR_S, past, "cost_usd")
        ahead = forecast_series(series, WEEK, np.random.default_rng(seed), count=1000)
        rows["forecast"].append(told(ahead.paths.sum(axis=1), came))
    found: dict[str, Any] = {"records": asked.records}
    for way, each in rows.items():
        found[way] = dict(zip(("held_80", "error", "width"), np.round(np.mean(each, axis=0), 4).tolist(), strict=True))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
