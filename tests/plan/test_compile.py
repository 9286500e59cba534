"""Plans as tables: names keep their places, and adoption keeps what lives."""

from pathlib import Path

import numpy as np
import pytest
from tests.journey.world import EPOCH_UNIX_S

from roteiro.plan.compile import Compiled, Grant, RingSizes, compile_plan, fresh_block
from roteiro.plan.read import read_text
from roteiro.plan.version import load_version, save_version
from roteiro.policy.state import NONE, TABLES
from roteiro.terms.edge import Names
from roteiro.terms.error import LedgerError, PlanError

SIZES = RingSizes(flows=16, events=64, decisions=256)
OLD = """
roteiro: 1
providers:
  b: {name: two, model: m, weight: 1, base_url: "http://127.0.0.1:1/v1", price: {input: $2/M, output: $4/M, cached_input: $1/M}}
  a: {name: one, model: m, weight: 3, base_url: "http://127.0.0.1:2/v1", price: {input: $1/M, output: $8/M}}
routing_logic:
  - {condition: "a.latency > 2s", action: route_to_b}
  - {condition: "not (hour in 9..17) and b.availability < 99%", action: avoid_b}
tenants:
  x: {budgets: {d: {amount: $1, period: day, stop_at: null}}, limits: {requests: 60/min}}
  y: {}
"""
NEW = """
roteiro: 1
providers:
  a: {name: one, model: m, weight: 1, base_url: "http://127.0.0.1:2/v1", price: {input: $9/M, output: $9/M}}
  c: {name: three, model: m, weight: 1, base_url: "http://127.0.0.1:3/v1", price: {input: $1/M, output: $1/M}}
routing_logic:
  - {condition: "a.latency > 2s", action: route_to_c}
tenants:
  x: {budgets: {d: {amount: $5, period: day}}, limits: {requests: 120/min}}
  aa: {}
"""


def compiled(text: str, grants: tuple[Grant, ...] = (), before: Names | None = None) -> Compiled:
    reading = read_text(text)
    assert reading.plan is not None, reading.problems
    return compile_plan(reading.plan, reading.digest, grants, before=before, sizes=SIZES)


def test_names_keep_their_indices_and_new_ones_are_appended() -> None:
    old = compiled(OLD)
    new = compiled(NEW, before=old.names)
    assert old.names.targets == ["a", "b"]
    assert new.names.targets == ["a", "b", "c"]
    assert new.names.tenants == ["x", "y", "aa"]
    assert new.names.plans == [old.edge.digest, new.edge.digest]
    assert new.edge.retired == ["b"]
    assert "m" in new.edge.models and new.edge.version == 1


def test_a_price_and_a_limit_arrive_in_the_kernels_units() -> None:
    _, state = fresh_block(compiled(OLD), EPOCH_UNIX_S)
    b = state.targets[1]
    assert (b["price_input"], b["price_cached"], b["price_output"], b["price_reasoning"]) == (
        2_000_000_000,
        1_000_000_000,
        4_000_000_000,
        4_000_000_000,
    )
    route = state.routes[compiled(OLD).names.routes.index("auto")]
    assert (route["price_input"], route["price_output"]) == (2_000_000_000, 8_000_000_000), "the dearest of its candidates"
    limit = state.limits[state.tenants[0]["requests_limit"]]
    assert (limit["interval_s"], limit["burst_s"], limit["per_minute"]) == (1.0, 60.0, 60.0)
    assert state.tenants[1]["requests_limit"] == NONE


def test_adoption_writes_configuration_and_keeps_what_lives() -> None:
    old = compiled(OLD)
    _, state = fresh_block(old, EPOCH_UNIX_S)
    state.targets[0]["in_flight"], state.targets[0]["calls"], state.breakers[0]["opened"] = 3, 10, 2
    state.budgets[0]["spent_nusd"], state.budgets[0]["ends_s"] = 123, 50.0
    meter = next(i for i, m in enumerate(old.program.meters) if m.target == 0)
    state.meters[meter]["count"][:] = 7.0
    before = {name: getattr(state, name).copy() for name in ("flows", "events", "decisions", "queues")}
    new = compiled(NEW, before=old.names)
    assert not list(new.fits(state))
    new.fill(state)
    assert (state.targets[0]["in_flight"], state.targets[0]["calls"], state.breakers[0]["opened"]) == (3, 10, 2)
    assert (state.budgets[0]["spent_nusd"], state.budgets[0]["amount_nusd"]) == (123, 5_000_000_000)
    assert state.targets[0]["price_input"] == 9_000_000_000
    assert [bool(row["retired"]) for row in state.targets[:3]] == [False, True, False]
    assert [bool(row["retired"]) for row in state.tenants[:3]] == [False, True, False]
    kept = next(i for i, m in enumerate(new.program.meters) if m.target == 0)
    assert (state.meters[kept]["count"] == 7.0).all(), "a meter that both plans ask for keeps what it counted"
    assert (state.routes["count"][: len(new.names.routes)] > 0).sum() == len(new.edge.models)
    for name, rows in before.items():
        assert (rows == getattr(state, name)).all(), name


def test_a_plan_that_does_not_fit_says_so() -> None:
    _, state = fresh_block(compiled(OLD), EPOCH_UNIX_S)
    many = NEW + "".join(f"  t{i}: {{}}\n" for i in range(80))
    problems = list(compiled(many, before=compiled(OLD).names).fits(state))
    assert {problem.path for problem in problems} >= {"tenants", "keys"}
    assert all("restart" in problem.remedy for problem in problems)


def test_more_budgets_than_a_request_can_hold_are_refused() -> None:
    text = "roteiro: 1\nproviders: {a: {name: one, model: m, weight: 1}}\nbudgets:\n" + "".join(
        f"  b{i}: {{amount: $1, period: day}}\n" for i in range(5)
    )
    reading = read_text(text)
    assert reading.plan is not None
    built = compile_plan(reading.plan, reading.digest, sizes=SIZES)
    with pytest.raises(PlanError, match="E902"):
        fresh_block(built, EPOCH_UNIX_S)


def test_keys_open_their_tenant_until_they_are_withdrawn() -> None:
    grants = (Grant("k1", "ab" * 32, "x"), Grant("k2", "cd" * 32, "y"))
    old = compiled(OLD, grants)
    _, state = fresh_block(old, EPOCH_UNIX_S)
    assert old.edge.keys == {"ab" * 32: old.names.keys.index("k1"), "cd" * 32: old.names.keys.index("k2")}
    assert old.edge.key_tenants[old.names.keys.index("k2")] == old.names.tenants.index("y")
    fewer = compiled(OLD, grants[:1], before=old.names)
    fewer.fill(state)
    assert list(fewer.edge.keys) == ["ab" * 32]
    assert state.keys[fewer.names.keys.index("k2")]["revoked"] == 1


def test_a_version_reads_back_as_the_same_tables(tmp_path: Path) -> None:
    """What a replay builds from the file of a version is what served, `stop_at: null` and prices included."""
    built = compiled(OLD, (Grant("k1", "ab" * 32, "x"),))
    save_version(tmp_path, built, EPOCH_UNIX_S)
    again, epoch = load_version(tmp_path, 0)
    assert epoch == EPOCH_UNIX_S
    assert again.names == built.names and again.capacities == built.capacities
    _, here = fresh_block(built, EPOCH_UNIX_S)
    _, there = fresh_block(again, EPOCH_UNIX_S)
    for table in TABLES:
        for column in getattr(here, table).dtype.names:
            np.testing.assert_array_equal(getattr(here, table)[column], getattr(there, table)[column], err_msg=f"{table}.{column}")
    assert b"ab" * 32 not in (tmp_path / "versions" / "0.json").read_bytes()
    with pytest.raises(LedgerError, match=r"7\.json"):
        load_version(tmp_path, 7)


def test_capacities_have_room_for_what_a_next_plan_may_add() -> None:
    built = compiled(OLD)
    assert built.capacities["targets"] >= 2 * len(built.names.targets)
    assert len(built.names.rules) == len(built.program.rules) == 2
