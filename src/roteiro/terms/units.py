"""Quantities as people write them: durations, shares, money, token prices, tokens, rates, sizes. The one conversion file.

`parse_…` reads what a person wrote (text, or the number a YAML reader made of it) exactly, in decimal arithmetic, into the canonical unit;
`format_…` writes a canonical quantity as a person would, so that parsing it again gives the same quantity.
Canonical units: seconds (Decimal), shares 0..1 (Decimal), nano-dollars, nano-dollars per million tokens, tokens, bytes (integers).
What must not live here: bounds that belong to a field of the plan, and rounding.
"""

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from roteiro.terms.error import RoteiroError

__all__ = [
    "NUSD",
    "Quantity",
    "QuantityError",
    "Rate",
    "Spend",
    "format_duration",
    "format_factor",
    "format_money",
    "format_number",
    "format_rate",
    "format_share",
    "format_size",
    "format_spend",
    "format_token_price",
    "format_tokens",
    "parse_duration",
    "parse_factor",
    "parse_money",
    "parse_number",
    "parse_rate",
    "parse_share",
    "parse_size",
    "parse_spend",
    "parse_token_price",
    "parse_tokens",
]

Quantity = str | int | float | Decimal
"""What a field may hold before it is read."""

NUSD: Final = 1_000_000_000
"""Nano-dollars in a dollar."""

MILLION: Final = 1_000_000

EXACT: Final = Context(prec=80)
"""Numbers are at most 60 digits long and meet only factors of at most 20: nothing is ever rounded at 80."""

SECONDS: Final = {
    "ns": Decimal("1e-9"), "us": Decimal("1e-6"), "µs": Decimal("1e-6"), "ms": Decimal("1e-3"),
    "s": Decimal(1), "min": Decimal(60), "h": Decimal(3600), "d": Decimal(86400), "w": Decimal(604800),
}  # fmt: skip

DURATION_WORDS: Final = SECONDS | {
    word: SECONDS[unit]
    for unit, words in {
        "ms": "milliseconds millisecond msec",
        "s": "sec secs second seconds seg segundo segundos",
        "min": "m mins minute minutes minuto minutos",
        "h": "hr hrs hour hours hora horas",
        "d": "day days dia dias",
        "w": "week weeks semana semanas",
    }.items()
    for word in words.split()
}

MULTIPLES: Final = {"": 1, "k": 1000, "K": 1000, "M": MILLION, "G": 10**9, "B": 10**9, "Ki": 1024, "Mi": 1024**2}

SIZES: Final = {
    "": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip

PERIODS: Final = {
    word: period
    for period, words in {
        "hour": "hour h hr hora",
        "day": "day d dia",
        "week": "week w semana",
        "month": "month mo mês mes",
    }.items()
    for word in words.split()
}

NUMBER: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,6}|[0-9]{1,20})(?:\.[0-9]{1,40})?"
NUMBER_ONLY: Final = re.compile(rf"([+-]?)({NUMBER})")
NUMBER_THEN: Final = re.compile(rf"({NUMBER})\s*([^\W\d_]*)")
MONEY: Final = re.compile(rf"(?:US\s?\$|USD\s?|\$)?\s*({NUMBER})(?:\s*(?:USD|dollars?))?", re.IGNORECASE)
PER_TOKENS: Final = re.compile(r"(?:([0-9]{1,9})\s*)?([kKM]|million|milh[aã]o)?\s*(?:tokens?|tok)?")


class QuantityError(RoteiroError):
    """Text that is not the quantity wanted. `message` says what it is and what it should be; `remedy` shows one that would do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.message, self.remedy = message, remedy


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a period: `amount` (requests or tokens) in `period_s` seconds. 60/min and 1/s differ in the burst that they allow."""

    amount: Decimal
    period_s: int

    @property
    def per_second(self) -> float:
        return float(self.amount / self.period_s)


@dataclass(frozen=True, slots=True)
class Spend:
    """Money a period; `period` is hour, day, week or month."""

    nusd: int
    period: str


def show(value: object) -> str:
    """The value as a message quotes it, cut where it is long; what is no scalar by its kind."""
    if value is None:
        return "empty"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def text_of(value: Quantity, wanted: str, example: str) -> str:
    """The value as text. A bool is no number here, though Python thinks so; nor are NaN and infinity."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise QuantityError(f"is {show(value)}, not {wanted}", f"write for example {example}")
    if isinstance(value, str):
        if len(value) > 200:
            raise QuantityError(f"is {len(value)} characters long, not {wanted}", f"write for example {example}")
        return value.strip()
    if isinstance(value, int):
        if abs(value) >= 10**20:
            raise QuantityError("is a number of more than 20 digits", f"write for example {example}")
        return str(value)
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not number.is_finite() or abs(number.adjusted()) > 20:
        raise QuantityError(f"is {show(value)}, not {wanted}", f"write for example {example}")
    return format(number, "f")


def decimal(digits: str) -> Decimal:
    return Decimal(digits.replace(",", ""))


def exactly_int(number: Decimal, wanted: str, example: str, written: object) -> int:
    if number != number.to_integral_value():
        raise QuantityError(f"is {show(written)}, finer than {wanted}", f"write for example {example}")
    return int(number)


def format_number(number: Decimal | float | int) -> str:
    """A number in plain digits, without an exponent or trailing zeros: 0.05, 1000, -2.5."""
    text = format(number if isinstance(number, Decimal) else Decimal(repr(number)), "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def parse_number(value: Quantity) -> Decimal:
    """A plain number, perhaps signed. Raises QuantityError."""
    text = text_of(value, "a number", "0.5")
    match = NUMBER_ONLY.fullmatch(text)
    if match is None:
        raise QuantityError(f"is {show(value)}, not a number", "write for example 0.5 (a dot before the decimals)")
    number = decimal(match[2])
    return number.copy_negate() if match[1] == "-" and number else number


def parse_duration(value: Quantity, default: str | None = None) -> Decimal:
    """Seconds from `2000ms`, `1.5s`, `15min`, `1h30min`, `7d`; a bare number counts in `default` (a key of SECONDS) where there is one."""
    example = "30s, 15min or 4h"
    text = text_of(value, "a duration", example)
    if NUMBER_ONLY.fullmatch(text) and not text.startswith(("+", "-")):
        if decimal(text) == 0:
            return Decimal(0)
        if default is None:
            raise QuantityError(f"is {show(value)}, a duration without a unit", f"write {text}s, {text}ms or {text}min")
        return EXACT.multiply(decimal(text), SECONDS[default])
    total, place, last = Decimal(0), 0, None
    while place < len(text):
        match = NUMBER_THEN.match(text, place)
        unit = None if match is None else DURATION_WORDS.get(match[2]) or DURATION_WORDS.get(match[2].lower())
        if match is None or unit is None or (last is not None and unit >= last):
            raise QuantityError(f"is {show(value)}, not a duration", f"write for example {example} (units: ms, s, min, h, d, w)")
        total = EXACT.add(total, EXACT.multiply(decimal(match[1]), unit))
        place, last = match.end(), unit
        while place < len(text) and text[place] == " ":
            place += 1
    if not text:
        raise QuantityError("is empty, not a duration", f"write for example {example}")
    return total


def format_duration(seconds: Decimal | float | int) -> str:
    """A duration in the largest unit that needs no decimals, else in seconds: `15min`, `2000ms` as `2s`, `1.5s`, `300ms`."""
    exact = seconds if isinstance(seconds, Decimal) else Decimal(repr(seconds))
    for unit in ("w", "d", "h", "min", "s", "ms", "us"):
        count = exact / SECONDS[unit] if unit in ("ms", "us", "s") else EXACT.divide(exact, SECONDS[unit])
        if count == count.to_integral_value() and count and (unit not in ("ms", "us") or exact < 1):
            return f"{format_number(count.to_integral_value())}{unit}"
    return f"{format_number(exact)}s"


def parse_share(value: Quantity) -> Decimal:
    """A share 0..1 from `5%`, `99.9%` or `0.05`."""
    text = text_of(value, "a share", "5% or 0.05")
    digits = text.removesuffix("%").rstrip()
    if not NUMBER_ONLY.fullmatch(digits):
        raise QuantityError(f"is {show(value)}, not a share", "write for example 5% or 0.05")
    number = parse_number(digits)
    share = number.scaleb(-2, EXACT) if text.endswith("%") else number
    if not 0 <= share <= 1:
        bound = "100%" if text.endswith("%") else "1"
        remedy = f"write {format_number(number)}%" if 1 < number <= 100 and not text.endswith("%") else "write a share from 0% to 100%"
        raise QuantityError(f"is {text}; a share is at least 0 and at most {bound}", remedy)
    return share


def format_share(share: Decimal | float) -> str:
    """A share in per cent: 0.05 is `5%`."""
    exact = share if isinstance(share, Decimal) else Decimal(repr(share))
    return f"{format_number(exact.scaleb(2, EXACT))}%"


def parse_factor(value: Quantity) -> Decimal:
    """A multiplier from `1.15`, or from a signed change in per cent: `+15%` is 1.15, `-5%` is 0.95."""
    text = text_of(value, "a factor", "1.15 or +15%")
    if text.endswith("%") and text[0] in "+-" and NUMBER_ONLY.fullmatch(text[:-1].rstrip()):
        number = EXACT.add(Decimal(1), parse_number(text[:-1].rstrip()).scaleb(-2, EXACT))
    elif NUMBER_ONLY.fullmatch(text):
        number = parse_number(text)
    else:
        raise QuantityError(f"is {show(value)}, not a factor", "write for example 1.15 or +15%")
    if number < 0:
        raise QuantityError(f"is {text}, a factor below 0", "write 0 or more")
    return number


def format_factor(factor: Decimal | float) -> str:
    return format_number(factor)


def parse_money(value: Quantity) -> int:
    """Nano-dollars from `$1000`, `US$ 12.50`, `12.50 USD`, or a bare number of dollars. What is finer is refused, not rounded."""
    text = text_of(value, "an amount of dollars", "$12.50")
    match = MONEY.fullmatch(text)
    if match is None:
        remedy = "write US dollars, for example $12.50"
        raise QuantityError(f"is {show(value)}, not an amount of US dollars", remedy)
    return exactly_int(EXACT.multiply(decimal(match[1]), Decimal(NUSD)), "a nano-dollar", "$12.50", value)


def format_money(nusd: int) -> str:
    """Dollars, exactly: `$12.50`, `$1000`, `$0.000002`."""
    text = format_number(EXACT.divide(Decimal(nusd), Decimal(NUSD)))
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return f"{sign}${digits}0" if "." in digits and len(digits.partition(".")[2]) == 1 else f"{sign}${digits}"


def parse_spend(value: Quantity) -> Spend:
    """Money a period from `$5/day`, `$5/mês`, `$100 per month`."""
    text = text_of(value, "money a period", "$5/day")
    amount, slash, period = re.sub(r"\s+(?:per|por)\s+", "/", text, count=1).rpartition("/")
    word = PERIODS.get(period.strip().lower())
    if not slash or word is None:
        raise QuantityError(f"is {show(value)}, not money a period", "write for example $5/day (periods: hour, day, week, month)")
    return Spend(parse_money(amount), word)


def format_spend(spend: Spend) -> str:
    return f"{format_money(spend.nusd)}/{spend.period}"


def parse_token_price(value: Quantity) -> int:
    """Nano-dollars per million tokens from `$0.002/1K tokens`, `0.15/M`, `$3 per million tokens`.

    A bare number is refused: vendors quote both per thousand and per million, and a guess could be wrong a thousandfold. 0 is free.
    """
    example = "$0.15/1M tokens or $0.002/1K tokens"
    text = text_of(value, "a price of tokens", example)
    amount, slash, per = re.sub(r"\s+(?:per|por)\s+", "/", text, count=1).rpartition("/")
    if not slash:
        if MONEY.fullmatch(text) and parse_money(text) == 0:
            return 0
        raise QuantityError(f"is {show(value)}, a price without its number of tokens", f"write for example {example}")
    match = PER_TOKENS.fullmatch(per.strip())
    money = MONEY.fullmatch(amount.strip())
    if match is None or money is None or not per.strip():
        raise QuantityError(f"is {show(value)}, not a price of tokens", f"write for example {example}")
    multiple = {None: 1, "k": 1000, "K": 1000}.get(match[2], MILLION)
    count = int(match[1] or 1) * multiple
    if count == 0:
        raise QuantityError(f"is {show(value)}, a price of no tokens", f"write for example {example}")
    scaled = EXACT.multiply(decimal(money[1]), Decimal(NUSD * MILLION))
    price = EXACT.divide(scaled, Decimal(count))
    if EXACT.multiply(price, Decimal(count)) != scaled:
        raise QuantityError(f"is {show(value)}, no whole number of nano-dollars per million tokens", f"write for example {example}")
    return exactly_int(price, "a nano-dollar per million tokens", example, value)


def format_token_price(nusd_per_million: int) -> str:
    return f"{format_money(nusd_per_million)}/1M tokens"


def parse_tokens(value: Quantity) -> int:
    """Tokens, or any count, from `10k`, `1.5M`, `128K`, `4096 tokens`. K is 1,000, as vendors count contexts; Ki is 1,024."""
    text = text_of(value, "a number of tokens", "10k")
    match = re.fullmatch(rf"({NUMBER})\s*(Ki|Mi|[kKMGB])?(?:\s*(?:tokens?|tok))?", text)
    if match is None:
        raise QuantityError(f"is {show(value)}, not a number of tokens", "write for example 4096, 10k or 1.5M")
    return exactly_int(EXACT.multiply(decimal(match[1]), Decimal(MULTIPLES[match[2] or ""])), "one token", "4096 or 10k", value)


def format_tokens(tokens: int) -> str:
    """`1.5M`, `10k`, `4096`: with a multiple only where that is exact and short."""
    for suffix, multiple in (("M", MILLION), ("k", 1000)):
        if tokens >= multiple and tokens % (multiple // 10) == 0:
            return f"{format_number(Decimal(tokens) / multiple)}{suffix}"
    return str(tokens)


def parse_rate(value: Quantity, default: str = "min") -> Rate:
    """A rate from `600/min`, `10/s`, `100k tokens/min`, `5 requests per hour`; a bare number is per `default` (a key of SECONDS)."""
    example = "600/min or 100k tokens/min"
    text = text_of(value, "a rate", example)
    amount, slash, period = re.sub(r"\s+(?:per|por)\s+", "/", text, count=1).partition("/")
    match = re.fullmatch(rf"({NUMBER})\s*([kKMGB])?(?:\s*(?:tokens?|tok|requests?|req|calls?))?", amount.strip())
    seconds = DURATION_WORDS.get(period.strip() if slash else default)
    if match is None or seconds is None or seconds < 1:
        raise QuantityError(f"is {show(value)}, not a rate", f"write for example {example} (periods: s, min, h, d)")
    return Rate(EXACT.multiply(decimal(match[1]), Decimal(MULTIPLES[match[2] or ""])).normalize(EXACT), int(seconds))


def format_rate(rate: Rate) -> str:
    unit = next(unit for unit in ("s", "min", "h", "d", "w") if SECONDS[unit] == rate.period_s)
    whole = rate.amount == rate.amount.to_integral_value()
    return f"{format_tokens(int(rate.amount)) if whole else format_number(rate.amount)}/{unit}"


def parse_size(value: Quantity) -> int:
    """Bytes from `32MiB`, `1.5GB`, `512 KiB`, or a bare number of bytes."""
    text = text_of(value, "a size", "32MiB")
    match = NUMBER_THEN.fullmatch(text)
    if match is None or match[2] not in SIZES:
        raise QuantityError(f"is {show(value)}, not a size", "write for example 32MiB (units: B, KB, MB, GB, KiB, MiB, GiB)")
    return exactly_int(EXACT.multiply(decimal(match[1]), Decimal(SIZES[match[2]])), "one byte", "32MiB", value)


def format_size(size: int) -> str:
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % SIZES[unit] == 0:
            return f"{size // SIZES[unit]}{unit}"
    return f"{size}B"
