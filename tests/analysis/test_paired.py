"""Paired tests against the libraries of the field, and the laws of Holm's correction."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from roteiro.analysis.paired import holm, paired, student_quantile, student_two_sided

VALUES = st.floats(-1e6, 1e6)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 29, 30, 99, 200])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.2, 5.0, 12.0])
def test_student_is_that_of_scipy(t: float, freedom: int) -> None:
    assert student_two_sided(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), abs=1e-12)
    assert student_two_sided(-t, freedom) == student_two_sided(t, freedom)


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 29, 200])
def test_the_quantile_is_that_of_scipy(freedom: int) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=3, max_size=20))
def test_a_pair_test_is_that_of_scipy(pairs: list[tuple[float, float]]) -> None:
    old, new = zip(*pairs, strict=True)
    found = paired(old, new)
    assert found is not None and found.low <= found.mean <= found.high
    differences = [b - a for a, b in pairs]
    if max(differences) - min(differences) > 1e-6 * max(map(abs, differences)):
        assert found.p == pytest.approx(stats.ttest_rel(new, old).pvalue, abs=1e-9)


def test_what_is_not_known_is_left_out_and_one_pair_tells_nothing() -> None:
    found = paired([1.0, math.nan, 2.0, 5.0], [2.0, 3.0, 3.5, math.nan])
    assert found is not None and found.pairs == 2 and found.mean == 1.25
    assert paired([math.nan], [1.0]) is None
    one = paired([1.0], [2.0])
    assert one is not None and math.isnan(one.p)


def test_the_same_difference_everywhere_leaves_no_doubt() -> None:
    same, moved = paired([1.0, 2.0], [1.0, 2.0]), paired([1.0, 2.0], [2.0, 3.0])
    assert same is not None and moved is not None
    assert (same.p, moved.p) == (1.0, 0.0)


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=30))
def test_holm_never_makes_anything_surer_and_keeps_the_order(ps: list[float]) -> None:
    adjusted = holm(ps)
    known = [(p, a) for p, a in zip(ps, adjusted, strict=True) if not math.isnan(p)]
    assert all(p <= a <= 1 for p, a in known)
    assert sorted(a for _, a in known) == [a for _, a in sorted(known)]
    assert all(math.isnan(a) for p, a in zip(ps, adjusted, strict=True) if math.isnan(p))


def test_holm_as_its_author_has_it() -> None:
    """Of 0.01, 0.04, 0.03 and 0.005: times 4, 3, 2 and 1 in ascending order, none less than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
