"""Tokens counted exactly, by the byte-pair vocabularies of OpenAI's models, which the package `bpe-openai` ships: nothing is fetched.

The estimate of the hot path is `wire.body.estimate_tokens`; this is for what may take its time: answers whose provider told no usage, and
clients that ask for a count. Other vendors' vocabularies are not public: for them the count is an estimate, a closer one than by length.
What must not live here: money, limits, and when to count.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

import msgspec
from msgspec import Raw

from roteiro.terms.codes import Operation

__all__ = ["PER_MESSAGE", "PER_REQUEST", "available", "count_request", "count_text", "encoding_of", "shared"]

PER_MESSAGE: Final = 4
"""Tokens around a message: its role and its marks (OpenAI's cookbook, "How to count tokens with tiktoken": 3, and 1 for the role)."""

PER_REQUEST: Final = 3
"""Tokens that prime the answer (the same source)."""

PER_PICTURE: Final = 765
"""Tokens of a picture of 1024 × 1024 in high detail: 85 + 4 × 170 (OpenAI's published formula)."""

_ANY: Final = msgspec.json.Decoder()
_TEXTS: Final = ("content", "text", "input_text", "refusal", "thinking", "arguments", "name", "output", "partial_json")
_OLD: Final = ("gpt-4-", "gpt-3.5", "text-embedding", "gpt-35")


def available() -> bool:
    """Whether the package is installed (extra `tokens`)."""
    return find_spec("bpe_openai") is not None


def encoding_of(model: str) -> str:
    """The vocabulary of a model: `cl100k_base` for GPT-3.5, GPT-4 and the embedding models, `o200k_base` for all others."""
    return "cl100k_base" if model == "gpt-4" or model.startswith(_OLD) else "o200k_base"


def count_text(text: str, model: str = "") -> int:
    """Tokens of a text. About 25 µs a KB, after a first call of 0.1 to 2 s that takes 130 MB. Needs the extra `tokens`."""
    return _counter(encoding_of(model))(text)


def count_request(operation: Operation, fields: Mapping[str, Raw], model: str = "") -> int:
    """Input tokens of a request: its texts exactly, the marks around them and pictures by formula. Raises ValueError for no JSON."""
    count = _counter(encoding_of(model))
    total = PER_REQUEST
    for name in ("system", "instructions"):
        if name in fields:
            total += PER_MESSAGE + _count_value(_ANY.decode(fields[name]), count)
    talk = fields.get("messages") or fields.get("input") or fields.get("prompt")
    said: Any = None if talk is None else _ANY.decode(talk)
    if operation == Operation.EMBEDDINGS:
        return sum(count(one) if isinstance(one, str) else len(one) if isinstance(one, list) else 1 for one in _listed(said))
    for one in _listed(said):
        total += PER_MESSAGE + _count_value(one, count)
    for name in ("tools", "functions", "response_format", "text", "output_format"):
        if name in fields:  # providers write them into the prompt in a form of their own, about as long as their JSON
            total += count(bytes(fields[name]).decode())
    return total


def shared(total: int, weights: Sequence[int]) -> list[int]:
    """A whole number of tokens shared out in proportion to weights; the parts add up to it exactly (largest remainders first)."""
    weight = sum(weights)
    if weight <= 0:
        weights, weight = [1] * len(weights), len(weights)
    parts = [total * one // weight for one in weights]
    order = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % weight), at))
    for at in order[: total - sum(parts)]:
        parts[at] += 1
    return parts


@cache
def _counter(encoding: str) -> Callable[[str], int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it opens its data in an old way
        from bpe_openai import _bindings  # the package's own classes build tables of 60 MB in Python that counting does not need

    count: Callable[[str], int] = _bindings.tokenizer_for_encoding(encoding).count
    return count


def _listed(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else () if value is None else (value,)


def _count_value(value: Any, count: Callable[[str], int]) -> int:
    """Tokens of all texts in a message, however deep; what is not a text for the model (types, ids) is left out."""
    if isinstance(value, str):
        return count(value)
    if isinstance(value, list):
        return sum(_count_value(one, count) for one in value)
    if not isinstance(value, dict):
        return 0
    if "image_url" in value or value.get("type") in ("image", "input_image"):
        return PER_PICTURE
    total = sum(_count_value(value[name], count) for name in _TEXTS if name in value)
    for name in ("tool_calls", "function", "function_call"):
        if name in value:
            total += _count_value(value[name], count)
    if value.get("type") == "tool_use" and "input" in value:
        total += count(msgspec.json.encode(value["input"]).decode())
    return total
