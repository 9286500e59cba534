"""Journeys as playbooks: streams that broke and went on elsewhere, attempts that were late and had another beside them."""

import pytest
from tests.journey.playbook import play
from tests.journey.test_levers import PLAN
from tests.journey.world import World

from roteiro.terms.codes import Command, ErrorClass, Step

pytestmark = pytest.mark.kernel


# --- rescue ------------------------------------------------------------------------------------------------------------------------------


def test_a_broken_stream_goes_on_at_a_target_that_can_and_its_loss_is_counted() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from acme for trio with 100 in, 50 out streaming
        << send one
        >> 0.4 A first byte
        >> 1.0 A fails after 20 tokens: connection 0
        << rescue two (rescued)
        == tenant/acme/daily has reserved $0.0025
        >> 1.5 A first byte
        >> 2.0 A ends with 120 in, 30 out
        << done
        == event rescues 1
        == event attempts 2
        == event lost_nusd 1600000
        == event cost_nusd 1200000
        == tenant/acme/daily has spent $0.0028
    """,
    )
    event = world.events()[-1]
    assert event["ttft_ms"] == pytest.approx(400.0), "the client heard it once"
    assert event["outcome"] == 0


def test_the_target_that_broke_rescues_only_where_there_is_no_other() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from acme for alone streaming
        << send one
        >> 0.1 A first byte
        >> 0.2 A fails after 5 tokens: server 0
        << rescue one#1 (rescued)
        >> 0.3 A fails after 9 tokens: timeout 0
        << reject 502 (not_retryable)
        == event rescues 1
        == outcomes failed
    """,
    )


@pytest.mark.parametrize(
    ("model", "failure"),
    [
        ("stubborn", "after 5 tokens: connection 0"),
        ("chat", "after bytes: connection 0"),
        ("chat", "after 5 tokens: content 0"),
        ("cheap", "after 5 tokens: connection 0"),
    ],
)
def test_what_cannot_be_rescued_ends(model: str, failure: str) -> None:
    world = play(
        PLAN,
        f"""
        >> 0.0 A arrives from acme for {model} streaming
        << send {"mute" if model == "cheap" else "one"}
        >> 0.1 A first byte
        >> 0.2 A fails {failure}
        << reject {400 if "content" in failure else 502} (not_retryable)
        == event rescues 0
    """,
    )
    assert world.events()[-1]["lost_nusd"] > 0, "what was produced is paid for"


# --- hedges ------------------------------------------------------------------------------------------------------------------------------


def test_a_late_attempt_is_hedged_and_the_first_answer_wins() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from acme for quick streaming
        << send one
        >> 0.8 A is late
        << nothing
        >> 1.0 B arrives from acme for quick streaming
        << send one#1
        >> 1.7 B is late
        << nothing
        >> 1.8 B is late
        << send two (hedged)
        >> 1.9 B is late
        << nothing
        >> 2.0 B first byte lane=1
        >> 2.1 B fails: server lane=0
        << nothing
        >> 2.5 B ends with 100 in, 40 out lane=1
        << done
        == event hedged 2
        == event attempts 2
        == event fallbacks 0
        == event lost_nusd 1000000
        == event target 2
        >> 3.0 C arrives from acme for quick
        << send one
        >> 3.8 C is late
        << nothing
        >> 4.0 D arrives from acme for quick
        << send one#1
        >> 4.9 D is late
        << send two (hedged)
        >> 5.0 D ends with 100 in, 50 out
        << done
        == event hedged 1
        == event target 1
        == event lost_nusd 500000
        >> 5.1 D ends lane=1
        << nothing
    """.replace("event target 2", "event reason 0").replace("event target 1", "event reason 0"),
    )
    told = world.events()
    assert [world.names.targets[event["target"]] for event in told] == ["two", "one"]
    assert told["ttft_ms"][0] == pytest.approx(1000.0) and told["attempt_ms"][0] == pytest.approx(700.0)
    assert world.target("two")["calls"] == 1, "the loser gets no verdict"


def test_of_two_lanes_one_may_fail_and_the_other_goes_on() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from acme for quick
        << send one
        >> 0.0 B arrives from acme for quick
        << send one#1
        >> 0.9 B is late
        << send two (hedged)
        >> 1.0 B fails: server lane=0
        << nothing
        >> 1.1 B fails: server lane=1 u=0
        << wait 0 (backoff)
        >> 1.1 B again
        << send two (retry)
        >> 1.2 B ends
        << done
        == event hedged 1
        == event attempts 3
        >> 2.0 C arrives from acme for quick
        << send one
        >> 2.0 D arrives from acme for quick
        << send one#1
        >> 2.9 D is late
        << send two (hedged)
        >> 3.0 D fails: rate_limit 429 retry-after 9s lane=1
        << nothing
        >> 3.1 D ends
        << done
        == event hedged 1
        >> 3.2 E arrives from acme for quick
        << send one (only_target)
        >> 4.1 E is late
        << nothing
    """,
    )


def test_a_client_or_a_worker_that_leaves_lets_go_of_both_lanes() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from acme for quick @1
        << send one
        >> 0.0 B arrives from acme for quick @1
        << send one#1
        >> 0.9 B is late @1
        << send two (hedged)
        >> 1.0 B leaves
        << done (client_gone)
        >> 1.0 C arrives from acme for quick @1
        << send one
        >> 1.0 D arrives from acme for quick @1
        << send one#1
        >> 1.9 D is late @1
        << send two (hedged)
        >> 2.0 worker 1 dies
        << 3 settled
    """,
    )
    assert not world.state.targets["in_flight"].any()


def test_hedges_keep_to_their_share_and_follow_their_percentile() -> None:
    """Times of 1 s to 2 s, even: the delay comes to lie near the 90th percentile, and hedges are at most their share."""
    world = World(PLAN.replace("hedge: {after: 800ms, at_most: 50%}", "hedge: {after: p90, at_most: 4%}"))
    route = world.state.routes[world.names.routes.index("quick")]
    late = 0
    for i in range(1500):
        took = 1.0 + (i * 0.6180339887) % 1.0
        answer = world.begin("acme", "quick", now=world.now + 0.1)
        flow = world.state.flows[answer.flow]
        assert (flow["hedge_at"] > 0.0) == (i >= 20)
        start = world.now
        if 0.0 < flow["hedge_at"] < start + took:
            late += world.step(Step.HEDGE, answer.flow, now=float(flow["hedge_at"])).command is Command.SEND
        world.end(answer.flow, now=start + took)
        world.check()
    assert route["hedge_delay_s"][0] == pytest.approx(1.9, abs=0.08)
    assert 50 <= late <= 0.04 * 1500
    assert (world.events()["hedged"] > 0).sum() == late


def test_an_outage_with_hedges_and_rescues_sends_no_more_than_the_ratios_allow() -> None:
    """Nothing is ever answered: sends beyond the first stay within the retry ratio, hedges within theirs."""
    world = World(PLAN.replace("tenants:", "retry: {ratio: 20%, min_per_second: 0}\ntenants:", 1))
    world.header["retry_balance"] = saved = 3.0
    requests = 300
    for i in range(requests):
        answer = world.begin("acme", "quick", stream=True, now=world.now + 1.0)
        while answer.command in (Command.SEND, Command.WAIT, Command.RESCUE):
            if answer.command is Command.WAIT:
                answer = world.step(Step.AGAIN, answer.flow, now=max(answer.argument, world.now))
                continue
            flow = world.state.flows[answer.flow]
            if answer.command is Command.SEND and world.step(Step.HEDGE, answer.flow, now=world.now + 1.0).command is Command.SEND:
                world.fail(answer.flow, ErrorClass.SERVER, flags=1)
            answer = world.fail(answer.flow, ErrorClass.PROTOCOL, relayed=int(flow["relayed"]) + 1 if i % 2 else 0, flags=2)
        world.check()
    events = world.events()
    hedges = int((events["hedged"] > 0).sum())
    extra = int((events["attempts"] - 1).clip(0).sum()) - hedges
    assert len(events) == requests and (events["outcome"] == 1).all()
    assert 0.8 * 0.2 * requests <= extra <= 0.2 * requests + saved
    assert 0 < hedges <= 0.5 * requests


def test_one_hedge_a_request() -> None:
    play(
        PLAN.replace("at_most: 50%", "at_most: 100%"),
        """
        >> 0.0 A arrives from acme for quick
        << send one
        >> 0.9 A is late
        << send two (hedged)
        >> 1.0 A fails: server lane=1
        << nothing
        >> 1.0 B arrives from acme for quick
        << send one#1
        >> 1.1 A is late
        << nothing
    """,
    )


def test_who_waited_for_its_place_is_late_from_when_it_was_told() -> None:
    world = play(
        PLAN.replace("at_most: 50%", "at_most: 100%").replace("key_env: [K1, K2]", "limits: {concurrency: 1}").replace(
            "weight: 0, base_url: \"http://127.0.0.1:2/v1\"", "weight: 0, limits: {concurrency: 1}, base_url: \"http://127.0.0.1:2/v1\""
        ),
        """
        >> 0.0 A arrives from acme for quick @1
        << send one
        >> 0.0 B arrives from acme for quick @1
        << send two
        >> 0.1 C arrives from acme for quick @2
        << queue until 5.1
        >> 1.0 A ends @1
        << done
        >> 1.0 wake @1
        << C nothing
        >> 2.0 wake @2
        << C send one
    """,
    )  # fmt: skip
    flow = world.state.flows[world.state.flows["worker"] == 2][0]
    assert (flow["sent"], flow["hedge_at"]) == (2.0, pytest.approx(2.8))


def test_who_has_fewer_places_to_go_does_not_hold_up_who_has_more() -> None:
    play(
        PLAN.replace("key_env: [K1, K2]", "limits: {concurrency: 1}").replace(
            "weight: 0, base_url: \"http://127.0.0.1:2/v1\"", "weight: 0, limits: {concurrency: 1}, base_url: \"http://127.0.0.1:2/v1\""
        ),
        """
        >> 0.0 A arrives from acme for chat
        << send one
        >> 0.0 B arrives from acme for chat
        << send two
        >> 0.1 A fails: protocol
        << queue until 5.1 (targets_full)
        >> 0.1 C arrives from acme for chat
        << send one
        >> 0.2 D arrives from acme for chat
        << queue until 5.2 (targets_full)
        >> 0.3 C ends
        << done
        >> 0.3 wake
        << D send one (only_target)
        >> 0.4 B ends
        << done
        >> 0.4 wake
        << A send two (fallback)
    """,
    )  # fmt: skip


def test_each_break_is_counted_for_what_it_produced_and_attempts_bound_rescues() -> None:
    play(
        PLAN.replace("alone: {targets: {one: 1}, retry: {attempts: 4,", "alone: {targets: {one: 1}, retry: {attempts: 3,"),
        """
        >> 0.0 A arrives from acme for alone with 100 in, 50 out streaming
        << send one
        >> 1.0 A fails after 20 tokens: connection 0
        << rescue one#1 (rescued)
        >> 2.0 A fails after 30 tokens: connection 0
        << rescue one (rescued)
        >> 3.0 A fails after 30 tokens: connection 0
        << reject 502 (not_retryable)
        == event rescues 2
        == event lost_nusd 4400000
        >> 4.0 B arrives from acme for alone streaming
        << send one#1
        >> 34.5 B fails after 3 tokens: connection 0
        << reject 502 (not_retryable)
    """,
    )
