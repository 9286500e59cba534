"""Prices by date: what a plan may say of them, what is refused, and what the tables are told."""

import numpy as np
import pytest
from tests.plan.test_check_levers import finds

from roteiro.plan.compile import RingSizes, compile_plan, fresh_block
from roteiro.plan.digest import canonical_json, load_canonical
from roteiro.plan.explain import explain
from roteiro.plan.moment import begins_at, parse_moment
from roteiro.plan.read import read_text
from roteiro.policy.state import block_size, build

PLAN = """
roteiro: 1
timezone: America/Sao_Paulo
providers:
  a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", on_premises: false,
      price: {input: $1/M, output: $2/M, cached_input: $0.1/M, changes: [
        {from: 2026-03-01, input: $2/M, output: $3/M}, {from: "2026-03-05T14:30-03:00", input: $1/M, output: $1/M, reasoning: $9/M}]}}
  b: {name: vllm, model: n, base_url: "http://127.0.0.1:2/v1", on_premises: false, price: {input: $1.5/M, output: $1/M}}
models:
  chat: {targets: [a, b]}
"""
MIDNIGHT_S = parse_moment("2026-03-01T03:00Z")
SIZES = RingSizes(8, 8, 8)


@finds("E289", "providers.a.price.changes[1].from", "is 2026-02-01, before the change above it, 2026-03-01")
def test_changes_out_of_order() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", price: {input: $1/M, output: $1/M, changes: [
        {from: 2026-03-01, input: $2/M, output: $2/M}, {from: 2026-02-01, input: $3/M, output: $3/M}]}}
    """


@finds("E290", "providers.a.price.changes[1].from", "is 2026-03-01T00:00:00Z, as the change above it, 2026-03-01")
def test_two_changes_at_one_moment() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", price: {input: $1/M, output: $1/M, changes: [
        {from: 2026-03-01, input: $2/M, output: $2/M}, {from: "2026-03-01T00:00Z", input: $3/M, output: $3/M}]}}
    """


@finds("E291", "providers.a.price.changes[0].from", "is 1926-03-01; at the earliest 2000-01-01")
def test_a_change_before_there_were_prices() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", price: {input: $1/M, output: $1/M, changes: [
        {from: 1926-03-01, input: $2/M, output: $2/M}]}}
    """


def test_two_providers_may_change_on_one_day() -> None:
    change = "price: {input: $1/M, output: $1/M, changes: [{from: 2026-03-01, input: $2/M, output: $2/M}]}"
    lines = [f'  {name}: {{name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", {change}}}' for name in "ab"]
    assert not read_text("\n".join(["roteiro: 1", "providers:", *lines])).errors


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("2026-03-01", "tomorrow", "E116", "not a date"),
        ("2026-03-01", "2026-02-30", "E116", "not a date"),
        ("2026-03-01", "2026-03-01T10:00", "E116", "without a zone"),
        ("2026-03-01", "0001-01-01T00:00+10:00", "E116", "beyond the calendar"),
        ("input: $2/M", "input: -$2/M", "E104", "not a price of tokens"),
        ("output: $3/M", "outputs: $3/M", "E102", "missing"),
    ],
)
def test_what_a_change_cannot_say(old: str, new: str, code: str, words: str) -> None:
    problems = read_text(PLAN.replace(old, f'"{new}"' if old[0] == "2" else new, 1)).errors
    assert any(code == problem.code and words in problem.message and "price.changes[0]" in problem.path for problem in problems), problems


def test_a_day_begins_at_midnight_of_its_zone_and_a_moment_is_one_everywhere() -> None:
    assert begins_at("2026-03-01", "America/Sao_Paulo") == MIDNIGHT_S
    assert begins_at("2026-03-01", "UTC") == begins_at("2026-03-01T00:00:00Z", "Asia/Tokyo") == parse_moment("2026-03-01")


def test_it_is_explained_and_comes_back_from_its_canonical_form() -> None:
    reading = read_text(PLAN)
    assert reading.plan is not None
    told = {row.path: row.value for row in explain(reading)}
    assert told["providers.a.price.changes[0].from"] == "2026-03-01"
    assert told["providers.a.price.changes[1].from"] == "2026-03-05T17:30:00Z"
    assert told["providers.a.price.changes[1].reasoning"] == "$9/1M tokens"
    assert load_canonical(canonical_json(reading.plan)) == reading.plan


@pytest.mark.parametrize(
    ("after_s", "prices", "route"),
    [
        (-1.0, [1.0, 0.1, 2.0, 2.0], (1.5, 2.0)),
        (0.0, [2.0, 2.0, 3.0, 3.0], (2.0, 3.0)),
        (1e6, [1.0, 1.0, 1.0, 9.0], (1.5, 9.0)),
    ],
)
def test_a_run_begins_with_the_prices_of_its_day(after_s: float, prices: list[float], route: tuple[float, float]) -> None:
    reading = read_text(PLAN)
    assert reading.plan is not None
    compiled = compile_plan(reading.plan, reading.digest, sizes=SIZES)
    _, state = fresh_block(compiled, MIDNIGHT_S + after_s)
    names = ("price_input", "price_cached", "price_output", "price_reasoning")
    assert [state.targets[0][name] / 1e9 for name in names] == prices
    row = state.routes[compiled.names.routes.index("chat")]
    assert (row["price_input"] / 1e9, row["price_output"] / 1e9) == route
    assert state.header["next_price_at"][0] == ({-1.0: 1.0, 0.0: 4 * 86_400 + 14.5 * 3600}.get(after_s, np.inf))


def test_a_block_without_room_for_the_changes_is_too_small() -> None:
    reading = read_text(PLAN)
    assert reading.plan is not None
    compiled = compile_plan(reading.plan, reading.digest, sizes=SIZES)
    capacities = {**compiled.capacities, "prices": 1}
    problems = list(compiled.fits(build(np.zeros(block_size(capacities), np.uint8), capacities)))
    assert [(problem.code, problem.path) for problem in problems] == [("E901", "prices")]
