"""A scenario: what goes wrong with the providers of one model, what a client must see of it, and how to tell.

What must not live here: the list of them (`scenarios`), and the playing (`stage`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from roteiro.testing.fault import AnyFault
from roteiro.testing.promise import Promise
from roteiro.testing.question import Question
from roteiro.testing.script import Phase, Script
from roteiro.testing.truth import Told, Truth

__all__ = [
    "SLACK_S",
    "WELL",
    "Acted",
    "Client",
    "Scenario",
    "Seen",
    "Strike",
    "all_of",
    "answered",
    "answered_or_refused",
    "asked",
    "lasting",
    "no_upstream_words",
    "passing",
    "refused",
    "within",
]

SLACK_S: Final = 3.0
"""What a busy machine may add to any bound of time."""
WELL: Final = Script()


class Strike(StrEnum):
    """Ways of not being there at all. They hit the target that is asked first, which the drill then decides on."""

    REFUSED = "refused"
    """Nobody listens at its address."""
    UNKNOWN = "unknown"
    """Its host has no address."""
    UNTRUSTED = "untrusted"
    """Its certificate is one that nobody vouches for."""


class Client(StrEnum):
    """How the client behaves."""

    ORDINARY = "ordinary"
    LEAVES = "leaves"
    """After two words of a stream."""
    READS_SLOWLY = "reads_slowly"
    """A long stream, with a pause in it."""
    REPEATS = "repeats"
    """The same request again under one Idempotency-Key, and another one under it."""
    COMES_LATE = "comes_late"
    """After an outage that opened every breaker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What one target was asked in a scenario, as it saw it."""

    target: str
    requests: int
    prefixes: int = 0
    continues: bool = True
    """Whether it goes on from the beginning of an answer."""
    keys: int = 0
    """How many of its keys were used."""
    gone: int = 0
    """Answers that the gateway did not wait for."""
    heard: Sequence[Question] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that is known when a scenario is over. `acted`: targets in the order in which they were first asked, then those never asked.

    `event`: the request's row in the ledger; `failures`: by target, what counts as its failure; `late`: requests at all targets that
    the last request caused, where an outage went before it.
    """

    promise: Promise
    told: Told
    acted: Sequence[Acted]
    more: Sequence[Told] = ()
    """Further answers, where the client asked more than once."""
    event: Mapping[str, Any] | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    late: int = 0

    def asked(self, place: int) -> int:
        """How often the target of that place was asked."""
        return self.acted[place].requests if place < len(self.acted) else 0


Check = Callable[[Seen], Sequence[str]]
"""What a promise is broken by, in plain English; nothing where it is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`scripts`: of the target that is asked first, of the next one, and so on; the last one holds for all after it.

    `streams`: played with streams, without, or both. `applies`: a word on why it is nothing for a model, or nothing. `lasts`: seconds
    that it may take, beside the slack. `needs`: what a gateway must be able to do for it.
    """

    name: str
    must: str
    """What a person must see."""
    scripts: tuple[Script, ...] = (WELL,)
    strike: Strike | None = None
    streams: tuple[bool, ...] = (False, True)
    client: Client = Client.ORDINARY
    check: Check
    applies: Callable[[Promise], str] = lambda _: ""
    lasts: Callable[[Promise], float] = lambda promise: promise.deadline_s
    larger_is_well: bool = True
    """The model with a larger context, where there is one, has no fault."""
    needs: str = ""
    words: int = 24
    """Length of the answer."""
    pace_s: float = 0.0
    """Between two words, where what comes must have been seen before what follows."""

    def complaints(self, seen: Seen) -> list[str]:
        """Every promise that was broken; none: all kept. That nothing lies and all ends in time is asked of every scenario."""
        told = seen.told
        if self.client is not Client.LEAVES and told.truth in (Truth.LIE, Truth.CUT, Truth.SILENT):
            return [f"{told.truth}: {told.message}"]
        late = told.total_s > self.lasts(seen.promise) + SLACK_S
        found = [f"it took {told.total_s:.1f} s; at most {self.lasts(seen.promise):g} s were promised"] if late else []
        return found + list(self.check(seen))


# -- scripts ------------------------------------------------------------------------------------------------------------------------------


def passing(*faults: AnyFault) -> Script:
    """One request fares ill, then all is well."""
    return Script(phases=(Phase(requests=1, faults=faults),))


def lasting(*faults: AnyFault) -> Script:
    """All fare ill."""
    return Script(phases=(Phase(faults=faults),))


# -- checks -------------------------------------------------------------------------------------------------------------------------------


def all_of(*checks: Check) -> Check:
    """Each of them."""
    return lambda seen: [complaint for check in checks for complaint in check(seen)]


def answered(place: int | None = None) -> Check:
    """A whole answer; from the target that was asked as the `place`th, where one is named. It says so, and names its model's usage."""

    def check(seen: Seen) -> list[str]:
        told = seen.told
        if told.truth is not Truth.ANSWER:
            return [f"no answer: {told.status} {told.code}: {told.message}"]
        found = []
        if place is not None and place < len(seen.acted) and (said := told.headers.get("x-roteiro-target")) != seen.acted[place].target:
            found.append(f"x-roteiro-target is {said}; the answer came from {seen.acted[place].target}")
        if (event := seen.event) is not None and (event["outcome"], event["status"]) != ("success", 200):
            found.append(f"the ledger says {event['outcome']}, status {event['status']}, of a request that was answered")
        return found

    return check


def refused(*statuses: int, code: str = "", retry: bool | None = False) -> Check:
    """An error: of one of these statuses where nothing was shown yet, with that code.

    `retry` False: official clients are told not to try again; True: they are told when to; None: either.
    """

    def check(seen: Seen) -> list[str]:
        told = seen.told
        if told.truth is not Truth.ERROR:
            return [f"{told.truth} of status {told.status}, where only an error is honest"]
        found = []
        if statuses and told.status != 200 and told.status not in statuses:
            found.append(f"status {told.status}, not {' or '.join(map(str, statuses))}")
        if code and told.code != code:
            found.append(f"code {told.code!r}, not {code!r}")
        if told.status != 200 and retry is False and told.headers.get("x-should-retry") != "false":
            found.append("x-should-retry is not false, so that official clients will multiply the outage")
        if told.status != 200 and retry is True and "retry-after" not in told.headers:
            found.append("no retry-after")
        if (event := seen.event) is not None and event["outcome"] == "success":
            found.append("the ledger says success of a request that was refused")
        return found

    return check


def answered_or_refused(seen: Seen) -> list[str]:
    """Either of them, as long as it is honest."""
    return [] if seen.told.truth in (Truth.ANSWER, Truth.ERROR) else [f"{seen.told.truth}: {seen.told.message}"]


def asked(*counts: int | None, others: int | None = None) -> Check:
    """How often each target was asked, in their order; `others`: all beyond those together."""

    def check(seen: Seen) -> list[str]:
        found = []
        for place, count in enumerate(counts):
            if count is not None and seen.asked(place) != count and place < max(1, len(seen.acted)):
                found.append(f"target {place + 1} was asked {seen.asked(place)} times, not {count}")
        rest = sum(acted.requests for acted in seen.acted[len(counts) :])
        if others is not None and rest != others:
            found.append(f"other targets were asked {rest} times, not {others}")
        return found

    return check


def within(seconds: Callable[[Promise], float]) -> Check:
    """The end came in time."""

    def check(seen: Seen) -> list[str]:
        bound, took = seconds(seen.promise), seen.told.total_s
        return [] if took <= bound + SLACK_S else [f"it took {took:.1f} s; at most {bound:g} s and a little were promised"]

    return check


def no_upstream_words(seen: Seen) -> list[str]:
    """An error tells what was tried by category: no provider's text, no name of a key."""
    told = seen.told
    leaked = [word for word in ("sandbox's script", "key-of-the-drill", "127.0.0.1") if word in told.message]
    return [f"the error repeats what only the provider said: {word!r}" for word in leaked]
