"""Connections to a provider: reused, replaced when stale, bounded, cancelled, and proof against bad HTTP."""

import asyncio
import socket

import pytest
from tests.providers.harness import OK, Asker, Clock, answering, read_request, run, served, until

from roteiro.providers.address import Address
from roteiro.providers.pool import HEAD_BYTES, Pool
from roteiro.terms.codes import ErrorClass


def test_a_connection_serves_one_request_after_another() -> None:
    async def story() -> None:
        async with served(answering(OK)) as pool:
            for _ in range(5):
                asker = await Asker(pool).ask().result()
                assert (asker.status, asker.data, asker.headers[b"Content-Length"]) == (200, b"ok", b"2")
            assert len(pool) == 1

    run(story())


def test_connections_are_bounded_and_the_others_wait() -> None:
    async def story() -> None:
        most_at_once = at_once = 0

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal most_at_once, at_once
            while True:
                await read_request(reader)
                at_once += 1
                most_at_once = max(most_at_once, at_once)
                await asyncio.sleep(0.002)
                at_once -= 1
                writer.write(OK)

        async with served(handler, most=3) as pool:
            askers = [Asker(pool).ask() for _ in range(9)]
            for asker in askers[:6]:
                assert (await asker.result()).status == 200
            refused = [asker for asker in askers if asker.failure]
            assert [asker.failure for asker in refused] == [(ErrorClass.CONNECTION, "too many requests wait for a connection")] * 3
            assert most_at_once == len(pool) == 3

    run(story())


@pytest.mark.parametrize("noticed", [True, False])
def test_a_connection_that_its_peer_closed_is_replaced(noticed: bool) -> None:
    async def story() -> None:
        clock, served_on = Clock(), 0

        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal served_on
            served_on += 1
            await read_request(reader)
            writer.write(OK)
            await writer.drain()

        async with served(once, clock) as pool:
            assert (await Asker(pool).ask().result()).status == 200
            if noticed:
                await until(lambda: len(pool) == 0)
            else:
                pool.tidy()  # sees it idle, so it is looked at before it is used
            assert (await Asker(pool).ask().result()).status == 200
            assert served_on == 2

    run(story())


def test_a_connection_lost_after_the_request_was_sent_is_not_silently_retried() -> None:
    async def story() -> None:
        requests = 0

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal requests
            while True:
                await read_request(reader)
                requests += 1
                if requests == 2:
                    return
                writer.write(OK)

        async with served(handler) as pool:
            await Asker(pool).ask().result()
            asker = await Asker(pool).ask().result()
            assert asker.failure == (ErrorClass.CONNECTION, "connection lost before an answer")
            assert requests == 2
            assert (await Asker(pool).ask().result()).status == 200

    run(story())


BAD = {
    "no HTTP": (b"hello\r\n\r\n", ErrorClass.PROTOCOL),
    "endless headers": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * (HEAD_BYTES + 10), ErrorClass.PROTOCOL),
    "endless trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + b"X: y\r\n" * 200_000,
        ErrorClass.PROTOCOL,
    ),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!", ErrorClass.PROTOCOL),
    "upgrade": (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", ErrorClass.PROTOCOL),
    "half": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", ErrorClass.PROTOCOL),
    "half a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", ErrorClass.PROTOCOL),
    "nothing": (b"", ErrorClass.CONNECTION),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", ErrorClass.CONNECTION),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_answers_fail_by_their_phase(kind: str) -> None:
    data, error_class = BAD[kind]

    async def story() -> None:
        async with served(answering(data, close=True)) as pool:
            asker = await Asker(pool).ask().result()
            assert asker.failure is not None
            assert asker.failure[0] is error_class
            await until(lambda: len(pool) == 0)

    run(story())


@pytest.mark.parametrize("tail", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nghost", b"rubbish"])
def test_what_comes_after_an_answer_never_answers_the_next_request(tail: bytes) -> None:
    async def story() -> None:
        async with served(answering(OK + tail, OK)) as pool:
            assert (await Asker(pool).ask().result()).data == b"ok"
            asker = await Asker(pool).ask().result()
            assert (asker.data, asker.failure) == (b"ok", None)

    run(story())


@pytest.mark.parametrize(
    ("answer", "data", "reused"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b"ok", 0),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", 0),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok", 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nX-Trailer: t\r\n\r\n", b"ok", 1),
        (b"HTTP/1.1 204 Nothing\r\n\r\n", b"", 1),
    ],
)
def test_forms_of_answers(answer: bytes, data: bytes, reused: int) -> None:
    async def story() -> None:
        async with served(answering(answer)) as pool:
            asker = await Asker(pool).ask().result()
            assert (asker.data, asker.failure) == (data, None)
            assert b"Link" not in asker.headers
            await until(lambda: len(pool) == reused)

    run(story())


def test_an_answer_may_end_with_its_connection() -> None:
    async def story() -> None:
        async with served(answering(b"HTTP/1.1 200 OK\r\n\r\nas it comes", close=True)) as pool:
            asker = await Asker(pool).ask().result()
            assert (asker.data, asker.failure) == (b"as it comes", None)
            await until(lambda: len(pool) == 0)

    run(story())


def test_an_aborted_request_hears_no_more_and_its_connection_is_gone() -> None:
    async def story() -> None:
        async with served(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")) as pool:
            asker = Asker(pool).ask()
            await until(lambda: asker.data)
            assert asker.connection is not None
            asker.connection.abort()
            await until(lambda: len(pool) == 0)
            assert asker.endings == 0

    run(story())


def test_who_withdraws_leaves_the_connection_to_the_next() -> None:
    async def story() -> None:
        async with served(answering(OK), most=1) as pool:
            first, second = Asker(pool).ask(), Asker(pool).ask()
            pool.withdraw(first)
            assert (await second.result()).status == 200
            assert first.endings == 0

    run(story())


def test_idle_connections_and_endless_tails_are_closed() -> None:
    async def story() -> None:
        clock = Clock()
        async with served(answering(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), clock) as pool:
            await Asker(pool).ask().result()
            pool.tidy()
            clock.time += 54.0
            pool.tidy()
            assert len(pool) == 1
            clock.time += 2.0
            pool.tidy()
            await until(lambda: len(pool) == 0)
            asker = Asker(pool).ask()
            await until(lambda: asker.data)
            assert asker.connection is not None
            asker.connection.leave()  # what it needed is there, the message does not end
            pool.tidy()
            clock.time += 6.0
            pool.tidy()
            await until(lambda: len(pool) == 0)
            assert asker.endings == 0

    run(story())


def test_a_paused_connection_stops_its_provider() -> None:
    async def story() -> None:
        sent = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
            for _ in range(500):
                writer.write(b"x" * 100_000)
                await writer.drain()
                sent += 1

        async with served(flood) as pool:
            asker = Asker(pool).ask()
            await until(lambda: asker.data)
            assert asker.connection is not None
            asker.connection.pause()
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.1)
            assert sent < 400
            asker.connection.resume()
            assert len((await asker.result()).data) == 50_000_000

    run(story())


def test_refused_and_unknown_addresses() -> None:
    async def story() -> None:
        for url in ("http://127.0.0.1:1/v1", "http://name.invalid/v1"):
            pool = Pool(Address(url, {}), Clock(), connect_s=5.0, most=2)
            asker = await Asker(pool).ask().result()
            assert asker.failure is not None
            assert asker.failure[0] is ErrorClass.CONNECTION
            pool.close()

    run(story())


def test_whoever_waits_beyond_the_bound_hears_of_a_refused_connection_as_soon_as_the_others() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        pool = Pool(Address(f"http://127.0.0.1:{port}", {}), Clock(), connect_s=30.0, most=2)
        async with asyncio.timeout(10):
            for asker in [Asker(pool).ask() for _ in range(4)]:
                await asker.result()
                assert asker.failure is not None and asker.failure[0] == ErrorClass.CONNECTION
        pool.close()

    run(story())
