"""The demand that capacity is planned for, as sample paths by who asks for what: of the plan's own demand, or of a forecast of a record.

What must not live here: what the demand takes (`capacity_needs`), and forecasting.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.scenarios import Scenario, apply
from roteiro.plan.compile import Compiled
from roteiro.plan.model import MixPart, Plan, PriorityName
from roteiro.simulator import table
from roteiro.simulator.arriving import GAMMA, WEIBULL
from roteiro.simulator.demand import Demand
from roteiro.simulator.demand_groups import lengths_of
from roteiro.simulator.demand_shape import pieces_of
from roteiro.tasks.demand_source import demand_from
from roteiro.tasks.forecast import PREFERRED, forecast
from roteiro.tasks.series_source import series_from
from roteiro.terms.error import PlanError, SettingsError
from roteiro.terms.problem import Problem, Where

__all__ = ["Expected", "Flow", "Lengths", "of_forecast", "of_plan", "parts_of"]

Floats = npt.NDArray[np.float64]

SAMPLE: Final = 200
"""Lengths that stand for their distribution."""
RECENT_S: Final = 14 * 86_400
"""Of a record: who asks for what is as in its last two weeks."""
LEVELS: Final = ("model", "workload", "tenant")
MOST_STEPS: Final = 1000


@dataclass(frozen=True, slots=True)
class Flow:
    """Requests of one tenant and workload for one model. `patient`: of a workload that may wait for batches. `allowed`: regions that its
    data may go to; empty is everywhere."""

    tenant: str
    workload: str
    model: str
    tier: str | None
    patient: bool
    allowed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Samples of tokens of a request and of its answer."""

    inputs: Floats
    outputs: Floats

    @property
    def tokens(self) -> float:
        """Of a request, in the mean."""
        return float(self.inputs.mean() + self.outputs.mean())

    @property
    def deviation(self) -> float:
        """Standard deviation of a request's tokens, input and output drawn apart."""
        return float(math.sqrt(self.inputs.var() + self.outputs.var()))


@dataclass(frozen=True, slots=True)
class Expected:
    """Requests a second, `paths` (flows, n, h), in steps of `step_s` that begin at `at_s` (h,): Unix seconds where `dated`, else since the
    beginning. `variation`: coefficient of variation of the gaps between arrivals. `assumed`: what was taken for granted, in words."""

    name: str
    scenario: str
    at_s: Floats
    step_s: float
    dated: bool
    flows: tuple[Flow, ...]
    paths: Floats
    lengths: Lengths
    variation: float
    assumed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def total(self) -> Floats:
        """All flows together, (n, h)."""
        summed: Floats = self.paths.sum(axis=0)
        return summed

    @property
    def shares(self) -> Floats:
        """Of each flow, in all requests."""
        each = self.paths.mean(axis=(1, 2))
        shares: Floats = each / each.sum()
        return shares


def parts_of(plan: Plan, mix: Sequence[MixPart] = ()) -> list[tuple[Flow, float]]:
    """Who asks for what, with shares that add up to 1: a mix, the plan's own where it is empty; of every tenant alike where that is too."""
    tenants = sorted(plan.tenants)
    given = [(one.tenant or tenants[0], one.workload, one.model, one.share) for one in (mix or plan.demand.mix)]
    found: dict[Flow, float] = {}
    for name, workload, model, share in given or [(tenant, None, None, 1.0) for tenant in tenants]:
        tenant = plan.tenants[name]
        used = workload or (tenant.workloads[0] if tenant.workloads else min(plan.workloads))
        kind = plan.workloads[used]
        asked = model or kind.model or min(plan.models)
        bounds = [frozenset(one) for one in (tenant.residency, kind.residency) if one]
        allowed = frozenset.intersection(*bounds) if bounds else frozenset[str]()
        flow = Flow(name, used, asked, tenant.tier, (tenant.priority or kind.priority) is PriorityName.BATCH, allowed)
        found[flow] = found.get(flow, 0.0) + share
    whole = math.fsum(found.values())
    return [(flow, share / whole) for flow, share in found.items()]


# -- the plan's own -------------------------------------------------------------------------------------------------------------------


def of_plan(
    compiled: Compiled,
    scenario: str,
    *,
    source: Path | str | None = None,
    data: Path | None = None,
    horizon_s: float,
    step_s: float,
    paths: int,
    epoch_unix_s: float,
    chance: np.random.Generator,
    folder: Path,
) -> Expected:
    """Paths as the simulator draws them: each path has bursts of its own, and the chance of arrivals within each step.

    Raises PlanError where the plan says nothing of what arrives (E921), or nothing does (E922).
    """
    plan = compiled.plan
    known = scenario in plan.demand.scenarios
    demand = demand_from(compiled, source, data=data, scenario=scenario if known else None, folder=folder)
    steps = max(1, round(horizon_s / step_s))
    at_s = step_s * np.arange(steps, dtype=np.float64)
    found: dict[Flow, Floats] = {}
    samples: list[tuple[float, Lengths]] = []
    variations: list[tuple[float, float]] = []
    for stream in demand.streams:
        group = plan.demand.groups.get(stream.name)
        variation = variation_of(stream.slices)
        drawn = np.empty((paths, steps))
        for path in range(paths):
            rates = stepped(stream.slices["start"], stream.slices["rate"], at_s, step_s)
            if demand.shape is not None:
                pieces = pieces_of(demand.shape, demand.zone, epoch_unix_s, path + 1, horizon_s)
                rates = rates * stepped(pieces["start"], pieces["factor"], at_s, step_s) if len(pieces) else rates
            drawn[path] = counted(rates * step_s, variation, chance) / step_s
        for flow, share in parts_of(plan, group.mix if group is not None else ()):
            found[flow] = found.get(flow, 0.0) + share * drawn
        samples.append((float(drawn.mean()), sampled(compiled, stream.lengths)))
        variations.append((float(drawn.mean()), variation))
    if len(demand.arrivals):
        rates = recorded(demand, at_s, step_s)
        drawn = np.stack([counted(rates * step_s, 1.0, chance) / step_s for _ in range(paths)])
        for flow, share in parts_of(plan):
            found[flow] = found.get(flow, 0.0) + share * drawn
        rows = demand.arrivals
        samples.append((float(drawn.mean()), Lengths(rows["input"].astype(float), np.maximum(rows["output"], 1).astype(float))))
        variations.append((float(drawn.mean()), 1.0))
    together = np.stack(list(found.values()))
    if not together.sum() > 0.0:
        raise PlanError([Problem("E922", Where("plan"), "demand", "brings no request in the horizon", "raise its rate, or look further")])
    return Expected(
        demand.name, scenario, at_s + epoch_unix_s, step_s, True, tuple(found), together, mixed(samples, chance),
        weighed(variations), demand.assumed, demand.problems,
    )  # fmt: skip


def stepped(starts: Floats, values: Floats, at_s: Floats, step_s: float) -> Floats:
    """The mean over each step of what holds from each start to the next; the last for ever."""
    edges = np.append(at_s, at_s[-1] + step_s)
    lengths = np.diff(starts, append=math.inf)
    before = np.concatenate([[0.0], np.cumsum(values[:-1] * lengths[:-1])])
    here = np.maximum(np.searchsorted(starts, edges, side="right") - 1, 0)
    whole = before[here] + values[here] * (edges - starts[here])
    means: Floats = np.diff(whole) / step_s
    return means


def counted(means: Floats, variation: float, chance: np.random.Generator) -> Floats:
    """Numbers of arrivals in long steps of a renewal process: of those means, and the squared variation of gaps times as much variance."""
    over = max(variation * variation, 1e-6)
    drawn: Floats = chance.gamma(np.maximum(means / over, 1e-12), over)
    return np.where(means > 0.0, drawn, 0.0)


def variation_of(slices: npt.NDArray[Any]) -> float:
    """Of the gaps of a group's first process."""
    process, shape = int(slices["process"][0]), float(slices["gap_shape"][0])
    if process == GAMMA:
        return 1.0 / math.sqrt(shape)
    if process == WEIBULL:
        return math.sqrt(max(math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1.0, 0.0))
    return 1.0


def recorded(demand: Demand, at_s: Floats, step_s: float) -> Floats:
    """Rates of recorded arrivals by step; where the record is shorter than the horizon it comes again."""
    rows = demand.arrivals["at"]
    span = max(float(rows[-1]), step_s)
    steps = max(1, round(span / step_s))
    counts = np.bincount(np.minimum((rows / step_s).astype(np.int64), steps - 1), minlength=steps) / step_s
    return np.resize(counts.astype(np.float64), len(at_s))


def sampled(compiled: Compiled, lengths: Any) -> Lengths:
    """Lengths of a group: of its tables at even shares, of its joint rows, or of targets where these tell the answers'."""
    if lengths.joint is not None:
        rows = lengths.joint[np.linspace(0, len(lengths.joint) - 1, SAMPLE).astype(int)]
        return Lengths(rows[:, 0].astype(float), np.maximum(rows[:, 1], 1).astype(float))
    shares = (np.arange(SAMPLE) + 0.5) / SAMPLE
    outputs = lengths.output
    if outputs is None:
        told = next(one.service.output_tokens for one in compiled.plan.providers.values() if one.service and one.service.output_tokens)
        outputs = table.lognormal(told.median, told.p95)
    return Lengths(*(np.interp(shares, table.SHARES, one) for one in (lengths.input, outputs)))


def mixed(samples: Sequence[tuple[float, Lengths]], chance: np.random.Generator) -> Lengths:
    """One sample of several groups, each as often as it comes."""
    if len(samples) == 1 and len(samples[0][1].inputs) <= SAMPLE:
        return samples[0][1]
    weights = np.array([weight for weight, _ in samples])
    taken = chance.multinomial(SAMPLE, weights / weights.sum())
    picked = [one.inputs.size and chance.integers(0, len(one.inputs), count) for (_, one), count in zip(samples, taken, strict=True)]
    parts = [(one.inputs[at], one.outputs[at]) for (_, one), at in zip(samples, picked, strict=True)]
    return Lengths(np.concatenate([one for one, _ in parts]), np.concatenate([other for _, other in parts]))


def weighed(pairs: Sequence[tuple[float, float]]) -> float:
    """The variation of independent processes together: squares weigh by rate."""
    whole = math.fsum(weight for weight, _ in pairs)
    return math.sqrt(math.fsum(weight * value * value for weight, value in pairs) / whole) if whole > 0.0 else 1.0


# -- a forecast -----------------------------------------------------------------------------------------------------------------------


def of_forecast(
    compiled: Compiled,
    source: Path | str,
    scenarios: Sequence[Scenario],
    *,
    data: Path | None,
    horizon_s: float,
    step_s: int | None,
    method: str,
    paths: int,
    seed: int,
    on_progress: Any = None,
) -> dict[str, Expected]:
    """Paths of a forecast of what a record has asked for, under each scenario, with the same luck in all.

    Who asks for what is as in the record's last two weeks, by the first of LEVELS that it tells; else, and below that, as the plan's
    demand has it.

    Raises PlanError, SettingsError and LedgerError as `tasks.forecast.forecast` does.
    """
    plan, record = compiled.plan, series_from(source, data=data)
    measure = next((one for one in PREFERRED if one in record.measures and one != "cost_usd"), None)
    if measure is None:
        raise SettingsError(f"{source} tells only {', '.join(record.measures)}; capacity takes tokens or requests")
    result = forecast(
        source, horizon_s=horizon_s, step_s=step_s, measure=measure, data=data, method=method, seed=seed, paths=paths,
        on_progress=on_progress,
    )  # fmt: skip
    made = result.forecasts[0]
    lengths, assumed = lengths_from(compiled, record)
    per_request = {"requests": 1.0, "input_tokens": float(lengths.inputs.mean()), "output_tokens": float(lengths.outputs.mean())}
    if measure not in (*per_request, "tokens"):
        assumed = (*assumed, f"{source}: its only number is taken as tokens")
    flows, shares, told = split(plan, record)
    arrivals = plan.demand.arrivals
    variation = arrivals.cv if arrivals is not None and arrivals.process in ("gamma", "weibull") else 1.0
    found = {}
    for scenario in scenarios:
        one = apply(made, scenario, np.random.default_rng(seed))
        rates = one.paths / one.series.step_s / per_request.get(measure, lengths.tokens)
        if not rates.sum() > 0.0:
            raise PlanError([Problem("E922", Where(str(source)), "", "foretells no request in the horizon", "look further, or see the record")])  # noqa: E501 # fmt: skip
        found[scenario.name] = Expected(
            f"{Path(source).name}, {made.method}", scenario.name, one.at_s, float(one.series.step_s), one.series.dated, flows,
            shares[:, None, None] * rates[None], lengths, variation, (*assumed, *told), (*result.problems, *one.problems),
        )  # fmt: skip
    return found


def lengths_from(compiled: Compiled, record: Any) -> tuple[Lengths, tuple[str, ...]]:
    """Lengths as the plan has them, stretched to the means that the record tells."""
    wanted = compiled.plan.demand
    drawn, assumed = lengths_of(compiled, wanted.input_tokens, wanted.output_tokens)
    lengths = sampled(compiled, drawn)
    sums = {measure: float(np.nansum(record.of(measure)[0].values)) for measure in record.measures if record.of(measure)}
    requests = sums.get("requests", 0.0)
    if requests <= 0.0:
        return lengths, (*assumed, f"a request has {lengths.tokens:.0f} tokens in the mean, as the plan's demand says")
    inputs, outputs = sums.get("input_tokens"), sums.get("output_tokens")
    if inputs is not None and outputs is not None and inputs > 0.0:
        stretched = Lengths(
            lengths.inputs * inputs / requests / lengths.inputs.mean(), lengths.outputs * outputs / requests / lengths.outputs.mean()
        )
        return stretched, ()
    if "tokens" in sums:
        by = sums["tokens"] / requests / lengths.tokens
        return Lengths(lengths.inputs * by, lengths.outputs * by), (*assumed, "the share of output in tokens is as the plan's demand says")
    return lengths, assumed


def split(plan: Plan, record: Any) -> tuple[tuple[Flow, ...], Floats, tuple[str, ...]]:
    """Flows with their shares, and in words what is not in the plan."""
    parts = [part for group in plan.demand.groups.values() for part in parts_of(plan, group.mix)] or parts_of(plan)
    for level in LEVELS:
        shares = {one.name: recent(one) for one in record.of(next(iter(record.measures)), level)}
        known = {name: share for name, share in shares.items() if name in getattr(plan, f"{level}s") and share > 0.0}
        if not known:
            continue
        found: dict[Flow, float] = {}
        for name, share in known.items():
            mine = [(flow, part) for flow, part in parts if getattr(flow, level) == name]
            # Who asks for a model of which the plan's demand says nothing is as for the others.
            mine = mine or [(replace(flow, **{level: name}), part) for flow, part in parts]
            whole = math.fsum(part for _, part in mine)
            for flow, part in mine:
                found[flow] = found.get(flow, 0.0) + share * part / whole
        lost = 1.0 - math.fsum(known.values()) / math.fsum(shares.values())
        told = (f"{lost:.1%} of the record is of a {level} that the plan has not, and is taken to be like the rest",) if lost > 1e-6 else ()
        return normal(found, told)
    return normal(dict(parts), ("who asks for what is as the plan's demand says: the record does not tell",))


def recent(series: Any) -> float:
    return float(np.nansum(series.values[-max(1, RECENT_S // series.step_s) :]))


def normal(found: Mapping[Flow, float], told: tuple[str, ...]) -> tuple[tuple[Flow, ...], Floats, tuple[str, ...]]:
    values = np.array(list(found.values()))
    return tuple(found), values / values.sum(), told
