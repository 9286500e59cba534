"""Converting is exact, and a rate is the decimal that was written."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.currency import ExchangeRate


@given(st.integers(-(10**18), 10**18), st.decimals("0.0001", "100000", places=4))
def test_it_is_rounded_once(nusd: int, rate: Decimal) -> None:
    assert abs(ExchangeRate("BRL", float(rate)).convert(nusd) - Fraction(rate) * nusd) <= Fraction(1, 2)


def test_known_amounts() -> None:
    assert ExchangeRate("BRL", 5.40).convert(10**9) == 5_400_000_000
    assert ExchangeRate("BRL", 5.45).convert(1) == 5 and ExchangeRate("JPY", 0.5).convert(-1) == -1
