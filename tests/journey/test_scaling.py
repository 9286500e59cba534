"""How many replicas there should be: stories with the chapter's numbers, and the laws of it under any order of events."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journey.playbook import play
from tests.journey.test_laws import Machine, fields
from tests.journey.world import EPOCH_UNIX_S, World

from roteiro.plan.compile import compile_plan
from roteiro.plan.read import read_text
from roteiro.policy.state import NONE
from roteiro.terms.codes import Command, Reason, Step

pytestmark = pytest.mark.kernel

PLAN = """
roteiro: 1
providers:
  own: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", price: {input: $0/M, output: $0/M}, timeouts: {attempt: 100s},
        servers: {replicas: 1, least: 1, most: 3, batch: 2, queue: 0}}
  far: {name: vllm, model: n, base_url: "http://127.0.0.1:2/v1", price: {input: $1/M, output: $1/M}, limits: {concurrency: 1}}
models:
  chat: {targets: [own], timeouts: {total: 3000s}}
  away: {targets: [far], timeouts: {total: 3000s}}
workloads:
  live: {queue: {size: 50, max_wait: 2000s}}
queue: {size: 100}
tenants:
  t: {}
scaling_policies:
  token_based: {scale_up_threshold: 500, scale_down_threshold: 100, cooldown: 300}
  stabilisation: 60s
"""
BY_LATENCY = PLAN.replace(
    "token_based: {scale_up_threshold: 500, scale_down_threshold: 100, cooldown: 300}",
    "latency_based: {scale_up_threshold: 2000, scale_down_threshold: 1000, cooldown: 600, window: 100s, minimum_calls: 2}",
)


def test_tokens_that_wait_add_a_replica_and_a_cooldown_lies_between_two() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from t for chat
        << send own
        >> 0.0 B arrives from t for chat
        << send own
        >> 0.0 C arrives from t for chat with 300 in, 100 out
        << queue until 2e+03
        >> 0.1 D arrives from t for away with 400 in, 400 out
        << send far
        >> 0.1 E arrives from t for away with 400 in, 400 out
        << queue until 2e+03
        >> 0.3 tick
        == own wants 1 replicas
        >> 0.4 F arrives from t for chat with 100 in, 50 out
        << queue until 2e+03
        >> 0.5 tick
        == own wants 2 replicas
        == noted scaled_up of own: 550 against 500, now 2
        >> 200 tick
        == own wants 2 replicas
        >> 301 tick
        == own wants 2 replicas
        >> 302 own has 2 replicas
        >> 302 wake
        << C send own
        >> 303 G arrives from t for chat with 600 in, 100 out
        << send own
        >> 303 H arrives from t for chat with 600 in, 100 out
        << queue until 2.3e+03
        >> 304 tick
        == own wants 3 replicas
    """,
    )


def test_what_was_asked_must_come_before_more_is_asked() -> None:
    play(
        PLAN,
        """
        >> 0.0 own has 0 replicas
        >> 0.0 A arrives from t for chat with 600 in, 100 out
        << queue until 2e+03
        >> 1 tick
        == own wants 1 replicas
        >> 2 own has 1 replicas
        >> 3 tick
        == own wants 2 replicas
        >> 900 tick
        == own wants 2 replicas
        >> 901 own has 2 replicas
        >> 902 tick
        == own wants 3 replicas
    """,
    )


def test_fewer_only_when_all_agree_for_the_whole_window_and_what_is_in_flight_fits() -> None:
    play(
        PLAN.replace("replicas: 1,", "replicas: 3,"),
        """
        >> 0 A arrives from t for chat
        << send own
        >> 0 B arrives from t for chat
        << send own
        >> 0 C arrives from t for chat
        << send own
        >> 0 D arrives from t for chat
        << send own
        >> 0 E arrives from t for chat
        << send own
        >> 70 tick
        == own wants 3 replicas
        >> 80 A ends
        << done
        >> 81 tick
        >> 140 tick
        == own wants 3 replicas
        >> 141 tick
        == own wants 2 replicas
        == noted scaled_down of own: 0 against 100, now 2
        >> 142 own has 2 replicas
        >> 142 B ends
        << done
        >> 142 C ends
        << done
        >> 143 tick
        >> 250 tick
        == own wants 2 replicas
        >> 441 tick
        == own wants 1 replicas
        >> 442 own has 1 replicas
        >> 2000 tick
        == own wants 1 replicas
    """,
    )


def test_latency_is_counted_against_both_thresholds() -> None:
    """Between the two nothing is asked."""
    play(
        BY_LATENCY,
        """
        >> 0 A arrives from t for chat
        << send own
        >> 3 A ends
        << done
        >> 3 tick
        == own wants 1 replicas
        >> 3 B arrives from t for chat
        << send own
        >> 6 B ends
        << done
        >> 6.5 tick
        == own wants 2 replicas
        == noted scaled_up of own: 1.0 against 0.050000000000000044, now 2
        >> 7 own has 2 replicas
        >> 690 C arrives from t for chat
        << send own
        >> 691.5 C ends
        << done
        >> 692 tick
        >> 760 tick
        == own wants 2 replicas
        >> 800 tick
        >> 861 tick
        == own wants 1 replicas
    """,
    )


def test_a_forecast_raises_and_never_lowers() -> None:
    play(
        PLAN,
        """
        >> 0 forecast for own is 2 replicas
        >> 1 tick
        == own wants 2 replicas
        == noted scaled_up of own: 1 against 2, now 2
        >> 2 own has 2 replicas
        >> 3 forecast for own is 9 replicas
        >> 4 tick
        == own wants 3 replicas
        >> 5 own has 3 replicas
        >> 6 forecast for own is 0 replicas
        >> 7 tick
        == own wants 3 replicas
        >> 306 tick
        == own wants 2 replicas
    """,
    )


FLOORED = PLAN.replace("batch: 2, queue: 0", "batch: 2, queue: 0, start_up: 90s")


def test_a_floor_by_the_calendar_is_asked_for_ahead_by_the_start_up_and_lowers_nothing() -> None:
    """From 600 s on there are to be two, from 1,200 s on three, for ten minutes; a start takes 90 s, and later 30 s."""
    begins = datetime.fromtimestamp(EPOCH_UNIX_S + 600.0, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    play(
        FLOORED + f'  floor: {{own: {{from: "{begins}", step: 10min, replicas: [2, 3]}}}}\n',
        """
        >> 1 tick
        == own wants 1 replicas
        >> 509 tick
        == own wants 1 replicas
        >> 510 tick
        == own wants 2 replicas
        == noted scaled_up of own: 1 against 2, now 2
        >> 540 own has 2 replicas after 30 s
        >> 1169 tick
        == own wants 2 replicas
        >> 1170 tick
        == own wants 3 replicas
        >> 1200 own has 3 replicas
        >> 1799 tick
        == own wants 3 replicas
        >> 1801 tick
        == own wants 3 replicas
        >> 1900 tick
        == own wants 2 replicas
    """,
    )


@given(
    step_s=st.sampled_from([300.0, 3600.0]), lead_s=st.floats(0.0, 7200.0), now=st.floats(0.0, 1e6), floor_from=st.floats(-1e6, 1e6),
    replicas=st.lists(st.integers(0, 50), min_size=1, max_size=24), repeats=st.booleans(),
)  # fmt: skip
def test_what_is_foreseen_is_the_highest_step_that_the_start_up_reaches(
    step_s: float, lead_s: float, now: float, floor_from: float, replicas: list[int], repeats: bool
) -> None:
    world = World(PLAN)
    pool, count = world.state.pools, len(replicas)
    world.state.floors["replicas"][:count] = replicas
    for name, value in (("count", count), ("step_s", step_s), ("from", floor_from), ("repeats", repeats)):
        pool[f"floor_{name}"][0] = value
    pool["start_up_s"][0], pool["most"][0] = lead_s, 1000
    world.step(Step.TEND, now=now)
    first, last = (int(np.floor((at - floor_from) / step_s)) for at in (now, now + lead_s))
    within = [replicas[k % count] for k in range(first, last + 1) if repeats or 0 <= k < count]
    assert int(pool["wanted"][0]) == max([1, *within])


@pytest.mark.parametrize(("steps", "at", "noon_s"), [(24, 9, 0.5 * 86_400.0), (168, 24 + 9, 2.5 * 86_400.0)])
def test_a_day_and_a_week_begin_at_the_zone_s_midnight(steps: int, at: int, noon_s: float) -> None:
    """Three are wanted at 9 o'clock in São Paulo, which is 12 o'clock in UTC: of every day, and of Tuesdays. The run began on a Sunday."""
    replicas = [3 if k == at else 0 for k in range(steps)]
    world = World(
        FLOORED.replace("roteiro: 1", "roteiro: 1\ntimezone: America/Sao_Paulo") + f"  floor: {{own: {{replicas: {replicas}}}}}\n"
    )
    for again in range(2):
        wanted = []
        for now in (noon_s - 91.0, noon_s - 89.0, noon_s + 3600.0, noon_s + 3700.0):
            world.step(Step.TEND, now=now + again * steps * 3600.0)
            wanted.append(int(world.state.pools["wanted"][0]))
            world.step(Step.CAPACITY, args=(world.names.targets.index("own"), wanted[-1]))
        assert wanted == [1, 3, 3, 2]
        world.step(Step.TEND, now=noon_s + again * steps * 3600.0 + 7200.0)
        world.step(Step.TEND, now=noon_s + again * steps * 3600.0 + 7300.0)
        world.step(Step.CAPACITY, args=(world.names.targets.index("own"), 1))


def test_what_waits_before_the_servers_counts_in_proportion() -> None:
    play(
        PLAN.replace("queue: 0", "queue: 8"),
        """
        >> 0 A arrives from t for chat with 200 in, 50 out
        << send own
        >> 0 B arrives from t for chat with 200 in, 50 out
        << send own
        >> 0 C arrives from t for chat with 200 in, 50 out
        << send own
        >> 0 D arrives from t for chat with 200 in, 50 out
        << send own
        >> 1 tick
        == own wants 1 replicas
        >> 1 E arrives from t for chat with 200 in, 51 out
        << send own
        >> 2 tick
        == own wants 2 replicas
        == noted scaled_up of own: 750.6 against 500, now 2
    """,
    )


def test_a_plan_adopted_keeps_the_replicas_and_brings_its_bounds() -> None:
    world = World(PLAN)
    world.step(Step.CAPACITY, args=(world.names.targets.index("own"), 2))
    reading = read_text(PLAN.replace("most: 3", "most: 8").replace("replicas: 1, least: 1", "replicas: 5, least: 4"))
    assert reading.plan is not None
    compile_plan(reading.plan, reading.digest, before=world.names).fill(world.state)
    world.step(Step.ADOPT, args=(1,), now=1.0)
    pool = world.state.pools[0]
    assert (pool["ready"], pool["wanted"], pool["least"], pool["most"], world.target("own")["slots"]) == (2, 1, 4, 8, 4)
    world.step(Step.TEND, now=2.0)
    assert pool["wanted"] == 4


# --- laws ------------------------------------------------------------------------------------------------------------------------------

COOLDOWNS = (20.0, 50.0)
LAW = """
roteiro: 1
providers:
  own: {{name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", price: {{input: $0/M, output: $0/M}},
        servers: {{replicas: 2, least: {least}, most: {most}, batch: 2, queue: {queue}}}}}
  two: {{name: vllm, model: n, base_url: "http://127.0.0.1:2/v1", price: {{input: $0/M, output: $0/M}}, servers: {{replicas: 1, least: 0, most: 2, batch: 1}}}}
models:
  fast: {{targets: [own], fallbacks: [two]}}
  slow: {{targets: [own, two], on_exhausted: queue}}
  tiny: {{targets: [two]}}
tenants: {{x: {{}}, y: {{priority: critical}}, z: {{}}}}
workloads:
  live: {{queue: {{size: 9, max_wait: 90s}}}}
  batch: {{priority: batch, queue: {{size: 9, max_wait: 90s}}}}
  lab: {{priority: sandbox}}
scaling_policies:
  token_based: {{scale_up_threshold: 300, scale_down_threshold: 200, cooldown: 20}}
  latency_based: {{scale_up_threshold: 3000, scale_down_threshold: 800, cooldown: 50, window: 30s, minimum_calls: 2}}
  stabilisation: {window}
  step: {{up: {up}, down: {down}}}
"""


class Scaler(Machine):
    """Tells capacities and forecasts between the steps of requests, and looks at every change."""

    def __init__(self, plan: str, window_s: float) -> None:
        super().__init__(plan)
        self.window_s = window_s

    def move(self, n: int) -> None:
        kind, rest = n % 4, n // 4
        if kind == 0:
            for target, pool in enumerate(self.world.state.pools[:2]):
                ready = int(pool["wanted"]) if rest % 3 else rest % 5
                self.world.step(Step.CAPACITY, args=(target, ready))
            self.world.check()
            self.wake(0.5)
        elif kind == 1 and rest % 4 == 0:
            self.world.step(Step.CAPACITY, args=(rest % 2, rest % 7 - 1, 1))
        elif kind == 2:
            self.world.step(Step.TEND, now=self.world.now + (0.25, 5.0, 20.0, 60.0)[rest % 4])
            self.world.check()
            self.wake(0.5)
        else:
            super().move(rest)

    def changes(self, target: int) -> np.ndarray:
        rows = self.world.decisions()
        return rows[np.isin(rows["reason"], (Reason.SCALED_UP, Reason.SCALED_DOWN)) & (rows["target"] == target)]


def check_changes(machine: Scaler, up: int, down: int) -> None:
    state = machine.world.state
    for target in (0, 1):
        pool, rows = state.pools[target], machine.changes(target)
        last = -1e18
        for row in rows:
            before, now, why = int(row["b"]), int(row["argument"]), int(row["a"])
            assert pool["least"] <= now <= pool["most"], "never outside least and most"
            assert (now > before) == (row["reason"] == Reason.SCALED_UP)
            if why == 3:
                assert now > before, "nothing but the policies takes a replica away"
            else:
                assert -down <= now - before <= up and now != before, "a change is at most a step"
                assert row["now_s"] - last >= COOLDOWNS[why - 1 if now > before else 1], "nobody asks within the cooldown"
                assert (row["x"] > row["y"]) if now > before else (row["x"] < row["y"])
            last = float(row["now_s"])
        starts = rows["b"].tolist() + ([int(pool["wanted"])] if len(rows) else [])
        assert starts[1:] == rows["argument"].astype(int).tolist(), "each change goes on from the one before"


moves = st.lists(st.integers(0, 4 * 12 * 8 * 10_000), min_size=1, max_size=60)


@given(
    moves, st.integers(0, 2), st.integers(2, 6), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.0, 30.0])
)  # fmt: skip
def test_the_laws_of_scaling(numbers: list[int], least: int, most: int, queue: int, up: int, down: int, window_s: float) -> None:
    plan = LAW.format(least=least, most=most, queue=queue, up=up, down=down, window=f"{window_s:g}s")
    machine = Scaler(plan, window_s)
    for n in numbers:
        machine.move(n)
    check_changes(machine, up, down)
    for target in (0, 1):
        machine.world.step(Step.CAPACITY, args=(target, 2))
    machine.wake(0.5)
    machine.finish()
    again = World(plan)
    for row in machine.world.decisions():
        if row["step"] != Step.NOTE:
            again.step(
                Step(int(row["step"])), int(row["flow"]), now=float(row["now_s"]), u=float(row["u"]), worker=int(row["worker"]),
                args=tuple(int(row[name]) for name in "abcde"),
            )  # fmt: skip
    assert fields(again.decisions()) == fields(machine.world.decisions())
    assert fields(again.events()) == fields(machine.world.events())


def test_a_plan_without_servers_has_no_pools_and_measures_nothing() -> None:
    world = World(PLAN.replace("servers: {replicas: 1, least: 1, most: 3, batch: 2, queue: 0}", "region: here"))
    assert world.header["pool_count"] == 0 and not world.compiled.program.meters
    assert world.step(Step.CAPACITY, args=(0, 5)).command is Command.NONE
    assert world.target("own")["slots"] == 256 and world.state.pools["ready"].sum() == 0
    assert world.begin("t").flow != NONE
