"""Answers from the cache: in any form and dialect of the same request, for the same tenant, and only where they may be kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.gateway.cache import Cache
from roteiro.gateway.cache_store import CacheStore
from roteiro.terms.codes import CacheKind
from roteiro.wire.canon import Answer, Choice, Text, Thinking, ToolCall, Usage
from roteiro.wire.dialect import Seen

from .cache_world import NOW, Turns, answer, ask, edge, store_at

USAGE = Usage(9, 1, 3, 0)


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def store(tmp_path: Path, turns: Turns) -> Iterator[CacheStore]:
    made = store_at(tmp_path, turns)
    yield made
    made.close()


@pytest.fixture
def cache(store: CacheStore, turns: Turns) -> Cache:
    return Cache(edge(), store, turns.clock)


def kept(cache: Cache, turns: Turns, given: Answer | None = None, **more: Any) -> None:
    looked = cache.look(ask(**more), 0, 0)
    assert looked is not None and looked.hit is None
    cache.keep(looked, given or answer())
    turns.turn()


def hit(cache: Cache, tenant: int = 0, route: int = 0, **more: Any) -> Any:
    looked = cache.look(ask(**more), tenant, route)
    return None if looked is None else looked.hit


def test_a_whole_answer_serves_the_same_request_whole_and_streamed(cache: Cache, turns: Turns) -> None:
    kept(cache, turns)
    found = hit(cache, temperature=None)
    assert found.kind == CacheKind.EXACT and found.usage == USAGE
    body = json.loads(found.body(ask()))
    assert body["choices"][0]["message"]["content"] == "Paris."
    assert body["usage"]["prompt_tokens"] == 9 and body["model"]
    frames = found.frames(ask(stream=True, stream_options={"include_usage": True}), int(NOW))
    assert frames.endswith(b"data: [DONE]\n\n")
    chunks = [json.loads(line[6:]) for line in frames.decode().split("\n\n")[:-2]]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"]) == "Paris."
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"]][-1] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] == 3


def test_a_stream_serves_a_request_for_a_whole_answer(cache: Cache, turns: Turns) -> None:
    looked = cache.look(ask(stream=True), 0, 0)
    assert looked is not None
    seen = Seen()
    seen.id, seen.model, seen.text, seen.finish = "s1", "upstream", ["Par", "is."], "stop"
    cache.keep_stream(looked, seen, USAGE)
    turns.turn()
    assert json.loads(hit(cache).body(ask()))["choices"][0]["message"]["content"] == "Paris."


def test_an_answer_is_given_in_the_clients_dialect(cache: Cache, turns: Turns) -> None:
    asked = ask(front="anthropic")
    looked = cache.look(asked, 0, 0)
    assert looked is not None and looked.hit is None
    cache.keep(looked, answer())
    turns.turn()
    found = cache.look(asked, 0, 0)
    assert found is not None and found.hit is not None
    assert json.loads(found.hit.body(asked))["content"][0]["text"] == "Paris."
    assert b"event: message_stop" in found.hit.frames(asked, int(NOW))
    assert hit(cache) is None  # what was asked in another dialect is another request


def test_a_hit_is_not_kept_again(cache: Cache, turns: Turns) -> None:
    kept(cache, turns)
    looked = cache.look(ask(), 0, 0)
    assert looked is not None
    cache.keep(looked, answer("other"))
    assert not turns.due


@pytest.mark.parametrize(
    "given",
    [
        answer(finish="length"), answer(finish="content_filter"), answer(finish=None), answer(""), answer(logprobs={"content": []}),
        Answer(id="a", model="m", usage=USAGE, choices=()),
        Answer(id="a", model="m", usage=USAGE, choices=(Choice(parts=(Text("a"),), finish="stop"), Choice(index=1, parts=(Text("b"),), finish="stop"))),
        Answer(id="a", model="m", usage=USAGE, choices=(Choice(parts=(Text("a"), ToolCall("1", "f", "{}")), finish="stop"),)),
        Answer(id="a", model="m", usage=USAGE, choices=(Choice(parts=(Thinking("hm"), Text("a")), finish="stop"),)),
        Answer(id="a", model="m", usage=None, choices=(Choice(parts=(Text("a"),), finish="stop"),)),
    ],
)  # fmt: skip
def test_answers_that_are_not_kept(cache: Cache, turns: Turns, given: Answer) -> None:
    looked = cache.look(ask(), 0, 0)
    assert looked is not None
    cache.keep(looked, given)
    assert not turns.due


@pytest.mark.parametrize(("rescuable", "finish"), [(False, "stop"), (True, None), (True, "length"), (True, "tool_calls")])
def test_streams_that_are_not_kept(cache: Cache, turns: Turns, rescuable: bool, finish: Any) -> None:
    looked = cache.look(ask(), 0, 0)
    assert looked is not None
    seen = Seen()
    seen.text, seen.rescuable, seen.finish = ["x"], rescuable, finish
    cache.keep_stream(looked, seen, USAGE)
    assert not turns.due


@pytest.mark.parametrize(
    ("header", "reads", "writes"),
    [(b"no-cache", False, True), (b"No-Cache, max-age=0", False, True), (b"no-store", False, False), (b"max-age=60", True, True)],
)
def test_the_client_says_what_it_wants(cache: Cache, turns: Turns, header: bytes, reads: bool, writes: bool) -> None:
    kept(cache, turns)
    looked = cache.look(ask(), 0, 0, {b"cache-control": header})
    assert (looked is not None and looked.hit is not None) == reads
    assert (looked is not None) == writes
    if looked is not None and not reads:
        cache.keep(looked, answer("newer"))
        turns.turn()
        assert hit(cache).kept.text == "newer"


def test_no_cache_for_tools_several_answers_or_a_route_without(cache: Cache) -> None:
    assert cache.look(ask(tools=[{"type": "function", "function": {"name": "f"}}]), 0, 0) is None
    assert cache.look(ask(n=2), 0, 0) is None
    assert cache.look(ask(), 0, 2) is None
    assert cache.look(ask(), 0, 99) is None


def test_an_answer_is_not_served_past_its_time_nor_under_another_plan(cache: Cache, turns: Turns) -> None:
    kept(cache, turns)
    cache.adopt(edge("d2"))
    assert hit(cache) is None
    cache.adopt(edge("d1"))
    assert hit(cache) is not None
    turns.now += 61
    assert hit(cache) is None


def test_a_shorter_time_in_the_plan_counts_for_what_is_kept_already(cache: Cache, turns: Turns) -> None:
    kept(cache, turns)
    turns.now += 11
    cache.adopt(edge(cache=True, cache_ttl_s=10.0))
    assert hit(cache) is None


TENANTS = ("acme", "beta", "gama", "a", "ab")
requests = st.tuples(
    st.integers(0, len(TENANTS) - 1),
    st.integers(0, 1),
    st.sampled_from([None, "be brief", "be long"]),
    st.sampled_from(["What is the code?", "what is the code", "What is the code", "Code?"]),
    st.sampled_from([None, 0.0, 1.0]),
)


@given(st.lists(requests, min_size=1, max_size=25))
def test_a_canary_never_crosses(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, int, str | None, str, float | None]]
) -> None:
    """Every tenant, model, system prompt and parameter has an answer of its own; whoever asks gets that one or none."""
    turns = Turns()
    store = store_at(tmp_path_factory.mktemp("cache"), turns)
    cache = Cache(edge(tenants=TENANTS), store, turns.clock)
    for tenant, route, system, text, temperature in asked:
        canary = f"{TENANTS[tenant]}/{route}/{system}/{text}/{temperature}"
        messages = [{"role": "system", "content": system}] if system else []
        request = ask(messages=[*messages, {"role": "user", "content": text}], temperature=temperature)
        looked = cache.look(request, tenant, route)
        assert looked is not None
        if looked.hit is not None:
            assert looked.hit.kept.text == canary
        cache.keep(looked, answer(canary))
        turns.turn()
    cache.close()
