"""All caches of one worker, opened when a plan first asks for one.

What must not live here: what any of them keeps.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from roteiro.gateway import semantic_model
from roteiro.gateway.cache import Cache
from roteiro.gateway.cache_embeddings import EmbeddingCache
from roteiro.gateway.cache_store import CacheStore
from roteiro.gateway.semantic import SemanticCache
from roteiro.terms.edge import Edge

__all__ = ["Caches"]


class Caches:
    """`answers` and `embeddings` are None while no route of the plan has such a cache.

    `folder` is shared by the workers of a run, `key` are 32 random bytes of the run, `clock` tells Unix seconds.
    """

    def __init__(self, edge: Edge, folder: Path, key: bytes, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        """Raises SettingsError where a semantic cache is asked for and cannot be."""
        self._folder, self._key, self._loop, self._clock = folder, key, loop, clock
        self._store: CacheStore | None = None
        self._semantic: SemanticCache | None = None
        self.answers: Cache | None = None
        self.embeddings: EmbeddingCache | None = None
        self.adopt(edge)

    def adopt(self, edge: Edge) -> None:
        """Takes a new plan's edge; all of it or, by SettingsError, nothing. The room is that of the plan that first had a cache."""
        room = edge.cache_bytes > 0
        answers = room and any(route.cache or route.semantic for route in edge.routes)
        meanings = room and any(route.semantic for route in edge.routes)
        embeddings = room and any(route.embedding_ttl_s > 0.0 for route in edge.routes)
        if meanings:
            semantic_model.ready()
        if not (answers or embeddings):
            self.answers = self.embeddings = None
            return
        if self._store is None:
            later = self._loop.call_later
            self._store = CacheStore(self._folder, edge.cache_bytes, self._key, self._clock, lambda seconds, work: later(seconds, work))
        if meanings and self._semantic is None:
            self._semantic = SemanticCache(self._store, semantic_model.load, self._loop.call_soon_threadsafe, self._clock)
        if answers:
            self.answers = Cache(edge, self._store, self._clock, self._semantic if meanings else None)
        else:
            self.answers = None
        self.embeddings = EmbeddingCache(edge, self._store) if embeddings else None

    def close(self) -> None:
        """Ends what runs beside the loop, and lets go of the file."""
        self.answers = self.embeddings = None
        if self._semantic is not None:
            self._semantic.close()
        if self._store is not None:
            self._store.close()
