"""How much hangs on one vendor: shares, and the Herfindahl-Hirschman index (A. Hirschman, "National Power and the Structure of Foreign
Trade", 1945): the sum of squared shares, 1 where one has all, 1/n where n have alike.

What must not live here: where the shares come from, and what stands behind a vendor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Concentration", "concentration"]


@dataclass(frozen=True, slots=True)
class Concentration:
    """`shares` by vendor, the largest first; `index` is None where there is nothing to share; `like`: so many equal ones would be as
    concentrated."""

    shares: dict[str, float]
    index: float | None
    like: float | None


def concentration(amounts: Mapping[str, float]) -> Concentration:
    """Of amounts by vendor, none of them negative."""
    total = sum(amounts.values())
    if total <= 0.0:
        return Concentration(dict.fromkeys(amounts, 0.0), None, None)
    shares = dict(sorted(((name, amount / total) for name, amount in amounts.items()), key=lambda item: (-item[1], item[0])))
    index = sum(share * share for share in shares.values())
    return Concentration(shares, index, 1.0 / index)
