"""Concentration: one for all is 1, equals are 1/n, and merging two never makes it less."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roteiro.analysis.concentration import concentration

AMOUNTS = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=8)


def test_known_values() -> None:
    found = concentration({"a": 70.0, "b": 20.0, "c": 10.0})
    assert found.index == pytest.approx(0.54) and found.like == pytest.approx(1 / 0.54) and list(found.shares) == ["a", "b", "c"]
    assert concentration({"a": 5.0, "b": 0.0}).index == 1.0
    assert concentration({"a": 0.0}).index is None


@settings(max_examples=30)
@given(AMOUNTS, st.floats(0.01, 100.0))
def test_only_proportions_matter_and_it_lies_between_equals_and_one(amounts: list[float], factor: float) -> None:
    named = {str(i): amount for i, amount in enumerate(amounts)}
    index = concentration(named).index
    assert index is not None and 1 / len(amounts) - 1e-9 <= index <= 1 + 1e-9
    assert concentration({name: amount * factor for name, amount in named.items()}).index == pytest.approx(index)


@settings(max_examples=30)
@given(AMOUNTS.filter(lambda amounts: len(amounts) > 1))
def test_a_merger_concentrates(amounts: list[float]) -> None:
    named = {str(i): amount for i, amount in enumerate(amounts)}
    merged = {"both": amounts[0] + amounts[1], **{str(i): amount for i, amount in enumerate(amounts) if i > 1}}
    assert (concentration(merged).index or 0.0) >= (concentration(named).index or 0.0) - 1e-12
