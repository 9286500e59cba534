"""What money is measured by: targets of unit costs, and the currencies that dollars are also told in.

What must not live here: budgets (`people`), prices (`provider`), and sums (`analysis`).
"""

from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from roteiro.plan.part import Part
from roteiro.plan.quantity import Money, Number, Share, TokenPrice, refuse
from roteiro.terms import units
from roteiro.terms.units import QuantityError

__all__ = ["Currency", "CurrencyCode", "UnitCosts"]

CODE_LETTERS: Final = 3
DOLLAR: Final = "USD"


def code(value: str) -> str:
    if len(value) != CODE_LETTERS or not (value.isascii() and value.isalpha() and value.isupper()):
        raise refuse(f"{value[:40]!r} is no currency's code", "write three capital letters as ISO 4217 does, for example BRL", "E107")
    if value == DOLLAR:
        raise refuse("USD is what all money is counted in", "leave it out", "E107")
    return value


CurrencyCode = Annotated[str, AfterValidator(code), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})]


def monthly(value: object) -> object:
    """Dollars of `$5/month`, which may also be written `$5`."""
    if not isinstance(value, str) or "/" not in value:
        return value
    try:
        spend = units.parse_spend(value)
    except QuantityError as error:
        raise refuse(error.message, "write for example $5/month") from None
    if spend.period != "month":
        raise refuse(f"is {value}; it is a month's", "write for example $5/month")
    return units.format_money(spend.nusd)


class UnitCosts(Part):
    """What a unit may cost at most, and how many tokens must be of use at least. null sets no target."""

    per_1k_tokens: TokenPrice | None = Field(default=2 * units.NUSD, description="Cost of tokens, below this: `$0.002/1K tokens`.")
    per_user: Annotated[Money, BeforeValidator(monthly)] | None = Field(
        default=5 * units.NUSD, description="Cost of an active user in a month, below this; unverified, as the ledger knows no users."
    )
    per_transaction: Money | None = Field(default=units.NUSD // 100, description="Cost of an answered request, below this.")
    token_efficiency: Share | None = Field(default=0.8, description="Useful tokens among all, above this.")


class Currency(Part):
    """A rate against the dollar. A number alone is the rate."""

    rate: Annotated[Number, Field(gt=0, le=1e9)] = Field(description="So many units of the currency buy one US dollar.")
    as_of: date | None = Field(default=None, description="The day of the rate; told beside what is converted.")

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: Any) -> Any:
        return value if isinstance(value, dict | Currency) else {"rate": value}
