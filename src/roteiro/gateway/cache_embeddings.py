"""Embeddings that were made before, text by text: only what is not known goes to the provider, and the answer is put together in order.

A vector is kept per tenant, model, plan, dimensions and text. Vectors are the same for everyone who asks, but how fast an answer comes
would tell one tenant what another has asked. What must not live here: where vectors lie (`cache_store`).
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from msgspec import Raw, Struct

from roteiro.gateway.cache_store import CacheStore
from roteiro.terms.codes import ErrorClass, Operation
from roteiro.terms.edge import Edge
from roteiro.wire.cache_key import scope, text_key
from roteiro.wire.canon import BadAnswerError
from roteiro.wire.dialect import Ask
from roteiro.wire.embeddings_body import inputs_of, rows_of, said, vector_of, wants_base64, with_inputs
from roteiro.wire.tokens import shared

__all__ = ["MOST_TEXTS", "EmbeddingCache", "KnownTexts"]

MOST_TEXTS: Final = 128
"""Texts of a request that is looked up; one with more goes its way, because to look up a thousand would hold up the others."""

MUTED_S: Final = 60.0
"""How long nothing is taken from the cache for a tenant's model after another provider's model answered for it."""

_HEADERS: Final[Mapping[bytes, bytes]] = {}
_SHAPELESS: Final = frozenset({"encoding_format", "input", "model", "user"})
_encode: Final = msgspec.msgpack.Encoder().encode
_input: Final = msgspec.json.Decoder(str | list[int])


class _Kept(Struct, array_like=True, frozen=True):
    vector: bytes
    model: str
    tokens: int


_KEPT: Final = msgspec.msgpack.Decoder(_Kept)


class KnownTexts:
    """One embeddings request: what of it is known, and what is to be asked."""

    __slots__ = ("_asked", "_cache", "_inputs", "_keys", "_known", "_ttl_s", "_whose", "ask")

    def __init__(
        self, cache: "EmbeddingCache", whose: bytes, ask: Ask, inputs: Sequence[Raw], keys: Sequence[bytes], known: list[_Kept | None],
        ttl_s: float,
    ) -> None:  # fmt: skip
        self._whose = whose
        self._cache, self._asked, self._inputs, self._keys, self._known, self._ttl_s = cache, ask, inputs, keys, known, ttl_s
        self.ask = ask
        """What is to be asked of a provider: the texts that are not known."""
        missing = [raw for raw, kept in zip(inputs, known, strict=True) if kept is None]
        if 0 < len(missing) < len(inputs):
            size = sum(len(memoryview(raw)) for raw in inputs)
            part = sum(len(memoryview(raw)) for raw in missing)
            self.ask = with_inputs(ask, missing, max(1, ask.input_tokens * part // size))

    @property
    def hit(self) -> bool:
        """Whether all is known."""
        return None not in self._known

    @property
    def tokens(self) -> int:
        """Of the texts that are known."""
        return sum(kept.tokens for kept in self._known if kept is not None)

    @property
    def partial(self) -> bool:
        """Whether some is, and the provider's answer has to be completed."""
        return self.ask is not self._asked

    def body(self) -> bytes:
        """The answer, once all is known."""
        known = [kept for kept in self._known if kept is not None]
        assert len(known) == len(self._known), "only what is known can be said"
        text = wants_base64(self._asked.fields)
        vectors = [
            b64encode(kept.vector).decode() if text else np.frombuffer(kept.vector, "<f4").astype(float).tolist() for kept in known
        ]  # fmt: skip
        return said(vectors, known[0].model, sum(kept.tokens for kept in known))

    def complete(self, body: bytes) -> bytes:
        """The provider's answer to `ask` → the answer to the client; what it says is kept. Raises BadAnswerError."""
        missing = [at for at, kept in enumerate(self._known) if kept is None]
        rows = rows_of(body, len(missing))
        if self.partial and any(kept is not None and kept.model != (rows.model or "") for kept in self._known):
            self._cache.mute(self._whose)  # who asks again gets all from one model
            raise BadAnswerError(ErrorClass.PROTOCOL, "it is of another model than what is known of the request; ask again")
        weights = [len(memoryview(self._inputs[at])) for at in missing]
        tokens = shared(self.ask.input_tokens if rows.tokens is None else rows.tokens, weights)
        for at, raw, count in zip(missing, rows.vectors, tokens, strict=True):
            kept = self._known[at] = _Kept(vector_of(raw), rows.model or "", count)
            self._cache.store.put(self._keys[at], _encode(kept), self._ttl_s)
        return self.body() if self.partial else body


class EmbeddingCache:
    """One worker's."""

    def __init__(self, edge: Edge, store: CacheStore) -> None:
        self._edge, self.store = edge, store
        self._muted: dict[bytes, float] = {}

    def look(self, ask: Ask, tenant: int, route: int, headers: Mapping[bytes, bytes] = _HEADERS) -> KnownTexts | None:
        """What is known of a request; None where the cache has nothing to do with it. `headers` have lower-case names."""
        edge = self._edge
        if ask.operation != Operation.EMBEDDINGS or route >= len(edge.routes):
            return None
        ttl_s = edge.routes[route].embedding_ttl_s
        control = headers.get(b"cache-control", b"").lower()
        if ttl_s <= 0.0 or b"no-store" in control:
            return None
        inputs = inputs_of(ask.fields)
        if inputs is None or len(inputs) > MOST_TEXTS:
            return None
        shape = sorted((name, bytes(raw)) for name, raw in ask.fields.items() if name not in _SHAPELESS)
        whose = scope(edge.tenants[tenant].name, edge.routes[route].name, edge.digest, *(f"{name}={raw!r}" for name, raw in shape))
        try:
            keys = [text_key(whose, _input.decode(raw)) for raw in inputs]
        except ValueError:
            return None
        silent = b"no-cache" in control or (whose in self._muted and self._muted[whose] > self.store.clock())
        known = [None if silent else self._kept(key) for key in keys]
        model = next((kept.model for kept in known if kept is not None), None)
        known = [kept if kept is not None and kept.model == model else None for kept in known]  # vectors of two models do not compare
        return KnownTexts(self, whose, ask, inputs, keys, known, ttl_s)

    def mute(self, whose: bytes) -> None:
        """Takes nothing from what is kept under a scope for a while; what is answered meanwhile takes its place."""
        now = self.store.clock()
        self._muted = {scope: until for scope, until in self._muted.items() if until > now}
        self._muted[whose] = now + MUTED_S

    def _kept(self, key: bytes) -> _Kept | None:
        value = self.store.get(key)
        return None if value is None else _KEPT.decode(value)
