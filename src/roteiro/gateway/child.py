"""A child process of the server: started, heard line by line, and ended.

Each is in a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone, who ends the children in order.
What must not live here: what a child is for, and whether to start it again.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from roteiro.terms.error import SettingsError

__all__ = ["Child", "rss_bytes", "run_to_end"]

log = logging.getLogger("roteiro.gateway")

READY_WITHIN_S: Final = 120.0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")

Words = Mapping[str, Any]


class Child:
    """A Python module run as a process that says what happens as JSON lines on its standard output; its log goes to ours."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, heard: Callable[[Words], None]) -> None:
        self.process, self.name = process, name
        self.ready: asyncio.Future[Words] = asyncio.get_running_loop().create_future()
        self._heard = heard
        self._listening = asyncio.create_task(self._listen(), name=f"listen to {name}")

    @classmethod
    async def start(
        cls,
        module: str,
        arguments: Sequence[str],
        name: str,
        *,
        pass_fds: Sequence[int] = (),
        heard: Callable[[Words], None] = lambda _: None,
    ) -> Self:
        """Start it and wait until it says `ready`. Raises SettingsError where it does not."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
        child = cls(process, name, heard)
        try:
            await asyncio.wait_for(asyncio.shield(child.ready), READY_WITHIN_S)
        except BaseException as error:
            await child.kill()
            if isinstance(error, TimeoutError):
                raise SettingsError(f"{name} was not ready within {READY_WITHIN_S:g} s") from None
            raise
        return child

    @property
    def pid(self) -> int:
        return self.process.pid

    async def wait(self) -> int:
        """Its exit code, once it ended and all it said was heard."""
        code = await self.process.wait()
        await asyncio.gather(self._listening, return_exceptions=True)
        return code

    def signal(self, number: int) -> None:
        """Nothing happens where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def stop(self, number: int, within_s: float) -> int:
        """Signal it, wait so long for its end, then kill it → its exit code."""
        self.signal(number)
        try:
            return await asyncio.wait_for(self.wait(), within_s)
        except TimeoutError:
            log.error("%s (process %d) did not end within %g s and is killed", self.name, self.pid, within_s)
            return await self.kill()

    async def kill(self) -> int:
        """End it now → its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        return await self.wait()

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                words = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:
                log.info("%s: %s", self.name, line.decode(errors="replace").rstrip())
                continue
            if words.get("ready") and not self.ready.done():
                self.ready.set_result(words)
            self._heard(words)
        if not self.ready.done():
            code = await self.process.wait()
            self.ready.set_exception(SettingsError(f"{self.name} could not start: {_how(code)}"))
            self.ready.exception()  # seen, also where nobody waits any more


async def run_to_end(module: str, arguments: Sequence[str], *, pass_fds: Sequence[int] = ()) -> tuple[int, bytes]:
    """Run a module as a process → (exit code, what it wrote on standard output)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, said


def rss_bytes(pid: int) -> int | None:
    """Resident memory of a process; None where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return None


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}, its log says why"
