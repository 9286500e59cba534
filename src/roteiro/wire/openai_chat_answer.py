"""Answers of no dialect as OpenAI chat completions: whole, and in chunks.

What must not live here: requests, and reading providers' answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from roteiro.wire.canon import (
    Answer,
    Choice,
    Delta,
    Finish,
    Finished,
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
from roteiro.wire.dialect import Seen
from roteiro.wire.openai_parts import say_tool_call

__all__ = ["FINISH", "ChatWriter", "say_answer", "say_usage"]

_encode: Final = msgspec.json.Encoder().encode

FINISH: Final[Mapping[Finish, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "stop_sequence": "stop",
    "pause": "stop",
    "refusal": "content_filter",
}
"""How the dialect says why an answer ended."""


def say_answer(answer: Answer, functions: bool = False) -> bytes:
    """The body of a chat completion. `functions`: the client spoke the deprecated form of tools, and is answered in it."""
    said: dict[str, Any] = {
        "id": answer.id or f"chatcmpl-{answer.created}",
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [_choice(choice, functions) for choice in answer.choices],
    }
    if answer.usage is not None:
        said["usage"] = say_usage(answer.usage)
    return _encode(said)


def _choice(choice: Choice, functions: bool) -> dict[str, Any]:
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))
    refusal = "".join(part.text for part in choice.parts if isinstance(part, Refused))
    thought = "".join(part.text for part in choice.parts if isinstance(part, Thinking))
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    message: dict[str, Any] = {"role": "assistant", "content": text if text or not (calls or refusal) else None, "refusal": refusal or None}
    if thought:
        message["reasoning_content"] = thought
    finish = FINISH[choice.finish or "stop"]
    if calls and functions:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
        finish = "function_call" if finish == "tool_calls" else finish
    elif calls:
        message["tool_calls"] = [say_tool_call(call) for call in calls]
    return {"index": choice.index, "message": message, "logprobs": choice.logprobs, "finish_reason": finish}


def say_usage(usage: Usage) -> dict[str, Any]:
    """Tokens as the dialect reports them."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


class ChatWriter:
    """Pieces of an answer as chunks. A `Writer`."""

    def __init__(self, wants_usage: bool, created: int, seen: Seen, functions: bool = False) -> None:
        self._wants_usage, self._functions, self._seen = wants_usage, functions, seen
        if not seen.created:
            seen.created = created
        self._roles = {0} if seen.role_sent else set()
        self._head = b""

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """See `Writer`."""
        return b"".join([frame for delta in deltas for frame in self._frames(delta)])

    def end(self, usage: Usage | None) -> bytes:
        """See `Writer`."""
        if usage is None or not self._wants_usage:
            return b"data: [DONE]\n\n"
        return b'%b],"usage":%b}\n\ndata: [DONE]\n\n' % (self._opening(), _encode(say_usage(usage)))

    def _frames(self, delta: Delta) -> Sequence[bytes]:
        seen = self._seen
        if isinstance(delta, TextDelta):
            if delta.choice == 0 and delta.logprobs is None:
                seen.text.append(delta.text)
            else:
                seen.rescuable = False
            return self._chunk(delta.choice, {"content": delta.text}, delta.logprobs)
        if isinstance(delta, Started):
            if not seen.id:
                seen.id = delta.id or f"chatcmpl-{seen.created}"
                seen.model = delta.model
            return () if 0 in self._roles else self._chunk(0, None)
        if isinstance(delta, Used):
            return ()
        if isinstance(delta, Finished):
            if delta.choice == 0:
                seen.finish = delta.finish
            finish = FINISH[delta.finish]
            if self._functions and finish == "tool_calls":
                finish = "function_call"
            return self._chunk(delta.choice, {}, finish=finish)
        seen.rescuable = False
        if isinstance(delta, ThinkingDelta):
            return self._chunk(delta.choice, {"reasoning_content": delta.text}) if delta.text else ()
        if isinstance(delta, RefusalDelta):
            return self._chunk(delta.choice, {"refusal": delta.text})
        return self._call(delta)

    def _call(self, delta: ToolStart | ToolArguments) -> Sequence[bytes]:
        if self._functions:
            if delta.slot:  # the deprecated form has one call
                return ()
            call = {"name": delta.name, "arguments": ""} if isinstance(delta, ToolStart) else {"arguments": delta.fragment}
            return self._chunk(delta.choice, {"function_call": call})
        if isinstance(delta, ToolArguments):
            said: dict[str, Any] = {"index": delta.slot, "function": {"arguments": delta.fragment}}
        else:
            said = {"index": delta.slot, **say_tool_call(ToolCall(delta.id, delta.name, "", delta.signature))}
        return self._chunk(delta.choice, {"tool_calls": [said]})

    def _chunk(
        self, choice: int, delta: Mapping[str, Any] | None, logprobs: Mapping[str, Any] | None = None, finish: str | None = None
    ) -> Sequence[bytes]:
        """The chunk, and before it the one that opens its choice, where that is missing."""
        frames = []
        if choice not in self._roles:
            self._roles.add(choice)
            if choice == 0:
                self._seen.role_sent = True
            else:
                self._seen.rescuable = False
            frames.append(self._frame(choice, {"role": "assistant", "content": "", "refusal": None}, None, None))
        if delta is not None:
            frames.append(self._frame(choice, delta, logprobs, finish))
        self._seen.chunks += len(frames)
        return frames

    def _frame(self, choice: int, delta: Mapping[str, Any], logprobs: Mapping[str, Any] | None, finish: str | None) -> bytes:
        return b'%b{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}]}\n\n' % (
            self._opening(),
            choice,
            _encode(delta),
            _encode(logprobs),
            _encode(finish),
        )

    def _opening(self) -> bytes:
        if not self._head:
            seen = self._seen
            self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":[' % (
                _encode(seen.id or f"chatcmpl-{seen.created}"),
                seen.created,
                _encode(seen.model),
            )
        return self._head
