"""Prices → the columns of targets, and the table of those that are still to come.

What holds is what holds at the block's last step, so that a run which begins after a change has the later price, and an adoption
that is replayed writes what it wrote. What must not live here: the checks of them (`check_prices`), and taking them up when their time
comes (`policy.price_change`).
"""

from collections.abc import Sequence

from roteiro.plan.model import Plan
from roteiro.plan.moment import begins_at
from roteiro.plan.provider import Price, PriceChange
from roteiro.policy.state import State

__all__ = ["fill_prices", "price_changes"]

COLUMNS = ("price_input", "price_cached", "price_output", "price_reasoning")
FOREVER = float("inf")


def columns(price: Price | PriceChange) -> tuple[int, int, int, int]:
    """Nano-dollars per million tokens: input, cached input, output, reasoning."""
    cached, reasoning = price.cached_input_nusd_per_mtok, price.reasoning_nusd_per_mtok
    return (
        price.input_nusd_per_mtok,
        price.input_nusd_per_mtok if cached is None else cached,
        price.output_nusd_per_mtok,
        price.output_nusd_per_mtok if reasoning is None else reasoning,
    )


def price_changes(plan: Plan, targets: Sequence[str]) -> list[tuple[float, int, PriceChange]]:
    """(Unix seconds, target, prices) of every change, in order of time."""
    rows = [
        (begins_at(change.since, plan.timezone), targets.index(name), change)
        for name, provider in plan.providers.items()
        for change in (provider.price.changes if provider.price is not None else ())
    ]
    return sorted(rows, key=lambda row: row[:2])


def fill_prices(plan: Plan, targets: Sequence[str], state: State) -> None:
    """Prices of the targets as they are now, and those to come. A target that went keeps its last."""
    header = state.header[0]
    epoch, now = float(header["epoch_unix_s"]), float(header["last_now"])
    for target, name in enumerate(targets):
        if name in plan.providers:
            price = plan.providers[name].price
            row = state.targets[target]
            for column, value in zip(COLUMNS, (0, 0, 0, 0) if price is None else columns(price), strict=True):
                row[column] = value
    rows, due = price_changes(plan, targets), 0
    for i, (unix_s, target, change) in enumerate(rows):
        state.prices[i] = (unix_s - epoch, target, *columns(change))
        if unix_s - epoch <= now:
            due = i + 1
            for column in COLUMNS:
                state.targets[target][column] = state.prices[i][column]
    header["price_count"], header["price_next"] = len(rows), due
    header["next_price_at"] = state.prices[due]["at"] if due < len(rows) else FOREVER
