"""The exporter of traces as the supervisor sees it: a process that is started where a collector is named, and started again when it dies.

Requests never wait for it; a server without a collector, or without the extra `otel`, serves as one with it.
What must not live here: spans.
"""

import asyncio
import logging
import signal
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

import msgspec

from roteiro.gateway.block import Block
from roteiro.gateway.child import Child, Words, rss_bytes
from roteiro.gateway.data_directory import RunDirectory
from roteiro.gateway.exporter import ExporterSpec, RingAt
from roteiro.terms.error import SettingsError

__all__ = ["Tracing", "checked"]

log = logging.getLogger("roteiro.gateway")

MODULE: Final = "roteiro.gateway.exporter"
ENDS_WITHIN_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0


def checked(endpoint: str | None) -> str | None:
    """The endpoint, where one is wanted. Raises SettingsError where nothing could be sent to it."""
    if not endpoint:
        return None
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(f"the collector's endpoint is {endpoint[:80]!r}; write http://HOST:4318, the address of OTLP over HTTP")
    if find_spec("opentelemetry.exporter") is None or find_spec("opentelemetry.sdk") is None:
        raise SettingsError("traces need the extra `otel`: pip install 'roteiro[otel]', or unset the collector's endpoint")
    return endpoint


class Tracing:
    """Keeps an exporter running; where `endpoint` is None, does nothing."""

    def __init__(self, run: RunDirectory, block: Block, endpoint: str | None, ratio: float) -> None:
        self.restarts = 0
        self.told: dict[str, Any] = {}
        """What the exporter last said of spans that were sent, dropped and missed."""
        self._run, self._endpoint = run, endpoint
        self._path = run.path / "exporter.json"
        self._child: Child | None = None
        self._keeping: asyncio.Task[None] | None = None
        if endpoint is not None:
            rings = {}
            for table in ("events", "decisions"):
                at = block.ring_spec(table)
                rings[table] = RingAt(offset=at.offset, capacity=at.capacity, head=at.head, tail=at.tail)
            self._spec = ExporterSpec(
                run=run.name, epoch_s=block.epoch_unix_s, block=str(run.block), names=str(run.names), edge=str(run.edge),
                endpoint=endpoint, ratio=ratio, version=version("roteiro"), rings=rings,
            )  # fmt: skip

    async def start(self) -> None:
        """Begin, and have it ready for the first request. Raises SettingsError where it does not start."""
        if self._endpoint is None:
            return
        self._child = await self._spawn()
        self._keeping = asyncio.create_task(self._keep(), name="keep the exporter")

    async def stop(self) -> None:
        """Let it send what it has, for some seconds, and end it."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, ENDS_WITHIN_S)
        self._path.unlink(missing_ok=True)

    def look(self) -> dict[str, object] | None:
        """How it is, for the administration; None where there is none."""
        if self._endpoint is None:
            return None
        pid = None if self._child is None else self._child.pid
        return {"pid": pid, "rss_bytes": pid and rss_bytes(pid), "restarts": self.restarts, **self.told}

    async def _spawn(self) -> Child:
        self._path.write_bytes(msgspec.json.encode(msgspec.structs.replace(self._spec, from_start=self.restarts == 0)))
        return await Child.start(MODULE, ["--spec", str(self._path)], "the exporter of traces", heard=self._hear)

    async def _keep(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            if self._child is not None:
                code = await self._child.wait()
                self._child = None
                log.error("the exporter of traces ended (%d) and is started again", code)
            await asyncio.sleep(pause_s)
            self.restarts += 1
            try:
                self._child = await self._spawn()
                pause_s = _FIRST_PAUSE_S
            except (SettingsError, OSError) as error:
                log.error("%s; it is tried again in %g s", error, pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _hear(self, words: Words) -> None:
        if "exported" in words:
            self.told = {name: words[name] for name in ("exported", "dropped", "missed")}
