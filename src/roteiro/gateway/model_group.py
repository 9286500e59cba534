"""One provider's servers that the gateway runs itself: as many processes as are wanted, each started, watched and, when it goes, drained.

A server that starts is paid for from the decision on and gets calls once it is loaded. One that leaves gets no new calls, ends those it
has, and only then ends itself; where more are wanted meanwhile, it is taken back. One that dies is brought back by its own watcher, and
gets no calls until it is there again. The same order as in the simulator: those that leave are taken back first, those that start go first.

What must not live here: how many are wanted (`policy.scaling`, by way of `gateway.enactment`), and what a plan says (`local_models`).
"""

import asyncio
import enum
import heapq
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from roteiro.gateway.replica_counts import MOST_SLOTS
from roteiro.plan.model import LocalModel
from roteiro.terms.edge import EdgeReplica
from roteiro.terms.error import SettingsError

__all__ = ["ModelGroup", "ModelProcess", "Slots", "StartsModels"]

log = logging.getLogger("roteiro.gateway")

LOOK_EVERY_S: Final = 0.05
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
"""Between attempts to start a server that does not."""


class ModelProcess(Protocol):
    """A model's process, as `providers.local.LocalModel`."""

    restarts: int
    last_error: str | None

    @property
    def base_url(self) -> str | None:
        """Where it answers; None while it is down."""

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""

    async def start(self) -> str:
        """Load it → its base URL. Raises SettingsError."""

    async def stop(self) -> None:
        """End it."""


StartsModels = Callable[[LocalModel, Callable[[str | None], None]], ModelProcess]
"""(what the plan says, whom to tell of a new address) → a process, not started."""


class Slots:
    """Numbers under which calls at servers are counted; the lowest free one is next."""

    def __init__(self, most: int = MOST_SLOTS) -> None:
        self._free = list(range(most))

    def take(self) -> int:
        """Raises SettingsError where none is free."""
        if not self._free:
            raise SettingsError(f"more than {MOST_SLOTS} servers would run on this machine; lower servers.most")
        return heapq.heappop(self._free)

    def free(self, slot: int) -> None:
        heapq.heappush(self._free, slot)


class Standing(enum.StrEnum):
    STARTING = "starting"
    SERVING = "serving"  # or down, and about to be brought back
    LEAVING = "leaving"
    ENDING = "ending"


@dataclass(slots=True, eq=False)
class ModelServer:
    """One of them. `start_up_s`: from the decision until it served; 0.0 until then."""

    slot: int
    process: ModelProcess
    standing: Standing = Standing.STARTING
    start_up_s: float = 0.0
    task: "asyncio.Task[None] | None" = None


class ModelGroup:
    """See the module. `changed` is told when other servers serve than before; `left(slot)` says whether a server has no calls any more."""

    def __init__(
        self, provider: str, local: LocalModel, make: StartsModels, slots: Slots, changed: Callable[[], None], left: Callable[[int], bool]
    ) -> None:
        self.provider, self.local = provider, local
        self.wanted = 0
        self.start_up_s = 0.0
        """Of the server that came last."""
        self._make, self._slots, self._changed, self._left = make, slots, changed, left
        self._servers: list[ModelServer] = []
        self._told: list[EdgeReplica] = []
        self._error: str | None = None
        self._pause_s, self._not_before = FIRST_PAUSE_S, 0.0

    async def start(self, count: int) -> None:
        """So many at once, and wait until all serve. Raises what the first of them raised, and then there is none."""
        self.wanted = count
        added = [self._add() for _ in range(count)]
        answers = await asyncio.gather(*(self._load(server) for server in added), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                await self.stop()
                raise answer
        self._told = self.serving()

    def serving(self) -> list[EdgeReplica]:
        """Those that calls may go to."""
        return [EdgeReplica(slot=one.slot, base_url=one.process.base_url) for one in self._up() if one.process.base_url is not None]

    @property
    def ready(self) -> int:
        """How many serve."""
        return len(self.serving())

    def resize(self, wanted: int) -> None:
        """Start servers, or let some leave, until so many serve or start. To be called again and again: what failed is tried again."""
        self.wanted = wanted
        have = [one for one in self._servers if one.standing in (Standing.STARTING, Standing.SERVING)]
        for _ in range(wanted - len(have)):
            leaving = next((one for one in self._servers if one.standing is Standing.LEAVING), None)
            if leaving is not None:
                self._take_back(leaving)
            elif asyncio.get_running_loop().time() >= self._not_before:
                self._begin()
        for _ in range(len(have) - wanted):
            # Starting ones first, then those that are down; of the others the last, which gets a call only where all before it are as busy.
            have.sort(key=lambda one: (one.standing is Standing.STARTING, one.process.base_url is None, one.slot))
            self._let_go(have.pop())
        self.notice()

    def notice(self) -> None:
        """Tell of other servers than before."""
        now = self.serving()
        if now != self._told:
            self._told = now
            self._changed()

    def retire(self) -> None:
        """The plan in force has no use for them: all leave, and end when their calls are over."""
        self.wanted = 0
        for one in list(self._servers):
            if one.standing in (Standing.STARTING, Standing.SERVING):
                self._let_go(one)
        self._told = []

    @property
    def gone(self) -> bool:
        """Whether none is left, not even one that leaves."""
        return not self._servers

    async def stop(self) -> None:
        """End all now."""
        tasks = [one.task for one in self._servers if one.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        servers, self._servers = self._servers, []
        await asyncio.gather(*(one.process.stop() for one in servers), return_exceptions=True)
        for one in servers:
            self._slots.free(one.slot)

    def look(self) -> Iterator[dict[str, Any]]:
        """How they are, for the administration."""
        for one in self._servers:
            process = one.process
            standing = "down" if one.standing is Standing.SERVING and process.base_url is None else str(one.standing)
            yield {
                "provider": self.provider, "pid": process.pid, "base_url": process.base_url, "restarts": process.restarts,
                "error": process.last_error, "standing": standing, "start_up_s": round(one.start_up_s, 3) or None,
            }  # fmt: skip
        if self._error is not None:
            yield {
                "provider": self.provider, "pid": None, "base_url": None, "restarts": 0, "error": self._error, "standing": "failed",
                "start_up_s": None,
            }  # fmt: skip

    def _up(self) -> list[ModelServer]:
        return [one for one in self._servers if one.standing is Standing.SERVING]

    def _add(self) -> ModelServer:
        server = ModelServer(self._slots.take(), self._make(self.local, lambda _: self.notice()))
        self._servers.append(server)
        return server

    async def _load(self, server: ModelServer) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await server.process.start()
        server.start_up_s = self.start_up_s = loop.time() - began_s
        server.standing = Standing.SERVING

    def _begin(self) -> None:
        try:
            server = self._add()
        except SettingsError as error:
            self._failed(error)
            return
        log.info("provider %s: a server is being started, to make %d", self.provider, self.wanted)
        server.task = asyncio.create_task(self._come(server), name=f"start a server of {self.provider}")

    async def _come(self, server: ModelServer) -> None:
        try:
            await self._load(server)
        except (SettingsError, OSError) as error:
            self._forget(server)
            self._failed(error)
        except asyncio.CancelledError:
            await server.process.stop()
            self._forget(server)
            raise
        else:
            self._pause_s, self._error = FIRST_PAUSE_S, None
            log.info("provider %s: a server more serves, after %.1f s", self.provider, server.start_up_s)
            self.notice()

    def _failed(self, error: Exception) -> None:
        self._error = str(error)
        self._not_before = asyncio.get_running_loop().time() + self._pause_s
        log.error("provider %s: a server cannot be started, and is tried again in %g s: %s", self.provider, self._pause_s, error)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _let_go(self, server: ModelServer) -> None:
        if server.standing is Standing.STARTING:
            server.standing = Standing.ENDING
            if server.task is not None:
                server.task.cancel()
            return
        server.standing = Standing.LEAVING
        server.task = asyncio.create_task(self._leave(server), name=f"drain a server of {self.provider}")

    async def _leave(self, server: ModelServer) -> None:
        while not self._left(server.slot):
            await asyncio.sleep(LOOK_EVERY_S)
        server.standing = Standing.ENDING
        await server.process.stop()
        self._forget(server)
        log.info("provider %s: a server has ended its calls and is gone", self.provider)

    def _take_back(self, server: ModelServer) -> None:
        assert server.task is not None
        server.task.cancel()
        server.task, server.standing = None, Standing.SERVING

    def _forget(self, server: ModelServer) -> None:
        if server in self._servers:
            self._servers.remove(server)
            self._slots.free(server.slot)
