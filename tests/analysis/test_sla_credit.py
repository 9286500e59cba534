"""Credits: brackets on what was attained, in exact money."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.sla_credit import Bracket, credit_due

BRACKETS = (Bracket(0.9999, 0.10), Bracket(0.99, 0.25), Bracket(0.95, 1.0))


@pytest.mark.parametrize(
    ("good", "due"),
    [(10_000, 0), (9_999, 0), (9_998, 10), (9_900, 10), (9_899, 25), (9_500, 25), (9_499, 100), (0, 100)],
)
def test_the_largest_that_applies_is_due(good: int, due: int) -> None:
    """A bracket is of what lies below it: attained exactly, it does not apply."""
    assert credit_due("acme", good, 10_000, 100, BRACKETS).due_nusd == due


def test_without_requests_nothing_is_owed() -> None:
    one = credit_due("acme", 0, 0, 0, BRACKETS)
    assert (one.attained, one.bracket, one.due_nusd) == (None, None, 0)


def test_money_is_rounded_once_half_up() -> None:
    assert credit_due("a", 1, 100, 5, (Bracket(0.5, 0.1),)).due_nusd == 1
    assert credit_due("a", 1, 100, 10**18 + 1, (Bracket(0.5, 0.1),)).due_nusd == 10**17


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(0, 10**15), st.lists(st.sampled_from(BRACKETS), max_size=3))
def test_no_more_than_was_charged_is_owed(good: int, more: int, charged: int, brackets: list[Bracket]) -> None:
    one = credit_due("a", good, good + more, charged, brackets)
    assert 0 <= one.due_nusd <= charged
    if one.bracket is not None:
        assert Fraction(good, good + more) < Fraction(str(one.bracket.below))
