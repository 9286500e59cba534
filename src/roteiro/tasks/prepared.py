"""A simulation made ready: a plan that was read, and what the world around it is to be, as a job that seeds can be given to.

What must not live here: running it, and what comes of it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from roteiro.plan.compile import Compiled, Grant, RingSizes, compile_plan
from roteiro.plan.read import Reading
from roteiro.plan.version import load_version
from roteiro.simulator import service as services
from roteiro.simulator.fit import fit
from roteiro.simulator.job import Job
from roteiro.simulator.thinning import thin_job
from roteiro.simulator.world import EPOCH_UNIX_S
from roteiro.tasks.demand_source import bounded, demand_from, opened, run_named
from roteiro.terms.error import LedgerError, PlanError, SettingsError
from roteiro.terms.problem import Problem

__all__ = ["Asked", "numbers", "parse_from", "prepared", "starts_at"]

WITHOUT_JOURNAL, WITH_JOURNAL = RingSizes(events=1 << 14, decisions=16), RingSizes()
"""Of the simulated server: rows that wait to be counted, and requests at once as a server has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the world around a plan is to be.

    `demand`: None for the plan's own, a file of arrivals, or the name of a run in `data`. `fit_from`: a run in `data` whose service times,
    failures and weather are fitted; where the demand is a run, that run unless told otherwise; else the plan's `service` sections tell.
    `fitted`: draw from processes fitted to the demand's record rather than take its arrivals as they came. `thin`: the share of arrivals
    that is simulated, and of capacities. `requests` and `duration_s` bound each seed; `begin` is when simulated time does.
    """

    demand: Path | str | None = None
    data: Path | None = None
    fit_from: str | None = None
    fitted: bool = False
    thin: float = 1.0
    requests: int | None = None
    duration_s: float | None = None
    begin: datetime | None = None
    scenario: str | None = None
    keep: bool = False
    journal: bool = False
    check: bool = False


def prepared(reading: Reading, asked: Asked, folder: Path) -> Job:
    """The job. Files that the plan names are looked for in `folder`. Raises PlanError with every problem, LedgerError and SettingsError for
    a run or file that is not there."""
    run = run_named(asked.demand)
    source = asked.fit_from or run
    ledger = opened(asked.data, [one for one in (run, source) if one], asked.keep or asked.journal)
    compiled = compiled_of(reading, () if run is None or asked.data is None else grants_of(asked.data, run), asked.journal)
    try:
        wanted = demand_from(compiled, asked.demand, data=asked.data, scenario=asked.scenario, folder=folder, fitted=asked.fitted)
    except PlanError as error:
        raise PlanError([placed(problem, reading) for problem in error.problems]) from None
    served = fit(compiled, ledger, source) if ledger is not None and source is not None else services.of_plan(compiled)
    epoch = ledger.head(run).epoch_s if ledger is not None and run is not None else EPOCH_UNIX_S
    if asked.begin is not None:
        zone = ZoneInfo(compiled.plan.timezone)
        epoch = (asked.begin if asked.begin.tzinfo is not None else asked.begin.replace(tzinfo=zone)).timestamp()
    wanted, bound, span_s = bounded(wanted, asked.requests, asked.duration_s)
    job = Job(
        compiled, wanted, served, bound, span_s, epoch, asked.data if asked.keep or asked.journal else None,
        f"sim-{reading.digest[:8]}-{time.time_ns() // 1_000_000:x}", asked.journal, asked.check,
    )  # fmt: skip
    if asked.thin == 1.0:
        return job
    if not 0.0 < asked.thin < 1.0:
        raise SettingsError(f"a demand is thinned by a share above 0 and at most 100%, not {asked.thin:g}")
    thin, notes = thin_job(job, asked.thin)
    return replace(thin, demand=replace(thin.demand, assumed=(*thin.demand.assumed, *notes)))


def placed(problem: Problem, reading: Reading) -> Problem:
    """A problem of the plan's demand, which was found without its file at hand, where the file says so."""
    if problem.where.file != "plan":
        return problem
    return replace(problem, where=reading.marks.nearest(tuple(problem.path.split("."))).key)


def starts_at(job: Job) -> float:
    """The time of day at which simulated time begins, where the plan is: seconds after midnight."""
    local = datetime.fromtimestamp(job.epoch_unix_s, ZoneInfo(job.compiled.plan.timezone))
    return local.hour * 3600.0 + local.minute * 60.0 + local.second


def parse_from(text: str) -> datetime:
    """A moment as ISO 8601 writes it; where it names no zone, it is a time of the plan's. Raises SettingsError."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(f"{text[:60]!r} is no date and no time; write for example 2026-11-27 or 2026-11-27T08:00") from None


def numbers(seeds: int | Sequence[int]) -> Sequence[int]:
    """Which seeds: 1, 2, … so many, or these. Raises SettingsError where there is none."""
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
