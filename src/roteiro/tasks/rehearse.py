"""`roteiro rehearse`: what was recorded, simulated with fitted service times, and how far the two are apart.

What is fitted on one part of a record is judged on another where that can be: on the second half of a run, or on another run. A fit that
is judged on its own run flatters itself, and is said to. What must not live here: judging (`analysis.fidelity`), fitting, and showing.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.fidelity import Facts, Fidelity, Goals, compare, edges_of, facts
from roteiro.ledger import Ledger
from roteiro.plan.compile import Compiled
from roteiro.simulator import demand as demands
from roteiro.simulator.crew import run_each
from roteiro.simulator.fit import fitted
from roteiro.simulator.fit_report import FitReport
from roteiro.simulator.job import Job
from roteiro.simulator.versions import Followed, followed
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import World
from roteiro.terms.error import LedgerError, SettingsError
from roteiro.terms.event import EVENT

__all__ = ["Foretold", "Rehearsal", "RehearsalResult", "foretell", "promised", "rehearse"]

ENOUGH: Final = 400
"""Requests from which on a run is long enough to be fitted on one half and judged on the other."""
NEEDED: Final = (
    "arrival_s", "ended_s", "cost_nusd", "queue_ms", "ttft_ms", "attempt_ms", "total_ms", "input_tokens", "output_tokens", "tier", "target",
    "outcome", "attempts", "fallbacks", "cache", "rescues", "hedged",
)  # fmt: skip
"""Columns of events that figures are counted from; the rest need not be kept."""
FACT: Final = np.dtype([(name, EVENT[name]) for name in NEEDED])

Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and a short label."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One run rehearsed. `fitted_to`: the run that service was fitted to; where it is this one, `split_s` tells which part was fitted
    (before it) and which was judged (after it), or is NaN where all of it was both, which is `optimistic`.

    `requests`: those that were judged. `assumed`: what nothing told, in words. `plans`: versions of the plan that were followed; what came
    after `until_s` had one that cannot be, and is not judged.
    """

    run: str
    plan: str
    digest: str
    fitted_to: str
    split_s: float
    optimistic: bool
    requests: int
    seeds: tuple[int, ...]
    fidelity: Fidelity
    fit: FitReport
    assumed: tuple[str, ...]
    plans: int = 1
    until_s: float = math.inf


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """All runs that were rehearsed; `left_out`: runs that could not be, and why. `medians`: by figure's key, over runs, the median of the
    error's size."""

    data: str
    rehearsals: tuple[Rehearsal, ...]
    left_out: tuple[tuple[str, str], ...]
    medians: Mapping[str, float]
    took_s: float

    @property
    def kept(self) -> bool:
        """Whether no goal was missed by more than chance has it."""
        return all(one.fidelity.kept for one in self.rehearsals)

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        return {"kept": self.kept, **{name: plain(getattr(self, name)) for name in self.__slots__}}


def plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings as plain values."""
    if hasattr(value, "__dataclass_fields__"):
        told = {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return told | ({"kept": value.kept} if isinstance(value, Fidelity) else {})
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rehearse(
    what: str | Path,
    *,
    data: Path | None = None,
    fit_from: str | None = None,
    split: float | None = None,
    seeds: int | Sequence[int] = 5,
    goals: Goals | None = None,
    processes: int | None = None,
    on_progress: Progress | None = None,
) -> RehearsalResult:
    """Rehearse a run of `data`, or, where `what` is a data directory, every live run in it.

    `fit_from`: the run that service is fitted to. `split`: the share of the run's time that is fitted, the rest is judged; 0 fits and
    judges all of it. Without either a run of 400 requests and more is split in the middle, and of a ledger with several runs each one but
    the first is foretold from the one before it. `processes`: seeds side by side, as `crew.run_jobs` has it. Plans that the run adopted are
    followed where they can be. Ctrl-C leaves the seeds that are finished, and begins no other run.

    Raises LedgerError where there is no such run or nothing to judge, SettingsError where the options make no sense.
    """
    begun = time.monotonic()
    if split is not None and not 0.0 <= split < 1.0:
        raise SettingsError(f"a split of {split:g} leaves nothing to judge; from 0 to below 1")
    if split is not None and fit_from is not None:
        raise SettingsError("either a run that is fitted to, or a split of the run itself; both make no sense")
    directory, runs = chosen(what, data)
    ledger = Ledger(directory)
    numbers = tuple(range(1, seeds + 1)) if isinstance(seeds, int) else tuple(dict.fromkeys(seeds))
    if not numbers:
        raise SettingsError("a rehearsal needs at least one seed")
    done, left_out = [], []
    for k, run in enumerate(runs):
        source = fit_from or (runs[k - 1] if split is None and k and len(runs) > 1 else None)

        def tell(share: float, label: str, before: int = k) -> None:
            if on_progress is not None:
                on_progress((before + share) / len(runs), label)

        try:
            done.append(one_run(directory, ledger, run, source, split, numbers, goals or Goals(), processes, tell))
            if len(done[-1].seeds) < len(numbers):
                break
        except LedgerError as error:
            if len(runs) == 1:
                raise
            left_out.append((run, str(error)))
    if not done:
        raise LedgerError(f"no run in the ledger of {directory} could be rehearsed: {left_out[0][1] if left_out else 'there is none'}")
    return RehearsalResult(str(directory), tuple(done), tuple(left_out), medians_of(done), time.monotonic() - begun)


def chosen(what: str | Path, data: Path | None) -> tuple[Path, list[str]]:
    """The data directory and the runs that are meant."""
    path = Path(what)
    if data is None and (path / "ledger").is_dir():
        runs = [run.run for run in Ledger(path).runs() if run.worlds == (World.LIVE.name.lower(),)]
        return path, runs
    if data is None:
        raise SettingsError(f"{str(what)!r} is no data directory, so it is a run, which is in the ledger of one; name that")
    there = sorted(run.run for run in Ledger(data).runs())
    if str(what) not in there:
        raise LedgerError(f"no run {str(what)!r} in the ledger of {data}; there are: {', '.join(there[-5:]) or 'none'}")
    if not (data / "run" / str(what)).is_dir():
        reason = "was kept without its decisions, as `roteiro simulate` keeps runs"
        raise LedgerError(f"run {str(what)!r} of {data} {reason}; rehearse one that `roteiro serve` recorded")
    return data, [str(what)]


def medians_of(done: Sequence[Rehearsal]) -> dict[str, float]:
    """By key, over runs, the median size of the error."""
    sizes: dict[str, list[float]] = {}
    for one in done:
        for figure in one.fidelity.figures:
            if not math.isnan(figure.error):
                sizes.setdefault(figure.key, []).append(abs(figure.error))
    return {key: float(np.median(values)) for key, values in sizes.items()}


def one_run(
    directory: Path,
    ledger: Ledger,
    run: str,
    source: str | None,
    split: float | None,
    seeds: tuple[int, ...],
    goals: Goals,
    processes: int | None,
    tell: Progress,
) -> Rehearsal:
    tell(0.0, f"{run}: reading")
    events, head = ledger.rows("events", run), ledger.head(run)
    plans = followed(directory / "run" / run, ledger.rows("decisions", run), events)
    events = events[np.argsort(events["arrival_s"], kind="stable")]
    if not len(events):
        raise LedgerError(f"run {run} has no events in the ledger, so there is nothing to judge")
    wanted = demands.of_run(plans.first, ledger, run)
    said = said_of(plans, float(events["arrival_s"][0]), float(events["arrival_s"][-1]))
    events = events[events["arrival_s"] < plans.until_s]
    if not len(events):
        raise LedgerError(f"run {run} had a plan that cannot be followed before its first request: {plans.why}")
    wanted = replace(wanted, arrivals=wanted.arrivals[wanted.arrivals["at"] < plans.until_s])
    source = source if source != run else None
    share = (0.5 if len(events) >= ENOUGH else 0.0) if split is None else split
    first, last = float(events["arrival_s"][0]), float(events["arrival_s"][-1])
    cut = math.nan if source is not None or share == 0.0 else first + (last - first) * share
    if not math.isnan(cut) and not ((events["arrival_s"] < cut).any() and (events["arrival_s"] >= cut).any()):
        raise LedgerError(f"run {run} cannot be split at {share:.0%}: one part of it would be empty")
    optimistic = source is None and math.isnan(cut)
    tell(0.1, f"{run}: fitting")
    until = min(plans.until_s if source is None else math.inf, math.inf if math.isnan(cut) else cut)
    service, report = fitted(plans.last, ledger, source or run, weather=optimistic, until_s=until)
    judged_from = first if math.isnan(cut) else cut
    edges = edges_of(judged_from, last, int((events["arrival_s"] >= judged_from).sum()))
    job = Foretold(
        plans.first, wanted, service, None, epoch_unix_s=plans.epoch_unix_s, edges_s=tuple(edges.tolist()), adoptions=plans.adoptions
    )
    told = foretold(job, seeds, processes, lambda done, label: tell(0.2 + 0.8 * done, f"{run}: {label}"))
    recorded = facts(events, head.names, edges, promised(plans.last))
    return Rehearsal(
        run, plans.first.plan.name or "", plans.first.edge.digest, source or run, cut, optimistic, int(recorded.figures["requests"]),
        tuple(told), compare(recorded, list(told.values()), edges, goals), report, (*wanted.assumed, *service.assumed, *said),
        1 + len(plans.adoptions), plans.until_s,
    )  # fmt: skip


def foretold(job: "Foretold", seeds: Sequence[int], processes: int | None, tell: Progress) -> dict[int, Facts]:
    """Seed → what it tells, in the order of the seeds; those that Ctrl-C left. KeyboardInterrupt where none is finished."""
    done: dict[int, Facts] = {}
    try:
        for index, one in run_each([(job, seed) for seed in seeds], foretell, processes=processes, on_progress=tell):
            done[seeds[index]] = one
    except KeyboardInterrupt:
        if not done:
            raise
    return {seed: done[seed] for seed in seeds if seed in done}


def said_of(plans: Followed, first_s: float, last_s: float) -> tuple[str, ...]:
    """What is to be known of plans that were adopted on the way, in words."""
    said = []
    if plans.adoptions:
        times = ", ".join(f"{at_s:.1f} s" for at_s, _ in plans.adoptions[:5]) + (" …" if len(plans.adoptions) > 5 else "")
        said.append(f"the run adopted {len(plans.adoptions)} other plans on its way; the simulation adopts them when it did: at {times}")
    if plans.until_s < math.inf:
        share = (plans.until_s - first_s) / max(last_s - first_s, 1e-9)
        said.append(f"judged is the run until {plans.until_s:.1f} s, {min(max(share, 0.0), 1.0):.0%} of its time: {plans.why}")
    return tuple(said)


@dataclass(frozen=True, slots=True)
class Foretold(Job):
    """A recorded run's plans, demand and fitted service. `edges_s`: the periods that are judged; `adoptions`: as `versions.Followed`."""

    edges_s: tuple[float, ...] = ()
    adoptions: tuple[tuple[float, Compiled], ...] = ()

    @property
    def last(self) -> Compiled:
        return self.adoptions[-1][1] if self.adoptions else self.compiled


def foretell(job: Foretold, seed: int, on_progress: Callable[[float], None] | None = None, *, batches: bool = True) -> Facts:
    """What one seed's events tell of the periods of a job. `batches` makes no difference."""
    kept: list[npt.NDArray[Any]] = []

    def keep(rows: npt.NDArray[Any]) -> None:
        part = np.empty(len(rows), FACT)
        for name in NEEDED:
            part[name] = rows[name]
        kept.append(part)

    def tell(requests: int, now_s: float) -> None:
        if on_progress is not None:
            on_progress(min(requests / max(job.expected_requests, 1.0), 1.0))

    simulation = Simulation(job.compiled, job.demand, job.service, seed, epoch_unix_s=job.epoch_unix_s)
    try:
        for at_s, version in job.adoptions:
            simulation.run(job.requests, job.duration_s, keep, None, tell, until_s=at_s)
            simulation.adopt(version, at_s)
        simulation.run(job.requests, job.duration_s, keep, None, tell)
    finally:
        simulation.close()
    events = np.concatenate([np.empty(0, FACT), *kept])
    return facts(events, job.compiled.names, np.array(job.edges_s), promised(job.last))


def promised(compiled: Compiled) -> dict[str, tuple[float, float]]:
    """Tier → what it promises of the whole time and of the first token, ms; NaN where nothing."""

    def ms(bound_s: float | None) -> float:
        return math.nan if bound_s is None else bound_s * 1e3

    return {name: (ms(tier.latency_p95_s), ms(tier.ttft_p95_s)) for name, tier in compiled.plan.sla_tiers.items()}
