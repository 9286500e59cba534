"""The levers of cost, latency and quality: as people write them, and as tables."""

from typing import Any

import pytest
from tests.journey.world import EPOCH_UNIX_S

from roteiro.plan.compile import Compiled, RingSizes, compile_plan, fresh_block
from roteiro.plan.digest import canonical_json
from roteiro.plan.hours import format_hours, format_time, parse_hours, parse_time
from roteiro.plan.levers import Hedge, drain_s
from roteiro.plan.model import Plan
from roteiro.plan.read import read_text
from roteiro.policy.state import NONE, State
from roteiro.terms.edge import EdgeHours, EdgeRoute

SIZES = RingSizes(flows=16, events=64, decisions=256)
PLAN = """
roteiro: 1
timezone: America/Sao_Paulo
providers:
  a: {name: one, model: m, weight: 3, base_url: "http://127.0.0.1:1/v1", key_env: [KEY_A, KEY_B], context_tokens: 8k,
      price: {input: $2/M, output: $4/M, off_peak: {from: "16:30", to: "00:30", discount: 50%, timezone: UTC}}}
  b: {name: two, model: n, weight: 1, base_url: "http://127.0.0.1:2/v1", context_tokens: 64k, max_output_tokens: 4k,
      assistant_prefix: false, price: {input: $1/M, output: $8/M, off_peak: {from: 1:00, to: 5:00, discount: 20%}}}
  e: {name: two, model: v, kind: embedding, base_url: "http://127.0.0.1:2/v1", price: {input: $1/M, output: 0}}
models:
  chat:
    targets: [a, b]
    larger_context: long
    degrade_to: long
    hedge: {after: p95, at_most: 5%}
    on_disconnect: 10s
    complexity: {simple: long, medium: chat}
    cache: {exact: true, semantic: {threshold: 0.95, ttl: 2h}, expected_hits: 20%}
  long: {targets: [b], fallbacks: [a], context: 8k, rescue: false, hedge: {after: 800ms, at_most: 2%}, on_disconnect: drain}
  vectors:
    targets: [e]
    cache: {embeddings: {ttl: 12h}}
    batching: {wait: 5ms, most: 32}
request: {idempotency: {keep: 1h}, on_disconnect: 3s}
cache: {size: 64MiB}
dead_letters: {keep: 2d}
workloads:
  day: {dead_letter: true}
  nightly: {model: chat, batch: {run: off_peak}}
  late: {batch: {run: "22:00-06:00"}}
scaling_policies: {cost_based: {max_budget: 10, fallback_model: long, cooldown: 60}}
budgets: {all: $100/day}
"""


def plan_of(text: str) -> Plan:
    reading = read_text(text)
    assert reading.plan is not None, [str(problem) for problem in reading.errors]
    return reading.plan


def built(text: str = PLAN, before: Compiled | None = None) -> Compiled:
    return compile_plan(plan_of(text), "d", before=before.names if before else None, sizes=SIZES)


def state_of(compiled: Compiled) -> State:
    return fresh_block(compiled, EPOCH_UNIX_S)[1]


def test_every_lever_is_a_plan_again_when_it_is_dumped() -> None:
    plan = plan_of(PLAN)
    assert plan_of(canonical_json(plan)) == plan
    assert '"key_env":["KEY_A","KEY_B"]' in canonical_json(plan)


def test_shorthands() -> None:
    plan = plan_of(PLAN)
    assert (plan.providers["a"].key_env, plan.providers["a"].key_envs) == ("KEY_A", ("KEY_A", "KEY_B"))
    assert plan.providers["b"].key_env is None
    chat = plan.models["chat"]
    assert chat.cache.exact is not None
    assert (chat.cache.exact.ttl_s, chat.cache.expected_hits) == (3600.0, 0.2)
    assert plan_of(PLAN.replace("exact: true", "exact: false")).models["chat"].cache.exact is None
    assert plan_of(PLAN.replace("exact: true", "exact: {ttl: 5min}")).models["chat"].cache.exact is not None


def test_what_a_model_leaves_unsaid_of_leaving_clients_is_the_requests() -> None:
    models = plan_of(PLAN).models
    assert (models["chat"].on_disconnect, models["long"].on_disconnect, models["vectors"].on_disconnect) == ("10s", "drain", "3s")
    assert (drain_s("cancel"), drain_s("drain"), drain_s("10s")) == (0.0, None, 10.0)


def test_embeddings_are_no_part_of_auto() -> None:
    plan = plan_of(PLAN)
    assert set(plan.models["auto"].targets) == {"a", "b"}
    assert set(plan.models["v"].targets) == {"e"}


def test_targets_in_the_kernels_units() -> None:
    compiled = built()
    a, b, e = state_of(compiled).targets[:3]
    assert (a["credentials"], b["credentials"], e["credentials"]) == (2, 1, 1)
    assert (a["prefix"], b["prefix"], e["prefix"]) == (1, 0, 0)
    assert (a["context_tokens"], a["most_output"], b["context_tokens"], b["most_output"]) == (8000, 0, 64_000, 4000)
    # São Paulo is three hours behind UTC: 16:30 to 00:30 there is 13:30 to 21:30 here.
    assert (a["off_peak_from_s"], a["off_peak_to_s"], a["off_peak_share"]) == (13.5 * 3600, 21.5 * 3600, 0.5)
    assert (b["off_peak_from_s"], b["off_peak_to_s"], b["off_peak_share"]) == (3600.0, 5 * 3600.0, 0.8)
    assert (e["off_peak_from_s"], e["off_peak_to_s"], e["off_peak_share"]) == (0.0, 0.0, 0.0)


def test_routes_by_index() -> None:
    compiled = built()
    state, index = state_of(compiled), compiled.names.routes.index
    chat, long, vectors = (state.routes[index(name)] for name in ("chat", "long", "vectors"))
    assert (chat["larger"], chat["degrade"], list(chat["tiers"])) == (index("long"), index("long"), [index("long"), NONE, NONE])
    assert (long["larger"], long["degrade"], list(long["tiers"])) == (NONE, NONE, [NONE, NONE, NONE])
    assert (chat["rescue"], long["rescue"], vectors["rescue"]) == (1, 0, 0)
    assert (chat["hedge_share"], chat["hedge_percentile"], chat["hedge_after_s"]) == (0.05, 0.95, 0.0)
    assert (long["hedge_share"], long["hedge_percentile"], long["hedge_after_s"]) == (0.02, 0.0, 0.8)
    assert (vectors["hedge_share"], vectors["hedge_percentile"], vectors["hedge_after_s"]) == (0.0, 0.0, 0.0)


def test_the_bound_on_an_hours_cost() -> None:
    compiled = built()
    header = state_of(compiled).header[0]
    assert (header["hour_bound_nusd"], header["cost_cooldown_s"]) == (10 * 10**9, 60.0)
    assert header["cost_route"] == compiled.names.routes.index("long")
    nowhere = state_of(built(PLAN.replace("fallback_model: long", "fallback_model: none-such"))).header[0]
    assert (nowhere["hour_bound_nusd"], nowhere["cost_route"]) == (0, NONE)
    assert state_of(built(PLAN.replace("fallback_model: long", "fallback_model: n"))).header[0]["cost_route"] != NONE, "a provider's model"


def test_the_edge_knows_what_workers_do() -> None:
    compiled = built()
    edge, names = compiled.edge, compiled.names
    assert edge.routes[names.routes.index("chat")] == EdgeRoute(
        name="chat", rescue=True, hedge=True, on_disconnect="drain_until", drain_s=10.0, tiers=True, cache=True, cache_ttl_s=3600.0,
        semantic=True, semantic_threshold=0.95, semantic_ttl_s=7200.0,
    )  # fmt: skip
    assert edge.routes[names.routes.index("vectors")] == EdgeRoute(
        name="vectors", on_disconnect="drain_until", drain_s=3.0, coalesce_s=0.005, coalesce_most=32, embedding_ttl_s=12 * 3600.0,
        kind="embedding",
    )  # fmt: skip
    a, b, _ = edge.targets
    assert (a.key_env, a.key_envs, b.key_env, b.key_envs) == ("KEY_A", ["KEY_A", "KEY_B"], None, [])
    assert (b.assistant_prefix, b.max_output_tokens, b.context_tokens, b.kind) == (False, 4000, 64_000, "chat")
    assert dict(zip(names.workloads, edge.dead_letters, strict=True)) == {"day": True, "late": False, "nightly": False}
    assert (edge.dead_letter_s, edge.idempotency_s, edge.cache_bytes) == (2 * 86_400.0, 3600.0, 64 << 20)
    assert edge.budgets == ["$100 a day for everything (all)"]
    zone = "America/Sao_Paulo"
    assert dict(zip(names.workloads, edge.batch_hours, strict=True)) == {
        "day": [],
        "late": [EdgeHours(from_s=22 * 3600.0, to_s=6 * 3600.0, timezone=zone)],
        "nightly": [
            EdgeHours(from_s=16.5 * 3600, to_s=0.5 * 3600, timezone="UTC"),
            EdgeHours(from_s=3600.0, to_s=5 * 3600.0, timezone=zone),
        ],
    }


def test_nothing_is_kept_where_no_model_caches() -> None:
    assert built("roteiro: 1\nproviders: {a: {name: one, model: m}}\n").edge.cache_bytes == 0


LESS = """
roteiro: 1
providers:
  b: {name: two, model: n, base_url: "http://127.0.0.1:2/v1"}
  a: {name: one, model: m, base_url: "http://127.0.0.1:1/v1"}
models:
  long: {targets: [b, a], hedge: {after: p90}}
"""


def test_adoption_keeps_what_lives_and_leaves_nothing_of_what_went() -> None:
    old = built()
    state = state_of(old)
    chat, long = old.names.routes.index("chat"), old.names.routes.index("long")
    state.targets[0]["next_credential"], state.targets[0]["credential_refused"] = 1, 0b11
    state.targets[0]["credential_until"][:2] = 50.0
    state.routes["hedge_seen"][:], state.routes["hedge_delay_s"][:], state.routes["hedge_balance"][:] = 30, 0.4, 2.0
    state.header[0]["cost_degrading"] = 1
    old.fill(state)
    kept = state.routes[chat]["hedge_seen"].tolist(), state.routes[chat]["hedge_delay_s"].tolist(), state.header[0]["cost_degrading"]
    assert kept == ([30, 30], [0.4, 0.4], 1)
    built(LESS, before=old).fill(state)
    a = state.targets[0]
    assert (a["credentials"], a["next_credential"], a["credential_refused"], list(a["credential_until"][:2])) == (1, 0, 1, [50.0, 0.0])
    assert state.targets[2]["retired"] == 1
    gone = state.routes[chat]
    assert (gone["retired"], gone["hedge_share"], gone["rescue"], gone["larger"], gone["degrade"]) == (1, 0.0, 0, NONE, NONE)
    assert list(gone["tiers"]) == [NONE, NONE, NONE]
    followed = state.routes[long]["hedge_seen"].tolist(), state.routes[long]["hedge_balance"]
    assert followed == ([0, 0], 2.0), "another percentile is followed anew"
    assert (state.header[0]["cost_degrading"], state.header[0]["cost_route"], state.header[0]["hour_bound_nusd"]) == (0, NONE, 0)


@pytest.mark.parametrize(
    ("after", "expected"), [("p95", (0.95, 0.0)), ("p50", (0.5, 0.0)), ("800ms", (0.0, 0.8)), (2, (0.0, 2.0)), ("1min", (0.0, 60.0))]
)
def test_how_late(after: Any, expected: tuple[float, float]) -> None:
    hedge = Hedge.model_validate({"after": after})
    assert (hedge.percentile, hedge.after_s) == expected


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("after: p95", "after: p49", "E104"),
        ("after: p95", "after: p100", "E104"),
        ("after: p95", "after: soon", "E104"),
        ("after: p95", "after: true", "E104"),
        ("on_disconnect: 10s", "on_disconnect: stay", "E104"),
        ("on_disconnect: 10s", "on_disconnect: 0s", "E105"),
        ("discount: 50%", "discount: 0%", "E105"),
        ("discount: 50%", "discount: 100%", "E105"),
        ('from: "16:30"', "from: 16h30", "E115"),
        ('from: "16:30"', 'from: "24:30"', "E115"),
        ('from: "16:30"', "from: 990", "E115"),
        ('"22:00-06:00"', '"22:00"', "E115"),
        ('"22:00-06:00"', '"6:00-6:00"', "E115"),
        ('"22:00-06:00"', "nights", "E115"),
        ("most: 32", "most: 4096", "E105"),
        ("threshold: 0.95", "threshold: 95", "E104"),
        ("exact: true", "exact: yes", "E103"),
        ("[KEY_A, KEY_B]", "[KEY_A, sk-very-secret]", "E107"),
        ("[KEY_A, KEY_B]", "{a: b}", "E103"),
        ("rescue: false", "rescue: perhaps", "E103"),
        ("larger_context: long", "larger_context: lnog", "E201"),
        ("simple: long", "simple: lnog", "E201"),
        ("timezone: UTC", "timezone: Brasilia", "E104"),
    ],
)
def test_what_is_no_lever(old: str, new: str, code: str) -> None:
    assert old in PLAN
    errors = read_text(PLAN.replace(old, new)).errors
    assert [problem.code for problem in errors] == [code], [str(problem) for problem in errors]
    assert "very-secret" not in str(errors[0])


@pytest.mark.parametrize(("text", "seconds"), [("16:30", 59_400.0), ("0:00", 0.0), ("24:00", 0.0), ("9:05", 32_700.0)])
def test_times_of_day(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds
    assert parse_time(format_time(seconds)) == seconds
    assert parse_hours(format_hours(seconds, 60.0)) == (seconds, 60.0)


@pytest.mark.parametrize("text", ["", "25:00", "12:60", "24:01", "noon", "1:2", "12:00:00"])
def test_what_is_no_time(text: str) -> None:
    assert parse_time(text) is None
