"""The supervisor's care for the vault: what is held by the dead is freed, what is past its time goes, and counts are taken.

Where nothing was ever kept there is no file, and nothing is done. What must not live here: the tables.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

from roteiro.gateway.batches_store import Batches
from roteiro.gateway.dead_letters import Letters
from roteiro.gateway.idempotency import Claims
from roteiro.gateway.internal import Secrets
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import Keyring, VaultError
from roteiro.gateway.vault_thread import VaultThread, Work

__all__ = ["EVERY_S", "VaultUpkeep"]

log = logging.getLogger("roteiro.gateway")

EVERY_S: Final = 30.0


class VaultUpkeep:
    """`thread` is the supervisor's own; `run` the run's name."""

    def __init__(self, known: Secrets, run: str, every_s: float = EVERY_S) -> None:
        self._path, self._run, self._every_s = Path(known.vault), run, every_s
        self.thread = VaultThread(asyncio.get_running_loop(), lambda: Vault(self._path, Keyring(known.vault_keys)))
        self.seen: dict[str, Any] = {}
        """What there was when it was last looked at; empty where nothing was ever kept."""
        self._working: asyncio.Task[None] | None = None
        self._freeing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Free what earlier runs held, before anyone is served; then begin. A vault that cannot be read is told, and stops nobody."""
        if self._path.exists():
            await self._try(lambda vault: Claims(vault).free_earlier(self._run))
        self._working = asyncio.create_task(self._work(), name="upkeep of the vault")

    async def stop(self) -> None:
        """Ends it; what was asked is done."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, *self._freeing, return_exceptions=True)
        await asyncio.to_thread(self.thread.close)

    def died(self, worker: int, pid: int) -> None:
        """A worker's process is gone: whoever waits for what it held can go on."""
        if self._path.exists():
            task = asyncio.create_task(self._free(worker, pid), name=f"free the claims of worker {worker}")
            self._freeing.add(task)
            task.add_done_callback(self._freeing.discard)

    async def _free(self, worker: int, pid: int) -> None:
        freed = await self._try(lambda vault: Claims(vault).free_dead(self._run, worker, pid))
        if freed:
            log.warning("worker %d held %d requests with an Idempotency-Key, which may be asked again", worker, freed)

    async def _work(self) -> None:
        while True:
            if self._path.exists():
                for sweep in (lambda v: Claims(v).sweep(), lambda v: Letters(v).sweep(), lambda v: Batches(v).sweep()):
                    await self._try(sweep)
                self.seen = await self._try(lambda vault: {"dead_letters": Letters(vault).look(), **vault.counters()}) or {}
            await asyncio.sleep(self._every_s)

    async def _try(self, work: Work) -> Any:
        try:
            return await self.thread.run(work)
        except VaultError as error:
            log.error("%s", error)
            return None
