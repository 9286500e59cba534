"""What a raw request shows of how demanding its task is, by looking at bounded bytes of it, undecoded.

Looked at: the names of the top level, and the last 8 KiB of the conversation, where the task stands. Features are found as marks in the
JSON text: a mark inside a user's text is escaped there (`\\"user\\"`), so that a text about JSON does not look like JSON.
What must not live here: weights, tiers, and decoding of messages.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

__all__ = ["LOOKED_AT", "NOTHING", "WORDS", "Looks", "features_of"]

LOOKED_AT: Final = 8 * 1024
"""Most bytes of the conversation that are looked at, from its end."""

ASKED_IN: Final = 512
"""Bytes at each end of the last user turn in which words are looked for: a task is put before its material or after it."""

WORDS: Final = frozenset(
    word.encode()
    for word in (
        # English
        "analyse", "analyze", "analysis", "argue", "assess", "compare", "contrast", "critique", "debug", "derive", "design", "diagnose",
        "evaluate", "explain", "investigate", "justify", "optimise", "optimize", "plan", "prioritise", "prioritize", "proof", "prove",
        "reason", "refactor", "solve", "strategy", "tradeoff", "tradeoffs", "why",
        # Portuguese
        "analisar", "analise", "análise", "argumente", "avalie", "compara", "comparar", "compare", "contraste", "demonstre", "deduza",
        "depure", "diagnostique", "explica", "explicar", "explique", "investigue", "justifique", "otimize", "planeje", "planejar",
        "priorize", "projete", "prova", "prove", "raciocine", "refatore", "resolva", "estratégia",
    )
)  # fmt: skip
"""Words that ask for more than looking something up."""

_ESCAPED: Final = frozenset(
    b"u%04x%b" % (ord(found[1]), found[2].encode()) for word in WORDS if (found := re.fullmatch(r"[a-z]*([^a-z])([a-z]*)", word.decode()))
)
_ASKED: Final = WORDS | _ESCAPED
_PLAIN: Final = bytes(
    c + 32 if 65 <= c <= 90 else c if 97 <= c <= 122 or 48 <= c <= 57 or c >= 128 else 32
    for c in range(256)
)  # fmt: skip
"""To lower case, and everything that is part of no word to a blank."""

_PICTURES: Final = (b'"image_url"', b'"input_image"', b'"image"', b'"input_file"', b'"file"', b'"document"', b'"input_audio"')
_INLINE_END: Final = re.compile(rb'[A-Za-z0-9+/_-]{64}={0,2}"[\s}\],]*\Z')
"""A picture whose own data fills all that is looked at."""
_EFFORTS: Final = (b'"medium"', b'"high"', b'"xhigh"', b'"max"')
_THINKS: Final = (b'"enabled"', b'"adaptive"')
_LIST: Final = msgspec.json.Decoder(list[Raw])


class Looks(NamedTuple):
    """What a request shows; the `Features` of `policy.complexity`."""

    tools: int = 0
    """Tools offered; of a very long list only that it is long."""
    turns: int = 0
    """User turns that begin within what was looked at, at least 1."""
    code: bool = False
    schema: bool = False
    reasoning: bool = False
    pictures: bool = False
    asks: bool = False


NOTHING: Final = Looks()


def features_of(fields: Mapping[str, Raw]) -> Looks:
    """The features of a request in any dialect, from the top level of its body.

    Costs 3 µs for a short question and at most some 50 µs, whatever the body's length.
    """
    talk = fields.get("messages") or fields.get("input") or fields.get("prompt")
    if talk is None:
        return NOTHING
    view = memoryview(talk)
    tail = bytes(view[-LOOKED_AT:])
    turns = max(tail.count(b'"user"'), 1)
    return Looks(
        tools=_count(fields.get("tools") or fields.get("functions")),
        turns=turns,
        code=b"```" in tail,
        schema=_schema(fields),
        reasoning=_reasoning(fields),
        pictures=_pictures(tail, len(view)),
        asks=_asks(tail),
    )


def _count(tools: Raw | None) -> int:
    if tools is None:
        return 0
    if len(memoryview(tools)) > LOOKED_AT:
        return LOOKED_AT // 128  # more than anyone's threshold; counted exactly it would cost as much as it is long
    try:
        return len(_LIST.decode(tools))
    except msgspec.DecodeError:
        return 0  # the provider will say what is wrong with it


def _schema(fields: Mapping[str, Raw]) -> bool:
    for name in ("response_format", "text", "output_format", "output_config"):
        form = fields.get(name)
        if form is not None and b"schema" in bytes(memoryview(form)[:LOOKED_AT]):
            return True
    return False


def _reasoning(fields: Mapping[str, Raw]) -> bool:
    effort = fields.get("reasoning_effort")
    if effort is not None:
        return bytes(effort) in _EFFORTS
    reasoning = fields.get("reasoning")
    if reasoning is not None:
        text = bytes(reasoning)
        return any(level in text for level in _EFFORTS)
    thinking = fields.get("thinking")
    return thinking is not None and any(mark in bytes(thinking) for mark in _THINKS)


def _pictures(tail: bytes, length: int) -> bool:
    if b'"type"' in tail and any(mark in tail for mark in _PICTURES):  # a plain text has no parts, and so no types
        return True
    return length > LOOKED_AT and _INLINE_END.search(tail, len(tail) - 128) is not None


def _asks(tail: bytes) -> bool:
    turn = tail[tail.rfind(b'"user"') + 6 :]
    if len(turn) < 16:
        turn = tail  # written with the role behind the text
    if len(turn) > 2 * ASKED_IN:
        turn = turn[:ASKED_IN] + b" " + turn[-ASKED_IN:]
    return not _ASKED.isdisjoint(turn.translate(_PLAIN).split())
