"""Journeys as playbooks, one a promise of the plan."""

import pytest
from tests.journey.playbook import play
from tests.journey.world import World

from roteiro.journey.step import accepts
from roteiro.terms.codes import Command, ErrorClass, Reason, Step

pytestmark = pytest.mark.kernel

PLAN = """
roteiro: 1
providers:
  primary: {name: one, model: big, weight: 70, base_url: "http://127.0.0.1:1/v1", price: {input: $10/M, output: $30/M}, limits: {concurrency: 2},
            breaker: {window: 10s, failure_rate: 50%, minimum_calls: 3, open_for: 5s, half_open_probes: 2}}
  secondary: {name: two, model: big, weight: 30, base_url: "http://127.0.0.1:2/v1", price: {input: $5/M, output: $20/M}, limits: {concurrency: 2},
            breaker: {minimum_calls: 3}}
  small: {name: here, model: little, weight: 0, base_url: "http://127.0.0.1:3/v1", on_premises: true, price: {input: $0/M, output: $0/M}}
models:
  chat: {targets: {primary: 70, secondary: 30}, fallbacks: [small], degrade_to: tiny, retry: {attempts: 3, backoff: 1s, same_target: 1}, timeouts: {total: 30s}}
  alone: {targets: {primary: 1}, retry: {attempts: 4, backoff: 1s, same_target: 1}, timeouts: {total: 30s}}
  once: {targets: {primary: 1}, retry: {attempts: 1}}
  patient: {targets: {primary: 1}, on_exhausted: queue}
  stubborn: {targets: {primary: 1}, on_exhausted: least_bad}
  tiny: {targets: {small: 1}}
tenants:
  acme: {limits: {requests: 3/min}, workloads: [live, bulk]}
  beta: {budgets: {daily: {amount: $0.01, period: day, warn_at: 50%, degrade_at: 60%}}}
  gama: {concurrency: 1, workloads: [live]}
  delta: {workloads: [live, bulk, lab]}
workloads:
  live: {priority: interactive, queue: {size: 2, max_wait: 5s}}
  bulk: {priority: batch, queue: {size: 2, max_wait: 60s}}
  lab: {priority: sandbox}
queue: {size: 2}
budgets:
  all: {amount: $1000, period: month}
"""


def test_weights_choose_and_money_is_settled() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from beta for chat with 100 in, 50 out u=0.69
        << send primary (weighted)
        == tenant/beta/daily has reserved $0.0025
        >> 1.0 A ends with 100 in, 20 out
        << done
        == tenant/beta/daily has reserved $0
        == tenant/beta/daily has spent $0.0016
        >> 2.0 B arrives from delta for chat u=0.71
        << send secondary (weighted)
        >> 3.0 B ends with 100 in, 20 out
        << done
        == all/all has spent $0.0025
        == outcomes success success
    """,
    )


def test_a_passing_failure_is_tried_again_at_the_same_target_a_lasting_one_elsewhere() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from delta for chat u=0.1
        << send primary (weighted)
        >> 0.4 A fails: server 500 u=0.1
        << wait 0.3 (backoff)
        >> 0.7 A again
        << send primary (retry)
        >> 1.0 A fails: server 500 u=0.1
        << send secondary (fallback)
        >> 1.5 A ends with 10 in, 5 out
        << done
        == outcomes success
    """,
    )


def test_a_target_that_stayed_silent_is_not_asked_again() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from delta for chat u=0.1
        << send primary (weighted)
        >> 5.0 A fails: timeout 0
        << send secondary (fallback)
        >> 9.0 A fails: timeout 0
        << send small (fallback)
        >> 9.5 A fails: timeout 0
        << reject 502 (out_of_attempts)
        == outcomes failed
    """,
    )


def test_what_the_client_did_wrong_is_never_tried_again() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from delta for chat u=0.1
        << send primary (weighted)
        >> 0.1 A fails: bad_request 422
        << reject 422 (not_retryable)
        >> 1.0 B arrives from delta for chat streaming u=0.1
        << send primary (weighted)
        >> 1.2 B first byte
        >> 1.4 B fails after bytes: connection 0
        << reject 502 (not_retryable)
        == outcomes invalid failed
        == primary is closed
    """,
    )


def test_a_provider_that_says_retry_after_is_left_alone_until_then() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from delta for chat u=0.1
        << send primary (weighted)
        >> 0.1 A fails: rate_limit 429 retry-after 7s
        << send secondary (fallback)
        >> 1.0 B arrives from delta for alone
        << reject 429 (provider_limit)
        >> 7.2 C arrives from delta for alone
        << send primary (only_target)
        >> 7.3 C fails: rate_limit 429 retry-after 15s
        << wait 15 (retry_after)
        >> 22.3 C again
        << send primary (retry)
        >> 22.4 C fails: rate_limit 429 retry-after 20s
        << reject 429 (provider_limit)
        == outcomes shed failed
    """,
    )


def test_a_breaker_opens_lets_probes_through_and_closes() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from delta for alone
        << send primary
        >> 0.1 A fails: server u=0
        << wait 0 (backoff)
        >> 0.1 A again
        << send primary (retry)
        >> 0.2 A fails: server u=0
        << wait 0 (backoff)
        >> 0.2 A again
        << send primary (retry)
        == primary is closed
        >> 0.3 A fails: server u=0
        << wait 5 (retry_after)
        == primary is open
        >> 1.0 B arrives from delta for chat u=0.1
        << send secondary (weighted)
        >> 5.4 C arrives from delta for alone
        << send primary (only_target)
        == primary is half_open
        >> 5.4 D arrives from delta for alone
        << send primary (only_target)
        >> 5.5 E arrives from delta for alone
        << reject 503 (no_healthy_target)
        >> 5.6 C ends
        << done
        == primary is half_open
        >> 5.65 F arrives from delta for alone
        << reject 503 (no_healthy_target)
        >> 5.7 D ends
        << done
        == primary is closed
    """,
    )


def test_a_failed_probe_opens_the_breaker_for_twice_as_long() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from delta for alone
        << send primary
        >> 0.0 A fails: server u=0
        << wait 0 (backoff)
        >> 0.0 A again
        << send primary
        >> 0.0 A fails: server u=0
        << wait 0
        >> 0.0 A again
        << send primary
        >> 0.0 A fails: server u=0
        << wait 5 (retry_after)
        >> 5.0 B arrives from delta for alone
        << send primary
        >> 5.1 B fails: server u=0
        << wait 10 (retry_after)
        == primary is open
    """,
    )
    assert world.breaker("primary")["until"] == pytest.approx(15.1)


def test_a_limit_is_a_limit_and_says_when_to_come_back() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from acme for tiny
        << send small
        >> 0.0 B arrives from acme for tiny
        << send small
        >> 0.0 C arrives from acme for tiny
        << send small
        >> 0.0 D arrives from acme for tiny
        << reject 429 (tenant_limit)
        >> 19.9 E arrives from acme for tiny
        << reject 429 (tenant_limit)
        >> 20.0 F arrives from acme for tiny
        << send small
    """,
    )
    refusals = world.decisions()[world.decisions()["reason"] == 10]
    assert refusals["argument"].tolist() == pytest.approx([20.0, 0.1])


def test_a_budget_degrades_then_stops_and_begins_anew_the_next_day() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from beta for chat with 400 in, 60 out u=0.1
        << send primary (weighted)
        >> 1.0 A ends with 400 in, 70 out
        << done
        == tenant/beta/daily has spent $0.0061
        >> 2.0 B arrives from beta for chat
        << send small (only_target)
        >> 3.0 B ends
        << done
        >> 4.0 C arrives from beta for alone with 300 in, 100 out
        << reject 402 (budget_spent)
        >> 86399.0 D arrives from beta for alone with 300 in, 100 out
        << reject 402 (budget_spent)
        >> 86400.0 E arrives from beta for alone with 300 in, 100 out
        << send primary
        == tenant/beta/daily has spent $0
        == tenant/beta/daily has reserved $0.006
    """,
    )


def test_full_targets_queue_and_the_most_important_goes_first() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from delta for alone
        << send primary
        >> 0.0 B arrives from delta for alone
        << send primary
        >> 0.1 C arrives from delta for alone as bulk
        << queue until 30.1 (targets_full)
        >> 0.2 D arrives from delta for alone as live
        << queue until 5.2 (targets_full)
        >> 0.3 wake
        << nobody
        >> 0.5 A ends
        << done
        >> 0.5 wake
        << D send primary (only_target)
        >> 0.5 wake
        << nobody
        >> 0.6 B leaves
        << done (client_gone)
        >> 0.6 wake
        << C send primary (only_target)
    """,
    )


def test_the_least_important_leaves_the_queue_when_it_is_full() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from delta for alone
        << send primary
        >> 0.0 B arrives from delta for alone
        << send primary
        >> 0.1 C arrives from delta for alone as bulk
        << queue until 30.1
        >> 0.2 D arrives from delta for alone as bulk
        << queue until 30.2
        >> 0.3 E arrives from delta for alone as live
        << queue until 5.3
        >> 0.3 wake
        << D reject 503 (shed_for_priority)
        >> 0.4 F arrives from delta for alone as lab
        << reject 503 (targets_full)
        >> 0.5 G arrives from delta for alone as bulk
        << reject 503 (queue_full)
        >> 6.0 E again
        << reject 503 (queue_timeout)
        == outcomes shed shed shed shed
    """,
    )


def test_a_tenant_at_its_bulkhead_waits_and_others_do_not() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from gama for tiny
        << send small
        >> 0.1 B arrives from gama for tiny
        << queue until 5.1 (tenant_full)
        >> 0.2 C arrives from delta for tiny
        << send small
        >> 0.3 A ends
        << done
        >> 0.3 wake
        << B send small
    """,
    )


def test_another_workers_request_is_granted_its_place_and_told_by_its_own() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from gama for tiny @1
        << send small
        >> 0.1 B arrives from gama for tiny @2
        << queue until 5.1
        >> 0.3 A ends @1
        << done
        >> 0.3 wake @1
        << B nothing
        >> 0.3 wake @1
        << nobody
        >> 0.4 wake @2
        << B send small
        >> 0.5 B ends @2
        << done
    """,
    )


def test_a_dead_workers_requests_are_settled_by_the_supervisor() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from gama for tiny @1
        << send small
        >> 0.1 B arrives from gama for tiny @1
        << queue until 5.1
        >> 0.1 C arrives from delta for chat @2 u=0.1
        << send primary
        >> 0.2 worker 1 dies
        << 2 settled
        >> 0.3 D arrives from gama for tiny @2
        << send small
        == outcomes abandoned abandoned
    """,
    )


def test_exhausted_targets_fail_fast_queue_or_take_the_least_bad() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from delta for once
        << send primary
        >> 0.0 A fails: server u=0
        << reject 502 (out_of_attempts)
        >> 0.0 B arrives from delta for once
        << send primary
        >> 0.0 B fails: server u=0
        << reject 502 (out_of_attempts)
        >> 0.0 C arrives from delta for once
        << send primary
        >> 0.0 C fails: server u=0
        << reject 502 (out_of_attempts)
        == primary is open
        >> 1.0 D arrives from delta for alone
        << reject 503 (no_healthy_target)
        >> 1.0 E arrives from delta for patient
        << queue until 6 (no_healthy_target)
        >> 1.0 F arrives from delta for stubborn
        << send primary (least_bad)
    """,
    )


def test_what_is_told_twice_or_too_late_changes_nothing() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from delta for tiny
        << send small
        >> 1.0 A ends
        << done
        >> 1.0 A ends
        << nothing
        >> 1.1 A fails: server
        << nothing
        >> 1.2 A leaves
        << nothing
        >> 1.3 A again
        << nothing
        == outcomes success
    """,
    )
    assert world.target("small")["in_flight"] == 0


def test_of_those_who_wait_the_least_important_leaves_first() -> None:
    play(
        PLAN.replace("lab: {priority: sandbox}", "lab: {priority: sandbox, queue: {size: 2, max_wait: 60s}}"),
        """
        >> 0.0 A arrives from delta for alone
        << send primary
        >> 0.0 B arrives from delta for alone
        << send primary
        >> 0.1 C arrives from delta for alone as lab
        << queue until 30.1
        >> 0.2 D arrives from delta for alone as bulk
        << queue until 30.2
        >> 0.3 E arrives from delta for alone as live
        << queue until 5.3
        >> 0.3 wake
        << C reject 503 (shed_for_priority)
        >> 0.4 A ends
        << done
        >> 0.4 wake
        << E send primary
    """,
    )


def test_an_outage_multiplies_the_load_by_no_more_than_the_fleets_ratio() -> None:
    """Every attempt fails; what is sent beyond the first attempts stays within the ratio and what had been saved up."""
    world = World(PLAN.replace("tenants:", "retry: {ratio: 20%, min_per_second: 0}\ntenants:", 1))
    world.header["retry_balance"] = saved = 3.0
    for i in range(200):
        answer = world.begin("delta", "tiny", now=float(i))
        while answer.command in (Command.SEND, Command.WAIT):
            if answer.command is Command.SEND:
                answer = world.fail(answer.flow, ErrorClass.RATE_LIMIT, now=world.now)
            else:
                answer = world.step(Step.AGAIN, answer.flow, now=max(answer.argument, world.now))
        world.check()
    events = world.events()
    assert len(events) == 200
    extra = int((events["attempts"] - 1).clip(0).sum())
    assert 0.9 * 0.2 * 200 <= extra <= 0.2 * 200 + saved
    assert Reason.RETRY_BUDGET in events["reason"]


def test_what_could_not_be_recorded_is_not_taken_and_readiness_knows() -> None:
    world = World(PLAN)
    assert accepts(world.block)
    world.header["event_tail"] = -len(world.state.events)
    assert not accepts(world.block)
    answer = world.begin("delta", "tiny")
    assert (answer.command, answer.reason) == (Command.REJECT, Reason.LEDGER_FULL)
    assert world.header["refused"] == 1 and len(world.events()) == 0


def test_what_was_not_tried_again_takes_nothing_from_the_fleets_balance() -> None:
    """One provider, and silence: nothing is tried again, so others may still."""
    plan = (
        "roteiro: 1\nproviders:\n  one: {name: x, model: m, on_premises: true, price: {input: $1/1M tokens, output: $1/1M tokens}}\n"
        "models:\n  solo: {targets: [one], retry: {attempts: 3}}\ntenants:\n  acme: {}\nworkloads:\n  web: {priority: interactive, model: solo}\n"
        "retry: {ratio: 10%, min_per_second: 0}\n"
    )
    world = World(plan)
    flow = world.begin("acme", "solo", now=1.0).flow
    before = float(world.header["retry_balance"])
    answer = world.fail(flow, ErrorClass.TIMEOUT, status=0, now=2.0)
    assert (answer.command, answer.reason) == (Command.REJECT, Reason.ALL_TRIED)
    assert float(world.header["retry_balance"]) == pytest.approx(before)
