"""Answers in the OpenAI dialect: the usage that a whole body reports, and a stream's frames read as they pass.

What must not live here: HTTP, and what becomes of an answer that is not whole.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import BadAnswerError, Usage
from roteiro.wire.failure import classify
from roteiro.wire.sse import FrameTooLongError, Splitter, payload

__all__ = ["DONE_FRAME", "BadAnswerError", "StreamReader", "Usage", "error_frame", "read_answer"]

DONE_FRAME: Final = b"data: [DONE]\n\n"


class _InputDetails(Struct):
    cached_tokens: int | None = None


class _OutputDetails(Struct):
    reasoning_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


_NOTHING: Final = Raw(b"null")


class _Answer(Struct):
    choices: Raw = _NOTHING
    usage: _Usage | None = None
    error: Raw = _NOTHING


class _Choice(Struct):
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Raw = _NOTHING


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_CHUNK: Final = msgspec.json.Decoder(_Chunk)


def read_answer(body: bytes) -> Usage | None:
    """The usage of a whole (not streamed) answer, None where it reports none. Raises BadAnswerError for what is no answer."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a chat completion") from None
    if memoryview(answer.choices)[0] != 0x5B:
        if bytes(answer.error) != b"null":  # some providers report errors under status 200
            raise BadAnswerError(_class_of_error(answer.error), "an error under status 200")
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body has no choices")
    return None if answer.usage is None else _usage(answer.usage)


def error_frame(body: bytes) -> bytes:
    """A frame that ends a broken stream; `body` is an error object as JSON."""
    return b"data: %b\n\n" % body


class StreamReader:
    """Reads a stream as it passes: whole frames go on at once, what they say of usage and ending is remembered.

    `frames` counts the frames that carried something, about one token each; it estimates the output where no usage comes.
    """

    __slots__ = ("_hide_usage", "_splitter", "done", "finished", "frames", "usage")

    def __init__(self, hide_usage: bool) -> None:
        self._splitter = Splitter()
        self._hide_usage = hide_usage
        self.frames = 0
        self.finished = False
        """A finish reason was seen."""
        self.done = False
        """The closing `[DONE]` was seen; what comes after it is dropped."""
        self.usage: Usage | None = None

    @property
    def whole(self) -> bool:
        """Whether the answer is complete: a stream that just ends is not."""
        return self.done or self.finished

    def feed(self, data: bytes) -> bytes:
        """The frames to relay now. Raises BadAnswerError on an error frame and on nonsense."""
        try:
            frames = self._splitter.feed(data)
        except FrameTooLongError as error:
            raise BadAnswerError(ErrorClass.PROTOCOL, str(error)) from None
        if len(frames) == 1:  # the common case
            return frames[0] if self._read(frames[0]) else b""
        return b"".join([frame for frame in frames if self._read(frame)])

    def _read(self, frame: bytes) -> bool:
        """Whether to relay a frame."""
        if self.done:
            return False
        data = payload(frame)
        if data is None:
            return self.frames > 0  # a comment before the answer does not start the answer
        if data == b"[DONE]" or data.strip() == b"[DONE]":
            self.done = True
            return True
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise BadAnswerError(ErrorClass.PROTOCOL, "a frame is not a chunk of a chat completion") from None
        if chunk.error is not _NOTHING and bytes(chunk.error) != b"null":
            raise BadAnswerError(_class_of_error(chunk.error), "an error frame")
        if chunk.usage is not None:
            self.usage = _usage(chunk.usage)
        choices = chunk.choices
        if choices:
            self.frames += 1
            for choice in choices:
                if choice.finish_reason is not None:
                    self.finished = True
            return True
        if choices is None and chunk.usage is None:
            raise BadAnswerError(ErrorClass.PROTOCOL, "a frame has no choices")
        return not (self._hide_usage and chunk.usage is not None)


def _usage(usage: _Usage) -> Usage | None:
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


def _class_of_error(error: Raw) -> ErrorClass:
    """An error inside an answer: its code, where it is an HTTP status, tells the class; else the provider failed."""
    try:
        code = msgspec.json.decode(error, type=dict[str, object]).get("code")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ErrorClass.SERVER
    if code == "rate_limit_exceeded":
        return ErrorClass.RATE_LIMIT
    if isinstance(code, str) and code.isdigit():
        code = int(code)
    return classify(code) if isinstance(code, int) and 400 <= code < 600 else ErrorClass.SERVER
