"""Larger or more: own servers under each variant and batch, side by side, at the demand's highest step.

What must not live here: what to buy.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from roteiro.analysis.machine import best_pool
from roteiro.tasks.capacity_demand import Expected
from roteiro.tasks.capacity_needs import NOW, Fleet, Running, quantiles, rates_at
from roteiro.terms.units import NUSD

__all__ = ["Option", "options_of"]

Kind = Literal["now", "more", "variant", "batch"]


@dataclass(frozen=True, slots=True)
class Option:
    """`now`: as many replicas as the plan has; `more` of the same; another `variant`; a `batch` of another size. `replicas` None where no
    number keeps the promise, for the reason `why`. `latency_p95_s` None where the queue only grows. `lost`: the share of capacity that goes
    with one machine. `quality` None: not measured."""

    provider: str
    kind: Kind
    variant: str
    batch: int
    replicas: int | None
    cost_usd_per_h: float | None
    latency_p95_s: float | None
    quality: float | None
    lost: float | None
    why: str = ""


def options_of(fleet: Fleet, expected: Expected, quantile: float) -> tuple[Option, ...]:
    """Of every provider with own servers."""
    return tuple(option for name in fleet.running for option in of_provider(fleet, name, expected, quantile))


def of_provider(fleet: Fleet, name: str, expected: Expected, quantile: float) -> Iterator[Option]:
    rate = float(quantiles(rates_at(fleet.plan, expected, name), quantile).max())
    forms = fleet.running[name]
    if rate <= 0.0:
        return
    running = forms[0]
    yield option(fleet, name, running, rate, expected, "now", running.servers.replicas)
    yield option(fleet, name, running, rate, expected, "more")
    for one in forms[1:]:
        yield option(fleet, name, one, rate, expected, "variant")
    for factor in (0.5, 2.0):
        machine = replace(running.machine, batch=max(int(running.machine.batch * factor), 1))
        try:
            pool = best_pool(machine, rate, fleet.aims[name], expected.variation)
        except ValueError as error:
            yield option(fleet, name, replace(running, machine=machine, pool=None, why=str(error)), rate, expected, "batch")
        else:
            yield option(fleet, name, replace(running, machine=machine, pool=pool), rate, expected, "batch")


def option(fleet: Fleet, name: str, one: Running, rate: float, expected: Expected, kind: Kind, replicas: int | None = None) -> Option:
    variant = one.variant if one.variant != NOW else one.servers.variant or ""
    batch = one.machine.batch
    pool = one.pool
    if pool is None and kind == "now":
        pool = one.machine.at(one.machine.room)
    if pool is None:
        return Option(name, kind, variant, batch, None, None, None, one.quality, None, one.why)
    count = pool.replicas(rate, fleet.aims[name], expected.variation) if replicas is None else replicas
    cost = one.servers.cost_nusd_per_h
    latency = pool.latency(rate, count, 0.95, expected.variation) if count else float("inf")
    paid = None if cost is None else cost * count / NUSD
    return Option(
        name,
        kind,
        variant,
        batch,
        count,
        paid,
        latency if isfinite(latency) else None,
        one.quality,
        1.0 / count if count else None,
        one.why,
    )
