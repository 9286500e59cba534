"""How long a purchase takes to optimise and how near it is to the optimum, and what deciding capacity beforehand costs on recorded demand.

Purchase: 6 providers × 4 models × 168 hours × 100 paths, four tiers of quality, a part that may wait; several drawn markets. The goal is
30 s each on two cores.

Regret: ServeGen's tokens in windows of 10 minutes. Capacity for each window is decided by a rule that sees only what came up to a lead
time before; capacity costs $1 a million tokens, demand that finds none several times that. Regret is what a rule costs beyond knowing
everything, which buys just the demand. Windows of zeros are gaps of the record: no rule is charged for them. In the main setting the lead
is two windows (one to see the demand, one to start a replica) and what is missed costs ten times its capacity.

Ours is `analysis.standing`, with the joint paths that the default forecaster made at each midnight among its rules.

`python benchmarks/capacity.py --data FOLDER`, or the folder in ROTEIRO_TRACES. Prints one JSON object.
"""

import argparse
import csv
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from roteiro.analysis.forecast import forecast_series
from roteiro.analysis.purchase import purchase
from roteiro.analysis.purchase_case import Need, Offer, Promise
from roteiro.analysis.series import Series
from roteiro.analysis.standing import brought_up_to_date, known_by, standing

Floats = npt.NDArray[np.float64]

QUALITIES = (0.5, 0.65, 0.8, 0.9)
PRICES = (0.3, 1.0, 3.0, 9.0)
DAY = 144
WARM = 3 * DAY
"""Windows that rules may look at before the first is judged."""
CAPACITY = 1.0
LEADS, RATIOS, MAIN = (2, 6, 36), (3.0, 10.0, 30.0), (2, 10.0)
"""Windows from the last that is known to the one that is decided for; what missed demand costs, in prices of capacity."""


def weeks(rng: np.random.Generator, level: float, paths: int = 100, hours: int = 168) -> Floats:
    """Tokens an hour: a day's and a week's season, a level that is not known, and noise that lasts."""
    hour = np.arange(hours)
    season = (1 + 0.6 * np.sin(2 * np.pi * (hour - 9) / 24)) * np.where((hour // 24) % 7 >= 5, 0.6, 1.0)
    noise, steps = np.zeros((paths, hours)), rng.normal(0, 0.15, (paths, hours))
    for i in range(1, hours):
        noise[:, i] = 0.8 * noise[:, i - 1] + steps[:, i]
    found: Floats = level * season * np.exp(rng.normal(0, 0.25, (paths, 1)) + noise)
    return found


def market(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    needs = [
        Need(quality, weeks(rng, level * 1e6), patient)
        for quality, level, patient in zip(QUALITIES, (60, 40, 25, 10), (0.4, 0.2, 0.1, 0.0), strict=True)
    ]
    offers = []
    for provider in range(6):
        for model, price in enumerate(PRICES):
            usage, load = price * rng.uniform(0.8, 1.3), rng.uniform(0.4e6, 1.2e6)
            unit = load / 1e6 * usage * rng.uniform(0.45, 0.7)
            quota, increment = rng.uniform(1e6, 12e6), int(rng.choice([1, 5]))
            offers.append(
                Offer(f"p{provider}", f"m{model}", QUALITIES[model] + 0.02, load, unit, 5, increment, np.inf, usage, quota, usage / 2, 2e7)
            )
    begun, used = time.perf_counter(), time.process_time()
    found = purchase(needs, offers, Promise(0.999, 0.95, survive=0.5))
    return {
        "seed": seed,
        "took_s": round(time.perf_counter() - begun, 1),
        "processor_s": round(time.process_time() - used, 1),
        "cost_usd": round(found.cost),
        "without_units_usd": round(found.unreserved),
        "gap": round(found.gap, 5),
        "kept": found.kept,
        "kept_without_units": found.unreserved_kept,
        "cells": found.cells,
        "units": found.units,
    }


# -- regret ---------------------------------------------------------------------------------------------------------------------------


def tokens(path: Path) -> Floats:
    """Million tokens by window; NaN in gaps."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    share = np.array([[float(row["rate_rps"]), float(row["rate_with_token_info_rps"])] for row in rows])
    told = np.array([float(row["input_tok_s"]) + float(row["output_tok_s"]) for row in rows])
    known = (share[:, 1] > 0) & (told > 0)
    # Tokens are told of a part of the requests; the others are taken to be alike.
    return np.where(known, told * share[:, 0] / np.where(known, share[:, 1], 1.0) * 600 / 1e6, np.nan)


def known(values: Floats, at: int, lead: int) -> Floats:
    """All that is known when capacity for window `at` is decided, gaps left out."""
    past = values[: at - lead + 1]
    return past[np.isfinite(past)]


def before(values: Floats, at: int, lag: int) -> float:
    """What came `lag` windows before, or as many whole days earlier as it takes to know one; else the last known."""
    for i in range(at - lag, -1, -DAY):
        if np.isfinite(values[i]):
            return float(values[i])
    return float(known(values, at, lag)[-1])


def reactive(values: Floats, at: int, lead: int, ratio: float) -> float:
    """80 % used by the last demand that is known."""
    return float(known(values, at, lead)[-1]) / 0.8


def seasonal(values: Floats, at: int, lead: int, ratio: float) -> float:
    return before(values, at, DAY) * 1.2


def static_peak(values: Floats, at: int, lead: int, ratio: float) -> float:
    return float(known(values, at - at % DAY, lead).max())


def last_value(values: Floats, at: int, lead: int, ratio: float) -> float:
    """The last known times the quantile of how the past three days moved over the lead at which the prices meet."""
    past = values[max(at - lead + 1 - 3 * DAY, 0) : at - lead + 1]
    moved = past[lead:] / past[:-lead]
    return float(known(values, at, lead)[-1]) * float(np.nanquantile(moved, 1.0 - 1.0 / ratio))


RULES: dict[str, Callable[[Floats, int, int, float], float]] = {
    "reactive only, 80 % used": reactive,
    "seasonal naive + 20 %": seasonal,
    "static peak of the past": static_peak,
    "newsvendor over errors of the last value": last_value,
}
OURS, FORECAST, UPDATED = "ours", "the forecaster's paths at the price ratio", "the same, brought up to date each window"


def forecasts(series: Series, method: str) -> dict[int, Floats]:
    """Joint paths of the forecaster by the midnight at which they were made, long enough for every lead."""
    found = {}
    for at in range(WARM, len(series), DAY):
        found[at] = forecast_series(series.until(at), DAY + max(LEADS), np.random.default_rng(at), method=method).paths / 1e6
    return found


def of_paths(values: Floats, made: dict[int, Floats], lead: int, ratio: float) -> tuple[Floats, Floats]:
    """Capacities by paths alone: the newest that were there, at the price ratio; and brought up to date by the last that is known."""
    plain, updated = np.full(len(values), np.nan), np.full(len(values), np.nan)
    share, filled = 1.0 - 1.0 / ratio, known_by(values, DAY)
    for at in range(WARM + lead, len(values)):
        origin = (at - lead) - (at - lead) % DAY
        paths, step = made[origin], at - origin
        plain[at] = float(np.quantile(paths[:, step], share))
        updated[at] = brought_up_to_date(paths, float(filled[at - lead]), step - lead, lead, share)
    return plain, updated


def regret(values: Floats, made: dict[int, Floats], lead: int, ratio: float) -> dict[str, Any]:
    judged = np.array([at for at in range(WARM + lead, len(values)) if np.isfinite(values[at])])
    demand = values[judged]
    foresight = CAPACITY * demand.sum()
    plain, updated = of_paths(values, made, lead, ratio)
    capacities = {name: np.array([rule(values, at, lead, ratio) for at in judged]) for name, rule in RULES.items()}
    capacities |= {FORECAST: plain[judged], UPDATED: updated[judged]}
    ours, _ = standing(values, lead, CAPACITY, CAPACITY * ratio, DAY, WARM, extra=[plain, updated])
    capacities[OURS] = ours[judged - WARM]
    found: dict[str, Any] = {"windows": len(judged), "perfect_foresight_usd": round(foresight)}
    for name, capacity in capacities.items():
        missed = np.maximum(demand - capacity, 0.0)
        cost = CAPACITY * capacity.sum() + CAPACITY * ratio * missed.sum()
        found[name] = {
            "regret_usd": round(cost - foresight),
            "of_foresight": round(cost / foresight - 1, 4),
            "missed_share": round(missed.sum() / demand.sum(), 5),
        }
    least, name = min((one["regret_usd"], name) for name, one in found.items() if isinstance(one, dict) and name in RULES)
    found["best_of_the_others"], found["ours_to_it"] = name, round(found[OURS]["regret_usd"] / least, 3)
    return found


def regrets(folder: Path, method: str) -> dict[str, Any]:
    """The main setting whole; of the others how ours stands to the best of the other rules."""
    found: dict[str, Any] = {"main": {"lead_windows": MAIN[0], "missed_to_capacity": MAIN[1], "method": method}, "grid": {}}
    for size in ("small", "mid", "large"):
        path = folder / "servegen" / f"m-{size}_10min.csv"
        if not path.exists():
            found[f"m-{size}"] = "not there"
            continue
        values, begun = tokens(path), time.process_time()
        made = forecasts(Series("total", "total", 0.0, 600, values * 1e6, "tokens", dated=False), method)
        for lead in LEADS:
            for ratio in RATIOS:
                one = regret(values, made, lead, ratio)
                if (lead, ratio) == MAIN:
                    found[f"m-{size}"] = one
                row = {"ours": one[OURS]["of_foresight"], "best_other": one[one["best_of_the_others"]]["of_foresight"]}
                cell = found["grid"].setdefault(f"lead {lead * 10} min, missed costs {ratio:g} times", {})
                cell[f"m-{size}"] = {**row, "which": one["best_of_the_others"], "ours_to_it": one["ours_to_it"]}
        found[f"m-{size}"]["processor_s"] = round(time.process_time() - begun, 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default=os.environ.get("ROTEIRO_TRACES"))
    parser.add_argument("--markets", type=int, default=3)
    parser.add_argument("--method", default="auto", help="of the forecaster; auto takes some 10 s a day of record")
    options = parser.parse_args()
    report: dict[str, Any] = {
        "benchmark": "capacity",
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "purchase": [market(seed) for seed in range(1, options.markets + 1)],
        "regret": regrets(Path(options.data or "."), options.method),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
