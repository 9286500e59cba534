"""Clients that ask for embeddings in the OpenAI dialect: texts read, vectors written.

What must not live here: which texts share a call, and caches.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from struct import pack
from typing import Final, Literal, NoReturn

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import Operation
from roteiro.terms.error import InvariantError
from roteiro.wire.body import estimate_tokens, invalid, text, top_level, typed
from roteiro.wire.canon import Answer, EmbeddingAnswer, EmbeddingPrompt, Prompt
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai import error_body, error_frame

__all__ = ["MOST_INPUTS", "OpenAIEmbeddingsFront"]

MOST_INPUTS: Final = 2048
"""The dialect's own bound on the texts of one request."""

_encode: Final = msgspec.json.Encoder().encode


class _Body(Struct, forbid_unknown_fields=True):
    input: str | list[str | int | list[int]]
    model: str | None = None
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)


class OpenAIEmbeddingsFront:
    """`/v1/embeddings`. A `Front` with two methods of its own: `embeddings` and `embeddings_answer` stand for `prompt` and `answer`."""

    name = "openai"

    def read(self, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """See `Front`."""
        fields = top_level(body)
        given = fields.get("input")
        if given is None or bytes(given) == b"null":
            raise invalid("input", "you must provide `input`", "missing_required_parameter")
        shape = memoryview(given)[0]
        if shape not in b'"[':
            raise invalid("input", "`input` must be a text, or a list of texts or of tokens", "invalid_type")
        if len(memoryview(given)) < 16 and bytes(given)[1:-1].strip() == b"":
            raise invalid("input", "`input` is empty", "empty_array" if shape == 0x5B else "invalid_value")
        model = None if (raw := fields.get("model")) is None or bytes(raw) == b"null" else text(raw, "model")
        user = None if (raw := fields.get("user")) is None or bytes(raw) == b"null" else text(raw, "user")
        # Tokens that come as numbers are about as many as the numbers: some five bytes each.
        estimate = bytes(given).count(b",") + 1 if _in_tokens(given) else estimate_tokens(bytes(given))
        return Ask(self, Operation.EMBEDDINGS, fields, model, input_tokens=estimate, output_tokens=0, user=user)

    def embeddings(self, ask: Ask) -> EmbeddingPrompt:
        """The whole request, of no dialect. Raises RequestError (400)."""
        body = typed(ask.fields, _BODY)
        given = body.input
        inputs: Sequence[str | Sequence[int]]
        if isinstance(given, str):
            inputs = (given,)
        elif all(isinstance(one, int) for one in given):
            inputs = ([one for one in given if isinstance(one, int)],)
        else:
            inputs = [one for one in given if not isinstance(one, int)]
            if len(inputs) != len(given):
                raise invalid("input", "`input` mixes texts and tokens", "invalid_type")
        if len(inputs) > MOST_INPUTS:
            raise invalid("input", f"`input` has {len(inputs)} texts; at most {MOST_INPUTS} go in one request")
        if any(not one for one in inputs):
            raise invalid("input", "`input` has an empty text")
        return EmbeddingPrompt(inputs=inputs, dimensions=body.dimensions, base64=body.encoding_format == "base64", user=body.user)

    def embeddings_answer(self, answer: EmbeddingAnswer, ask: Ask) -> bytes:
        """A body, in numbers or in base64 as the client wished."""
        wish = ask.fields.get("encoding_format")
        say = _in_base64 if wish is not None and bytes(wish) == b'"base64"' else list
        tokens = ask.input_tokens if answer.input_tokens is None else answer.input_tokens
        data = [{"object": "embedding", "index": at, "embedding": say(vector)} for at, vector in enumerate(answer.vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return _encode({"object": "list", "data": data, "model": answer.model, "usage": usage})

    def prompt(self, ask: Ask) -> Prompt:
        """There is none; see `embeddings`."""
        self._no_text()

    def answer(self, answer: Answer, ask: Ask) -> bytes:
        """There is none; see `embeddings_answer`."""
        self._no_text()

    def writer(self, ask: Ask, created: int, seen: Seen) -> NoReturn:
        """There is none: embeddings are not streamed."""
        self._no_text()

    def error(self, status: int, code: str, message: str, param: str | None = None, type: str | None = None) -> bytes:
        """See `Front`."""
        return error_body(status, code, message, type, param)

    def error_frame(self, body: bytes) -> bytes:
        """See `Front`."""
        return error_frame(body)

    def _no_text(self) -> NoReturn:
        raise InvariantError("embeddings are neither a prompt nor an answer in words")


def _in_tokens(given: Raw) -> bool:
    """Whether an input is numbers, in one list or in several."""
    return bytes(given)[:16].lstrip(b"[ \t\r\n")[:1].isdigit()


def _in_base64(vector: Sequence[float]) -> str:
    return b64encode(pack(f"<{len(vector)}f", *vector)).decode()
