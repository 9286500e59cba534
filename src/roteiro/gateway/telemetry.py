"""What a server tells about itself while it serves: it reads along in the rings, four times a second, and counts.

No request waits for it and no worker does anything for it: whatever is counted is in the rows that the kernel writes anyway.
What must not live here: how things are counted (`tally`, `recent`), and the forms in which they are told (`metrics`, `overview`).
"""

import asyncio
import logging
import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

from roteiro.gateway.access_log import AccessLog
from roteiro.gateway.block import Block
from roteiro.gateway.follower import Follower
from roteiro.gateway.metrics import Seen, metrics_page
from roteiro.gateway.overview import overview
from roteiro.gateway.recent import Recent
from roteiro.gateway.tally import Steps, Tally
from roteiro.terms.edge import Names

__all__ = ["EVERY_S", "Telemetry"]

log = logging.getLogger("roteiro.gateway")

EVERY_S: Final = 0.25
BATCH: Final = 16_384
"""Rows that are read at once; between two batches the supervisor may do something else."""


class Telemetry:
    """Of one run. `names` are those in force; `clock` tells seconds since the run's epoch."""

    def __init__(self, block: Block, names: Callable[[], Names], clock: Callable[[], float], access_log: AccessLog | None = None) -> None:
        self._access_log = access_log
        self.tally, self.steps, self.recent = Tally(), Steps(), Recent()
        self._names, self._clock = names, clock
        self._events, self._decisions = Follower(block.ring("events"), cursor=0), Follower(block.ring("decisions"), cursor=0)
        self._reading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Read along from now on."""
        self._reading = asyncio.create_task(self._read_along(), name="read along")

    async def stop(self) -> None:
        """What is left, and no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            while self.read():
                pass

    def read(self) -> bool:
        """Take in a batch of each ring. Whether more is there."""
        self.tally.add(events := self._events.take(BATCH))
        self.recent.add(events, self._clock())
        if self._access_log is not None:
            self._access_log.take(events)
        self.steps.add(self._decisions.take(BATCH))
        return self._events.behind > 0 or self._decisions.behind > 0

    @property
    def missed(self) -> dict[str, int]:
        """Rows of each ring that were overwritten before they were read."""
        return {"events": self._events.missed, "decisions": self._decisions.missed}

    def page(self, state: dict[str, Any], accept: str) -> tuple[bytes, str]:
        """(body, content type) for a scrape that accepts these types. `state`: of the supervisor."""
        while self.read():
            pass
        seen = Seen(
            state, self.tally, self.steps, self._names(), self.missed, {"version": version("roteiro"), "python": platform.python_version()}
        )
        return metrics_page(seen, accept)

    def overview(self, state: dict[str, Any]) -> dict[str, Any]:
        """What the live view shows."""
        self.read()
        return overview(state, self.recent, self._names(), self._clock())

    async def _read_along(self) -> None:
        while True:
            try:
                while self.read():
                    await asyncio.sleep(0)
            except Exception:  # whatever is wrong with it, requests are served
                log.exception("telemetry could not read along")
                await asyncio.sleep(10.0)
            await asyncio.sleep(EVERY_S)
