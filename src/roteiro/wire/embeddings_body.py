"""Embeddings requests and answers taken apart and put together as raw slices: what coalescing and the embedding cache need of them.

What must not live here: which texts go together, and which are known.
"""

import copy
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from msgspec import Raw, Struct

from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import BadAnswerError
from roteiro.wire.dialect import Ask

__all__ = ["Rows", "inputs_of", "joined", "rows_of", "said", "vector_of", "wants_base64", "with_inputs"]

_LIST: Final = msgspec.json.Decoder(list[Raw])
_encode: Final = msgspec.json.Encoder().encode


class _Row(Struct):
    embedding: Raw
    index: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None


class Rows(Struct):
    """An answer's vectors, as they came, in the order of the inputs."""

    data: list[_Row]
    model: str | None = None
    usage: _Usage | None = None

    @property
    def vectors(self) -> list[Raw]:
        """The vectors, each a list of numbers or base64, as JSON."""
        return [row.embedding for row in self.data]

    @property
    def tokens(self) -> int | None:
        """Input tokens, where the provider said."""
        return None if self.usage is None or self.usage.prompt_tokens is None else max(self.usage.prompt_tokens, 0)


_ROWS: Final = msgspec.json.Decoder(Rows)
_VECTOR: Final = msgspec.json.Decoder(list[float] | str)


def inputs_of(fields: Mapping[str, Raw]) -> list[Raw] | None:
    """Each input as it came, a text or a list of token numbers; None where they are not of one kind."""
    given = fields["input"]
    if memoryview(given)[0] == 0x22:
        return [given]
    try:
        inputs = _LIST.decode(given)
    except msgspec.DecodeError:
        return None
    kinds = {memoryview(one)[0] for one in inputs}
    if kinds in ({0x22}, {0x5B}):
        return inputs
    if kinds <= set(b"0123456789") and kinds:
        return [given]  # one text, as token numbers
    return None


def joined(inputs: Sequence[Raw]) -> Raw:
    """The value of `input`."""
    return Raw(b"[%b]" % b",".join(bytes(one) for one in inputs))


def with_inputs(ask: Ask, inputs: Sequence[Raw], input_tokens: int, without: Sequence[str] = ()) -> Ask:
    """The same request for other texts."""
    other = copy.copy(ask)
    other.fields = {name: raw for name, raw in ask.fields.items() if name not in without}
    other.fields["input"] = joined(inputs)
    other.input_tokens, other.prompt = input_tokens, None
    return other


def rows_of(body: bytes, count: int) -> Rows:
    """An answer's vectors. Raises BadAnswerError where they are not `count`."""
    try:
        rows = _ROWS.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a list of embeddings") from None
    rows.data = [row for _, row in sorted(enumerate(rows.data), key=lambda one: one[0] if one[1].index is None else one[1].index)]
    if len(rows.data) != count:
        raise BadAnswerError(ErrorClass.PROTOCOL, f"{len(rows.data)} embeddings for {count} texts")
    return rows


def said(vectors: Sequence[Raw | str | Sequence[float]], model: str | None, tokens: int) -> bytes:
    """An answer's body."""
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    return _encode({"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


def vector_of(raw: Raw) -> bytes:
    """A vector as little-endian 32-bit floats. Raises BadAnswerError."""
    try:
        vector = _VECTOR.decode(raw)
        packed = b64decode(vector, validate=True) if isinstance(vector, str) else np.array(vector, "<f4").tobytes()
    except ValueError:
        raise BadAnswerError(ErrorClass.PROTOCOL, "an embedding is neither numbers nor base64") from None
    if not packed or len(packed) % 4:
        raise BadAnswerError(ErrorClass.PROTOCOL, "an embedding is not of 32-bit numbers")
    return packed


def wants_base64(fields: Mapping[str, Raw]) -> bool:
    """Whether the client wants vectors in base64."""
    wish = fields.get("encoding_format")
    return wish is not None and bytes(wish) == b'"base64"'
