"""Laws that every simulated run obeys, looked at as it runs and checked at its end where that is wanted.

Nothing is lost: what arrived has ended, once, and every slot is free. Little's law holds on the run's own path: seconds that requests were
there, counted request by request, are seconds counted moment by moment, L × T = λ × T × W, without any assumption on arrivals or service
(J. D. C. Little, S. C. Graves, "Little's Law", 2008, section 2). Money in events is money in budgets and in the hour's ring. Tokens that a
limit let through are in its theoretical arrival time. The clock does not run back.

What must not live here: numbers for people, and laws of many runs (the same seed gives the same bytes: the tests hold that).
"""

from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled
from roteiro.policy.kernel import kernel
from roteiro.policy.state import State, budget_at, header_of
from roteiro.simulator.records import World, loop_of, purse_at
from roteiro.simulator.tally import Tally
from roteiro.terms.error import InvariantError

__all__ = ["CLOSE", "hold", "watch"]

CLOSE: Final = 1e-9
"""Relative error that sums of many seconds may have."""
HOUR_S, MINUTE_S = 3600.0, 60.0


class Simulation(Protocol):
    """What a run tells of itself (`world.Simulation`)."""

    compiled: Compiled
    header: npt.NDArray[Any]
    state: State
    world: World

    @property
    def tally(self) -> Tally: ...
    @property
    def now_s(self) -> float: ...
    @property
    def arrived(self) -> int: ...


@kernel
def watch(world: int, block: int, now: float) -> None:
    """Before something happens at `now`: what the time since the last happening comes to."""
    loop, header = loop_of(world), header_of(block)
    if now < loop.now:
        loop.ran_back += 1
    loop.flow_s += header.live * (now - loop.now)
    for b in range(header_of(block).n_budgets):
        purse, budget = purse_at(world, b), budget_at(block, b)
        if budget.ends_s != purse.ends:  # a new period: nothing was charged between the last look and its beginning
            purse.past_nusd += purse.last_nusd
            purse.ends = budget.ends_s
        purse.last_nusd = budget.spent_nusd


def hold(simulation: Simulation, seed: int) -> None:
    """Check a run that has come to its end. Raises InvariantError with every law that is broken, its numbers and the seed."""
    broken = [*outcomes(simulation), *slots(simulation), *little(simulation), *money(simulation), *tokens(simulation)]
    if broken:
        raise InvariantError(f"seed {seed} breaks {len(broken)} of the simulator's laws: " + "; ".join(broken))


def outcomes(simulation: Simulation) -> list[str]:
    """Arrivals = outcomes, and the clock."""
    tally, header, loop = simulation.tally, simulation.header, simulation.world.loop
    arrived, ended, refused = simulation.arrived + int(loop["returned"][0]), tally.requests, int(header["refused"][0])
    broken = []
    if arrived != ended + refused:
        broken.append(f"arrivals = outcomes: {arrived} arrived, {ended} ended and {refused} found no room")
    moments = simulation.world.moments
    if int(moments["arrivals"].sum()) != ended or int(moments["ended"].sum()) != ended:
        broken.append(
            f"the timeline counts all: {moments['arrivals'].sum()} arrivals and {moments['ended'].sum()} ends of {ended} requests"
        )
    if loop["ran_back"][0]:
        broken.append(f"time runs forward: it ran back {loop['ran_back'][0]} times")
    return broken


def slots(simulation: Simulation) -> list[str]:
    """Everything that was taken is given back."""
    state, header = simulation.state, simulation.header
    left = {
        "flows": int(header["live"][0]),
        "requests that wait": int(header["waiting"][0]),
        "slots of targets": int(state.targets["in_flight"].sum()),
        "slots of tenants": int(state.tenants["in_flight"].sum()),
        "slots of workloads": int(state.workloads["in_flight"].sum()),
        "reserved nano-dollars": int(state.budgets["reserved_nusd"].sum()),
    }
    return [f"all is given back at the end: {count} {what} are not" for what, count in left.items() if count]


def little(simulation: Simulation) -> list[str]:
    """Little's law: requests there on average = rate × mean time there."""
    requests, span = simulation.tally.requests, simulation.now_s
    by_requests, by_moments = float(simulation.tally.span[2]), float(simulation.world.loop["flow_s"][0])
    if abs(by_requests - by_moments) <= CLOSE * max(by_requests, by_moments) + 1e-6:
        return []
    there, rate, time = by_moments / span, requests / span, by_requests / requests
    return [f"Little's law: {there:.9g} requests there on average, but {rate:.9g} a second × {time:.9g} s = {rate * time:.9g}"]


def money(simulation: Simulation) -> list[str]:
    """Money in events = money in budgets, and in the hour's ring."""
    state, tally, names = simulation.state, simulation.tally, simulation.compiled.names
    purses, broken = simulation.world.purses, []
    for b, name in enumerate(names.budgets):
        found, charged = int(purses["past_nusd"][b] + state.budgets["spent_nusd"][b]), int(tally.budgets[b])
        if state.budgets["ends_s"][b] != purses["ends"][b]:
            found += int(purses["last_nusd"][b])
        if found != charged:
            broken.append(f"money in events = money in budgets: {charged} nano-dollars in events, {found} in {name}")
    header, moments = simulation.header, simulation.world.moments
    ring, whole = int(header["hour_nusd"][0]), int(header["minute_nusd"][0].sum())
    begins = (int(header["minute"][0]) - 59) * MINUTE_S
    width = float(simulation.world.loop["moment_s"][0])
    starts = np.arange(len(moments)) * width
    least = int(moments["cost_nusd"][starts >= begins - CLOSE].sum())
    most = int(moments["cost_nusd"][starts + width > begins + CLOSE].sum())
    if ring != whole or not least <= ring <= most:
        broken.append(
            f"money in events = money in the hour's ring: {least} to {most} nano-dollars in events, {ring} in the ring, {whole} by minutes"
        )
    return broken


def tokens(simulation: Simulation) -> list[str]:
    """Limits: what passed, at the limit's pace, and idle time make up how far its theoretical arrival time came."""
    limits, used, now = simulation.state.limits, simulation.tally.limits, float(simulation.header["last_now"][0])
    broken = []
    for i, name in enumerate(simulation.compiled.names.limits):
        if name.startswith("provider/") or limits["interval_s"][i] <= 0.0:  # a provider's own are taken attempt by attempt
            continue
        took = float(used[i]) * float(limits["interval_s"][i])
        idle = float(limits["arrival"][i]) - took
        error = CLOSE * max(took, now) + 1e-6
        if not -error <= idle <= now + error:
            broken.append(f"tokens of limits: {used[i]} units passed {name}, {took:.6f} s of its time, which came {took + idle:.6f} s far")
    return broken
