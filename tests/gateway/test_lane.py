"""HTTP on the client's side: order, bounds, bad input, and hot and plain requests on one connection."""

import asyncio
import json

import pytest

from .harness import (
    ANSWER,
    DONE,
    FINISH,
    STREAM_HEAD,
    Message,
    chunk,
    frame,
    gateway,
    read_head,
    reply,
    request_body,
    run,
    stream,
    until,
    upstream,
)
from .world import KEY

POST = f"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n".encode()


async def numbered(request: Message, writer: asyncio.StreamWriter) -> None:
    """Answers with what the user field says, the later ones faster."""
    number = int(json.loads(request.body)["user"])
    await asyncio.sleep(0.002 * (number % 3))
    await reply(b'{"choices":[%d]}' % number)(request, writer)


def test_hot_and_plain_requests_share_a_connection_in_order() -> None:
    async def story() -> None:
        async with upstream(numbered) as one, gateway(one) as gate, gate.client() as peer:
            for _ in range(2):  # one by one, then again
                peer.get("/health/live")
                assert (await peer.read()).json == {"status": "live"}
                peer.post(user="1")
                assert (await peer.read()).json == {"choices": [1]}
                peer.get("/v1/models")
                assert "chat" in [row["id"] for row in (await peer.read()).json["data"]]
            plan = [("hot", 2), ("plain", 0), ("hot", 1), ("hot", 3), ("plain", 0), ("plain", 0), ("hot", 4)]
            for kind, number in plan:  # all at once
                if kind == "hot":
                    peer.post(user=str(number))
                else:
                    peer.get("/health/live")
            for kind, number in plan:
                answer = await peer.read()
                assert answer.json == ({"choices": [number]} if kind == "hot" else {"status": "live"})

    run(story())


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_any_cut_of_the_bytes_reads_the_same(size: int) -> None:
    async def story() -> None:
        async with upstream(numbered) as one, gateway(one) as gate, gate.client() as peer:
            body = request_body(user="0")
            data = (POST + b"Content-Length: %d\r\n\r\n" % len(body) + body) * 3 + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
            for at in range(0, len(data), size):
                peer.writer.write(data[at : at + size])
                if at % 64 == 0:
                    await asyncio.sleep(0)
            for _ in range(3):
                assert (await peer.read()).json == {"choices": [0]}
            assert (await peer.read()).status == 200

    run(story())


def test_a_long_line_of_requests_is_answered_in_order() -> None:
    async def story() -> None:
        async with upstream(numbered) as one, gateway(one) as gate, gate.client() as peer:
            for number in range(300):
                peer.post(user=str(number))
                if number % 10 == 0:
                    peer.post(b"{", headers="x-n: 1\r\n")  # refused at once, but in its turn
            for number in range(300):
                assert (await peer.read()).json == {"choices": [number]}
                if number % 10 == 0:
                    assert (await peer.read()).status == 400

    run(story())


def test_chunked_bodies_and_100_continue() -> None:
    async def story() -> None:
        async with upstream(numbered) as one, gateway(one) as gate, gate.client() as peer:
            body = request_body(user="0")
            peer.writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body[:10]) + chunk(body[10:]) + b"0\r\n\r\n")
            assert (await peer.read()).status == 200
            peer.writer.write(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
            assert (await peer.read()).status == 100
            peer.writer.write(body)
            assert (await peer.read()).status == 200
            peer.post(user="1")  # behind an answer, the invitation waits for its turn
            peer.writer.write(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
            assert (await peer.read()).json == {"choices": [1]}
            assert (await peer.read()).status == 100
            peer.writer.write(body)
            assert (await peer.read()).status == 200

    run(story())


def test_who_is_refused_is_not_invited_to_send() -> None:
    async def story() -> None:
        async with gateway() as gate, gate.client() as peer:
            peer.writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
            answer = await peer.read()
            assert (answer.status, answer.headers["connection"]) == (401, "close")
            assert await peer.ended() == b""

    run(story())


@pytest.mark.parametrize("form", ["length", "chunks", "all at once"])
def test_a_body_above_the_bound_is_refused_early(form: str) -> None:
    async def story() -> None:
        async with upstream(reply()) as one, gateway(one, plan=small_plan()) as gate, gate.client() as peer:
            if form == "length":
                peer.writer.write(POST + b"Content-Length: 99999999\r\n\r\n" + b"x" * 1000)
            elif form == "chunks":
                peer.writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"x" * 70_000) + chunk(b"x" * 70_000))
            else:
                peer.writer.write(POST + b"Content-Length: 120000\r\n\r\n" + b"x" * 120_000)
            answer = await peer.read()
            assert (answer.status, answer.error["code"]) == (413, "request_too_large")
            assert not one.requests
            fine = await gate.ask(request_body(pad="x" * 90_000))
            assert fine.status == 200

    run(story())


def small_plan() -> str:
    from .world import PLAN

    return PLAN.replace("roteiro: 1\n", "roteiro: 1\nrequest: {body: 100KB}\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}", 400),
        (POST + b"X: " + b"y" * 200_000, 431),
        (POST + b"X: y\r\n" * 30_000, 431),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 100_000, 431),
    ],
)
def test_malformed_http_is_refused_and_the_connection_closes(data: bytes, status: int) -> None:
    async def story() -> None:
        async with gateway() as gate, gate.client() as peer:
            peer.writer.write(data)
            answer = await peer.read()
            assert (answer.status, answer.headers["connection"]) == (status, "close")
            assert answer.error["code"]
            assert await peer.ended() == b""

    run(story())


def test_rubbish_after_a_request_does_not_spoil_its_answer() -> None:
    async def story() -> None:
        async with upstream(numbered) as one, gateway(one) as gate, gate.client() as peer:
            body = request_body(user="2")
            peer.writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"rubbish\r\n\r\n")
            assert (await peer.read()).json == {"choices": [2]}
            assert (await peer.read()).status == 400
            assert await peer.ended() == b""

    run(story())


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_old_clients_and_those_who_say_close(version: str, streamed: bool) -> None:
    async def story() -> None:
        frames = (frame("a"), FINISH, DONE)
        async with upstream(stream(*frames) if streamed else reply()) as one, gateway(one) as gate, gate.client() as peer:
            body = request_body(stream=streamed)
            head = POST.replace(b"1.1", version.encode()) + (
                b"Connection: close\r\n" if version == "1.1" else b"Connection: keep-alive\r\n"
            )
            peer.writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            answer = await peer.read()
            assert answer.body == (b"".join(frames) if streamed else ANSWER)
            assert answer.headers["connection"] == "close"
            assert ("transfer-encoding" in answer.headers) is (streamed and version == "1.1")
            assert await peer.ended() == b""

    run(story())


def test_a_request_that_does_not_arrive_times_out() -> None:
    async def story() -> None:
        async with gateway() as gate:
            for start in (POST[:30], POST + b"Content-Length: 50\r\n\r\n{"):
                async with gate.client() as peer:
                    peer.writer.write(start)
                    await until(lambda: any(lane._in_message for lane in gate.server.server_state.connections))  # type: ignore[union-attr]
                    (lane,) = gate.server.server_state.connections
                    lane.tidy(gate.dispatch.sweep.now() + 29.0)  # type: ignore[union-attr]
                    lane.tidy(gate.dispatch.sweep.now() + 31.0)  # type: ignore[union-attr]
                    assert (await peer.read()).status == 408
                    assert await peer.ended() == b""
                await until(lambda: not gate.server.server_state.connections)

    run(story())


def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    async def story() -> None:
        release = asyncio.Event()

        async def held(request: Message, writer: asyncio.StreamWriter) -> None:
            await release.wait()
            await reply()(request, writer)

        async with upstream(held) as one, gateway(one) as gate, gate.client() as peer:
            peer.post()
            await until(lambda: one.requests)
            (lane,) = gate.server.server_state.connections
            lane.tidy(gate.dispatch.sweep.now() + 500.0)  # type: ignore[union-attr]
            release.set()
            assert (await peer.read()).status == 200
            for later in (0.0, 74.0):
                lane.tidy(gate.dispatch.sweep.now() + later)  # type: ignore[union-attr]
            peer.post()
            assert (await peer.read()).status == 200
            for later in (0.0, 76.0):
                lane.tidy(gate.dispatch.sweep.now() + later)  # type: ignore[union-attr]
            assert await peer.ended() == b""

    run(story())


def test_a_slow_reader_slows_its_provider_and_loses_nothing() -> None:
    big, count = frame("x" * 10_000), 2_000  # 20 MB
    sent = 0

    async def flood(request: Message, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(STREAM_HEAD)
        for _ in range(count):
            writer.write(chunk(big))
            await writer.drain()
            sent += 1
        writer.write(chunk(FINISH) + chunk(DONE) + b"0\r\n\r\n")

    async def story() -> None:
        times = "timeouts: {connect: 1s, first_token: 2s, idle: 100ms, attempt: 50s}"
        async with upstream(flood) as one, gateway(one, times=times) as gate, gate.client() as peer:
            peer.post(stream=True)
            await read_head(peer.reader)
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            before = -1
            while before != sent:  # until all buffers on the way are full
                before = sent
                await asyncio.sleep(0.15)  # longer than the idle time, which must not count here
            assert sent < count * 3 // 4
            peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
            total = 0
            async with asyncio.timeout(30):
                while size := int((await peer.reader.readline()).strip(), 16):
                    total += len(await peer.reader.readexactly(size + 2)) - 2
            assert total == count * len(big) + len(FINISH) + len(DONE)

    run(story())


def test_a_reader_that_never_reads_is_dropped_as_gone() -> None:
    async def flood(request: Message, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        while True:
            writer.write(chunk(frame("x" * 10_000)))
            await writer.drain()

    async def story() -> None:
        times = "timeouts: {connect: 1s, first_token: 2s, idle: 2s, attempt: 700ms}"
        async with upstream(flood) as one, gateway(one, times=times) as gate, gate.client() as peer:
            peer.post(stream=True)
            await read_head(peer.reader)
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await until(lambda: gate.world.events())
            assert gate.world.events()[0]["status"] == 499
            await until(lambda: one.open == 0)

    run(story())


def test_a_large_body_reaches_the_provider_whole() -> None:
    async def story() -> None:
        long = b'{"choices":[' + b"1," * 4_000_000 + b"1]}"
        async with upstream(reply(long)) as one, gateway(one) as gate:
            body = request_body(pad="x" * 20_000_000)
            answer = await gate.ask(body)
            assert (answer.status, answer.body == long) == (200, True)
            assert len(one.requests[0].body) > 20_000_000
            assert json.loads(one.requests[0].body)["pad"] == "x" * 20_000_000

    run(story())


def test_a_drain_answers_what_is_in_flight_and_closes() -> None:
    async def story() -> None:
        release = asyncio.Event()

        async def held(request: Message, writer: asyncio.StreamWriter) -> None:
            if json.loads(request.body)["stream"]:
                writer.write(STREAM_HEAD + chunk(frame("a")))
                await release.wait()
                writer.write(chunk(FINISH) + chunk(DONE) + b"0\r\n\r\n")
            else:
                await release.wait()
                await reply()(request, writer)

        async with upstream(held) as one, gateway(one) as gate, gate.client() as whole, gate.client() as streamed, gate.client() as idle:
            whole.post(stream=False)
            streamed.post(stream=True)
            idle.get("/health/ready")
            assert (await idle.read()).status == 200
            await until(lambda: len(one.requests) == 2)
            gate.server.should_exit = True
            assert await idle.ended() == b""
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", gate.port)
            release.set()
            answer = await whole.read()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert (await streamed.read()).body == frame("a") + FINISH + DONE
            assert await whole.ended() == await streamed.ended() == b""
            assert len(gate.world.events()) == 2

    run(story())


def test_other_paths_and_methods_get_errors_in_the_same_shape() -> None:
    async def story() -> None:
        async with gateway() as gate, gate.client() as peer:
            for path, key, status, code in [
                ("/nothing", KEY, 404, "unknown_url"), ("/v1/chat/completions", KEY, 405, "method_not_allowed"), ("/v1/models", None, 401, "missing_api_key"),
                ("/v1/models/none", KEY, 404, "model_not_found"), ("/v1/models/chat", KEY, 200, None), ("/health/ready", None, 200, None),
            ]:  # fmt: skip
                peer.get(path, key)
                answer = await peer.read()
                assert answer.status == status
                if code:
                    assert answer.error["code"] == code
            gate.dispatch.draining = True
            peer.get("/health/ready")
            assert (await peer.read()).status == 503

    run(story())


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /v1/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
    ],
)
def test_what_cannot_be_asked_is_refused_and_no_failure_of_ours(head: bytes, status: int, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with gateway() as gate, gate.client() as peer:
            peer.writer.write(head)
            answer = await peer.read()
            assert answer.status == status and answer.error["message"] and answer.headers["x-request-id"]

    run(story())
    assert "Traceback" not in caplog.text and "Fatal" not in caplog.text
