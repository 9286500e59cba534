"""Credits: what is owed to a customer where availability fell below what a tier promises.

The plan names brackets by attained availability; of those that apply the largest is due, of what the window was charged. What must not
live here: counting, and whose promise it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

__all__ = ["Bracket", "Credit", "credit_due"]


@dataclass(frozen=True, slots=True)
class Bracket:
    """Below an attained share, `credit` (a share of the charges) is due."""

    below: float
    credit: float


@dataclass(frozen=True, slots=True)
class Credit:
    """What is due to one customer. `attained` is None without a request that counts: then nothing is. `bracket`: which applies."""

    customer: str
    good: int
    total: int
    charged_nusd: int
    bracket: Bracket | None
    due_nusd: int

    @property
    def attained(self) -> float | None:
        return self.good / self.total if self.total else None


def credit_due(customer: str, good: int, total: int, charged_nusd: int, brackets: Sequence[Bracket]) -> Credit:
    """The largest bracket that applies; money to the nano-dollar, half up. The shares are the decimals that were written."""
    applying = [one for one in brackets if total and Decimal(good) < Decimal(repr(one.below)) * total]
    if not applying:
        return Credit(customer, good, total, charged_nusd, None, 0)
    bracket = max(applying, key=lambda one: one.credit)
    due = (Decimal(charged_nusd) * Decimal(repr(bracket.credit))).quantize(Decimal(1), ROUND_HALF_UP)
    return Credit(customer, good, total, charged_nusd, bracket, int(due))
