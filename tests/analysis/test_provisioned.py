"""Vendors' arithmetic of provisioned throughput: published examples, and laws of rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.provisioned import Mix, ThroughputUnit, requests_carried, tokens_carried, units_for

UNIT = ThroughputUnit(3400, 8, least=15, increment=5)

UNITS = st.builds(
    ThroughputUnit,
    st.floats(1.0, 1e6),
    st.floats(0.1, 20.0),
    st.floats(0.0, 1.0),
    st.integers(1, 200),
    st.integers(1, 100),
)
MIXES = st.builds(Mix, st.floats(1.0, 1e5), st.floats(0.0, 1e4), st.floats(0.0, 1.0)).filter(lambda mix: mix.output_tokens > 1e-3)
RATES = st.floats(0.0, 1e5)


def test_a_thousand_requests_a_minute() -> None:
    """1000 × (200 + 8 × 20) / 3400 = 105.88, sold by fives: 110. Half of the input cached: 76.47, so 80."""
    plain = units_for(UNIT, 1000, Mix(200, 20))
    assert (round(plain.exact, 2), plain.units, plain.weighted_tokens_per_min) == (105.88, 110, 360_000)
    assert plain.used == pytest.approx(0.9626, abs=1e-4)
    cached = units_for(UNIT, 1000, Mix(200, 20, cached_share=0.5))
    assert (round(cached.exact, 2), cached.units) == (76.47, 80)


def test_cached_tokens_that_count_by_a_tenth() -> None:
    """A vendor that counts cached input by 0.1 counts 100 + 10 + 160 tokens of the same request: 79.41 units."""
    unit = ThroughputUnit(3400, 8, cached_ratio=0.1, increment=1)
    assert units_for(unit, 1000, Mix(200, 20, 0.5)).units == 80
    assert round(units_for(unit, 1000, Mix(200, 20, 0.5)).exact, 2) == 79.41


def test_no_load_takes_no_units_and_little_takes_the_least() -> None:
    assert units_for(UNIT, 0, Mix(200, 20)).units == 0
    assert units_for(UNIT, 1, Mix(200, 20)).units == 15
    assert units_for(UNIT, 0, Mix(200, 20)).used == 0.0


@given(UNITS, RATES, MIXES)
def test_the_units_are_enough_and_one_increment_less_is_not(unit: ThroughputUnit, rate: float, mix: Mix) -> None:
    needed = units_for(unit, rate, mix)
    assert requests_carried(unit, needed.units, mix) >= rate * (1 - 1e-8)
    assert needed.units == 0 or (needed.units - unit.least) % unit.increment == 0
    if needed.units > unit.least:
        assert requests_carried(unit, needed.units - unit.increment, mix) < rate


@given(UNITS, MIXES, st.integers(0, 50))
def test_what_some_units_carry_takes_those_units(unit: ThroughputUnit, mix: Mix, more: int) -> None:
    units = unit.least + more * unit.increment
    assert units_for(unit, requests_carried(unit, units, mix), mix).units == units
    assert tokens_carried(unit, units, mix) == pytest.approx(requests_carried(unit, units, mix) * (mix.input_tokens + mix.output_tokens))


@given(UNITS, RATES, MIXES, st.floats(0.0, 1.0))
def test_more_cache_never_takes_more_units(unit: ThroughputUnit, rate: float, mix: Mix, share: float) -> None:
    cached = Mix(mix.input_tokens, mix.output_tokens, max(share, mix.cached_share))
    assert units_for(unit, rate, cached).exact <= units_for(unit, rate, mix).exact * (1 + 1e-12)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Mix(0, 0),
        lambda: Mix(-1, 5),
        lambda: Mix(1, 1, 1.5),
        lambda: ThroughputUnit(0, 8),
        lambda: ThroughputUnit(10, -1),
        lambda: ThroughputUnit(10, 8, increment=0),
        lambda: units_for(UNIT, -1, Mix(1, 1)),
    ],
)
def test_nonsense_is_refused(made) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"is|request"):
        made()


def test_a_request_that_counts_as_nothing_needs_nothing() -> None:
    free = Mix(100, 0, cached_share=1.0)
    assert units_for(UNIT, 1000, free).units == 0
    assert requests_carried(UNIT, 15, free) == float("inf")
