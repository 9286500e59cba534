"""A provider target that calls can be made of: its address, its credentials, its dialect and its pool of connections.

What must not live here: one call (`call`), and which credential to use (the journey says).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from roteiro.providers.address import Address
from roteiro.providers.outbox import Write, directly
from roteiro.providers.pool import Pool, Timer
from roteiro.terms.codes import Operation
from roteiro.terms.edge import EdgeTarget
from roteiro.terms.error import SettingsError
from roteiro.wire.registry import BACKS

__all__ = ["Target"]

_KEEP_ALIVE: Final = b"content-type: application/json\r\nuser-agent: roteiro\r\n"


class Target:
    """See the module."""

    def __init__(
        self, edge: EdgeTarget, environment: Mapping[str, str], timer: Timer, address: Address | None = None, write: Write = directly
    ) -> None:
        """Raises SettingsError where the URL is none, or the environment lacks a key that the plan names."""
        self.edge = edge
        self.timer = timer
        self.back = BACKS[edge.dialect]
        self.headers = b"x-roteiro-target: %b\r\nx-roteiro-model: %b\r\n" % (
            quote(edge.name, safe="/ ").encode(),
            quote(edge.model, safe="/ :@").encode(),
        )
        """What an answer says of its origin."""
        names = edge.key_envs or ([] if edge.key_env is None else [edge.key_env])
        self.secrets = [_secret(edge.name, name, environment) if name else "" for name in names] or [""]
        self.pool: Pool | None = None
        """None where the plan gives no address: such a target is never in service."""
        self._heads: dict[tuple[int, bool, int], bytes] = {}
        if not edge.base_url and address is None:
            return
        at = self._at = address or Address(edge.base_url, environment)
        self.pool = Pool(at, timer, connect_s=edge.connect_s, most=edge.connections, write=write)

    def head(self, operation: Operation, stream: bool, credential: int) -> bytes:
        """The head of a request but for what follows `content-length: `; the same bytes for all requests of a kind."""
        head = self._heads.get((operation, stream, credential))
        if head is None:
            at = self._at
            path = self.back.path(self.edge.model, stream, operation)
            authentication = self.back.head(self.secrets[credential % len(self.secrets)])  # an adopted plan may have fewer
            head = self._heads[operation, stream, credential] = b"POST %b%b HTTP/1.1\r\nhost: %b\r\n%b%b%bcontent-length: " % (
                at.prefix, path, at.authority, at.extra_headers, authentication, _KEEP_ALIVE,
            )  # fmt: skip
        return head

    def clean(self, message: str) -> str:
        """A provider's message without our secrets, should it repeat one."""
        for secret in self.secrets:
            if secret:
                message = message.replace(secret, "…")
        return message

    def tidy(self) -> None:
        """To be called about once a second."""
        if self.pool is not None:
            self.pool.tidy()

    def close(self) -> None:
        """Ends idle connections; a busy one ends with its answer."""
        if self.pool is not None:
            self.pool.close()


def _secret(provider: str, name: str, environment: Mapping[str, str]) -> str:
    secret = environment.get(name, "").strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise SettingsError(f"provider {provider} needs a key: set the environment variable {name}")
    return secret
