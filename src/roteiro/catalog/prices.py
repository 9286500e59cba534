"""Prices and context lengths of known models, from the `genai-prices` package: data within the package, no network.

The package is imported on first use: it takes a quarter of a second that only a reader of plans should pay.
What must not live here: the plan's own prices, which go first (`plan.resolve`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from roteiro.catalog.vendors import find_vendor
from roteiro.terms.units import NUSD

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, Provider

__all__ = ["CatalogPrice", "find_context", "find_price", "similar_models"]


@dataclass(frozen=True, slots=True)
class CatalogPrice:
    """Nano-dollars per million tokens. `since` is when the price began, where the list says so; `source` names the list and its version."""

    input_nusd_per_mtok: int
    output_nusd_per_mtok: int
    cached_input_nusd_per_mtok: int | None
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


def find_price(vendor: str, model: str, on: date | None = None) -> CatalogPrice | None:
    """The price in force `on` a day (UTC); without a day, the one with the latest beginning. None where the list has none."""
    from genai_prices.types import StartDateConstraint

    found = find(vendor, model)
    if found is None:
        return None
    info = found[1]
    since: date | None = None
    if isinstance(info.prices, list):
        dated = [(row.constraint.start_date, row.prices) for row in info.prices if isinstance(row.constraint, StartDateConstraint)]
        dated = [(day, prices) for day, prices in dated if on is None or day <= on]
        if dated:
            since, prices = max(dated, key=lambda row: row[0])
        elif not info.prices:
            return None
        else:
            prices = info.prices[0].prices
    else:
        prices = info.prices
    paid, earned = nano(getattr(prices, "input_mtok", None)), nano(getattr(prices, "output_mtok", None))
    if paid is None or earned is None:
        return None
    source = f"genai-prices {version('genai-prices')}: {info.id}"
    return CatalogPrice(paid, earned, nano(getattr(prices, "cache_read_mtok", None)), info.id, since, source)


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
