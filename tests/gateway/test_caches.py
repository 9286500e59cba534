"""A worker's caches, opened when a plan first asks for one."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from roteiro.gateway import semantic_model
from roteiro.gateway.cache_store import KEY_BYTES
from roteiro.gateway.caches import Caches
from roteiro.terms.edge import Edge
from roteiro.terms.error import SettingsError

from .cache_world import NOW, answer, ask, edge
from .harness import run, until

NOTHING: dict[str, Any] = {"rescue": True}


def caches(plan: Edge, folder: Path) -> Caches:
    return Caches(plan, folder, os.urandom(KEY_BYTES), asyncio.get_running_loop(), lambda: NOW)


def test_nothing_is_opened_where_no_route_has_a_cache(tmp_path: Path) -> None:
    async def story() -> None:
        made = caches(edge(**NOTHING), tmp_path / "cache")
        assert made.answers is None and made.embeddings is None and not (tmp_path / "cache").exists()
        made.close()

    run(story())


def test_a_plan_may_bring_a_cache_and_take_it_away(tmp_path: Path) -> None:
    async def story() -> None:
        made = caches(edge(**NOTHING), tmp_path / "cache")
        made.adopt(edge())
        assert made.answers is not None and made.embeddings is None
        looked = made.answers.look(ask(), 0, 0)
        assert looked is not None
        made.answers.keep(looked, answer())
        made.adopt(edge(embedding_ttl_s=5.0))
        assert made.answers is None and made.embeddings is not None
        made.adopt(edge())
        there = made.answers

        def hit() -> bool:
            again = there.look(ask(), 0, 0) if there is not None else None
            return again is not None and again.hit is not None

        await until(hit)
        made.close()

    run(story())


def test_a_semantic_cache_without_its_extra_is_refused_and_the_old_plan_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr(semantic_model.importlib.util, "find_spec", lambda name: None)
        made = caches(edge(), tmp_path / "cache")
        before = made.answers
        with pytest.raises(SettingsError, match="semantic"):
            made.adopt(edge(semantic=True, semantic_threshold=0.9, semantic_ttl_s=5.0))
        assert made.answers is before is not None
        made.close()

    run(story())


def test_a_processor_that_cannot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic_model.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "flags : sse sse2 avx\n")
    with pytest.raises(SettingsError, match="AVX2"):
        semantic_model.ready()
