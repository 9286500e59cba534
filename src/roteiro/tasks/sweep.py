"""`roteiro sweep`: a plan simulated with every combination of values for some of its keys, and which of them no other beats.

Every cell has the same seeds, so the same luck. What must not live here: how values are written (`plan.vary`), and how it is shown.
"""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from roteiro.analysis.pareto import front
from roteiro.plan.read import Reading, read
from roteiro.plan.vary import Setting, Variation, combinations, parse_variation
from roteiro.simulator.crew import run_jobs
from roteiro.simulator.job import Job, simulate_one
from roteiro.simulator.result import Estimate, Measured
from roteiro.tasks.diff import plain, spread
from roteiro.tasks.figures import BY_NAME, Figure, figures_of, found
from roteiro.tasks.prepared import Asked, numbers, prepared
from roteiro.terms.error import PlanError, SettingsError
from roteiro.terms.problem import Problem

__all__ = ["Cell", "SweepEstimate", "SweepResult", "sweep"]

SEEDS: Final = 3
MOST_CELLS: Final = 1000
"""Combinations: more are no table that anyone reads, and hours of computing."""
PROBE: Final = 2000
"""Requests of the run that tells how long the sweep takes."""
TOLD: Final = ("attainment", "cost", "p50", "p95", "p99", "ttft_p95", "goodput", "answered", "shed", "fallbacks")
"""Figures of every cell, beside the two objectives."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class SweepEstimate:
    """What is about to be computed. `requests` of one cell and seed, as far as it can be told; `seconds` with so many processes, from a
    short run of the first cell."""

    cells: int
    seeds: int
    requests: float
    seconds: float
    processes: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination. `figures`: key → mean and interval over the seeds that are finished; `best`: no other cell beats it in both
    objectives."""

    settings: tuple[Setting, ...]
    digest: str
    figures: dict[str, Estimate]
    seeds: int
    best: bool


@dataclass(frozen=True, slots=True)
class SweepResult:
    """A sweep's answer. `x` and `y` are the objectives; `cells` those of which at least one seed is finished, in the order of the values.

    `idle`: paths whose values made no difference to any figure.
    """

    plan: str
    digest: str
    demand: str
    paths: tuple[str, ...]
    x: str
    y: str
    units: dict[str, str]
    cells: tuple[Cell, ...]
    wanted_cells: int
    seeds: tuple[int, ...]
    requests: int
    idle: tuple[str, ...]
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    interrupted: bool
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        names = (
            "plan",
            "digest",
            "demand",
            "x",
            "y",
            "units",
            "wanted_cells",
            "requests",
            "interrupted",
            "took_s",
            "paths",
            "seeds",
            "idle",
        )
        cells = [
            {
                "settings": {setting.path: setting.value for setting in cell.settings},
                "digest": cell.digest,
                "figures": plain(cell.figures),
                "seeds": cell.seeds,
                "best": cell.best,
            }
            for cell in self.cells
        ]
        return {
            **{name: plain(getattr(self, name)) for name in names},
            "cells": cells,
            "assumed": list(self.assumed),
            "problems": [str(problem) for problem in self.problems],
        }


def sweep(
    plan_path: Path | str,
    vary: Sequence[str],
    asked: Asked | None = None,
    *,
    x: str = "cost",
    y: str = "attainment",
    seeds: int | Sequence[int] = SEEDS,
    environment: str | None = None,
    processes: int | None = None,
    backend: Literal["processes", "dask", "ray"] = "processes",
    address: str | None = None,
    tell: Callable[[SweepEstimate], None] | None = None,
    on_progress: Progress | None = None,
) -> SweepResult:
    """Simulate every combination of `vary` (see `plan.vary`). `tell` hears what it will take before it begins.

    Raises SettingsError for what cannot be varied so, PlanError with the problems of every combination that makes no plan, and LedgerError
    and SettingsError as `prepared` does. Ctrl-C keeps the cells that are finished; KeyboardInterrupt where there is none.
    """
    begun, asked, path, wanted = time.monotonic(), asked or Asked(), Path(plan_path), numbers(seeds)
    variations = [parse_variation(one) for one in vary]
    readings = readings_of(path, variations, environment)
    plans = [reading.plan for _, reading in readings if reading.plan is not None]
    figures = figures_of(plans)
    objectives = found(x, figures), found(y, figures)
    jobs = [prepared(reading, asked, path.parent) for _, reading in readings]
    if tell is not None:
        tell(estimate(jobs, len(wanted), processes))
    # Seed by seed, all cells: what is finished when someone stops it can be compared.
    order = [(job, seed) for seed in wanted for job in jobs]
    finished: list[list[Measured[float]]] = [[] for _ in jobs]
    interrupted = False
    try:
        for i, measured in run_jobs(order, processes=processes, backend=backend, address=address, on_progress=on_progress):
            finished[i % len(jobs)].append(measured)
    except KeyboardInterrupt:
        if not any(finished):
            raise
        interrupted = True
    kept = [i for i, runs in enumerate(finished) if runs]
    told = [*(BY_NAME[key] for key in TOLD), *(figure for figure in figures if figure.promised is not None), *objectives]
    unique = {figure.key: figure for figure in told}
    cells = judged([(readings[i], finished[i]) for i in kept], unique, objectives)
    first, problems = plans[0], dict.fromkeys(problem for _, reading in readings[:1] for problem in reading.problems)
    return SweepResult(
        plan=first.name or "",
        digest=read(path, environment).digest,
        demand=jobs[0].demand.name,
        paths=tuple(one.path for one in variations),
        x=x,
        y=y,
        units={key: figure.unit for key, figure in unique.items()},
        cells=cells,
        wanted_cells=len(jobs),
        seeds=tuple(wanted),
        requests=round(sum(one.requests for runs in finished for one in runs)),
        idle=idle(cells, [one.path for one in variations]) if not interrupted else (),
        assumed=tuple(dict.fromkeys((*jobs[0].demand.assumed, *jobs[0].service.assumed))),
        problems=tuple(problems),
        interrupted=interrupted,
        took_s=time.monotonic() - begun,
    )


def readings_of(path: Path, variations: Sequence[Variation], environment: str | None) -> list[tuple[tuple[Setting, ...], Reading]]:
    """The plan under each combination. Raises PlanError with the problems of all combinations that make none, each told once."""
    if not variations:
        raise SettingsError("there is nothing to vary; write --vary providers.primary.weight=50..90:10")
    count = math.prod(len(one.values) for one in variations)
    if count > MOST_CELLS:
        times = " × ".join(str(len(one.values)) for one in variations)
        raise SettingsError(f"{times} = {count:,} combinations; at most {MOST_CELLS:,}: vary less at once, or by larger steps")
    plain_reading = read(path, environment)
    if plain_reading.plan is None:
        raise PlanError(plain_reading.problems)
    readings = [(settings, read(path, environment, settings=settings)) for settings in combinations(variations)]
    errors = [problem for _, reading in readings if reading.plan is None for problem in reading.errors]
    if errors:
        raise PlanError(tuple(dict.fromkeys(errors)))
    return readings


def estimate(jobs: Sequence[Job], seeds: int, processes: int | None) -> SweepEstimate:
    """By a short run of the first cell, after one that makes the machine code ready."""
    short = replace(jobs[0], requests=PROBE, data=None)
    simulate_one(short, 1)
    before = time.perf_counter()
    measured = simulate_one(short, 1)
    each = (time.perf_counter() - before) / max(measured.requests, 1.0)
    requests = sum(job.expected_requests for job in jobs) / len(jobs)
    count = min(len(jobs) * seeds, processes or os.cpu_count() or 1)
    total = requests * each * len(jobs) * seeds
    return SweepEstimate(len(jobs), seeds, requests, total / count, count)


def judged(
    cells: Sequence[tuple[tuple[tuple[Setting, ...], Reading], Sequence[Measured[float]]]],
    figures: dict[str, Figure],
    objectives: tuple[Figure, Figure],
) -> tuple[Cell, ...]:
    """Each cell's figures, and whether it lies on the front of the two objectives."""
    rows = [{key: spread(known(figure, runs)) for key, figure in figures.items()} for _, runs in cells]
    points = [[row[one.key].mean for one in objectives] for row in rows]
    best = front(points, [one.better == "more" for one in objectives])
    return tuple(
        Cell(settings, reading.digest, row, len(runs), on) for ((settings, reading), runs), row, on in zip(cells, rows, best, strict=True)
    )


def known(figure: Figure, runs: Sequence[Measured[float]]) -> list[float]:
    return [value for value in (figure.value(measured) for measured in runs) if not math.isnan(value)]


def idle(cells: Sequence[Cell], paths: Sequence[str]) -> tuple[str, ...]:
    """Paths that made no difference: cells that differ in nothing else have the same figures."""
    found_idle = []
    for path in paths:
        groups: dict[tuple[str, ...], list[Cell]] = {}
        for cell in cells:
            others = tuple(str(setting) for setting in cell.settings if setting.path != path)
            groups.setdefault(others, []).append(cell)
        several = any(len(group) > 1 for group in groups.values())
        if several and all(same(group) for group in groups.values()):
            found_idle.append(path)
    return tuple(found_idle)


def same(cells: Sequence[Cell]) -> bool:
    first = repr(cells[0].figures)  # NaN is the same as NaN here
    return all(repr(cell.figures) == first for cell in cells)
