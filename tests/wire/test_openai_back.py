"""Requests as providers of the OpenAI dialect get them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.wire.canonical import prompts

from roteiro.terms.codes import ErrorClass, Operation
from roteiro.wire.canon import (
    BadAnswerError,
    EmbeddingPrompt,
    File,
    Image,
    Message,
    Prompt,
    Reasoning,
    Text,
    ToolResult,
    UntranslatableError,
)
from roteiro.wire.openai_back import OpenAIBack
from roteiro.wire.openai_chat import OpenAIChatFront
from roteiro.wire.openai_completions import OpenAICompletionsFront

BACK, FRONT = OpenAIBack(), OpenAIChatFront()
HELLO = Prompt(messages=(Message("user", (Text("hello"),)),))


@given(prompts(), st.sampled_from(["gpt-4.1", "o3-mini", "mistral-large"]))
def test_a_prompt_written_and_read_is_the_same(prompt: Prompt, model: str) -> None:
    ask = FRONT.read(BACK.write(prompt, model), {})
    assert FRONT.prompt(ask) == prompt
    assert (ask.model, ask.stream, ask.choices) == (model, prompt.stream, prompt.n)


@given(prompts())
def test_a_prefix_is_the_beginning_of_the_answer(prompt: Prompt) -> None:
    bare, begun = json.loads(BACK.write(prompt, "m")), json.loads(BACK.write(prompt, "m", prefix="And so"))
    assert begun["messages"] == [*bare["messages"], {"role": "assistant", "content": "And so"}]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "max_tokens"), ("llama-3", "max_tokens"), ("o1", "max_completion_tokens"), ("gpt-5-mini", "max_completion_tokens"),
        ("openai/o4-mini", "max_completion_tokens"), ("openchat", "max_tokens"), ("olmo-2", "max_tokens"),
    ],
)  # fmt: skip
def test_the_bound_has_the_name_that_the_model_knows(model: str, name: str) -> None:
    written = json.loads(BACK.write(structs.replace(HELLO, max_tokens=7), model))
    assert {key: written[key] for key in written if key.startswith("max")} == {name: 7}


@pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (8000, "medium"), (30_000, "high")])
def test_a_budget_becomes_an_effort(budget: int, effort: str) -> None:
    written = json.loads(BACK.write(structs.replace(HELLO, reasoning=Reasoning(budget=budget)), "m"))
    assert written["reasoning_effort"] == effort
    assert "reasoning_effort" not in json.loads(BACK.write(structs.replace(HELLO, reasoning=Reasoning(show=True)), "m"))


def test_a_failed_tool_says_so_in_its_text() -> None:
    prompt = structs.replace(HELLO, messages=(*HELLO.messages, Message("tool", (ToolResult("c", (Text("no such city"),), error=True),))))
    assert json.loads(BACK.write(prompt, "m"))["messages"][-1] == {"role": "tool", "tool_call_id": "c", "content": "Error: no such city"}


@pytest.mark.parametrize(
    "part",
    [File(url="https://x.org/a.pdf"), File(data="AAAA", media_type="video/mp4"), File(data="AAAA", media_type="audio/flac")],
)
def test_what_the_dialect_cannot_say_is_refused(part: File) -> None:
    with pytest.raises(UntranslatableError):
        BACK.write(Prompt(messages=(Message("user", (part,)),)), "m")


def test_a_picture_as_a_tools_result_is_refused() -> None:
    result = ToolResult("c", (Image(url="https://x.org/a.png"),))
    with pytest.raises(UntranslatableError, match="not text"):
        BACK.write(Prompt(messages=(Message("tool", (result,)),)), "m")


def test_heads_and_paths() -> None:
    assert BACK.head("") == b""
    assert BACK.head("k") == b"authorization: Bearer k\r\n"
    assert [BACK.path("m", False, operation) for operation in Operation] == [
        b"/chat/completions", b"/completions", b"/embeddings", b"/chat/completions", b"/chat/completions",
    ]  # fmt: skip


vectors = st.lists(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=4), min_size=1, max_size=3)


@given(vectors, st.booleans())
def test_embeddings_are_read_in_both_forms_and_in_their_order(rows: list[list[float]], packed: bool) -> None:
    from base64 import b64encode
    from struct import pack

    data = [
        {"index": at, "embedding": b64encode(pack(f"<{len(row)}f", *row)).decode() if packed else row}
        for at, row in reversed(list(enumerate(rows)))
    ]
    answer = BACK.read_embeddings(json.dumps({"data": data, "model": "e", "usage": {"prompt_tokens": 5, "total_tokens": 5}}).encode())
    assert [list(vector) for vector in answer.vectors] == rows
    assert (answer.model, answer.input_tokens) == ("e", 5)


@pytest.mark.parametrize("body", [b"{}", b'{"data":[]}', b'{"data":[{"embedding":"%%"}]}', b'{"data":[{"embedding":null}]}', b"["])
def test_nonsense_is_no_embedding(body: bytes) -> None:
    with pytest.raises(BadAnswerError) as caught:
        BACK.read_embeddings(body)
    assert caught.value.error_class is ErrorClass.PROTOCOL


def test_embeddings_are_asked_for_in_base64() -> None:
    written = json.loads(BACK.write_embeddings(EmbeddingPrompt(inputs=["a", [1, 2]], dimensions=8, user="u"), "e"))
    assert written == {"model": "e", "input": ["a", [1, 2]], "encoding_format": "base64", "dimensions": 8, "user": "u"}


@pytest.mark.parametrize("stream", [True, False])
def test_the_clients_own_body_goes_on_from_a_prefix(stream: bool) -> None:
    """With fields that only its own dialect knows, and as often as it breaks."""
    body = {"messages": [{"role": "user", "content": "é"}], "guided_regex": "[a-z]", "stream": stream}
    ask = FRONT.read(json.dumps(body).encode(), {})
    for prefix in ("And so", "And so it"):
        written = json.loads(BACK.splice(ask, "n", prefix) or b"")
        assert written.pop("messages") == [*body["messages"], {"role": "assistant", "content": prefix}]
        options = {"stream_options": {"include_usage": True}} if stream else {}
        assert written == {"guided_regex": "[a-z]", "stream": stream, "model": "n", **options}
    assert json.loads(BACK.splice(ask, "n") or b"")["messages"] == body["messages"]


def test_a_text_goes_on_from_a_prefix() -> None:
    ask = OpenAICompletionsFront().read(b'{"prompt":"One, \\"two\\"","echo":true}', {})
    assert json.loads(BACK.splice(ask, "n", ", three") or b"") == {"prompt": 'One, "two", three', "echo": True, "model": "n"}
    several = OpenAICompletionsFront().read(b'{"prompt":["One","Two"]}', {})
    assert BACK.splice(several, "n", "x") is None
