"""Every way out of a request with two lanes, of one whose client left, and of one whose client does not read: settled once, and for its own flow."""

import asyncio
import itertools
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from roteiro.gateway.idempotency import Idempotency
from roteiro.gateway.journey_port import Journey
from roteiro.policy.state import Flowing
from roteiro.terms.codes import Outcome

from .harness import (
    ANSWER,
    DONE,
    FINISH,
    STREAM_HEAD,
    USAGE,
    Answerer,
    Message,
    chunk,
    frame,
    gateway,
    reply,
    run,
    stream,
    until,
    upstream,
)
from .test_prelude import CACHED, WHOLE
from .vaults import Safe
from .world import PLAN

RIVALS = PLAN.replace(
    "chat: {targets: {one: 1}, fallbacks: [two], ", "chat: {targets: {one: 1}, fallbacks: [two], hedge: {after: 50ms, at_most: 100%}, "
)
BIG_BYTES = 1_000_000
BIG = ANSWER.replace(b'"hi"', b'"%b"' % (b"x" * BIG_BYTES))


def drained(plan: str, policy: str = "drain") -> str:
    return plan.replace("chat: {targets", f"chat: {{on_disconnect: {policy}, targets")


async def silent(request: Message, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


def after(event: asyncio.Event, answer: Answerer | None) -> Answerer:
    """Answers once an event is set; None breaks the connection."""

    async def waits(request: Message, writer: asyncio.StreamWriter) -> None:
        await event.wait()
        if answer is None:
            writer.close()
        else:
            await answer(request, writer)

    return waits


# --- the client left, and its call goes on


@pytest.mark.parametrize("fails", [0, 1])
def test_one_of_two_lanes_fails_after_the_client_left_and_the_other_is_still_waited_for(fails: int) -> None:
    async def story() -> None:
        fail, answer = asyncio.Event(), asyncio.Event()
        bad, good = after(fail, None), after(answer, reply())
        first, second = (bad, good) if fails == 0 else (good, bad)
        async with upstream(first) as one, upstream(second) as two, gateway(one, two, plan=drained(RIVALS)) as gate:
            async with gate.client() as peer:
                peer.post()
                await until(lambda: one.requests and two.requests)
            await until(lambda: gate.dispatch.leavers)
            fail.set()
            await until(lambda: (one, two)[fails].open == 0)
            assert not gate.world.events()
            assert gate.world.in_flight() == 1
            answer.set()
            await until(lambda: gate.world.events())
            (event,) = gate.world.events()
            assert (event["request"], event["outcome"], event["output_tokens"], event["estimated"]) == (0, Outcome.CANCELLED, 5, 0)
            assert not gate.dispatch.leavers
            assert gate.world.in_flight() == 0

    run(story())


def test_who_left_is_waited_for_past_the_time_to_hedge() -> None:
    async def story() -> None:
        answer = asyncio.Event()
        plan = drained(RIVALS)
        async with upstream(after(answer, reply())) as one, upstream(silent) as two, gateway(one, two, plan=plan) as gate:
            async with gate.client() as peer:
                peer.post()
                await until(lambda: one.requests)
            await until(lambda: gate.dispatch.leavers)
            (exchange,) = gate.dispatch.leavers
            await until(lambda: gate.dispatch.sweep.now() > exchange.due + 0.05)  # type: ignore[attr-defined]
            assert not two.requests
            answer.set()
            await until(lambda: gate.world.events())
            assert (gate.world.events()[0]["output_tokens"], gate.world.events()[0]["estimated"]) == (5, 0)

    run(story())


def test_the_patience_with_who_left_outlasts_the_first_frame() -> None:
    async def story() -> None:
        answer = asyncio.Event()

        async def begins(request: Message, writer: asyncio.StreamWriter) -> None:
            await answer.wait()
            writer.write(STREAM_HEAD + chunk(frame("a")))
            await asyncio.sleep(30)

        plan = drained(RIVALS, "200ms").replace("after: 50ms", "after: 10s")
        times = "timeouts: {connect: 1s, first_token: 20s, idle: 20s, attempt: 30s}"
        async with upstream(begins) as one, upstream(silent) as two, gateway(one, two, plan=plan, times=times) as gate:
            async with gate.client() as peer:
                peer.post(stream=True)
                await until(lambda: one.requests)
            await until(lambda: gate.dispatch.leavers)
            answer.set()
            async with asyncio.timeout(5):
                await until(lambda: gate.world.events())
            (event,) = gate.world.events()
            assert (event["outcome"], event["output_tokens"], event["estimated"]) == (Outcome.CANCELLED, 1, 1)
            await until(lambda: one.open == 0)

    run(story())


@pytest.mark.parametrize(("ends", "again"), [("whole", 200), ("broken", 200), ("late", 200)])
def test_a_claim_of_who_left_is_kept_or_let_go(ends: str, again: int, tmp_path: Path) -> None:
    """What is answered after all is kept for whoever asks again; what is not may be asked again."""
    plan = drained(PLAN, "200ms" if ends == "late" else "drain") + "request: {idempotency: {keep: 24h}}\n"
    plan = plan.replace("attempts: 3", "attempts: 1")

    async def story() -> None:
        answer = asyncio.Event()
        first = {"whole": after(answer, reply()), "broken": after(answer, None), "late": silent}[ends]
        with Safe(tmp_path / "vault").thread() as thread:
            async with upstream(first, reply()) as one, gateway(one, plan=plan) as gate:
                gate.dispatch.desk = SimpleNamespace(idempotency=Idempotency(thread, "run", 0))  # type: ignore[assignment]
                async with gate.client() as peer:
                    peer.post(headers="Idempotency-Key: once\r\n")
                    await until(lambda: one.requests)
                await until(lambda: gate.dispatch.leavers)
                answer.set()
                await until(lambda: gate.world.events())
                async with gate.client() as peer:
                    peer.post(headers="Idempotency-Key: once\r\n")
                    told = await peer.read()
                assert (told.status, told.body) == (again, ANSWER)
                assert (told.headers.get("idempotency-replayed"), len(one.requests)) == (("true", 1) if ends == "whole" else (None, 2))

    run(story())


# --- the client does not read


def test_of_two_lanes_that_nobody_reads_none_is_left() -> None:
    async def story() -> None:
        times = "timeouts: {connect: 1s, first_token: 2s, idle: 2s, attempt: 500ms}"
        async with (
            upstream(silent) as one,
            upstream(silent) as two,
            gateway(one, two, plan=RIVALS, times=times) as gate,
            gate.client() as peer,
        ):
            peer.post()
            await until(lambda: one.requests and two.requests)
            (lane,) = gate.server.server_state.connections
            lane.pause_writing()  # type: ignore[union-attr]
            rival = lane._exchange._rival  # type: ignore[union-attr]
            await until(lambda: gate.world.events())
            assert rival.call._listener is None, "it hears no more"
            assert gate.world.events()[0]["outcome"] == Outcome.CANCELLED

    run(story())


def test_a_client_that_does_not_read_gets_no_more_answers_into_memory() -> None:
    async def story() -> None:
        async with upstream(reply(BIG)) as one, gateway(one) as gate, gate.client() as peer:
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(40):
                peer.post()
            (lane,) = gate.server.server_state.connections
            await until(lambda: lane.flow.write_paused and not lane._busy)  # type: ignore[union-attr]
            held = len(one.requests)
            assert held < 40
            assert lane.transport.get_write_buffer_size() <= 2 * BIG_BYTES
            for _ in range(10):
                peer.post(model="nothing")
                await asyncio.sleep(0)
            lane.tidy(gate.dispatch.sweep.now() + 60.0)  # type: ignore[union-attr]
            lane.tidy(gate.dispatch.sweep.now() + 120.0)  # type: ignore[union-attr]
            assert not lane.transport.is_closing()
            peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
            answers = [(await peer.read()).status for _ in range(50)]
            assert answers == [200] * 40 + [404] * 10
            assert gate.world.in_flight() == 0

    run(story())


def test_a_client_that_takes_nothing_for_long_is_let_go() -> None:
    async def story() -> None:
        async with upstream(reply(BIG)) as one, gateway(one) as gate, gate.client() as peer:
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(40):
                peer.post()
            (lane,) = gate.server.server_state.connections
            await until(lambda: lane.flow.write_paused and not lane._busy)  # type: ignore[union-attr]
            now = gate.dispatch.sweep.now()
            lane.tidy(now)  # type: ignore[union-attr]
            lane.tidy(now + 70.0)  # type: ignore[union-attr]
            assert not lane.transport.is_closing()
            lane.tidy(now + 80.0)  # type: ignore[union-attr]
            assert lane.transport.is_closing()

    run(story())


def test_who_goes_on_with_an_answer_is_paused_where_the_client_is() -> None:
    async def story() -> None:
        broken, sent = asyncio.Event(), 0
        piece = frame("y" * 50_000)

        async def first(request: Message, writer: asyncio.StreamWriter) -> None:
            writer.write(STREAM_HEAD + chunk(frame("a")))
            await broken.wait()
            writer.write(chunk(frame(error={"message": "no", "code": 500})))

        async def second(request: Message, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(STREAM_HEAD)
            for _ in range(400):
                sent += 1
                writer.write(chunk(piece))
                await writer.drain()
            writer.write(chunk(FINISH) + chunk(DONE) + b"0\r\n\r\n")

        async with upstream(first) as one, upstream(second) as two, gateway(one, two) as gate, gate.client() as peer:
            peer.post(stream=True)
            (lane,) = await connections(gate)
            await until(lambda: lane._exchange is not None and lane._exchange._relayed)  # type: ignore[union-attr]
            exchange = lane._exchange  # type: ignore[union-attr]
            exchange._paused = True  # as when the client's word comes in the turn in which the answer broke
            broken.set()
            await until(lambda: two.requests)
            await until(lambda: exchange._call is not None and exchange._call._connection is not None)
            before = -1
            while before != sent:  # until the provider, too, has to wait
                before = sent
                await asyncio.sleep(0.1)
            assert 0 < sent < 400
            exchange.resume()
            answer = await peer.read()
            assert answer.body.count(b"yyyy") > 0 and answer.body.endswith(DONE)
            assert gate.world.events()[0]["rescues"] == 1

    run(story())


async def connections(gate: object) -> list[object]:
    server = gate.server  # type: ignore[attr-defined]
    await until(lambda: server.server_state.connections)
    return list(server.server_state.connections)


def test_a_pause_before_the_answer_leaves_the_time_for_its_first_token() -> None:
    async def story() -> None:
        answer = asyncio.Event()
        times = "timeouts: {connect: 1s, first_token: 20s, idle: 50ms, attempt: 30s}"
        good = after(answer, stream(frame("a"), FINISH, USAGE, DONE))
        async with upstream(good) as one, gateway(one, times=times) as gate, gate.client() as peer:
            peer.post(stream=True)
            await until(lambda: one.requests)
            (lane,) = gate.server.server_state.connections
            lane.pause_writing()  # type: ignore[union-attr]
            lane.resume_writing()  # type: ignore[union-attr]
            await asyncio.sleep(0.2)
            answer.set()
            assert (await peer.read()).body.endswith(DONE)
            assert len(one.requests) == 1

    run(story())


# --- what others hear


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        async with upstream(WHOLE) as one, gateway(one, plan=CACHED, cache=tmp_path) as gate:
            kept = []

            def full(*given: object) -> None:
                kept.append(given)
                raise OSError("no space left")

            assert gate.dispatch.caches is not None and gate.dispatch.caches.answers is not None
            gate.dispatch.caches.answers.store.put = full  # type: ignore[method-assign]
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # uvloop tells it, and closes the connection
            assert (await gate.ask()).status == 200
            await until(lambda: kept)
            assert gate.world.in_flight() == 0

    run(story())


def test_a_trace_is_written_to_flows_that_live_only(tmp_path: Path) -> None:
    phases = []

    class Watched(Journey):
        def annotate(self, flow: int, trace: tuple[int, int, int]) -> None:
            phases.append(int(self.state.flows["phase"][flow]))
            super().annotate(flow, trace)

    async def story() -> None:
        async with (
            upstream(WHOLE) as one,
            gateway(one, plan=CACHED, cache=tmp_path, journey=lambda world: Watched(world.state, 0)) as gate,
            gate.client() as peer,
        ):
            for _ in range(2):
                peer.post(headers="traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")
                last = await peer.read()
            assert last.headers["x-roteiro-cache"] == "exact"
            assert phases == [Flowing.SENT]

    run(story())


def test_the_place_of_the_lane_that_lost_goes_to_who_waits() -> None:
    plan = RIVALS.replace("name: sandbox, model: upstream-one,", "name: sandbox, model: upstream-one, limits: {concurrency: 1},")
    plan = plan.replace("batch: {priority: batch}", "batch: {priority: batch, model: lonely, queue: {size: 4, max_wait: 20s}}")

    async def story() -> None:
        begin, end = asyncio.Event(), asyncio.Event()

        async def long(request: Message, writer: asyncio.StreamWriter) -> None:
            await begin.wait()
            writer.write(STREAM_HEAD + chunk(frame("a")))
            await end.wait()
            writer.write(chunk(FINISH) + chunk(DONE) + b"0\r\n\r\n")

        async with (
            upstream(silent, reply()) as one,
            upstream(long) as two,
            gateway(one, two, plan=plan) as gate,
            gate.client() as peer,
            gate.client() as other,
        ):
            peer.post(stream=True)
            await until(lambda: one.requests and two.requests)
            other.post(model="lonely", headers="x-roteiro-workload: batch\r\n")
            await until(lambda: gate.dispatch.queued)
            begin.set()
            assert (await other.read()).status == 200
            end.set()
            assert (await peer.read()).body.endswith(DONE)

    run(story())


@pytest.mark.parametrize("first", [True, False])
def test_the_answer_says_how_many_attempts_were_made(first: bool) -> None:
    async def story() -> None:
        answer = asyncio.Event()
        slow = after(answer, reply())
        async with (
            upstream(slow if first else silent) as one,
            upstream(silent if first else reply()) as two,
            gateway(one, two, plan=RIVALS) as gate,
            gate.client() as peer,
        ):
            peer.post()
            await until(lambda: two.requests)
            answer.set()
            told = await peer.read()
            (event,) = gate.world.events()
            assert told.headers["x-roteiro-target"] == ("one" if first else "two")
            assert told.headers["x-roteiro-attempts"] == str(event["attempts"]) == "2"

    run(story())


@pytest.mark.parametrize("policy", ["cancel", "drain"])
def test_a_worker_that_ends_settles_what_is_in_flight(policy: str) -> None:
    async def story() -> None:
        async with upstream(silent) as one, gateway(one, plan=drained(PLAN, policy)) as gate, gate.client() as peer:
            peer.post()
            await until(lambda: one.requests)
            (lane,) = gate.server.server_state.connections
            lane.cut_off()  # type: ignore[union-attr]
            gate.dispatch.close()
            (event,) = gate.world.events()
            assert event["outcome"] == Outcome.CANCELLED
            assert gate.world.in_flight() == 0
            assert not gate.dispatch.leavers

    run(story())


def test_names_of_refused_requests_are_never_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    names, processes = set(), itertools.count(1000)
    monkeypatch.setattr(os, "getpid", lambda: next(processes))

    async def story() -> None:
        for _ in range(2):  # a worker, and the one in its place
            async with gateway() as gate:
                for _ in range(2):
                    names.add((await gate.ask(model="nothing")).headers["x-request-id"])

    run(story())
    assert len(names) == 4


def test_a_hedge_that_won_and_broke_is_gone_on_from_where_the_client_has_it() -> None:
    async def story() -> None:
        broken = stream(frame("one "), frame("two"), end=b"")
        async with (
            upstream(silent, stream(frame(" three"), FINISH, USAGE, DONE)) as one,
            upstream(broken) as two,
            gateway(one, two, plan=RIVALS) as gate,
        ):
            assert (await gate.ask(stream=True)).body.endswith(DONE)
            assert json.loads(one.requests[-1].body)["messages"][-1] == {"role": "assistant", "content": "one two"}
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"], event["rescues"]) == (Outcome.SUCCESS, 3, 1)
            assert gate.world.in_flight() == 0

    run(story())


def test_a_connection_whose_answer_was_never_closed_is_not_used_again() -> None:
    async def held(request: Message, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(frame("a")) + chunk(FINISH))
        await asyncio.sleep(30)

    async def story() -> None:
        async with upstream(held) as one, gateway(one) as gate:
            assert (await gate.ask(stream=True)).body.endswith(DONE)
            await until(lambda: one.open == 0)

    run(story())
