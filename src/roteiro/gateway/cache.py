"""Answers that were given before, for requests that are the same, or mean the same: what a worker asks before and tells after a request.

Only whole answers of text are kept, that ended by themselves, of one alternative and without tools; the client may say
`Cache-Control: no-cache` (not from the cache) or `no-store` (nor into it). An answer is kept as no dialect writes it, so that one that
was streamed serves a request for a whole one, and the other way round. The tenant is part of every key: nothing is shared between them.

What must not live here: where values lie (`cache_store`), what makes requests the same (`wire.cache_key`), and which routes have a cache.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from roteiro.gateway.cache_store import CacheStore
from roteiro.terms.codes import CacheKind
from roteiro.terms.edge import Edge
from roteiro.wire.cache_key import cacheable, exact_key, scope
from roteiro.wire.canon import Answer, Choice, Finished, Started, Text, TextDelta, Usage, Used
from roteiro.wire.dialect import Ask, Seen

if TYPE_CHECKING:
    from roteiro.gateway.semantic import SemanticCache, Sought

__all__ = ["Cache", "Hit", "Kept", "Looked"]

_CACHE_CONTROL: Final = b"cache-control"
_NO_HEADERS: Final[Mapping[bytes, bytes]] = {}


class Kept(Struct, frozen=True, array_like=True):
    """An answer, as it is kept."""

    text: str
    id: str
    model: str
    finish: str
    stop_sequence: str | None
    usage: tuple[int, int, int, int, bool]
    at: float
    """When it was kept, in Unix seconds."""


_encode: Final = msgspec.msgpack.Encoder().encode
_KEPT: Final = msgspec.msgpack.Decoder(Kept)


class Hit:
    """An answer from the cache."""

    __slots__ = ("kept", "kind")

    def __init__(self, kind: CacheKind, kept: Kept) -> None:
        self.kind, self.kept = kind, kept

    @property
    def usage(self) -> Usage:
        """What the answer took when it was made, and what its client is told again."""
        return Usage(*self.kept.usage)

    def body(self, ask: Ask) -> bytes:
        """For a request that is not streamed."""
        kept = self.kept
        choice = Choice(parts=(Text(kept.text),), finish=kept.finish, stop_sequence=kept.stop_sequence)  # type: ignore[arg-type]
        return ask.front.answer(Answer(id=kept.id, model=kept.model, choices=(choice,), usage=self.usage, created=int(kept.at)), ask)

    def frames(self, ask: Ask, created: int) -> bytes:
        """For a stream: all of it. `created` in Unix seconds."""
        kept, usage = self.kept, self.usage
        writer = ask.front.writer(ask, created, Seen())
        finished = Finished(kept.finish, stop_sequence=kept.stop_sequence)  # type: ignore[arg-type]
        return writer.write((Started(kept.id, kept.model, usage.input), TextDelta(kept.text), finished, Used(usage))) + writer.end(usage)


class Looked:
    """One request's place in the cache, from the look to the answer. Of a request that the cache has nothing to do with there is none."""

    __slots__ = ("hit", "key", "sought", "ttl_s", "writes")

    def __init__(self, key: bytes, ttl_s: float, writes: bool) -> None:
        self.hit: Hit | None = None
        self.key, self.ttl_s, self.writes = key, ttl_s, writes
        self.sought: Sought | None = None

    @property
    def pending(self) -> bool:
        """Whether the meaning is still being looked for; `Cache.wait` tells when it was."""
        return self.hit is None and self.sought is not None and self.sought.pending


class Cache:
    """One worker's. `semantic` is None where no route has such a cache, or the extra is not installed."""

    def __init__(self, edge: Edge, store: CacheStore, clock: Callable[[], float], semantic: "SemanticCache | None" = None) -> None:
        """`clock` tells Unix seconds."""
        self.store = store
        self._clock, self._semantic = clock, semantic
        self.adopt(edge)

    def adopt(self, edge: Edge) -> None:
        """Takes a new plan's edge. Answers of another plan are not served: a model's name may mean another model now."""
        self._edge = edge
        self._serves = [route.cache or route.semantic for route in edge.routes]
        self._scopes: dict[tuple[int, int], bytes] = {}

    def look(self, ask: Ask, tenant: int, route: int, headers: Mapping[bytes, bytes] = _NO_HEADERS) -> Looked | None:
        """Whether there is an answer. None where the cache has nothing to do with the request; such a look costs 0.1 µs.

        `headers` have lower-case names.
        """
        if route >= len(self._serves) or not self._serves[route]:
            return None
        said = headers.get(_CACHE_CONTROL)
        reads = True
        if said is not None:
            said = said.lower()
            if b"no-store" in said:
                return None
            reads = b"no-cache" not in said
        if not cacheable(ask.fields, ask.operation, ask.choices):
            return None
        whose = self._scopes.get((tenant, route)) or self._scope(tenant, route)
        key = exact_key(whose, ask.operation, ask.fields)
        if key is None:
            return None
        plan = self._edge.routes[route]
        looked = Looked(key, max(plan.cache_ttl_s if plan.cache else 0.0, plan.semantic_ttl_s if plan.semantic else 0.0), True)
        if reads and plan.cache and (kept := self._kept(key, plan.cache_ttl_s)) is not None:
            looked.hit, looked.writes = Hit(CacheKind.EXACT, kept), False
        elif plan.semantic and self._semantic is not None:
            looked.sought = self._semantic.seek(ask.operation, ask.fields, whose, plan, reads)
        return looked

    def wait(self, looked: Looked, done: Callable[[], None]) -> None:
        """Calls `done` on the loop once the meaning was looked for; then `looked.hit` says what came of it. Only where it is pending.

        Who no longer wants to know leaves by `forget`.
        """
        sought = looked.sought
        assert sought is not None

        def found() -> None:
            self._found(looked)
            done()

        sought.wait(found)

    @staticmethod
    def forget(looked: Looked) -> None:
        """The client left."""
        if looked.sought is not None:
            looked.sought.wait(None)

    def keep(self, looked: Looked, answer: Answer) -> None:
        """Keeps a whole answer, if it may be kept. Not to be called for what a cheaper model gave because a budget was short."""
        if not looked.writes or len(answer.choices) != 1:
            return
        choice = answer.choices[0]
        texts = [part.text for part in choice.parts if isinstance(part, Text)]
        if len(texts) == len(choice.parts) and choice.logprobs is None and choice.finish is not None:
            self._keep(looked, "".join(texts), answer.id, answer.model, choice.finish, choice.stop_sequence, answer.usage)

    def keep_stream(self, looked: Looked, seen: Seen, usage: Usage | None) -> None:
        """The same for an answer that was streamed, whole."""
        if looked.writes and seen.rescuable and seen.finish is not None:
            self._keep(looked, "".join(seen.text), seen.id, seen.model, seen.finish, None, usage)

    def close(self) -> None:
        """Ends what runs beside the loop, and lets go of the file."""
        if self._semantic is not None:
            self._semantic.close()
        self.store.close()

    def _keep(self, looked: Looked, text: str, id: str, model: str, finish: str, stop_sequence: str | None, usage: Usage | None) -> None:
        if finish not in ENDS or not text or usage is None:
            return
        kept = Kept(text, id, model, finish, stop_sequence, usage, self._clock())
        self.store.put(looked.key, _encode(kept), looked.ttl_s)
        if looked.sought is not None and self._semantic is not None:
            self._semantic.keep(looked.sought, looked.key)

    def _kept(self, key: bytes, ttl_s: float) -> Kept | None:
        """What is kept under a key, and not for too long."""
        value = self.store.get(key)
        if value is None:
            return None
        try:
            kept = _KEPT.decode(value)
        except msgspec.DecodeError:
            return None
        return kept if kept.at + ttl_s > self._clock() else None

    def _found(self, looked: Looked) -> None:
        sought = looked.sought
        if sought is None or looked.hit is not None:
            return
        for key in sought.nearest:
            if (kept := self._kept(key, sought.ttl_s)) is not None:
                looked.hit, looked.writes = Hit(CacheKind.SEMANTIC, kept), False
                return

    def _scope(self, tenant: int, route: int) -> bytes:
        edge = self._edge
        made = self._scopes[tenant, route] = scope(edge.tenants[tenant].name, edge.routes[route].name, edge.digest)
        return made


ENDS: Final[Sequence[str]] = ("stop", "stop_sequence")
"""How an answer ends that is complete."""
