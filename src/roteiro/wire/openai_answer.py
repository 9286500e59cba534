"""Answers in the OpenAI dialect: the usage that a whole body reports, and a stream's frames read as they pass.

What must not live here: HTTP, and what becomes of an answer that is not whole.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import BadAnswerError, Finish, Usage
from roteiro.wire.dialect import Seen
from roteiro.wire.failure import class_of_error
from roteiro.wire.openai import error_frame
from roteiro.wire.sse import FrameTooLongError, Splitter, payload

__all__ = [
    "DONE_FRAME", "ENDS_THAT_SAY", "FINISHES", "BadAnswerError", "RawUsage", "StreamReader", "Usage", "error_frame", "read_answer",
    "usage_of",
]  # fmt: skip

DONE_FRAME: Final = b"data: [DONE]\n\n"

ENDS_THAT_SAY: Final = frozenset({"length", "tool_calls", "function_call", "content_filter"})
"""Finish reasons that tell the client something even where the answer holds nothing else."""

FINISHES: Final[Mapping[str, Finish]] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
}
"""Finish reasons → why an answer ended. Another word is a provider's own way to say `stop`."""


class _InputDetails(Struct):
    cached_tokens: int | None = None


class _OutputDetails(Struct):
    reasoning_tokens: int | None = None


class RawUsage(Struct):
    """As providers report it."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


_NOTHING: Final = Raw(b"null")


class _Answer(Struct):
    choices: Raw = _NOTHING
    data: Raw = _NOTHING
    usage: RawUsage | None = None
    error: Raw = _NOTHING


class _Choice(Struct):
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: RawUsage | None = None
    error: Raw = _NOTHING


class _Delta(Struct):
    """Any type where only "something or nothing" counts: whatever a provider puts there passes."""

    content: Any = None
    tool_calls: Any = None
    function_call: Any = None
    refusal: Any = None
    audio: Any = None
    reasoning_content: Any = None
    reasoning: Any = None


class _FullChoice(Struct):
    index: int | None = 0
    delta: _Delta | None = None
    text: Any = None
    finish_reason: str | None = None
    logprobs: Any = None


class _FullChunk(Struct):
    choices: list[_FullChoice] | None = None
    usage: RawUsage | None = None
    error: Raw = _NOTHING


class _WholeChoice(Struct):
    message: _Delta | None = None
    text: Any = None
    finish_reason: str | None = None


class _Head(Struct):
    id: str | None = None
    model: str | None = None
    created: int | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_FULL_CHUNK: Final = msgspec.json.Decoder(_FullChunk)
_WHOLE_CHOICES: Final = msgspec.json.Decoder(list[_WholeChoice])
_HEAD: Final = msgspec.json.Decoder(_Head)


def read_answer(body: bytes) -> Usage | None:
    """The usage of a whole (not streamed) answer, None where it reports none. Raises BadAnswerError for what is no answer, or says nothing.

    Chat completions, completions and embeddings alike.
    """
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a chat completion") from None
    said = answer.usage
    usage = None if said is None else usage_of(said)
    choices = memoryview(answer.choices)
    if choices[0] != 0x5B:
        if answer.error is not _NOTHING and bytes(answer.error) != b"null":  # some providers report errors under status 200
            raise BadAnswerError(class_of_error(answer.error), "an error under status 200")
        if memoryview(answer.data)[0] != 0x5B or len(bytes(answer.data)[1:-1].strip()) == 0:
            raise BadAnswerError(ErrorClass.PROTOCOL, "the body has no choices")
        if said is not None and said.prompt_tokens is not None and said.completion_tokens is None:  # embeddings
            return Usage(max(said.prompt_tokens, 0), 0, 0, 0)
    elif usage is None or usage.output == 0 or len(choices) < 3:  # tokens are something; else one looks
        _refuse_empty(answer.choices)
    return usage


def _refuse_empty(raw: Raw) -> None:
    try:
        choices = _WHOLE_CHOICES.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return  # in a form of the provider's own, for the client to judge
    for choice in choices:
        message = choice.message
        if choice.finish_reason in ENDS_THAT_SAY or choice.text:
            return
        if message is not None and any(getattr(message, name) for name in message.__struct_fields__):
            return
    raise BadAnswerError(ErrorClass.PROTOCOL, "an empty answer")


class StreamReader:
    """Reads a stream as it passes: whole frames go on at once, what they say of usage and ending is remembered. A `Relay`.

    `frames` counts the frames that carried something, about one token each; it estimates the output where no usage comes.
    """

    __slots__ = (
        "_began", "_ended", "_held", "_hide_usage", "_look_closely", "_seen", "_shown", "_splitter",
        "done", "finished", "frames", "skipped", "usage",
    )  # fmt: skip

    def __init__(self, hide_usage: bool, choices: int = 1, seen: Seen | None = None) -> None:
        self._splitter = Splitter()
        self._hide_usage = hide_usage
        self._seen = seen
        self._held = b""
        self._shown = False
        self._look_closely = True
        """Whether deltas are decoded: until something was shown, while `seen` is kept, and where there are several choices."""
        self._began: set[int] | None = None
        self._ended: set[int] = set()
        if choices > 1:
            self._began = set()
            if seen is not None:
                seen.rescuable = False
        self.frames = self.skipped = 0
        self.finished = False
        """A finish reason was seen for every choice that began."""
        self.done = False
        """The closing `[DONE]` was seen; what comes after it is dropped."""
        self.usage: Usage | None = None

    @property
    def empty(self) -> bool:
        """Whether the answer ended and says nothing: no text, no tool call, no refusal, no tokens."""
        return self.finished and not self._shown

    @property
    def whole(self) -> bool:
        """Whether the answer is complete: a stream that just ends is not, nor one that ended without saying anything."""
        return self.finished and self._shown

    def close(self) -> bytes:
        """The closing frame, where the provider did not send one."""
        return b"" if self.done else DONE_FRAME

    def feed(self, data: bytes) -> bytes:
        """The frames to relay now. Raises BadAnswerError on an error frame, on an answer that ended without saying anything or why it
        ended, and on nonsense: a single malformed frame is left out, a second is one too many."""
        try:
            frames = self._splitter.feed(data)
        except FrameTooLongError as error:
            raise BadAnswerError(ErrorClass.PROTOCOL, str(error)) from None
        if len(frames) == 1:  # the common case
            return self._read(frames[0])
        seen = self._seen
        if seen is None:
            return b"".join([self._read(frame) for frame in frames])
        known = len(seen.text), seen.role_sent, seen.rescuable, seen.chunks
        try:
            return b"".join([self._read(frame) for frame in frames])
        except BadAnswerError:  # what came with the fault is not relayed either, so the client has not seen it
            del seen.text[known[0] :]
            seen.role_sent, seen.rescuable, seen.chunks = known[1:]
            raise

    def _read(self, frame: bytes) -> bytes:
        """What to relay of a frame: all, nothing, or more, where frames were held back."""
        if self.done:
            return b""
        data = payload(frame)
        if data is None:
            return frame if self.frames else b""  # a comment before the answer does not start the answer
        if len(data) < 16 and data.strip() == b"[DONE]":
            return self._close(frame)
        if self._look_closely:
            return self._look(frame, data)
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._skip()
        if chunk.error is not _NOTHING and bytes(chunk.error) != b"null":
            raise BadAnswerError(class_of_error(chunk.error), "an error frame")
        if chunk.usage is not None:
            self.usage = usage_of(chunk.usage)
        choices = chunk.choices
        if choices:
            self.frames += 1
            for choice in choices:
                if choice.finish_reason is not None:
                    self.finished = True
            return frame
        return self._bare(frame, choices is None, chunk.usage is not None)

    def _look(self, frame: bytes, data: bytes) -> bytes:
        """As the rest of `_read`, with an eye on what the deltas say."""
        try:
            chunk = _FULL_CHUNK.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._skip()
        if chunk.error is not _NOTHING and bytes(chunk.error) != b"null":
            raise BadAnswerError(class_of_error(chunk.error), "an error frame")
        if chunk.usage is not None:
            self.usage = usage_of(chunk.usage)
            if self.usage is not None and self.usage.output > 0:
                self._shown = True
        choices = chunk.choices
        if not choices:
            return self._hold(self._bare(frame, choices is None, chunk.usage is not None))
        self.frames += 1
        seen = self._seen
        for choice in choices:
            delta = choice.delta
            if delta is None:
                content, other = choice.text, False
            else:
                content = delta.content
                other = (
                    delta.tool_calls or delta.reasoning_content or delta.reasoning or delta.refusal or delta.function_call or delta.audio
                )
            if content or other:
                self._shown = True
            if choice.finish_reason is not None:
                if choice.finish_reason in ENDS_THAT_SAY:
                    self._shown = True
                self.finished = True
                if seen is not None and not choice.index:
                    seen.finish = FINISHES.get(choice.finish_reason, "stop")
            if self._began is not None:
                self._count(choice.index or 0, choice.finish_reason is not None)
            if seen is not None and seen.rescuable:
                if other or choice.index or choice.logprobs is not None:
                    seen.rescuable = False
                elif type(content) is str:
                    if content:
                        seen.text.append(content)
                elif content is not None:
                    seen.rescuable = False
        if seen is not None:
            seen.chunks += 1
            if not seen.role_sent:
                seen.role_sent = True
                if not seen.id:
                    head = _HEAD.decode(data)
                    seen.id, seen.model, seen.created = head.id or "", head.model or "", head.created or 0
        if self._shown and self._began is None and (seen is None or not seen.rescuable):
            self._look_closely = False
        return self._hold(frame) if self._held or self.finished else frame

    def _hold(self, frame: bytes) -> bytes:
        """An end that nothing was said before is held back: if nothing comes, the answer was none, and another provider may give it."""
        if self.finished and not self._shown:
            self._held += frame
            return b""
        if self._held:
            frame, self._held = self._held + frame, b""
        return frame

    def _bare(self, frame: bytes, malformed: bool, usage: bool) -> bytes:
        """A frame without choices: usage, or something that the provider adds to an answer."""
        if malformed and not usage:
            return self._skip()
        return b"" if usage and self._hide_usage else frame

    def _count(self, index: int, ended: bool) -> None:
        began = self._began
        if began is not None:
            began.add(index)
            if ended:
                self._ended.add(index)
            self.finished = self._ended >= began

    def _close(self, frame: bytes) -> bytes:
        self.done = True
        if not self.finished:
            raise BadAnswerError(ErrorClass.PROTOCOL, "the stream ended without a finish reason")
        if not self._shown:
            raise BadAnswerError(ErrorClass.PROTOCOL, "an empty answer")
        return frame

    def _skip(self) -> bytes:
        self.skipped += 1
        if self.skipped > 1:
            raise BadAnswerError(ErrorClass.PROTOCOL, "frames that are no chunks of an answer")
        return b""


def usage_of(usage: RawUsage) -> Usage | None:
    """The reported usage, None where it is none: parts are never more than the whole."""
    if usage.prompt_tokens is None or usage.completion_tokens is None or usage.prompt_tokens < 0 or usage.completion_tokens < 0:
        return None
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    reasoning = usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else None
    return Usage(
        usage.prompt_tokens,
        min(max(cached or 0, 0), usage.prompt_tokens),
        usage.completion_tokens,
        min(max(reasoning or 0, 0), usage.completion_tokens),
    )
