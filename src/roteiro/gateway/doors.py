"""Where clients come in: a listening socket for each worker on one address, or one for all of them.

With one socket for all, whichever worker wakes first takes every connection that waits: a burst goes whole to one of them. So each has
a socket of its own (SO_REUSEPORT, socket(7)), and the system draws one for each connection. The sockets are the supervisor's: what waits
at the door of a worker that died is served by the one that takes its place. Until that is there, a filter of three instructions
(SO_ATTACH_REUSEPORT_CBPF) draws among the doors that have somebody behind them.

What must not live here: what is behind a door.
"""

import ctypes
import logging
import socket
import struct
from collections.abc import Collection
from contextlib import ExitStack, closing
from typing import Final, Self

from roteiro.terms.error import SettingsError

__all__ = ["Doors", "listen_on"]

log = logging.getLogger("roteiro.gateway")

BACKLOG: Final = 4096
SO_ATTACH_REUSEPORT_CBPF: Final = 51
"""Of asm-generic/socket.h; the `socket` module does not name it."""
# Classic BPF (linux/filter.h): a draw into the register, its rest by a constant, a jump where it is a constant, an answer.
_DRAW, _REST, _IS, _ANSWER = 0x20, 0x94, 0x15, 0x06
_RANDOM: Final = (-0x1000 + 56) & 0xFFFFFFFF


def listen_on(host: str, port: int, option: str, *, shared: bool = False) -> socket.socket:
    """A socket that accepts. `option` is what names the port on the command line; `shared` lets others of ours have the same address.

    Raises SettingsError where it cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another port with {option}, or stop the program that has this one"
        ) from None
    return listener


class Doors:
    """The sockets of `count` workers, listening from the start."""

    def __init__(self, sockets: list[socket.socket], count: int) -> None:
        """One socket for all `count` workers, or one each."""
        self._sockets, self._count = sockets, count
        self._manned: frozenset[int] = frozenset()
        self._steers = len(sockets) > 1

    @classmethod
    def open(cls, host: str, port: int, count: int, *, apart: bool = True) -> Self:
        """`apart`: one for each worker, where the system can. Raises SettingsError where the address cannot be had."""
        first = listen_on(host, port, "--port")
        if count == 1 or not apart or not hasattr(socket, "SO_REUSEPORT"):
            return cls([first], count)
        # A shared address would be shared with another server too, in silence. So the port was first asked for alone.
        port = first.getsockname()[1]
        first.close()
        with ExitStack() as undone:
            sockets = [undone.enter_context(closing(listen_on(host, port, "--port", shared=True))) for _ in range(count)]
            undone.pop_all()
        return cls(sockets, count)

    @property
    def port(self) -> int:
        return int(self._sockets[0].getsockname()[1])

    @property
    def apart(self) -> bool:
        """Whether each worker has its own."""
        return len(self._sockets) > 1

    def fd(self, worker: int) -> int:
        """The descriptor that a worker accepts on."""
        return self._sockets[worker if self.apart else 0].fileno()

    def man(self, workers: Collection[int]) -> None:
        """Let connections come in only where there is a worker; where there is none at all, as before."""
        manned = frozenset(workers)
        if not self._steers or not manned or manned == self._manned:
            return
        self._manned = manned
        try:
            steer(self._sockets[0], sorted(manned))
        except OSError as error:  # then connections wait for the worker that is being started
            self._steers = False
            log.info("this system does not steer connections (%s): some wait while a worker is replaced", error.strerror)

    def close(self) -> None:
        """No more connections, once the workers have closed theirs too."""
        for listener in self._sockets:
            listener.close()


def steer(listener: socket.socket, among: list[int]) -> None:
    """Draw a socket of `listener`'s group, for each new connection, among these (numbered as they began to listen). Raises OSError."""
    steps = [(_DRAW, 0, 0, _RANDOM), (_REST, 0, 0, len(among))]
    for drawn, number in enumerate(among):
        steps += [(_IS, 0, 1, drawn), (_ANSWER, 0, 0, number)]
    steps.append((_ANSWER, 0, 0, among[0]))
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code, len(code))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack("@HP", len(steps), ctypes.addressof(held)))
