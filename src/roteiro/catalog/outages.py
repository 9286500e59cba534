"""How often vendors' services are down, as was measured: dated data with its source.

What must not live here: draws, and what a provider promises (the plan's `promised_sla`).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from roteiro.catalog.vendors import find_vendor

__all__ = ["OUTAGE_RATES", "OutageRate", "find_outage_rate"]

DAY_S, HOUR_S = 86_400.0, 3_600.0


@dataclass(frozen=True, slots=True)
class OutageRate:
    """Mean times between a vendor's failures and to its recovery, in seconds, over the days from `since` to `until`."""

    vendor: str
    mtbf_s: float
    mttr_s: float
    since: date
    until: date
    source: str


STATUS_PAGES: Final = (
    "public status pages 2021-2024, in: An Empirical Characterization of Outages and Incidents in Public Services for Large Language "
    "Models, ICPE 2025"
)

OUTAGE_RATES: Final[dict[str, OutageRate]] = {
    row.vendor: row
    for row in (
        OutageRate("openai", 5.64 * DAY_S, 2.56 * HOUR_S, date(2021, 1, 1), date(2024, 12, 31), STATUS_PAGES),
        OutageRate("anthropic", 5.22 * DAY_S, 2.81 * HOUR_S, date(2021, 1, 1), date(2024, 12, 31), STATUS_PAGES),
    )
}
"""Of the vendors' own APIs. Outages of the two fell on the same day about as often as chance would have it, with rare exceptions."""


def find_outage_rate(vendor: str) -> OutageRate | None:
    """What was measured of the vendor of that name, or None."""
    row = find_vendor(vendor)
    return None if row is None else OUTAGE_RATES.get(row.name)
