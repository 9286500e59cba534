"""How long a purchase takes to optimise and how near it is to the optimum, and what deciding capacity beforehand costs on recorded demand.

Purchase: 6 providers × 4 models × 168 hours × 100 paths, four tiers of quality, a part that may wait; several drawn markets. The goal is
30 s each on two cores.

Regret: ServeGen's tokens in windows of 10 minutes. Capacity for each window is decided by a rule that sees only what came before; capacity
costs $1 a million tokens, demand that finds none costs $10. Regret is what a rule costs beyond knowing everything, which buys just the
demand. Windows of zeros are gaps of the record: no rule is charged for them. None of the rules here is a forecast.

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

from roteiro.analysis.purchase import purchase
from roteiro.analysis.purchase_case import Need, Offer, Promise

Floats = npt.NDArray[np.float64]

QUALITIES = (0.5, 0.65, 0.8, 0.9)
PRICES = (0.3, 1.0, 3.0, 9.0)
DAY = 144
WARM = 3 * DAY
"""Windows that rules may look at before the first is judged."""
CAPACITY, MISSED = 1.0, 10.0


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


def before(values: Floats, at: int, lag: int) -> float:
    """What came `lag` windows before, or as many whole days earlier as it takes to know one; else the last known."""
    for i in range(at - lag, -1, -DAY):
        if np.isfinite(values[i]):
            return float(values[i])
    known = values[: at - 1][np.isfinite(values[: at - 1])]
    return float(known[-1])


def reactive(values: Floats, at: int) -> float:
    """80 % used by the demand of two windows ago: one to see it, one to start up."""
    known = values[: at - 1]
    return float(known[np.isfinite(known)][-1]) / 0.8


def seasonal(values: Floats, at: int) -> float:
    return before(values, at, DAY) * 1.2


def static_peak(values: Floats, at: int) -> float:
    return float(np.nanmax(values[: at - at % DAY]))


def newsvendor(values: Floats, at: int) -> float:
    """Yesterday times the quantile of past ratios of a day to the one before at which the prices meet; decided at midnight."""
    until = at - at % DAY
    ratios = values[DAY:until] / values[: until - DAY]
    return before(values, at, DAY) * float(np.nanquantile(ratios, 1.0 - CAPACITY / MISSED))


def adaptive(values: Floats, at: int) -> float:
    """The last known, two windows ago, times the quantile of how the past three days moved in two windows at which the prices meet."""
    past = values[max(at - 1 - 3 * DAY, 0) : at - 1]
    moved = past[2:] / past[:-2]
    return float(past[np.isfinite(past)][-1]) * float(np.nanquantile(moved, 1.0 - CAPACITY / MISSED))


RULES: dict[str, Callable[[Floats, int], float]] = {
    "reactive only, 80 % used": reactive,
    "seasonal naive + 20 %": seasonal,
    "static peak of the past": static_peak,
    "newsvendor over errors of seasonal naive": newsvendor,
    "newsvendor over errors of the last value": adaptive,
}


def regret(path: Path) -> dict[str, Any]:
    values = tokens(path)
    judged = [at for at in range(WARM, len(values)) if np.isfinite(values[at])]
    demand = values[judged]
    foresight = CAPACITY * demand.sum()
    found: dict[str, Any] = {"windows": len(judged), "perfect_foresight_usd": round(foresight)}
    for name, rule in RULES.items():
        capacity = np.array([rule(values, at) for at in judged])
        missed = np.maximum(demand - capacity, 0.0)
        cost = CAPACITY * capacity.sum() + MISSED * missed.sum()
        found[name] = {
            "regret_usd": round(cost - foresight),
            "of_foresight": round(cost / foresight - 1, 4),
            "missed_share": round(missed.sum() / demand.sum(), 5),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default=os.environ.get("ROTEIRO_TRACES"))
    parser.add_argument("--markets", type=int, default=3)
    options = parser.parse_args()
    report: dict[str, Any] = {
        "benchmark": "capacity",
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "purchase": [market(seed) for seed in range(1, options.markets + 1)],
        "regret": {},
    }
    for size in ("small", "mid", "large"):
        path = Path(options.data or ".") / "servegen" / f"m-{size}_10min.csv"
        report["regret"][f"m-{size}"] = regret(path) if path.exists() else "not there"
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
