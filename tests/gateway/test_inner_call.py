"""The server's way to its own port: by loopback or by the address that it is bound to, in plain or by its own certificate."""

import datetime
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from roteiro.gateway import inner_call
from roteiro.gateway.inner_call import InnerCallError, InnerPort


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        said = "|".join(self.headers.get(name, "") for name in ("authorization", "x-roteiro-on-behalf", "content-type", "x-more")).encode()
        self.send_response(418)
        self.send_header("X-Request-Id", "r-1")
        self.send_header("Content-Length", str(len(said) + len(body)))
        self.end_headers()
        self.wfile.write(said + body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("203.0.113.7", "203.0.113.7"),
        ("gateway.example", "gateway.example"),
    ],
)
def test_where_it_is_reached(host: str, address: str) -> None:
    assert InnerPort(host, 1, "token").address == address


def test_what_is_sent_and_what_comes_back() -> None:
    with listening() as port:
        answer = InnerPort("0.0.0.0", port, "the-token").call("/v1/x", b"!", "acme-1", {"x-more": "m"})
    assert (answer.status, answer.request, answer.body) == (418, "r-1", b"Bearer the-token|acme-1|application/json|m!")


def test_an_answer_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner_call, "ANSWER_BYTES", 10)
    with listening() as port, pytest.raises(InnerCallError, match="more than"):
        InnerPort("", port, "token").call("/", b"x" * 100, "k", {})


def test_nobody_there_is_told_without_secrets() -> None:
    with listening() as port:
        pass
    with pytest.raises(InnerCallError, match="ConnectionRefusedError") as caught:
        InnerPort("", port, "the-token").call("/", b"", "k", {})
    assert "the-token" not in str(caught.value) + repr(InnerPort("", port, "the-token"))


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for some name, and its key; made now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    chain, private = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return chain, private


def test_by_its_own_certificate_and_no_other(tmp_path: Path) -> None:
    ours, other = certificate(tmp_path, "gateway.example"), certificate(tmp_path, "other.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours)
    with listening(context) as port:
        assert InnerPort("", port, "token", str(ours[0])).call("/", b"", "k", {}).status == 418, "whatever name it was made out to"
        with pytest.raises(InnerCallError, match="SSLCertVerificationError"):
            InnerPort("", port, "token", str(other[0])).call("/", b"", "k", {})
