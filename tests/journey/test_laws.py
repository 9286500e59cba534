"""The laws of the journey, under any order of events that two worlds could produce.

A run of the machine is a list of small integers, so Hypothesis can shrink it; what each integer means depends on what is in flight.
"""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journey.world import Answer, World

from roteiro.journey import step
from roteiro.policy.state import NONE, Flowing, release, view
from roteiro.terms.codes import CacheKind, Command, Complexity, ErrorClass, Reason, Step

pytestmark = pytest.mark.kernel

PLAN = """
roteiro: 1
providers:
  a: {name: one, model: m, weight: 60, base_url: "http://127.0.0.1:1/v1", key_env: [A1, A2, A3], context_tokens: 600, limits: {concurrency: 3, requests: 100/min},
      price: {input: $10/M, output: $30/M, off_peak: {from: "00:00", to: "00:01", discount: 50%}},
      breaker: {window: 5s, failure_rate: 50%, minimum_calls: 2, open_for: 1s, half_open_probes: 2, slow_call: 3s}}
  b: {name: two, model: m, weight: 40, base_url: "http://127.0.0.1:2/v1", key_env: [B1, B2], context_tokens: 700, price: {input: $5/M, output: $20/M}, limits: {concurrency: 2, tokens: 20k/min},
      breaker: {window: 5s, minimum_calls: 2, open_for: 1s}}
  c: {name: three, model: s, weight: 0, base_url: "http://127.0.0.1:3/v1", on_premises: true, price: {input: $1/M, output: $1/M}, limits: {concurrency: 1}}
models:
  fast: {targets: {a: 60, b: 40}, fallbacks: [c], on_exhausted: fail_fast, timeouts: {total: 20s}, retry: {attempts: 4}, hedge: {after: 100ms, at_most: 60%},
         complexity: {simple: tiny, complex: slow}}
  slow: {targets: {a: 1, b: 1}, on_exhausted: queue, degrade_to: tiny, larger_context: tiny, timeouts: {total: 90s}, retry: {attempts: 5},
         hedge: {after: p80, at_most: 50%}}
  tiny: {targets: {c: 1}, on_exhausted: least_bad}
routing_logic:
  - {condition: "a.latency > 1s with at least 2 calls", action: route_to_b}
  - {condition: "a.error_rate > 20% with at least 2 calls", action: circuit_break_a}
  - {condition: "all_unavailable or fleet.queue_depth > 2", action: shed sandbox}
  - {condition: "b.breaker == open and not c.unavailable", action: avoid_b}
retry: {ratio: 30%, min_per_second: 0.5}
tenants:
  x: {limits: {requests: 60/min, tokens: 50k/min}, concurrency: 3, budgets: {d: {amount: $0.05, period: hour, warn_at: 40%, degrade_at: 50%}}}
  y: {team: t, priority: critical}
  z: {workloads: [batch, live], key_limits: {tokens: 9k/min}}
teams:
  t: {budgets: {d: {amount: $0.2, period: day}}}
workloads:
  live: {priority: interactive, queue: {size: 3, max_wait: 2s}, concurrency: 5}
  batch: {priority: batch, queue: {size: 3, max_wait: 9s}, budgets: {w: {amount: $0.5, period: week}}}
  lab: {priority: sandbox, queue: {size: 2, max_wait: 9s}}
queue: {size: 5}
budgets:
  all: {amount: $5, period: month}
scaling_policies:
  cost_based: {max_budget: 0.05, fallback_model: tiny, cooldown: 30}
"""
MODELS = ("fast", "slow", "tiny", "auto")
TENANTS, WORKLOADS = ("x", "y", "z"), (None, "live", "batch", "lab")
FAILURES = [error for error in ErrorClass if error]
WORKERS = (0, 1, 2)


class Machine:
    """Turns integers into steps that a correct driver could take."""

    def __init__(self, plan: str = PLAN) -> None:
        self.world = World(plan)
        self.gave_up: dict[int, set[int]] = {}
        """Request → targets that it may not be sent to again."""
        self.refused: dict[int, set[tuple[int, int]]] = {}
        """Request → (target, credential) pairs that were refused."""

    def lanes(self, f: int) -> list[int]:
        """Of what a flow has in flight."""
        flow = self.world.state.flows[f]
        return [0, 1] if flow["hedge_target"] != NONE else [int(flow["lane"])]

    def watch(self, answer: Answer) -> Answer:
        """What must hold of every send."""
        if answer.command in (Command.SEND, Command.RESCUE):
            credential, target = divmod(int(answer.argument), 65_536)
            flow = self.world.state.flows[answer.flow]
            request = int(flow["request"])
            assert target not in self.gave_up.get(request, ()), "no target is asked again by a request after it stayed silent"
            assert (target, credential) not in self.refused.get(request, ()), "a refused credential is not used again by that request"
            assert credential < max(int(self.world.state.targets[target]["credentials"]), 1)
            assert answer.command is Command.SEND or self.world.state.targets[target]["prefix"]
            assert flow["attempts"] <= self.world.state.routes["attempts"].max()
        return answer

    def fail(self, f: int, n: int, now: float, u: float) -> Answer:
        flow = self.world.state.flows[f].copy()
        lane = self.lanes(f)[n % len(self.lanes(f))]
        two, error = flow["hedge_target"] != NONE, FAILURES[n % len(FAILURES)]
        target, credential = (flow["hedge_target"], flow["hedge_credential"]) if two and lane else (flow["target"], flow["credential"])
        if error in (ErrorClass.TIMEOUT, ErrorClass.UNFIT):
            self.gave_up.setdefault(int(flow["request"]), set()).add(int(target))
        if error is ErrorClass.AUTH:
            self.refused.setdefault(int(flow["request"]), set()).add((int(target), int(credential)))
        relayed = int(flow["relayed"]) + n % 7 if flow["stream"] and not two and error is not ErrorClass.UNFIT and n // 10 % 3 == 0 else 0
        flags = lane | (0 if n % 4 == 0 else 2)
        return self.watch(self.world.fail(f, error, (-1, 500, 60_000)[n % 3], relayed=relayed, flags=flags, now=now, u=u))

    def flows(self, *phases: int) -> list[int]:
        return [int(f) for f in np.flatnonzero(np.isin(self.world.state.flows["phase"], phases))]

    def move(self, n: int) -> None:
        world = self.world
        n, kind = divmod(n, 12)
        n, pause = divmod(n, 8)
        now = world.now + (0.0, 0.0, 0.01, 0.1, 0.5, 1.0, 3.0, 11.0)[pause]
        u = (n % 101) / 101
        sent, waiting = self.flows(Flowing.SENT), self.flows(Flowing.WAITING, Flowing.BACKOFF)
        if kind <= 3 or (kind <= 8 and not sent):
            answer = world.begin(
                TENANTS[n % 3],
                MODELS[n // 3 % 4],
                (n % 900, n % 77),
                WORKLOADS[n // 12 % 4],
                bool(n % 2),
                (CacheKind.NONE, CacheKind.NONE, CacheKind.NONE, CacheKind(n % 4))[n // 7 % 4],
                Complexity(n // 5 % 4),
                now=now,
                u=u,
                worker=WORKERS[n % 3],
            )
            assert answer.command in (Command.SEND, Command.QUEUE, Command.REJECT, Command.DONE)
            self.watch(answer)
        elif kind == 4 or kind == 5:
            f = sent[n % len(sent)]
            lane = self.lanes(f)[n % len(self.lanes(f))]
            if n % 5 == 0:
                world.step(Step.FIRST_BYTE, f, now=now, u=u, args=(lane,))
            else:
                answer = world.end(f, (n % 1000, n % 200), lane, now=now, u=u)
                assert answer.command is Command.DONE
        elif kind == 6:
            two = self.lanes(sent[n % len(sent)]) == [0, 1]
            answer = self.fail(sent[n % len(sent)], n, now, u)
            assert answer.command in (
                (Command.NONE,) if two else (Command.SEND, Command.WAIT, Command.QUEUE, Command.REJECT, Command.RESCUE)
            )
        elif kind == 7:
            for f in sent:
                answer = self.watch(world.step(Step.HEDGE, f, now=now, u=u))
                assert answer.command in (Command.NONE, Command.SEND)
                world.check()
        elif kind == 8:
            busy = sent + waiting
            answer = world.step(Step.GONE, busy[n % len(busy)], now=now, u=u, args=(n % 50, 0, n % 9, 0, 1))
            assert answer.command is Command.DONE
        elif kind == 9:
            world.step(Step.TEND, now=now, u=u)
        elif kind == 10 and n % 5 == 0:
            world.step(Step.REAP, now=now, u=u, args=(WORKERS[n % 3],))
            assert not (world.state.flows["worker"][self.flows(Flowing.SENT, Flowing.WAITING, Flowing.BACKOFF)] == WORKERS[n % 3]).any()
        else:
            self.timers(now, u)
        world.check()
        self.wake(u)

    def timers(self, now: float, u: float) -> None:
        """Every wait that is over by now is told so, earliest first."""
        self.world.now = now
        due = [f for f in self.flows(Flowing.WAITING, Flowing.BACKOFF) if self.world.state.flows[f]["until"] <= now]
        for f in sorted(due, key=lambda f: float(self.world.state.flows[f]["until"])):
            if self.world.state.flows[f]["phase"] in (Flowing.WAITING, Flowing.BACKOFF):
                self.watch(self.world.step(Step.AGAIN, f, now=now, u=u))
                self.world.check()

    def wake(self, u: float) -> list[Answer]:
        """What every driver does after a step: ask until there is nobody left to wake."""
        answers: list[Answer] = []
        header = self.world.header
        while header["waiting"] > 0 or header["news"] != NONE:
            told = [answer for worker in WORKERS if (answer := self.watch(self.ask(u, worker))).flow != NONE]
            self.world.check()
            answers += told
            assert len(answers) < 1000
            if not told:
                break
        return answers

    def ask(self, u: float, worker: int) -> Answer:
        return self.world.step(Step.WAKE, u=u, worker=worker)

    def finish(self) -> None:
        """Let everything that is in flight come to its end."""
        world = self.world
        for _ in range(500):
            if world.header["live"] == 0:
                break
            for f in self.flows(Flowing.SENT):
                world.end(f, lane=self.lanes(f)[0], now=world.now + 0.01)
                self.wake(0.5)
            self.timers(world.now + 5.0, 0.5)
            self.wake(0.5)
        assert world.header["live"] == 0, "every request ends"
        world.check()
        assert (world.state.budgets["reserved_nusd"] == 0).all()
        assert (world.state.targets["in_flight"] == 0).all()


runs = st.lists(st.integers(0, 12 * 8 * 10_000), min_size=1, max_size=40)


@given(runs)
def test_laws_hold_between_any_two_steps_and_everything_ends(moves: list[int]) -> None:
    machine = Machine()
    for n in moves:
        machine.move(n)
    machine.finish()


class Doubter(Machine):
    """Asks a copy of the world first, in which nobody is passed over: each one that waits is looked at for itself."""

    def ask(self, u: float, worker: int) -> Answer:
        copy = self.world.buffer.copy()
        view(copy).flows["plain"] = 0
        address = int(copy.ctypes.data)
        expected = step(address, int(Step.WAKE), NONE, self.world.now, u, 0, 0, 0, 0, 0, worker)
        release(address)
        answer = super().ask(u, worker)
        assert (answer.command, answer.argument, answer.reason, answer.flow, answer.waiting) == expected
        return answer


@given(runs)
def test_who_is_passed_over_in_the_queue_could_not_have_gone(moves: list[int]) -> None:
    """Without quotas of tokens, where a short request may slip past a long one that is first in line."""
    machine = Doubter(PLAN.replace(", limits: {concurrency: 2, tokens: 20k/min}", ", limits: {concurrency: 2}"))
    for n in moves:
        machine.move(n)
    machine.finish()


def scripted(seed: int, steps: int = 300) -> Machine:
    machine = Machine()
    for n in np.random.default_rng(seed).integers(0, 12 * 8 * 10_000, steps):
        machine.move(int(n))
    machine.finish()
    return machine


def fingerprint(seed: int) -> str:
    """Of every decision and every event of a long scripted run."""
    world = scripted(seed).world
    return hashlib.sha256(fields(world.decisions()) + fields(world.events())).hexdigest()


def fields(rows: np.ndarray) -> bytes:
    """The bytes of all columns; padding between fields is not part of a row."""
    return b"".join(np.ascontiguousarray(rows[name]).tobytes() for name in rows.dtype.names or ())


def test_a_long_run_meets_every_command_and_most_reasons() -> None:
    reasons = {int(reason) for seed in range(9) for reason in scripted(seed).world.decisions()["reason"]}
    assert len(reasons) >= 36, sorted(reasons)
    wanted = {Reason.HEDGED, Reason.RESCUED, Reason.KEY_ROTATED, Reason.CREDENTIAL_REFUSED, Reason.LARGER_CONTEXT, Reason.ALL_TRIED}
    assert wanted | {Reason.CACHE_EXACT, Reason.COMPLEXITY, Reason.COST_DEGRADED, Reason.PROVIDER_LIMIT} <= reasons


def test_compiled_and_plain_kernels_agree() -> None:
    here = [fingerprint(seed) for seed in range(3)]
    other = dict(os.environ, ROTEIRO_JIT="1" if os.environ.get("ROTEIRO_JIT", "1") == "0" else "0")
    program = "from tests.journey.test_laws import fingerprint; print(*(fingerprint(seed) for seed in range(3)))"
    there = subprocess.run([sys.executable, "-c", program], env=other, check=True, capture_output=True, text=True).stdout.split()
    assert here == there


@given(runs)
def test_replaying_the_inputs_gives_the_same_decisions(moves: list[int]) -> None:
    machine = Machine()
    for n in moves:
        machine.move(n)
    again = World(PLAN)
    for row in machine.world.decisions():
        if row["step"] != Step.NOTE:
            again.step(
                Step(int(row["step"])), int(row["flow"]), now=float(row["now_s"]), u=float(row["u"]), worker=int(row["worker"]),
                args=tuple(int(row[name]) for name in "abcde"),
            )  # fmt: skip
    assert fields(again.decisions()) == fields(machine.world.decisions())
    assert fields(again.events()) == fields(machine.world.events())


@given(runs)
def test_a_step_cut_short_by_a_kill_leaves_no_slot_taken(moves: list[int]) -> None:
    """Whatever counts a killed process left wrong, the supervisor's REAP derives them again from the flows."""
    machine = Machine()
    for n in moves:
        machine.move(n)
    state = machine.world.state
    rng = np.random.default_rng(len(moves))
    state.targets["in_flight"] += rng.integers(0, 3, len(state.targets))
    state.tenants["in_flight"] += 1
    state.budgets["reserved_nusd"] += rng.integers(0, 1000, len(state.budgets))
    state.queues["first"] = NONE
    machine.world.header["free"], machine.world.header["news"] = NONE, NONE
    machine.world.step(Step.REAP, args=(99,))
    machine.world.check()
    machine.finish()


def test_a_request_whose_event_was_written_is_not_settled_twice() -> None:
    """The process was killed after the event was written and before the flow was free."""
    world = Machine().world
    answer = world.begin("x", worker=1)
    world.end(answer.flow)
    spent = int(world.budget("all/all")["spent_nusd"])
    world.state.flows[answer.flow]["phase"] = Flowing.SENT
    world.step(Step.REAP, args=(1,))
    world.check()
    assert len(world.events()) == 1 and world.header["live"] == 0
    assert int(world.budget("all/all")["spent_nusd"]) == spent > 0
