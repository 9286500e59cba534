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
from roteiro.plan.model import Demand as Wanted
from roteiro.plan.model import Process
from roteiro.simulator import table
from roteiro.simulator.arriving import GAMMA, POISSON, TRACE
from roteiro.simulator.groups import ClientGroup, Lengths, steady
from roteiro.simulator.records import ARRIVAL, DRAWN, PART
from roteiro.simulator.trace import Trace, read_trace
from roteiro.terms.codes import Operation, Outcome, Step
from roteiro.terms.edge import Names
from roteiro.terms.error import InvariantError, LedgerError, PlanError
from roteiro.terms.problem import Problem, Where

__all__ = ["Demand", "drawn", "lengths_of", "mix_of", "of_plan", "of_run", "of_trace", "recorded"]

CLOCKWORK_CV: Final = 1e-3
USUAL_INPUT, USUAL_OUTPUT = (500, 2000), (150, 600)  # medians and 95th percentiles
KEPT: Final = 0b1111_1001
"""Of what a request asked for: stream, complexity and operation. Whether a cache answers is drawn anew; workloads have other numbers."""
OPERATION: Final = 5
COMPLEXITY: Final = 3


@dataclass(frozen=True, slots=True)
class Demand:
    """All that arrives: the client groups of `streams`, each an arrival process of its own, and `arrivals` as they were (ARRIVAL rows, in
    order; seconds). Either may be empty, not both.

    `mix` and `stream` say who asks for what, and whether for a stream, where a recorded arrival does not. `estimate`: output tokens that a
    request is taken to want at arrival. `blocks`: the ids of 512-token blocks that recorded prefixes are chains of. `keep`: the share of
    arrivals that is simulated (see `thinned`). `complexity`: shares of simple, medium and complex tasks; None judges a task by its length.
    A record tells its own. `assumed` lists what the plan left open, in words.
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
    if arrivals is None:
        message, remedy = "says nothing of arrivals", "write for example arrivals: {process: poisson, rate: 8/s}, or give a trace"
        raise PlanError([Problem("E921", Where("plan"), "demand", message, remedy)])
    factor = math.prod(factors(wanted, scenario).values())
    if arrivals.process is Process.TRACE:
        trace, problems = read_trace((folder or Path()) / (arrivals.trace or ""))
        rate = (arrivals.rate.per_second if arrivals.rate is not None else trace.rate_per_s) * factor
        return of_trace(compiled, trace, problems, rate)
    rate = (arrivals.rate.per_second if arrivals.rate is not None else 0.0) * factor
    if not 0.0 < rate < math.inf:
        raise PlanError(
            [Problem("E922", Where("plan"), "demand.arrivals.rate", "is zero, so nothing arrives", "write for example rate: 8/s")]
        )
    gamma = arrivals.process is Process.GAMMA and arrivals.cv > CLOCKWORK_CV and arrivals.cv != 1.0
    name = f"{arrivals.process.value} {rate:g}/s" + (f", cv {arrivals.cv:g}" if gamma else "") + (f", {scenario}" if scenario else "")
    return drawn(compiled, name, GAMMA if gamma else POISSON, rate, arrivals.cv)


def factors(wanted: Wanted, scenario: str | None) -> Mapping[str, float]:
    if scenario is None:
        return wanted.factors
    if scenario not in wanted.scenarios:
        known = ", ".join(sorted(wanted.scenarios)) or "none"
        raise PlanError(
            [Problem("E923", Where("plan"), "demand.scenarios", f"has no {scenario!r}", f"name one of those there are: {known}")]
        )
    return {**wanted.factors, **wanted.scenarios[scenario].factors}


def drawn(compiled: Compiled, name: str, process: int, rate_per_s: float, cv: float) -> Demand:
    """One group of clients at one rate, all else as the plan says, or leaves to be assumed."""
    lengths, assumed = lengths_of(compiled)
    group = steady("all", process, rate_per_s, cv, lengths, mix_of(compiled), compiled.plan.demand.stream)
    return Demand(name, (group,), estimate=compiled.plan.request.output_tokens, assumed=assumed)


def recorded(compiled: Compiled, name: str, rows: npt.NDArray[Any]) -> Demand:
    """Arrivals as they were, with the plan's mix for those that do not say whose they are. Raises InvariantError where there are none."""
    if not len(rows):
        raise InvariantError(f"demand {name} has no arrivals")
    wanted = compiled.plan.demand
    assumed = tuple(one for one in lengths_of(compiled)[1] if "_tokens" not in one)
    return Demand(
        name, (), rows, mix_of(compiled), wanted.stream, compiled.plan.request.output_tokens, float(rows["at"][-1]), assumed
    )  # fmt: skip


def lengths_of(compiled: Compiled) -> tuple[Lengths, tuple[str, ...]]:
    """What the plan says of lengths, and what is assumed where it says nothing."""
    wanted, assumed = compiled.plan.demand, []
    spreads = [None if spread is None else (spread.median, spread.p95) for spread in (wanted.input_tokens, wanted.output_tokens)]
    by_targets = any(provider.service is not None and provider.service.output_tokens for provider in compiled.plan.providers.values())
    for i, (what, usual) in enumerate((("input_tokens", USUAL_INPUT), ("output_tokens", USUAL_OUTPUT))):
        if spreads[i] is None and not (what == "output_tokens" and by_targets):
            spreads[i] = usual
            assumed.append(f"demand.{what}: median {usual[0]}, p95 {usual[1]}")
    if not wanted.mix and len(compiled.plan.tenants) > 1:
        assumed.append("demand.mix: every tenant the same share")
    lengths = [None if spread is None else table.lognormal(*spread) for spread in spreads]
    return Lengths(table.constant(1.0) if lengths[0] is None else lengths[0], lengths[1]), tuple(assumed)


def mix_of(compiled: Compiled) -> npt.NDArray[Any]:
    plan, names, edge = compiled.plan, compiled.names, compiled.edge
    tenants = sorted(plan.tenants)
    parts = [(part.tenant or tenants[0], part.workload, part.model, part.share) for part in plan.demand.mix]
    parts = parts or [(tenant, None, None, 1.0 / len(tenants)) for tenant in tenants]
    rows = np.zeros(len(parts), PART)
    rows["below"] = np.cumsum([part[3] for part in parts]) / math.fsum(part[3] for part in parts)
    for row, (tenant, workload, model, _) in zip(rows, parts, strict=True):
        own = plan.tenants[tenant].workloads
        used = workload or (own[0] if own else min(plan.workloads))
        route = edge.models[model] if model is not None else edge.default_models[names.workloads.index(used)]
        row["key"] = names.keys.index(f"tenant:{tenant}")
        row["route"] = edge.models[min(edge.models)] if route is None else route
        row["asks"] = 0 if workload is None else names.workloads.index(workload) + 1 << 8
        if edge.routes[row["route"]].kind == "embedding":
            row["asks"] |= int(Operation.EMBEDDINGS) << OPERATION
    return rows


def of_trace(compiled: Compiled, trace: Trace, problems: tuple[Problem, ...] = (), rate_per_s: float | None = None) -> Demand:
    """A trace's arrivals and lengths, sped up or slowed down to a mean rate; the plan's mix says who asks for what."""
    rate = trace.rate_per_s if rate_per_s is None else rate_per_s
    rows = np.zeros(len(trace.at_s), ARRIVAL)
    rows["at"] = trace.at_s * (trace.rate_per_s / rate if math.isfinite(rate) else 1.0)
    rows["key"] = DRAWN
    rows["input"] = rows["input_estimate"] = trace.input_tokens
    rows["output"], rows["output_estimate"] = trace.output_tokens, compiled.plan.request.output_tokens
    return replace(recorded(compiled, Path(trace.file).name, rows), problems=problems)


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
