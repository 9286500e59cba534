"""Data that stays and clients that are near: stories, and the law that a residency is kept whatever fails."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journey.playbook import play
from tests.journey.test_laws import Machine
from tests.journey.world import Answer, World

from roteiro.plan.compile import compile_plan
from roteiro.plan.read import read_text
from roteiro.policy.state import NONE, Flowing
from roteiro.terms.codes import Command, ErrorClass, Outcome, Reason, Step

pytestmark = pytest.mark.kernel

PLAN = """
roteiro: 1
regions:
  sa: {latency: {us: 110ms, eu: 190ms}}
  us: {latency: {eu: 80ms}}
  eu: {}
providers:
  sa1: {name: one, model: m, weight: 10, region: sa, base_url: "http://127.0.0.1:1/v1", price: {input: $1/M, output: $1/M}, limits: {concurrency: 1},
        breaker: {minimum_calls: 1, open_for: 10s}}
  sa2: {name: two, model: m, weight: 30, region: sa, base_url: "http://127.0.0.1:2/v1", price: {input: $1/M, output: $1/M},
        breaker: {minimum_calls: 1, open_for: 10s}}
  us1: {name: three, model: m, weight: 50, region: us, base_url: "http://127.0.0.1:3/v1", price: {input: $1/M, output: $1/M}}
  eu1: {name: four, model: m, weight: 10, region: eu, base_url: "http://127.0.0.1:4/v1", price: {input: $1/M, output: $1/M}, context_tokens: 100k}
models:
  chat: {targets: [sa1, sa2, us1, eu1], retry: {attempts: 5, backoff: 0s, same_target: 0}, timeouts: {total: 60s}, complexity: {simple: abroad, complex: chat}}
  near: {targets: [sa1, sa2, us1, eu1], balance: nearest}
  later: {targets: [us1], fallbacks: [sa1, sa2], balance: nearest}
  abroad: {targets: [us1], fallbacks: [eu1]}
  stubborn: {targets: [sa1, us1], on_exhausted: least_bad}
  hedged: {targets: [sa1, us1], hedge: {after: 1s, at_most: 100%}}
  small: {targets: [sa1], degrade_to: abroad, larger_context: abroad}
routing_logic:
  - {condition: "fleet.in_flight > 2", action: route_to_us1}
tenants:
  free: {workloads: [plain]}
  home: {residency: [sa], workloads: [plain]}
  both: {residency: [sa, us], workloads: [plain, papers]}
workloads:
  plain: {}
  papers: {residency: [sa]}
"""


def test_weights_share_among_the_regions_where_the_data_may_go() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from free for chat u=0.99
        << send us1 (weighted)
        >> 0.0 B arrives from home for chat u=0.99
        << send sa2 (weighted)
        >> 0.0 C arrives from home for chat u=0.1
        << send sa1 (weighted)
        >> 1.0 A ends
        << done
        == event region 2
    """,
    )


def test_a_residency_holds_for_retries_fallbacks_and_the_end_of_them() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from home for chat u=0.1
        << send sa1 (weighted)
        >> 0.1 A fails: timeout 0
        << send sa2 (fallback)
        >> 0.2 A fails: timeout 0
        << reject 502 (all_tried)
        == outcomes failed
    """,
    )


def test_no_healthy_target_is_said_where_those_allowed_are_open_and_others_are_not() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from home for chat u=0.1
        << send sa1 (weighted)
        >> 0.1 A fails: server 500
        << send sa2 (fallback)
        >> 0.2 A fails: server 500
        << wait 11.2 (retry_after)
        >> 0.3 B arrives from home for chat
        << reject 503 (no_healthy_target)
        >> 0.3 C arrives from free for chat
        << send us1 (weighted)
        >> 0.4 D arrives from home for stubborn
        << send sa1 (least_bad)
    """,
    )


def test_a_rule_moves_nobody_whose_data_stays() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from free for chat
        << send us1
        >> 0.0 B arrives from free for chat
        << send us1
        >> 0.0 C arrives from free for chat
        << send us1
        >> 0.3 tick
        >> 0.4 D arrives from free for chat u=0.1
        << send us1 (rule)
        >> 0.4 E arrives from home for chat u=0.1
        << send sa1 (weighted)
    """,
    )


def test_neither_complexity_nor_a_larger_context_sends_data_abroad() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from free for chat looking simple
        << send us1
        >> 0.0 B arrives from home for chat looking simple u=0.1
        << send sa1
        >> 0.0 C arrives from home for small with 90000 in, 10 out
        << reject 503 (targets_full)
        >> 1.0 B ends
        << done
        >> 1.0 D arrives from home for small
        << send sa1 (only_target)
        >> 1.1 D fails: context 400
        << reject 400 (context_too_long)
    """,
    )


def test_a_hedge_stays_where_the_data_stays() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from home for hedged
        << send sa1 (only_target)
        >> 1.1 A is late
        << nothing
        >> 1.2 A ends
        << done
        >> 2.0 B arrives from free for hedged u=0.0
        << send sa1
        >> 3.1 B is late
        << send us1 (hedged)
    """,
    )


def test_a_model_that_is_nowhere_where_the_data_may_go_is_refused_and_takes_nothing() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from home for abroad
        << reject 403 (residency)
        == outcomes unavailable
        == event target -1
        >> 0.0 B arrives from both for abroad as plain
        << send us1 (only_target)
        >> 0.0 C arrives from both for abroad as papers
        << reject 403 (residency)
        == outcomes unavailable unavailable
    """,
    )
    last = world.decisions()[-1]
    assert (last["x"], last["y"]) == (2.0, 1.0), "candidates, and regions where it may go"


def test_the_nearest_region_that_lives_is_taken_and_the_weights_share_within_it() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from free for near in sa u=0.1
        << send sa1 (weighted)
        >> 0.0 B arrives from free for near in sa u=0.9
        << send sa2 (weighted)
        >> 0.1 B fails: server 500
        << send us1 (fallback)
        >> 0.2 C arrives from free for near in sa
        << send us1 (weighted)
        >> 0.2 D arrives from free for near in eu
        << send eu1 (weighted)
        >> 0.2 E arrives from free for near u=0.01
        << send eu1 (weighted)
        >> 0.3 E ends
        << done
        == event client_region -1
        >> 0.3 D ends
        << done
        == event client_region 0
    """,
    )


def test_rank_goes_before_distance() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from free for later in sa
        << send us1 (weighted)
    """,
    )


def test_a_plan_adopted_meanwhile_binds_those_that_are_under_way() -> None:
    world = World(PLAN)
    answer = world.begin("free", "chat", u=0.1)
    assert answer.command is Command.SEND
    reading = read_text(PLAN.replace("free: {", "free: {residency: [eu], "))
    assert reading.plan is not None
    compiled = compile_plan(reading.plan, reading.digest, before=world.names)
    compiled.fill(world.state)
    world.step(Step.ADOPT, args=(1,), now=1.0)
    answer = world.fail(answer.flow, ErrorClass.SERVER, now=1.1)
    while answer.command is Command.WAIT:
        answer = world.step(Step.AGAIN, answer.flow, now=answer.argument)
    assert (answer.command, world.names.targets[int(answer.argument)]) == (Command.SEND, "eu1")


# --- the law ---------------------------------------------------------------------------------------------------------------------------

REGIONS = ("sa", "us", "eu")
homes = st.sets(st.sampled_from(REGIONS), max_size=2).map(sorted)


@st.composite
def plans(draw: st.DrawFn) -> str:
    """A plan of six providers anywhere, models of all kinds over them, and tenants and workloads whose data may stay."""
    places = [*REGIONS, *(draw(st.sampled_from(REGIONS)) for _ in range(3))]
    providers = "\n".join(
        f'  p{i}: {{name: v{i}, model: m{i}, region: {place}, base_url: "http://127.0.0.1:{i + 1}/v1", weight: {draw(st.integers(1, 9))},'
        f" key_env: [A{i}, B{i}], context_tokens: {5000 if i == 5 else draw(st.sampled_from([300, 600]))}, price: {{input: $1/M, output: $1/M}},"
        f" limits: {{concurrency: {draw(st.integers(1, 3))}}}, breaker: {{minimum_calls: 2, open_for: 1s}}}}"
        for i, place in enumerate(places)
    )
    some = st.lists(st.sampled_from([f"p{i}" for i in range(6)]), min_size=2, max_size=4, unique=True)

    def model(name: str, **more: str) -> str:
        targets = draw(some)
        targets += ["p5"] if name == "tiny" and "p5" not in targets else []
        fallbacks = [p for p in draw(some) if p not in targets]
        extra = "".join(f", {key}: {value}" for key, value in more.items())
        balance, exhausted = draw(st.sampled_from(["weights", "nearest"])), draw(st.sampled_from(["fail_fast", "least_bad", "queue"]))
        return f"  {name}: {{targets: {targets}, fallbacks: {fallbacks}, balance: {balance}, on_exhausted: {exhausted}{extra}}}"

    models = "\n".join([
        model("fast", hedge="{after: 100ms, at_most: 80%}", complexity="{simple: tiny, complex: slow}", retry="{attempts: 5}"),
        model("slow", degrade_to="tiny", larger_context="tiny", retry="{attempts: 4}"),
        model("tiny"),
    ])  # fmt: skip
    return f"""
roteiro: 1
regions: {{sa: {{latency: {{us: 110ms, eu: 190ms}}}}, us: {{latency: {{eu: 80ms}}}}, eu: {{}}}}
providers:
{providers}
models:
{models}
routing_logic:
  - {{condition: "p0.error_rate > 10% with at least 1 calls", action: route_to_p{draw(st.integers(1, 5))}}}
  - {{condition: "fleet.in_flight > 3", action: route_to_p{draw(st.integers(0, 5))}}}
  - {{condition: "fleet.queue_depth > 1", action: degrade}}
retry: {{ratio: 100%, min_per_second: 5}}
tenants:
  x: {{residency: {draw(homes)}, budgets: {{d: {{amount: $0.01, period: hour, warn_at: 5%, degrade_at: 10%}}}}}}
  y: {{residency: {draw(homes)}}}
  z: {{residency: {draw(homes)}}}
workloads:
  live: {{queue: {{size: 3, max_wait: 5s}}, residency: {draw(homes)}}}
  batch: {{priority: batch, queue: {{size: 3, max_wait: 9s}}, residency: {draw(homes)}}}
  lab: {{priority: sandbox}}
scaling_policies:
  cost_based: {{max_budget: 0.000001, fallback_model: tiny, cooldown: 1}}
"""


class Resident(Machine):
    """Looks at every send: whose data is it, and where does it go?"""

    def __init__(self, plan: str) -> None:
        reading = read_text(plan)
        assert reading.plan is not None
        self.plan = reading.plan
        super().__init__(plan)

    def allowed(self, flow: np.void) -> set[str]:
        tenant = self.plan.tenants[self.world.names.tenants[flow["tenant"]]]
        workload = self.plan.workloads[self.world.names.workloads[flow["workload"]]]
        return set(tenant.residency or REGIONS) & set(workload.residency or REGIONS)

    def watch(self, answer: Answer) -> Answer:
        if answer.command in (Command.SEND, Command.RESCUE):
            target = int(answer.argument) % 65_536
            region = self.plan.providers[self.world.names.targets[target]].region
            assert region in self.allowed(self.world.state.flows[answer.flow]), "data that stays was sent abroad"
        return super().watch(answer)

    def check_ends(self) -> None:
        """An event names no target abroad, and the refusal for residency is said only where no target was allowed."""
        names = self.world.names
        for event in self.world.events():
            tenant, workload = names.tenants[event["tenant"]], names.workloads[event["workload"]]
            stays = set(self.plan.tenants[tenant].residency or REGIONS) & set(self.plan.workloads[workload].residency or REGIONS)
            assert event["target"] == NONE or names.regions[event["region"]] in stays
            if event["reason"] == Reason.RESIDENCY:
                assert event["outcome"] == Outcome.UNAVAILABLE and event["attempts"] == 0
                model = self.plan.models[names.routes[event["model"]]]
                there = {self.plan.providers[name].region for name in (*model.targets, *model.fallbacks)}
                assert not there & stays


@given(plans(), st.lists(st.integers(0, 12 * 8 * 10_000), min_size=1, max_size=40))
def test_a_residency_is_never_broken_whatever_fails(plan: str, moves: list[int]) -> None:
    machine = Resident(plan)
    for n in moves:
        machine.move(n)
        for flow in machine.world.state.flows[machine.world.state.flows["phase"] == Flowing.SENT]:
            for t in (int(flow["target"]), int(flow["hedge_target"])):
                if t != NONE:
                    assert machine.plan.providers[machine.world.names.targets[t]].region in machine.allowed(flow)
    machine.finish()
    machine.check_ends()
