"""Which requests are the same to a cache, and which it has nothing to do with."""

import json
import random
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from roteiro.terms.codes import Operation
from roteiro.wire.cache_key import LONGEST, LONGEST_MEANING, cacheable, exact_key, meaning, scope, text_key

OURS = scope("tenant", "chat", "digest")
CHAT = Operation.CHAT

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4), max_leaves=12
)
bodies = st.dictionaries(st.sampled_from(["messages", "system", "temperature", "seed", "stop", "new_field", "top_p"]), values, min_size=1)


def fields(body: Mapping[str, Any], **how: Any) -> dict[str, Raw]:
    return msgspec.json.decode(json.dumps(body, **how).encode(), type=dict[str, Raw])


def key(body: Mapping[str, Any], whose: bytes = OURS, operation: Operation = CHAT, **how: Any) -> bytes | None:
    return exact_key(whose, operation, fields(body, **how))


def ask(text: Any = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "chat", "messages": [{"role": "user", "content": text}], **more}


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        pairs = [(name, shuffled(inner, chance)) for name, inner in value.items()]
        chance.shuffle(pairs)
        return dict(pairs)
    return [shuffled(inner, chance) for inner in value] if isinstance(value, list) else value


@given(bodies, st.randoms(use_true_random=False), st.booleans())
def test_order_white_space_and_escapes_do_not_matter(body: dict[str, Any], chance: random.Random, ascii_only: bool) -> None:
    assert key(body) == key(shuffled(body, chance), indent=3, ensure_ascii=ascii_only)


@given(bodies, bodies)
def test_bodies_with_one_key_are_one_body(one: dict[str, Any], other: dict[str, Any]) -> None:
    def said(body: dict[str, Any]) -> str:
        return json.dumps({name: value for name, value in body.items() if value is not None}, sort_keys=True)

    if key(one) == key(other):
        assert json.loads(said(one)) == json.loads(said(other))


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": "hi "}]}, {"messages": [{"role": "system", "content": "hi"}]}, {"temperature": 0.1},
        {"system": "be brief"}, {"response_format": {"type": "json_object"}}, {"max_tokens": 10}, {"seed": 7}, {"reasoning_effort": "low"},
        {"a_field_of_tomorrow": 1},
    ],
)  # fmt: skip
def test_what_shapes_the_answer_is_part_of_the_key(change: dict[str, Any]) -> None:
    assert key(ask()) != key(ask() | change)


@pytest.mark.parametrize(
    "change",
    [
        {"user": "u"},
        {"metadata": {"a": "b"}},
        {"stream": True},
        {"stream_options": {"include_usage": True}},
        {"model": "alias"},
        {"seed": None},
    ],
)
def test_what_shapes_no_answer_is_not(change: dict[str, Any]) -> None:
    assert key(ask()) == key(ask() | change)


def test_scopes_and_operations_keep_apart() -> None:
    assert key(ask()) != key(ask(), scope("other", "chat", "digest")) != key(ask(), OURS, Operation.MESSAGES)
    assert scope("a", "bc") != scope("ab", "c") != scope("abc")


def test_a_body_that_is_no_json_has_no_key() -> None:
    assert exact_key(OURS, CHAT, {"messages": Raw(b'["\\ud800"]')}) is None
    assert exact_key(OURS, CHAT, {"messages": Raw(b"[" * 5000 + b"]" * 5000)}) is None
    assert meaning(OURS, CHAT, {"messages": Raw(b"[1e999]")}) is None


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "function"}]}, {"functions": [{}]}, {"logprobs": True}, {"previous_response_id": "r"}, {"background": True},
        {"modalities": ["audio"]}, {"prompt": {"id": "stored"}}, {"web_search_options": {"a": 1}},
    ],
)  # fmt: skip
def test_some_requests_are_never_cached(more: dict[str, Any]) -> None:
    assert not cacheable(fields(ask(**more)), CHAT, 1)


def test_others_are() -> None:
    assert cacheable(fields(ask(tools=[], logprobs=False, temperature=1.5)), CHAT, 1)
    assert cacheable(fields({"prompt": "once upon a time"}), Operation.COMPLETION, 1)
    assert not cacheable(fields(ask()), CHAT, 2)
    assert not cacheable(fields({"input": "a"}), Operation.EMBEDDINGS, 1)
    assert not cacheable(fields(ask("x" * LONGEST)), CHAT, 1)


def test_the_meaning_is_the_last_user_turn_and_all_else_is_partition() -> None:
    one, other = meaning(OURS, CHAT, fields(ask("hello"))), meaning(OURS, CHAT, fields(ask("good morning", user="u")))
    assert one is not None and other is not None
    assert (one.text, other.text) == ("hello", "good morning")
    assert one.partition == other.partition
    for change in (
        {"temperature": 1},
        {"system": "x"},
        {"messages": [{"role": "user", "content": "before"}, {"role": "user", "content": "hello"}]},
    ):
        told = meaning(OURS, CHAT, fields(ask("hello") | change))
        assert told is not None and told.partition != one.partition


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (Operation.RESPONSES, {"input": "hello"}),
        (Operation.RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}]}),
        (Operation.COMPLETION, {"prompt": "hello"}),
        (Operation.MESSAGES, {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}], "system": "x"}),
    ],
)
def test_the_meaning_of_each_operation(operation: Operation, body: dict[str, Any]) -> None:
    told = meaning(OURS, operation, fields(body))
    assert told is not None and told.text == "hello"


@pytest.mark.parametrize(
    "body",
    [
        ask(""), ask("pay Anna\0pay Maria"), ask(" \n"), ask("x" * (LONGEST_MEANING + 1)), ask([{"type": "image_url", "image_url": {"url": "u"}}]), ask(None),
        {"messages": [{"role": "assistant", "content": "hi"}]}, {"messages": []}, {"messages": "x", "input": 3}, {"messages": ["x"]},
    ],
)  # fmt: skip
def test_some_requests_have_no_meaning_to_compare(body: dict[str, Any]) -> None:
    told = meaning(OURS, CHAT, fields(body))
    assert told is None or body["messages"] == "x"


def test_keys_of_texts_to_embed() -> None:
    keys = [
        text_key(OURS, "a"),
        text_key(OURS, "b"),
        text_key(scope("x"), "a"),
        text_key(OURS, [1, 2]),
        text_key(OURS, [12]),
        text_key(OURS, "[1,2]"),
    ]
    assert len(set(keys)) == len(keys)
    assert len(text_key(OURS, "\ud800")) == 32
