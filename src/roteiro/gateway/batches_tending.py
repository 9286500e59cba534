"""Batches as the supervisor sees them: a process that is started when something is queued, and again when it dies.

Nothing is lost meanwhile: what is queued waits in the vault. What must not live here: how items are run.
"""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Final

import msgspec

from roteiro.gateway.batches_runner import RunnerSpec
from roteiro.gateway.batches_store import Batches
from roteiro.gateway.child import Child, rss_bytes
from roteiro.gateway.vault_thread import VaultThread
from roteiro.terms.error import RoteiroError

__all__ = ["BatchesTending"]

log = logging.getLogger("roteiro.gateway")

LOOK_EVERY_S: Final = 0.5
_AGAIN_S: Final = 2.0


class BatchesTending:
    """`spec_path` is where the process's specification is written; `vault` the vault's file, and `kept` the supervisor's way to it."""

    def __init__(self, spec: RunnerSpec, spec_path: Path, secrets_fd: int, vault: Path, kept: VaultThread) -> None:
        self._spec, self._path, self._secrets_fd, self._vault, self._kept = spec, spec_path, secrets_fd, vault, kept
        self._child: Child | None = None
        self._restarts = -1
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._path.write_bytes(msgspec.json.encode(self._spec))
        self._working = asyncio.create_task(self._work(), name="look after batches")

    async def stop(self, within_s: float) -> None:
        """No more items are sent; those in flight have so long."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, within_s)

    def look(self) -> dict[str, object] | None:
        """How the process is; None where none was needed."""
        if self._restarts < 0:
            return None
        pid = self._child.pid if self._child is not None else None
        return {"pid": pid, "rss_bytes": rss_bytes(pid) if pid is not None else None, "restarts": self._restarts}

    async def _work(self) -> None:
        while True:
            try:
                if self._vault.exists() and await self._kept.run(lambda vault: Batches(vault).any_active()):
                    arguments = ["--spec", str(self._path), "--secrets-fd", str(self._secrets_fd)]
                    self._restarts += 1
                    self._child = await Child.start("roteiro.gateway.batches_runner", arguments, "batches", pass_fds=[self._secrets_fd])
                    code = await self._child.wait()
                    self._child = None
                    if code:
                        log.error("the process that runs batches ended (%d), and is started again", code)
                        await asyncio.sleep(_AGAIN_S)
            except (RoteiroError, OSError) as error:
                log.error("batches cannot be run, and it is tried again: %s", error)
                await asyncio.sleep(_AGAIN_S)
            await asyncio.sleep(LOOK_EVERY_S)
