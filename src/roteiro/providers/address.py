"""Where a provider is, and the way there: direct or through the environment's proxy, plain or TLS with the certificate checked.

What must not live here: when to connect.
"""

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from roteiro.terms.error import SettingsError

__all__ = ["Address", "proxy_for"]


class _Proxy(NamedTuple):
    host: str
    port: int
    authorization: bytes
    """A whole header line, or nothing."""


class Address:
    """A provider's base URL, opened by `open`. Raises SettingsError for a URL that cannot be one.

    `tls` replaces the system's trust store, in tests and where a company has its own certificates.
    """

    def __init__(self, base_url: str, environment: Mapping[str, str], tls: ssl.SSLContext | None = None) -> None:
        url = _split(base_url, "base_url", ("http", "https"))
        assert url.hostname is not None
        self.host = url.hostname
        self.port = url.port or (443 if url.scheme == "https" else 80)
        self.tls = (tls or _verifying()) if url.scheme == "https" else None
        proxy = proxy_for(base_url, environment)
        self._proxy = None if proxy is None else _read_proxy(proxy)
        literal = f"[{self.host}]" if ":" in self.host else self.host
        standard = self.port == (443 if self.tls else 80)
        self.authority = (literal if standard else f"{literal}:{self.port}").encode()
        path = url.path.rstrip("/").encode()
        # A proxy that forwards plain HTTP is asked with the whole URL (RFC 9112, 3.2.2).
        self.prefix = b"http://%b%b" % (self.authority, path) if self._proxy and self.tls is None else path
        self.extra_headers = self._proxy.authorization if self._proxy and self.tls is None else b""

    async def open(self, protocol: asyncio.Protocol) -> None:
        """Connects `protocol`. Raises OSError (also of TLS and of a proxy that refuses)."""
        loop = asyncio.get_running_loop()
        if self._proxy is None:
            await loop.create_connection(
                lambda: protocol, self.host, self.port, ssl=self.tls, server_hostname=self.host if self.tls else None
            )
        elif self.tls is None:
            await loop.create_connection(lambda: protocol, self._proxy.host, self._proxy.port)
        else:
            await self._tunnel(loop, self._proxy, self.tls, protocol)

    async def _tunnel(self, loop: asyncio.AbstractEventLoop, proxy: _Proxy, tls: ssl.SSLContext, protocol: asyncio.Protocol) -> None:
        """CONNECT, then TLS with the provider itself inside (RFC 9110, 9.3.6)."""
        literal = f"[{self.host}]" if ":" in self.host else self.host
        target = f"{literal}:{self.port}".encode()
        transport, tunnel = await loop.create_connection(_Tunnel, proxy.host, proxy.port)
        try:
            transport.write(b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (target, target, proxy.authorization))
            await tunnel.opened
            secured = await loop.start_tls(transport, protocol, tls, server_hostname=self.host)
        except BaseException:
            transport.abort()
            raise
        assert secured is not None
        protocol.connection_made(secured)


class _Tunnel(asyncio.Protocol):
    """Waits for a proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self.opened.done():
            return
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > 16384:
                self.opened.set_exception(ConnectionError("the proxy's answer is too long"))
            return
        status = self._head.split(b" ", 2)[1:2]
        if not self._head.startswith(b"HTTP/1.") or status != [b"200"] or end + 4 != len(self._head):
            shown = self._head.split(b"\r\n", 1)[0][:80].decode("latin-1")
            self.opened.set_exception(ConnectionError(f"the proxy refuses to connect: {shown}"))
        else:
            self.opened.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the proxy closed the connection"))


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for a URL (`https_proxy`, `http_proxy`, `all_proxy`, minus `no_proxy`), or None.

    The loopback never goes through a proxy: the local model and the sandbox are there.
    """
    split = urlsplit(url)
    host = split.hostname or ""
    if _is_loopback(host) or _excepted(host, split.port, _variable(environment, "no_proxy")):
        return None
    return _variable(environment, f"{split.scheme}_proxy") or _variable(environment, "all_proxy") or None


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _excepted(host: str, port: int | None, exceptions: str) -> bool:
    for entry in exceptions.replace(",", " ").split():
        name, _, only_port = entry.lower().partition(":") if entry.count(":") == 1 else (entry.lower(), "", "")
        if only_port and only_port != str(port):
            continue
        name = name.removeprefix("*").removeprefix(".")
        if not name and entry.startswith("*"):
            return True
        if name and (host == name or host.endswith(f".{name}") or _in_network(host, name)):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _read_proxy(text: str) -> _Proxy:
    url = _split(text if "://" in text else f"http://{text}", "proxy", ("http",))
    authorization = b""
    if url.username is not None:
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
        authorization = b"proxy-authorization: Basic %b\r\n" % base64.b64encode(pair)
    assert url.hostname is not None
    return _Proxy(url.hostname, url.port or 80, authorization)


def _split(text: str, what: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        url = urlsplit(text)
        usable = url.scheme in schemes and url.hostname and (url.port is None or url.port > 0) and text.isascii() and text.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in text:
        shown = text if "@" not in text else "***"  # a proxy's address may hold a password
        raise SettingsError(f"{what} is {shown!r}; it must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}")
    return url


def _verifying() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
