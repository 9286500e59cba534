"""Keys that expire and secrets whose overlap ends are closed at their moment.

What must not live here: how a key is closed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from roteiro.gateway.keys import Keys
from roteiro.terms.error import RoteiroError

__all__ = ["KeyClock"]

log = logging.getLogger("roteiro.gateway")

LONGEST_S: Final = 60.0
"""So often it looks in any case: another server may share the database."""
_AGAIN_S: Final = 5.0


class KeyClock:
    """`close_old` is called whenever a key's moment has come."""

    def __init__(self, keys: Keys, close_old: Callable[[], Awaitable[None]]) -> None:
        self._keys, self._close_old = keys, close_old
        self._news = asyncio.Event()
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._working = asyncio.create_task(self._work(), name="close keys in time")

    async def stop(self) -> None:
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    def look_again(self) -> None:
        """Keys were changed."""
        self._news.set()

    async def _work(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._close_old()
                moment = await asyncio.to_thread(self._keys.next_change)
                pause_s = LONGEST_S if moment is None else (moment - datetime.now(UTC)).total_seconds()
            except RoteiroError as error:
                log.error("keys whose time is over cannot be closed, and it is tried again: %s", error)
                pause_s = _AGAIN_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(pause_s, 0.0), LONGEST_S)):  # `wait_for` of 3.11 can swallow a cancellation
                    await self._news.wait()
