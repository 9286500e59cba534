"""Journeys as playbooks: whose fault it was, and what an attempt that was never made must not cost."""

import pytest
from tests.journey.playbook import play
from tests.journey.world import World

from roteiro.policy.state import NONE
from roteiro.terms.codes import Command, ErrorClass, Reason, Step

pytestmark = pytest.mark.kernel

PLAN = """
roteiro: 1
providers:
  one: {name: x, model: m, weight: 1, base_url: "http://127.0.0.1:1/v1", key_env: [K1, K2], price: {input: $10/M, output: $30/M},
        timeouts: {first_token: 8s, attempt: 15s}, breaker: {minimum_calls: 1, open_for: 5s}}
  two: {name: y, model: m, weight: 0, base_url: "http://127.0.0.1:2/v1", price: {input: $5/M, output: $20/M}, limits: {requests: 2/min, tokens: 1000/min},
        timeouts: {first_token: 8s, attempt: 15s}, breaker: {minimum_calls: 1, open_for: 5s}}
  six: {name: z, model: m, weight: 0, base_url: "http://127.0.0.1:3/v1", price: {input: $5/M, output: $20/M}, breaker: {minimum_calls: 1}}
models:
  pair: {targets: {one: 1}, fallbacks: [two], retry: {attempts: 4, backoff: 0s, same_target: 0}, timeouts: {total: 12s}}
  trio: {targets: {one: 1}, fallbacks: [two, six], retry: {attempts: 3, backoff: 0s, same_target: 0}, timeouts: {total: 20s}}
  quick: {targets: {one: 1}, fallbacks: [two, six], retry: {attempts: 2}, hedge: {after: 1s, at_most: 100%}, timeouts: {total: 12s}}
  alone: {targets: {one: 1}, retry: {attempts: 4}, timeouts: {total: 12s}}
tenants:
  acme: {budgets: {daily: {amount: $100, period: day}}}
"""


# --- the client's deadline ------------------------------------------------------------------------------------------------------------


def test_an_attempt_that_began_just_before_the_deadline_says_nothing_of_its_target() -> None:
    play(
        PLAN,
        """
        >> 0 A arrives from acme for pair streaming
        << send one
        >> 7.9 A fails: server 500
        << send two (fallback)
        >> 12 A fails: timeout 0
        << reject 504 (past_deadline)
        == one is open
        == two is closed
        == outcomes failed
    """,
    )


def test_a_target_that_was_silent_for_its_own_time_or_half_of_the_clients_is_to_blame() -> None:
    play(
        PLAN,
        """
        >> 0 A arrives from acme for pair
        << send one
        >> 12 A fails: timeout 0
        << reject 504 (past_deadline)
        == one is open
        >> 20 B arrives from acme for pair streaming
        << send one#1
        >> 23 B fails: server 500
        << send two (fallback)
        >> 31 B fails: timeout 0
        << reject 504 (past_deadline)
        == two is open
    """,
    )


def test_a_late_hedge_is_not_blamed_either() -> None:
    play(
        PLAN.replace("hedge: {after: 1s", "hedge: {after: 9s"),
        """
        >> 0 A arrives from acme for quick
        << send one
        >> 9 A is late
        << send two (hedged)
        >> 12 A fails: timeout 0 lane=1
        << nothing
        == two is closed
        >> 12 A fails: timeout 0
        << reject 504 (past_deadline)
        == one is open
    """,
    )


# --- what a dialect cannot say -----------------------------------------------------------------------------------------------------------


def test_a_rescue_that_cannot_be_said_costs_nothing_and_another_target_goes_on() -> None:
    world = World(PLAN)
    flow = world.begin("acme", "trio", stream=True).flow
    world.step(Step.FIRST_BYTE, flow, now=0.1)
    two, balance = world.target("two"), float(world.header["retry_balance"])
    answer = world.fail(flow, ErrorClass.CONNECTION, relayed=20, flags=2, now=1.0)
    assert (answer.command, world.names.targets[int(answer.argument)]) == (Command.RESCUE, "two")
    lost = int(world.state.flows[flow]["lost_nusd"])
    answer = world.fail(flow, ErrorClass.UNFIT, relayed=20, flags=2, now=1.0)
    assert (answer.command, answer.reason, world.names.targets[int(answer.argument)]) == (Command.RESCUE, Reason.RESCUED, "six")
    world.check()
    row = world.state.flows[flow]
    assert (row["attempts"], row["rescues"], row["fallbacks"], row["lost_nusd"]) == (2, 1, 1, lost)
    assert world.header["retry_balance"] == balance - 1.0, "one rescue was made"
    for limit in (two["requests_limit"], two["tokens_limit"]):
        assert world.state.limits[limit]["arrival"] <= 1.0 + 1e-9, "the quota has it back"
    assert two["calls"] == 0 and two["in_flight"] == 0
    assert world.end(flow, (120, 30), now=2.0).command is Command.DONE


def test_where_nobody_can_go_on_the_rescue_is_given_back() -> None:
    world = World(PLAN.replace("fallbacks: [two, six], retry: {attempts: 3", "fallbacks: [two], retry: {attempts: 3"))
    flow = world.begin("acme", "trio", stream=True).flow
    world.step(Step.FIRST_BYTE, flow, now=0.1)
    balance = float(world.header["retry_balance"])
    assert world.fail(flow, ErrorClass.TIMEOUT, relayed=20, flags=2, now=1.0).command is Command.RESCUE
    answer = world.fail(flow, ErrorClass.UNFIT, relayed=20, flags=2, now=1.0)
    assert (answer.command, answer.reason) == (Command.REJECT, Reason.NOT_RETRYABLE)
    world.check()
    event = world.events()[-1]
    assert (event["attempts"], event["rescues"], event["status"]) == (1, 0, 502)
    assert world.header["retry_balance"] == balance


def test_a_hedge_that_cannot_be_said_leaves_attempt_and_balance_for_another() -> None:
    world = play(
        PLAN,
        """
        >> 0 A arrives from acme for quick
        << send one
        >> 1 A is late
        << send two (hedged)
        >> 1 A fails: unfit 0 lane=1
        << nothing
        >> 1 A is late
        << send six (hedged)
        >> 2 A ends lane=1
        << done
        == event attempts 2
        == event hedged 2
        == two is closed
    """,
    )
    two = world.target("two")
    assert world.state.routes[world.names.routes.index("quick")]["hedge_balance"] == 0.0
    assert two["in_flight"] == 0 and all(
        world.state.limits[two[row]]["arrival"] <= 1.0 + 1e-9 for row in ("requests_limit", "tokens_limit")
    )


def test_a_hedge_that_nobody_can_be_told_was_none() -> None:
    world = play(
        PLAN,
        """
        >> 0 A arrives from acme for quick
        << send one
        >> 1 A is late
        << send two (hedged)
        >> 1 A fails: unfit 0 lane=1
        << nothing
        >> 1 A is late
        << send six (hedged)
        >> 1 A fails: unfit 0 lane=1
        << nothing
        >> 1 A is late
        << nothing
        >> 2 A ends
        << done
        == event attempts 1
        == event hedged 0
    """,
    )
    assert world.state.routes[world.names.routes.index("quick")]["hedge_balance"] == 1.0
    assert world.state.flows["hedge_target"].tolist().count(NONE) >= 1


def test_an_attempt_that_cannot_be_said_gives_the_quota_of_requests_back() -> None:
    world = World(PLAN)
    for _ in range(5):
        flow = world.begin("acme", "trio").flow
        assert world.fail(flow, ErrorClass.UNFIT).command is Command.SEND
        world.fail(flow, ErrorClass.UNFIT)
        assert world.end(flow).command is Command.DONE
    assert world.state.limits[world.target("two")["requests_limit"]]["arrival"] <= 1e-9


# --- credentials -------------------------------------------------------------------------------------------------------------------------


def test_a_refused_credential_while_the_others_rest_is_told_as_the_providers_limit() -> None:
    play(
        PLAN,
        """
        >> 0 A arrives from acme for alone
        << send one
        >> 0 B arrives from acme for alone
        << send one#1
        >> 0.1 A fails: rate_limit 429 retry-after 20s
        << send one#1 (key_rotated)
        >> 0.2 B fails: auth 401
        << reject 429 (provider_limit)
        == event error_class 1
    """,
    )


def test_a_refused_credential_while_the_others_were_refused_too_is_no_deadline_passed() -> None:
    play(
        PLAN,
        """
        >> 0 A arrives from acme for alone
        << send one
        >> 0 B arrives from acme for alone
        << send one#1
        >> 0 C arrives from acme for alone
        << send one
        >> 0 D arrives from acme for alone
        << send one#1
        >> 0 E arrives from acme for alone
        << send one
        >> 0 F arrives from acme for alone
        << send one#1
        >> 0.1 A fails: auth 401
        << send one#1 (key_rotated)
        >> 0.1 C fails: auth 401
        << send one#1 (key_rotated)
        >> 0.1 E fails: auth 401
        << send one#1 (key_rotated)
        >> 0.2 B fails: auth 401
        << reject 502 (all_tried)
        == outcomes failed
    """,
    )
