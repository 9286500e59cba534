"""When the ledger is looked after, and from which day on its rows are kept.

What must not live here: the work itself (`compactor`, a process of its own).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

from roteiro.gateway.child import run_to_end
from roteiro.gateway.data_directory import DataDirectory
from roteiro.gateway.spending import period_start
from roteiro.plan.compile import PERIOD_S, named_budgets
from roteiro.plan.compile_objectives import watched, window_length_s
from roteiro.plan.model import Plan

__all__ = ["EVERY_S", "Upkeep", "keep_from"]

log = logging.getLogger("roteiro.gateway")

EVERY_S: Final = 900.0
_FIRST_AFTER_S: Final = 5.0
"""A start has better things to do."""
_MARGIN_S: Final = 8 * 86_400.0
"""Budgets' periods are local time, and weeks begin on a Monday, not where weeks of Unix time do: more than enough for both."""


def keep_from(plan: Plan, unix_s: float) -> tuple[date, date]:
    """The first UTC days of events and of decisions that are to be kept.

    Events that a budget's current period or an objective's window still counts are kept in any case: a restart reads there what was spent.
    Signals of quality are kept as long as events.
    """
    budgets = named_budgets(plan).values()
    needed = min((period_start(PERIOD_S[budget.period], 0.0, unix_s) - _MARGIN_S for budget in budgets), default=unix_s)
    windows_s = [window_length_s(one.of.window) for one in watched(plan)]
    needed = min(needed, unix_s - max(windows_s, default=0.0))
    return day(min(unix_s - plan.retention.events_s, needed)), day(unix_s - plan.retention.decisions_s)


def day(unix_s: float) -> date:
    return datetime.fromtimestamp(max(unix_s, 0.0), UTC).date()


class Upkeep:
    """Upkeep every `every_s`, the first time soon after the start. `plan()` is the plan in force."""

    def __init__(self, data: DataDirectory, plan: Callable[[], Plan], every_s: float = EVERY_S) -> None:
        self.error: str | None = None
        """Why the last one did not succeed."""
        self._data, self._plan, self._every_s = data, plan, every_s
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._working = asyncio.create_task(self._work(), name="upkeep of the ledger")

    async def stop(self) -> None:
        """End it where it is: no step of it can leave a loss or a double."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    async def _work(self) -> None:
        await asyncio.sleep(min(_FIRST_AFTER_S, self._every_s))
        while True:
            events, decisions = keep_from(self._plan(), time.time())
            arguments = ["--directory", str(self._data.path), "--events-before", str(events), "--decisions-before", str(decisions)]
            try:
                code, said = await run_to_end("roteiro.gateway.compactor", arguments)
                self.error = (said.decode(errors="replace").strip() or f"exit code {code}") if code else None
            except OSError as error:
                self.error = f"it cannot be started: {error.strerror}"
            if self.error:
                log.error("the ledger's upkeep failed, and is tried again in %g s: %s", self._every_s, self.error)
            await asyncio.sleep(self._every_s)
