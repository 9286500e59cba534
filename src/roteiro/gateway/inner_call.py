"""One call of the server to its own port for clients, on behalf of a key. Blocking, for a thread or a process of its own.

What must not live here: what is called, and what becomes of the answer.
"""

import http.client
import ipaddress
import ssl
from dataclasses import dataclass
from typing import Final

from roteiro.gateway.internal import ON_BEHALF
from roteiro.terms.error import RoteiroError

__all__ = ["ANSWER_BYTES", "InnerAnswer", "InnerCallError", "InnerPort"]

WITHIN_S: Final = 900.0
"""Longer than any deadline of a plan should be: the gateway's own limits end a call sooner."""
ANSWER_BYTES: Final = 64 * 1024 * 1024


class InnerCallError(RoteiroError):
    """No answer: nobody listened, or the connection broke."""


@dataclass(frozen=True, slots=True)
class InnerAnswer:
    """An answer. `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "application/octet-stream")

    @property
    def request(self) -> str:
        return self.headers.get("x-request-id", "")


@dataclass(frozen=True, slots=True, repr=False)
class InnerPort:
    """Where this machine reaches its own port for clients. `host` is what the port is bound to; `certificate` its TLS, None without."""

    host: str
    port: int
    token: str
    certificate: str | None = None

    @property
    def address(self) -> str:
        """A wildcard is reached by loopback; any other address by itself."""
        try:
            bound = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host or "127.0.0.1"
        if not bound.is_unspecified:
            return self.host
        return "127.0.0.1" if bound.version == 4 else "::1"

    def call(self, path: str, body: bytes, key: str, headers: dict[str, str], within_s: float = WITHIN_S) -> InnerAnswer:
        """POST on behalf of the key of that name. Raises InnerCallError."""
        connection = self._connection(within_s)
        sent = {
            **headers,
            "authorization": f"Bearer {self.token}",
            ON_BEHALF.decode(): key,
            "content-type": headers.get("content-type", "application/json"),
        }
        try:
            connection.request("POST", path, body, sent)
            answer = connection.getresponse()
            content = answer.read(ANSWER_BYTES + 1)
            if len(content) > ANSWER_BYTES:
                raise InnerCallError(f"the answer is more than {ANSWER_BYTES // 2**20} MiB")
            return InnerAnswer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)
        except (OSError, http.client.HTTPException) as error:
            raise InnerCallError(f"the server cannot be reached by itself: {type(error).__name__}") from error
        finally:
            connection.close()

    def _connection(self, within_s: float) -> http.client.HTTPConnection:
        if self.certificate is None:
            return http.client.HTTPConnection(self.address, self.port, timeout=within_s)
        # Our own certificate is the one to expect, whatever name it was made out to.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(self.certificate)
        return http.client.HTTPSConnection(self.address, self.port, timeout=within_s, context=context)
