"""Cross-checks of prices by date.

What must not live here: off-peak hours (`check_levers`).
"""

from collections.abc import Iterator
from typing import Final

from roteiro.plan.look import Found, Look, checks
from roteiro.plan.moment import begins_at, parse_moment
from roteiro.plan.resolve import Path

EARLIEST: Final = "2000-01-01"
EARLIEST_S: Final = parse_moment(EARLIEST) or 0.0


def dated(look: Look) -> Iterator[tuple[Path, str, float]]:
    """(place, as written, Unix seconds) of every change of a price."""
    for name, provider in look.plan.providers.items():
        for index, change in enumerate(provider.price.changes if provider.price is not None else ()):
            yield ("providers", name, "price", "changes", index, "from"), change.since, begins_at(change.since, look.plan.timezone)


def followed(look: Look) -> Iterator[tuple[Path, str, float, str, float]]:
    """Every change and the one before it of the same provider: (place, as written, Unix seconds, the same of the one before)."""
    before: tuple[Path, str, float] | None = None
    for path, since, unix_s in dated(look):
        if before is not None and before[0][1] == path[1]:
            yield path, since, unix_s, before[1], before[2]
        before = path, since, unix_s


@checks("E289", "changes of a price are out of order", "Read from the top, they tell another history than the one that would be charged.")
def out_of_order(look: Look) -> Iterator[Found]:
    for path, since, unix_s, last, last_s in followed(look):
        if unix_s < last_s:
            yield Found(path, f"is {since}, before the change above it, {last}", "write them in the order of their dates")


@checks("E290", "a price changes twice at one moment", "Only one of the two could hold.")
def twice_at_once(look: Look) -> Iterator[Found]:
    for path, since, unix_s, last, last_s in followed(look):
        if unix_s == last_s:
            yield Found(path, f"is {since}, as the change above it" + (f", {last}" if last != since else ""), "leave one of them out")


@checks("E291", "a price changes before the year 2000", "No provider sold tokens then: the year is misspelt.")
def too_early(look: Look) -> Iterator[Found]:
    for path, since, unix_s in dated(look):
        if unix_s < EARLIEST_S:
            yield Found(path, f"is {since}; at the earliest {EARLIEST}", "mend the year")
