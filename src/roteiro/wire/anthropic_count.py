"""Token counting of the Anthropic dialect: what of a body's there is to count, and the answer.

What must not live here: a tokenizer.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from roteiro.terms.error import RequestError
from roteiro.wire.body import invalid, text, top_level

__all__ = ["CountRequest", "count_answer", "read_count"]

_ANY: Final = msgspec.json.Decoder()
_encode: Final = msgspec.json.Encoder().encode
_COUNTED: Final = ("system", "messages", "tools")


class CountRequest(NamedTuple):
    """What to count of a request of /v1/messages/count_tokens."""

    model: str | None
    texts: list[str]
    """Every text that a model reads: prompts, messages, calls, results, and the definitions of tools as JSON."""
    images: int
    files: int
    """Documents that are not plain text; how many pages they have is not known."""
    turns: int
    """Messages, each of which takes some tokens of its own."""


def read_count(body: bytes) -> CountRequest:
    """Reads a body leniently: what is no text and no picture counts as its JSON. Raises RequestError (400)."""
    fields = top_level(body)
    if "messages" not in fields:
        raise invalid("messages", "you must provide `messages`", "missing_required_parameter")
    model = None if (raw := fields.get("model")) is None or bytes(raw) == b"null" else text(raw, "model")
    try:
        said = {name: _ANY.decode(raw) for name in _COUNTED if (raw := fields.get(name)) is not None}
    except (msgspec.DecodeError, RecursionError):
        raise RequestError(400, "invalid_json", "the body is nested too deeply or not JSON") from None
    messages = said["messages"]
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "`messages` must be a list of messages, at least one", "invalid_type")
    found = [*_content(said.get("system"))]
    for message in messages:
        found += _content(message.get("content") if isinstance(message, dict) else message)
    tools = said.get("tools")
    found += [_encode(tool).decode() for tool in tools] if isinstance(tools, list) else []
    texts = [one for one in found if isinstance(one, str)]
    return CountRequest(model, texts, found.count(_IMAGE), found.count(_FILE), len(messages))


def count_answer(input_tokens: int) -> bytes:
    """The answer's body."""
    return _encode({"input_tokens": input_tokens})


_IMAGE: Final = 1
_FILE: Final = 2


def _content(content: Any) -> Iterator[str | int]:
    """Texts, and a mark for each picture and file."""
    if content is None:
        return
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in content:
            yield from _block(block)
    else:
        yield _encode(content).decode()


def _block(block: Any) -> Iterator[str | int]:
    if not isinstance(block, dict):
        yield from _content(_encode(block).decode())
        return
    match block.get("type"):
        case "text":
            yield str(block.get("text") or "")
        case "thinking":
            yield str(block.get("thinking") or "")
        case "redacted_thinking":
            return  # encrypted: its length says nothing
        case "image":
            yield _IMAGE
        case "document":
            source = block.get("source")
            if isinstance(source, dict) and source.get("type") == "text":
                yield str(source.get("data") or "")
            elif isinstance(source, dict) and source.get("type") == "content":
                yield from _content(source.get("content"))
            else:
                yield _FILE
        case "tool_use":
            yield str(block.get("name") or "")
            yield _encode(block.get("input")).decode()
        case "tool_result":
            yield from _content(block.get("content"))
        case _:
            yield _encode(block).decode()
