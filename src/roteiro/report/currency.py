"""Amounts in further currencies, beside dollars.

What must not live here: rates, and converting (`analysis.currency`).
"""

from collections.abc import Sequence

from roteiro.analysis.currency import ExchangeRate
from roteiro.report.document import Cell, Column, Note, Tone, cell
from roteiro.report.speech import Speech
from roteiro.terms.units import NUSD

__all__ = ["currency_cells", "currency_columns", "currency_notes", "in_currency"]


def in_currency(nusd: int | None, rate: ExchangeRate, speech: Speech) -> str:
    """`BRL 5.40`; from one unit on in hundredths, below it with up to six decimals."""
    if nusd is None:
        return speech.say("no_data")
    amount = rate.convert(nusd)
    return f"{rate.code} {speech.number(amount / NUSD, 2) if abs(amount) >= NUSD or amount == 0 else speech.trimmed(amount / NUSD, 6)}"


def currency_columns(rates: Sequence[ExchangeRate], what: str, rank: int = 2) -> tuple[Column, ...]:
    """A column for each currency."""
    return tuple(Column(f"{what}, {rate.code}", right=True, rank=rank) for rate in rates)


def currency_cells(nusd: int | None, rates: Sequence[ExchangeRate], speech: Speech) -> tuple[Cell, ...]:
    return tuple(cell(in_currency(nusd, rate, speech)) for rate in rates)


def currency_notes(rates: Sequence[ExchangeRate], speech: Speech) -> tuple[Note, ...]:
    """At which rate, of which day."""
    say = speech.say
    return tuple(
        Note(
            say("money.rate", code=rate.code, rate=speech.trimmed(rate.rate, 6), day=str(rate.as_of or say("money.no_day"))),
            Tone.QUIET,
        )
        for rate in rates
    )
