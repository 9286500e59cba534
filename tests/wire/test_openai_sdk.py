"""What OpenAI's own client makes of our answers: streams put together by its helpers, broken ones raised on. Without a socket."""

import secrets
from typing import Any

import httpx2
import pytest
from openai import APIError, OpenAI

from roteiro.wire.canon import (
    Answer,
    Choice,
    Delta,
    Finished,
    Started,
    Text,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolCall,
    ToolStart,
    Usage,
)
from roteiro.wire.dialect import Seen
from roteiro.wire.registry import FRONTS

DELTAS: list[Delta] = [
    Started("x1", "m-1"), ThinkingDelta("hm"), TextDelta("Olá, "), TextDelta("você"), ToolStart("call_1", "f"), ToolArguments('{"a":'),
    ToolArguments("1}"), ToolStart("call_2", "g", 1), ToolArguments("{}", 1), Finished("tool_calls"),
]  # fmt: skip
ANSWER = Answer(
    id="x1", model="m-1", created=7, usage=Usage(9, 4, 7, 2),
    choices=(Choice(parts=(Text("Olá, você"), ToolCall("call_1", "f", '{"a":1}')), finish="tool_calls"),),
)  # fmt: skip


def client(broken: bool = False) -> OpenAI:
    """One whose answers are written here, for whatever it asks; `broken`: the stream ends with an error."""

    def serve(request: httpx2.Request) -> httpx2.Response:
        front = FRONTS[request.url.path.encode()]
        ask = front.read(request.content, {})
        front.prompt(ask)
        if not ask.stream:
            return httpx2.Response(200, headers={"content-type": "application/json"}, content=front.answer(ANSWER, ask))
        writer = front.writer(ask, 7, Seen())
        deltas = [
            delta
            for delta in DELTAS
            if "completions" not in request.url.path or "chat" in request.url.path or not isinstance(delta, ToolStart)
        ]
        if broken:
            data = writer.write(deltas[:3]) + front.error_frame(front.error(502, "provider_error", "it broke off"))
        else:
            data = writer.write(deltas) + writer.end(ANSWER.usage)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    transport = httpx2.Client(transport=httpx2.MockTransport(serve))
    return OpenAI(api_key=secrets.token_hex(8), base_url="http://roteiro/v1", max_retries=0, http_client=transport)


CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_chat_whole_and_put_together() -> None:
    whole = client().chat.completions.create(**CHAT)
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason, whole.created) == ("Olá, você", "tool_calls", 7)
    with client().chat.completions.stream(**CHAT, stream_options={"include_usage": True}) as stream:
        final = stream.get_final_completion()
    message = final.choices[0].message
    assert message.content == "Olá, você"
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()] == [
        ("call_1", "f", '{"a":1}'), ("call_2", "g", "{}"),
    ]  # fmt: skip
    assert final.usage is not None
    assert (final.usage.prompt_tokens, final.usage.prompt_tokens_details.cached_tokens) == (9, 4)  # type: ignore[union-attr]


def test_responses_whole_and_put_together() -> None:
    whole = client().responses.create(model="m", input="hi")
    assert (whole.output_text, whole.output[-1].type, whole.status) == ("Olá, você", "function_call", "completed")
    with client().responses.stream(model="m", input="hi", reasoning={"summary": "auto"}) as stream:
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call", "function_call"]
    assert final.output_text == "Olá, você"
    assert final.usage is not None
    assert final.usage.output_tokens_details.reasoning_tokens == 2


def test_a_conversation_goes_on_with_what_was_answered() -> None:
    """The SDK's own objects, sent back, are read again."""
    first = client().responses.create(model="m", input="hi", include=["reasoning.encrypted_content"])
    history: Any = [{"role": "user", "content": "hi"}, *first.output, {"type": "function_call_output", "call_id": "call_1", "output": "1"}]
    assert client().responses.create(model="m", input=history).output_text == "Olá, você"
    said = client().chat.completions.create(**CHAT).choices[0].message
    turns: Any = [*CHAT["messages"], said, {"role": "tool", "tool_call_id": "call_1", "content": "1"}]
    assert client().chat.completions.create(model="m", messages=turns).choices[0].message.content == "Olá, você"


def test_completions() -> None:
    text = "".join(
        chunk.choices[0].text for chunk in client(broken=False).completions.create(model="m", prompt="hi", stream=True, max_tokens=5)
    )
    assert text == "Olá, você"


@pytest.mark.parametrize("kind", ["chat", "completions", "responses"])
def test_broken_streams_are_raised_on(kind: str) -> None:
    asked = client(broken=True)
    with pytest.raises(APIError, match="it broke off"):
        stream: Any
        if kind == "chat":
            stream = asked.chat.completions.create(**CHAT, stream=True)
        elif kind == "completions":
            stream = asked.completions.create(model="m", prompt="hi", stream=True)
        else:
            stream = asked.responses.create(model="m", input="hi", stream=True)
        for _ in stream:
            pass
