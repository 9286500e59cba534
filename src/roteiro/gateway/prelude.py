"""A request that asks for more than an answer: its claim by an Idempotency-Key, the caches, its dead letter.

It stands where an exchange would, looks before the exchange begins, and hears how it ended. Requests that ask for none of it never have
one. What must not live here: how any of it is kept.
"""

import contextlib
from typing import Final

from roteiro.gateway.cache import Looked
from roteiro.gateway.cache_completing import Completing
from roteiro.gateway.cache_embeddings import KnownTexts
from roteiro.gateway.dead_letters import Content, Letter, wanted
from roteiro.gateway.dispatch import DEAD_LETTER, Dispatch, Incoming
from roteiro.gateway.exchange import Client, Exchange
from roteiro.gateway.idempotency import HEADER, Claiming, Fresh, Replay, Verdict, key_in
from roteiro.gateway.internal import KEEP_S, ON_BEHALF
from roteiro.gateway.recorded import Recorded, give
from roteiro.gateway.refusal import Refusal, categories, of_request, outcome_of
from roteiro.providers.passage import Passage
from roteiro.terms.codes import CacheKind, Operation, Reason
from roteiro.wire.canon import BadAnswerError, Usage
from roteiro.wire.dialect import Ask

__all__ = ["Prelude"]

_TOLD: Final = (b"content-type", b"anthropic-version", b"anthropic-beta", b"x-roteiro-workload")
"""Headers that are kept with a dead letter, because they say how its body is to be read."""


class Prelude:
    """An exchange's stand-in for its connection, and its `Origin`."""

    def __init__(self, dispatch: Dispatch, client: Client, incoming: Incoming, ask: Ask, route: int) -> None:
        self._dispatch, self._client, self._incoming, self._ask, self._route = dispatch, client, incoming, ask, route
        self._claiming: Claiming | None = None
        self._recorded: Recorded | None = None
        self._exchange: Exchange | None = None
        self._looked: Looked | None = None
        self._known: KnownTexts | None = None

    def start(self) -> None:
        """Asks for the claim where there is a key for one, else goes on at once. Raises RequestError where the key is none."""
        incoming, dispatch = self._incoming, self._dispatch
        named = incoming.headers.get(HEADER)
        desk, keep_s = dispatch.desk, dispatch.edge.idempotency_s
        if ON_BEHALF in incoming.headers:  # of our own: whatever the plan says of clients, nothing is done twice
            keep_s = max(keep_s, KEEP_S)
        if named is None or desk is None or keep_s <= 0.0:
            self._begin()
            return
        scope = f"{dispatch.tenant_name(incoming.key)}\0{dispatch.edge.key_names[incoming.key]}"
        endpoint = incoming.url.partition(b"?")[0].decode("latin-1")
        self._claiming = desk.idempotency.claim(scope, endpoint, key_in(named), incoming.body, keep_s, self._claimed)

    def gone(self) -> None:
        """The client left."""
        if self._claiming is not None:
            self._claiming.abandon()
            self._claiming = None
        elif self._exchange is None:
            caches = self._dispatch.caches
            if self._looked is not None and caches is not None and caches.answers is not None:
                caches.answers.forget(self._looked)
            if self._recorded is not None:
                self._recorded.gone()
        elif self._exchange is not None:
            self._exchange.gone()
            if self._recorded is not None and self._exchange.over:
                self._recorded.gone()

    def pause(self) -> None:
        """The client reads slowly."""
        if self._exchange is not None:
            self._exchange.pause()

    def resume(self) -> None:
        """The client reads again."""
        if self._exchange is not None:
            self._exchange.resume()

    def _claimed(self, verdict: Verdict) -> None:
        self._claiming = None
        if isinstance(verdict, Replay):
            give(verdict, self._client)
        elif isinstance(verdict, Fresh):
            self._recorded = Recorded(self._client, verdict.claim)
            self._client = self._recorded
            self._begin()
        else:
            refusal = of_request(verdict.error, self._ask.front)
            self._client.refuse(Refusal(refusal.status, verdict.headers, refusal.body), self._dispatch.refusal_identity())

    def _begin(self) -> None:
        """Looks into the cache, where the route has one."""
        caches, incoming = self._dispatch.caches, self._incoming
        tenant = self._dispatch.edge.key_tenants[incoming.key]
        if caches is None:
            pass
        elif caches.embeddings is not None and self._ask.operation == Operation.EMBEDDINGS:
            known = self._known = caches.embeddings.look(self._ask, tenant, self._route, incoming.headers)
            if known is not None and not known.hit:
                self._ask, self._client = known.ask, Completing(self._client, known)
        elif caches.answers is not None:
            looked = self._looked = caches.answers.look(self._ask, tenant, self._route, incoming.headers)
            if looked is not None and looked.pending:
                caches.answers.wait(looked, self._go)
                return
        self._go()

    def _go(self) -> None:
        dispatch, incoming, ask, looked, known = self._dispatch, self._incoming, self._ask, self._looked, self._known
        exchange = self._exchange = Exchange(dispatch, self._client, ask, self)
        flags, trace = dispatch.extras(self._route, ask, incoming.headers)
        if looked is not None and looked.hit is not None:
            flags |= looked.hit.kind << 1
            usage = looked.hit.usage
            ask.input_tokens, ask.output_tokens = usage.input, usage.output  # its own, and not what a new answer might take
        elif known is not None and known.hit:
            flags |= CacheKind.EMBEDDING << 1
            ask.input_tokens, ask.output_tokens = known.tokens, 0
        exchange.begin(incoming.key, self._route, incoming.workload, flags, trace)

    # the exchange's Origin

    def served(self) -> None:
        """As `Origin`."""
        exchange, looked, ask, client, known = self._exchange, self._looked, self._ask, self._client, self._known
        if exchange is not None and known is not None:
            client.answer(exchange.identity + b"x-roteiro-cache: embedding\r\n", known.body())
            return
        assert exchange is not None and looked is not None and looked.hit is not None, "the journey was told of a hit"
        hit = looked.hit
        headers = exchange.identity + b"x-roteiro-cache: %b\r\n" % hit.kind.name.lower().encode()
        if ask.stream:
            client.open_stream(headers, hit.frames(ask, int(self._dispatch.sweep.unix())))
            client.end_stream(b"", broken=False)
        else:
            client.answer(headers, hit.body(ask))

    def answered(self, passage: Passage, body: bytes | None, usage: Usage | None) -> None:
        """As `Origin`: what may be kept is."""
        caches, looked, exchange = self._dispatch.caches, self._looked, self._exchange
        cache = None if caches is None else caches.answers
        if cache is None or looked is None or exchange is None or exchange.degraded:
            return
        if body is None:
            if exchange.seen is not None:
                cache.keep_stream(looked, exchange.seen, usage)
            return
        with contextlib.suppress(BadAnswerError):  # an answer that passed and that this reader cannot read is not kept
            cache.keep(looked, passage.canonical(body))

    def rejected(self, reason: int, refusal: Refusal) -> bool:
        """As `Origin`: a dead letter is on the disk before its request is refused."""
        exchange, dispatch, incoming = self._exchange, self._dispatch, self._incoming
        desk, edge = dispatch.desk, dispatch.edge
        if exchange is None or desk is None:
            return False
        workload = incoming.workload if incoming.workload >= 0 else dispatch.journey.workload_of_key(incoming.key)
        keeps = workload < len(edge.dead_letters) and edge.dead_letters[workload]
        tried = exchange.tried
        if not wanted(outcome_of(reason, tried), keeps, incoming.headers.get(DEAD_LETTER)):
            return False
        letter = Letter(
            tenant=dispatch.tenant_name(incoming.key),
            key=edge.key_names[incoming.key],
            workload=next((name for name, index in edge.workloads.items() if index == workload), ""),
            model=self._ask.model or "default",
            path=incoming.url.decode("latin-1"),
            reason=Reason(reason).name.lower(),
            tried=categories(tried),
            status=refusal.status,
            request=exchange.name,
        )
        told = {name.decode(): value.decode("latin-1") for name in _TOLD if (value := incoming.headers.get(name)) is not None}
        desk.dead_letters.keep(letter, Content(incoming.body, told), edge.dead_letter_s, lambda named: exchange.refuse(refusal, named))
        return True
