"""An answer as its client got it, read from the bytes of the client's dialect: text, how it ended, how sure the model was.

Only the first alternative is looked at. What must not live here: judging any of it, and the request (`asked`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from roteiro.terms.codes import Operation
from roteiro.wire.anthropic_answer import read_answer as read_message
from roteiro.wire.anthropic_stream import MessageReader
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Delta,
    Finish,
    Finished,
    RefusalDelta,
    Refused,
    Text,
    TextDelta,
    ToolArguments,
    ToolCall,
    ToolStart,
)
from roteiro.wire.openai_back_answer import ChatReader, read_chat_answer
from roteiro.wire.sse import FrameTooLongError, Splitter, payload

__all__ = ["Answered", "mean_logprob", "read_stream", "read_whole"]

UNKNOWN: Final = -9999.0
"""What OpenAI writes for a token whose log-probability it does not tell."""


class Answered(NamedTuple):
    """What an answer says. `logprob` is the mean log-probability of its tokens (natural logarithm), None where nobody told it."""

    text: str = ""
    finish: Finish | None = None
    refusal: str = ""
    """The refusal that a provider marks as one, in its words."""
    logprob: float | None = None
    calls: tuple[ToolCall, ...] = ()


def read_whole(operation: Operation, body: bytes) -> Answered | None:
    """A whole answer's body; None where it cannot be read."""
    try:
        if operation == Operation.MESSAGES:
            return _of_answer(read_message(body))
        if operation == Operation.RESPONSES:
            return _of_response(_RESPONSE.decode(body))
        return _of_answer(read_chat_answer(body))
    except (BadAnswerError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def read_stream(operation: Operation, frames: bytes) -> Answered | None:
    """A streamed answer's frames, all of them; None where they cannot be read or are not whole."""
    try:
        if operation == Operation.RESPONSES:
            return _of_events(frames)
        reader = MessageReader() if operation == Operation.MESSAGES else ChatReader()
        deltas = reader.feed(frames)
    except (BadAnswerError, FrameTooLongError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return _of_deltas(deltas) if reader.whole else None


def mean_logprob(logprobs: Iterable[Mapping[str, Any] | None]) -> float | None:
    """The mean of what providers tell of tokens, in the form of chat completions (`content`) or of completions (`token_logprobs`);
    None where they tell nothing that counts."""
    told: list[float] = []
    for one in logprobs:
        if one is None:
            continue
        content = one.get("content")
        tokens = [token.get("logprob") for token in content if isinstance(token, dict)] if isinstance(content, list) else []
        older = one.get("token_logprobs")
        told += [min(float(value), 0.0) for value in (*tokens, *(older if isinstance(older, list) else ())) if _counts(value)]
    return math.fsum(told) / len(told) if told else None


def _counts(value: object) -> bool:
    """Whether it is a log-probability."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > UNKNOWN


def _of_answer(answer: Answer) -> Answered:
    choice = min(answer.choices, key=lambda one: one.index, default=None)
    if choice is None:
        return Answered()
    return Answered(
        text="".join(part.text for part in choice.parts if isinstance(part, Text)),
        finish=choice.finish,
        refusal="".join(part.text for part in choice.parts if isinstance(part, Refused)),
        logprob=mean_logprob([choice.logprobs]),
        calls=tuple(part for part in choice.parts if isinstance(part, ToolCall)),
    )


def _of_deltas(deltas: Sequence[Delta]) -> Answered:
    text: list[str] = []
    refusal: list[str] = []
    logprobs: list[Mapping[str, Any] | None] = []
    started: list[ToolStart] = []
    arguments: dict[int, list[str]] = {}
    finish: Finish | None = None
    for delta in deltas:
        if getattr(delta, "choice", 0) != 0:
            continue
        if isinstance(delta, TextDelta):
            text.append(delta.text)
            logprobs.append(delta.logprobs)
        elif isinstance(delta, RefusalDelta):
            refusal.append(delta.text)
        elif isinstance(delta, ToolStart):
            started.append(delta)
        elif isinstance(delta, ToolArguments):
            arguments.setdefault(delta.slot, []).append(delta.fragment)
        elif isinstance(delta, Finished):
            finish = delta.finish
    calls = tuple(ToolCall(call.id, call.name, "".join(arguments.get(call.slot, ()))) for call in started)
    return Answered("".join(text), finish, "".join(refusal), mean_logprob(logprobs), calls)


# OpenAI responses: the dialect has a writer alone in `wire`, as no provider is asked in it.


class _Piece(Struct):
    type: str = ""
    text: str = ""
    refusal: str = ""
    logprobs: list[Any] | None = None


class _Item(Struct):
    type: str = ""
    content: list[_Piece] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class _Incomplete(Struct):
    reason: str | None = None


class _Response(Struct):
    status: str
    output: list[_Item]
    incomplete_details: _Incomplete | None = None


class _Event(Struct):
    type: str = ""
    response: msgspec.Raw = msgspec.Raw(b"null")


_RESPONSE: Final = msgspec.json.Decoder(_Response)
_EVENT: Final = msgspec.json.Decoder(_Event)
_LAST: Final = ("response.completed", "response.incomplete")


def _of_response(response: _Response) -> Answered | None:
    if response.status not in ("completed", "incomplete"):
        return None
    pieces = [piece for item in response.output if item.type == "message" for piece in item.content or ()]
    calls = tuple(ToolCall(item.call_id, item.name, item.arguments) for item in response.output if item.type == "function_call")
    why = response.incomplete_details.reason if response.incomplete_details else None
    finish: Finish = "tool_calls" if calls else "stop"
    if response.status == "incomplete":
        finish = "content_filter" if why == "content_filter" else "length"
    return Answered(
        text="".join(piece.text for piece in pieces if piece.type == "output_text"),
        finish=finish,
        refusal="".join(piece.refusal for piece in pieces if piece.type == "refusal"),
        logprob=mean_logprob({"content": piece.logprobs} for piece in pieces if piece.logprobs),
        calls=calls,
    )


def _of_events(frames: bytes) -> Answered | None:
    """The last event of a stream has the whole response."""
    for frame in reversed(Splitter().feed(frames)):
        data = payload(frame)
        if data is not None and (event := _EVENT.decode(data)).type in _LAST:
            return _of_response(_RESPONSE.decode(event.response))
    return None
