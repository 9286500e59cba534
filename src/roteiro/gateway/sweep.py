"""One clock and one timer for all deadlines of a worker.

While something has a deadline, a tick every 10 ms looks at all of them; an idle worker does not tick. Looking at a thousand costs some
40 µs, where a timer a request would cost every request. What must not live here: what a passed deadline means.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from roteiro.providers.pool import Timed

__all__ = ["TICK_S", "Sweep"]

TICK_S: Final = 0.01


class Sweep:
    """The worker's `Timer`. `now()` counts seconds since the run's epoch, on the monotonic clock that all processes share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch_monotonic_s: float) -> None:
        self._loop = loop
        self._epoch_s = epoch_monotonic_s
        self._things: set[Timed] = set()
        self._ticking = False
        self._works: list[Callable[[], None]] = []
        self._second: asyncio.TimerHandle | None = None

    def now(self) -> float:
        return time.monotonic() - self._epoch_s

    def unix(self) -> float:
        return time.time()

    def watch(self, thing: Timed) -> None:
        self._things.add(thing)
        if not self._ticking:
            self._ticking = True
            self._loop.call_later(TICK_S, self._tick)

    def forget(self, thing: Timed) -> None:
        self._things.discard(thing)

    def every_second(self, work: Callable[[], None]) -> None:
        """Calls `work` now and then once a second, until `stop`."""
        work()
        self._works.append(work)
        if self._second is None:
            self._second = self._loop.call_later(1.0, self._each_second)

    def stop(self) -> None:
        """Ends the work of every second."""
        self._works.clear()
        if self._second is not None:
            self._second.cancel()

    def _each_second(self) -> None:
        self._second = self._loop.call_later(1.0, self._each_second)
        for work in self._works:
            work()

    def _tick(self) -> None:
        if not self._things:
            self._ticking = False
            return
        self._loop.call_later(TICK_S, self._tick)
        now = self.now()
        for thing in [thing for thing in self._things if thing.due <= now]:
            if thing in self._things:  # an earlier one may have ended it
                thing.late()
