"""What a demand takes of each provider, as the plan routes it: quotas a minute, provisioned units, replicas by variant, period by period.

Each with and without the loss of any one vendor or region. What must not live here: what to buy (`capacity_offers`), and the demand.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.machine import Aim, Machine, Pool, best_pool, minute_peak
from roteiro.analysis.provisioned import Mix, ThroughputUnit
from roteiro.analysis.staffing import ahead
from roteiro.plan.model import Plan, Provider, Servers
from roteiro.plan.model import Provisioned as Sold
from roteiro.simulator import table
from roteiro.simulator.service import TargetService
from roteiro.tasks.capacity_demand import Expected, Flow, Lengths
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Severity, Where

__all__ = ["NOW", "Fleet", "Need", "Period", "Running", "needs_of", "shares_of", "unit_of"]

Floats = npt.NDArray[np.float64]

NOW: Final = ""
"""The variant that runs, or the servers as they are written where they have none."""
MINUTE: Final = 0.99
"""Of minutes, that quotas must not be too small for."""
MOST_PERIODS: Final = 31
PERIODS_S: Final = (3600.0, 6 * 3600.0, 86_400.0, 7 * 86_400.0)


@dataclass(frozen=True, slots=True)
class Running:
    """One variant of a provider's own servers: the batch that its replicas work at, None where none keeps the promise; `why` not then."""

    variant: str
    servers: Servers
    machine: Machine
    pool: Pool | None
    quality: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """Of one provider in one period: the highest of its steps at the quantile asked for. `lost`: with any one vendor or region gone too.

    `units` are provisioned ones, None where none are sold; `replicas` by variant, -1 where no number keeps the promise.
    """

    provider: str
    rate_per_s: float
    requests_per_min: float
    tokens_per_min: float
    in_flight: float
    units: int | None
    replicas: dict[str, int]
    lost_rate_per_s: float
    lost_requests_per_min: float
    lost_tokens_per_min: float
    lost_in_flight: float
    lost_units: int | None
    lost_replicas: dict[str, int]


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of the horizon, and what it takes. `rate_per_s`: of all requests, the highest step at the quantile."""

    scenario: str
    at_s: float
    length_s: float
    rate_per_s: float
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Fleet:
    """What does not change with the scenario: promises, losses, machines. `service_s` and `p95_s`: mean and 95th percentile of answers
    without any waiting. `problems`: what none of it can mend."""

    plan: Plan
    aims: dict[str, Aim]
    losses: tuple[tuple[str, frozenset[str]], ...]
    running: dict[str, tuple[Running, ...]]
    service_s: dict[str, float]
    p95_s: dict[str, float]
    problems: tuple[Problem, ...]

    def chosen(self, provider: str) -> Running | None:
        """The variant that runs."""
        return next((one for one in self.running.get(provider, ()) if one.variant == NOW), None)

    def too_slow(self, provider: str, tier: str | None) -> bool:
        """Whether a provider's answers alone break a tier's promise of latency."""
        promised = self.plan.sla_tiers[tier].latency_p95_s if tier in self.plan.sla_tiers else None
        return promised is not None and self.p95_s[provider] > promised

    @classmethod
    def of(cls, plan: Plan, expected: Expected, quantile: float, survive: bool, services: Mapping[str, TargetService]) -> "Fleet":
        """Raises PlanError (E952) where a part of the demand has nowhere to go."""
        problems: list[Problem] = []
        for flow in expected.flows:
            if not shares_of(plan, flow):
                where = f" in {', '.join(sorted(flow.allowed))}, where its data must stay" if flow.allowed else ""
                message = f"has no provider for what {flow.tenant} asks of it{where}"
                raise PlanError([Problem("E952", Where("plan"), f"models.{flow.model}", message, "add a target there, or allow another region")])  # noqa: E501 # fmt: skip
        used = sorted({name for flow in expected.flows for name in (*shares_of(plan, flow), *plan.models[flow.model].fallbacks)})
        aims = {name: aim_of(plan, expected.flows, name) for name in used}
        losses = tuple(losses_of(plan, used)) if survive else ()
        for name, gone in losses:
            stranded = sorted({flow.model for flow in expected.flows if not shares_of(plan, flow, gone)})
            remedy = "add a target or fallback elsewhere"
            problems += [warning("W954", f"models.{model}", f"has no provider left when {name} is lost", remedy) for model in stranded]
        losses = tuple((name, gone) for name, gone in losses if all(shares_of(plan, flow, gone) for flow in expected.flows))
        running = {}
        for name in used:
            servers = plan.providers[name].servers
            if servers is not None:
                peak = float(quantiles(rates_at(plan, expected, name), quantile).max())
                running[name] = tuple(variants_of(plan.providers[name], servers, expected, aims[name], peak))
                if all(one.pool is None for one in running[name]):
                    problems.append(warning("W953", f"providers.{name}.servers", f"keep no promise: {running[name][0].why}", "take a faster machine or variant, shorten answers, or promise less"))  # noqa: E501 # fmt: skip
        times = {name: service_of(services[name], expected.lengths, running.get(name, ())) for name in used}
        for name in used:
            latency = aims[name].latency_s
            if name not in running and latency is not None and times[name][1] > latency:
                message = f"takes {times[name][1]:.3g} s for 95 % of its answers without any queue; promised are {latency:g} s"
                problems.append(warning("W953", f"providers.{name}.service", message, "route to a faster model, or promise less"))
        return cls(
            plan,
            aims,
            losses,
            running,
            {name: mean for name, (mean, _) in times.items()},
            {name: p95 for name, (_, p95) in times.items()},
            tuple(problems),
        )


def warning(code: str, path: str, message: str, remedy: str) -> Problem:
    return Problem(code, Where("plan"), path, message, remedy, Severity.WARNING)


def shares_of(plan: Plan, flow: Flow, gone: frozenset[str] = frozenset()) -> dict[str, float]:
    """Which providers a flow's requests go to, by weight, where some are gone; its first fallback where all targets are."""
    model = plan.models[flow.model]

    def open_to(name: str) -> bool:
        return name not in gone and (not flow.allowed or plan.providers[name].region in flow.allowed)

    weights = {name: weight for name, weight in model.targets.items() if weight and open_to(name)}
    whole = math.fsum(weights.values())
    if weights:
        return {name: weight / whole for name, weight in weights.items()}
    return next(({name: 1.0} for name in model.fallbacks if open_to(name)), {})


def aim_of(plan: Plan, flows: Sequence[Flow], provider: str) -> Aim:
    """The strictest promise of the tiers whose requests a provider gets; those that may wait have none."""
    mine = [flow for flow in flows if provider in (*shares_of(plan, flow), *plan.models[flow.model].fallbacks)]
    tiers = {flow.tier for flow in mine if flow.tier and not flow.patient}
    promised = [plan.sla_tiers[tier] for tier in sorted(tiers) if tier in plan.sla_tiers]
    latencies = [one.latency_p95_s for one in promised if one.latency_p95_s is not None]
    first = [one.ttft_p95_s for one in promised if one.ttft_p95_s is not None]
    return Aim(min(latencies, default=None), min(first, default=None))


def losses_of(plan: Plan, used: Sequence[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Vendors and regions, each with what is lost with it; those with which all would be lost are no case to plan for, unless alone."""
    for kind in ("name", "region"):
        places = {getattr(plan.providers[name], kind) for name in used}
        for place in sorted(places):
            if kind == "name" or len(places) > 1:
                yield f"{'region ' if kind == 'region' else ''}{place}", frozenset(name for name in used if getattr(plan.providers[name], kind) == place)  # noqa: E501 # fmt: skip


def variants_of(provider: Provider, servers: Servers, expected: Expected, aim: Aim, peak: float) -> Iterator[Running]:
    """The servers as they run, and under each of their other variants."""
    for variant in (NOW, *(name for name in servers.variants if name != servers.variant)):
        taken = servers.running(variant or None)
        own = servers.variants[variant].quality if variant else None
        machine = Machine(
            taken.alpha_s, taken.beta_s, taken.beta_s if taken.prefill_s is None else taken.prefill_s, taken.gamma_s, taken.batch,
            taken.kv_tokens or 0, taken.chunk, taken.network_s, float(expected.lengths.inputs.mean()), expected.lengths.outputs,
        )  # fmt: skip
        quality = own if own is not None else provider.quality
        try:
            pool = best_pool(machine, max(peak, 1e-9), aim, expected.variation)
        except ValueError as error:
            yield Running(variant, taken, machine, None, quality, str(error))
        else:
            yield Running(variant, taken, machine, pool, quality)


def service_of(service: TargetService, lengths: Lengths, running: Sequence[Running]) -> tuple[float, float]:
    """Mean and 95th percentile of how long an answer takes, without waiting: at the batch of own servers, else as the plan's `service`."""
    pool = next((one.pool for one in running if one.pool is not None), None)
    if pool is not None:
        return pool.mean_s, float(np.quantile(pool.services_s, 0.95))
    first, gaps = (np.interp((np.arange(200) + 0.5) / 200, table.SHARES, one) for one in (service.ttft, service.itl))
    # Gaps of one answer are drawn apart, so that their sum has nearly the mean of them.
    whole = first[:, None] + float(gaps.mean()) * np.maximum(lengths.outputs, 1.0)[None, :]
    return float(whole.mean()), float(np.quantile(whole, 0.95))


# -- by step and period -----------------------------------------------------------------------------------------------------------------


def rates_at(plan: Plan, expected: Expected, provider: str, gone: frozenset[str] = frozenset()) -> Floats:
    """Requests a second that a provider gets, (n, h), where some are gone."""
    shares = np.array([shares_of(plan, flow, gone).get(provider, 0.0) for flow in expected.flows])
    rates: Floats = np.einsum("f,fnh->nh", shares, expected.paths)
    return rates


def quantiles(paths: Floats, quantile: float) -> Floats:
    """By step, over the paths: an observed value, so that as many paths as asked for do not pass it."""
    found: Floats = np.quantile(paths, quantile, axis=0, method="inverted_cdf")
    return found


def needs_of(fleet: Fleet, expected: Expected, quantile: float) -> tuple[Period, ...]:
    """Every period, with the need of each provider that gets a share or is a fallback."""
    plan = fleet.plan
    length = period_length(expected)
    fold = max(1, round(length / expected.step_s))
    begins = range(0, len(expected.at_s), fold)
    whole = quantiles(expected.total, quantile)
    columns: dict[str, list[Need]] = {}
    for name in fleet.aims:
        usual = rates_at(plan, expected, name)
        lost = [rates_at(plan, expected, name, gone) for _, gone in fleet.losses if name not in gone]
        start = max((one.servers.start_up_s for one in fleet.running.get(name, ())), default=0.0)

        def by_step(paths: Floats, start: float = start) -> Floats:
            return quantiles(ahead(paths, expected.step_s, start) if start > 0.0 else paths, quantile)

        alone = by_step(usual)
        worst = np.max([alone, *(by_step(paths) for paths in lost)], axis=0)
        columns[name] = [need_of(fleet, expected, name, float(alone[at : at + fold].max()), float(worst[at : at + fold].max())) for at in begins]  # noqa: E501 # fmt: skip
    return tuple(
        Period(expected.scenario, float(expected.at_s[at]), min(length, (len(expected.at_s) - at) * expected.step_s),
               float(whole[at : at + fold].max()), tuple(column[i] for column in columns.values() if column[i].lost_rate_per_s > 0.0))
        for i, at in enumerate(begins)
    )  # fmt: skip


def period_length(expected: Expected) -> float:
    span = len(expected.at_s) * expected.step_s
    return next((one for one in (expected.step_s, *PERIODS_S) if one >= expected.step_s and span <= MOST_PERIODS * one), span)


def need_of(fleet: Fleet, expected: Expected, name: str, rate: float, lost: float) -> Need:
    """Quotas, units and replicas of one provider at two rates."""
    usual, worse = (amounts(fleet, expected, name, one) for one in (rate, lost))
    return Need(name, rate, *usual, lost, *worse)


def amounts(fleet: Fleet, expected: Expected, name: str, rate: float) -> tuple[float, float, float, int | None, dict[str, int]]:
    """(requests a minute, tokens a minute, in flight, provisioned units, replicas by variant)."""
    plan, lengths = fleet.plan, expected.lengths
    part = min(rate / max(float(expected.total.mean()), 1e-12), 1.0)
    # A part of a renewal process, each request by a coin of its own, is nearer to Poisson the smaller it is.
    variation = math.sqrt(max(1.0 + part * (expected.variation**2 - 1.0), 0.0))
    a_minute = np.array([rate * 60.0])
    requests = float(minute_peak(a_minute, 1.0, 0.0, variation, MINUTE)[0])
    tokens = float(minute_peak(a_minute, lengths.tokens, lengths.deviation, variation, MINUTE)[0])
    in_flight = rate * fleet.service_s[name]
    in_flight += 3.0 * math.sqrt(in_flight * max(variation**2, 1.0))
    # Limits are reserved on an estimate until an answer has ended.
    tokens += in_flight * max(plan.request.output_tokens - float(lengths.outputs.mean()), 0.0) if rate > 0.0 else 0.0
    sold = plan.providers[name].provisioned
    units = None if sold is None else unit_of(sold).sold(requests * unit_of(sold).weighted(mix_of(lengths)) / unit_of(sold).input_tokens_per_min)  # noqa: E501 # fmt: skip
    replicas = {
        one.variant: -1 if one.pool is None else one.pool.replicas(rate, fleet.aims[name], variation) for one in fleet.running.get(name, ())
    }
    return requests, tokens, in_flight, units, replicas


def unit_of(sold: Sold) -> ThroughputUnit:
    """The plan's unit for the arithmetic of vendors."""
    return ThroughputUnit(sold.tokens.per_second * 60.0, sold.output_ratio, sold.cached_ratio, sold.least, sold.increment)


def mix_of(lengths: Lengths) -> Mix:
    return Mix(float(lengths.inputs.mean()), float(lengths.outputs.mean()))
