"""What ties a child process to the one that started it: a ready line on its standard output, and an end when its parent ends.

The parent keeps the child's standard input open as a pipe and never writes to it; end of file there means that the parent is gone,
however it went.
What must not live here: what the child does.
"""

import asyncio
import ctypes
import os
import signal
import stat
import sys
from typing import Any, Final

import msgspec

__all__ = ["announce", "ended", "kill_with_parent"]

_PR_SET_PDEATHSIG: Final = 1
_LOOK_EVERY_S: Final = 1.0


def announce(**facts: Any) -> None:
    """Tell the parent that the child is ready: one JSON line on standard output."""
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
    sys.stdout.flush()


async def ended() -> str:
    """Wait until this process should end, and say why: a signal's name, or `parent`."""
    loop = asyncio.get_running_loop()
    why: asyncio.Future[str] = loop.create_future()

    def end(reason: str) -> None:
        if not why.done():
            why.set_result(reason)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number.name)
    parent, watched = os.getppid(), _is_pipe(0)
    if watched:
        loop.add_reader(0, lambda: end("parent") if not os.read(0, 4096) else None)
    try:
        # Somebody else may have inherited the pipe's other end and hold it open, so the parent's number is looked at too.
        while not why.done():
            await asyncio.wait([why], timeout=_LOOK_EVERY_S)
            if os.getppid() != parent:
                end("parent")
    finally:
        if watched:
            loop.remove_reader(0)
    return why.result()


def kill_with_parent() -> None:
    """Have the system kill this process when the thread that started it ends, also while it holds the interpreter in foreign code.

    For a child whose loading blocks everything. Linux only (prctl(2)); elsewhere it does nothing. When the parent is gone already, exits.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
