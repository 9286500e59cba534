"""Embeddings text by text: what is known is not asked again, and the answer is whole and in order."""

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.gateway.cache_completing import Completing
from roteiro.gateway.cache_embeddings import MOST_TEXTS, EmbeddingCache, KnownTexts
from roteiro.wire.canon import BadAnswerError
from roteiro.wire.dialect import Ask
from roteiro.wire.openai_embeddings import OpenAIEmbeddingsFront

from .cache_world import Turns, ask, edge, store_at

FRONT = OpenAIEmbeddingsFront()
KEPT: dict[str, Any] = {"embedding_ttl_s": 60.0}


class World:
    def __init__(self, path: Path) -> None:
        self.turns = Turns()
        self.store = store_at(path, self.turns)
        self.cache = EmbeddingCache(edge(**KEPT), self.store)
        self.asked: list[Any] = []
        self.model = "up"

    def look(
        self, given: Any, tenant: int = 0, route: int = 0, headers: dict[bytes, bytes] | None = None, **more: Any
    ) -> KnownTexts | None:
        return self.cache.look(self.ask(given, **more), tenant, route, headers or {})

    def ask(self, given: Any, **more: Any) -> Ask:
        return FRONT.read(json.dumps({"model": "e", "input": given, **more}).encode(), {})

    def provide(self, request: Ask) -> bytes:
        """The provider: a text's vector is its length and its first letter."""
        texts = json.loads(bytes(request.fields["input"]))
        texts = texts if isinstance(texts, list) else [texts]
        self.asked.append(texts)
        vectors: list[Any] = [vector(text) for text in texts]
        if b"base64" in bytes(request.fields.get("encoding_format", b"")):
            vectors = [base64.b64encode(struct.pack("<2f", *one)).decode() for one in vectors]
        data = [{"object": "embedding", "index": i, "embedding": one} for i, one in enumerate(vectors)]
        return json.dumps({"object": "list", "data": data, "model": self.model, "usage": {"prompt_tokens": 3 * len(texts)}}).encode()

    def serve(self, given: Any, **more: Any) -> Any:
        """A whole journey → the client's vectors, and the tokens told."""
        known = self.look(given, **more)
        assert known is not None
        body = known.body() if known.hit else known.complete(self.provide(known.ask))
        self.turns.turn()
        answer = json.loads(body)
        assert [row["index"] for row in answer["data"]] == list(range(len(answer["data"])))
        return [row["embedding"] for row in answer["data"]], answer["usage"]["prompt_tokens"]


def vector(text: Any) -> list[float]:
    return [float(len(text)), float(ord(text[0]) if isinstance(text, str) else text[0])]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_only_what_is_missing_is_asked_and_the_answer_is_in_order(world: World) -> None:
    assert world.serve(["a", "bb"]) == ([vector("a"), vector("bb")], 6)
    assert world.serve(["ccc", "bb", "d", "a"]) == ([vector(text) for text in ("ccc", "bb", "d", "a")], 12)
    assert world.serve(["a", "ccc"]) == ([vector("a"), vector("ccc")], 7)  # six tokens of "ccc" and "d", shared out by length
    assert world.serve("d") == ([vector("d")], 2)
    assert world.asked == [["a", "bb"], ["ccc", "d"]]


def test_a_reduced_request_reserves_less(world: World) -> None:
    world.serve("a" * 1000)
    known = world.look(["a" * 1000, "b" * 10])
    assert known is not None and known.partial
    assert known.ask.input_tokens < world.ask(["a" * 1000, "b" * 10]).input_tokens / 10


def test_the_form_is_the_clients(world: World) -> None:
    world.serve(["a"])
    vectors, _ = world.serve(["b", "a"], encoding_format="base64")
    assert [list(struct.unpack("<2f", base64.b64decode(one))) for one in vectors] == [vector("b"), vector("a")]
    assert world.serve(["b"])[0] == [vector("b")]
    assert world.asked == [["a"], ["b"]]


def test_tokens_as_numbers(world: World) -> None:
    assert world.serve([[7, 8], [9]])[0] == [[2.0, 7.0], [1.0, 9.0]]
    assert world.look([7, 8]).hit  # type: ignore[union-attr]
    assert not world.look("[7,8]").hit  # type: ignore[union-attr]


@pytest.mark.parametrize("more", [{"dimensions": 2}, {"tenant": 1}, {"route": 1}, {"input_type": "query"}])
def test_what_makes_another_vector_or_another_owner_is_apart(world: World, more: dict[str, Any]) -> None:
    world.serve("a")
    assert world.look("a").hit  # type: ignore[union-attr]
    assert world.look("a", user="u").hit  # type: ignore[union-attr]
    assert not world.look("a", **more).hit  # type: ignore[union-attr]


def test_the_client_and_the_plan_may_not_want_it(world: World) -> None:
    world.serve("a")
    assert world.look("a", headers={b"cache-control": b"no-store"}) is None
    assert not world.look("a", headers={b"cache-control": b"no-cache"}).hit  # type: ignore[union-attr]
    assert world.look("a", route=2) is None
    assert world.look(["a"] * (MOST_TEXTS + 1)) is None
    assert world.look(["a", [1]]) is None
    assert world.cache.look(ask(), 0, 0) is None
    world.turns.now += 61
    assert not world.look("a").hit  # type: ignore[union-attr]


def test_vectors_of_two_models_are_never_in_one_answer(world: World) -> None:
    world.serve(["a", "b"])
    world.model = "another"
    part = world.look(["a", "c"])
    assert part is not None and part.partial
    with pytest.raises(BadAnswerError, match="another model"):
        part.complete(world.provide(part.ask))
    again = world.look(["a", "c"])
    assert again is not None and not again.partial and not again.hit
    assert world.serve(["a", "c"])[0] == [vector("a"), vector("c")]
    world.cache.mute(b"")  # forgets nothing that still counts
    assert not world.look("a").hit  # type: ignore[union-attr]
    world.cache._muted.clear()
    mixed = world.look(["a", "b"])
    assert mixed is not None and mixed.partial
    assert json.loads(bytes(mixed.ask.fields["input"])) == ["b"]


class Client:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def answer(self, headers: bytes, body: bytes) -> None:
        self.said.append((200, body))

    def refuse(self, refusal: Any, headers: bytes) -> None:
        self.said.append((refusal.status, refusal.body))


@pytest.mark.parametrize(
    "body",
    [b"nonsense", b'{"data":[]}', b'{"data":[{"embedding":"%%%"}]}', b'{"data":[{"embedding":"YQ=="}]}', b'{"data":[{"embedding":[]}]}'],
)
def test_an_answer_that_is_none(world: World, body: bytes) -> None:
    client = Client()
    whole = world.look("a")
    assert whole is not None
    Completing(client, whole).answer(b"", body)  # type: ignore[arg-type]
    assert client.said == [(200, body)]  # the client's to judge
    world.turns.turn()
    world.serve("b")
    part = world.look(["a", "b"])
    assert part is not None and part.partial
    Completing(client, part).answer(b"", body)  # type: ignore[arg-type]
    assert client.said[1][0] == 502
    with pytest.raises(BadAnswerError):
        part.complete(body)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=2), min_size=1, max_size=5)),
        max_size=12,
    )
)
def test_whatever_is_known_the_vectors_are_the_texts_own(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, list[str]]]
) -> None:
    world = World(tmp_path_factory.mktemp("cache"))
    known: set[tuple[int, str]] = set()
    for tenant, texts in asked:
        before = len(world.asked)
        assert world.serve(texts, tenant=tenant)[0] == [vector(text) for text in texts]
        sent = [text for call in world.asked[before:] for text in call]
        assert {text for text in texts if (tenant, text) not in known} == set(sent)
        known |= {(tenant, text) for text in texts}
    world.store.close()
