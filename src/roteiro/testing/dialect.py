"""What a sandbox needs of a dialect: to read questions in it, to say answers, streamed or not, and every way of refusing.

What must not live here: any one dialect (`openai_dialect`, `anthropic_dialect`, `gemini_dialect`), timing, faults.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec

from roteiro.terms.error import RequestError
from roteiro.testing.answer import Answer
from roteiro.testing.question import Question, Texts
from roteiro.testing.tape import Frame, Tape

__all__ = ["Dialect", "Kind", "Request", "decoded", "one_line"]

T = TypeVar("T")


class Kind(StrEnum):
    """What a request is for, by its method and path."""

    CHAT = "chat"
    COUNT = "count"
    EMBEDDINGS = "embeddings"
    MODELS = "models"


class Request(NamedTuple):
    """One request as it came. Header names are in lower case; `query` is what follows the question mark."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool
    query: str = ""


class Dialect(Protocol):
    """See the module."""

    name: str
    version: str
    """What stands between the origin and an endpoint: `/v1`."""

    def kind(self, method: str, path: str) -> Kind | None:
        """`path` is without the version."""

    def key(self, request: Request) -> str:
        """The key that a request bears, or nothing."""

    def question(self, request: Request) -> Question:
        """Raises RequestError (400)."""

    def texts(self, request: Request) -> Texts:
        """Raises RequestError (400)."""

    def body(self, answer: Answer) -> dict[str, Any]:
        """The whole answer."""

    def frames(self, answer: Answer) -> list[Frame]:
        """The answer streamed."""

    def count(self, tokens: int) -> dict[str, Any]:
        """The answer to a question for a count."""

    def models(self, names: Sequence[str], owner: str) -> dict[str, Any]:
        """The list of models."""

    def vectors(self, texts: Texts, vectors: Sequence[Sequence[float]]) -> dict[str, Any]:
        """Embeddings, one vector a text."""

    def refusal(self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None) -> Tape:
        """An error as the dialect writes it."""

    def error_frame(self, message: str) -> bytes:
        """An error in the middle of a stream."""

    def error_value(self, message: str) -> dict[str, Any]:
        """The same in the body of a whole answer, under status 200."""

    def unauthorized(self) -> Tape:
        """The key is none of the accepted."""

    def too_long(self, tokens: int, most: int) -> Tape:
        """The request is longer than the model's context."""

    def content_refused(self, reason: str) -> Tape:
        """A filter refuses the request itself."""

    def prefix_refused(self) -> Tape:
        """The model does not go on from the beginning of an answer."""

    def throttled_body(self, wait_s: float | None) -> dict[str, Any]:
        """The body of a 429. With `wait_s` it says itself when to come back, where the dialect knows such a thing."""


_DEEP: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decoded(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """A body by its type. Raises RequestError with status 400 when it cannot be read."""
    try:
        return decoder.decode(body)
    except _DEEP as error:
        raise RequestError(400, "invalid_request_error", f"the request cannot be read: {error}") from error


def one_line(value: Any, event: str | None = None) -> bytes:
    """A server-sent event with JSON in it."""
    named = b"" if event is None else b"event: %b\n" % event.encode()
    return b"%bdata: %b\n\n" % (named, msgspec.json.encode(value))
