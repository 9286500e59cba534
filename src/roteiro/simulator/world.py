"""One simulated run: a plan's tables, a demand and a service world in two blocks of memory, let run and drained.

What must not live here: several runs (`seeds`), files, and what the counts mean (`result`).
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.journey.step import step
from roteiro.plan.compile import Compiled, fresh_block
from roteiro.policy import complexity
from roteiro.policy.state import NONE, Flowing, State, release
from roteiro.simulator import hits, laws, loop, servers, table, timeline
from roteiro.simulator.arriving import TRACE
from roteiro.simulator.demand import Demand
from roteiro.simulator.demand_world import Sources
from roteiro.simulator.outages import HORIZON_S, realised
from roteiro.simulator.records import CLASSES, DRAWN, GENERATORS, Stop, World, build
from roteiro.simulator.service import USUAL_FAILURE_S, ServiceWorld, TargetService
from roteiro.simulator.tally import Tally
from roteiro.terms.codes import Complexity, ErrorClass, Step
from roteiro.terms.codes import World as Origin
from roteiro.terms.error import InvariantError

__all__ = ["EPOCH_UNIX_S", "Simulation"]

EPOCH_UNIX_S: Final = 1_767_571_200.0
"""When simulated time begins unless told otherwise: Monday, 5 January 2026, 00:00 UTC."""
HAPPENINGS: Final = 1 << 16  # between two looks at progress, some 30 ms
FOREVER: Final = 1e18
FIRST_PART, MOST_PARTS = 256, 32  # requests of a part at first; parts at most, an even number

Rows = Callable[[npt.NDArray[Any]], None]


class Simulation:
    """A run that can be let go on as often as wanted. The same arguments give the same events, to the bit.

    `journal` keeps decisions too, as a gateway does; it needs room for them (`RingSizes.decisions`), and changes no event. `check` looks
    at the laws of conservation as it runs (`laws`), and changes no event either; a law that is broken ends the run with InvariantError.
    """

    def __init__(
        self,
        compiled: Compiled,
        demand: Demand,
        service: ServiceWorld,
        seed: int = 1,
        *,
        journal: bool = False,
        epoch_unix_s: float = EPOCH_UNIX_S,
        check: bool = False,
    ) -> None:
        if len(service.targets) != len(compiled.names.targets):
            raise InvariantError(f"a service world of {len(service.targets)} targets for a plan of {len(compiled.names.targets)}")
        self.compiled = compiled
        self.epoch_unix_s = epoch_unix_s
        self.block, self.state = fresh_block(compiled, epoch_unix_s)
        self.header = self.state.header
        self.header["world"], self.header["journal"] = int(Origin.SIMULATED), int(journal)
        self.demand = demand
        service = realised(service, compiled.names.targets, seed, min(demand.horizon_s, HORIZON_S), epoch_unix_s)
        self.world = world_of(compiled, demand, service, seed, self.state, epoch_unix_s)
        self.world.loop["epoch_s"] = epoch_unix_s
        self.seed = seed
        self.world.loop["checked"] = check
        tiers = [compiled.plan.sla_tiers.get(name) for name in compiled.names.tiers]
        promised = [
            [math.nan, math.nan],
            *([promise(tier.latency_p95_s), promise(tier.ttft_p95_s)] if tier else [math.nan] * 2 for tier in tiers),
        ]
        self.promised_ms = np.array(promised)
        self.parts = [self.part(0.0)]
        self.part_requests = FIRST_PART

    @property
    def now_s(self) -> float:
        """Simulated seconds so far."""
        return float(self.world.loop["now"][0])

    @property
    def arrived(self) -> int:
        return int(self.world.loop["arrived"][0])

    def part(self, begins_s: float) -> Tally:
        """An empty tally."""
        names = self.compiled.names
        limits = len(names.limits) if self.world.loop["checked"][0] else 0
        return Tally.empty(self.promised_ms, len(names.targets), len(names.tenants), len(names.budgets), limits, begins_s)

    @property
    def tally(self) -> Tally:
        """All parts together."""
        whole = self.part(0.0)
        for part in self.parts:
            whole.merge(part)
        whole.breakers[:] = self.world.services["entered"]
        return whole

    @property
    def batches(self) -> tuple[Tally, ...]:
        """Consecutive parts with the same number of ended requests each; fewer than two where the run is too short."""
        return tuple(part for part in self.parts if part.requests == self.part_requests)

    @property
    def unfinished(self) -> npt.NDArray[np.int64]:
        """Requests that have no outcome yet: of all (row 0), and by tier."""
        flows, found = self.state.flows, np.zeros(len(self.promised_ms), np.int64)
        tiers = self.state.tenants["tier"][flows["tenant"][flows["phase"] != Flowing.FREE]]
        found[0] = len(tiers)
        np.add.at(found, tiers[tiers >= 0] + 1, 1)
        return found

    def run(
        self,
        requests: int | None = None,
        duration_s: float = FOREVER,
        on_events: Rows | None = None,
        on_decisions: Rows | None = None,
        on_progress: Callable[[int, float], None] | None = None,
        *,
        on_signals: Rows | None = None,
        until_s: float = FOREVER,
    ) -> Tally:
        """Let arrive at most `requests` in all, none later than `duration_s`, and run until each has its outcome.

        `on_events`, `on_decisions` and `on_signals` get rows in order; they are gone after the call. `on_progress` gets requests so far and
        simulated seconds. What any of them raises ends the run where it stands. `until_s`: stop there, to `go` on later.
        """
        control = self.world.loop
        most = len(self.demand.arrivals) if self.demand.process == TRACE else None
        control["most"] = min(n for n in (requests, most, 1 << 60) if n is not None)
        control["last_arrival"] = duration_s
        if most is None and requests is None and duration_s >= FOREVER:
            raise InvariantError("a drawn demand without an end: give requests or a duration")
        if control["happened"][0] == 0:
            control["moment_s"] = timeline.round_width(self.horizon_s(requests, duration_s))
        return self.go(until_s, on_events, on_decisions, on_progress, on_signals)

    def horizon_s(self, requests: int | None, duration_s: float) -> float:
        """About how long the run will be, in simulated seconds: the same for every seed."""
        drawn = math.inf if requests is None else requests / max(self.demand.rate_per_s, 1e-9)
        return min(drawn, duration_s, self.demand.horizon_s)

    def go(
        self,
        until_s: float,
        on_events: Rows | None,
        on_decisions: Rows | None,
        on_progress: Callable[[int, float], None] | None,
        on_signals: Rows | None = None,
    ) -> Tally:
        world, block = int(self.world.buffer.ctypes.data), int(self.block.ctypes.data)
        self.world.loop["until"] = until_s
        why = Stop.DRAIN
        while why != Stop.FINISHED:
            before = int(self.world.loop["happened"][0])
            why = loop.run(world, block, HAPPENINGS)
            drained = self.drain(block, on_events, on_decisions, on_signals)
            if why == Stop.DRAIN and not drained:
                raise InvariantError("the rings are too small for so many requests at once: raise RingSizes.events or .decisions")
            if on_progress is not None:
                on_progress(self.arrived, self.now_s)
            # Fewer than were let happen: what comes next comes after `until_s`, and the clock stands at what came last.
            if why == Stop.REACHED and int(self.world.loop["happened"][0]) - before < HAPPENINGS:
                break
        if why == Stop.FINISHED and self.world.loop["checked"][0]:
            laws.hold(self, self.seed)
        return self.tally

    def adopt(self, compiled: Compiled, at_s: float) -> None:
        """Take up another version of the plan, which has the same names and uses nothing that the first one had no need of (`versions`).

        Run until `at_s` before. Raises InvariantError where the names differ.
        """
        if (compiled.names.targets, compiled.names.routes, compiled.names.keys) != (
            self.compiled.names.targets, self.compiled.names.routes, self.compiled.names.keys,
        ):  # fmt: skip
            raise InvariantError("a plan version with other targets, models or keys than the simulation was built with")
        self.compiled = compiled
        compiled.fill(self.state)
        for t, target in enumerate(compiled.edge.targets):
            self.world.services[t]["idle_s"] = target.idle_s
        step(int(self.block.ctypes.data), int(Step.ADOPT), NONE, at_s, 0.0, compiled.edge.version, 0, 0, 0, 0, 0)

    def drain(self, block: int, on_events: Rows | None, on_decisions: Rows | None, on_signals: Rows | None = None) -> int:
        """Count and hand on what the rings hold → how many rows."""
        drained = 0
        rings = (
            (self.state.events, "event", on_events), (self.state.decisions, "decision", on_decisions),
            (self.state.signals, "signal", on_signals),
        )  # fmt: skip
        for ring, name, hand in rings:
            tail, head = int(self.header[f"{name}_tail"][0]), int(self.header[f"{name}_head"][0])
            if name == "event":
                self.count(block, tail, head)
            if hand is not None:
                for rows in pieces(ring, tail, head):
                    hand(rows)
            self.header[f"{name}_tail"] = head
            drained += head - tail
        return drained

    def count(self, block: int, tail: int, head: int) -> None:
        """Count rows of the event ring into parts, and double the parts where there would be too many."""
        while tail < head:
            now = self.parts[-1]
            room = self.part_requests - now.requests
            if room == 0:
                if len(self.parts) == MOST_PARTS:
                    for one, other in zip(self.parts[::2], self.parts[1::2], strict=True):
                        one.merge(other)
                    self.parts, self.part_requests = self.parts[::2], 2 * self.part_requests
                self.parts.append(self.part(float(now.span[1])))
                continue
            end = min(head, tail + room)
            now.add(int(self.world.buffer.ctypes.data), block, tail, end)
            tail = end

    def close(self) -> None:
        """Forget the blocks' addresses, which only plain Python keeps."""
        release(int(self.block.ctypes.data))
        release(int(self.world.buffer.ctypes.data))


def pieces(ring: npt.NDArray[Any], tail: int, head: int) -> list[npt.NDArray[Any]]:
    """The rows from `tail` to `head` of a ring, in order, as one view or two."""
    first, count = tail % len(ring), head - tail
    together = ring[first : first + count]
    return [part for part in (together, ring[: count - len(together)]) if len(part)]


def promise(seconds: float | None) -> float:
    return math.nan if seconds is None else seconds * 1e3


def world_of(
    compiled: Compiled, demand: Demand, service: ServiceWorld, seed: int, state: State, epoch_unix_s: float = EPOCH_UNIX_S
) -> World:
    flows = compiled.capacities["flows"]
    sources = Sources(demand, demand.pieces(epoch_unix_s, seed), len(service.targets), flows)
    tables = list(sources.tables)
    slices = sum(len(target.weather) for target in service.targets)
    own = sum(4 + CLASSES for _ in service.targets)
    regions = len(compiled.names.regions) + 1 if any(service.ways.values()) else 0
    hedging = bool((state.routes["hedge_share"] > 0.0).any())
    rows = 3 * flows if hedging else flows
    pools = [target.own for target in service.targets]
    timed = sum(pool.most + 1 for pool in pools if pool is not None)  # replicas and pools have a timer each
    world = build(
        {
            **sources.capacities,
            "generators": GENERATORS, "work": rows + timed, "timers": 2 * (rows + timed),
            **servers.capacities(pools, rows), "services": len(service.targets), "weather": slices, "tables": len(tables) + own,
            "hits": max(len(compiled.names.routes), 1), "ways": max(regions**2, 1),
            "moments": timeline.MOMENTS, "moment_targets": timeline.MOMENTS * len(service.targets), "purses": len(state.budgets),
        },
        seed,
    )  # fmt: skip
    at = 0
    for t, target in enumerate(service.targets):
        put_target(world, t, target, at, tables)
        world.services[t]["idle_s"], world.services[t]["region"] = compiled.edge.targets[t].idle_s, state.targets[t]["region"] + 1
        world.services[t]["far"] = target.network is not None or regions > 0
        at += len(target.weather)
    world.tables["quantiles"][: len(tables)] = tables
    put_ways(world, compiled, service, regions)
    control = world.loop
    servers.put_servers(world, pools, rows)
    pooled = world.services["pool"] > 0
    world.services["replicas"][pooled] = world.servers["running"][world.services["pool"][pooled] - 1]
    sources.put(world, seed)
    control["tick_s"] = loop.TICK_S
    control["flows"], control["hedging"], control["moment_s"] = flows, hedging, 1.0
    world.purses["exhausted"], world.purses["ends"] = math.nan, state.budgets["ends_s"]
    world.hits[:] = hits.rows_of(
        compiled, hits.expected(compiled) if service.hits is None else service.hits, world.services["output"].tolist()
    )
    control["caching"], control["tiers"] = (world.hits["share"] > 0.0).any(), (state.routes["tiers"] != NONE).any()
    put_complexity(control, demand)
    return world


def put_ways(world: World, compiled: Compiled, service: ServiceWorld, regions: int) -> None:
    """Seconds there and back between regions, `regions` to a row; the first is whoever is nowhere."""
    world.loop["regions"] = regions
    names = compiled.names.regions
    for (client, target), seconds in service.ways.items() if regions else ():
        if client in names and target in names:
            world.ways[(names.index(client) + 1) * regions + names.index(target) + 1] = (seconds,)


def put_complexity(control: npt.NDArray[Any], demand: Demand) -> None:
    """How demanding tasks are, whose requests nobody reads here: shares where they are given, else by length alone."""
    simple, medium = (math.nan, math.nan) if demand.complexity is None else np.cumsum(demand.complexity)[:2]
    control["simple_below"], control["medium_below"] = simple, medium
    steps = [0, *(tokens for tokens, _ in complexity.INPUT_POINTS)]
    tiers = [complexity.tier(complexity.score(0, tokens, demand.estimate)) for tokens in steps]
    for column, tier in (("medium_from", Complexity.MEDIUM), ("complex_from", Complexity.COMPLEX)):
        control[column] = next((tokens for tokens, found in zip(steps, tiers, strict=True) if found >= tier), 1 << 60)


def put_target(world: World, t: int, target: TargetService, at: int, tables: list[table.Table]) -> None:
    row = world.services[t]

    def place(one: table.Table) -> int:
        tables.append(one)
        return len(tables) - 1

    row["ttft"], row["itl"], row["output"] = place(target.ttft), place(target.itl), place(target.output)
    row["most_output"], row["gaps"], row["itl_mean"] = target.most_output, target.gaps_differ, table.mean(target.itl)
    row["midstream"], row["first"], row["count"] = target.midstream, at, len(target.weather)
    row["stall"], row["good"], row["judged"] = target.stall, target.good, target.judged
    row["token_ttft_s"], row["ttft_load"], row["itl_load"] = target.ttft_per_token_s, target.ttft_load, target.itl_load
    row["network"] = DRAWN if target.network is None else place(target.network)
    row["prefix_ttl_s"] = target.prefix_ttl_s
    row["failure"] = place(next(iter(target.failure.values()), target.ttft))
    row["failure"][ErrorClass.TIMEOUT] = DRAWN  # as long as is waited
    for error_class in ErrorClass:
        times = target.failure.get(error_class)
        if times is None and error_class in USUAL_FAILURE_S:
            times = table.constant(USUAL_FAILURE_S[error_class])
        if times is not None:
            row["failure"][error_class] = place(times)
    quota = target.quota
    row["request_s"] = 1.0 / quota.requests_per_s if quota.requests_per_s > 0.0 else 0.0
    row["token_s"] = 1.0 / quota.tokens_per_s if quota.tokens_per_s > 0.0 else 0.0
    row["burst_s"], row["window_s"], row["window"] = quota.burst_s, quota.window_s, -1.0
    for i, weather in enumerate(target.weather):
        world.weather[at + i] = (
            weather.start_s, weather.slow_ttft, weather.slow_itl, weather.failing.sum(), np.cumsum(weather.failing),
            weather.retry_after_s * 1e3, weather.breaks, weather.stops, weather.stops_as, weather.down,
        )  # fmt: skip
