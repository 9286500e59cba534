"""The examiner as the supervisor sees it: a process that is started where a plan has
answers looked at or takes feedback, and again when it dies.

Requests never wait for it; what workers hand over meanwhile lies in the channel, which the supervisor holds open at both ends, or is
dropped and counted. What must not live here: looking at answers.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import Any, Final

import msgspec

from roteiro.gateway.child import Child, Words, rss_bytes
from roteiro.gateway.data_directory import DataDirectory, RunDirectory
from roteiro.gateway.examiner import ExaminerSpec
from roteiro.gateway.sampler import channel
from roteiro.terms.edge import Edge
from roteiro.terms.error import SettingsError

__all__ = ["Examining", "wanted"]

log = logging.getLogger("roteiro.gateway")

MODULE: Final = "roteiro.gateway.examiner"
ENDS_WITHIN_S: Final = 10.0
LOOK_EVERY_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0


def wanted(edge: Edge) -> bool:
    """Whether a plan has anything to examine."""
    return edge.observe.any or edge.feedback_s > 0.0


class Examining:
    """Keeps an examiner running from the first plan on that wants one."""

    def __init__(self, data: DataDirectory, run: RunDirectory, edge: Callable[[], Edge], secrets_fd: int = -1) -> None:
        """`edge` tells that of the plan in force."""
        self.restarts = 0
        self._ours, self._theirs = channel()
        self._told: dict[str, Any] = {}
        """What this examiner last said of samples, by what became of them, and those before it."""
        self._before: dict[str, int] = {}
        self._run, self._path = run, run.path / "examiner.json"
        self._spec = ExaminerSpec(
            run=run.name,
            block=str(run.block),
            lock=str(run.lock),
            edge=str(run.edge),
            data=str(data.path),
            samples_fd=self._theirs.fileno(),
            probing=str(run.canaries),
            secrets_fd=secrets_fd,
        )
        self._inherited = [self._theirs.fileno(), *([secrets_fd] if secrets_fd >= 0 else [])]
        self._edge = edge
        self._child: Child | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def samples_fd(self) -> int:
        """The workers' end of the channel, for them to inherit."""
        return self._ours.fileno()

    async def start(self) -> None:
        """Ready for the first request, where the plan wants it. Raises SettingsError where it does not start."""
        self._path.write_bytes(msgspec.json.encode(self._spec))
        if wanted(self._edge()):
            self._child = await self._spawn()
        self._keeping = asyncio.create_task(self._keep(), name="keep the examiner")

    async def stop(self) -> None:
        """Let it look at what was handed over, for some seconds, and end it."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, ENDS_WITHIN_S)
            self._child = None
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the channel."""
        for end in (self._ours, self._theirs):
            with contextlib.suppress(OSError):
                end.close()

    def look(self) -> dict[str, object] | None:
        """How it is, for the administration; None where none was needed."""
        if self._child is None and not self._told and not self.restarts:
            return None
        pid = None if self._child is None else self._child.pid
        return {"pid": pid, "rss_bytes": pid and rss_bytes(pid), "restarts": self.restarts, "samples": self._counts()}

    def _counts(self) -> dict[str, int]:
        return {name: self._before.get(name, 0) + self._told.get(name, 0) for name in {**self._before, **self._told}}

    async def _spawn(self) -> Child:
        return await Child.start(MODULE, ["--spec", str(self._path)], "the examiner", pass_fds=self._inherited, heard=self._hear)

    async def _keep(self) -> None:
        pause_s = LOOK_EVERY_S
        while True:
            if self._child is not None:
                code = await self._child.wait()
                self._child = None
                self._before, self._told = self._counts(), {}
                self.restarts += 1
                log.error("the examiner ended (%d) and is started again; answers are not looked at meanwhile", code)
            await asyncio.sleep(pause_s)
            if not wanted(self._edge()):
                continue
            try:
                self._child = await self._spawn()
                pause_s = LOOK_EVERY_S
            except (SettingsError, OSError) as error:
                log.error("%s; it is tried again in %g s", error, pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _hear(self, words: Words) -> None:
        if isinstance(counts := words.get("examined"), dict):
            self._told = counts
