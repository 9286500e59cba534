"""`roteiro simulate`: what a plan would do under a demand, over several seeds; and how well that foretells a recorded run.

What must not live here: how a result is shown.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roteiro.plan.compile import Compiled, Grant, RingSizes, compile_plan
from roteiro.plan.read import Reading, read
from roteiro.plan.version import load_version
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator.crew import Backend, OnProgress
from roteiro.simulator.estimate import LEAST_BATCHES
from roteiro.simulator.fit import fit
from roteiro.simulator.result import Estimate, Measured, over_seeds
from roteiro.simulator.seeds import Job, simulate_seeds
from roteiro.simulator.world import EPOCH_UNIX_S, FOREVER
from roteiro.tasks.demand_source import bounded, demand_from, opened, run_named
from roteiro.terms.error import LedgerError, PlanError, SettingsError
from roteiro.terms.problem import Problem

__all__ = ["SimulationResult", "predict", "simulate"]

WITHOUT_JOURNAL, WITH_JOURNAL = RingSizes(events=1 << 14, decisions=16), RingSizes()
"""Of the simulated server: rows that wait to be counted, and requests at once as a server has them."""


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """A simulation's answer. `measured` holds an Estimate (mean, low, high over seeds) at each leaf, `by_seed` the numbers of each.

    `intervals`: what these tell of, `seeds` (the spread between seeds), `batches` (of one seed, the spread within the run) or `none`.
    `promises`: what the plan's tiers promise, by tier: `availability` (0 to 1), `latency_ms` and `ttft_ms` (95th percentiles).
    `epoch_unix_s`: when simulated time begins. `checked`: the laws of conservation were looked at, and hold.
    `assumed`: what neither plan nor record tells, in words. `interrupted`: Ctrl-C came; `seeds` are those that were finished.
    `runs`: the names under which events are in the ledger, where they were kept.
    """

    plan: str
    digest: str
    demand: str
    service: str
    seeds: tuple[int, ...]
    requests: int
    measured: Measured[Estimate]
    by_seed: Mapping[int, Measured[float]]
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    interrupted: bool
    runs: tuple[str, ...]
    took_s: float
    intervals: str = "seeds"
    promises: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    epoch_unix_s: float = EPOCH_UNIX_S
    checked: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        told = {name: getattr(self, name) for name in ("plan", "digest", "demand", "service", "requests", "interrupted", "took_s")}
        lists = {"seeds": list(self.seeds), "assumed": list(self.assumed), "runs": list(self.runs)}
        measured = asdict(self.measured)
        del measured["batches"]
        more = {"promises": {tier: dict(promised) for tier, promised in self.promises.items()}, "intervals": self.intervals}
        times = {"epoch_unix_s": self.epoch_unix_s, "checked": self.checked}
        problems = [str(problem) for problem in self.problems]
        return {**told, **times, **lists, **more, "problems": problems, "measured": plain(measured)}


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def simulate(
    plan_path: Path | str,
    *,
    demand: Path | str | None = None,
    data: Path | None = None,
    fit_from: str | None = None,
    seeds: int | Sequence[int] = 5,
    requests: int | None = None,
    duration_s: float | None = None,
    environment: str | None = None,
    scenario: str | None = None,
    keep: bool = False,
    journal: bool = False,
    begin: datetime | None = None,
    thin: float = 1.0,
    check: bool = False,
    processes: int | None = None,
    backend: Backend = "processes",
    address: str | None = None,
    on_progress: OnProgress | None = None,
) -> SimulationResult:
    """Simulate a plan.

    `demand`: None for the plan's own, a record in a file or folder (`demand_source` says in which forms), or the name of a run in `data`.
    `fit_from`: a run in `data` whose service times, failures and weather are fitted; where the demand is a run, that run unless told
    otherwise; else the plan's `service` sections tell. `seeds`: how many (1, 2, …), or which. `requests` and `duration_s` bound each
    seed; a demand without an end brings 100,000 requests where neither is given, a fitted record ends where the record did. `keep` writes
    the events of each seed to `data`, `journal` its decisions too, so that it can be replayed. `begin`: when simulated time begins (UTC
    where it has no zone); without it when the run that comes again began, else a Monday in January. `thin`: the share of requests that is
    simulated. `check` looks at the laws of conservation and raises InvariantError where one is broken. `processes`, `backend`, `address`
    and `on_progress` as of `crew.run_jobs`.

    Raises PlanError with every problem, LedgerError and SettingsError for a run or file that is not there, and KeyboardInterrupt when it
    is stopped before any seed is finished.
    """
    path = Path(plan_path)
    reading = read(path, environment)
    run = run_named(demand)
    source = fit_from or run
    ledger = opened(data, [one for one in (run, source) if one], keep or journal)
    compiled = compiled_of(reading, () if run is None or data is None else grants_of(data, run), journal)
    wanted = demand_from(compiled, demand, data=data, scenario=scenario, folder=path.parent, thin=thin)
    served = fit(compiled, ledger, source) if ledger is not None and source is not None else services.of_plan(compiled)
    epoch = ledger.head(run).epoch_s if ledger is not None and run is not None else EPOCH_UNIX_S
    if begin is not None:
        epoch = (begin if begin.tzinfo is not None else begin.replace(tzinfo=UTC)).timestamp()
    wanted, bound, span_s = bounded(wanted, requests, duration_s)
    job = Job(
        compiled, wanted, served, bound, span_s, epoch,
        data if keep or journal else None, f"sim-{reading.digest[:8]}-{time.time_ns() // 1_000_000:x}", journal, check,
    )  # fmt: skip
    return over(job, reading, numbers(seeds), processes, on_progress, backend, address)


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
    return over(job, None, numbers(seeds), processes, on_progress)


def over(
    job: Job,
    reading: Reading | None,
    seeds: Sequence[int],
    processes: int | None,
    on_progress: OnProgress | None,
    backend: Backend = "processes",
    address: str | None = None,
) -> SimulationResult:
    begun = time.monotonic()
    by_seed, interrupted = simulate_seeds(job, seeds, processes, on_progress, backend=backend, address=address)
    warnings = reading.problems if reading is not None else ()
    return SimulationResult(
        plan=job.compiled.plan.name or "",
        digest=job.compiled.edge.digest,
        demand=job.demand.name,
        service=job.service.name,
        seeds=tuple(sorted(by_seed)),
        requests=round(sum(one.requests for one in by_seed.values())),
        measured=over_seeds([by_seed[seed] for seed in sorted(by_seed)]),
        by_seed=by_seed,
        assumed=(*job.demand.assumed, *job.service.assumed),
        problems=(*warnings, *job.demand.problems),
        interrupted=interrupted,
        runs=tuple(f"{job.name}-{seed}" for seed in sorted(by_seed)) if job.data is not None else (),
        took_s=time.monotonic() - begun,
        intervals="seeds" if len(by_seed) > 1 else "batches" if enough(by_seed) else "none",
        promises=promises_of(job.compiled),
        epoch_unix_s=job.epoch_unix_s,
        checked=job.check,
    )


def enough(by_seed: Mapping[int, Measured[float]]) -> bool:
    """Whether one seed alone has batches enough for intervals."""
    return all(len(one.batches) >= LEAST_BATCHES for one in by_seed.values())


def promises_of(compiled: Compiled) -> dict[str, dict[str, float]]:
    """What the plan's tiers promise, see `SimulationResult`."""
    told = {}
    for name, tier in compiled.plan.sla_tiers.items():
        times = {"latency_ms": tier.latency_p95_s, "ttft_ms": tier.ttft_p95_s}
        told[name] = {what: seconds * 1e3 for what, seconds in times.items() if seconds is not None}
        if tier.availability is not None:
            told[name]["availability"] = tier.availability
    return told


def numbers(seeds: int | Sequence[int]) -> Sequence[int]:
    asked = tuple(range(1, seeds + 1)) if isinstance(seeds, int) else tuple(dict.fromkeys(seeds))
    if not asked:
        raise SettingsError("a simulation needs at least one seed")
    return asked


def compiled_of(reading: Reading, grants: Sequence[Grant], journal: bool) -> Compiled:
    if reading.plan is None:
        raise PlanError(reading.problems)
    held = [grant for grant in grants if grant.tenant in reading.plan.tenants]
    return compile_plan(reading.plan, reading.digest, held, sizes=WITH_JOURNAL if journal else WITHOUT_JOURNAL)


def grants_of(data: Path, run: str) -> Sequence[Grant]:
    """The keys that a run began with, by name; none where its versions are gone."""
    try:
        return load_version(data / "run" / run, 0)[0].grants
    except LedgerError:
        return ()
