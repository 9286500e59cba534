"""Currencies and targets of unit costs, as people write them and as they go wrong."""

from datetime import date

import pytest

from roteiro.plan.read import read_text


def test_a_rate_alone_or_with_its_day() -> None:
    plan = read_text("roteiro: 1\ncurrencies: {BRL: 5.40, EUR: {rate: 0.92, as_of: 2026-02-01}}\n").plan
    assert plan is not None
    assert (plan.currencies["BRL"].rate, plan.currencies["BRL"].as_of) == (5.4, None)
    assert plan.currencies["EUR"].as_of == date(2026, 2, 1)


def test_targets_are_the_chapters_unless_the_plan_sets_others() -> None:
    plan = read_text("roteiro: 1\nunit_costs: {per_user: $3/month, token_efficiency: 90%, per_transaction: null}\n").plan
    assert plan is not None
    found = plan.unit_costs
    assert (found.per_1k_tokens, found.per_user, found.per_transaction, found.token_efficiency) == (2 * 10**9, 3 * 10**9, None, 0.9)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("currencies: {brl: 5.4}", "E107", "no currency's code"),
        ("currencies: {USD: 1}", "E107", "what all money is counted in"),
        ("currencies: {BRL: {rate: 5.4, from: here}}", "E101", "from is no key"),
        ("unit_costs: {per_user: $3/day}", "E104", "a month's"),
        ("unit_costs: {per_1k_tokens: 0.002}", "E104", "without its number of tokens"),
    ],
)
def test_a_problem_has_its_line(line: str, code: str, words: str) -> None:
    reading = read_text(f"roteiro: 1\nname: x\n{line}\n")
    found = [problem for problem in reading.problems if problem.severity == "error"]
    assert [problem.code for problem in found] == [code], [str(problem) for problem in reading.problems]
    assert words in str(found[0]) and found[0].where.line == 3


def test_a_rate_is_above_nothing() -> None:
    reading = read_text("roteiro: 1\ncurrencies:\n  BRL: 0\n")
    assert reading.plan is None
    assert any("BRL" in str(problem) and problem.where.line == 3 for problem in reading.problems)
