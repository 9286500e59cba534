"""How reports say things in one language: phrases, and numbers with their units.

What must not live here: what is said (`words`), and layout.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, Literal

from roteiro.report.words import WORDS
from roteiro.report.words_of_calibration import CALIBRATION_WORDS
from roteiro.report.words_of_canaries import CANARY_WORDS
from roteiro.report.words_of_capacity import CAPACITY_WORDS
from roteiro.report.words_of_codes import CODES
from roteiro.report.words_of_customers import CUSTOMER_WORDS
from roteiro.report.words_of_drills import DRILL_WORDS
from roteiro.report.words_of_forecast import FORECAST_WORDS
from roteiro.report.words_of_money import MONEY_WORDS
from roteiro.report.words_of_notices import NOTICE_WORDS
from roteiro.report.words_of_quality import QUALITY_WORDS
from roteiro.report.words_of_rehearsal import REHEARSAL_WORDS
from roteiro.report.words_of_service_levels import SERVICE_LEVEL_WORDS
from roteiro.report.words_of_simulation import SIMULATION_WORDS
from roteiro.report.words_of_top import TOP
from roteiro.report.words_of_vendors import VENDOR_WORDS
from roteiro.terms.error import SettingsError
from roteiro.terms.units import NUSD

__all__ = ["LANGUAGES", "Language", "Speech", "speech"]

Language = Literal["en", "pt-BR"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "pt-BR")
PHRASES: Final = (
    WORDS
    | CALIBRATION_WORDS
    | CANARY_WORDS
    | CAPACITY_WORDS
    | CODES
    | CUSTOMER_WORDS
    | DRILL_WORDS
    | FORECAST_WORDS
    | MONEY_WORDS
    | NOTICE_WORDS
    | QUALITY_WORDS
    | REHEARSAL_WORDS
    | SERVICE_LEVEL_WORDS
    | TOP
    | SIMULATION_WORDS
    | VENDOR_WORDS
)
NANO_DIGITS: Final = 9


class Speech:
    """One language. A quantity that is None is said as `no data`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)
        self._signs = str.maketrans(",.", ".,") if language == "pt-BR" else {}

    def say(self, key: str, **values: object) -> str:
        """The phrase, its gaps filled."""
        return PHRASES[key][self._column].format(**values)

    def number(self, value: float, digits: int = 0) -> str:
        """`1,234.5`; in Portuguese `1.234,5`."""
        return f"{value:,.{digits}f}".translate(self._signs)

    def trimmed(self, value: float, digits: int = 3) -> str:
        """A number with at most that many decimals, and no zeros at its end."""
        text = f"{value:,.{digits}f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).translate(self._signs)

    def share(self, value: float | None, digits: int = 2) -> str:
        """`99.98%`. What is not wholly 100 % or 0 % is never rounded to it."""
        if value is None:
            return self.say("no_data")
        step = Decimal(1).scaleb(-digits)
        shown = (Decimal(repr(value)) * 100).quantize(step, ROUND_HALF_EVEN)
        if value < 1.0:
            shown = min(shown, 100 - step)
        if value > 0.0:
            shown = max(shown, step)
        text = format(shown, "f")
        return f"{(text.rstrip('0').rstrip('.') if '.' in text else text).translate(self._signs)}%"

    def ms(self, value: float | None) -> str:
        """Milliseconds; with a decimal below 10."""
        return self.say("no_data") if value is None else f"{self.number(value, 0 if value >= 9.95 else 1)} ms"

    def seconds(self, value: float | None) -> str:
        """Seconds; below one in milliseconds."""
        if value is None:
            return self.say("no_data")
        return self.ms(value * 1e3) if abs(value) < 1.0 and value != 0.0 else f"{self.trimmed(value, 2)} s"

    def money(self, nusd: int | None, decimals: int | None = None) -> str:
        """Dollars, exactly; at least cents. `decimals` lines a column up (see `decimals_of`)."""
        if nusd is None:
            return self.say("no_data")
        whole, rest = divmod(abs(nusd), NUSD)
        digits = f"{rest:0{NANO_DIGITS}d}"
        kept = digits[: decimals_needed(nusd) if decimals is None else max(decimals, decimals_needed(nusd))]
        sign, mark = "-" if nusd < 0 else "", "US$ " if self.language == "pt-BR" else "$"
        return f"{sign}{mark}{f'{whole:,}.{kept}'.translate(self._signs)}"

    def decimals_of(self, amounts: Iterable[int | None]) -> int:
        """The decimals that every amount of a column needs."""
        return max((decimals_needed(amount) for amount in amounts if amount is not None), default=2)


def decimals_needed(nusd: int) -> int:
    """2 to 9: as many as it takes to say the amount exactly."""
    return max(2, len(f"{abs(nusd) % NUSD:0{NANO_DIGITS}d}".rstrip("0")))


def speech(language: str = "en") -> Speech:
    """The speech of a language. Raises SettingsError for one that reports do not speak."""
    for known in LANGUAGES:
        if language.replace("_", "-").lower() in (known.lower(), known.split("-")[0]):
            return Speech(known)
    raise SettingsError(f"reports speak {' and '.join(LANGUAGES)}, not {language[:40]!r}")
