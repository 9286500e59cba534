"""Answers of no dialect as OpenAI responses: whole, and in typed events.

What must not live here: requests; the shapes of items.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
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
from roteiro.wire.openai_responses_events import event
from roteiro.wire.openai_responses_items import call_item, message_item, reasoning_item, refusal_part, text_part

__all__ = ["ResponseWriter", "say_response"]

_encode: Final = msgspec.json.Encoder().encode

_INCOMPLETE: Final[Mapping[Finish, str]] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why an answer is not complete, in the dialect's words; all other ends are complete answers."""

_ECHOED: Final[Mapping[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, and what stands where the request says nothing."""


class _Tool(Struct):
    name: str
    type: str = "function"
    description: str | None = None
    parameters: Any = None
    strict: bool | None = None


class _Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class _Wishes(Struct):
    tools: list[_Tool] | None = None
    reasoning: _Reasoning | None = None
    text: dict[str, Any] | None = None
    include: list[str] | None = None


_WISHES: Final = msgspec.json.Decoder(_Wishes)


class _Shape:
    """A response's members but for its output: what the request says, and which items the client sees how."""

    def __init__(self, fields: Mapping[str, Raw]) -> None:
        names = ("tools", "reasoning", "text", "include")
        wishes = _WISHES.decode(_encode({name: fields[name] for name in names if name in fields}))
        asked = wishes.reasoning or _Reasoning()
        self.show = (asked.summary or asked.generate_summary) is not None
        self.seal = "reasoning.encrypted_content" in (wishes.include or ())
        self._echo = {name: _said(fields, name, default) for name, default in _ECHOED.items()}
        self._echo |= {
            "tools": wishes.tools or [],
            "reasoning": {"effort": asked.effort, "summary": asked.summary or asked.generate_summary},
            "text": {"format": {"type": "text"}, **{name: value for name, value in (wishes.text or {}).items() if value is not None}},
            "store": False,
            "background": False,
            "previous_response_id": None,
        }

    def response(
        self, id: str, model: str, created: int, output: Sequence[Any], finish: Finish | None, usage: Usage | None = None
    ) -> dict[str, Any]:
        """The object; without a `finish` it is in progress."""
        incomplete = _INCOMPLETE.get(finish) if finish is not None else None
        return {
            "id": _id_of("resp", id),
            "object": "response",
            "created_at": created,
            "status": "in_progress" if finish is None else "completed" if incomplete is None else "incomplete",
            "error": None,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "model": model,
            "output": output,
            "usage": None if usage is None else _usage(usage),
            **self._echo,
        }


def _said(fields: Mapping[str, Raw], name: str, default: Any) -> Any:
    raw = fields.get(name)
    return default if raw is None or bytes(raw) == b"null" else raw


def _id_of(kind: str, id: str, index: int | None = None) -> str:
    """An id with the dialect's prefix. It is the provider's own beneath, so that the provider can be asked about it."""
    base = id.removeprefix("resp_")
    return f"{kind}_{base}" if index is None else f"{kind}_{base}_{index}"


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def _logprobs(logprobs: Mapping[str, Any] | None) -> list[Any]:
    """Of text; the dialect has none of refusals."""
    return list((logprobs or {}).get("content") or ())


def _bare(logprobs: Sequence[Any]) -> list[dict[str, Any]]:
    """Log-probabilities as events have them: without the tokens' bytes."""
    return [
        {
            "token": one.get("token"),
            "logprob": one.get("logprob"),
            "top_logprobs": [{n: top.get(n) for n in ("token", "logprob")} for top in tops],
        }
        for one in logprobs
        for tops in [one.get("top_logprobs") or ()]
    ]


def say_response(answer: Answer, fields: Mapping[str, Raw]) -> bytes:
    """The body of a response. `fields`: the request's, of which it repeats much."""
    shape = _Shape(fields)
    choice = answer.choices[0] if answer.choices else Choice()
    output = _items(choice, answer.id, shape)
    return _encode(shape.response(answer.id, answer.model, answer.created, output, choice.finish or "stop", answer.usage))


def _items(choice: Choice, id: str, shape: _Shape) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = []
    for part in choice.parts:
        if isinstance(part, (Text, Refused)):
            if isinstance(part, Text):
                said = text_part(part.text, _logprobs(choice.logprobs))
            else:
                said = refusal_part(part.text)
            if output and output[-1]["type"] == "message":
                content = output[-1]["content"]
                if content[-1]["type"] == said["type"] == "output_text":
                    content[-1]["text"] += said["text"]
                else:
                    content.append(said)
            else:
                output.append(message_item(_id_of("msg", id, len(output)), [said]))
        elif isinstance(part, ToolCall):
            output.append(call_item(_id_of("fc", id, len(output)), part))
        elif isinstance(part, Thinking):
            output.append(reasoning_item(_id_of("rs", id, len(output)), part, shape.show, shape.seal))
    if output and choice.finish in _INCOMPLETE:
        output[-1]["status"] = "incomplete"
    return output


class ResponseWriter:
    """Pieces of an answer as events. A `Writer`. One item is open at a time.

    Where it goes on for another provider, the client has a message and nothing else: `seen.open_block` is its place in the output,
    `seen.text` its text, and `seen.chunks` counts the events.
    """

    def __init__(self, fields: Mapping[str, Raw], created: int, seen: Seen) -> None:
        self._shape, self._seen = _Shape(fields), seen
        if not seen.created:
            seen.created = created
        self._output: list[dict[str, Any]] = []
        self._finish: Finish | None = None
        self._from = 0
        """Where the open message's text begins in what was seen."""
        self._logprobs: list[Any] = []
        self._kind = ""
        """What is open: a text, a refusal, reasoning, a call, or nothing."""
        self._refusal = self._thought = ""
        self._signature: str | None = None
        self._redacted: str | None = None
        self._shown = False
        """Whether the open reasoning's summary has begun."""
        self._call = ToolCall("", "", "")
        self._slot = -1
        self._arguments: list[str] = []
        if seen.open_block >= 0:
            self._kind = "text"

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """See `Writer`. Raises BadAnswerError for arguments of a call that has ended."""
        return b"".join([frame for delta in deltas for frame in self._frames(delta)])

    def end(self, usage: Usage | None) -> bytes:
        """See `Writer`. The last event holds the whole response."""
        seen, finish = self._seen, self._finish or "stop"
        frames = [*self._begin(), *self._close()]
        whole = self._shape.response(seen.id, seen.model, seen.created, self._output, finish, usage)
        frames.append(self._event(f"response.{whole['status']}", response=whole))
        return b"".join(frames)

    def _frames(self, delta: Delta) -> Iterator[bytes]:
        seen = self._seen
        if isinstance(delta, Started):
            if not seen.id:
                seen.id, seen.model = delta.id or str(seen.created), delta.model
            yield from self._begin()
        elif isinstance(delta, TextDelta):
            yield from self._text(delta)
        elif isinstance(delta, ToolArguments):
            if self._kind != "call" or delta.slot != self._slot:
                raise BadAnswerError(ErrorClass.PROTOCOL, "arguments of a tool call that has ended")
            self._arguments.append(delta.fragment)
            yield self._of_item("response.function_call_arguments.delta", "fc", delta=delta.fragment)
        elif isinstance(delta, Finished):
            seen.finish = self._finish = delta.finish
            yield from self._close()
        elif not isinstance(delta, Used):
            seen.rescuable = False
            if isinstance(delta, ToolStart):
                yield from self._open("call")
                self._call, self._slot = ToolCall(delta.id, delta.name, "", delta.signature), delta.slot
                self._arguments = []
                yield self._added(call_item(self._id("fc"), self._call, "in_progress"))
            elif isinstance(delta, RefusalDelta):
                yield from self._refuse(delta.text)
            else:
                yield from self._think(delta)

    def _text(self, delta: TextDelta) -> Iterator[bytes]:
        seen = self._seen
        logprobs = _logprobs(delta.logprobs)
        if logprobs:
            seen.rescuable = False
            self._logprobs += logprobs
        if not delta.text and not logprobs:
            return
        if self._kind != "text":
            yield from self._open("text")
            self._from, self._logprobs = len(seen.text), logprobs
            seen.open_block = len(self._output)
            yield self._added(message_item(self._id("msg"), (), "in_progress"))
            yield self._of_item("response.content_part.added", "msg", content_index=0, part=text_part(""))
        seen.text.append(delta.text)
        yield self._of_item("response.output_text.delta", "msg", content_index=0, delta=delta.text, logprobs=_bare(logprobs))

    def _refuse(self, text: str) -> Iterator[bytes]:
        if self._kind != "refusal":
            yield from self._open("refusal")
            self._refusal = ""
            yield self._added(message_item(self._id("msg"), (), "in_progress"))
            yield self._of_item("response.content_part.added", "msg", content_index=0, part=refusal_part(""))
        self._refusal += text
        yield self._of_item("response.refusal.delta", "msg", content_index=0, delta=text)

    def _think(self, delta: ThinkingDelta) -> Iterator[bytes]:
        """A signature ends a piece of reasoning; a redacted piece stands alone."""
        if self._kind != "reasoning" or self._signature is not None or self._redacted is not None or delta.redacted is not None:
            yield from self._open("reasoning")
            self._thought, self._signature, self._redacted, self._shown = "", None, None, False
            yield self._added({"id": self._id("rs"), "type": "reasoning", "status": "in_progress", "summary": []})
        self._thought += delta.text
        self._signature = delta.signature or self._signature
        self._redacted = delta.redacted
        if delta.text and self._shape.show:
            if not self._shown:
                self._shown = True
                yield self._of_item("response.reasoning_summary_part.added", "rs", summary_index=0, part=_summary(""))
            yield self._of_item("response.reasoning_summary_text.delta", "rs", summary_index=0, delta=delta.text)

    def _begin(self) -> Iterator[bytes]:
        seen = self._seen
        if not seen.role_sent:
            seen.role_sent = True
            seen.id = seen.id or str(seen.created)
            response = self._shape.response(seen.id, seen.model, seen.created, [], None)
            yield self._event("response.created", response=response)
            yield self._event("response.in_progress", response=response)

    def _open(self, kind: str) -> Iterator[bytes]:
        yield from self._begin()
        yield from self._close()
        self._kind = kind

    def _close(self) -> Iterator[bytes]:
        """What ends the open item. Only the last item of an answer that was cut is incomplete."""
        kind, self._kind = self._kind, ""
        if not kind:
            return
        status = "incomplete" if self._finish in _INCOMPLETE else "completed"
        if kind == "text":
            text = "".join(self._seen.text[self._from :])
            part = text_part(text, self._logprobs)
            yield self._of_item("response.output_text.done", "msg", content_index=0, text=text, logprobs=_bare(self._logprobs))
            yield self._of_item("response.content_part.done", "msg", content_index=0, part=part)
            yield self._done(message_item(self._id("msg"), [part], status))
            self._seen.open_block = -1
        elif kind == "refusal":
            part = refusal_part(self._refusal)
            yield self._of_item("response.refusal.done", "msg", content_index=0, refusal=self._refusal)
            yield self._of_item("response.content_part.done", "msg", content_index=0, part=part)
            yield self._done(message_item(self._id("msg"), [part], status))
        elif kind == "call":
            arguments = "".join(self._arguments)
            call = ToolCall(self._call.id, self._call.name, arguments, self._call.signature)
            yield self._of_item("response.function_call_arguments.done", "fc", arguments=arguments)
            yield self._done(call_item(self._id("fc"), call, status))
        else:
            if self._shown:
                yield self._of_item("response.reasoning_summary_text.done", "rs", summary_index=0, text=self._thought)
                yield self._of_item("response.reasoning_summary_part.done", "rs", summary_index=0, part=_summary(self._thought))
            thought = Thinking(self._thought, self._signature, self._redacted)
            yield self._done(reasoning_item(self._id("rs"), thought, self._shape.show, self._shape.seal, status))

    def _id(self, kind: str) -> str:
        return _id_of(kind, self._seen.id, len(self._output))

    def _added(self, item: Mapping[str, Any]) -> bytes:
        return self._event("response.output_item.added", output_index=len(self._output), item=item)

    def _done(self, item: dict[str, Any]) -> bytes:
        frame = self._event("response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)
        return frame

    def _of_item(self, kind: str, of: str, **more: Any) -> bytes:
        return self._event(kind, item_id=self._id(of), output_index=len(self._output), **more)

    def _event(self, kind: str, **more: Any) -> bytes:
        number = self._seen.chunks
        self._seen.chunks += 1
        return event(kind, number, more)


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}
