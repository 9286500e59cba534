"""Connections to a provider: reused, replaced when stale, bounded, cancelled, and proof against bad HTTP."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import uvloop

from roteiro.providers.address import Address, proxy_for
from roteiro.providers.pool import HEAD_BYTES, Connection, Pool
from roteiro.terms.codes import ErrorClass
from roteiro.terms.error import SettingsError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Clock:
    """A `Timer` whose time stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def unix(self) -> float:
        return 1.7e9

    def watch(self, thing: object) -> None: ...

    def forget(self, thing: object) -> None: ...


class Asker:
    """A `Receiver` that sends at once and remembers."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.data = b""
        self.failure: tuple[ErrorClass, str] | None = None
        self.connection: Connection | None = None
        self.over = asyncio.Event()
        self.endings = 0

    def ask(self) -> "Asker":
        self.pool.take(self)
        return self

    def connected(self, connection: Connection) -> None:
        self.connection = connection
        connection.send(self, REQUEST, b"{}")

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.status, self.headers = status, dict(headers)

    def body(self, data: bytes) -> None:
        self.data += data

    def complete(self) -> None:
        self.endings += 1
        self.over.set()

    def failed(self, error_class: ErrorClass, why: str) -> None:
        self.failure = (error_class, why)
        self.complete()

    async def result(self) -> "Asker":
        async with asyncio.timeout(20):
            await self.over.wait()
        await asyncio.sleep(0.01)  # a second ending would come now
        assert self.endings == 1
        return self


def run(work: Coroutine[Any, Any, None]) -> None:
    uvloop.run(work)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def read_request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)


@contextlib.asynccontextmanager
async def served(handler: Handler, clock: Clock | None = None, most: int = 8, **listen: Any) -> AsyncIterator[Pool]:
    async def careful(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(careful, "127.0.0.1", 0, **listen)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(Address(f"http://127.0.0.1:{port}/v1", {}), clock or Clock(), connect_s=2.0, most=most)
    try:
        yield pool
    finally:
        pool.close()
        server.close()


def answering(*answers: bytes, close: bool = False) -> Handler:
    """Answers each request with the next of `answers`, the last again and again."""
    left = list(answers)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            if close:
                return

    return handler


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


# --- TLS and proxies ---------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), *([x509.IPAddress(ip_address("127.0.0.1"))] if name == "localhost" else [])])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).add_extension(names, False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


def trusting(cert: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(cert))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def serving(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


async def asked(url: str, environment: dict[str, str], tls: ssl.SSLContext | None = None) -> Asker:
    pool = Pool(Address(url, environment, tls), Clock(), connect_s=5.0, most=2)
    asker = await Asker(pool).ask().result()
    pool.close()
    return asker


def test_tls_is_verified(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)

    async def story() -> None:
        async with served(answering(OK), ssl=serving(cert, key)) as plain:
            port = plain._address.port
            assert (await asked(f"https://localhost:{port}/v1", {}, trusting(cert))).status == 200
            stranger = await asked(f"https://localhost:{port}/v1", {})
            assert stranger.failure is not None
            assert stranger.failure[0] is ErrorClass.CONNECTION
            assert "certificate" in stranger.failure[1].lower()

    run(story())


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "elsewhere.test")

    async def story() -> None:
        async with served(answering(OK), ssl=serving(cert, key)) as plain:
            wrong = await asked(f"https://localhost:{plain._address.port}/v1", {}, trusting(cert))
            assert wrong.failure is not None
            assert wrong.failure[0] is ErrorClass.CONNECTION

    run(story())


def test_https_goes_through_a_tunnel_and_http_by_its_whole_url(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "provider.test")
    heads: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        if not head.startswith(b"CONNECT"):
            await reader.readexactly(2)
            writer.write(OK)
            await writer.drain()
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
        writer.write(b"HTTP/1.1 200 Established\r\n\r\n")

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    sink.write(data)
            sink.close()

        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    async def story() -> None:
        nonlocal target
        async with served(answering(OK), ssl=serving(cert, key)) as provider, served(proxy) as at:
            target = provider._address.port
            environment = {"HTTPS_PROXY": f"http://user:p%40ss@127.0.0.1:{at._address.port}", "http_proxy": f"127.0.0.1:{at._address.port}"}
            assert (await asked("https://provider.test/v1", environment, trusting(cert))).status == 200
            assert heads[0].startswith(
                b"CONNECT provider.test:443 HTTP/1.1\r\nhost: provider.test:443\r\nproxy-authorization: Basic dXNlcjpwQHNz\r\n"
            )
            assert (await asked("http://provider.test/v1", environment)).status == 200
            assert Address("http://provider.test/v1", environment).prefix == b"http://provider.test/v1"
            untrusted = await asked("https://provider.test/v1", environment)
            assert untrusted.failure is not None

    target = 0
    run(story())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who are you\r\n\r\n", b"nonsense\r\n\r\n", b"", b"x" * 20_000])
def test_a_proxy_that_refuses(answer: bytes) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async def story() -> None:
        async with served(proxy) as at:
            asker = await asked("https://provider.test/v1", {"https_proxy": f"http://127.0.0.1:{at._address.port}"})
            assert asker.failure is not None
            assert asker.failure[0] is ErrorClass.CONNECTION
            assert "proxy" in asker.failure[1]

    run(story())


def test_which_proxy() -> None:
    environment = {"HTTPS_PROXY": "http://p:1", "no_proxy": "example.com, .corp.test:8443,10.0.0.0/8,*.lab", "all_proxy": "http://a:2"}
    assert proxy_for("https://api.test/v1", environment) == "http://p:1"
    assert proxy_for("http://api.test/v1", environment) == "http://a:2"
    for direct in ("https://example.com", "https://a.example.com", "https://x.corp.test:8443", "https://10.1.2.3", "https://x.lab"):
        assert proxy_for(direct, environment) is None
    for loopback in ("http://127.0.0.1:80", "http://localhost", "http://[::1]:80"):
        assert proxy_for(loopback, {"http_proxy": "http://p:1"}) is None
    assert proxy_for("https://notexample.com", environment) == "http://p:1"
    assert proxy_for("https://x.corp.test", environment) == "http://p:1"
    assert proxy_for("https://anything", {"https_proxy": "http://p:1", "no_proxy": "*"}) is None


@pytest.mark.parametrize(
    "url", ["", "api.test/v1", "ftp://api.test", "http://", "http://x:99999999", "http://x:0", "http://x y", "http://x\r\nh: v"]
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(SettingsError):
        Address(url, {})


def test_a_bad_proxy_is_said_without_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        Address("https://api.test", {"https_proxy": "socks5://user:hunter2@p:1"})
    assert "hunter2" not in str(caught.value)
