"""Workers say which edge they go by: one number each in shared memory, and a bell for the supervisor.

The edge is renamed into place before anyone is told. So when every worker that accepts has said a version at least as new, no request is
served by an older one: that is when a revoked key is closed. A worker that starts says READING before it reads the edge; whoever has not
said even that will read the new one.

What must not live here: what an edge is, and whom to tell to read it.
"""

import asyncio
import contextlib
import mmap
import os
import struct
from typing import Final

__all__ = ["Ack", "Acks"]

_AWAY: Final = -1
READING: Final = -2
_WORD: Final = struct.Struct("q")


class Ack:
    """A worker's side. `fd` is the shared memory, `bell` the supervisor's eventfd; both are inherited."""

    def __init__(self, fd: int, bell: int, worker: int) -> None:
        self._memory, self._bell, self._at = mmap.mmap(fd, 0), bell, worker * _WORD.size

    def reading(self) -> None:
        """The edge is about to be read, for the first time."""
        _WORD.pack_into(self._memory, self._at, READING)

    def adopted(self, version: int) -> None:
        """What is accepted from now on goes by this version of the edge."""
        _WORD.pack_into(self._memory, self._at, version)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self._bell, 1)


class Acks:
    """The supervisor's side, for `count` workers."""

    def __init__(self, count: int) -> None:
        self.fd, self.bell = os.memfd_create("roteiro-acks", os.MFD_CLOEXEC), os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        os.ftruncate(self.fd, max(1, count) * _WORD.size)
        self._memory, self._count = mmap.mmap(self.fd, 0), count
        self._waiting: set[asyncio.Future[None]] = set()
        self._listening: asyncio.AbstractEventLoop | None = None
        for worker in range(count):
            self.away(worker)

    def away(self, worker: int) -> None:
        """A worker's process is gone."""
        _WORD.pack_into(self._memory, worker * _WORD.size, _AWAY)
        self._look()

    def late(self, version: int) -> list[int]:
        """Workers that may still go by an older edge."""
        said = [_WORD.unpack_from(self._memory, worker * _WORD.size)[0] for worker in range(self._count)]
        return [worker for worker, word in enumerate(said) if word != _AWAY and word < version]

    async def all(self, version: int, within_s: float) -> list[int]:
        """Waits until all go by this version, but not longer than `within_s` → workers that did not say so, none where all is well."""
        loop = asyncio.get_running_loop()
        if self._listening is None:
            loop.add_reader(self.bell, self._rung)
            self._listening = loop
        give_up = loop.time() + within_s
        while (late := self.late(version)) and (left_s := give_up - loop.time()) > 0:
            news: asyncio.Future[None] = loop.create_future()
            self._waiting.add(news)
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await news
            finally:
                self._waiting.discard(news)
        return late

    def close(self) -> None:
        """Let go of the memory and the bell."""
        if self._listening is not None and not self._listening.is_closed():
            self._listening.remove_reader(self.bell)
        self._memory.close()
        os.close(self.bell)
        os.close(self.fd)

    def _rung(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.bell)
        self._look()

    def _look(self) -> None:
        for news in self._waiting:
            if not news.done():
                news.set_result(None)
