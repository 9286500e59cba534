"""Whether a stream of the OpenAI dialect came whole: an independent reader of frames that notes every departure from the right order.

Right is: a role, content, one finish reason, the usage where it was asked for, `[DONE]`, nothing after it. The role is asked of sandboxes
only: llama.cpp leaves its frame out when the first token is but a part of a character. A sandbox's words and their number are checked too.
What must not live here: sockets.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from roteiro.testing.answer import follows

__all__ = ["StreamCheck"]

_MOST_FAULTS: Final = 20
_MOST_BUFFER_BYTES: Final = 4 * 1024 * 1024


class _Delta(Struct):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(Struct):
    index: int = 0
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Usage(Struct):
    prompt_tokens: Annotated[int, Meta(ge=0)]
    completion_tokens: Annotated[int, Meta(ge=0)]


class _Error(Struct):
    message: str = ""
    code: str | int | None = None
    type: str | None = None


class _Chunk(Struct):
    id: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Error | None = None
    system_fingerprint: str | None = None


_CHUNK: Final = msgspec.json.Decoder(_Chunk)


class StreamCheck:
    """Feed it the body's bytes, then ask `faults()`: empty when the stream was whole.

    `text` is what was said so far, `error` the message of an error frame, `frames` how many frames with content came. Without `counts` the
    number of frames is not held against the usage: of a stream that another provider went on with, each knows only its own.
    """

    def __init__(self, wants_usage: bool, counts: bool = True) -> None:
        self.text, self.frames, self.done = "", 0, False
        self.finish_reason: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.error: str | None = None
        self.error_code = ""
        self._counts = counts
        self._wants_usage, self._has_role, self._is_sandbox, self._id = wants_usage, False, False, ""
        self._buffer = bytearray()
        self._faults: list[str] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self._buffer += data
        while (end := self._buffer.find(b"\n\n")) >= 0:
            frame, self._buffer = bytes(self._buffer[:end]), self._buffer[end + 2 :]
            for line in frame.split(b"\n"):
                if line.startswith(b"data:"):
                    self._event(line[5:].strip())
                elif line and not line.startswith(b":"):
                    self._note(f"a line that is no data: {line[:60]!r}")
        if len(self._buffer) > _MOST_BUFFER_BYTES:
            self._buffer.clear()
            self._note(f"a frame longer than {_MOST_BUFFER_BYTES} bytes")

    def faults(self) -> list[str]:
        """Everything that was wrong, to be asked when the body has ended."""
        faults = list(self._faults)
        if self._buffer:
            faults.append("half a frame at the end")
        if self.error is not None:
            faults.append(f"an error frame: {self.error}")
        if self.finish_reason is None:
            faults.append("no finish reason")
        if self._wants_usage and self.output_tokens is None:
            faults.append("no usage")
        if not self.done:
            faults.append("no [DONE]")
        if self._is_sandbox:
            faults += self._sandbox_faults()
        return faults

    def _sandbox_faults(self) -> list[str]:
        faults = []
        if not self._has_role:
            faults.append("no role")
        if self.text and not follows(self.text):
            faults.append("words lost, doubled or swapped")
        if self._counts and self.output_tokens not in (None, self.frames):
            faults.append(f"{self.frames} frames with content, {self.output_tokens} tokens in the usage")
        return faults

    def _event(self, data: bytes) -> None:
        if self.done:
            self._note("a frame after [DONE]")
        elif data == b"[DONE]":
            self.done = True
        else:
            try:
                self._chunk(_CHUNK.decode(data))
            except msgspec.DecodeError as error:
                self._note(f"a frame that is not a chunk: {error}")

    def _chunk(self, chunk: _Chunk) -> None:
        if chunk.error is not None:
            self.error = chunk.error.message
            self.error_code = str(chunk.error.code or chunk.error.type or "")
            return
        if self._id and chunk.id != self._id:
            self._note("a frame of another answer")
        self._id = chunk.id
        self._is_sandbox = self._is_sandbox or (chunk.system_fingerprint or "").startswith("fp_sandbox_")
        for choice in chunk.choices:
            self._choice(choice)
        if chunk.usage is not None:
            if self.finish_reason is None:
                self._note("the usage before the finish reason")
            self.input_tokens, self.output_tokens = chunk.usage.prompt_tokens, chunk.usage.completion_tokens

    def _choice(self, choice: _Choice) -> None:
        if self.finish_reason is not None:
            self._note("a choice after the finish reason")
        if choice.delta.role is not None:
            if self._has_role:
                self._note("a second role")
            if self.text:
                self._note("content before the role")
            self._has_role = True
        if choice.delta.content or choice.delta.reasoning_content:
            self.text += choice.delta.content or ""
            self.frames += 1
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason

    def _note(self, fault: str) -> None:
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(fault)
