"""Answers of providers that speak OpenAI chat completions, to no dialect: whole, and in chunks.

Lenient, as providers differ: reasoning has two names, tool calls may lack an index, content may be a list. What must not live here:
frames that pass through as they are (`openai_answer`).
"""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Choice,
    Delta,
    Finished,
    Part,
    RefusalDelta,
    Refused,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolArguments,
    ToolCall,
    ToolStart,
    Usage,
    Used,
)
from roteiro.wire.failure import class_of_error
from roteiro.wire.openai_answer import ENDS_THAT_SAY, FINISHES, RawUsage, read_answer, usage_of
from roteiro.wire.sse import FrameTooLongError, Splitter, payload

__all__ = ["ChatReader", "read_chat_answer"]

_NOTHING: Final = Raw(b"null")


class _Function(Struct):
    name: str | None = None
    arguments: Any = None


class _Call(Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None
    extra_content: Any = None


class _Message(Struct):
    """A message, or a delta of one."""

    content: Any = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    reasoning_content: Any = None
    reasoning: Any = None


class _Choice(Struct):
    index: int | None = None
    message: _Message | None = None
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class _Answer(Struct):
    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[_Choice] | None = None
    usage: RawUsage | None = None
    error: Raw = _NOTHING


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_encode: Final = msgspec.json.Encoder().encode


def read_chat_answer(body: bytes) -> Answer:
    """A whole answer. Raises BadAnswerError for what is none, or says nothing."""
    usage = read_answer(body)
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a chat completion") from None
    choices = tuple(_whole(choice, at) for at, choice in enumerate(answer.choices or ()))
    return Answer(id=answer.id or "", model=answer.model or "", choices=choices, usage=usage, created=answer.created or 0)


def _whole(choice: _Choice, at: int) -> Choice:
    message = choice.message or _Message(content=choice.text)
    parts: list[Part] = []
    text, thought = _content(message)
    if thought:
        parts.append(Thinking(thought))
    if text:
        parts.append(Text(text))
    if message.refusal:
        parts.append(Refused(message.refusal))
    for slot, call in enumerate(message.tool_calls or ()):
        function = call.function or _Function()
        parts.append(ToolCall(call.id or f"call_{slot}", function.name or "", _arguments(function), _signature(call)))
    if message.function_call is not None:
        parts.append(ToolCall("call_0", message.function_call.name or "", _arguments(message.function_call)))
    finish = None if choice.finish_reason is None else FINISHES.get(choice.finish_reason, "stop")
    return Choice(index=at if choice.index is None else choice.index, parts=tuple(parts), finish=finish, logprobs=choice.logprobs)


def _content(message: _Message) -> tuple[str, str]:
    """Text and reasoning of a message or a delta, whichever way the provider writes them."""
    content, thought = message.content, message.reasoning_content or message.reasoning
    if not isinstance(thought, str):
        thought = ""
    if content is None or isinstance(content, str):
        return content or "", thought
    text = ""
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            text += part["text"]
        elif isinstance(part, dict) and isinstance(part.get("thinking"), list):  # Mistral's
            thought += "".join(str(piece.get("text", "")) for piece in part["thinking"] if isinstance(piece, dict))
    return text, thought


def _arguments(function: _Function) -> str:
    """JSON as text; some providers give the object itself."""
    given = function.arguments
    if given is None:
        return ""
    return given if isinstance(given, str) else _encode(given).decode()


def _signature(call: _Call) -> str | None:
    google = call.extra_content.get("google") if isinstance(call.extra_content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None


class ChatReader:
    """A streamed answer. A `Reader`; completions alike, whose pieces are texts."""

    def __init__(self, going_on: bool = False) -> None:
        """`going_on`: the provider was given the beginning of the answer."""
        self._splitter = Splitter()
        self._started = False
        self._shown = going_on  # nothing to add to a beginning that was whole already is an answer
        self._began: set[int] = set()
        self._ended: set[int] = set()
        self._slots: dict[int, list[tuple[int | None, str | None]]] = {}
        """For each choice, the provider's index and id of each call."""
        self._held: list[Delta] = []
        self.frames = self.skipped = 0
        self.usage: Usage | None = None
        self.finished = self.done = False

    @property
    def empty(self) -> bool:
        """Whether the answer ended and says nothing."""
        return self.finished and not self._shown

    @property
    def whole(self) -> bool:
        """See `Reader`."""
        return self.finished and self._shown

    def feed(self, data: bytes) -> list[Delta]:
        """See `Reader`."""
        try:
            frames = self._splitter.feed(data)
        except FrameTooLongError as error:
            raise BadAnswerError(ErrorClass.PROTOCOL, str(error)) from None
        return [delta for frame in frames for delta in self._read(frame)]

    def _read(self, frame: bytes) -> list[Delta]:
        data = None if self.done else payload(frame)
        if data is None:
            return []
        if data.strip() == b"[DONE]":
            return self._close()
        try:
            chunk = _ANSWER.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._skip()
        if bytes(chunk.error) != b"null":
            raise BadAnswerError(class_of_error(chunk.error), "an error frame")
        if chunk.choices is None and chunk.usage is None:
            return self._skip()
        deltas: list[Delta] = []
        if not self._started:
            self._started = True
            deltas.append(Started(chunk.id or "", chunk.model or ""))
        if chunk.choices:
            self.frames += 1
        for choice in chunk.choices or ():
            self._choice(choice, deltas)
        if chunk.usage is not None and (usage := usage_of(chunk.usage)) is not None:
            self.usage = usage
            self._shown = self._shown or usage.output > 0
            deltas.append(Used(usage))
        return self._hold(deltas)

    def _choice(self, choice: _Choice, deltas: list[Delta]) -> None:
        at = choice.index or 0
        self._began.add(at)
        message = choice.delta or choice.message or _Message(content=choice.text)
        before = len(deltas)
        text, thought = _content(message)
        if thought:
            deltas.append(ThinkingDelta(thought, at))
        if text or choice.logprobs is not None:
            deltas.append(TextDelta(text, at, choice.logprobs))
        if message.refusal:
            deltas.append(RefusalDelta(message.refusal, at))
        for call in message.tool_calls or ():
            self._call(call, at, deltas)
        if message.function_call is not None:
            self._call(_Call(index=0, function=message.function_call), at, deltas)
        self._shown = self._shown or len(deltas) > before
        if choice.finish_reason is not None:
            self._ended.add(at)
            self._shown = self._shown or choice.finish_reason in ENDS_THAT_SAY
            deltas.append(Finished(FINISHES.get(choice.finish_reason, "stop"), at))
        self.finished = self._ended >= self._began

    def _call(self, call: _Call, choice: int, deltas: list[Delta]) -> None:
        slots = self._slots.setdefault(choice, [])
        function = call.function or _Function()
        if call.index is not None:
            slot = next((slot for slot, (index, _) in enumerate(slots) if index == call.index), len(slots))
        elif call.id is not None:  # without an index, an id that is new is a new call
            slot = next((slot for slot, (_, id) in enumerate(slots) if id == call.id), len(slots))
        else:
            slot = max(len(slots) - 1, 0)
        if slot == len(slots):
            slots.append((call.index, call.id))
            deltas.append(ToolStart(call.id or f"call_{slot}", function.name or "", slot, choice, _signature(call)))
        if fragment := _arguments(function):
            deltas.append(ToolArguments(fragment, slot, choice))

    def _hold(self, deltas: list[Delta]) -> list[Delta]:
        """An end that nothing was said before is held back: if nothing comes, the answer was none, and another provider may give it."""
        if self._held or (self.finished and not self._shown):
            self._held += deltas
            deltas = []
            if self._shown:
                deltas, self._held = self._held, []
        return deltas

    def _close(self) -> list[Delta]:
        self.done = True
        if not self.finished:
            raise BadAnswerError(ErrorClass.PROTOCOL, "the stream ended without a finish reason")
        if not self._shown:
            raise BadAnswerError(ErrorClass.PROTOCOL, "an empty answer")
        return []

    def _skip(self) -> list[Delta]:
        self.skipped += 1
        if self.skipped > 1:
            raise BadAnswerError(ErrorClass.PROTOCOL, "frames that are no chunks of an answer")
        return []
