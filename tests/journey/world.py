"""A small world for tests of the journey: a plan compiled to a block, steps by name, and the laws that hold after every step."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from roteiro.journey import step
from roteiro.plan.compile import RingSizes, compile_plan, fresh_block
from roteiro.plan.read import read_text
from roteiro.policy.state import NONE, Flowing
from roteiro.terms.codes import BreakerState, CacheKind, Command, Complexity, ErrorClass, Operation, Reason, Step

EPOCH_UNIX_S = 1_769_904_000.0  # 2026-02-01 00:00 UTC


@dataclass(frozen=True)
class Answer:
    command: Command
    argument: float
    reason: Reason
    flow: int
    waiting: int


@dataclass
class World:
    """One block, driven by hand."""

    yaml: str
    sizes: RingSizes = field(default_factory=lambda: RingSizes(flows=64, events=4096, decisions=1 << 15))

    def __post_init__(self) -> None:
        reading = read_text(self.yaml)
        assert reading.plan is not None, "\n".join(map(str, reading.problems))
        self.compiled = compile_plan(reading.plan, reading.digest, sizes=self.sizes)
        self.names = self.compiled.names
        self.buffer, self.state = fresh_block(self.compiled, EPOCH_UNIX_S)
        self.block = int(self.buffer.ctypes.data)
        self.now = 0.0

    @property
    def header(self) -> Any:
        return self.state.header[0]

    def step(
        self, what: Step, flow: int = NONE, now: float | None = None, u: float = 0.5, args: tuple[int, ...] = (), worker: int = 0
    ) -> Answer:
        self.now = self.now if now is None else now
        a, b, c, d, e = (*args, 0, 0, 0, 0, 0)[:5]
        command, argument, reason, answered, waiting = step(self.block, int(what), flow, self.now, u, a, b, c, d, e, worker)
        return Answer(Command(command), argument, Reason(reason), answered, waiting)

    def begin(
        self,
        tenant: str,
        model: str = "auto",
        tokens: tuple[int, int] = (100, 50),
        workload: str | None = None,
        stream: bool = False,
        cache: CacheKind = CacheKind.NONE,
        complexity: Complexity = Complexity.UNKNOWN,
        operation: Operation = Operation.CHAT,
        region: str | None = None,
        **kw: Any,
    ) -> Answer:
        flags = int(stream) | int(cache) << 1 | int(complexity) << 3 | int(operation) << 5
        flags |= (self.names.workloads.index(workload) + 1) << 8 if workload else 0
        flags |= (self.names.regions.index(region) + 1) << 39 if region else 0
        key = self.names.keys.index(f"tenant:{tenant}")
        return self.step(Step.BEGIN, args=(key, self.names.routes.index(model), *tokens, flags), **kw)

    def end(self, flow: int, tokens: tuple[int, int] = (100, 50), lane: int = 0, **kw: Any) -> Answer:
        return self.step(Step.END, flow, args=(tokens[0], 0, tokens[1], 0, lane << 1), **kw)

    def fail(
        self, flow: int, error: ErrorClass, retry_after_ms: int = -1, status: int = 500, relayed: int = 0, flags: int = 0, **kw: Any
    ) -> Answer:
        """`flags`: bit 0 lane, bit 1 where the stream could go on elsewhere."""
        return self.step(Step.FAILED, flow, args=(int(error), retry_after_ms, status, int(relayed), flags), **kw)

    def target(self, name: str) -> Any:
        return self.state.targets[self.names.targets.index(name)]

    def breaker(self, name: str) -> Any:
        return self.state.breakers[self.names.targets.index(name)]

    def budget(self, name: str) -> Any:
        return self.state.budgets[self.names.budgets.index(name)]

    def events(self) -> np.ndarray:
        return self.state.events[: int(self.header["event_head"])]

    def decisions(self) -> np.ndarray:
        return self.state.decisions[: int(self.header["decision_head"])]

    def check(self) -> None:
        """The laws that hold between any two steps."""
        state, header = self.state, self.header
        busy = state.flows[state.flows["phase"] != Flowing.FREE]
        assert header["live"] == len(busy)
        assert header["requests"] == header["event_head"] + len(busy), "every request ends in exactly one outcome"
        in_use = np.isin(busy["phase"], (Flowing.SENT, Flowing.GRANTED))
        assert (busy["hedge_target"][~in_use] == NONE).all(), "a hedge stands beside an attempt"
        for i in range(len(self.names.targets)):
            mine, hedges = in_use & (busy["target"] == i), busy["hedge_target"] == i
            assert not (mine & hedges).any(), "a hedge is at another target"
            assert state.targets[i]["in_flight"] == mine.sum() + hedges.sum()
            assert state.targets[i]["in_flight"] <= state.targets[i]["slots"] or i in state.pools["target"][: header["pool_count"]]
            wanted = busy["input_tokens"].astype(np.int64) + busy["output_tokens"]
            assert state.targets[i]["tokens"] == wanted[mine].sum() + wanted[hedges].sum()
            breaker = state.breakers[i]
            if breaker["state"] == BreakerState.HALF_OPEN:
                assert breaker["probes_out"] + breaker["probes_ok"] <= breaker["probes"], "half-open admits no more than its probes"
                assert 0 <= breaker["probes_out"] <= (mine & (busy["probe"] == 1)).sum() + (hedges & (busy["hedge_probe"] == 1)).sum()
        for table, column in (("tenants", "tenant"), ("workloads", "workload")):
            for i, row in enumerate(getattr(state, table)):
                assert row["in_flight"] == ((busy[column] == i) & (busy["admitted"] == 1)).sum() <= max(row["slots"], 0)
        for b in range(len(self.names.budgets)):
            holders = (busy["budgets"] == b).any(axis=1)
            assert state.budgets[b]["reserved_nusd"] == busy["reserved_nusd"][holders].sum(), "nothing reserved is lost or settled twice"
        waiting = busy[busy["phase"] == Flowing.WAITING]
        assert header["waiting"] == len(waiting) <= header["queue_bound"]
        for r in range(len(self.names.routes)):
            assert state.routes[r]["waiting"] == (waiting["route"] == r).sum()
            assert state.routes[r]["waiting_tokens"] == waiting["reserved_tokens"][waiting["route"] == r].sum()
        for w, row in enumerate(state.workloads):
            assert row["waiting"] == (waiting["workload"] == w).sum() <= max(row["queue"], 0), "a queue never exceeds its bound"
        for p, row in enumerate(state.queues):
            chain, f = [], int(row["first"])
            while f != NONE:
                chain.append(f)
                f = int(state.flows[f]["next"])
            assert len(chain) == row["waiting"] == (waiting["priority"] == p).sum()
            assert (np.diff(state.flows["queued"][chain]) >= 0).all(), "first come, first served"
        for pool in state.pools[: int(header["pool_count"])]:
            assert min(max(0, pool["least"]), pool["most"]) <= pool["wanted"] <= pool["most"], "never outside the plan's bounds"
            assert pool["ready"] >= 0 and state.targets[pool["target"]]["slots"] >= 0, "capacity is never negative"
        now = self.decisions()["now_s"]
        assert (np.diff(now) >= 0).all(), "the clock never runs back"
        assert header["unjournaled"] == 0
        spent = sum(int(row["spent_nusd"]) for row, name in zip(state.budgets, self.names.budgets, strict=False) if name.startswith("all/"))
        if any(name.startswith("all/") for name in self.names.budgets):
            events = self.events()
            assert spent == events["cost_nusd"].sum() + events["lost_nusd"].sum(), "money in events is money in budgets"
        assert header["hour_nusd"] == header["minute_nusd"].sum() >= 0
