"""The older endpoint, where a text goes on."""

import json

import pytest

from roteiro.terms.codes import Operation
from roteiro.terms.error import RequestError
from roteiro.wire.canon import Finished, Message, RefusalDelta, Started, Text, TextDelta, ThinkingDelta, Usage
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai_back import OpenAIBack
from roteiro.wire.openai_completions import OpenAICompletionsFront

FRONT = OpenAICompletionsFront()


def ask(**fields: object) -> Ask:
    return FRONT.read(json.dumps({"model": "m", **fields}).encode(), {})


@pytest.mark.parametrize(("prompt", "choices"), [("a", 2), (["a"], 2), (["a", "b", "c"], 6), ([1, 2, 3], 2), ([[1], [2]], 4)])
def test_each_text_is_answered(prompt: object, choices: int) -> None:
    read = ask(prompt=prompt, n=2, max_tokens=10)
    assert (read.choices, read.output_tokens, read.operation) == (choices, 10 * choices, Operation.COMPLETION)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({}, "missing_required_parameter", "prompt"),
        ({"prompt": None}, "missing_required_parameter", "prompt"),
        ({"prompt": 7}, "invalid_type", "prompt"),
        ({"prompt": []}, "empty_array", "prompt"),
        ({"prompt": "x", "max_tokens": 0}, "invalid_value", "max_tokens"),
    ],
)
def test_refuses_clearly(fields: dict[str, object], code: str, param: str) -> None:
    with pytest.raises(RequestError) as caught:
        ask(**fields)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [7]}, "prompt"),
        ({"prompt": [[7]]}, "prompt"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "suffix": "z"}, "suffix"),
        ({"prompt": "a", "best_of": 3}, "best_of"),
        ({"prompt": "a", "logprobs": 2}, "logprobs"),
        ({"prompt": "a", "min_p": 0.1}, "min_p"),
    ],
)
def test_what_only_the_same_dialect_knows_passes_there_and_is_refused_elsewhere(fields: dict[str, object], param: str) -> None:
    request = ask(**fields)
    assert json.loads(OpenAIBack().splice(request, "n") or b"") == {**fields, "model": "n"}
    with pytest.raises(RequestError) as caught:
        FRONT.prompt(request)
    assert caught.value.param == param


def test_the_text_is_what_a_user_says() -> None:
    read = FRONT.prompt(ask(prompt=["go on"], stop="x", echo=False, suffix=None, best_of=1))
    assert (read.messages, read.stop, read.max_tokens) == ((Message("user", (Text("go on"),)),), ("x",), 16)


def test_a_stream_goes_on_for_another_provider() -> None:
    seen, request = Seen(), ask(prompt="x", stream=True, stream_options={"include_usage": True})
    out = FRONT.writer(request, 5, seen).write([Started("one", "a"), ThinkingDelta("hm"), TextDelta("Hel")])
    writer = FRONT.writer(request, 9, seen)
    out += writer.write([Started("two", "b"), TextDelta("lo"), RefusalDelta("!", 1), Finished("length")]) + writer.end(Usage(1, 0, 2, 0))
    got = [json.loads(frame[6:]) for frame in out.decode().split("\n\n")[:-2]]
    assert "".join(choice["text"] for chunk in got for choice in chunk["choices"]) == "Hello!"
    assert {(chunk["id"], chunk["model"], chunk["created"], chunk["object"]) for chunk in got} == {("one", "a", 5, "text_completion")}
    assert got[-2]["choices"][0]["finish_reason"] == "length"
    assert got[-1]["usage"]["prompt_tokens"] == 1
    assert ("".join(seen.text), seen.finish) == ("Hello", "length")
