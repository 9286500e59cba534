"""Whole answers in the Anthropic dialect, both ways, and the words that streams share with them: usage, endings, errors.

The dialect counts cached tokens beside `input_tokens`, the canonical usage within them. What must not live here: streams, requests.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import ErrorClass
from roteiro.wire.anthropic_body import arguments_of
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Choice,
    Finish,
    Part,
    Refused,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from roteiro.wire.failure import class_of_error

__all__ = [
    "ENDINGS",
    "NOTHING",
    "STOP_REASONS",
    "StopDetails",
    "WireUsage",
    "error_in",
    "one_line",
    "read_answer",
    "read_usage",
    "usage_of",
    "write_answer",
    "write_usage",
]

NOTHING: Final = Raw(b"null")

ENDINGS: Final[Mapping[str, Finish]] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "length",
}
"""The dialect's stop reasons. One that is not here ends an answer as `stop`."""

STOP_REASONS: Final[Mapping[Finish, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_calls": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "content_filter": "refusal",
}


class _OutputDetails(Struct):
    thinking_tokens: int | None = None


class WireUsage(Struct):
    """As the dialect counts. In a stream the counts are cumulative, and what is missing stays as it was."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class StopDetails(Struct):
    """Why the model refused."""

    explanation: str | None = None


class _TextBlock(Struct, tag_field="type", tag="text"):
    text: str


class _ThinkingBlock(Struct, tag_field="type", tag="thinking"):
    thinking: str
    signature: str | None = None


class _RedactedBlock(Struct, tag_field="type", tag="redacted_thinking"):
    data: str


class _ToolUseBlock(Struct, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Raw = Raw(b"{}")


class _Message(Struct):
    id: str = ""
    model: str = ""
    content: list[_TextBlock | _ThinkingBlock | _RedactedBlock | _ToolUseBlock] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None
    error: Raw = NOTHING


class _Outline(Struct):
    content: Raw = NOTHING
    stop_reason: str | None = None
    usage: WireUsage | None = None
    error: Raw = NOTHING


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_OUTLINE: Final = msgspec.json.Decoder(_Outline)
_encode: Final = msgspec.json.Encoder().encode


def read_answer(body: bytes) -> Answer:
    """A whole answer. Raises BadAnswerError for what is none."""
    try:
        message = _MESSAGE.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a message") from None
    if message.content is None:
        raise error_in(message.error, "an error under status 200") or BadAnswerError(ErrorClass.PROTOCOL, "the body has no content")
    usage = usage_of(message.usage)
    if not message.content:
        _refuse_empty(message.stop_reason, usage)
    parts: list[Part] = [_part(block) for block in message.content]
    if message.stop_reason == "refusal" and message.stop_details and message.stop_details.explanation:
        parts.append(Refused(message.stop_details.explanation))
    choice = Choice(
        parts=parts,
        finish=None if message.stop_reason is None else ENDINGS.get(message.stop_reason, "stop"),
        stop_sequence=message.stop_sequence,
    )
    return Answer(id=message.id, model=message.model, choices=[choice], usage=usage)


def read_usage(body: bytes) -> Usage | None:
    """The usage of a whole answer that passes through. Raises BadAnswerError for what is no answer."""
    try:
        outline = _OUTLINE.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a message") from None
    if memoryview(outline.content)[0] != 0x5B:
        raise error_in(outline.error, "an error under status 200") or BadAnswerError(ErrorClass.PROTOCOL, "the body has no content")
    usage = usage_of(outline.usage)
    if len(memoryview(outline.content)) < 16 and not bytes(outline.content)[1:-1].strip():
        _refuse_empty(outline.stop_reason, usage)
    return usage


def _refuse_empty(stop_reason: str | None, usage: Usage | None) -> None:
    """Without a word and without a token an answer is none, unless its end says something: a bound, a filter."""
    if (usage is None or not usage.output) and ENDINGS.get(stop_reason or "", "stop") in ("stop", "stop_sequence"):
        raise BadAnswerError(ErrorClass.PROTOCOL, "an empty answer")


def write_answer(answer: Answer) -> bytes:
    """A whole answer's body, of its first alternative: the dialect has one. Raises BadAnswerError where a tool call's arguments are no JSON
    object, which the dialect cannot carry."""
    choice = answer.choices[0] if answer.choices else Choice()
    refusals = [part.text for part in choice.parts if isinstance(part, Refused)]
    finish: Finish = "refusal" if refusals else choice.finish or "stop"
    message: dict[str, Any] = {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": _blocks(choice.parts),
        "stop_reason": STOP_REASONS[finish],
        "stop_sequence": choice.stop_sequence,
        "usage": write_usage(answer.usage or Usage(0, 0, 0, 0)),
    }
    if refusals:
        message["stop_details"] = refusal("".join(refusals))
    return _encode(message)


def refusal(explanation: str) -> Mapping[str, Any]:
    """The `stop_details` of an answer that the model refused."""
    return {"type": "refusal", "category": None, "explanation": explanation}


def usage_of(usage: WireUsage | None) -> Usage | None:
    """None where the count of a side is missing or absurd."""
    if usage is None or usage.input_tokens is None or usage.output_tokens is None or usage.input_tokens < 0 or usage.output_tokens < 0:
        return None
    cached = max(usage.cache_read_input_tokens or 0, 0)
    thought = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else None
    return Usage(
        usage.input_tokens + cached + max(usage.cache_creation_input_tokens or 0, 0),
        cached,
        usage.output_tokens,
        min(max(thought or 0, 0), usage.output_tokens),
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """As the dialect counts: input without what was cached. What filled a cache is not known and stays in the input."""
    written: dict[str, Any] = {
        "input_tokens": usage.input - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return written


def error_in(error: Raw, why: str) -> BadAnswerError | None:
    """An error in an answer's place, by its class; None where there is none. The provider's words stay out of it: they may quote the
    client's."""
    if error is NOTHING or bytes(error) == b"null":
        return None
    return BadAnswerError(class_of_error(error), why)


def one_line(raw: Raw) -> str:
    """JSON as a provider set it, on one line. Raw values are skipped over unread: what is not UTF-8 in them shows as such."""
    return msgspec.json.format(bytes(raw), indent=-1).decode(errors="replace")


def _part(block: _TextBlock | _ThinkingBlock | _RedactedBlock | _ToolUseBlock) -> Part:
    match block:
        case _TextBlock(text=text):
            return Text(text)
        case _ThinkingBlock(thinking=text, signature=signature):
            return Thinking(text, signature)
        case _RedactedBlock(data=data):
            return Thinking("", redacted=data)
        case _ToolUseBlock(id=id, name=name, input=arguments):
            return ToolCall(id, name, one_line(arguments))


def _blocks(parts: Sequence[Part]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case Text(text=text):
                if text:
                    blocks.append({"type": "text", "text": text})
            case Thinking(redacted=str(data)):
                blocks.append({"type": "redacted_thinking", "data": data})
            case Thinking(text=text, signature=signature):
                blocks.append({"type": "thinking", "thinking": text, "signature": signature or ""})
            case ToolCall(id=id, name=name):
                arguments = arguments_of(part)
                if arguments is None:
                    raise BadAnswerError(ErrorClass.PROTOCOL, "the arguments of a tool call are not a JSON object")
                blocks.append({"type": "tool_use", "id": id, "name": name, "input": arguments})
            case _:
                pass  # a refusal is told beside the content; models answer with no other parts
    return blocks
