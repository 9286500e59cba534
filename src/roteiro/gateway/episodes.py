"""Episodes: from what burns at this moment to what is told once when it begins and once when it is over.

Alerts are looked at by their level and not by their edges: whatever was missed or restarted in between, the difference between what was
told and what is the case is what has to be told. All alerts of one severity of an objective are one episode. One that is over is held for a
while first, and for twice as long each time that it comes back within the hour, so that what flickers does not flood anyone.

What must not live here: the block, words, and delivery.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from roteiro.gateway.notice import Kind, Severity

__all__ = ["LONGEST_HOLD_S", "Episode", "Episodes", "What"]

HOLD_S: Final = 120.0
LONGEST_HOLD_S: Final = 3600.0
COMES_BACK_WITHIN_S: Final = 3600.0


class What(NamedTuple):
    """What can burn: an objective's alerts of one severity, or one of its steps."""

    objective: str
    kind: Kind
    severity: Severity
    do: str = ""
    threshold: float = 0.0


class Episode(msgspec.Struct, kw_only=True):
    """From when it was first seen until it is told that it is over. Unix seconds."""

    what: What
    key: str
    since_s: float
    hold_s: float = HOLD_S
    ended_s: float | None = None
    """Since when it is not the case any more, while that is held."""


class Ended(NamedTuple):
    at_s: float
    hold_s: float


class Episodes:
    """Those that are open. `kept`: those that an earlier run left open; they are held as if they ended now."""

    def __init__(self, kept: Iterable[Episode] = (), now_s: float = 0.0, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._open = {one.what: one for one in kept}
        for one in self._open.values():
            one.ended_s, one.hold_s = now_s, max(one.hold_s, hold_s)
        self._ended: dict[What, Ended] = {}

    def look(self, on: Collection[What], now_s: float) -> tuple[list[Episode], list[Episode]]:
        """(those that begin, those that are over), given all that is the case now."""
        begun, over = [], []
        for what in dict.fromkeys(on):
            known = self._open.get(what)
            if known is None:
                begun.append(self._begin(what, now_s))
            elif known.ended_s is not None:
                known.ended_s = None
                known.hold_s = min(2.0 * known.hold_s, LONGEST_HOLD_S)
        for one in list(self._open.values()):
            if one.what in on:
                continue
            if one.ended_s is None:
                one.ended_s = now_s
            if now_s - one.ended_s >= one.hold_s:
                over.append(one)
                del self._open[one.what]
                self._ended[one.what] = Ended(now_s, one.hold_s)
        return begun, over

    def open(self) -> list[Episode]:
        """In the order in which they began."""
        return sorted(self._open.values(), key=lambda one: (one.since_s, one.key))

    @property
    def any_held(self) -> bool:
        """Whether one waits to be over."""
        return any(one.ended_s is not None for one in self._open.values())

    def _begin(self, what: What, now_s: float) -> Episode:
        before = self._ended.pop(what, None)
        back = before is not None and now_s - before.at_s < COMES_BACK_WITHIN_S
        hold_s = min(2.0 * before.hold_s, LONGEST_HOLD_S) if before is not None and back else self._hold_s
        self._open[what] = one = Episode(what=what, key=key_of(what, now_s), since_s=now_s, hold_s=hold_s)
        return one


def key_of(what: What, now_s: float) -> str:
    """Names one episode for ever: `roteiro/gold.availability/alert/page/1790000000000`. At most 255 characters, as PagerDuty has it."""
    return "/".join(parts(what)) + f"/{round(1e3 * now_s)}"


def parts(what: What) -> Iterator[str]:
    yield "roteiro"
    yield what.objective[:160]
    yield what.kind
    yield what.severity if what.kind == "alert" else f"{what.do}-{what.threshold:g}"
