"""Quantities: what people write is read exactly, and what is written back reads the same."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms import units
from roteiro.terms.units import QuantityError, Rate, Spend

DAY = 86400


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2000ms", "2"), ("15min", "900"), ("4h", "14400"), ("7d", "604800"), ("1.5s", "1.5"), ("1h30min", "5400"), ("1h 30m", "5400"),
        ("2 semanas", "1209600"), ("1w", "604800"), ("250 µs", "0.00025"), ("0", "0"), (0, "0"), ("5m", "300"), ("1,500ms", "1.5"),
        ("1 dia", "86400"), ("30 Seconds", "30"),
    ],
)  # fmt: skip
def test_durations(written: str | int, seconds: str) -> None:
    assert units.parse_duration(written) == Decimal(seconds)


def test_a_bare_duration_needs_a_default_unit() -> None:
    assert units.parse_duration(300, "s") == 300
    assert units.parse_duration("300", "ms") == Decimal("0.3")
    with pytest.raises(QuantityError, match="without a unit; write 300s, 300ms or 300min"):
        units.parse_duration(300)


@pytest.mark.parametrize(
    "written",
    ["", "ms", "-3s", "5 parsecs", "30min 1h", "1s2s", "1e9s", True, float("nan"), float("inf"), "9" * 50, Decimal("1e999"), "१s"],
)
def test_what_is_no_duration(written: units.Quantity) -> None:
    with pytest.raises(QuantityError) as caught:
        units.parse_duration(written, "s")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("written", "share"), [("5%", "0.05"), ("99.9%", "0.999"), ("0.05", "0.05"), (0.05, "0.05"), ("0.90", "0.9"), (1, "1"), ("100 %", "1")]
)
def test_shares(written: units.Quantity, share: str) -> None:
    assert units.parse_share(written) == Decimal(share)


def test_a_share_above_one_is_refused_with_the_likely_remedy() -> None:
    with pytest.raises(QuantityError, match="is 5; a share is at least 0 and at most 1; write 5%"):
        units.parse_share(5)
    with pytest.raises(QuantityError, match="is 120%; a share is at least 0 and at most 100%"):
        units.parse_share("120%")
    with pytest.raises(QuantityError):
        units.parse_share("-1%")


@pytest.mark.parametrize(
    ("written", "nusd"),
    [("$1000", 10**12), ("US$ 12.50", 12_500_000_000), ("12.50 USD", 12_500_000_000), (1000, 10**12), ("$1,000.5", 1_000_500_000_000),
     ("$0.000000001", 1), (0.1, 100_000_000)],
)  # fmt: skip
def test_money(written: units.Quantity, nusd: int) -> None:
    assert units.parse_money(written) == nusd


@pytest.mark.parametrize("written", ["R$ 5", "€5", "five", "$", "$-5", "-5", "$1.2.3", "$0.0000000001", "1,00"])
def test_what_is_no_money(written: str) -> None:
    with pytest.raises(QuantityError):
        units.parse_money(written)


@pytest.mark.parametrize(
    ("written", "price"),
    [("$0.002/1K tokens", 2_000_000_000), ("0.15/M", 150_000_000), ("$3 per million tokens", 3_000_000_000),
     ("$30/1M tokens", 30_000_000_000), ("$0.00001/token", 10_000_000_000), ("US$ 0.15 / 1M", 150_000_000), ("$0", 0), (0, 0)],
)  # fmt: skip
def test_token_prices(written: units.Quantity, price: int) -> None:
    assert units.parse_token_price(written) == price


@pytest.mark.parametrize("written", ["0.15", "$1/0 tokens", "$1/", "$1/2 apples", "/M", "$1/3 tokens", 3])
def test_what_is_no_token_price(written: units.Quantity) -> None:
    with pytest.raises(QuantityError):
        units.parse_token_price(written)


@pytest.mark.parametrize(
    ("written", "spend"),
    [("$5/mês", Spend(5 * units.NUSD, "month")), ("$2/day", Spend(2 * units.NUSD, "day")), ("1 per hour", Spend(units.NUSD, "hour"))],
)
def test_spends(written: str, spend: Spend) -> None:
    assert units.parse_spend(written) == spend


@pytest.mark.parametrize(
    ("written", "tokens"), [("10k", 10_000), ("1.5M", 1_500_000), ("128K", 128_000), ("4096 tokens", 4096), (7, 7), ("128Ki", 131072)]
)
def test_tokens(written: units.Quantity, tokens: int) -> None:
    assert units.parse_tokens(written) == tokens


@pytest.mark.parametrize(
    ("written", "amount", "period_s"),
    [
        ("600/min", 600, 60),
        ("10/s", 10, 1),
        ("100k tokens/min", 100_000, 60),
        ("5 requests per hour", 5, 3600),
        (60, 60, 60),
        ("1000/dia", 1000, DAY),
    ],
)
def test_rates(written: units.Quantity, amount: int, period_s: int) -> None:
    assert units.parse_rate(written) == Rate(Decimal(amount), period_s)


@pytest.mark.parametrize(("written", "size"), [("32MiB", 2**25), ("1.5GB", 1_500_000_000), (512, 512), ("4 KiB", 4096)])
def test_sizes(written: units.Quantity, size: int) -> None:
    assert units.parse_size(written) == size


@pytest.mark.parametrize(("written", "factor"), [(1.15, "1.15"), ("+15%", "1.15"), ("-5%", "0.95"), ("1.08", "1.08")])
def test_factors(written: units.Quantity, factor: str) -> None:
    assert units.parse_factor(written) == Decimal(factor)


plain = st.decimals(min_value=0, max_value=10**9, places=6, allow_nan=False)


@given(plain)
def test_law_durations_return(seconds: Decimal) -> None:
    assert units.parse_duration(units.format_duration(seconds)) == seconds


@given(st.floats(min_value=1e-6, max_value=1e9, allow_nan=False))
def test_law_durations_return_as_floats_too(seconds: float) -> None:
    assert float(units.parse_duration(units.format_duration(seconds))) == seconds


@given(st.decimals(min_value=0, max_value=1, places=9))
def test_law_shares_return(share: Decimal) -> None:
    assert units.parse_share(units.format_share(share)) == share


@given(st.integers(0, 10**19))
def test_law_money_prices_tokens_and_sizes_return(n: int) -> None:
    assert units.parse_money(units.format_money(n)) == n
    assert units.parse_token_price(units.format_token_price(n)) == n
    assert units.parse_tokens(units.format_tokens(n)) == n
    assert units.parse_size(units.format_size(n)) == n
    assert units.parse_spend(units.format_spend(Spend(n, "week"))) == Spend(n, "week")


@given(st.decimals(min_value=0, max_value=10**9, places=3), st.sampled_from([1, 60, 3600, DAY]))
def test_law_rates_return(amount: Decimal, period_s: int) -> None:
    rate = Rate(amount, period_s)
    assert units.parse_rate(units.format_rate(rate)) == rate


PARSERS = [
    units.parse_number, units.parse_duration, units.parse_share, units.parse_factor, units.parse_money, units.parse_spend,
    units.parse_token_price, units.parse_tokens, units.parse_rate, units.parse_size,
]  # fmt: skip

anything = st.one_of(
    st.text(max_size=30), st.integers(), st.floats(), st.decimals(), st.booleans(),
    st.from_regex(r"\A[$0-9.,% ]{0,8}(ms|s|min|k|M|%|/1K tokens|/day|MiB)?\Z"),
)  # fmt: skip


@given(anything)
def test_law_nothing_else_than_a_quantity_error_is_raised(value: units.Quantity) -> None:
    for parse in PARSERS:
        try:
            parse(value)
        except QuantityError as error:
            assert error.message
