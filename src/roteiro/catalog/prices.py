"""Prices and context lengths of known models, from the `genai-prices` package: data within the package, no network.

The package is imported on first use: it takes a quarter of a second that only a reader of plans should pay.
What must not live here: the plan's own prices, which go first (`plan.resolve`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from difflib import get_close_matches
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from roteiro.catalog.vendors import find_vendor
from roteiro.terms.units import NUSD

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider

__all__ = ["CatalogPrice", "CatalogWindow", "find_context", "find_price", "price_days", "similar_models"]

DAY_S: Final = 86_400.0
LAST_DAY: Final = date(9999, 12, 31)
FINEST: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class CatalogWindow:
    """Hours of the UTC day, in seconds since midnight, at which all costs less by `discount`; past midnight where they end earlier."""

    from_s: float
    to_s: float
    discount: float


@dataclass(frozen=True, slots=True)
class CatalogPrice:
    """Nano-dollars per million tokens; at the dearest hour, where the hour counts.

    `since` is when the price began, where the list says so; `source` names the list, its version, and what was left aside of the price.
    """

    input_nusd_per_mtok: int
    output_nusd_per_mtok: int
    cached_input_nusd_per_mtok: int | None
    reasoning_nusd_per_mtok: int | None
    off_peak: CatalogWindow | None
    model: str
    since: date | None
    source: str


@cache
def snapshot() -> "DataSnapshot":
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    # Made here, not asked for: the package's own may be replaced by an update from the network.
    return DataSnapshot(providers=providers, from_auto_update=False, timestamp=datetime(1970, 1, 1, tzinfo=UTC))


def find(vendor: str, model: str) -> "tuple[Provider, ModelInfo] | None":
    row = find_vendor(vendor)
    listed = row.prices if row is not None else vendor.lower()
    if listed is None:
        return None
    try:
        return snapshot().find_provider_model(model, None, listed, None)
    except LookupError:
        return None


def nano(price: Any) -> int | None:
    """Nano-dollars of a price in dollars; of a tiered one its base. None where it is finer than a nano-dollar or missing."""
    amount = getattr(price, "base", price)
    if not isinstance(amount, Decimal):
        return None
    exact = amount * NUSD
    return int(exact) if exact == exact.to_integral_value() else None


def find_price(vendor: str, model: str, on: date | None = None, *, answers: bool = True) -> CatalogPrice | None:
    """The price in force `on` a day (UTC); without a day, the one with the latest beginning. None where the list has none.

    `answers`: whether the model gives some; one that embeds is listed without a price of output, which then is 0.
    Of a price that grows with the length of the request, the base: `source` says so.
    """
    found = find(vendor, model)
    if found is None:
        return None
    info, day = found[1], on or LAST_DAY
    hours = prices_of_day(info, day)
    if not hours:
        return None
    dearest = max((row for _, _, row in hours), key=lambda row: (row.output or 0, row.input or 0))
    if dearest.input is None or (dearest.output is None and answers):
        return None
    source = f"genai-prices {version('genai-prices')}: {info.id}"
    return CatalogPrice(
        input_nusd_per_mtok=dearest.input,
        output_nusd_per_mtok=dearest.output or 0,
        cached_input_nusd_per_mtok=dearest.cached,
        reasoning_nusd_per_mtok=dearest.reasoning,
        off_peak=cheaper_hours(hours, dearest),
        model=info.id,
        since=began(info, day),
        source=f"{source}, base tier" if dearest.tiered else source,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """The list's row of one hour, in nano-dollars per million tokens; None where it says nothing."""

    input: int | None
    output: int | None
    cached: int | None
    reasoning: int | None
    tiered: bool


def row_of(prices: "ModelPrice") -> Row:
    listed = [getattr(prices, key, None) for key in ("input_mtok", "output_mtok", "cache_read_mtok", "output_reasoning_mtok")]
    paid, earned, cached, reasoning = (nano(price) for price in listed)
    return Row(paid, earned, cached, reasoning, tiered=any(hasattr(price, "tiers") for price in listed))


def prices_of_day(info: "ModelInfo", day: date) -> list[tuple[float, float, Row]]:
    """(from, to, row) in order, over the whole of a UTC day. Empty where the model has no price at all."""
    from genai_prices.types import TimeOfDateConstraint

    if isinstance(info.prices, list) and not info.prices:
        return []
    conditions = [row.constraint for row in info.prices] if isinstance(info.prices, list) else []
    windows = [condition for condition in conditions if isinstance(condition, TimeOfDateConstraint)]
    edges = sorted({0.0} | {seconds(edge) for window in windows for edge in (window.start_time, window.end_time)})
    midnight = datetime.combine(day, time(0, tzinfo=UTC))
    return [
        (begin, end, row_of(info.get_prices(midnight + timedelta(seconds=begin))))
        for begin, end in zip(edges, [*edges[1:], DAY_S], strict=True)
    ]


def seconds(edge: time) -> float:
    """Since midnight UTC. A time without a zone is UTC, as the list has it."""
    ahead = edge.utcoffset() or timedelta()
    return (edge.hour * 3600.0 + edge.minute * 60.0 + edge.second - ahead.total_seconds()) % DAY_S


def cheaper_hours(hours: list[tuple[float, float, Row]], dearest: Row) -> CatalogWindow | None:
    """The longest run of hours that cost less than the dearest, with the least discount in it: nothing is promised that is not kept."""
    shares = [(begin, end, share_of(row, dearest)) for begin, end, row in hours]
    while shares[0][2] == shares[-1][2] and len(shares) > 1 and shares[0][0] == 0.0:  # what goes past midnight is one run
        shares = [*shares[1:-1], (shares[-1][0], shares[0][1] + DAY_S, shares[0][2])]
    cheap = [row for row in shares if row[2] < 1]
    if not cheap:
        return None
    begin, end, share = max(cheap, key=lambda row: row[1] - row[0])
    return CatalogWindow(begin, end % DAY_S, float((1 - share).quantize(FINEST, ROUND_DOWN)))


def share_of(row: Row, dearest: Row) -> Decimal:
    """What remains to be paid of the dearest price, by the part that is discounted least."""
    pairs = ((row.input, dearest.input), (row.output, dearest.output), (row.cached, dearest.cached), (row.reasoning, dearest.reasoning))
    return max((Decimal(now) / Decimal(most) for now, most in pairs if now is not None and most), default=Decimal(1))


def began(info: "ModelInfo", day: date) -> date | None:
    """The last day, up to that one, on which the model's price changed."""
    from genai_prices.types import StartDateConstraint

    conditions = [row.constraint for row in info.prices] if isinstance(info.prices, list) else []
    days = [condition.start_date for condition in conditions if isinstance(condition, StartDateConstraint)]
    return max((start for start in days if start <= day), default=None)


def find_context(vendor: str, model: str) -> int | None:
    """Longest context of the model in tokens, where the list has it."""
    found = find(vendor, model)
    return None if found is None else found[1].context_window


def similar_models(vendor: str, model: str, most: int = 3) -> list[str]:
    """Known models of the vendor with a name like that, best first."""
    row = find_vendor(vendor)
    listed = row.prices if row is not None else vendor.lower()
    names = [info.id for provider in snapshot().providers if provider.id == listed for info in provider.models]
    begun = sorted((name for name in names if name.startswith(model)), key=len)
    return (begun or get_close_matches(model, names, n=most, cutoff=0.5))[:most]


def price_days(vendor: str, model: str) -> tuple[date, ...]:
    """The days on which the model's listed price changed, in order. Empty where the list has no dates of it."""
    from genai_prices.types import StartDateConstraint

    found = find(vendor, model)
    prices = found[1].prices if found is not None else None
    conditions = [row.constraint for row in prices] if isinstance(prices, list) else []
    return tuple(sorted({condition.start_date for condition in conditions if isinstance(condition, StartDateConstraint)}))
