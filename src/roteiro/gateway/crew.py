"""The workers of a server: a bell for each, a door to accept at, and another in the place of one that died.

What must not live here: what a worker does, and how its flows are settled (the owner of the block is told).
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from roteiro.gateway import wake
from roteiro.gateway.child import Child, rss_bytes
from roteiro.gateway.data_directory import DataDirectory, RunDirectory
from roteiro.gateway.doors import Doors
from roteiro.gateway.spec import WorkerSpec
from roteiro.terms.error import SettingsError

__all__ = ["Crew", "Post"]

log = logging.getLogger("roteiro.gateway")

MOST_DEATHS: Final = 5
"""So many in a row, each soon after the start, are a crash loop."""
SOON_S: Final = 10.0
GRACE_S: Final = 5.0
"""On top of the drain: a worker that is done by then has hung."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


@dataclass(slots=True)
class Post:
    """One worker's place: the process changes, the number and the bell stay."""

    number: int
    bell: int
    child: Child | None = None
    restarts: int = 0
    pid: int = 0
    """Of its process, or of the last one it had."""


class Crew:
    """`count` workers."""

    def __init__(
        self,
        data: DataDirectory,
        run: RunDirectory,
        doors: Doors,
        count: int,
        *,
        drain_s: float,
        tls: tuple[str, str] | None,
        died: Callable[[int], None],
        broke: Callable[[str], None],
        trace_ratio: float | None = None,
        region: str | None = None,
        inherit: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """`died` is told the number of a worker that is gone, before another takes its place; `broke`, why it makes no sense to go on.

        `inherit` are more descriptors for the workers, by the names that their specification has for them.
        """
        self.posts = [Post(number, wake.create()) for number in range(count)]
        self._data, self._run, self._doors = data, run, doors
        self._drain_s, self._tls, self._died, self._broke = drain_s, tls, died, broke
        self._inherit, self._trace_ratio, self._region = dict(inherit), trace_ratio, region
        self._keeping: list[asyncio.Task[None]] = []
        self._leaving = False

    async def start(self) -> None:
        """All of them ready. Raises SettingsError where one is not."""
        await asyncio.gather(*(self._spawn(post) for post in self.posts))
        self._keeping = [asyncio.create_task(self._keep(post), name=f"keep worker {post.number}") for post in self.posts]

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(post.child.pid for post in self.posts if post.child is not None)

    def ring(self, number: int) -> None:
        """Tell a worker that flows of its have news."""
        if 0 <= number < len(self.posts):
            wake.ring(self.posts[number].bell)

    def signal(self, number: int) -> None:
        """Signal all of them."""
        for post in self.posts:
            if post.child is not None:
                post.child.signal(number)

    def look(self) -> list[dict[str, object]]:
        """How they are, for the administration."""
        return [
            {
                "worker": post.number,
                "pid": post.child and post.child.pid,
                "rss_bytes": post.child and rss_bytes(post.child.pid),
                "restarts": post.restarts,
            }
            for post in self.posts
        ]

    async def drain(self, hasten: asyncio.Event) -> None:
        """Requests in flight are answered, then all end; where `hasten` is set, at once. What they leave is settled."""
        self._leaving = True
        if not self._keeping:  # they never came to serve
            await self._abandon()
            return
        self._doors.close()  # the workers close theirs: who comes now is refused and need not wait in vain
        self.signal(signal.SIGTERM)
        hastened = asyncio.create_task(hasten.wait())
        over = asyncio.create_task(self._all_over())
        await asyncio.wait((over, hastened), timeout=self._drain_s + GRACE_S, return_when=asyncio.FIRST_COMPLETED)
        hastened.cancel()
        if not over.done():
            self.signal(signal.SIGKILL)
            for post, keeping in zip(self.posts, self._keeping, strict=True):
                if post.child is None:  # it is being started; that ends with it
                    keeping.cancel()
        await over

    def close(self) -> None:
        """Let go of the bells."""
        for post in self.posts:
            os.close(post.bell)

    async def _abandon(self) -> None:
        for post in self.posts:
            if post.child is not None:
                await post.child.kill()
                self._died(post.number)

    async def _all_over(self) -> bool:
        await asyncio.gather(*self._keeping, return_exceptions=True)
        return True

    async def _spawn(self, post: Post) -> Child:
        certificate, key = self._tls or (None, None)
        spec = WorkerSpec(
            worker=post.number,
            run=self._run.name,
            block=str(self._run.block),
            edge=str(self._run.edge),
            lock=str(self._run.lock),
            fd=self._doors.fd(post.number),
            wake_fds=[other.bell for other in self.posts],
            drain_s=self._drain_s,
            tls_certificate=certificate,
            tls_key=key,
            parent=os.getpid(),
            trace_ratio=self._trace_ratio,
            region=self._region,
        )
        path = self._run.worker(post.number)
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(spec, **self._inherit)))
        inherited = [self._doors.fd(post.number), self._data.lock_fd, *spec.wake_fds, *self._inherit.values()]
        child = await Child.start("roteiro.gateway.worker", ["--spec", str(path)], f"worker {post.number}", pass_fds=inherited)
        post.child, post.pid = child, child.pid
        self._man()
        return child

    def _man(self) -> None:
        if not self._leaving:
            self._doors.man([post.number for post in self.posts if post.child is not None])

    async def _keep(self, post: Post) -> None:
        """Until we leave: wait for its end, have its flows settled, start another."""
        deaths, pause_s, since = 0, _FIRST_PAUSE_S, time.monotonic()
        while True:
            if post.child is not None:
                code = await post.child.wait()
                post.child = None
                self._man()
                self._died(post.number)
                if self._leaving:
                    return
                log.error("worker %d ended (%d); its requests are settled and another takes its place", post.number, code)
            deaths, pause_s = (deaths + 1, 2 * pause_s) if time.monotonic() - since < SOON_S else (1, _FIRST_PAUSE_S)
            if deaths >= MOST_DEATHS:
                self._broke(
                    f"worker {post.number} ended {deaths} times in a row, each time within {SOON_S:g} s of its start; its log says why"
                )
                return
            await asyncio.sleep(min(pause_s, _LONGEST_PAUSE_S))
            if self._leaving:
                return
            post.restarts += 1
            since = time.monotonic()
            try:
                child = await self._spawn(post)
            except (SettingsError, OSError) as error:
                log.error("%s", error)
            else:  # what the others were told while it was starting
                child.signal(signal.SIGTERM if self._leaving else signal.SIGUSR1)
