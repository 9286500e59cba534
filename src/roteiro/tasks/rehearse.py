"""`roteiro rehearse`: what was recorded, simulated with fitted service times, and how far the two are apart.

What is fitted on one part of a record is judged on another where that can be: on the second half of a run, or on another run. A fit that
is judged on its own run flatters itself, and is said to. What must not live here: judging (`analysis.fidelity`), fitting, and showing.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.fidelity import Facts, Fidelity, Goals, compare, edges_of, facts
from roteiro.ledger import Ledger
from roteiro.plan.compile import Compiled, RingSizes, compile_plan
from roteiro.plan.version import load_version
from roteiro.simulator import demand as demands
from roteiro.simulator.demand import Demand
from roteiro.simulator.fit import fitted
from roteiro.simulator.fit_report import FitReport
from roteiro.simulator.service import ServiceWorld
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import Step, World
from roteiro.terms.error import LedgerError, SettingsError
from roteiro.terms.event import EVENT

__all__ = ["Foretold", "Rehearsal", "RehearsalResult", "rehearse"]

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

    `requests`: those that were judged. `assumed`: what nothing told, in words.
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
    on_progress: Progress | None = None,
) -> RehearsalResult:
    """Rehearse a run of `data`, or, where `what` is a data directory, every live run in it.

    `fit_from`: the run that service is fitted to. `split`: the share of the run's time that is fitted, the rest is judged; 0 fits and
    judges all of it. Without either a run of 400 requests and more is split in the middle, and of a ledger with several runs each one but
    the first is foretold from the one before it.

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
            done.append(one_run(directory, ledger, run, source, split, numbers, goals or Goals(), tell))
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
    directory: Path, ledger: Ledger, run: str, source: str | None, split: float | None, seeds: tuple[int, ...], goals: Goals, tell: Progress
) -> Rehearsal:
    tell(0.0, f"{run}: reading")
    compiled, epoch = load_version(directory / "run" / run, 0)
    smaller = compile_plan(compiled.plan, compiled.edge.digest, compiled.grants, sizes=RingSizes(compiled.capacities["flows"], 1 << 14, 16))
    events, head = ledger.rows("events", run), ledger.head(run)
    events = events[np.argsort(events["arrival_s"], kind="stable")]
    if not len(events):
        raise LedgerError(f"run {run} has no events in the ledger, so there is nothing to judge")
    wanted = demands.of_run(smaller, ledger, run)
    source = source if source != run else None
    share = (0.5 if len(events) >= ENOUGH else 0.0) if split is None else split
    first, last = float(events["arrival_s"][0]), float(events["arrival_s"][-1])
    cut = math.nan if source is not None or share == 0.0 else first + (last - first) * share
    if not math.isnan(cut) and not ((events["arrival_s"] < cut).any() and (events["arrival_s"] >= cut).any()):
        raise LedgerError(f"run {run} cannot be split at {share:.0%}: one part of it would be empty")
    optimistic = source is None and math.isnan(cut)
    tell(0.1, f"{run}: fitting")
    service, report = fitted(smaller, ledger, source or run, weather=optimistic, until_s=math.inf if math.isnan(cut) else cut)
    judged_from = first if math.isnan(cut) else cut
    edges = edges_of(judged_from, last, int((events["arrival_s"] >= judged_from).sum()))
    foretold = Foretold(smaller, wanted, service, epoch)
    told = []
    for n, seed in enumerate(seeds):
        tell(0.2 + 0.8 * n / len(seeds), f"{run}: seed {seed}")
        told.append(foretold.facts(seed, edges))
    names = head.names
    recorded = facts(events, names, edges, promised(compiled))
    versions = int(events["plan"].max()) if len(events) else 0
    assumed = (*wanted.assumed, *service.assumed)
    if versions or adopted(ledger, run):
        assumed += ("the run adopted another plan on its way; the first one is simulated all the time",)
    return Rehearsal(
        run, compiled.plan.name or "", compiled.edge.digest, source or run, cut, optimistic, int(recorded.figures["requests"]), seeds,
        compare(recorded, told, edges, goals), report, assumed,
    )  # fmt: skip


def adopted(ledger: Ledger, run: str) -> bool:
    return bool((ledger.rows("decisions", run)["step"] == int(Step.ADOPT)).any())


@dataclass(frozen=True, slots=True)
class Foretold:
    """A recorded run's plan, demand and fitted service: what single seeds make of them."""

    compiled: Compiled
    demand: Demand
    service: ServiceWorld
    epoch_unix_s: float

    def events(self, seed: int) -> npt.NDArray[Any]:
        """The columns NEEDED of all its events, in the order of their ends."""
        kept: list[npt.NDArray[Any]] = []

        def keep(rows: npt.NDArray[Any]) -> None:
            part = np.empty(len(rows), FACT)
            for name in NEEDED:
                part[name] = rows[name]
            kept.append(part)

        simulation = Simulation(self.compiled, self.demand, self.service, seed, epoch_unix_s=self.epoch_unix_s)
        try:
            simulation.run(on_events=keep)
        finally:
            simulation.close()
        return np.concatenate([np.empty(0, FACT), *kept])

    def facts(self, seed: int, edges_s: npt.NDArray[np.float64]) -> Facts:
        """What those events tell of the periods `edges_s`."""
        return facts(self.events(seed), self.compiled.names, edges_s, promised(self.compiled))


def promised(compiled: Compiled) -> dict[str, tuple[float, float]]:
    """Tier → what it promises of the whole time and of the first token, ms; NaN where nothing."""

    def ms(bound_s: float | None) -> float:
        return math.nan if bound_s is None else bound_s * 1e3

    return {name: (ms(tier.latency_p95_s), ms(tier.ttft_p95_s)) for name, tier in compiled.plan.sla_tiers.items()}
