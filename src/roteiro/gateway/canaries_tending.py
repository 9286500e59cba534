"""The canaries as the supervisor sees them: a process that asks while the plan in force says so, and whose observations reach the kernel.

What must not live here: asking (`canaries_runner`).
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from roteiro.gateway.canaries_runner import CanariesSpec
from roteiro.gateway.child import Child, Words, rss_bytes
from roteiro.gateway.data_directory import replace_file
from roteiro.gateway.judge import judge_spec
from roteiro.gateway.observing import Observes
from roteiro.plan.labelled import read_labelled
from roteiro.plan.model import Plan
from roteiro.plan.own import canary_targets
from roteiro.plan.probing import Canaries
from roteiro.plan.suite import read_suites
from roteiro.terms.codes import Signal
from roteiro.terms.error import PlanError, RoteiroError
from roteiro.terms.observation import Observation

__all__ = ["CanariesTending", "Whereabouts"]

log = logging.getLogger("roteiro.gateway")

LOOK_EVERY_S: Final = 0.5
AGAIN_S: Final = 5.0


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """What the process needs of its server, whatever the plan."""

    edge: Path
    host: str
    port: int
    certificate: str | None
    store: Path
    folder: Path
    """That of the plan, which its suites are relative to."""


class CanariesTending:
    """`plan` gives the one in force; `path` is where the process's specification is written."""

    def __init__(self, at: Whereabouts, path: Path, secrets_fd: int, plan: Callable[[], Plan], observes: Observes) -> None:
        self._at, self._path, self._secrets_fd, self._plan, self._observes = at, path, secrets_fd, plan, observes
        self._child: Child | None = None
        self._asking: bytes | None = None
        """The specification that the process goes by."""
        self._restarts = -1
        self._observations = 0
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._working = asyncio.create_task(self._work(), name="look after canaries")

    async def stop(self, within_s: float) -> None:
        """No more questions are asked."""
        if (working := self._working) is not None:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        if (child := self._child) is not None:
            await child.stop(signal.SIGTERM, within_s)

    def look(self) -> dict[str, object] | None:
        """How the process is; None where none was needed."""
        if self._restarts < 0:
            return None
        pid = self._child.pid if self._child is not None else None
        return {
            "pid": pid, "rss_bytes": rss_bytes(pid) if pid is not None else None, "restarts": self._restarts,
            "observations": self._observations,
        }  # fmt: skip

    async def _work(self) -> None:
        wanted: bytes | None = None
        seen: Plan | None = None
        while True:
            try:
                if (plan := self._plan()) is not seen:
                    wanted, seen = await asyncio.to_thread(self._spec, plan), plan
                if self._child is not None and (self._child.process.returncode is not None or wanted != self._asking):
                    await self._end(self._child)
                if self._child is None and wanted is not None:
                    await self._begin(wanted)
            except (RoteiroError, OSError) as error:
                log.error("canaries cannot be asked, and it is tried again: %s", error)
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _begin(self, wanted: bytes) -> None:
        replace_file(self._path, wanted)
        self._asking = wanted
        self._restarts += 1
        arguments = ["--spec", str(self._path), "--secrets-fd", str(self._secrets_fd)]
        self._child = await Child.start(
            "roteiro.gateway.canaries_runner", arguments, "canaries", pass_fds=[self._secrets_fd], heard=self._heard
        )

    async def _end(self, child: Child) -> None:
        code = await child.stop(signal.SIGTERM, AGAIN_S)
        self._child = None
        if code:
            log.error("the process that asks canaries ended (%d), and is started again", code)
            await asyncio.sleep(AGAIN_S)

    def _spec(self, plan: Plan) -> bytes | None:
        """What the process is to be told under a plan; None where it asks nothing. Raises PlanError where a suite is no longer sound."""
        at, canaries, judge = self._at, plan.quality.canaries, plan.quality.judge
        if canaries is None and judge is None:
            return None
        probes, problems = ([], []) if canaries is None else read_suites([at.folder / name for name in canaries.suites])
        items, wrong = ([], []) if judge is None else read_labelled([at.folder / name for name in judge.labelled])
        if problems or wrong:
            raise PlanError([*problems, *wrong])
        how = canaries or Canaries()
        return msgspec.json.encode(
            CanariesSpec(
                edge=str(at.edge), host=at.host, port=at.port, certificate=at.certificate, store=str(at.store),
                targets=canary_targets(plan), probes=probes, every_s=how.every_s, per_round=how.per_round, repeats=how.repeats,
                false_alarms=plan.quality.drift.false_alarms, compare=plan.quality.drift.compare, judge=judge_spec(plan), labelled=items,
            )
        )  # fmt: skip

    def _heard(self, words: Words) -> None:
        rows = words.get("observations")
        if isinstance(rows, list):
            self._observations += len(rows)
            self._observes.observe([Observation(Signal(row[0]), *row[1:]) for row in rows])
