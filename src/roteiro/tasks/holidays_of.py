"""Public holidays by country and subdivision, of the library `holidays` in the extra `forecast`.

What must not live here: what holidays do to demand (`analysis.holiday_effect`).
"""

import warnings
from collections.abc import Iterable
from datetime import date
from typing import Final

from roteiro.analysis.learners import library
from roteiro.plan.near import did_you_mean
from roteiro.terms.error import SettingsError

__all__ = ["holidays_of"]

OPTIONAL: Final = "optional"
FORM: Final = "write a country's two letters, perhaps with a subdivision: BR, BR-SP, US-CA; BR:optional has carnival too"


def holidays_of(calendars: Iterable[str], first: date, last: date, language: str = "en_US") -> dict[date, str]:
    """The holidays of all these calendars from `first` to `last`, with their names in a `language` that the
    library has for them, in order.

    A calendar is `BR`, `BR-SP`, or `BR-SP:optional`, which has the days too that employers may give: in Brazil carnival and Corpus Christi.
    Raises SettingsError for one that is not there, and where the extra is missing.
    """
    found: dict[date, set[str]] = {}
    for calendar in dict.fromkeys(calendars):
        for day, name in of_calendar(calendar, range(first.year, last.year + 1), language).items():
            if first <= day <= last:
                found.setdefault(day, set()).add(name)
    return {day: ", ".join(sorted(found[day])) for day in sorted(found)}


def of_calendar(calendar: str, years: Iterable[int], language: str) -> dict[date, str]:
    there = library("holidays")
    place, _, also = calendar.strip().partition(":")
    country, _, subdivision = place.partition("-")
    known = there.list_supported_countries()
    if country.upper() not in known:
        raise SettingsError(f"there is no calendar {calendar[:40]!r}; {did_you_mean(country.upper(), sorted(known), FORM)}")
    parts = {one.upper(): one for one in known[country.upper()]}
    if subdivision and subdivision.upper() not in parts:
        raise SettingsError(f"{country.upper()} has no subdivision {subdivision[:40]!r}; there are: {', '.join(sorted(parts.values()))}")
    if also not in ("", OPTIONAL):
        raise SettingsError(f"{calendar[:40]!r} is no calendar; {FORM}")
    make = there.country_holidays
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of = {"subdiv": parts.get(subdivision.upper()), "years": list(years), "language": language}
        usual = make(country.upper(), **of)
        if also and OPTIONAL in usual.supported_categories:
            usual = make(country.upper(), categories=("public", OPTIONAL), **of)
        return dict(usual.items())
