"""The plan's quantities: a unit's reader and writer bound to a pydantic type, so that a field says `Seconds` and a person writes `15min`.

In Python a quantity is in its canonical unit; in JSON it is written as a person would, so that a dumped plan is a plan again.
What must not live here: conversions (they are in `terms.units`).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from roteiro.terms import units
from roteiro.terms.units import QuantityError, Rate

__all__ = [
    "Bytes",
    "Count",
    "Factor",
    "Money",
    "Number",
    "PositiveSeconds",
    "RateOf",
    "Seconds",
    "Share",
    "Text",
    "TokenPrice",
    "Tokens",
    "refuse",
]

CENTURY_S: Final = 100 * 366 * 86400.0
MOST_NUSD: Final = 2**62
"""The kernel counts money in 64 bits, and adds reservations to what is spent."""


def refuse(message: str, remedy: str = "", code: str = "E104", column: int | None = None) -> PydanticCustomError:
    """A problem, as pydantic carries it: `code` is the plan's, `column` counts from 0 inside the text."""
    details = {"message": message.replace("{", "(").replace("}", ")"), "remedy": remedy, "column": column}
    return PydanticCustomError(code, "{message}", details)


def quantity(read: Callable[[Any], Any], kind: type) -> BeforeValidator:
    def validate(value: object) -> object:
        try:
            return kind(read(value))
        except QuantityError as error:
            raise refuse(error.message, error.remedy) from None

    return BeforeValidator(validate)


def written(write: Callable[[Any], str]) -> PlainSerializer:
    return PlainSerializer(write, return_type=str, when_used="json")


def schema(description: str, *examples: str | float, number: bool = True) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "number"] if number else "string", "description": description, "examples": list(examples)})


def within(low: float, high: float, write: Callable[[Any], str], *, above: bool = False) -> AfterValidator:
    """Bounds, told in the unit that people write. `above` excludes the lower bound."""

    def validate(value: Any) -> Any:
        if value < low or (above and value == low):
            raise refuse(f"is {write(value)}; {'more than' if above else 'at least'} {write(low)}", "", "E105")
        if value > high:
            raise refuse(f"is {write(value)}; at most {write(high)}", "", "E105")
        return value

    return AfterValidator(validate)


def tokens(value: float) -> str:
    return units.format_tokens(int(value))


def rate(value: Rate) -> Rate:
    if value.amount <= 0 or value.per_second > 1e9:
        raise refuse(f"is {units.format_rate(value)}; more than 0 and at most 1G/s", "leave it out for no limit", "E105")
    return value


def number(value: object) -> object:
    """YAML's numbers, and numbers that someone quoted."""
    return float(units.parse_number(value)) if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool) else value


Seconds = Annotated[
    float,
    quantity(lambda value: units.parse_duration(value, "s"), float),
    within(0, CENTURY_S, units.format_duration),
    written(units.format_duration),
    schema("A duration; a bare number is seconds", "30s", "2000ms", "15min", "7d", 300),
]
PositiveSeconds = Annotated[
    float,
    quantity(lambda value: units.parse_duration(value, "s"), float),
    within(0, CENTURY_S, units.format_duration, above=True),
    written(units.format_duration),
    schema("A duration above zero; a bare number is seconds", "30s", "2000ms", "15min", "7d", 300),
]
Share = Annotated[float, quantity(units.parse_share, float), written(units.format_share), schema("A share of a whole", "5%", "99.9%", 0.05)]
Factor = Annotated[
    float,
    quantity(units.parse_factor, float),
    within(0, 1e6, units.format_factor),
    written(units.format_factor),
    schema("A multiplier", 1.15, "+15%", "-5%"),
]
Money = Annotated[
    int,
    quantity(units.parse_money, int),
    within(0, MOST_NUSD, units.format_money),
    written(units.format_money),
    schema("US dollars", "$1000", "US$ 12.50", 1000),
]
TokenPrice = Annotated[
    int,
    quantity(units.parse_token_price, int),
    within(0, 10**6 * units.NUSD, units.format_token_price),
    written(units.format_token_price),
    schema("US dollars for a number of tokens", "$0.002/1K tokens", "$0.15/1M tokens", 0),
]
Tokens = Annotated[
    int,
    quantity(units.parse_tokens, int),
    within(1, 2**31 - 1, tokens),
    written(units.format_tokens),
    schema("A number of tokens", "10k", "1.5M", 4096),
]
Count = Annotated[
    int,
    quantity(units.parse_tokens, int),
    within(1, 2**31 - 1, tokens),
    PlainSerializer(int, return_type=int, when_used="json"),
    schema("A count of at least 1", 64, "1k"),
]
RateOf = Annotated[
    Rate, quantity(units.parse_rate, lambda value: value), AfterValidator(rate), written(units.format_rate),
    schema("So many a period; a bare number is a minute's", "600/min", "10/s", "100k tokens/min"),
]  # fmt: skip
Bytes = Annotated[
    int,
    quantity(units.parse_size, int),
    within(1, 2**40, units.format_size),
    written(units.format_size),
    schema("A size; a bare number is bytes", "32MiB"),
]
Number = Annotated[float, quantity(units.parse_number, float), schema("A number", 70, 0.5)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
