"""Streams of typed events in the Anthropic dialect, as a provider sends them: read into pieces, or relayed as they come.

What must not live here: the events that we write ourselves (anthropic_writer.py), and what becomes of a stream that is not whole.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import ErrorClass
from roteiro.wire.anthropic_answer import ENDINGS, NOTHING, StopDetails, WireUsage, error_in, one_line, usage_of
from roteiro.wire.canon import (
    BadAnswerError,
    Delta,
    Finished,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolStart,
    Usage,
    Used,
)
from roteiro.wire.dialect import Seen
from roteiro.wire.sse import FrameTooLongError, Splitter, payload

__all__ = ["MessageReader", "MessageRelay", "frame"]


class _Message(Struct):
    id: str = ""
    model: str = ""
    usage: WireUsage | None = None


class _Block(Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = NOTHING


class _Delta(Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Event(Struct):
    """Any event: the fields that matter of each, so that one decoding does."""

    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: WireUsage | None = None
    error: Raw = NOTHING


_EVENT: Final = msgspec.json.Decoder(_Event)
_PASSED_OVER: Final = _Event("")
_encode: Final = msgspec.json.Encoder().encode


def frame(type: str, body: bytes) -> bytes:
    """One event as a frame; `body` is its JSON."""
    return b"event: %b\ndata: %b\n\n" % (type.encode(), body)


class _Events:
    """What reading and relaying have in common: where frames end, what they say of usage and ending, and which may be passed over."""

    __slots__ = ("_counts", "_said", "_splitter", "_told", "done", "finished", "frames", "skipped")

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._counts = WireUsage()
        self.frames = 0
        """Frames that carried something of the answer, about one token each."""
        self.finished = False
        """A stop reason was seen."""
        self.done = False
        """`message_stop` was seen; what comes after it is dropped."""
        self._said = False
        """Something of the answer was said: text, reasoning, a call."""
        self._told = False
        """The counts at the end were told, not only those at the start."""
        self.skipped = 0

    @property
    def usage(self) -> Usage | None:
        """What was told; before the end, the output is estimated by the frames that came."""
        usage = usage_of(self._counts)
        if usage is None or self._told:
            return usage
        return usage._replace(output=max(usage.output, self.frames), estimated=True)

    @property
    def whole(self) -> bool:
        """Whether the answer is complete: a stream that just ends is not. One that ends without a word raises where it ends."""
        return self.finished

    def _split(self, data: bytes) -> Sequence[bytes]:
        """The frames that are complete by now."""
        try:
            return self._splitter.feed(data)
        except FrameTooLongError as error:
            raise BadAnswerError(ErrorClass.PROTOCOL, str(error)) from None

    def _event(self, whole: bytes) -> _Event | None:
        """What a frame says, counted; None for a comment. A malformed one is `_PASSED_OVER` once, and raises BadAnswerError again."""
        said = _data(whole)
        if said is None:
            return None
        try:
            event = _EVENT.decode(said)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            self.skipped += 1
            if self.skipped > 1:
                raise BadAnswerError(ErrorClass.PROTOCOL, "two frames are not events of a message") from None
            return _PASSED_OVER
        if event.type == "content_block_delta" and event.error is NOTHING:  # nearly every one
            self.frames += 1
            if not self._said and (delta := event.delta) is not None:
                self._said = bool(delta.text or delta.thinking or delta.partial_json or delta.signature)
            return event
        if event.type == "error" or event.error is not NOTHING:
            fault = error_in(event.error, "an error event")
            if fault is not None or event.type == "error":
                raise fault or BadAnswerError(ErrorClass.SERVER, "an error event")
        self._count(event)
        return event

    def _count(self, event: _Event) -> None:
        match event.type:
            case "message_delta":
                self._add(event.usage)
                self._told = self._told or (event.usage is not None and event.usage.output_tokens is not None)
                if event.delta is not None and (reason := event.delta.stop_reason) is not None:
                    self._finish(reason)
            case "message_start":
                self._add(event.message.usage if event.message else None)
            case "content_block_start" if event.content_block is not None:
                if event.content_block.type != "text":
                    self.frames += 1
                    self._said = self._said or event.content_block.type != "thinking"
                elif event.content_block.text:
                    self._said = True
            case "message_stop":
                self.done = True
                if not self.finished:
                    raise BadAnswerError(ErrorClass.PROTOCOL, "the stream ended without a stop reason")

    def _finish(self, reason: str) -> None:
        """An end before anything was said, and without a token, is no answer; another provider may have one. An end by length or by a
        filter says something by itself."""
        wrote = self._told and bool(self._counts.output_tokens)
        if not self._said and not wrote and ENDINGS.get(reason, "stop") in ("stop", "stop_sequence"):
            raise BadAnswerError(ErrorClass.PROTOCOL, "an empty answer")
        self.finished = True

    def _add(self, told: WireUsage | None) -> None:
        """Counts are cumulative: what is told replaces, what is not stays."""
        if told is None:
            return
        for name in told.__struct_fields__:
            if (value := getattr(told, name)) is not None:
                setattr(self._counts, name, value)


class MessageReader(_Events):
    """Reads a stream into pieces.

    `prefix` is the beginning that the provider was given to go on from. Its white space at the end was cut off, as the dialect demands,
    so the answer begins with it again: what the client has of it is left out.
    """

    __slots__ = ("_owed", "_slots")

    def __init__(self, prefix: str | None = None) -> None:
        super().__init__()
        self._owed = "" if prefix is None else prefix[len(prefix.rstrip()) :]
        self._said = prefix is not None  # nothing to add to a beginning that was whole already is an answer
        self._slots: dict[int, int] = {}

    def feed(self, data: bytes) -> list[Delta]:
        """The pieces that are complete by now. Raises BadAnswerError on an error event and on nonsense."""
        deltas: list[Delta] = []
        for whole in self._split(data):
            if not self.done and (event := self._event(whole)) is not None:
                deltas += self._deltas(event)
        return deltas

    def _deltas(self, event: _Event) -> Iterator[Delta]:
        match event.type:
            case "content_block_delta" if event.delta is not None:
                yield from self._piece(event.delta, event.index)
            case "content_block_start" if event.content_block is not None:
                yield from self._start(event.content_block, event.index)
            case "message_start" if event.message is not None:
                usage = self.usage
                yield Started(event.message.id, event.message.model, None if usage is None else usage.input)
            case "message_delta":
                delta = event.delta
                if delta is not None and delta.stop_reason is not None:
                    if delta.stop_reason == "refusal" and delta.stop_details and delta.stop_details.explanation:
                        yield RefusalDelta(delta.stop_details.explanation)
                    yield Finished(ENDINGS.get(delta.stop_reason, "stop"), stop_sequence=delta.stop_sequence)
                if (usage := self.usage) is not None:
                    yield Used(usage)

    def _start(self, block: _Block, index: int) -> Iterator[Delta]:
        match block.type:
            case "text":
                yield from self._text(block.text)
            case "thinking":
                if block.thinking or block.signature:
                    yield ThinkingDelta(block.thinking, signature=block.signature or None)
            case "redacted_thinking":
                yield ThinkingDelta(redacted=block.data)
            case "tool_use":
                slot = self._slots[index] = len(self._slots)
                yield ToolStart(block.id, block.name, slot)
                if bytes(block.input) not in (b"null", b"{}"):
                    yield ToolArguments(one_line(block.input), slot)
            case _:
                raise BadAnswerError(ErrorClass.PROTOCOL, "a content block of a kind that was not asked for")

    def _piece(self, delta: _Delta, index: int) -> Iterator[Delta]:
        match delta.type:
            case "text_delta":
                yield from self._text(delta.text)
            case "input_json_delta":
                if index not in self._slots:
                    raise BadAnswerError(ErrorClass.PROTOCOL, "arguments of a tool call that did not begin")
                if delta.partial_json:
                    yield ToolArguments(delta.partial_json, self._slots[index])
            case "thinking_delta":
                yield ThinkingDelta(delta.thinking)
            case "signature_delta":
                yield ThinkingDelta(signature=delta.signature)

    def _text(self, text: str) -> Iterator[Delta]:
        while text and self._owed:
            if text[0] != self._owed[0]:
                self._owed = ""
                break
            text, self._owed = text[1:], self._owed[1:]
        if text:
            yield TextDelta(text)


class MessageRelay(_Events):
    """Passes a stream through; `seen` keeps what the client has."""

    __slots__ = ("_open", "_seen")

    def __init__(self, seen: Seen | None = None) -> None:
        super().__init__()
        self._seen = seen
        self._open = -1

    def feed(self, data: bytes) -> bytes:
        """The frames to relay now. Raises BadAnswerError on an error event and on nonsense."""
        frames = self._split(data)
        if len(frames) == 1:  # the common case
            return frames[0] if self._relayed(frames[0]) else b""
        seen = self._seen
        if seen is None:
            return b"".join([whole for whole in frames if self._relayed(whole)])
        before = len(seen.text), seen.chunks, seen.blocks, seen.open_block, seen.role_sent, seen.rescuable
        try:
            return b"".join([whole for whole in frames if self._relayed(whole)])
        except BadAnswerError:  # what came with the fault is not relayed either, so the client has not seen it
            del seen.text[before[0] :]
            seen.chunks, seen.blocks, seen.open_block, seen.role_sent, seen.rescuable = before[1:]
            raise

    def close(self) -> bytes:
        """The frames that the provider owes at the end of a whole answer, maybe none."""
        if self.done:
            return b""
        self.done = True
        stop = frame("message_stop", b'{"type":"message_stop"}')
        if self._open < 0:
            return stop
        return frame("content_block_stop", b'{"type":"content_block_stop","index":%d}' % self._open) + stop

    def _relayed(self, whole: bytes) -> bool:
        """Whether to relay a frame."""
        if self.done:
            return False
        event = self._event(whole)
        if event is None:
            return self.frames > 0  # a comment before the answer does not start the answer
        seen = self._seen
        if event.type == "content_block_delta":
            if seen is not None:
                seen.chunks += 1
                if event.delta is not None and event.delta.text:
                    seen.text.append(event.delta.text)
            return True
        if event.type == "content_block_start":
            self._open = event.index
        elif event.type == "content_block_stop":
            self._open = -1
        if seen is not None:
            self._see(event, seen)
        return event is not _PASSED_OVER

    def _see(self, event: _Event, seen: Seen) -> None:
        """Keeps what the client has, beside the text."""
        seen.open_block = self._open
        match event.type:
            case "content_block_start" if event.content_block is not None:
                seen.blocks = event.index + 1
                if event.content_block.type != "text":
                    seen.rescuable = False
                elif event.content_block.text:
                    seen.text.append(event.content_block.text)
            case "message_start" if event.message is not None:
                seen.id, seen.model, seen.role_sent = event.message.id, event.message.model, True
            case "message_delta" if event.usage is not None and event.usage.output_tokens is not None:
                seen.output_tokens = event.usage.output_tokens


def _data(whole: bytes) -> bytes | None:
    """The data of a frame. Nearly every one is an `event:` line and a `data:` line."""
    if whole.startswith(b"event: ") and (start := whole.find(b"\ndata: ")) > 0 and whole.find(b"\n", start + 1) == len(whole) - 2:
        return whole[start + 7 : -2]
    return payload(whole)
