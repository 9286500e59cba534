"""What a worker hands over of the answers that are looked at: chosen by number, whole, and never waited for."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from roteiro.gateway.sampler import Sample, Sampler, channel
from roteiro.quality.answered import read_stream, read_whole
from roteiro.quality.sampling import taken
from roteiro.terms.codes import Operation

from .harness import ANSWER, DONE, FINISH, USAGE, Gateway, Message, frame, gateway, reply, run, stream, until, upstream
from .world import PLAN

STREAM = (frame("a"), frame("b"), FINISH, USAGE, DONE)


def observed(more: str = "share: 100%") -> str:
    return f"{PLAN}quality: {{observe: {{{more}}}}}\n"


@contextmanager
def sampling(gate: Gateway) -> Iterator[socket.socket]:
    """The gateway hands over from now on."""
    ours, theirs = channel()
    theirs.settimeout(2.0)
    gate.dispatch._sampler = Sampler(gate.dispatch.edge, ours, 3, gate.dispatch.journey.workload_of_key)
    gate.dispatch.adopt(gate.dispatch.edge)
    try:
        yield theirs
    finally:
        theirs.close()


def received(end: socket.socket) -> Sample:
    return msgspec.msgpack.decode(end.recv(1 << 20), type=Sample)


def nothing_more(end: socket.socket) -> bool:
    end.settimeout(0.0)
    try:
        return not end.recv(1 << 20)
    except BlockingIOError:
        return True


def test_whole_answers_and_streams_are_handed_over_as_their_clients_got_them() -> None:
    async def story() -> None:
        async with upstream(reply(), stream(*STREAM)) as one, gateway(one, plan=observed()) as gate:
            with sampling(gate) as end:
                answer = await gate.ask(max_tokens=5)
                assert answer.body == ANSWER
                whole = received(end)
                assert (whole.request, whole.operation, whole.stream, whole.target, whole.worker) == (0, Operation.CHAT, False, "one", 3)
                assert whole.answered == ANSWER and msgspec.json.decode(whole.asked)["messages"][0]["content"] == "hello"
                assert whole.workload == gate.dispatch.journey.workload_of_key(whole.key)
                assert read_whole(Operation.CHAT, whole.answered) is not None
                await gate.ask(stream=True)
                streamed = received(end)
                found = read_stream(Operation.CHAT, streamed.answered)
                assert streamed.stream and found is not None and found.text == "ab"

    run(story())


def test_only_the_share_is_handed_over_and_none_of_what_failed() -> None:
    async def story() -> None:
        replies = [reply()] * 30
        async with upstream(*replies) as one, gateway(one, plan=observed("share: 30%")) as gate:
            with sampling(gate) as end:
                for _ in range(30):
                    await gate.ask(model="lonely")
                wanted = [number for number in range(30) if taken(number, 0.3)]
                assert [received(end).request for _ in wanted] == wanted
                assert nothing_more(end)
                for _ in range(3):
                    await gate.ask(model="nonsense")
                assert nothing_more(end)

    run(story())


def test_a_stream_that_broke_is_not_looked_at() -> None:
    async def story() -> None:
        plan = observed().replace("chat: {targets", "chat: {rescue: false, targets")
        async with upstream(stream(frame("a"), end=b"")) as one, gateway(one, plan=plan) as gate:
            with sampling(gate) as end:
                await gate.ask(stream=True, model="lonely")
                assert nothing_more(end)

    run(story())


@pytest.mark.parametrize("away", [True, False])
def test_nobody_waits_for_an_examiner_that_does_not_read(away: bool) -> None:
    async def story() -> None:
        async with upstream(*[reply()] * 2) as one, gateway(one, plan=observed()) as gate:
            with sampling(gate) as end:
                sampler: Any = gate.dispatch.sampler
                if away:
                    end.close()
                else:
                    sampler._end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
                    while True:
                        try:
                            sampler._end.send(b"x" * 1000)
                        except BlockingIOError:
                            break
                assert (await gate.ask()).status == (await gate.ask()).status == 200
                assert sampler._dropped == 2

    run(story())


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_whose_client_left_is_looked_at_where_its_call_goes_on(streamed: bool) -> None:
    async def story() -> None:
        asked, go = asyncio.Event(), asyncio.Event()

        async def late(request: Message, writer: asyncio.StreamWriter) -> None:
            asked.set()
            await go.wait()
            await (stream(*STREAM) if streamed else reply())(request, writer)

        plan = observed().replace("lonely: {targets", "lonely: {on_disconnect: drain, targets")
        async with upstream(late) as one, gateway(one, plan=plan) as gate:
            with sampling(gate) as end:
                async with gate.client() as peer:
                    peer.post(model="lonely", stream=streamed)
                    await asked.wait()
                await until(lambda: bool(gate.dispatch.leavers))
                go.set()
                await until(lambda: not gate.dispatch.leavers)
                assert received(end).stream == streamed
                assert gate.world.in_flight() == 0

    run(story())


def test_what_is_too_long_is_counted() -> None:
    async def story() -> None:
        async with upstream(reply(), stream(*STREAM)) as one, gateway(one, plan=observed("share: 100%, most_bytes: 1KiB")) as gate:
            with sampling(gate) as end:
                await gate.ask(messages=[{"role": "user", "content": "x" * 2000}])
                assert nothing_more(end)
                sampler: Any = gate.dispatch.sampler
                assert (sampler._dropped, sampler._too_long) == (0, 1)

    run(story())


def test_a_plan_without_a_share_costs_nothing() -> None:
    async def story() -> None:
        async with upstream(reply()) as one, gateway(one) as gate:
            with sampling(gate) as end:
                assert gate.dispatch.sampler is None
                await gate.ask()
                assert nothing_more(end)

    run(story())
