"""What arrives in a simulation: drawn as the plan's demand says, read from a trace, or as a recorded run had it.

A plan's factors multiply the rate: lengths stay as they are, so tokens grow by the same product. What must not live here: draws of a run,
except for what a record leaves open.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from roteiro.ledger import Queries
from roteiro.plan.compile import Compiled
from roteiro.plan.model import ClientRetry, DemandShape, Process, Scenario
from roteiro.plan.model import Demand as Wanted
from roteiro.simulator.arriving import POISSON, TRACE
from roteiro.simulator.demand_groups import OPERATION, groups_of, lengths_of, mix_of, plain_group, process_of
from roteiro.simulator.demand_rows import rows_of_trace, stream_share
from roteiro.simulator.demand_shape import pieces_of
from roteiro.simulator.groups import ClientGroup, Lengths
from roteiro.simulator.records import ARRIVAL, DRAWN, PART, PIECE
from roteiro.simulator.trace import Trace, read_trace
from roteiro.terms.codes import Outcome, Step
from roteiro.terms.edge import Names
from roteiro.terms.error import InvariantError, LedgerError, PlanError
from roteiro.terms.problem import Problem, Where

__all__ = ["Demand", "drawn", "from_groups", "lengths_of", "mix_of", "of_plan", "of_run", "of_trace", "recorded"]

KEPT: Final = 0b1111_1001
"""Of what a request asked for: stream, complexity and operation. Whether a cache answers is drawn anew; workloads have other numbers."""
COMPLEXITY: Final = 3
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Demand:
    """All that arrives: the client groups of `streams`, each an arrival process of its own, and `arrivals` as they were (ARRIVAL rows, in
    order; seconds). Either may be empty, not both.

    `mix` and `stream` say who asks for what, and whether for a stream, where a recorded arrival does not. `estimate`: output tokens that a
    request is taken to want at arrival. `blocks`: the ids of 512-token blocks that recorded prefixes are chains of. `keep`: the share of
    arrivals that is simulated (see `thinned`). `shape`: what multiplies the rates of drawn groups over time, in local hours of `zone`.
    `retry`: how those who were refused come again; None: they do not. `complexity`: shares of simple, medium and complex tasks; None judges
    a task by its length. A record tells its own. `assumed` lists what the plan left open, in words.
    """

    name: str
    streams: tuple[ClientGroup, ...] = ()
    arrivals: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0, ARRIVAL))
    mix: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0, PART))
    stream: float = 0.5
    estimate: int = 256
    horizon_s: float = math.inf
    assumed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    complexity: tuple[float, float, float] | None = None
    blocks: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    keep: float = 1.0
    shape: DemandShape | None = None
    zone: str = "UTC"
    retry: ClientRetry | None = None

    @property
    def process(self) -> int:
        """TRACE where there are recorded arrivals and nothing else, so that it ends by itself; else the first group's."""
        return int(self.streams[0].slices["process"][0]) if self.streams else TRACE

    @property
    def rate_per_s(self) -> float:
        """Mean arrivals a second over the horizon; infinite where all that is recorded came at once."""
        drawn = math.fsum(group.mean_rate(self.horizon_s) for group in self.streams)
        if len(self.arrivals):
            last = float(self.arrivals["at"][-1])
            drawn += len(self.arrivals) / last if last > 0.0 else math.inf
        return drawn * self.keep

    def pieces(self, epoch_unix_s: float, seed: int) -> npt.NDArray[Any]:
        """PIECE rows: the shape as a run of this epoch and seed has it; none where it is flat."""
        if self.shape is None or not self.streams:
            return np.zeros(0, PIECE)
        return pieces_of(self.shape, self.zone, epoch_unix_s, seed, self.horizon_s)

    def peak_s(self, epoch_unix_s: float, seed: int = 1) -> float:
        """Seconds after the epoch when most comes: the middle of the piece of the highest rate within the first day, bursts included; of
        recorded arrivals the middle of the fullest of 288 parts. 0 where the rate never changes."""
        if len(self.arrivals):
            counts, edges = np.histogram(self.arrivals["at"], 288, (0.0, max(float(self.arrivals["at"][-1]), 1.0)))
            return float(edges[:-1][np.argmax(counts)] + edges[1] / 2.0)
        pieces = self.pieces(epoch_unix_s, seed)
        own = np.concatenate([group.slices["start"] for group in self.streams])
        starts = np.unique(np.concatenate([[0.0], pieces["start"], own]))
        starts = starts[(starts >= 0.0) & (starts < DAY_S)]
        rates = np.zeros(len(starts))
        for group in self.streams:
            rates += group.slices["rate"][np.searchsorted(group.slices["start"], starts, side="right") - 1]
        if len(pieces):
            rates *= pieces["factor"][np.searchsorted(pieces["start"], starts, side="right") - 1]
        if rates.max() <= rates.min() * (1.0 + 1e-9):
            return 0.0
        k = int(np.argmax(rates))
        return float((starts[k] + (starts[k + 1] if k + 1 < len(starts) else DAY_S)) / 2.0)

    def with_lengths(self, lengths: Lengths) -> Self:
        """The demand with other lengths in every group."""
        return replace(self, streams=tuple(replace(group, lengths=lengths) for group in self.streams))

    def thinned(self, factor: float) -> Self:
        """The demand of which each request stays with the probability `factor`, by a coin of its own. Capacities must shrink with it.

        Raises InvariantError for a factor outside of (0, 1].
        """
        if not 0.0 < factor <= 1.0:
            raise InvariantError(f"demand thinned by {factor:g}; more than 0 and at most 1")
        return replace(self, keep=self.keep * factor)


def of_plan(compiled: Compiled, scenario: str | None = None, folder: Path | None = None) -> Demand:
    """The plan's demand, perhaps in one of its scenarios. A trace is looked for in `folder`. Raises PlanError where it says too little."""
    wanted = compiled.plan.demand
    arrivals = wanted.arrivals
    if arrivals is None and not wanted.groups:
        message, remedy = "says nothing of arrivals", "write for example arrivals: {process: poisson, rate: 8/s}, or give a trace"
        raise PlanError([Problem("E921", Where("plan"), "demand", message, remedy)])
    varied = scenario_of(wanted, scenario)
    factor = math.prod(factors(wanted, scenario).values())
    shape = wanted.shape_in(varied)
    groups = groups_of(compiled, factor)
    told = f", {scenario}" if scenario else ""
    if arrivals is not None and arrivals.process is Process.TRACE:
        trace, problems = read_trace((folder or Path()) / (arrivals.trace or ""))
        rate = (arrivals.rate.per_second if arrivals.rate is not None else trace.rate_per_s) * factor
        demand = of_trace(compiled, trace, problems, rate)
        name = f"{demand.name} and {len(groups)} groups{told}" if groups else demand.name
        return replace(demand, name=name, streams=groups, shape=shape if groups else None, retry=wanted.clients.retry)
    if groups:
        rate = math.fsum(group.mean_rate() for group in groups)
        name = f"{len(groups)} {'group' if len(groups) == 1 else 'groups'}, {rate:g}/s{told}"
        demand = from_groups(compiled, name, groups)
    else:
        assert arrivals is not None
        rate = (arrivals.rate.per_second if arrivals.rate is not None else 0.0) * factor
        process = process_of(arrivals.process, arrivals.cv)
        name = f"{arrivals.process.value} {rate:g}/s" + (f", cv {arrivals.cv:g}" if process != POISSON else "") + told
        demand = drawn(compiled, name, process, rate, arrivals.cv) if 0.0 < rate < math.inf else Demand(name)
    if not 0.0 < rate < math.inf:
        raise PlanError(
            [Problem("E922", Where("plan"), "demand.arrivals.rate", "is zero, so nothing arrives", "write for example rate: 8/s")]
        )
    return replace(demand, shape=shape, retry=wanted.clients.retry)


def factors(wanted: Wanted, scenario: str | None) -> Mapping[str, float]:
    """The multipliers of the rate, as a scenario has them. Raises PlanError for one that the plan has not."""
    varied = scenario_of(wanted, scenario)
    return {**wanted.factors, **(varied.factors if varied is not None else {})}


def scenario_of(wanted: Wanted, scenario: str | None) -> Scenario | None:
    if scenario is None:
        return None
    if scenario not in wanted.scenarios:
        known = ", ".join(sorted(wanted.scenarios)) or "none"
        raise PlanError(
            [Problem("E923", Where("plan"), "demand.scenarios", f"has no {scenario!r}", f"name one of those there are: {known}")]
        )
    return wanted.scenarios[scenario]


def drawn(compiled: Compiled, name: str, process: int, rate_per_s: float, cv: float) -> Demand:
    """One group of clients at one rate, all else as the plan says, or leaves to be assumed."""
    return from_groups(compiled, name, (plain_group(compiled, process, rate_per_s, cv),))


def from_groups(compiled: Compiled, name: str, groups: tuple[ClientGroup, ...]) -> Demand:
    """A demand of drawn groups."""
    return Demand(
        name, groups, estimate=compiled.plan.request.output_tokens, assumed=assumed_of(compiled), zone=compiled.plan.timezone
    )  # fmt: skip


def recorded(compiled: Compiled, name: str, rows: npt.NDArray[Any]) -> Demand:
    """Arrivals as they were, with the plan's mix for those that do not say whose they are. Raises InvariantError where there are none."""
    if not len(rows):
        raise InvariantError(f"demand {name} has no arrivals")
    assumed = tuple(one for one in assumed_of(compiled) if "_tokens" not in one)
    return Demand(
        name, (), rows, mix_of(compiled), compiled.plan.demand.stream, compiled.plan.request.output_tokens, float(rows["at"][-1]), assumed,
        zone=compiled.plan.timezone,
    )  # fmt: skip


def assumed_of(compiled: Compiled) -> tuple[str, ...]:
    """What the plan leaves open of lengths and of who asks."""
    wanted = compiled.plan.demand
    assumed: tuple[str, ...] = ()
    if not wanted.groups or any(group.input_tokens is None or group.output_tokens is None for group in wanted.groups.values()):
        _, assumed = lengths_of(compiled, wanted.input_tokens, wanted.output_tokens)
    unmixed = not wanted.mix and (not wanted.groups or any(not group.mix for group in wanted.groups.values()))
    if unmixed and len(compiled.plan.tenants) > 1:
        assumed = (*assumed, "demand.mix: every tenant the same share")
    return assumed


def of_trace(compiled: Compiled, trace: Trace, problems: tuple[Problem, ...] = (), rate_per_s: float | None = None) -> Demand:
    """A trace's arrivals and lengths, sped up or slowed down to a mean rate; the plan's mix says who asks for what where it does not."""
    rate = trace.rate_per_s if rate_per_s is None else rate_per_s
    rows, assumed = rows_of_trace(compiled, trace)
    rows["at"] *= trace.rate_per_s / rate if math.isfinite(rate) else 1.0
    found = recorded(compiled, Path(trace.file).name, rows)
    if trace.who is not None and (rows["key"] != DRAWN).all():
        found = replace(found, assumed=())
    share = stream_share(trace)
    return replace(
        found, problems=problems, assumed=(*found.assumed, *assumed), stream=found.stream if share is None else share,
        blocks=found.blocks if trace.chains is None else trace.chains.blocks,
    )  # fmt: skip


def of_run(compiled: Compiled, ledger: Queries, run: str) -> Demand:
    """The recorded arrivals of a run: when, whose, for which model, how long. Raises LedgerError where it has none.

    How long an answer would have been that never came is drawn from those that did.
    """
    head = ledger.head(run)
    events, decisions = ledger.rows("events", run), ledger.rows("decisions", run)
    begun = decisions[decisions["step"] == int(Step.BEGIN)]
    rows, requests = from_decisions(begun) if len(begun) else from_events(events)
    if not len(rows):
        raise LedgerError(f"run {run} has no arrivals in the ledger")
    fill_lengths(rows, requests, events)
    known = rename(rows, head.names, compiled, dict(zip(events["key"].tolist(), events["tenant"].tolist(), strict=True)))
    lost = len(rows) - int(known.sum())
    rows = rows[known]
    if not len(rows):
        raise LedgerError(f"run {run} has no arrivals of tenants and models that the plan has")
    assumed = (f"{lost} recorded requests of tenants or models that the plan has not are left out",) if lost else ()
    return replace(recorded(compiled, f"run {run}", rows), assumed=assumed)


def from_decisions(begun: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    rows = np.zeros(len(begun), ARRIVAL)
    for ours, theirs in (("at", "now_s"), ("key", "a"), ("route", "b"), ("input_estimate", "c"), ("output_estimate", "d"), ("asks", "e")):
        rows[ours] = begun[theirs]
    return rows, begun["request"]


def from_events(events: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Where the decisions have expired: what the events tell of arrivals."""
    events = events[np.argsort(events["arrival_s"], kind="stable")]
    rows = np.zeros(len(events), ARRIVAL)
    for ours, theirs in (("at", "arrival_s"), ("key", "key"), ("route", "model"), ("input_estimate", "input_tokens")):
        rows[ours] = events[theirs]
    answered = events["outcome"] == int(Outcome.SUCCESS)
    usual = int(np.median(events["input_tokens"][answered])) if answered.any() else 1
    rows["input_estimate"][~answered] = usual
    rows["output_estimate"] = np.maximum(events["reserved_tokens"] - rows["input_estimate"], 1)
    rows["asks"] = events["stream"] | (events["workload"].astype(np.int64) + 1 << 8)
    rows["asks"] |= events["complexity"].astype(np.int64) << COMPLEXITY | events["operation"].astype(np.int64) << OPERATION
    return rows, events["request"]


def fill_lengths(rows: npt.NDArray[Any], requests: npt.NDArray[np.int64], events: npt.NDArray[Any]) -> None:
    answered = events[(events["outcome"] == int(Outcome.SUCCESS)) & (events["output_tokens"] > 0)]
    rows["input"], rows["output"] = rows["input_estimate"], DRAWN
    if not len(answered):
        return
    order = np.argsort(answered["request"])
    place = np.minimum(np.searchsorted(answered["request"], requests, sorter=order), len(order) - 1)
    found = answered[order[place]]
    same = found["request"] == requests
    draws = np.random.default_rng(0).integers(0, len(answered), len(rows))
    for ours, theirs in (
        ("input", "input_tokens"),
        ("cached", "cached_tokens"),
        ("output", "output_tokens"),
        ("reasoning", "reasoning_tokens"),
    ):
        rows[ours][same] = found[theirs][same]
    rows["output"][~same] = answered["output_tokens"][draws][~same]


def rename(rows: npt.NDArray[Any], names: Names, compiled: Compiled, tenant_of: Mapping[int, int]) -> npt.NDArray[np.bool_]:
    """Turn the run's codes into the plan's → which rows have a counterpart.

    A key that the plan's tables have not (it was made while the server ran, or is gone) counts as its tenant's own; `tenant_of` tells
    whose it was, by the run's codes.
    """
    ours = compiled.names
    keys = {name: i for i, name in enumerate(ours.keys)}
    routes = np.array([compiled.edge.models.get(name, DRAWN) for name in names.routes] or [DRAWN])
    owner = {key: keys.get(f"tenant:{names.tenants[tenant]}", DRAWN) for key, tenant in tenant_of.items()}
    held = np.array([keys.get(name, owner.get(key, DRAWN)) for key, name in enumerate(names.keys)] or [DRAWN])
    workloads = np.array([ours.workloads.index(name) + 1 if name in ours.workloads else 0 for name in names.workloads] or [0])
    known = (rows["key"] >= 0) & (rows["key"] < len(held)) & (rows["route"] >= 0) & (rows["route"] < len(routes))
    rows["key"] = held[np.where(known, rows["key"], 0)]
    rows["route"] = routes[np.where(known, rows["route"], 0)]
    workload = rows["asks"] >> 8 & 0xFFFF
    given = np.where(workload > 0, workloads[np.clip(workload - 1, 0, len(workloads) - 1)], 0)
    rows["asks"] = (rows["asks"] & KEPT) | (given << 8)
    found: npt.NDArray[np.bool_] = known & (rows["key"] != DRAWN) & (rows["route"] != DRAWN)
    return found
