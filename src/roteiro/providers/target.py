"""A provider target that calls can be made of: its servers with their connections, its credentials and its dialect.

What must not live here: one call (`call`), and which credential to use (the journey says).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from roteiro.providers.address import Address
from roteiro.providers.outbox import Write, directly
from roteiro.providers.pool import Pool, Timer
from roteiro.providers.replica import Calls, OwnCalls, Replica, least_busy
from roteiro.terms.codes import Operation
from roteiro.terms.edge import EdgeReplica, EdgeTarget
from roteiro.terms.error import SettingsError
from roteiro.wire.registry import BACKS

__all__ = ["Target"]

_KEEP_ALIVE: Final = b"content-type: application/json\r\nuser-agent: roteiro\r\n"


class Target:
    """See the module."""

    def __init__(
        self,
        edge: EdgeTarget,
        environment: Mapping[str, str],
        timer: Timer,
        address: Address | None = None,
        write: Write = directly,
        calls: Calls | None = None,
    ) -> None:
        """`calls` counts where there are several servers.

        Raises SettingsError where the URL is none, or the environment lacks a key that the plan names.
        """
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
        self._environment, self._write, self._calls = environment, write, calls or OwnCalls()
        self.replicas: list[Replica] = []
        """Its servers; none where the plan gives no address: such a target is never in service."""
        self._leaving: list[Replica] = []
        """Servers that get no new calls; those that they have still go on."""
        if edge.replicas:
            self.replicas = [self._replica(one) for one in edge.replicas]
        elif edge.base_url or address is not None:
            at = address or Address(edge.base_url, environment)
            self.replicas = [Replica(0, edge.base_url, at, self._pool(at), None)]

    def choose(self) -> Replica | None:
        """The server for a call: of several, the one with the fewest calls. None where there is none."""
        replicas = self.replicas
        if len(replicas) > 1:
            return least_busy(replicas, self.timer.now())
        return replicas[0] if replicas else None

    def another(self, refused: Replica) -> Replica | None:
        """Another server for a call that `refused` gave no connection; None where all have done so of late."""
        refused.rest(self.timer)
        now = self.timer.now()
        left = [one for one in self.replicas if one is not refused and one.rests_until <= now]
        return least_busy(left, now) if left else None

    def follow(self, edge: EdgeTarget) -> None:
        """The same target with other servers: those that stay keep their connections, those that go end their calls first."""
        old = {(one.slot, one.base_url): one for one in self.replicas}
        self.replicas = [old.get((one.slot, one.base_url)) or self._replica(one) for one in edge.replicas]
        for left in old.values():
            if left not in self.replicas:
                left.pool.retire()
                self._leaving.append(left)
        self.edge = edge

    def head(self, operation: Operation, stream: bool, credential: int, replica: Replica) -> bytes:
        """The head of a request but for what follows `content-length: `; the same bytes for all requests of a kind."""
        head = replica.heads.get((operation, stream, credential))
        if head is None:
            at = replica.at
            path = self.back.path(self.edge.model, stream, operation)
            authentication = self.back.head(self.secrets[credential % len(self.secrets)])  # an adopted plan may have fewer
            head = replica.heads[operation, stream, credential] = b"POST %b%b HTTP/1.1\r\nhost: %b\r\n%b%b%bcontent-length: " % (
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
        for one in (*self.replicas, *self._leaving):
            one.pool.tidy()
        self._leaving = [one for one in self._leaving if len(one.pool)]

    def close(self) -> None:
        """Ends idle connections; a busy one ends with its answer."""
        for one in (*self.replicas, *self._leaving):
            one.pool.close()

    def _replica(self, told: EdgeReplica) -> Replica:
        at = Address(told.base_url, self._environment)
        return Replica(told.slot, told.base_url, at, self._pool(at), self._calls)

    def _pool(self, at: Address) -> Pool:
        return Pool(at, self.timer, connect_s=self.edge.connect_s, most=self.edge.connections, write=self._write)


def _secret(provider: str, name: str, environment: Mapping[str, str]) -> str:
    secret = environment.get(name, "").strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise SettingsError(f"provider {provider} needs a key: set the environment variable {name}")
    return secret
