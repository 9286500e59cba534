"""What a sandbox is asked, whatever the dialect it was asked in: the same conversation is the same question in all of them.

What must not live here: field names of any dialect, and what is answered.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

__all__ = ["MOST_TOKENS", "Question", "Texts", "Tool", "Turn", "asks_for_tool", "digest_of", "last_said", "tokens_of", "tokens_of_text"]

MOST_TOKENS: Final = 131_072
PART: Final = "\x00part\x00"
"""Stands for a part of a message that is not text."""

_BYTES_PER_TOKEN: Final = 4
_TOKENS_PER_TURN: Final = 4
_TOKENS_PER_PART: Final = 85
"""A flat charge for a part of a message that is not text, such as a small image."""
_MAGIC_WORDS: Final = "use the tool"

Role = Literal["system", "user", "assistant", "tool"]


class Turn(NamedTuple):
    """One message: who says it, and its texts (`PART` for what is no text)."""

    role: Role
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the answer may call; `schema` is the JSON Schema of its arguments."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request for an answer.

    `digest` stands for the conversation without `prefix`, which is the beginning of the answer where the request gives one: so the same
    conversation has the same answer whether it is begun or gone on with. `legacy` is a completion of the OpenAI dialect. `logprobs`: how
    many alternatives a token, None where none are asked for. `seed`: the request's own.
    """

    model: str
    digest: bytes
    prompt_tokens: int
    most_tokens: int = MOST_TOKENS
    prefix: str = ""
    stream: bool = False
    include_usage: bool = False
    legacy: bool = False
    tools: tuple[Tool, ...] = ()
    calls_tool: bool = False
    schema: Mapping[str, Any] | None = None
    reasons: bool = False
    logprobs: int | None = None
    choices: int = 1
    seed: int | None = None
    stop: tuple[str, ...] = ()
    said: str = ""
    """What the user said last."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A request for embeddings. `dimensions`: None for the sandbox's own; `packed`: as base64 of 32-bit floats."""

    model: str
    texts: tuple[str, ...]
    prompt_tokens: int
    dimensions: int | None = None
    packed: bool = False


def digest_of(turns: Iterable[Turn]) -> bytes:
    """Of a conversation: instructions first, neighbouring turns of one role as one, as dialects differ in both."""
    turns = list(turns)
    hashed = hashlib.blake2b(digest_size=16)
    role: Role | None = None
    for turn in [turn for turn in turns if turn.role == "system"] + [turn for turn in turns if turn.role != "system"]:
        if turn.role != role:
            hashed.update(f"\x00{turn.role}\x00".encode())
            role = turn.role
        for text in turn.texts:
            hashed.update(text.encode("utf-8", "surrogatepass") + b"\x00")
    return hashed.digest()


def last_said(turns: Iterable[Turn]) -> str:
    """What a user said last."""
    users = [turn for turn in turns if turn.role == "user"]
    return "".join(users[-1].texts) if users else ""


def tokens_of(turns: Iterable[Turn]) -> int:
    """Tokens of a conversation, estimated from bytes."""
    return sum(_TOKENS_PER_TURN + sum(_TOKENS_PER_PART if text == PART else tokens_of_text(text) for text in turn.texts) for turn in turns)


def tokens_of_text(text: str) -> int:
    """Tokens of a text: one for each four bytes begun."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def asks_for_tool(turns: Iterable[Turn]) -> bool:
    """Whether the last turn is a user's that says the words which make a sandbox call its first tool."""
    last = None
    for last in turns:  # noqa: B007 (the last one is meant)
        pass
    return last is not None and last.role == "user" and any(_MAGIC_WORDS in text.lower() for text in last.texts)
