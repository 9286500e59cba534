"""A port on loopback that can refuse connections for a while and is still nobody else's: bound all the time, listening or not.

What must not live here: what is served on it.
"""

import socket
from typing import Final

__all__ = ["HOST", "Listener"]

HOST: Final = "127.0.0.1"
_BACKLOG: Final = 4096


class Listener:
    """Bound from the start. `open` gives a socket to serve on, which its server closes; `shut` makes the system refuse who comes.

    Raises OSError where the port cannot be had.
    """

    def __init__(self, port: int) -> None:
        self._socket = _bound(port)
        self.port = int(self._socket.getsockname()[1])
        self.is_open = False

    def open(self) -> socket.socket:
        """Listen."""
        self._socket.listen(_BACKLOG)
        self.is_open = True
        return self._socket.dup()

    def shut(self) -> None:
        """Refuse, and keep the port."""
        if self.is_open:
            self._socket.shutdown(socket.SHUT_RDWR)  # Linux: ends the listening of the open file, however many descriptors it has
            self.is_open = False

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


def _bound(port: int) -> socket.socket:
    """A socket that is bound to a port by its number: one that the system chose would be given back as soon as nobody listens."""
    first = _socket_at(port)
    if port:
        return first
    try:
        return _socket_at(int(first.getsockname()[1]))  # two may be bound to one port as long as neither listens
    finally:
        first.close()


def _socket_at(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
        found.setblocking(False)
    except BaseException:
        found.close()
        raise
    return found
