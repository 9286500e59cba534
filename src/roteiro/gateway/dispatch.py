"""What all exchanges of one worker share: the plan's edge, the targets with their connections, the journey, and the way to wake others.

What must not live here: HTTP to clients, and decisions.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from roteiro.gateway.caches import Caches
from roteiro.gateway.coalesce import Coalescer
from roteiro.gateway.desk import Desk
from roteiro.gateway.idempotency import HEADER as IDEMPOTENCY_KEY
from roteiro.gateway.internal import ON_BEHALF
from roteiro.gateway.journey_port import NO_FLOW, JourneyPort
from roteiro.gateway.sweep import Sweep
from roteiro.gateway.token_counter import TokenCounter
from roteiro.gateway.trace_context import TraceContext, read
from roteiro.policy.complexity import judge, pack
from roteiro.providers.outbox import Outbox
from roteiro.providers.replica import Calls
from roteiro.providers.target import Target
from roteiro.terms.codes import Command, Operation, Reason, Step
from roteiro.terms.edge import Edge, EdgeTarget, EdgeTenant
from roteiro.terms.error import InvariantError, RequestError
from roteiro.wire.dialect import Ask, Front
from roteiro.wire.features import features_of

__all__ = ["DEAD_LETTER", "REASONS", "Dispatch", "Incoming", "Samples", "Waiter"]

log = logging.getLogger("roteiro.gateway")

REASONS: Final = tuple(reason.name.lower().encode() for reason in Reason)
"""Reason code → its word in a header."""

_NONE: Final = int(Command.NONE)
_REGION_BITS: Final = 39
"""Where the flags of BEGIN have the client's region + 1."""
_WAKE: Final = int(Step.WAKE)
MOST_NAMED: Final = 50
"""Names listed in an error message."""


DEAD_LETTER: Final = b"x-roteiro-dead-letter"
_ASK_FOR_MORE: Final = frozenset({IDEMPOTENCY_KEY, DEAD_LETTER})
"""Headers of requests that want a `Prelude`."""


class Incoming(NamedTuple):
    """A request as it arrived. `headers` have lower-case names; `workload` is -1 for the key's own."""

    front: Front
    url: bytes
    headers: dict[bytes, bytes]
    key: int
    workload: int
    body: bytes


class Leaver(Protocol):
    """An exchange whose client left, and whose call goes on."""

    def abandon(self) -> None:
        """The worker ends: the call is dropped, what was used is settled."""


class Waiter(Protocol):
    """An exchange that waits for its turn."""

    def obey(self, command: int, argument: float, reason: int) -> None:
        """Does what the journey commands."""


class Samples(Protocol):
    """Chooses the answers that are looked at (`sampler.Sampler`)."""

    def adopt(self, edge: Edge) -> bool:
        """Takes a new plan's edge. Whether any answer is looked at."""

    def takes(self, number: int, key: int, route: int, workload: int) -> bool:
        """Whether a request's answer is."""

    def watch(self, number: int, exchange: Any, client: Any, origin: Any, key: int, route: int, workload: int) -> Any:
        """What stands in for an exchange's client and its origin, and hears the answer."""

    def close(self) -> None:
        """The worker ends."""


class Dispatch:
    """One worker's exchanges, between the journey and the providers."""

    def __init__(
        self,
        edge: Edge,
        journey: JourneyPort,
        sweep: Sweep,
        environment: Mapping[str, str],
        *,
        run: str = "run",
        worker: int = 0,
        notify: Callable[[int], None] = lambda worker: None,
        desk: Desk | None = None,
        caches: Caches | None = None,
        trace: TraceContext | None = None,
        region: str | None = None,
        calls: Calls | None = None,
        sampler: "Samples | None" = None,
    ) -> None:
        """`notify(worker)` tells another worker to `wake()`; `desk` keeps what is to be kept; `trace` is there where providers are told;
        `region` is where this gateway is; `calls` counts the calls at servers of which a provider has several;
        `sampler` hands over what is looked at of answers.

        Raises SettingsError where a target cannot be called.
        """
        self.journey, self.sweep = journey, sweep
        self.outbox = Outbox()
        self.queued: dict[int, Waiter] = {}
        """Flow → its exchange, of those that wait for their turn."""
        self.draining = False
        self.leavers: set[Leaver] = set()
        """Exchanges whose client left, and whose call goes on."""
        self.run = run.encode()
        self.desk, self.trace = desk, trace
        self.caches = caches
        self.counter = TokenCounter()
        self.coalescer = Coalescer(asyncio.get_running_loop().call_later)
        self._worker, self._process, self._refusals = worker, os.getpid(), 0
        self.date = b""
        self.targets: list[Target] = []
        self.edge: Edge
        self._environment, self._region, self._calls, self._sampler = environment, region, calls, sampler
        self.sampler: Samples | None = None
        """There where the plan has any answer looked at."""
        self.whereabouts = 0
        """Flags of BEGIN that say which region clients are in; 0 where the plan does not know it."""
        self._notify = notify
        self._waking = self._wake_again = False
        self.adopt(edge)
        sweep.every_second(self._each_second)

    def adopt(self, edge: Edge) -> None:
        """Takes a new plan's edge; all of it or, by SettingsError, nothing. Requests in flight keep the target they are on."""
        old = self.targets
        if len(edge.targets) < len(old):
            raise InvariantError(f"an adopted edge has {len(edge.targets)} targets where {len(old)} have indices already")
        fresh = [
            old[i]
            if i < len(old) and alike(old[i].edge, target)
            else Target(target, self._environment, self.sweep, write=self.outbox.write, calls=self._calls)
            for i, target in enumerate(edge.targets)
        ]
        if self.caches is not None:
            self.caches.adopt(edge)
        self.sampler = self._sampler if self._sampler is not None and self._sampler.adopt(edge) else None
        self.targets = fresh
        for known, told in zip(fresh, edge.targets, strict=True):
            if known.edge != told:
                known.follow(told)
        for i, target in enumerate(old):
            if fresh[i] is not target:
                target.close()
        self.edge = edge
        self.whereabouts = edge.regions.index(self._region) + 1 << _REGION_BITS if self._region in edge.regions else 0
        self.keys = {bytes.fromhex(digest): index for digest, index in edge.keys.items()}
        self.workloads = {name.encode(): index for name, index in edge.workloads.items()}
        self._cached = frozenset(r for r, route in enumerate(edge.routes) if route.cache or route.semantic or route.embedding_ttl_s > 0.0)
        self._kept = frozenset(w for w, kept in enumerate(edge.dead_letters) if kept)

    def key_of(self, authorization: bytes | None, api_key: bytes | None = None) -> int:
        """Index of the key in an Authorization or an x-api-key header. Raises RequestError (401)."""
        if api_key is not None and authorization is None:
            authorization = b"Bearer " + api_key
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            index = self.keys.get(hashlib.sha256(authorization[7:].strip()).digest())
            if index is not None:
                return index
            raise RequestError(401, "invalid_api_key", "the key is not known here; check the key, or ask the operator for one")
        raise RequestError(401, "missing_api_key", "no key; send it as `Authorization: Bearer KEY`")

    def key_within(self, headers: Mapping[bytes, bytes], transport: asyncio.BaseTransport) -> int:
        """Index of the key that a call from within is for. Raises RequestError (401, 403)."""
        if self.desk is None:
            raise RequestError(401, "invalid_api_key", "the key is not known here")
        peer, own = (str((transport.get_extra_info(end) or ("",))[0]) for end in ("peername", "sockname"))
        return self.desk.internal.resolve(self.edge, headers.get(b"authorization"), headers[ON_BEHALF], peer, own)

    def is_plain(self, route: int, incoming: Incoming) -> bool:
        """Whether a request asks for nothing beside an answer: no claim, no cache, no dead letter."""
        if route in self._cached or not _ASK_FOR_MORE.isdisjoint(incoming.headers):
            return False
        if not self._kept:
            return True
        return (incoming.workload if incoming.workload >= 0 else self.journey.workload_of_key(incoming.key)) not in self._kept

    def extras(self, route: int, ask: Ask, headers: Mapping[bytes, bytes]) -> tuple[int, tuple[int, int, int] | None]:
        """What BEGIN is told beside the usual: flags of the task's complexity, and the client's trace."""
        flags = 0
        if self.edge.routes[route].tiers:
            output = ask.output_tokens if ask.output_tokens is not None else self.edge.output_tokens
            flags = pack(judge(features_of(ask.fields), ask.input_tokens, output))
        told = headers.get(b"traceparent")
        trace = None if told is None else read(told)
        return flags, (0, 0, 0) if trace is None and self.trace is not None else trace

    def refusal_identity(self) -> bytes:
        """The header that names a request which the journey never saw. A worker in another's place has another process."""
        self._refusals += 1
        return b"x-request-id: %b-w%d-%d-%d\r\n" % (self.run, self._worker, self._process, self._refusals)

    def tenant_name(self, key: int) -> str:
        """Whose key it is."""
        return self._tenant_of(key).name

    def workload_of(self, name: bytes, key: int) -> int:
        """Index of a workload that the key's tenant may use. Raises RequestError (400, 403)."""
        allowed = self._tenant_of(key).workloads
        index = self.workloads.get(name)
        if index is not None and (allowed is None or index in allowed):
            return index
        known = _list(name for name, i in self.edge.workloads.items() if allowed is None or i in allowed)
        if index is None:
            raise RequestError(400, "unknown_workload", f"no such workload; known are: {known}", "x-roteiro-workload")
        raise RequestError(403, "workload_not_allowed", f"this key may not use that workload, but: {known}", "x-roteiro-workload")

    def route_of(self, model: str | None, key: int, workload: int) -> int:
        """Index of the route of a logical model that the key's tenant may use. Raises RequestError (403, 404).

        No model, or `default`, is what the plan says for the workload, which is the key's own where `workload` is -1.
        """
        index = self.edge.models.get(model) if model is not None else None
        if index is None and (model is None or model == "default"):
            index = self.edge.default_models[self.journey.workload_of_key(key) if workload < 0 else workload]
        tenant = self._tenant_of(key)
        if index is None and model in self.edge.pinned and tenant.name in self.edge.own:
            return self.edge.pinned[model]
        allowed = tenant.models
        if index is not None and (allowed is None or index in allowed):
            return index
        known = _list(self.models_of(key))
        if index is not None:
            raise RequestError(403, "model_not_allowed", f"this key may not use model `{model or 'default'}`, but: {known}", "model")
        if model is None:
            raise RequestError(400, "missing_required_parameter", f"you must provide `model`; known are: {known}", "model")
        shown = model if len(model) <= 100 else model[:99] + "…"
        raise RequestError(404, "model_not_found", f"no model `{shown}`; known are: {known}", "model")

    def check_kind(self, route: int, ask: Ask) -> None:
        """Raises RequestError (400) where a model that embeds is asked to talk, or one that talks to embed."""
        kind = self.edge.routes[route].kind
        if (kind == "embedding") != (ask.operation == Operation.EMBEDDINGS):
            does, other = ("embeds", "answers") if kind == "embedding" else ("answers", "embeds")
            raise RequestError(400, "wrong_kind_of_model", f"model `{ask.model or 'default'}` {does}; name one that {other}", "model")

    def models_of(self, key: int) -> list[str]:
        """Names of the logical models that the key's tenant may use."""
        allowed = self._tenant_of(key).models
        return sorted(name for name, index in self.edge.models.items() if allowed is None or index in allowed)

    def _tenant_of(self, key: int) -> EdgeTenant:
        return self.edge.tenants[self.edge.key_tenants[key]]

    def wake(self) -> None:
        """Lets those go whose turn it is, and tells the workers of the others. Also what a worker does when it is told."""
        if self._waking:  # an exchange that was let go took a step of its own
            self._wake_again = True
            return
        self._waking = True
        try:
            self._wake_again = True
            while self._wake_again:
                self._wake_again = False
                while True:
                    command, argument, reason, flow, _ = self.journey.step(_WAKE, NO_FLOW)
                    if flow == NO_FLOW:
                        break
                    if command == _NONE:
                        self._notify(int(argument))
                        continue
                    exchange = self.queued.pop(flow, None)
                    if exchange is None:
                        raise InvariantError(f"the journey woke flow {flow}, which does not wait here")
                    exchange.obey(command, argument, reason)
        finally:
            self._waking = False

    def close(self) -> None:
        """Ends the timer, the calls that nobody waits for, and the connections that are idle."""
        self.sweep.stop()
        for leaver in list(self.leavers):
            leaver.abandon()
        for target in self.targets:
            target.close()
        if self.caches is not None:
            self.caches.close()
        if self._sampler is not None:
            self._sampler.close()

    def _each_second(self) -> None:
        self.date = b"date: %b\r\n" % formatdate(self.sweep.unix(), usegmt=True).encode()
        for target in self.targets:
            target.tidy()


def alike(old: EdgeTarget, new: EdgeTarget) -> bool:
    """Whether a target stays itself: the same, or the same with other servers behind it."""
    if old == new:
        return True
    if not old.replicas or not new.replicas:
        return False
    return msgspec.structs.replace(old, replicas=new.replicas, base_url=new.base_url) == new


def _list(names: Iterable[str]) -> str:
    known = sorted(names)
    return ", ".join(known[:MOST_NAMED]) + (", …" if len(known) > MOST_NAMED else "")
