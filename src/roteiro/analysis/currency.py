"""Dollars told in another currency, at a rate that somebody stands for.

What must not live here: where rates come from; sums, which are in dollars.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

__all__ = ["ExchangeRate"]


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """`rate` units of the currency `code` (ISO 4217) for one US dollar, as of a day where that is known."""

    code: str
    rate: float
    as_of: date | None = None

    def convert(self, nusd: int) -> int:
        """Nano-units of the currency for nano-dollars, rounded half up once. The rate is the decimal that was written."""
        exact = Fraction(Decimal(repr(self.rate))) * abs(nusd)
        rounded = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
        return rounded if nusd >= 0 else -rounded
