"""What Anthropic's own client makes of our answers: streams put together, errors raised, batches and counts read. Without a socket."""

import secrets
from collections.abc import Callable

import anthropic
import httpx2
import pytest

from roteiro.wire.anthropic import AnthropicFront
from roteiro.wire.anthropic_batch import Counts, canceled_line, message_batch, read_batch, succeeded_line
from roteiro.wire.anthropic_count import count_answer, read_count
from roteiro.wire.canon import Answer, Choice, Finished, Started, Text, TextDelta, ThinkingDelta, ToolArguments, ToolStart, Usage
from roteiro.wire.dialect import Front, Seen

FRONT: Front = AnthropicFront()


def client(answer: Callable[[httpx2.Request], httpx2.Response]) -> anthropic.Anthropic:
    transport = httpx2.MockTransport(answer)
    return anthropic.Anthropic(
        api_key=secrets.token_hex(8), base_url="http://roteiro", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def streamed(data: bytes) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)


def test_a_stream_is_put_together() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        ask = FRONT.read(request.content, {})
        assert ask.stream
        writer = FRONT.writer(ask, 1, Seen())
        deltas = [
            Started("msg_1", "claude-x"), ThinkingDelta("hm"), ThinkingDelta(signature="sig"), TextDelta("Olá, "), TextDelta("você"),
            ToolStart("toolu_1", "f"), ToolArguments('{"a":'), ToolArguments("[1]}"), Finished("tool_calls"),
        ]  # fmt: skip
        return streamed(writer.write(deltas) + writer.end(Usage(9, 4, 7, 2)))

    with client(answer) as sdk, sdk.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as stream:
        assert "".join(stream.text_stream) == "Olá, você"
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[2].type == "tool_use" and message.content[2].input == {"a": [1]}
    assert (message.stop_reason, message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
        "tool_use",
        5,
        4,
        7,
    )


def test_a_broken_stream_raises() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        writer = FRONT.writer(FRONT.read(request.content, {}), 1, Seen())
        begun = writer.write([Started("msg_1", "m"), TextDelta("Ol")])
        return streamed(begun + FRONT.error_frame(FRONT.error(529, "targets_unhealthy", "every target is down")))

    with client(answer) as sdk, pytest.raises(anthropic.APIStatusError, match="every target is down"):
        for _ in sdk.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}], stream=True):
            pass


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, anthropic.BadRequestError), (401, anthropic.AuthenticationError), (403, anthropic.PermissionDeniedError), (404, anthropic.NotFoundError), (429, anthropic.RateLimitError), (500, anthropic.InternalServerError), (503, anthropic.APIStatusError), (529, anthropic.APIStatusError)],
)  # fmt: skip
def test_a_refusal_raises_by_its_status(status: int, expected: type[anthropic.APIStatusError]) -> None:
    body = FRONT.error(status, "some_code", "the word")
    with client(lambda request: httpx2.Response(status, content=body)) as sdk, pytest.raises(expected, match="the word") as caught:
        sdk.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert caught.value.status_code == status


def test_a_whole_answer_a_count_and_a_batch() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        match request.url.path:
            case "/v1/messages/count_tokens":
                return httpx2.Response(200, content=count_answer(len(read_count(request.content).texts)))
            case "/v1/messages/batches":
                items = read_batch(request.content)
                return httpx2.Response(
                    200, content=message_batch("msgbatch_1", "in_progress", Counts(len(items)), created_s=0, expires_s=9)
                )
            case "/v1/messages/batches/msgbatch_1":
                url = "http://roteiro/v1/messages/batches/msgbatch_1/results"
                return httpx2.Response(
                    200,
                    content=message_batch(
                        "msgbatch_1", "ended", Counts(succeeded=1, canceled=1), created_s=0, expires_s=9, ended_s=2, results_url=url
                    ),
                )
            case "/v1/messages/batches/msgbatch_1/results":
                return httpx2.Response(
                    200, headers={"content-type": "application/x-jsonl"}, content=succeeded_line("a", whole) + canceled_line("b")
                )
            case _:
                return httpx2.Response(200, content=whole)

    said = {"role": "user", "content": "x"}
    ask = FRONT.read(b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}', {})
    whole = FRONT.answer(Answer(id="msg_1", model="m", choices=[Choice(parts=[Text("olá")], finish="stop")], usage=Usage(1, 0, 1, 0)), ask)
    with client(answer) as sdk:
        message = sdk.messages.create(model="m", max_tokens=9, messages=[said])  # type: ignore[list-item]
        assert message.content[0].type == "text" and message.content[0].text == "olá"
        assert sdk.messages.count_tokens(model="m", messages=[said]).input_tokens == 1  # type: ignore[list-item]
        requests = [{"custom_id": name, "params": {"model": "m", "max_tokens": 9, "messages": [said]}} for name in "ab"]
        assert sdk.messages.batches.create(requests=requests).request_counts.processing == 2  # type: ignore[arg-type]
        results = list(sdk.messages.batches.results("msgbatch_1"))
    assert [(one.custom_id, one.result.type) for one in results] == [("a", "succeeded"), ("b", "canceled")]
