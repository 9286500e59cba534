"""Journeys as playbooks: credentials, silence, longer contexts, caches, tiers, and what cost has to say."""

import numpy as np
import pytest
from tests.journey.playbook import play

from roteiro.terms.codes import CacheKind, Command, Operation, Reason

pytestmark = pytest.mark.kernel

PLAN = """
roteiro: 1
providers:
  one: {name: x, model: big, weight: 1, base_url: "http://127.0.0.1:1/v1", key_env: [K1, K2], price: {input: $10/M, output: $30/M}}
  two: {name: y, model: big, weight: 0, base_url: "http://127.0.0.1:2/v1", price: {input: $5/M, output: $20/M}}
  mute: {name: z, model: big, weight: 0, base_url: "http://127.0.0.1:3/v1", assistant_prefix: false, price: {input: $1/M, output: $1/M}}
  long: {name: y, model: long, weight: 0, base_url: "http://127.0.0.1:4/v1", price: {input: $20/M, output: $40/M}}
models:
  chat: {targets: {one: 1}, fallbacks: [two], retry: {attempts: 4, backoff: 1s}, timeouts: {total: 30s}}
  alone: {targets: {one: 1}, retry: {attempts: 4, backoff: 1s, same_target: 0}, timeouts: {total: 30s}}
  trio: {targets: {one: 1}, fallbacks: [mute, two], retry: {attempts: 4, backoff: 1s}, timeouts: {total: 30s}}
  stubborn: {targets: {one: 1}, rescue: false, fallbacks: [two]}
  quick: {targets: {one: 1}, fallbacks: [two], retry: {attempts: 3}, hedge: {after: 800ms, at_most: 50%}}
  tiered: {targets: {two: 1}, complexity: {simple: cheap, complex: chat}}
  cheap: {targets: {mute: 1}}
tenants:
  acme: {workloads: [live], budgets: {daily: {amount: $100, period: day}}}
  strict: {workloads: [live], limits: {requests: 2/min}}
workloads:
  live: {priority: interactive, queue: {size: 2, max_wait: 5s}}
  bare: {priority: interactive}
budgets:
  all: {amount: $1000, period: month}
"""


# --- credentials ---------------------------------------------------------------------------------------------------------------------


def test_credentials_take_turns_and_one_at_its_limit_rests_while_the_other_serves() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from acme for alone
        << send one (only_target)
        >> 0.1 B arrives from acme for alone
        << send one#1 (only_target)
        >> 0.2 A fails: rate_limit 429 retry-after 8s
        << send one#1 (key_rotated)
        >> 0.3 C arrives from acme for alone
        << send one#1 (only_target)
        >> 0.4 C fails: rate_limit 429 retry-after 3s
        << wait 3 (retry_after)
        >> 3.4 C again
        << send one#1 (retry)
        >> 3.5 C ends
        << done
        >> 8.3 D arrives from acme for alone
        << send one (only_target)
    """,
    )


def test_a_target_whose_credentials_all_rest_is_full_and_not_ill() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from acme for alone
        << send one
        >> 0.0 A fails: rate_limit 429 retry-after 4s
        << send one#1 (key_rotated)
        >> 0.0 A fails: rate_limit 429 retry-after 9s
        << wait 4 (retry_after)
        >> 0.5 B arrives from acme for alone
        << queue until 5.5 (provider_limit)
        >> 0.6 wake
        << nobody
        >> 4.0 wake
        << B send one (only_target)
        >> 4.0 C arrives from acme for alone as bare
        << send one
        >> 4.0 C fails: rate_limit 429 retry-after 7s
        << wait 5 (retry_after)
        >> 4.5 D arrives from acme for alone as bare
        << reject 429 (provider_limit)
        == one is closed
        == outcomes shed
    """,
    )
    assert world.decisions()[-1]["argument"] == pytest.approx(4.5), "Retry-After is the soonest return"


def test_a_wait_longer_than_the_deadline_is_told_to_the_client() -> None:
    world = play(
        PLAN.replace("key_env: [K1, K2]", "key_env: K1"),
        """
        >> 0.0 A arrives from acme for alone
        << send one
        >> 10.1 A fails: rate_limit 429 retry-after 31s
        << reject 429 (provider_limit)
        == outcomes failed
    """,
    )
    assert world.decisions()[-1]["argument"] == pytest.approx(20.0), "no longer than the plan's cap"


def test_a_rate_limit_that_names_no_time_rests_nothing() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from acme for chat
        << send one
        >> 0.1 A fails: rate_limit 429
        << send two (fallback)
        >> 0.2 A fails: rate_limit 429 u=0.5
        << wait 1 (backoff)
        >> 0.3 B arrives from acme for chat
        << send one#1 (only_target)
    """.replace("only_target", "weighted"),
    )


def test_a_refused_credential_is_noted_rests_and_is_not_used_again_by_the_request() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from acme for alone
        << send one
        >> 0.1 A fails: auth 401
        << send one#1 (key_rotated)
        >> 0.2 A fails: auth 403
        << reject 502 (all_tried)
        >> 0.3 B arrives from acme for alone
        << send one
        >> 0.4 B fails: auth 401
        << send one#1 (key_rotated)
        >> 0.5 B ends with 100 in, 50 out
        << done
        >> 0.6 C arrives from acme for alone
        << send one
        >> 0.7 C fails: auth 401
        << send one#1 (key_rotated)
        >> 0.8 C fails: auth 401
        << reject 502 (all_tried)
        # Three times in a row for the first: it rests for all. The second had an answer in between.
        >> 0.9 D arrives from acme for alone
        << send one#1 (only_target)
        >> 1.0 D fails: auth 401
        << reject 502 (all_tried)
        >> 1.1 E arrives from acme for alone
        << send one#1 (only_target)
        >> 1.2 E fails: auth 401
        << reject 502 (all_tried)
        >> 1.3 F arrives from acme for alone
        << reject 503 (no_healthy_target)
        == one is closed
        >> 59.0 G arrives from acme for chat
        << send two (only_target)
        >> 61.0 H arrives from acme for alone
        << send one (only_target)
    """,
    )
    notes = world.decisions()[world.decisions()["reason"] == Reason.CREDENTIAL_REFUSED]
    assert list(zip(notes["x"].tolist(), notes["y"].tolist(), strict=True)) == [
        (0.0, 0.0), (1.0, 0.0), (0.0, 0.0), (0.0, 60.0), (1.0, 0.0), (1.0, 0.0), (1.0, 60.0),
    ]  # fmt: skip
    assert world.target("one")["credential_refused"] == 2, "whose turn came again is given another chance"


def test_a_refused_credential_stays_refused_for_a_request_that_outlives_its_rest() -> None:
    play(
        PLAN.replace("key_env: [K1, K2]", "key_env: K1").replace(
            "retry: {attempts: 4, backoff: 1s}, timeouts: {total: 30s}", "timeouts: {total: 900s}"
        ),
        """
        >> 0.0 A arrives from acme for chat
        << send one
        >> 0.1 A fails: auth 401
        << send two (fallback)
        >> 99.0 A fails: protocol 0
        << wait 0.2 (backoff)
        >> 99.3 A again
        << send two (retry)
    """,
    )


# --- silence, and all tried ------------------------------------------------------------------------------------------------------------


def test_a_silent_target_is_barred_for_the_request_and_for_nobody_else() -> None:
    play(
        PLAN,
        """
        >> 0.0 A arrives from acme for chat
        << send one
        >> 5.0 A fails: timeout 0
        << send two (fallback)
        >> 9.0 A fails: protocol 0 u=0.5
        << wait 1 (backoff)
        >> 10.0 A again
        << send two (retry)
        >> 11.0 A fails: timeout 0
        << reject 502 (all_tried)
        >> 11.0 B arrives from acme for chat
        << send one#1
        == outcomes failed
    """,
    )


def test_what_a_dialect_cannot_say_costs_no_attempt() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from acme for trio
        << send one
        >> 0.0 A fails: unfit 0
        << send mute
        >> 0.0 A fails: unfit 0
        << send two (only_target)
        >> 1.0 A ends
        << done
        == event attempts 1
        == event fallbacks 0
        >> 2.0 B arrives from acme for cheap
        << send mute
        >> 2.0 B fails: unfit 0
        << reject 400 (all_tried)
        == outcomes success invalid
    """,
    )
    assert world.target("one")["calls"] == 0


# --- context -----------------------------------------------------------------------------------------------------------------------------

CONTEXTS = PLAN.replace("key_env: [K1, K2]", "key_env: K1, context_tokens: 1000").replace(
    "  two: {name: y, model: big, weight: 0,", "  two: {name: y, model: big, weight: 0, context_tokens: 2000,"
).replace("  tiered:", "  roomy: {targets: {long: 1}}\n  tiered:").replace(
    "fallbacks: [two], retry: {attempts: 4, backoff: 1s}", "fallbacks: [two], larger_context: roomy, retry: {attempts: 4, backoff: 1s}"
)  # fmt: skip


def test_an_estimate_passes_over_contexts_that_are_too_small_and_refuses_nobody() -> None:
    play(
        CONTEXTS,
        """
        >> 0.0 A arrives from acme for chat with 900 in, 50 out
        << send one
        >> 0.0 B arrives from acme for chat with 1500 in, 50 out
        << send two (only_target)
        >> 0.0 C arrives from acme for chat with 2500 in, 50 out
        << send long (larger_context)
        >> 0.0 D arrives from acme for alone with 2500 in, 50 out
        << send one (only_target)
    """,
    )


def test_a_context_that_was_too_small_leads_to_larger_ones_only() -> None:
    world = play(
        CONTEXTS,
        """
        >> 0.0 A arrives from acme for chat with 900 in, 50 out
        << send one
        >> 0.1 A fails: context 400
        << send two (fallback)
        == tenant/acme/daily has reserved $0.0105
        >> 0.2 A fails: context 413
        << send long (larger_context)
        == tenant/acme/daily has reserved $0.02
        >> 0.3 A fails: context 413
        << reject 413 (context_too_long)
        == outcomes invalid
        == long is closed
        >> 1.0 B arrives from acme for alone with 900 in, 50 out
        << send one
        >> 1.1 B fails: context 400
        << reject 400 (context_too_long)
    """,
    )
    assert world.target("one")["failures"] == 0


# --- caches and tiers ----------------------------------------------------------------------------------------------------------------------


def test_a_hit_is_answered_at_once_and_only_limits_are_asked() -> None:
    world = play(
        PLAN.replace("{amount: $100, period: day}", "{amount: $0.000001, period: day}"),
        """
        >> 0.0 A arrives from acme for chat with 100 in, 50 out
        << reject 402 (budget_spent)
        >> 0.1 B arrives from acme for chat with 100 in, 50 out streaming answered from cache exact
        << done (cache_exact)
        == event cache 1
        == event status 200
        == event saved_nusd 2500000
        == event cost_nusd 0
        == event attempts 0
        >> 0.1 C arrives from strict for chat answered from cache semantic
        << done (cache_semantic)
        >> 0.2 D arrives from strict for chat answered from cache exact
        << done (cache_exact)
        >> 0.3 E arrives from strict for chat answered from cache exact
        << reject 429 (tenant_limit)
        == outcomes budget success success success limited
        == all/all has spent $0
    """,
    )
    event = world.events()[1]
    assert (event["total_ms"], event["ttft_ms"], event["target"]) == (0.0, 0.0, -1)
    answer = world.begin("acme", "chat", cache=CacheKind.EMBEDDING, operation=Operation.EMBEDDINGS)
    assert (answer.command, answer.reason) == (Command.DONE, Reason.CACHE_EXACT)
    assert world.events()[-1]["cache"] == CacheKind.EMBEDDING and world.events()[-1]["operation"] == Operation.EMBEDDINGS


def test_a_tasks_complexity_chooses_the_model() -> None:
    world = play(
        PLAN,
        """
        >> 0.0 A arrives from acme for tiered looking simple
        << send mute (only_target)
        >> 0.0 B arrives from acme for tiered looking medium
        << send two (only_target)
        >> 0.0 C arrives from acme for tiered looking complex
        << send one
        >> 0.0 D arrives from acme for tiered
        << send two
        >> 0.1 A ends
        << done
        == event complexity 1
    """,
    )
    notes = world.decisions()[world.decisions()["reason"] == Reason.COMPLEXITY]
    assert [(x, world.names.routes[int(y)]) for x, y in zip(notes["x"], notes["y"], strict=True)] == [(1.0, "cheap"), (3.0, "chat")]
    assert world.names.routes[world.events()[0]["model"]] == "tiered", "what was asked stays asked"


# --- cost --------------------------------------------------------------------------------------------------------------------------------


def test_an_hour_too_dear_takes_the_cheaper_model_until_it_is_over() -> None:
    world = play(
        PLAN + "scaling_policies:\n  cost_based: {max_budget: 0.01, fallback_model: cheap, cooldown: 300}\n",
        """
        >> 0.0 A arrives from acme for alone
        << send one
        >> 30.0 A ends with 500 in, 100 out
        << done
        >> 30.1 tick
        >> 31.0 B arrives from acme for alone
        << send one#1
        >> 90.0 B ends with 500 in, 100 out
        << done
        >> 90.1 tick
        >> 91.0 C arrives from acme for alone
        << send mute (only_target)
        >> 92.0 C ends
        << done
        == event degraded 2
        >> 3599.0 tick
        >> 3599.1 D arrives from acme for alone
        << send mute
        >> 3600.1 tick
        >> 3600.2 E arrives from acme for alone
        << send one
    """,
    )
    world.header["cost_degrading"] = 1
    kept = world.begin("acme", "alone", operation=Operation.EMBEDDINGS)
    assert world.names.targets[int(kept.argument) & 0xFFFF] == "one", "what embeds is no model of answers"
    notes = world.decisions()[np.isin(world.decisions()["reason"], (Reason.COST_DEGRADED, Reason.COST_RECOVERED))]
    assert notes["now_s"].tolist() == [90.1, 3600.1]
    assert notes["y"].tolist() == [1e7, 1e7] and notes["x"][0] == 1.6e7 and notes["x"][1] < 1e7


def test_the_cooldown_outlasts_a_short_dear_moment() -> None:
    play(
        PLAN + "scaling_policies:\n  cost_based: {max_budget: 0.01, fallback_model: cheap, cooldown: 2h}\n",
        """
        >> 0.0 A arrives from acme for alone
        << send one
        >> 30.0 A ends with 5000 in, 100 out
        << done
        >> 30.1 tick
        >> 4000.0 tick
        >> 4000.1 B arrives from acme for alone
        << send mute
        >> 7230.2 tick
        >> 7230.3 C arrives from acme for alone
        << send one#1
    """,
    )


def test_a_night_is_cheaper_and_reservations_assume_the_day() -> None:
    play(
        PLAN.replace(
            "price: {input: $5/M, output: $20/M}",
            'price: {input: $5/M, output: $20/M, off_peak: {from: "22:00", to: "06:00", discount: 25%}}',
        ),
        """
        >> 0.0 A arrives from acme for tiered with 100 in, 50 out
        << send two
        == tenant/acme/daily has reserved $0.0015
        >> 1.0 A ends with 100 in, 50 out
        << done
        == event cost_nusd 1125000
        >> 21600.0 B arrives from acme for tiered with 100 in, 50 out
        << send two
        >> 21601.0 B ends with 100 in, 50 out
        << done
        == event cost_nusd 1500000
        >> 79199.0 C arrives from acme for tiered with 100 in, 50 out
        << send two
        >> 79200.0 C ends with 100 in, 50 out
        << done
        == event cost_nusd 1125000
    """,
    )


# --- the queue -----------------------------------------------------------------------------------------------------------------------------


def test_who_waited_past_its_patience_is_not_let_go() -> None:
    """Its driver is about to say so; until then a place that comes free is another's."""
    play(
        PLAN.replace("key_env: [K1, K2]", "limits: {concurrency: 1}"),
        """
        >> 0.0 A arrives from acme for alone
        << send one
        >> 0.1 B arrives from acme for alone
        << queue until 5.1 (targets_full)
        >> 2.0 C arrives from acme for alone
        << queue until 7 (targets_full)
        >> 5.1 A ends
        << done
        >> 5.1 wake
        << C send one (only_target)
        >> 5.1 wake
        << nobody
        >> 5.2 B again
        << reject 503 (queue_timeout)
    """,
    )
