"""`roteiro simulate`: what a plan would do under a demand, over several seeds; and how well that foretells a recorded run.

What must not live here: how a result is shown.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from roteiro.plan.compile import RingSizes, compile_plan
from roteiro.plan.read import Reading, read
from roteiro.plan.version import load_version
from roteiro.simulator import demand as demands
from roteiro.simulator.crew import Backend, OnProgress
from roteiro.simulator.estimate import LEAST_BATCHES
from roteiro.simulator.fit import fit
from roteiro.simulator.job import Job
from roteiro.simulator.result import Estimate, Measured, over_seeds
from roteiro.simulator.seeds import simulate_seeds
from roteiro.simulator.thinning import ThinningError, thinning_error
from roteiro.simulator.world import EPOCH_UNIX_S, FOREVER
from roteiro.tasks.demand_source import opened
from roteiro.tasks.diff import plain
from roteiro.tasks.kept_plan import keep_plan
from roteiro.tasks.prepared import Asked, numbers, prepared, starts_at
from roteiro.tasks.promises import Promise, promises_of
from roteiro.terms.problem import Problem

__all__ = ["SimulationResult", "predict", "simulate"]


@dataclass(frozen=True, slots=True)
class Down:
    """Targets that are down by the calendar, from when until when in simulated seconds."""

    targets: tuple[str, ...]
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """A simulation's answer. `measured` holds an Estimate (mean, low, high over seeds) at each leaf, `by_seed` the numbers of each.

    `promises`: those of the plan's tiers, judged. `assumed`: what neither plan nor record tells, in words. `interrupted`: Ctrl-C came;
    `seeds` are those that were finished, of `wanted_seeds`. `runs`: the names under which events are in the ledger, where they were kept.
    `intervals`: what these tell of, `seeds` (the spread between seeds), `batches` (of one seed, the spread within the run) or `none`.
    `epoch_unix_s`: when simulated time begins; `starts_at_s`: at which time of day, where the plan is. `outages`: those of the calendar.
    `checked`: the laws of conservation were looked at, and hold. `thinning`: what simulating a share of it does, where it was only one.
    """

    plan: str
    digest: str
    demand: str
    service: str
    seeds: tuple[int, ...]
    wanted_seeds: int
    requests: int
    measured: Measured[Estimate]
    by_seed: Mapping[int, Measured[float]]
    promises: tuple[Promise, ...]
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    interrupted: bool
    runs: tuple[str, ...]
    starts_at_s: float
    outages: tuple[Down, ...]
    took_s: float
    intervals: str = "seeds"
    epoch_unix_s: float = EPOCH_UNIX_S
    checked: bool = False
    thinning: ThinningError | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        names = (
            "plan", "digest", "demand", "service", "seeds", "wanted_seeds", "requests", "interrupted", "runs", "starts_at_s", "took_s",
            "intervals", "epoch_unix_s", "checked", "thinning",
        )  # fmt: skip
        told = {name: plain(getattr(self, name)) for name in names}
        problems = [str(problem) for problem in self.problems]
        promises = [{**plain(one), "what": one.what} for one in self.promises]
        measured = asdict(self.measured)
        del measured["batches"]
        return {**told, "assumed": list(self.assumed), "problems": problems, "promises": promises, "measured": plain(measured)}


def simulate(
    plan_path: Path | str,
    *,
    demand: Path | str | None = None,
    data: Path | None = None,
    fit_from: str | None = None,
    fitted: bool = False,
    seeds: int | Sequence[int] = 5,
    requests: int | None = None,
    duration_s: float | None = None,
    begin: datetime | None = None,
    environment: str | None = None,
    scenario: str | None = None,
    thin: float = 1.0,
    keep: bool = False,
    journal: bool = False,
    check: bool = False,
    processes: int | None = None,
    backend: Backend = "processes",
    address: str | None = None,
    on_progress: OnProgress | None = None,
) -> SimulationResult:
    """Simulate a plan.

    `demand`: None for the plan's own, a record in a file or folder (`demand_source` says in which forms), or the name of a run in `data`.
    `fit_from`: a run in `data` whose service times, failures and weather are fitted; where the demand is a run, that run unless told
    otherwise; else the plan's `service` sections tell. `fitted`: draw from processes fitted to the record in place of taking it again.
    `seeds`: how many (1, 2, …), or which. `requests` and `duration_s` bound each seed; a drawn demand brings 100,000 requests where neither
    is given. `begin`: when simulated time does, in the plan's time zone where it names none. `thin`: the share of requests that
    is simulated. `keep` writes the events of each seed to `data`, `journal` its decisions too, so that it can be replayed. `check`: the
    laws of conservation are looked at as it runs. `processes`, `backend` and `address`: as of `simulator.crew`.

    Raises PlanError with every problem, LedgerError and SettingsError for a run or file that is not there, and KeyboardInterrupt when it
    is stopped before any seed is finished.
    """
    path = Path(plan_path)
    reading = read(path, environment)
    asked = Asked(
        demand=demand, data=data, fit_from=fit_from, fitted=fitted, thin=thin, requests=requests, duration_s=duration_s, begin=begin,
        scenario=scenario, keep=keep, journal=journal, check=check,
    )  # fmt: skip
    job = prepared(reading, asked, path.parent)
    wanted = numbers(seeds)
    if job.data is not None and reading.plan is not None:
        keep_plan(job.data, reading.digest, reading.plan)
    begun = time.monotonic()
    by_seed, interrupted = simulate_seeds(job, wanted, processes, on_progress, backend=backend, address=address)
    error = (
        None if thin == 1.0 else thinning_error(prepared(reading, replace(asked, thin=1.0, keep=False, journal=False), path.parent), thin)
    )
    return replace(told(job, reading, wanted, by_seed, interrupted, time.monotonic() - begun), thinning=error)


def predict(
    data: Path, run: str, *, seeds: int | Sequence[int] = 5, processes: int | None = None, on_progress: OnProgress | None = None
) -> SimulationResult:
    """Simulate a recorded run again: its first plan version, its arrivals, and service fitted to it.

    Raises LedgerError where it is not there.
    """
    ledger = opened(data, [run], False)
    compiled, epoch = load_version(data / "run" / run, 0)
    smaller = compile_plan(compiled.plan, compiled.edge.digest, compiled.grants, sizes=RingSizes(compiled.capacities["flows"], 1 << 14, 16))
    assert ledger is not None
    job = Job(smaller, demands.of_run(smaller, ledger, run), fit(smaller, ledger, run), None, FOREVER, epoch)
    wanted = numbers(seeds)
    begun = time.monotonic()
    by_seed, interrupted = simulate_seeds(job, wanted, processes, on_progress)
    return told(job, None, wanted, by_seed, interrupted, time.monotonic() - begun)


def told(
    job: Job,
    reading: Reading | None,
    wanted: Sequence[int],
    by_seed: Mapping[int, Measured[float]],
    interrupted: bool,
    took_s: float,
) -> SimulationResult:
    measured = over_seeds([by_seed[seed] for seed in sorted(by_seed)])
    return SimulationResult(
        plan=job.compiled.plan.name or "",
        digest=job.compiled.edge.digest,
        demand=job.demand.name,
        service=job.service.name,
        seeds=tuple(sorted(by_seed)),
        wanted_seeds=len(wanted),
        requests=round(sum(one.requests for one in by_seed.values())),
        measured=measured,
        by_seed=by_seed,
        promises=promises_of(job.compiled.plan, measured),
        assumed=(*job.demand.assumed, *job.service.assumed),
        problems=(*(reading.problems if reading is not None else ()), *job.demand.problems),
        interrupted=interrupted,
        runs=tuple(f"{job.name}-{seed}" for seed in sorted(by_seed)) if job.data is not None else (),
        starts_at_s=starts_at(job),
        outages=tuple(
            Down(one.targets, one.start_s, one.end_s) for one in getattr(job.service, "outages", ()) if not getattr(one, "unix", False)
        ),
        took_s=took_s,
        intervals="seeds" if len(by_seed) > 1 else "batches" if enough(by_seed) else "none",
        epoch_unix_s=job.epoch_unix_s,
        checked=job.check,
    )


def enough(by_seed: Mapping[int, Measured[float]]) -> bool:
    """Whether one seed alone has batches enough for intervals."""
    return all(len(one.batches) >= LEAST_BATCHES for one in by_seed.values())
