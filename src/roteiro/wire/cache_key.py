"""What makes two requests the same to a cache: keys over everything that shapes an answer, and nothing else.

A key is a SHA-256 over a scope (whose request, of which model) and the canonical form of the body: members sorted, no white space, texts
without needless escapes; members that are null, or that shape no answer, are left out. A field that nobody here knows is part of the key.
What must not live here: where answers are kept, and for how long.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from roteiro.terms.codes import Operation

__all__ = ["LONGEST", "Meaning", "cacheable", "exact_key", "meaning", "scope", "text_key"]

LONGEST: Final = 256 * 1024
"""Bytes of a body's values; a longer one is not looked at, because reading it whole would hold up the others."""

LONGEST_MEANING: Final = 600
"""Characters of a text that is compared by meaning: the time to embed grows with it, and the longer a text, the less two of nearly the same
vector mean the same."""

SHAPELESS: Final = frozenset(
    {
        "metadata", "model", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream",
        "stream_options", "user",
    }
)  # fmt: skip
"""Members that do not belong in a key: the model is in the scope as the plan names it, the rest is for accounts and transport."""

UNCACHEABLE: Final = frozenset(
    {
        "audio", "background", "best_of", "container", "context_management", "conversation", "functions", "logprobs", "mcp_servers",
        "modalities", "previous_response_id", "prompt", "tools", "top_logprobs", "web_search_options",
    }
)  # fmt: skip
"""Members with which an answer is more than its text, or depends on more than its request. `prompt` is one of a stored prompt, except in
completions."""

_ANY: Final = msgspec.json.Decoder()
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_NOTHINGS: Final = frozenset({b"null", b"false", b"[]", b"{}"})
_SPOKEN: Final = frozenset({"text", "input_text"})


class Meaning(NamedTuple):
    """A request as the semantic cache sees it."""

    partition: bytes
    """Over all of the request but the text: only requests of one partition are ever compared."""
    text: str
    """The last user turn's."""


def scope(*names: str) -> bytes:
    """Whose keys these are; two different lists of names never make one scope."""
    return b"".join(b"%d:%b" % (len(name := text.encode()), name) for text in names)


def cacheable(fields: Mapping[str, Raw], operation: Operation, choices: int) -> bool:
    """Whether a request may be answered from a cache: one answer of text, without tools, that depends on this request alone."""
    if choices != 1 or operation == Operation.EMBEDDINGS:
        return False
    for name in UNCACHEABLE & fields.keys():
        if bytes(fields[name]) not in _NOTHINGS and not (name == "prompt" and operation == Operation.COMPLETION):
            return False
    return sum(len(memoryview(raw)) for raw in fields.values()) <= LONGEST


def exact_key(scope: bytes, operation: Operation, fields: Mapping[str, Raw]) -> bytes | None:
    """32 bytes, the same for bodies that mean the same to every reader of JSON; None for a body that is none."""
    try:
        shape = shaping(fields)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return _digest(scope, operation, shape)


def meaning(scope: bytes, operation: Operation, fields: Mapping[str, Raw]) -> Meaning | None:
    """The text to compare and the partition to compare it in; None where there is no such text: pictures, or none, or too long a one.

    The text is the last user turn's alone. The turns before it, by whomever, are in the partition: an answer to "and the other one?" is
    not an answer to the same words after another conversation.
    """
    try:
        shape = shaping(fields)
    except (ValueError, RecursionError):
        return None
    name = "prompt" if operation == Operation.COMPLETION else "input" if operation == Operation.RESPONSES else "messages"
    talk = shape.get(name)
    text: str | None = None
    if isinstance(talk, str):
        text, shape[name] = talk, None
    elif isinstance(talk, list) and talk and isinstance(last := talk[-1], dict) and last.get("role") == "user":
        text = _spoken(last.get("content"))
        shape[name] = [*talk[:-1], {**last, "content": None}]
    if text is None or not text.strip() or len(text) > LONGEST_MEANING or "\0" in text:  # engines in C read up to a zero, and no further
        return None
    return Meaning(_digest(scope, operation, shape)[:16], text)


def text_key(scope: bytes, text: str | Sequence[int]) -> bytes:
    """32 bytes, of one text, or list of tokens, to embed. The scope names the tenant, the model and the dimensions."""
    body = b"text" + text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b"tokens" + _encode(list(text))
    return hashlib.sha256(b"%d:%b%b" % (len(scope), scope, body)).digest()


def shaping(fields: Mapping[str, Raw]) -> dict[str, Any]:
    """The members that shape the answer, decoded. Raises ValueError and RecursionError."""
    return {name: value for name, raw in fields.items() if name not in SHAPELESS and (value := _ANY.decode(raw)) is not None}


def _digest(scope: bytes, operation: Operation, shape: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(b"%d:%b%d:%b" % (len(scope), scope, operation, _encode(shape))).digest()


def _spoken(content: Any) -> str | None:
    """The text of a turn, None where it holds anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts: list[str] = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in _SPOKEN or not isinstance(text := part.get("text"), str):
            return None
        texts.append(text)
    return "\n".join(texts)
