"""What providers say of an answer's tokens, when it cannot be so, and what two broken attempts cost."""

import asyncio
import json

import pytest

from roteiro.terms.codes import Outcome

from .harness import (
    ANSWER,
    DONE,
    FINISH,
    STREAM_HEAD,
    USAGE,
    Message,
    chunk,
    frame,
    gateway,
    reply,
    request_body,
    run,
    stream,
    until,
    upstream,
)


@pytest.mark.parametrize("tokens", [10**7 + 1, 9 * 10**15, 9 * 10**18, 10**24])
@pytest.mark.parametrize("streamed", [False, True])
def test_tokens_that_no_answer_takes_are_not_believed(tokens: int, streamed: bool) -> None:
    async def story() -> None:
        told = {"prompt_tokens": tokens, "completion_tokens": tokens}
        whole = reply(ANSWER.split(b'"usage"')[0] + b'"usage":%b}' % json.dumps(told).encode())
        pieces = stream(frame("a"), FINISH, frame(choices=[], usage=told), DONE)
        async with upstream(pieces if streamed else whole) as one, gateway(one) as gate:
            assert (await gate.ask(stream=streamed)).status == 200
            (event,) = gate.world.events()
            assert (event["outcome"], event["estimated"]) == (Outcome.SUCCESS, 1)
            assert 0 < event["input_tokens"] < 100
            assert 0 < event["cost_nusd"] < 10**6
            assert gate.world.in_flight() == 0

    run(story())


@pytest.mark.parametrize("tokens", [10**7 + 1, 10**24])
def test_nor_when_the_client_leaves(tokens: int) -> None:
    async def story() -> None:
        async def begins(request: Message, writer: asyncio.StreamWriter) -> None:
            writer.write(STREAM_HEAD + chunk(frame("a")))
            writer.write(chunk(frame(choices=[], usage={"prompt_tokens": tokens, "completion_tokens": tokens})))
            await asyncio.sleep(30)

        async with upstream(begins) as one, gateway(one) as gate:
            async with gate.client() as peer:
                peer.post(stream=True)
                await until(lambda: one.requests)
                (lane,) = gate.server.server_state.connections
                await until(lambda: lane._exchange._call._reader is not None and lane._exchange._call._reader.usage is not None)  # type: ignore[union-attr]
            await until(lambda: gate.world.events())
            assert gate.world.events()[0]["input_tokens"] <= 10**7
            assert gate.world.in_flight() == 0

    run(story())


def test_each_of_two_breaks_costs_what_it_produced_and_what_it_was_sent() -> None:
    first = stream(*(frame(f"a{i}") for i in range(10)), end=b"")
    second = stream(*(frame(f"b{i}") for i in range(4)), end=b"")

    async def story() -> None:
        last = stream(frame("c"), FINISH, USAGE, DONE)
        async with upstream(first, last) as one, upstream(second) as two, gateway(one, two) as gate:
            assert (await gate.ask(stream=True)).body.endswith(DONE)
            (event,) = gate.world.events()
            sent = int(len(request_body(stream=True)) / 3.5) + 1
            assert event["rescues"] == 2
            assert event["lost_nusd"] == sent * 1000 + 10 * 2000 + (sent + 10) * 1000 + 4 * 2000

    run(story())
