"""Outages of a simulation: whole targets, or a share of their attempts, down or slow for a time; by calendar and by draw.

    world = with_outage(world, ["primary"], start_s=3600.0, for_s=2700.0)            # refused, and what is under way breaks
    world = with_outage(world, ["primary"], 3600.0, 2700.0, kind="slow", slow=5.0)     # errors, silent: see Kind
    world = with_region_lost(world, compiled, "us-east", 3600.0, 7200.0)
    world = with_draws(world, draws_of(compiled))                                      # as often as the plan or the catalogue says

A Simulation lays them over its targets' weather (`realised`), the drawn ones anew with each seed: outages of a target begin as a Poisson
process of rate 1 / MTBF and last an exponential time of mean MTTR, so the target is up for the share e^(-MTTR / MTBF) of time (it is the
M/G/∞ queue found empty). The correlated share of them comes from one process that is common to all: the β-factor model of common-cause
failures (K. Fleming, 1975; IEC 61508-6, annex D).

What must not live here: what an attempt makes of them (`serving`), base rates (`catalog`).
"""

import math
import random
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from roteiro.catalog.outages import find_outage_rate
from roteiro.plan.compile import Compiled
from roteiro.plan.model import Outages
from roteiro.simulator.draw import seeded
from roteiro.simulator.records import OUTAGE_DRAWS
from roteiro.simulator.service import ServiceWorld, TargetService
from roteiro.simulator.weather import KINDS, Kind, Outage, OutageDraws, Slice
from roteiro.terms.codes import ErrorClass
from roteiro.terms.error import InvariantError

__all__ = [
    "HORIZON_S",
    "KINDS",
    "Kind",
    "Outage",
    "OutageDraws",
    "drawn",
    "draws_of",
    "realised",
    "with_draws",
    "with_outage",
    "with_region_lost",
]

HORIZON_S: Final = 366 * 86_400.0
"""Outages are drawn for so long where the demand has no end of its own."""
MOST: Final = 20_000
"""Outages drawn for one target, lest a rate per second fill the memory."""
COMMON: Final = "common cause"


def with_outage(
    world: ServiceWorld, targets: Iterable[str], start_s: float, for_s: float, kind: str = "hard", share: float = 1.0, slow: float = 5.0
) -> ServiceWorld:
    """The world with one outage more, of the targets' names; `kind` in the plan's words (KINDS)."""
    outage = Outage(tuple(targets), start_s, start_s + for_s, KINDS[kind], share, slow)
    return replace(world, outages=(*world.outages, outage))


def with_region_lost(world: ServiceWorld, compiled: Compiled, region: str, start_s: float, for_s: float) -> ServiceWorld:
    """The world in which all targets of a region are down for a time. Raises InvariantError where it has none."""
    lost = [name for name, provider in compiled.plan.providers.items() if provider.region == region]
    if not lost:
        raise InvariantError(f"no provider of the plan is in region {region!r}")
    return with_outage(world, lost, start_s, for_s)


def with_draws(world: ServiceWorld, draws: Iterable[OutageDraws]) -> ServiceWorld:
    """The world with drawn outages, anew with each seed."""
    return replace(world, draws=(*world.draws, *draws))


def draws_of(compiled: Compiled, correlated: float | None = None) -> tuple[OutageDraws, ...]:
    """How often the plan's providers are down: as their `service.outages` say, else as the catalogue knows of their vendor.

    Providers of one vendor that say nothing of their own go down together: it is the vendor's service that was measured. `correlated`
    replaces what the plan says. A provider of which nothing is known has none.
    """
    draws: list[OutageDraws] = []
    vendors: dict[str, list[str]] = {}
    said: dict[str, Outages] = {}
    for name, provider in compiled.plan.providers.items():
        given = provider.service.outages if provider.service is not None else None
        own = given if given is not None else Outages()
        common = own.correlated if correlated is None else correlated
        if own.mtbf_s is not None and own.mttr_s is not None:
            draws.append(OutageDraws(own.mtbf_s, own.mttr_s, common, (name,), KINDS[own.kind], own.share, own.factor))
        elif provider.is_cloud and provider.local is None and find_outage_rate(provider.name) is not None:
            vendors.setdefault(provider.name, []).append(name)
            said.setdefault(provider.name, own)
    for vendor, names in vendors.items():
        rate, own = find_outage_rate(vendor), said[vendor]
        common = own.correlated if correlated is None else correlated
        if rate is not None:
            draws.append(OutageDraws(rate.mtbf_s, rate.mttr_s, common, tuple(names), KINDS[own.kind], own.share, own.factor))
    return tuple(draws)


def drawn(draws: Sequence[OutageDraws], seed: int, horizon_s: float) -> list[Outage]:
    """The outages of one seed that begin before the horizon. Each process has a stream of its own, by its targets' names."""
    found = []
    for one in draws:
        rate = (1.0 - one.correlated) / one.mtbf_s
        found += [of_draw(one, at, at + length * one.mttr_s) for at, length, _ in moments(seed, "/".join(one.targets), rate, horizon_s)]
    most = max((one.correlated / one.mtbf_s for one in draws), default=0.0)
    for at, length, u in moments(seed, COMMON, most, horizon_s):
        # A process of a lower rate joins in so many of them, and keeps its own mean time between failures.
        found += [of_draw(one, at, at + length * one.mttr_s) for one in draws if u * most < one.correlated / one.mtbf_s]
    return found


def of_draw(one: OutageDraws, start_s: float, end_s: float) -> Outage:
    return Outage(one.targets, start_s, end_s, one.kind, one.share, one.slow)


def moments(seed: int, name: str, rate: float, horizon_s: float) -> Iterable[tuple[float, float, float]]:
    """(start, length in mean lengths, uniform) of a Poisson process."""
    source = random.Random(seeded(seed, OUTAGE_DRAWS)[0] ^ zlib.crc32(name.encode()))  # noqa: S311
    at, count = 0.0, 0
    while rate > 0.0 and count < MOST:
        at -= math.log(1.0 - source.random()) / rate
        length, u = -math.log(1.0 - source.random()), source.random()
        if at >= horizon_s:
            return
        count += 1
        yield at, length, u


def realised(world: ServiceWorld, names: Sequence[str], seed: int, horizon_s: float, epoch_unix_s: float) -> ServiceWorld:
    """The world of one seed: its outages laid over the weather of the targets, whose `names` are in order. Itself where there are none."""
    outages = [*world.outages, *drawn(world.draws, seed, horizon_s)]
    if not outages:
        return world
    own: dict[str, list[Outage]] = {}
    for one in outages:
        ahead = epoch_unix_s if one.unix else 0.0
        start, end = max(one.start_s - ahead, 0.0), one.end_s - ahead
        if end > start:
            for name in one.targets:
                own.setdefault(name, []).append(replace(one, start_s=start, end_s=end, unix=False))
    targets = [
        replace(target, weather=laid_over(target.weather, [with_machines(one, target) for one in own[name]])) if name in own else target
        for name, target in zip(names, world.targets, strict=True)
    ]
    return replace(world, targets=tuple(targets), outages=(), draws=())


def with_machines(outage: Outage, target: TargetService) -> Outage:
    """A hard outage of all attempts takes servers of one's own with it. They are started again at its end, and until they serve nobody
    can connect: for clients it is longer by the start-up time."""
    if target.own is None or outage.kind != ErrorClass.CONNECTION or outage.share < 1.0:
        return outage
    return replace(outage, end_s=outage.end_s + target.own.start_up_s, machines_s=outage.end_s)


def laid_over(weather: Sequence[Slice], outages: Sequence[Outage]) -> tuple[Slice, ...]:
    """The weather, changed while outages last; where they overlap, each strikes what the others left."""
    ends = (t for one in outages for t in (one.start_s, one.end_s, one.machines_s) if not math.isnan(t))
    cuts = sorted({*(one.start_s for one in weather), *ends})
    coming = sorted(outages, key=lambda one: one.start_s, reverse=True)
    found: list[Slice] = []
    active: list[Outage] = []
    base = 0
    for cut in cuts:
        while base + 1 < len(weather) and weather[base + 1].start_s <= cut:
            base += 1
        active = [one for one in active if one.end_s > cut]
        breaks = weather[base].breaks if weather[base].start_s == cut else 0.0
        stops, stops_as = 0.0, 0
        while coming and coming[-1].start_s <= cut:
            begun = coming.pop()
            active.append(begun)
            if begun.kind == ErrorClass.CONNECTION:
                breaks = 1.0 - (1.0 - breaks) * (1.0 - begun.share)
            if not isinstance(begun.kind, str):
                stops, stops_as = 1.0 - (1.0 - stops) * (1.0 - begun.share), int(begun.kind)
        down = any(one.machines_s > cut for one in active)
        begins = replace(weather[base], start_s=cut, breaks=breaks, stops=stops, stops_as=stops_as, down=down)
        found.append(struck(begins, active))
    return tuple(found)


def struck(fair: Slice, outages: Iterable[Outage]) -> Slice:
    failing, slow = np.array(fair.failing), 1.0
    for one in outages:
        if isinstance(one.kind, str):
            slow *= one.slow
            continue
        failing *= 1.0 - one.share
        failing[one.kind] += one.share
    return replace(fair, failing=failing, slow_ttft=fair.slow_ttft * slow, slow_itl=fair.slow_itl * slow)
