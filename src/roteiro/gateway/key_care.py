"""Keys on a server that serves: changed one after another, and in force on every worker when the change is answered.

What must not live here: keys at rest (`keys`), and how a plan takes them up (`adoption`).
"""

import asyncio
import contextlib
import logging
from typing import Final, NamedTuple

from roteiro.gateway.acks import Acks
from roteiro.gateway.adoption import Adoption
from roteiro.gateway.key_clock import KeyClock
from roteiro.gateway.keys import Key, Keys

__all__ = ["KeyCare", "Spread"]

log = logging.getLogger("roteiro.gateway")

START_WITHIN_S: Final = 180.0
"""So long a change of keys waits for the end of a start."""
EFFECTIVE_WITHIN_S: Final = 1.0
"""A change of keys is to be in force on all workers by then."""


class Spread(NamedTuple):
    """How a change of keys reached the workers."""

    took_s: float
    """From the call to the last worker's word."""
    late: tuple[int, ...]
    """Workers that have not said that they go by it, none where all is well."""


class KeyCare:
    """Every change raises RequestError, PlanError, SettingsError, LedgerError. While the server starts, it waits."""

    def __init__(self, keys: Keys, adoption: Adoption, acks: Acks) -> None:
        self._adoption, self._acks = adoption, acks
        self._clock = KeyClock(keys, self._close_old)
        self._serves = asyncio.Event()

    def begin(self) -> None:
        """The server serves."""
        self._serves.set()
        self._clock.start()

    async def end(self) -> None:
        """It serves no more; whoever waits for the start need not wait any longer."""
        self._serves.set()
        await self._clock.stop()

    async def until_serving(self) -> float:
        """Waits for the end of a start → the loop's time. The caller looks whether it serves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_WITHIN_S):
                await self._serves.wait()
        return asyncio.get_running_loop().time()

    async def add(self, since: float, tenant: str, workload: str | None, name: str | None, expires: str | None) -> tuple[Key, str, Spread]:
        """Make a key and open it. `since` is when that was asked for, on the loop's clock."""
        kept, key = await self._adoption.add_key(tenant, workload, name, expires)
        return kept, key, await self._spread(since)

    async def rotate(self, since: float, name: str, overlap_s: float) -> tuple[Key, str, Spread]:
        """Give a key another secret."""
        kept, key = await self._adoption.rotate_key(name, overlap_s)
        return kept, key, await self._spread(since)

    async def revoke(self, since: float, name: str) -> tuple[Key, Spread]:
        """Close a key."""
        return await self._adoption.revoke_key(name), await self._spread(since)

    async def _spread(self, since: float) -> Spread:
        self._clock.look_again()
        late = await self._agree()
        return Spread(asyncio.get_running_loop().time() - since, tuple(late))

    async def _agree(self) -> list[int]:
        """Waits until all workers go by the edge in force → those that have not said so."""
        version = self._adoption.edge.version
        late = await self._acks.all(version, EFFECTIVE_WITHIN_S)
        if late:
            log.error("workers %s have not said within %g s that they go by version %d of the edge", late, EFFECTIVE_WITHIN_S, version)
        return late

    async def _close_old(self) -> None:
        await self._adoption.refresh_keys()
        await self._agree()
