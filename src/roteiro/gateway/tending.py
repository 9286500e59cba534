"""The fleet's steps, taken by the supervisor alone: the tick, the settling of a dead worker's requests, and waking whose turn it is.

What must not live here: what a step decides.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from roteiro.gateway.block import SUPERVISOR, Block
from roteiro.gateway.journey_port import NO_FLOW
from roteiro.policy.state import NONE
from roteiro.terms.codes import Step

__all__ = ["TICK_S", "Tending"]

log = logging.getLogger("roteiro.gateway")

TICK_S: Final = 0.25


class Tending:
    """`ring(worker)` tells a worker that flows of its have news; `broke` is told why when the fleet can no longer be tended;
    `enact` does after each tick what was decided in it."""

    def __init__(
        self, block: Block, ring: Callable[[int], None], broke: Callable[[str], None], enact: Callable[[], None] = lambda: None
    ) -> None:
        self._block, self._ring, self._broke, self._enact = block, ring, broke, enact
        self._ticking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tick four times a second from now on."""
        self._ticking = asyncio.create_task(self._tick(), name="tend the fleet")

    async def stop(self) -> None:
        """No more ticks."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)

    def step(self, what: Step, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> float:
        """Take a step, then let those go whose turn it is → its argument."""
        _, argument, _, _, waiting = self._block.step(what, a, b, c, d)
        if waiting:
            self.wake()
        return argument

    def reap(self, worker: int) -> None:
        """Settle all that a dead worker had reserved."""
        settled = int(self.step(Step.REAP, worker))
        if settled:
            log.error("worker %d had %d requests in flight, which are settled as abandoned", worker, settled)

    def wake(self) -> None:
        """WAKE until nobody can go. Each answer names a flow that was granted its place, and so leaves the queue: that bounds the loop."""
        told: set[int] = set()
        for _ in range(len(self._block.state.flows)):
            _, worker, _, flow, _ = self._block.step(Step.WAKE)
            if flow == NO_FLOW:
                break
            told.add(int(worker))
        told |= self._with_news()
        for number in told:
            self._ring(number)

    def _with_news(self) -> set[int]:
        """Workers with flows that another's step granted or dismissed. Read beside their steps: at worst it rings in vain."""
        state, found = self._block.state, set()
        flow = int(state.header["news"][0])
        for _ in range(len(state.flows)):
            if flow == NONE:
                break
            found.add(int(state.flows["worker"][flow]))
            flow = int(state.flows["next"][flow])
        return found - {SUPERVISOR}

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            try:
                self.step(Step.TEND)
                self._enact()
            except Exception as error:
                log.exception("a tick failed")
                self._broke(f"the fleet cannot be tended: {error!r}")
                return
            due = max(due + TICK_S, loop.time())  # a tick that comes late does not make up for those missed
            await asyncio.sleep(due - loop.time())
