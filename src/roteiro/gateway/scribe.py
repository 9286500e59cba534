"""The ledger's writer as the supervisor sees it: a process that is started, heard, and started again when it dies.

Nothing is lost meanwhile: rows wait in the block's rings, and the kernel refuses new requests before a ring overflows.
What must not live here: how rows become durable (`ledger.writer`).
"""

import asyncio
import logging
import signal
from typing import Final

import msgspec

from roteiro.gateway.block import Block
from roteiro.gateway.child import Child, Words, rss_bytes, run_to_end
from roteiro.gateway.data_directory import DataDirectory, RunDirectory
from roteiro.ledger.place import TABLES
from roteiro.ledger.writer import WriterSpec
from roteiro.terms.error import SettingsError

__all__ = ["Scribe", "drain_once", "write_spec"]

log = logging.getLogger("roteiro.gateway")

MODULE: Final = "roteiro.ledger.writer"
LAST_DRAIN_WITHIN_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


def write_spec(data: DataDirectory, run: RunDirectory, block: Block) -> None:
    """Say in the run's directory what its writer is to do."""
    spec = WriterSpec(
        directory=str(data.path),
        run=run.name,
        epoch_s=block.epoch_unix_s,
        block=str(run.block),
        names=str(run.names),
        rings={table: block.ring_spec(table) for table in TABLES},
    )
    run.writer.write_bytes(msgspec.json.encode(spec))


async def drain_once(data: DataDirectory, run: RunDirectory) -> bool:
    """Make durable what a run left in its block. Whether all of it is."""
    code, said = await run_to_end(MODULE, ["--spec", str(run.writer), "--once"], pass_fds=[data.lock_fd])
    if code:
        log.error("the rows that run %s left could not be written: %s", run.name, said.decode(errors="replace").strip())
    return code == 0


class Scribe:
    """Keeps a writer running. It holds the data directory's lock with us, so that no other server begins before its last drain."""

    def __init__(self, data: DataDirectory, run: RunDirectory) -> None:
        self.restarts = 0
        self.error: str | None = None
        """Why rows are not durable now, in the writer's words."""
        self._data, self._run = data, run
        self._child: Child | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    async def start(self) -> None:
        """Raises SettingsError where the writer does not start."""
        self._child = await self._spawn()
        self._keeping = asyncio.create_task(self._keep(), name="keep the writer")

    async def stop(self) -> bool:
        """A last drain, and the end. Whether all rows are durable."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._child is None:  # it died just now; the rows are in the block
            return await drain_once(self._data, self._run)
        code = await self._child.stop(signal.SIGTERM, LAST_DRAIN_WITHIN_S)
        return code == 0 or await drain_once(self._data, self._run)

    def look(self) -> dict[str, object]:
        """How it is, for the administration."""
        return {"pid": self.pid, "rss_bytes": self.pid and rss_bytes(self.pid), "restarts": self.restarts, "error": self.error}

    async def _spawn(self) -> Child:
        return await Child.start(
            MODULE, ["--spec", str(self._run.writer)], "the ledger's writer", pass_fds=[self._data.lock_fd], heard=self._hear
        )

    async def _keep(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            if self._child is not None:
                code = await self._child.wait()
                self._child = None
                log.error("the ledger's writer ended (%d) and is started again; its rows wait in the block", code)
            await asyncio.sleep(pause_s)
            self.restarts += 1
            try:
                self._child = await self._spawn()
                pause_s = _FIRST_PAUSE_S
            except (SettingsError, OSError) as error:
                self.error = self.error or str(error)
                log.error("%s; it is tried again in %g s", self.error, pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _hear(self, words: Words) -> None:
        if "error" in words or words.get("ready"):
            error = words.get("error")
            if error and error != self.error:
                log.error("the ledger cannot be written, %s rows wait: %s", words.get("pending"), error)
            elif self.error and not error:
                log.info("the ledger is written again")
            self.error = error
