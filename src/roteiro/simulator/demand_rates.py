"""Demand fitted to rates by window: each large client a group of its own with the processes that its windows tell, small ones together.

The superposition of many small clients has, over long stretches, the mean of their dispersions weighed by their rates (asymptotically a
renewal process of variation c has the dispersion c²: D. R. Cox, "Renewal Theory", 1962), and that is the variation of the gaps they get.
What must not live here: records of single arrivals.
"""

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled
from roteiro.simulator import table
from roteiro.simulator.arriving import GAMMA, POISSON
from roteiro.simulator.demand import Demand, lengths_of, mix_of
from roteiro.simulator.demand_gaps import variation
from roteiro.simulator.demand_report import FitReport, GroupFit, Seasons, WindowFit
from roteiro.simulator.groups import ClientGroup, Lengths, slices_of
from roteiro.simulator.trace_form import ClientRates, Rates

__all__ = ["filled", "fit_rates", "seasons_of"]

MOST_CLIENTS: Final = 32
LEAST_SHARE: Final = 0.005
DAY_S: Final = 86400.0

Floats = npt.NDArray[np.float64]


def fit_rates(compiled: Compiled, rates: Rates) -> tuple[Demand, FitReport]:
    """A demand that arrives as the windows say, missing ones stood in for. Lengths have the windows' means and the plan's spread."""
    starts = np.arange(len(rates.rate_per_s), dtype=np.float64) * rates.window_s
    lengths, factors, assumed = lengths_in(compiled, rates)
    mix, stream = mix_of(compiled), compiled.plan.demand.stream
    groups, fits = [], []
    total = float(np.nansum(rates.rate_per_s))
    for name, told, n in clients_of(rates):
        rate = filled(told.rate_per_s, rates.window_s)
        slices = slices_of(starts, rate, told.process, told.shape)
        slices["input_factor"], slices["output_factor"] = factors
        group = ClientGroup(name, merged(slices), lengths, mix, stream)
        groups.append(group)
        share = float(np.nansum(told.rate_per_s)) / total
        fits.append(GroupFit(name, share * total * rates.window_s, share, windows_in(group.slices, rates.span_s), None, math.nan, stream))
        if n > 1:
            assumed.append(f"{n} small clients ({share:.1%} of the requests) are one group")
    if not rates.clients:
        assumed.append("arrivals within a window are independent (Poisson), as no clients are told: bursts are flatter than they were")
    missing = int(rates.missing.sum())
    if missing:
        assumed.append(f"{missing} missing windows are filled from the same time of other days, else from those beside")
    name = f"fitted to {Path(rates.file).name}"
    demand = Demand(
        name, tuple(groups), mix=mix, stream=stream, estimate=compiled.plan.request.output_tokens, horizon_s=rates.span_s,
        assumed=(*rates.assumed, *assumed),
    )  # fmt: skip
    seasons = seasons_of(filled(rates.rate_per_s, rates.window_s), rates.window_s)
    return demand, FitReport(
        Path(rates.file).name, rates.span_s, total * rates.window_s, tuple(fits), seasons=seasons, notes=demand.assumed
    )


def clients_of(rates: Rates) -> list[tuple[str, ClientRates, int]]:
    """(name, what it does, how many clients it stands for) of each group."""
    if not rates.clients:
        blank = np.zeros(len(rates.rate_per_s), np.int64)
        return [("all", ClientRates("all", rates.rate_per_s, blank, np.ones(len(blank))), 1)]
    total = float(np.nansum(rates.rate_per_s))
    ranked = sorted(rates.clients, key=lambda one: -float(np.nansum(one.rate_per_s)))
    own = [one for one in ranked[:MOST_CLIENTS] if float(np.nansum(one.rate_per_s)) >= LEAST_SHARE * total]
    rest = ranked[len(own) :]
    found = [(f"client {one.name}", one, 1) for one in own]
    return [*found, ("others", pooled(rest), len(rest))] if rest else found


def pooled(clients: list[ClientRates]) -> ClientRates:
    """Their sum, with gaps of the mean dispersion."""
    rate = np.sum([one.rate_per_s for one in clients], axis=0)
    shown = np.zeros(len(rate))
    for one in clients:
        spread = {key: variation(*key) ** 2 for key in set(zip(one.process.tolist(), one.shape.tolist(), strict=True))}
        shown += np.nan_to_num(one.rate_per_s) * np.array(
            [spread[key] for key in zip(one.process.tolist(), one.shape.tolist(), strict=True)]
        )
    mean = np.divide(shown, rate, out=np.ones(len(rate)), where=rate > 0.0)
    process = np.where(mean == 1.0, POISSON, GAMMA)
    return ClientRates("others", rate, process, np.where(process == GAMMA, 1.0 / mean, 1.0))


def filled(rate: Floats, window_s: float) -> Floats:
    """With every missing window stood in for: by the mean of the same time of other days, else by the line between those beside."""
    missing = np.isnan(rate)
    if not missing.any():
        return rate
    found = rate.copy()
    day = round(DAY_S / window_s)
    if day >= 1 and len(rate) > day:
        padded = np.append(rate, np.full(-len(rate) % day, np.nan)).reshape(-1, day)
        told = ~np.isnan(padded)
        mean = np.divide(np.where(told, padded, 0.0).sum(axis=0), told.sum(axis=0), out=np.full(day, np.nan), where=told.any(axis=0))
        found = np.where(missing, np.tile(mean, len(padded))[: len(rate)], rate)
    rest = np.isnan(found)
    if rest.all():
        return np.zeros(len(rate))
    places = np.arange(len(rate))
    found[rest] = np.interp(places[rest], places[~rest], found[~rest])
    return found


def lengths_in(compiled: Compiled, rates: Rates) -> tuple[Lengths, tuple[Floats, Floats], list[str]]:
    """(lengths, factors on input and output by window, what is assumed)."""
    wanted = compiled.plan.demand
    usual, assumed = lengths_of(compiled, wanted.input_tokens, wanted.output_tokens)
    tables, factors = [], []
    weights = np.nan_to_num(rates.rate_per_s)
    for quantiles, means in ((usual.input, rates.input_tokens), (usual.output, rates.output_tokens)):
        told = ~np.isnan(means)
        if not told.any():
            tables.append(quantiles)
            factors.append(np.ones(len(means)))
            continue
        overall = float((means[told] * weights[told]).sum() / max(weights[told].sum(), 1e-12)) or float(means[told].mean())
        shape = table.lognormal(1.0, 4.0) if quantiles is None else quantiles
        tables.append(shape * (overall / table.mean(shape)))
        factors.append(filled(means, rates.window_s) / overall)
    notes = [one for one in assumed if "_tokens" not in one]
    if not (np.isnan(rates.input_tokens).all() or np.isnan(rates.output_tokens).all()):
        notes.append(
            "lengths have the means of the record by window, the same for all clients; their spread is the plan's, else p95 = 4 × median"
        )
    else:
        notes = list(assumed)
    first, second = tables
    assert first is not None
    return Lengths(first, second), (factors[0], factors[1]), notes


def merged(slices: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Without slices that only repeat the one before."""
    same = np.zeros(len(slices), np.bool_)
    same[1:] = True
    for name in ("rate", "process", "gap_shape", "input_factor", "output_factor"):
        same[1:] &= slices[name][1:] == slices[name][:-1]
    idle = np.zeros(len(slices), np.bool_)
    idle[1:] = (slices["rate"][1:] == 0.0) & (slices["rate"][:-1] == 0.0)
    kept: npt.NDArray[Any] = slices[~(same | idle)]
    return kept


def windows_in(slices: npt.NDArray[Any], span_s: float) -> tuple[WindowFit, ...]:
    ends = np.append(slices["start"][1:], span_s)
    return tuple(
        WindowFit(
            float(one["start"]), float(end), round(float(one["rate"]) * float(end - one["start"])), float(one["rate"]), float(one["rate"]),
            float(one["rate"]), int(one["process"]), float(one["gap_shape"]),
        )
        for one, end in zip(slices, ends, strict=True)
    )  # fmt: skip


def seasons_of(rate: Floats, window_s: float) -> Seasons:
    """The shape of days and weeks, of a rate without gaps."""
    span_s = len(rate) * window_s
    mean = float(rate.mean())
    if span_s < 2.0 * DAY_S or mean <= 0.0:
        return Seasons()
    at_s = np.arange(len(rate)) * window_s
    hour = (at_s % DAY_S // 3600.0).astype(np.int64)
    by_hour = np.bincount(hour, rate, 24) / np.maximum(np.bincount(hour, minlength=24), 1)
    left = rate - by_hour[hour]
    explained = 1.0 - float(left.var()) / float(rate.var()) if float(rate.var()) > 0.0 else math.nan
    weekly: tuple[float, ...] = ()
    if span_s >= 14.0 * DAY_S:
        day = (at_s // DAY_S % 7).astype(np.int64)
        weekly = tuple((np.bincount(day, rate, 7) / np.bincount(day, minlength=7) / mean).tolist())
    return Seasons(tuple((by_hour / mean).tolist()), weekly, explained)
