"""What the server is under its own name: there as the plan is taken up, and in nobody's way."""

from roteiro.plan.compile import compile_plan, fresh_block
from roteiro.plan.digest import canonical_json, load_canonical
from roteiro.plan.own import with_own
from roteiro.plan.read import read_text

PLAN = """
roteiro: 1
providers:
  a: {name: openai, model: gpt-4o-mini}
  b: {name: openai, model: gpt-4o}
  e: {name: openai, model: text-embedding-3-small, kind: embedding}
tenants: {acme: {}}
workloads: {chat: {}}
quality: {canaries: {budget: $2/day}, judge: {model: gpt-4o}}
"""


def test_a_plan_without_them_is_left_alone() -> None:
    plan = read_text("roteiro: 1\nproviders: {a: {name: openai, model: gpt-4o}}").plan
    assert plan is not None
    assert with_own(plan) is plan


def test_customers_neither_see_them_nor_use_them() -> None:
    plan = read_text(PLAN).plan
    assert plan is not None
    whole = with_own(plan)
    assert with_own(whole) == whole
    assert load_canonical(canonical_json(whole)) == whole
    compiled = compile_plan(whole, "digest")
    _, state = fresh_block(compiled, 0.0)
    edge, names = compiled.edge, compiled.names
    assert sorted(edge.pinned) == ["target:a", "target:b"]
    assert not set(edge.pinned) & set(edge.models)
    assert edge.own == ["canaries", "judge"]
    assert sorted(edge.workloads) == ["chat"]
    acme, canaries = (names.keys.index(f"tenant:{name}") for name in ("acme", "canaries"))
    assert names.workloads[state.keys[acme]["workload"]] == "chat"
    assert names.workloads[state.keys[canaries]["workload"]] == "canaries"
    own = state.tenants[names.tenants.index("canaries")]
    assert (own["tier"], own["priority"]) == (-1, 3)
    assert state.budgets[own["budgets"][0]]["amount_nusd"] == 2_000_000_000
    pinned = state.routes[edge.pinned["target:b"]]
    assert (pinned["count"], pinned["attempts"], pinned["rescue"]) == (1, 1, 0)


def test_a_tenant_that_was_written_keeps_its_limits() -> None:
    plan = read_text(PLAN.replace("{acme: {}}", "{acme: {}, canaries: {concurrency: 2}}")).plan
    assert plan is not None
    tenant = with_own(plan).tenants["canaries"]
    assert (tenant.concurrency, list(tenant.budgets)) == (2, ["canaries"])
