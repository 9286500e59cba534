"""A client that gets the whole answer where a provider was asked for the texts that were not known.

What must not live here: which texts are known (`cache_embeddings`).
"""

from roteiro.gateway.cache_embeddings import KnownTexts
from roteiro.gateway.exchange import Client
from roteiro.gateway.refusal import Refusal, of_request
from roteiro.terms.error import RequestError
from roteiro.wire.canon import BadAnswerError

__all__ = ["Completing"]


class Completing:
    """See the module. A `Client`."""

    def __init__(self, client: Client, known: KnownTexts) -> None:
        self._client, self._known = client, known

    def answer(self, headers: bytes, body: bytes) -> None:
        """See `Client`."""
        try:
            whole = self._known.complete(body)
        except BadAnswerError as error:
            if not self._known.partial:  # the client's to make sense of, and not to be kept
                self._client.answer(headers, body)
                return
            refused = of_request(RequestError(502, "bad_answer", f"the provider's answer cannot be used: {error}"), self._known.ask.front)
            self._client.refuse(refused, headers)
            return
        self._client.answer(headers, whole)

    def refuse(self, refusal: Refusal, headers: bytes) -> None:
        """See `Client`."""
        self._client.refuse(refusal, headers)

    def open_stream(self, headers: bytes, frames: bytes) -> None:
        """See `Client`; embeddings are not streamed."""
        self._client.open_stream(headers, frames)

    def relay(self, frames: bytes) -> None:
        """See `Client`."""
        self._client.relay(frames)

    def end_stream(self, frames: bytes, broken: bool) -> None:
        """See `Client`."""
        self._client.end_stream(frames, broken)

    def drop(self) -> None:
        """See `Client`."""
        self._client.drop()
