"""How one process tells a worker that flows of its have news: an eventfd, which holds any number of calls as one.

Created by whoever starts the workers, inherited by all of them.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable

__all__ = ["create", "listen", "ring"]


def create() -> int:
    """A new descriptor, inheritable through `pass_fds`."""
    return os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)


def ring(fd: int) -> None:
    """Wakes the worker that listens on `fd`. Never waits."""
    with contextlib.suppress(BlockingIOError):  # the counter is full: it has been rung already
        os.eventfd_write(fd, 1)


def listen(loop: asyncio.AbstractEventLoop, fd: int, wake: Callable[[], None]) -> None:
    """Calls `wake` on `loop` after each ring."""

    def rung() -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(fd)
        wake()

    loop.add_reader(fd, rung)
