"""What raw requests of each dialect show, and that a text about JSON shows nothing of the kind."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from roteiro.wire.features import LOOKED_AT, NOTHING, Looks, features_of


def shown(body: dict[str, Any], ascii_only: bool = False) -> Looks:
    return features_of(msgspec.json.decode(json.dumps(body, ensure_ascii=ascii_only).encode(), type=dict[str, Raw]))


def chat(text: Any, /, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def test_a_short_question_shows_nothing() -> None:
    assert shown(chat("What is the capital of Portugal?")) == Looks(turns=1)
    assert shown({"model": "m", "input": ["a", "b"]}) == Looks(turns=1)
    assert shown({"model": "m"}) == NOTHING


@pytest.mark.parametrize(
    "body",
    [
        chat("x", tools=[TOOL]),
        chat("x", functions=[TOOL["function"]]),
        {"model": "m", "input": "x", "tools": [{"type": "function", "name": "f"}]},
        chat("x", tools=[{"name": "f", "input_schema": {"type": "object"}}], max_tokens=9),
    ],
)
def test_tools(body: dict[str, Any]) -> None:
    assert shown(body).tools == 1


def test_many_tools_are_not_counted_to_the_last() -> None:
    assert shown(chat("x", tools=[TOOL] * 7)).tools == 7
    assert shown(chat("x", tools=[TOOL] * 500)).tools > 50
    assert features_of({"messages": Raw(b"[]"), "tools": Raw(b'"no list"')}).tools == 0


@pytest.mark.parametrize(
    "more",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
        {"text": {"format": {"type": "json_schema", "name": "a", "schema": {}}}},
        {"output_format": {"type": "json_schema", "schema": {}}},
        {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
    ],
)
def test_a_schema(more: dict[str, Any]) -> None:
    assert shown(chat("x", **more)).schema
    assert not shown(chat("x", response_format={"type": "json_object"}, text={"format": {"type": "text"}})).schema


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ({"reasoning_effort": "high"}, True),
        ({"reasoning_effort": "minimal"}, False),
        ({"reasoning": {"effort": "medium"}}, True),
        ({"reasoning": {"effort": "low"}}, False),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, True),
        ({"thinking": {"type": "disabled"}}, False),
    ],
)
def test_reasoning(more: dict[str, Any], reasons: bool) -> None:
    assert shown(chat("x", **more)).reasoning is reasons


def test_pictures_even_where_one_fills_all_that_is_looked_at() -> None:
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "Ab9/" * LOOKED_AT}}
    assert shown(chat([{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}])).pictures
    assert shown(chat([{"type": "text", "text": "what is it?"}, inline])).pictures
    assert shown(chat([{"type": "image", "source": {"type": "url", "url": "u"}}])).pictures
    assert shown({"model": "m", "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}).pictures
    assert not shown(chat("a long text " * LOOKED_AT)).pictures


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("text", ["Explique a tabela.", "please COMPARE: a, b", "Faça uma análise disto", "why?"])
def test_words_in_both_languages_however_they_are_written(text: str, ascii_only: bool) -> None:
    assert shown(chat(text), ascii_only).asks
    assert shown({"model": "m", "input": text}, ascii_only).asks
    assert shown({"model": "m", "prompt": text}, ascii_only).asks


def test_words_are_looked_for_at_both_ends_of_the_last_user_turn() -> None:
    material = "one two three " * 200
    assert shown(chat("Compare these: " + material)).asks
    assert shown(chat(material + "Compare them.")).asks
    assert not shown(
        {"model": "m", "messages": [{"role": "user", "content": "explain"}, {"role": "user", "content": "thank you for it"}]}
    ).asks
    assert shown({"model": "m", "messages": [{"content": "Explain it to me", "role": "user"}]}).asks


def test_turns_and_code() -> None:
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 5
    assert shown({"model": "m", "messages": talk}).turns == 5
    assert shown(chat("look:\n```python\npass\n```")).code


@given(st.text(max_size=200))
def test_a_text_about_json_is_only_a_text(text: str) -> None:
    about = json.dumps([{"role": "user", "type": "image_url", "image_url": text}] * 9)
    told = shown(chat(about.replace("```", "")))
    assert (told.turns, told.pictures) == (1, False)
