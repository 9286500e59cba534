"""The simulator against SimPy and ciw, where theory gives nothing exact: priorities among several servers, customers who lose patience,
bursts before several servers.

Twice each. *The same customers*: SimPy gets the arrivals and service times that our run had, and every single customer must wait as long
there as here. *The same law*: both draw their own, under several seeds, and the difference of the means must lie within its 99 % interval
(Welch's, from both sides' seeds), which must itself be narrow, or agreement would mean nothing.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from tests.simulator.build import compiled, run
from tests.simulator.oracles import Floats, Waits, drawn, in_ciw, in_simpy

from roteiro.plan.compile import RingSizes
from roteiro.policy.kernel import JIT
from roteiro.simulator import demand as demands
from roteiro.simulator import table
from roteiro.simulator.arriving import GAMMA, POISSON, WEIBULL
from roteiro.simulator.demand import Demand
from roteiro.simulator.groups import Lengths, gap_shape, slices_of
from roteiro.simulator.service import ServiceWorld, TargetService
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import Outcome

pytestmark = pytest.mark.skipif(not JIT, reason="a million customers")

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", on_premises: true, limits: {concurrency: SERVERS},
        timeouts: {first_token: 4w, attempt: 4w}, breaker: {minimum_calls: 1000000}}
models: {chat: {targets: {one: 1}, timeouts: {total: 4w}}}
queue: {size: 50000, max_wait: 4w}
tenants: {all: {workloads: [first, second]}}
workloads:
  first: {priority: critical, queue: {size: 50000, max_wait: PATIENCE}, model: chat}
  second: {priority: batch, queue: {size: 50000, max_wait: PATIENCE}, model: chat}
demand:
  arrivals: {process: poisson, rate: 1/s}
  mix: [{tenant: all, workload: first, share: FIRST%}, {tenant: all, workload: second, share: SECOND%}]
"""
EXPONENTIAL, LOGNORMAL = table.exponential(1.0), table.lognormal(0.7, 2.5)
SEEDS = tuple(range(1, 9))
OURS, THEIRS = 100_000, 16_000
"""Customers a seed. Ours cost a hundredth of theirs, so theirs alone make the interval."""


def simulation(servers: int, rate: float, service: table.Table, seed: int, first: int = 50, patience: float | None = None,
               change: Callable[[Demand], Demand] = lambda demand: demand) -> Simulation:  # fmt: skip
    """Slots of one target as the servers, and two workloads, of which `first` % of the customers are the more important one's."""
    text = PLAN.replace("SERVERS", str(servers)).replace("PATIENCE", "4w" if patience is None else f"{patience * 1e3:g}ms")
    plan = compiled(text.replace("FIRST", str(first)).replace("SECOND", str(100 - first)), RingSizes(1 << 16, 1 << 17, 16))
    demand = demands.drawn(plan, "oracle", POISSON, rate, 1.0).with_lengths(Lengths(table.constant(1.0), table.constant(1.0)))
    target = TargetService(ttft=service, itl=table.constant(0.0), output=table.constant(1.0))
    return Simulation(plan, change(demand), ServiceWorld("oracle", (target,)), seed)


def recorded(simulation: Simulation, customers: int) -> tuple[Waits, Floats, Floats]:
    """(how each waited, when each came, how long each was served), in order of arrival."""
    rows, _ = run(simulation, customers)
    rows = rows[np.argsort(rows["request"])]
    kinds = np.array([simulation.compiled.names.workloads[code] == "second" for code in rows["workload"]]).astype(np.int64)
    waited, served = rows["queue_ms"].astype(float) / 1e3, rows["outcome"] == Outcome.SUCCESS
    waited[~served] = rows["total_ms"][~served] / 1e3
    arrivals = rows["arrival_s"]
    simulation.close()
    return Waits(waited, served, kinds), arrivals, rows["ended_s"] - arrivals - waited


def same_path(simulation: Simulation, servers: int, patience: float | None = None, customers: int = 20_000) -> Waits:
    """Ours, after each of its customers was found to wait as long in SimPy."""
    ours, arrivals, services = recorded(simulation, customers)
    theirs = in_simpy(arrivals, services, servers, ours.kind, patience)
    assert (ours.served == theirs.served).all()
    # A recorded wait is a number of 32 bits; 0.1 ms is a ten-thousandth of a service.
    assert np.abs(ours.waited - theirs.waited).max() < 1e-4
    return ours


def same_law(ours: list[dict[str, float]], theirs: list[dict[str, float]], narrow: float) -> None:
    """Of each mean: the difference lies within its 99 % interval, whose half is at most `narrow` of the mean."""
    for name in ours[0]:
        here, there = np.array([one[name] for one in ours]), np.array([one[name] for one in theirs])
        if not here.any() and not there.any():
            continue
        interval = stats.ttest_ind(here, there, equal_var=False).confidence_interval(0.99)
        assert interval.low <= 0.0 <= interval.high, (name, here.mean(), there.mean(), interval)
        assert (interval.high - interval.low) / 2.0 <= narrow * there.mean(), (name, here.mean(), there.mean(), interval)


def ours_by_seed(make: Callable[[int], Simulation]) -> list[dict[str, float]]:
    return [recorded(make(seed), OURS)[0].means() for seed in SEEDS]


def poisson(rate: float, draws: np.random.Generator, n: int) -> Floats:
    return np.cumsum(draws.exponential(1.0 / rate, n))


# --- priorities --------------------------------------------------------------------------------------------------------------------


def test_who_is_more_important_goes_first_as_in_simpy() -> None:
    """M/G/3 with two classes, which has no formula: log-normal service, a load of 0.75, three customers of ten important."""
    rate = 0.75 * 3 / table.mean(LOGNORMAL)
    found = same_path(simulation(3, rate, LOGNORMAL, 1, first=30), 3).means()
    assert found["wait 1"] > 2.0 * found["wait 0"] > 0.0

    def theirs(seed: int) -> dict[str, float]:
        draws = np.random.default_rng(seed)
        kinds = (draws.random(THEIRS) >= 0.3).astype(np.int64)
        return in_simpy(poisson(rate, draws, THEIRS), drawn(LOGNORMAL, draws, THEIRS), 3, kinds).means()

    same_law(ours_by_seed(lambda seed: simulation(3, rate, LOGNORMAL, seed, first=30)), [theirs(seed) for seed in SEEDS], 0.15)


def test_who_is_more_important_goes_first_as_in_ciw() -> None:
    """M/M/2 with two classes and a load of 0.7."""
    rate = 0.7 * 2 / table.mean(EXPONENTIAL)
    ours = ours_by_seed(lambda seed: simulation(2, rate, EXPONENTIAL, seed, first=40))
    theirs = [in_ciw((0.4 * rate, 0.6 * rate), EXPONENTIAL, 2, 10_000, seed).means() for seed in SEEDS]
    same_law(ours, theirs, 0.12)


# --- patience ----------------------------------------------------------------------------------------------------------------------


def test_who_loses_patience_leaves_as_in_simpy() -> None:
    """More customers than three servers can take: the queue lives by those who leave it."""
    rate = 1.2 * 3 / table.mean(LOGNORMAL)
    found = same_path(simulation(3, rate, LOGNORMAL, 2, patience=0.8), 3, patience=0.8)
    assert 0.1 < 1.0 - found.served.mean() < 0.4

    def theirs(seed: int) -> dict[str, float]:
        draws = np.random.default_rng(seed)
        kinds = (draws.random(THEIRS) >= 0.5).astype(np.int64)
        return in_simpy(poisson(rate, draws, THEIRS), drawn(LOGNORMAL, draws, THEIRS), 3, kinds, 0.8).means()

    same_law(ours_by_seed(lambda seed: simulation(3, rate, LOGNORMAL, seed, patience=0.8)), [theirs(seed) for seed in SEEDS], 0.08)


def test_who_loses_patience_leaves_as_in_ciw() -> None:
    rate = 0.95 * 2 / table.mean(EXPONENTIAL)
    ours = ours_by_seed(lambda seed: simulation(2, rate, EXPONENTIAL, seed, first=40, patience=1.5))
    theirs = [in_ciw((0.4 * rate, 0.6 * rate), EXPONENTIAL, 2, 10_000, seed, 1.5).means() for seed in SEEDS]
    same_law(ours, theirs, 0.12)


# --- bursts ------------------------------------------------------------------------------------------------------------------------

QUIET, LOUD, TURN_S = 1.5, 4.5, 10.0
"""Customers a second by turns of ten seconds: three servers have 3 a second to give."""


def by_turns(demand: Demand) -> Demand:
    turns = np.arange(12_000)
    slices = slices_of(turns * TURN_S, np.where(turns % 4 == 3, LOUD, QUIET))
    return replace(demand, streams=(replace(demand.streams[0], slices=slices),))


def turns_drawn(draws: np.random.Generator, n: int) -> Floats:
    """A Poisson process in operational time, through the inverse of the cumulative rate."""
    turns = np.arange(n)
    edges = np.concatenate([[0.0], np.cumsum(np.where(turns % 4 == 3, LOUD, QUIET) * TURN_S)])
    return np.interp(np.cumsum(draws.exponential(1.0, n)), edges, np.append(turns, n) * TURN_S)


def bunched(process: int, cv: float, rate: float) -> Callable[[Demand], Demand]:
    slices = slices_of([0.0], [rate], process, gap_shape(process, cv))
    return lambda demand: replace(demand, streams=(replace(demand.streams[0], slices=slices),))


def weibull_drawn(draws: np.random.Generator, n: int) -> Floats:
    shape = gap_shape(WEIBULL, 2.0)
    return np.cumsum(draws.weibull(shape, n) / math.gamma(1.0 + 1.0 / shape) / 2.1)


BURSTS: dict[str, tuple[Callable[[Demand], Demand], Callable[[np.random.Generator, int], Floats]]] = {
    "Gamma gaps": (bunched(GAMMA, 2.5, 2.0), lambda draws, n: np.cumsum(draws.gamma(1.0 / 6.25, 6.25 / 2.0, n))),
    "Weibull gaps": (bunched(WEIBULL, 2.0, 2.1), weibull_drawn),
    "two rates by turns": (by_turns, turns_drawn),
}


@pytest.mark.parametrize("name", BURSTS)
def test_bursts_before_several_servers_wait_as_in_simpy(name: str) -> None:
    """G/M/3 and a rate that is for a while beyond what the servers can give."""
    change, arrivals = BURSTS[name]
    found = same_path(simulation(3, 2.0, EXPONENTIAL, 3, first=100, change=change), 3).means()
    assert found["wait 0"] > 0.3  # a Poisson process of this rate: 0.44 s at 2 a second, and it is worse with bursts

    def theirs(seed: int) -> dict[str, float]:
        draws = np.random.default_rng(seed)
        kinds = np.zeros(THEIRS, np.int64)
        return in_simpy(arrivals(draws, THEIRS), drawn(EXPONENTIAL, draws, THEIRS), 3, kinds).means()

    same_law(ours_by_seed(lambda seed: simulation(3, 2.0, EXPONENTIAL, seed, first=100, change=change)), [theirs(s) for s in SEEDS], 0.1)
