"""The chapter's routing logic, as it acts on requests."""

import pytest
from tests.journey.playbook import play
from tests.journey.world import World

from roteiro.terms.codes import ErrorClass, Reason, Step

pytestmark = pytest.mark.kernel

CHAPTER = """
roteiro: 1
providers:
  primary: {name: openai, model: gpt-4, weight: 70, price: {input: $30/M, output: $60/M}, breaker: {minimum_calls: 1000}}
  secondary: {name: anthropic, model: claude-3, weight: 20, price: {input: $15/M, output: $75/M}, breaker: {minimum_calls: 1000}}
  fallback: {name: local, model: llama-3, weight: 10, on_premises: true, price: {input: $0/M, output: $0/M}}
routing_logic:
  - {condition: "primary.latency > 2000ms", action: route_to_secondary}
  - {condition: "primary.error_rate > 5%", action: circuit_break_primary}
  - {condition: all_cloud_unavailable, action: route_to_fallback}
retry: {attempts: 1}
"""


def serve(world: World, target: str, seconds: float, times: int, error: ErrorClass = ErrorClass.NONE) -> None:
    """`times` requests answered by `target` after `seconds`, whatever the draw must be for it."""
    for _ in range(times):
        u = {"fallback": 0.05, "primary": 0.5, "secondary": 0.95}[target]
        answer = world.begin("default", u=u, now=world.now + 0.1)
        if world.names.targets[int(answer.argument)] != target:
            world.end(answer.flow)
            continue
        if error:
            world.fail(answer.flow, error, now=world.now + seconds)
        else:
            world.end(answer.flow, now=world.now + seconds)
        world.check()


def goes_to(world: World, u: float) -> str:
    answer = world.begin("default", u=u)
    name = world.names.targets[int(answer.argument)]
    world.end(answer.flow)
    return f"{name} ({answer.reason.name.lower()})"


def tick(world: World) -> None:
    world.step(Step.TEND)
    world.check()


def test_slow_primary_moves_its_share_and_only_its_share() -> None:
    world = World(CHAPTER)
    serve(world, "primary", 0.5, 30)
    tick(world)
    assert goes_to(world, 0.5) == "primary (weighted)"
    serve(world, "primary", 3.0, 3)
    tick(world)
    assert goes_to(world, 0.5) == "secondary (rule)"
    assert goes_to(world, 0.05) == "fallback (weighted)"
    world.now += 61.0
    tick(world)
    assert goes_to(world, 0.5) == "primary (weighted)"


def test_few_calls_prove_nothing() -> None:
    world = World(CHAPTER)
    serve(world, "primary", 9.0, 19)
    tick(world)
    assert goes_to(world, 0.5) == "primary (weighted)"


def test_errors_open_the_breaker_by_rule() -> None:
    world = World(CHAPTER)
    serve(world, "primary", 0.1, 30)
    serve(world, "primary", 0.1, 3, error=ErrorClass.SERVER)
    tick(world)
    assert goes_to(world, 0.5).startswith("secondary")
    assert world.breaker("primary")["state"] == 1
    notes = [int(reason) for reason in world.decisions()["reason"]]
    assert Reason.RULE_ON in notes and Reason.BREAKER_FORCED in notes


def test_all_cloud_unavailable_goes_to_the_fallback() -> None:
    world = play(
        CHAPTER,
        """
        >> 0.0 A arrives from default u=0.5
        << send primary
        >> 0.1 A fails: rate_limit 429 retry-after 15s
        << reject 429 (out_of_attempts)
        >> 0.1 B arrives from default u=0.9
        << send secondary
        >> 0.2 B fails: rate_limit 429 retry-after 9s
        << reject 429 (out_of_attempts)
        >> 0.25 tick
        >> 0.3 C arrives from default u=0.1
        << send fallback (rule)
        >> 9.4 tick
        >> 9.5 D arrives from default u=0.9
        << send secondary (weighted)
    """,
    )
    assert world.header["redirect"] == -1
