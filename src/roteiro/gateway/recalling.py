"""Objectives take up what the ledger counted before: at a start all of them, and those that an adopted plan brings.

Requests are served meanwhile: the ledger is asked in a process of its own for all but what the kernel has counted itself, and what it says
is added to that, an objective at a time, while no other process takes steps. Until then alerts and steps go by what this run has counted.
What must not live here: the question (`slo_before`), and counting.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from roteiro.gateway.block import Block
from roteiro.gateway.child import run_to_end
from roteiro.gateway.data_directory import DataDirectory
from roteiro.gateway.slo_before import MINUTE_BIT, Cut, Slot
from roteiro.plan.compile import Compiled
from roteiro.plan.compile_objectives import watched
from roteiro.plan.promised import Promised
from roteiro.policy.state import HOUR_SLOTS, MINUTE_SLOTS
from roteiro.terms.codes import Step
from roteiro.terms.error import LedgerError

__all__ = ["Recalling", "meanings"]

log = logging.getLogger("roteiro.gateway")

DURABLE_WITHIN_S: Final = 30.0
LOOK_EVERY_S: Final = 0.05


class Recalling:
    """Of one run. `compiled` is the plan in force."""

    def __init__(self, data: DataDirectory, run: str, block: Block, compiled: Callable[[], Compiled]) -> None:
        self._data, self._run, self._block, self._compiled = data, run, block, compiled
        self._known: dict[str, object] = {}
        self._working: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Have the objectives whose meaning is new take up what was counted before; to be called once the plan is in force."""
        meant = meanings(watched(self._compiled().plan))
        new = [name for name, meaning in meant.items() if self._known.get(name) != meaning]
        self._known = meant
        if new:
            header = self._block.state.header
            cut = Cut(run=self._run, events=int(header["event_head"][0]), signals=int(header["signal_head"][0]))
            self._working = asyncio.create_task(self._take_up(new, cut, self._working), name="take up what objectives counted before")

    async def done(self) -> None:
        """Wait until what was begun is taken up, or has failed."""
        if self._working is not None:
            await asyncio.wait([self._working])

    async def stop(self) -> None:
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    async def _take_up(self, names: Sequence[str], cut: Cut, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            await self._durable(cut)
            slots = await self._ask(names, cut)
        except LedgerError as error:
            log.error("objectives go by what this run counts, since what was counted before is not known: %s", error)
            return
        taken = 0
        by_name: dict[str, list[Slot]] = {}
        for slot in slots:
            by_name.setdefault(slot.objective, []).append(slot)
        for name, of_one in by_name.items():
            taken += self._recall(name, of_one)
            await asyncio.sleep(0)
        if taken:
            log.info("%d objectives have taken up what was counted before, in %d slots", len(by_name), taken)

    async def _durable(self, cut: Cut) -> None:
        """Until the ledger has what the cut leaves to it."""
        until = time.monotonic() + DURABLE_WITHIN_S
        header = self._block.state.header
        while int(header["event_tail"][0]) < cut.events or int(header["signal_tail"][0]) < cut.signals:
            if time.monotonic() > until:
                raise LedgerError(f"the writer has not written the run's last rows within {DURABLE_WITHIN_S:g} s")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ask(self, names: Iterable[str], cut: Cut) -> list[Slot]:
        plan = self._data.plans / f"{self._compiled().edge.digest}.json"
        arguments = ["--directory", str(self._data.path), "--plan", str(plan), "--now", repr(time.time())]
        arguments += ["--cut", msgspec.json.encode(cut).decode(), *(f"--objective={name}" for name in names)]
        code, said = await run_to_end("roteiro.gateway.slo_before", arguments)
        if code:
            raise LedgerError(said.decode(errors="replace").strip() or f"the question ended with exit code {code}")
        return msgspec.json.decode(said, type=list[Slot])

    def _recall(self, name: str, slots: Sequence[Slot]) -> int:
        """Add what was counted before to what the kernel has counted since, slot by slot → slots."""
        names = self._compiled().names.objectives
        if name not in names:
            return 0  # another plan came meanwhile
        index = names.index(name)
        row = self._block.state.objectives[index]
        with self._block.held() as step:
            for one in slots:
                unit, size = ("minute", MINUTE_SLOTS) if one.slot & MINUTE_BIT else ("hour", HOUR_SLOTS)
                number = one.slot & ~MINUTE_BIT
                since = number % size if 0 <= number <= int(row[unit]) and row[unit] - number < size else None
                good, bad = (0, 0) if since is None else (int(row[f"{unit}_good"][since]), int(row[f"{unit}_bad"][since]))
                step(Step.RECALL, index, one.slot, one.good + good, one.bad + bad)
        return len(slots)


def meanings(promises: Iterable[Promised]) -> dict[str, object]:
    """Name → all that decides which events it counts, and as what: where that is another, the kernel begins anew."""
    return {one.name: (one.sli, one.bound, one.scope, one.of.window) for one in promises}
