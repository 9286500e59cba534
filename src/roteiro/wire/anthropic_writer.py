"""Streams of typed events in the Anthropic dialect, as we send them: pieces of an answer → events.

What must not live here: reading, and when a stream is whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from roteiro.terms.codes import ErrorClass
from roteiro.wire.anthropic_answer import STOP_REASONS, refusal, write_usage
from roteiro.wire.anthropic_stream import frame
from roteiro.wire.canon import (
    BadAnswerError,
    Delta,
    Finish,
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

__all__ = ["MessageWriter"]

_encode: Final = msgspec.json.Encoder().encode
_TEXT_DELTA: Final = frame("content_block_delta", b'{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%b}}')
_PING: Final = frame("ping", b'{"type":"ping"}')


class MessageWriter:
    """Writes one answer. One content block is open at a time; `seen` tells where the client stands, and whoever goes on opens none twice.

    The events of the end wait for the usage, which other dialects tell last.
    """

    __slots__ = ("_finish", "_kind", "_refused", "_seen", "_signed", "_slot", "_started", "_stop_sequence")

    def __init__(self, seen: Seen, input_tokens: int = 0) -> None:
        """`input_tokens`: an estimate, told at the start where the provider tells none until the end."""
        self._seen = seen
        self._started = Started("", "", input_tokens)
        self._kind = "text" if seen.open_block >= 0 else ""  # nobody goes on from within a block of another kind
        self._slot = -1
        self._signed = False
        self._refused = ""
        self._finish: Finish | None = None
        self._stop_sequence: str | None = None

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The frames for these pieces, maybe none. Raises BadAnswerError for arguments of a call that has ended."""
        if len(deltas) == 1 and self._kind == "text" and isinstance(delta := deltas[0], TextDelta) and delta.text:  # nearly always
            seen = self._seen
            seen.text.append(delta.text)
            seen.chunks += 1
            return _TEXT_DELTA % (seen.open_block, _encode(delta.text))
        return b"".join([event for delta in deltas for event in self._events(delta)])

    def end(self, usage: Usage | None) -> bytes:
        """The frames that close a whole answer. Without a usage, what was sent is counted, about a token a piece."""
        seen = self._seen
        told = usage or Usage(self._started.input_tokens or 0, 0, max(seen.output_tokens, seen.chunks), 0, estimated=True)
        finish: Finish = "refusal" if self._refused else self._finish or "stop"
        delta: dict[str, Any] = {"stop_reason": STOP_REASONS[finish], "stop_sequence": self._stop_sequence}
        if self._refused:
            delta["stop_details"] = refusal(self._refused)
        last = _event("message_delta", {"delta": delta, "usage": write_usage(told)})
        return b"".join([*self._start(), *self._close(), last, _event("message_stop", {})])

    def _events(self, delta: Delta) -> Iterator[bytes]:
        match delta:
            case TextDelta(text=text) if text:
                self._seen.text.append(text)
                yield from self._piece("text", {"type": "text", "text": ""}, {"type": "text_delta", "text": text})
            case ToolArguments(fragment=fragment, slot=slot):
                if self._kind != "tool_use" or slot != self._slot:
                    raise BadAnswerError(ErrorClass.PROTOCOL, "arguments of a tool call that has ended")
                if fragment:
                    yield from self._more({"type": "input_json_delta", "partial_json": fragment})
            case ToolStart(id=id, name=name, slot=slot):
                self._seen.rescuable = False
                self._slot = slot
                yield from self._open("tool_use", {"type": "tool_use", "id": id, "name": name, "input": {}})
            case ThinkingDelta():
                self._seen.rescuable = False
                yield from self._think(delta)
            case RefusalDelta(text=text):
                self._seen.rescuable = False
                self._refused += text
            case Started():
                if delta.input_tokens is None:
                    delta = Started(delta.id, delta.model, self._started.input_tokens)
                self._started = delta
                yield from self._start()
            case Finished(finish=finish, stop_sequence=stop_sequence):
                self._finish, self._stop_sequence = finish, stop_sequence
                self._seen.finish = finish
            case Used(usage=usage):
                self._seen.output_tokens = usage.output

    def _think(self, delta: ThinkingDelta) -> Iterator[bytes]:
        if delta.redacted is not None:
            yield from self._open("redacted_thinking", {"type": "redacted_thinking", "data": delta.redacted})
            yield from self._close()
        if self._signed and delta.text:
            yield from self._close()  # what comes after a signature is another block's
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        if delta.text:
            yield from self._piece("thinking", empty, {"type": "thinking_delta", "thinking": delta.text})
        if delta.signature is not None:
            if self._signed:
                yield from self._close()
            yield from self._piece("thinking", empty, {"type": "signature_delta", "signature": delta.signature})
            self._signed = True

    def _start(self) -> Iterator[bytes]:
        seen = self._seen
        if seen.role_sent:
            return
        seen.role_sent = True
        seen.id, seen.model = self._started.id, self._started.model
        message: dict[str, Any] = {
            "id": seen.id,
            "type": "message",
            "role": "assistant",
            "model": seen.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(Usage(self._started.input_tokens or 0, 0, 0, 0)),
        }
        yield _event("message_start", {"message": message})
        yield _PING

    def _piece(self, kind: str, block: Mapping[str, Any], delta: Mapping[str, Any]) -> Iterator[bytes]:
        """A piece of a block of this kind, which is opened where another one is open, or none."""
        if self._kind != kind:
            yield from self._open(kind, block)
        yield from self._more(delta)

    def _more(self, delta: Mapping[str, Any]) -> Iterator[bytes]:
        self._seen.chunks += 1
        yield _event("content_block_delta", {"index": self._seen.open_block, "delta": delta})

    def _open(self, kind: str, block: Mapping[str, Any]) -> Iterator[bytes]:
        yield from self._start()
        yield from self._close()
        seen = self._seen
        self._kind, seen.open_block = kind, seen.blocks
        seen.blocks += 1
        yield _event("content_block_start", {"index": seen.open_block, "content_block": block})

    def _close(self) -> Iterator[bytes]:
        if self._kind:
            yield _event("content_block_stop", {"index": self._seen.open_block})
        self._kind, self._signed, self._seen.open_block = "", False, -1


def _event(type: str, fields: Mapping[str, Any]) -> bytes:
    return frame(type, _encode({"type": type, **fields}))
