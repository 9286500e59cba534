"""A pool of own servers told iteration by iteration, without any jump: what `batching` must agree with; and plans that have one."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulator.build import compiled

from roteiro.plan.compile import RingSizes
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator.servers import OwnServers
from roteiro.simulator.world import Simulation

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", on_premises: true, limits: {concurrency: 100000},
        timeouts: {first_token: FIRST, attempt: ATTEMPT}, breaker: {minimum_calls: 1000000}, servers: {SERVERS}}
models:
  chat: {targets: {one: 1}, retry: {attempts: 1}, timeouts: {total: 4w}}
workloads:
  chat: {priority: interactive, concurrency: 100000, model: chat}
demand: {arrivals: {process: poisson, rate: RATE/s}, stream: STREAM, input_tokens: {median: 300, p95: 900}, output_tokens: {median: 40, p95: 150}}
"""


def plan_of(servers: str, rate: float, *, first: str = "4w", attempt: str = "4w", stream: str = "100%") -> str:
    text = PLAN.replace("SERVERS", servers).replace("RATE", f"{rate:g}").replace("FIRST", first)
    return text.replace("ATTEMPT", attempt).replace("STREAM", stream)


def pool(text: str, seed: int = 1, *, journal: bool = False) -> Simulation:
    """A simulation of the plan."""
    plan = compiled(text, RingSizes(1 << 13, 1 << 14, 1 << 16 if journal else 16))
    return Simulation(plan, demands.of_plan(plan), services.of_plan(plan), seed, journal=journal)


@dataclass
class Member:
    number: int
    prompt: int
    held: int
    rest: int
    left: int = 0
    memory: int = 0
    emitted: int = 0
    order: int = 0
    writes: bool = False


@dataclass
class Replica:
    batch: list[Member] = field(default_factory=list)
    ends: float = math.inf
    given: dict[int, int] = field(default_factory=dict)
    writing: list[Member] = field(default_factory=list)

    @property
    def reserved(self) -> int:
        return sum(one.memory if one.writes else one.held for one in self.batch)


@dataclass
class Naive:
    """Every iteration on its own. Times of first tokens and of ends by request; refused ones have none."""

    servers: OwnServers
    first: dict[int, float] = field(default_factory=dict)
    end: dict[int, float] = field(default_factory=dict)
    preempted: int = 0
    iterations: int = 0
    orders: int = 0
    turn: int = 0
    queue: deque[Member] = field(default_factory=deque)
    replicas: list[Replica] = field(default_factory=list)

    def run(self, arrivals: Iterable[tuple[float, int, int]]) -> None:
        """(seconds, input tokens, output tokens) in order of time."""
        self.replicas = [Replica() for _ in range(self.servers.replicas)]
        for number, (at, prompt, rest) in enumerate(arrivals):
            self.until(at)
            holds = self.servers.kv_tokens or math.inf
            if prompt < holds:  # else no replica could ever hold it
                self.arrive(Member(number, prompt, prompt, int(min(rest, holds - prompt))), at)
        self.until(math.inf)

    def until(self, at: float) -> None:
        while True:
            replica = min(self.replicas, key=lambda one: one.ends)
            if replica.ends > at or replica.ends == math.inf:
                return
            self.ended(replica, replica.ends)

    def fits(self, replica: Replica, member: Member) -> bool:
        if len(replica.batch) >= self.servers.batch:
            return False
        return not self.servers.kv_tokens or replica.reserved + member.held <= self.servers.kv_tokens

    def arrive(self, member: Member, now: float) -> None:
        roomy = [] if self.queue else [k for k, one in enumerate(self.replicas) if self.fits(one, member)]
        if not roomy:
            if len(self.queue) < self.servers.queue:
                self.queue.append(member)
            return
        if self.servers.round_robin:
            k = min(roomy, key=lambda k: (k - self.turn) % len(self.replicas))
            self.turn = (k + 1) % len(self.replicas)
        else:
            k = min(roomy, key=lambda k: len(self.replicas[k].batch))
        self.admit(self.replicas[k], member)
        if self.replicas[k].ends == math.inf:
            self.begin(self.replicas[k], now)

    def admit(self, replica: Replica, member: Member) -> None:
        self.orders += 1
        member.order, member.left, member.memory, member.writes = self.orders, member.prompt, 0, False
        replica.batch.append(member)

    def begin(self, replica: Replica, now: float) -> None:
        servers = self.servers
        short = False
        while servers.kv_tokens and len(replica.batch) > 1 and any(one.writes for one in replica.batch):
            if replica.reserved + sum(one.writes for one in replica.batch) <= servers.kv_tokens:
                break
            short = True
            member = max(replica.batch, key=lambda one: one.order)
            replica.batch.remove(member)
            if member.writes:
                member.prompt = member.held = member.memory + 1
            self.preempted += 1
            self.queue.appendleft(member)
        while self.queue and not short and self.fits(replica, self.queue[0]):
            self.admit(replica, self.queue.popleft())
        replica.ends = math.inf
        if not replica.batch:
            return
        replica.writing = [one for one in replica.batch if one.writes]
        budget, replica.given = servers.chunk, {}
        for one in sorted((one for one in replica.batch if not one.writes), key=lambda one: one.order):
            replica.given[one.number] = min(one.left, budget)
            budget -= replica.given[one.number]
        prefill = servers.beta_s if math.isnan(servers.prefill_s) else servers.prefill_s
        replica.ends = now + (
            servers.alpha_s
            + servers.beta_s * len(replica.writing)
            + prefill * sum(replica.given.values())
            + servers.gamma_s * sum(one.memory for one in replica.batch)
        )
        self.iterations += 1
        self.wake(now)

    def wake(self, now: float) -> None:
        """Whoever has nothing to do takes the first in the queue: one that was preempted, which does not fit where it was."""
        for replica in self.replicas:
            if self.queue and not replica.batch and self.fits(replica, self.queue[0]):
                self.begin(replica, now)

    def ended(self, replica: Replica, now: float) -> None:
        for one in replica.writing:
            one.memory += 1
            self.token(replica, one, now)
        for one in [one for one in replica.batch if replica.given.get(one.number)]:
            part = replica.given[one.number]
            one.left -= part
            one.memory += part
            if one.left == 0:
                one.writes = True
                self.first.setdefault(one.number, now)
                self.token(replica, one, now)
        self.begin(replica, now)

    def token(self, replica: Replica, one: Member, now: float) -> None:
        one.emitted += 1
        if one.emitted == one.rest:
            self.end[one.number] = now
            replica.batch.remove(one)
