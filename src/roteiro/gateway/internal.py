"""Calls of the server to itself, on behalf of a client's key: dead letters that are sent again, items of batches, and
what the server asks in its own name.

They come in at the clients' port, so that limits, budgets and the ledger see them as any other. What opens it is a token of the run, which
only this server's processes know: it is made by the supervisor, lies in no file, and reaches them through a descriptor that they inherit.
It is accepted from this machine alone, and only for a key that is open.

What must not live here: what is called, and when.
"""

import hmac
import ipaddress
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from roteiro.terms.edge import Edge
from roteiro.terms.error import RequestError, SettingsError

__all__ = ["KEEP_S", "ON_BEHALF", "Internal", "Secrets", "read_secrets", "share_secrets"]

ON_BEHALF: Final = b"x-roteiro-on-behalf"
"""Header with the name of the key that a call is for."""
PREFIX: Final = "ri-"
KEEP_S: Final = 8 * 86_400.0
"""Answers to such calls are kept so long for their Idempotency-Key, whatever the plan says of clients': a crash repeats nothing."""


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run's processes know and nobody else."""

    token: str
    """Opens the clients' port from within."""
    vault_keys: list[bytes]
    """See `vault_keys.Keyring`."""
    vault: str
    """The vault's file."""

    @classmethod
    def make(cls, vault: Path, vault_keys: Sequence[bytes]) -> "Secrets":
        """With a new token."""
        return cls(token=PREFIX + secrets.token_urlsafe(32), vault_keys=list(vault_keys), vault=str(vault))

    def __repr__(self) -> str:
        return "Secrets(…)"


def share_secrets(known: Secrets) -> int:
    """A descriptor of a file in memory that has them; children inherit it and `read_secrets`. To be closed by the caller."""
    fd = os.memfd_create("roteiro-secrets", os.MFD_CLOEXEC)
    os.write(fd, msgspec.msgpack.encode(known))
    return fd


def read_secrets(fd: int) -> Secrets:
    """What `share_secrets` wrote; may be read any number of times. Raises SettingsError."""
    try:
        return msgspec.msgpack.decode(os.pread(fd, os.fstat(fd).st_size, 0), type=Secrets)
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"the run's secrets cannot be read from descriptor {fd}: {type(error).__name__}") from None


class Internal:
    """Tells such calls from others."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._edge: Edge | None = None
        self._open: dict[bytes, int] = {}

    def resolve(self, edge: Edge, authorization: bytes | None, on_behalf: bytes, peer: str, own: str = "") -> int:
        """Index of the key that a call with `x-roteiro-on-behalf` is for. Raises RequestError (401, 403).

        `peer` and `own` are the addresses of the connection's ends, without ports: from this machine is what comes from a loopback
        address, or from the very address that it came to.
        """
        said = authorization or b""
        from_here = _is_loopback(peer) or (own != "" and peer == own)
        if not from_here or said[:7].lower() != b"bearer " or not hmac.compare_digest(said[7:].strip(), self._token):
            raise RequestError(401, "invalid_api_key", "the key is not known here; `x-roteiro-on-behalf` is for calls from within")
        if edge is not self._edge:
            self._open = {edge.key_names[index].encode(): index for index in edge.keys.values()}
            self._open |= {name.encode(): edge.key_names.index(name) for name in (f"tenant:{own}" for own in edge.own)}
            self._edge = edge
        index = self._open.get(on_behalf.strip())
        if index is None:
            raise RequestError(403, "key_closed", "the key that this call is for is revoked, expired, or no key of this plan")
        return index


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
