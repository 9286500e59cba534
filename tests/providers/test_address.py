"""Where a provider is: TLS that is verified, proxies, and addresses that are none."""

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.providers.harness import OK, Asker, Clock, answering, run, served

from roteiro.providers.address import Address, proxy_for
from roteiro.providers.pool import Pool
from roteiro.terms.codes import ErrorClass
from roteiro.terms.error import SettingsError


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
