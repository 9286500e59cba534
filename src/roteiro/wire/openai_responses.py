"""Clients that speak OpenAI responses. Always translated: providers are asked in the words that all of them know, and no state is kept.

What must not live here: input items, the shape of answers.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from roteiro.terms.codes import Operation
from roteiro.terms.error import RequestError
from roteiro.wire.body import MOST_TOKENS, count, estimate_tokens, flag, invalid, text, top_level, typed
from roteiro.wire.canon import Answer, Format, Prompt, Reasoning, Text, Tool
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai import error_body
from roteiro.wire.openai_chat import Effort
from roteiro.wire.openai_responses_answer import ResponseWriter, say_response
from roteiro.wire.openai_responses_events import event
from roteiro.wire.openai_responses_items import InputItem, read_items

__all__ = ["OpenAIResponsesFront"]

_STATE: Final[Mapping[str, str]] = {
    "previous_response_id": "no response is kept; send the whole conversation as `input`",
    "conversation": "no conversation is kept; send the whole of it as `input`",
    "prompt": "no prompt is kept; send it as `instructions` and `input`",
}
"""Fields that mean something that is kept elsewhere, and what to do instead."""

_NOT_TRUE: Final[Mapping[str, str]] = {
    "store": "no response is kept; leave `store` out, or say false",
    "background": "answers are given at once; leave `background` out",
}
_INCLUDED: Final = frozenset({"reasoning.encrypted_content", "message.output_text.logprobs"})
_ITEMS: Final = frozenset({"message", "function_call", "function_call_output", "reasoning"})


class _Kind(Struct):
    type: str | None = None


class _Kinds(Struct):
    """What may be of a kind that nobody here can serve, looked at before the rest."""

    input: str | list[_Kind] = ""
    tools: list[_Kind] | None = None
    tool_choice: str | _Kind | None = None


class _Strict(Struct, forbid_unknown_fields=True):
    pass


class _Function(_Strict):
    name: str
    type: Literal["function"] = "function"
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Named(_Strict, tag_field="type", tag="function"):
    name: str


class _Allowed(_Strict, tag_field="type", tag="allowed_tools"):
    mode: Literal["auto", "required"]
    tools: list[_Named]


class _AnyText(_Strict, tag_field="type", tag="text"):
    pass


class _AnyObject(_Strict, tag_field="type", tag="json_object"):
    pass


class _BySchema(_Strict, tag_field="type", tag="json_schema"):
    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class _TextSettings(_Strict):
    format: _AnyText | _AnyObject | _BySchema | None = None
    verbosity: Literal["medium"] | None = None


class _Reasoning(_Strict):
    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class _Body(_Strict):
    """All that a translation knows. Another field is refused by name."""

    input: str | list[InputItem]
    model: str | None = None
    stream: bool | None = None
    instructions: str | None = None
    tools: list[_Function] | None = None
    tool_choice: Literal["none", "auto", "required"] | _Named | _Allowed | None = None
    parallel_tool_calls: bool | None = None
    text: _TextSettings | None = None
    reasoning: _Reasoning | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    service_tier: str | None = None
    truncation: Literal["disabled"] | None = None
    # What changes nothing of the answer, or says what is so anyway.
    store: Literal[False] | None = None
    background: Literal[False] | None = None
    previous_response_id: None = None
    conversation: None = None
    prompt: None = None
    max_tool_calls: int | None = None
    stream_options: Any = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_KINDS: Final = msgspec.json.Decoder(_Kinds)


class OpenAIResponsesFront:
    """`/v1/responses`. A `Front`."""

    name = "openai-responses"

    def read(self, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """See `Front`. What would need state is refused at once."""
        fields = top_level(body)
        for name, instead in _STATE.items():
            if (raw := fields.get(name)) is not None and bytes(raw) != b"null":
                raise _unsupported(name, instead)
        for name, instead in _NOT_TRUE.items():
            if (raw := fields.get(name)) is not None and flag(raw, name):
                raise _unsupported(name, instead)
        given = fields.get("input")
        if given is None or bytes(given) == b"null":
            raise invalid("input", "you must provide `input`", "missing_required_parameter")
        shape = memoryview(given)[0]
        if shape not in b'"[':
            raise invalid("input", "`input` must be a text or a list of items", "invalid_type")
        if shape == 0x5B and len(memoryview(given)) < 16 and not bytes(given)[1:-1].strip():
            raise invalid("input", "`input` is empty; a request needs at least one item", "empty_array")
        stream = (raw := fields.get("stream")) is not None and flag(raw, "stream")
        output = None if (raw := fields.get("max_output_tokens")) is None else count(raw, "max_output_tokens", MOST_TOKENS)
        model = None if (raw := fields.get("model")) is None or bytes(raw) == b"null" else text(raw, "model")
        user = None if (raw := fields.get("user")) is None or bytes(raw) == b"null" else text(raw, "user")
        return Ask(self, Operation.RESPONSES, fields, model, stream, True, estimate_tokens(body), output, user)

    def prompt(self, ask: Ask) -> Prompt:
        """See `Front`."""
        kinds = typed({name: raw for name, raw in ask.fields.items() if name in ("input", "tools", "tool_choice")}, _KINDS)
        _refuse_kinds(kinds)
        body = typed(ask.fields, _BODY)
        for at, included in enumerate(body.include or ()):
            if included not in _INCLUDED:
                raise _unsupported(f"include[{at}]", f"`{included}` is of tools that run at one provider; leave it out")
        leading, messages = read_items(body.input)
        system = [Text(body.instructions), *leading] if body.instructions else leading
        tools = tuple(Tool(tool.name, tool.description, tool.parameters, tool.strict) for tool in body.tools or ())
        choice: str | None
        if isinstance(body.tool_choice, _Named):
            choice = f"={body.tool_choice.name}"
        elif isinstance(body.tool_choice, _Allowed):  # to forbid a tool and not to offer it come to the same
            allowed = {tool.name for tool in body.tool_choice.tools}
            tools, choice = tuple(tool for tool in tools if tool.name in allowed), body.tool_choice.mode
        else:
            choice = body.tool_choice
        return Prompt(
            messages=tuple(messages),
            system=tuple(system),
            tools=tools,
            tool_choice=choice,
            parallel_tools=body.parallel_tool_calls,
            format=_format(body.text),
            reasoning=_reasoning(body.reasoning),
            max_tokens=body.max_output_tokens,
            temperature=body.temperature,
            top_p=body.top_p,
            logprobs=bool(body.top_logprobs) or "message.output_text.logprobs" in (body.include or ()),
            top_logprobs=body.top_logprobs or None,
            stream=ask.stream,
            user=body.user if body.user is not None else body.safety_identifier,
            service_tier=body.service_tier,
        )

    def answer(self, answer: Answer, ask: Ask) -> bytes:
        """See `Front`."""
        return say_response(answer, ask.fields)

    def writer(self, ask: Ask, created: int, seen: Seen) -> ResponseWriter:
        """See `Front`."""
        return ResponseWriter(ask.fields, created, seen)

    def error(self, status: int, code: str, message: str, param: str | None = None, type: str | None = None) -> bytes:
        """See `Front`."""
        return error_body(status, code, message, type, param)

    def error_frame(self, body: bytes) -> bytes:
        """See `Front`. The event as it is documented, and the member that the official client raises on."""
        error = msgspec.json.decode(body, type=dict[str, dict[str, Any]])["error"]
        said = {"code": error.get("code"), "message": error.get("message"), "param": error.get("param")}
        return event("error", 0, {**said, "error": error})


def _refuse_kinds(kinds: _Kinds) -> None:
    for at, item in enumerate(kinds.input if isinstance(kinds.input, list) else ()):
        if item.type is not None and item.type not in _ITEMS:
            instead = "no item is kept; send it in full" if item.type == "item_reference" else "leave it out"
            raise _unsupported(f"input[{at}].type", f"items of the kind `{item.type}` are of one provider; {instead}")
    for at, tool in enumerate(kinds.tools or ()):
        if tool.type != "function":
            raise _unsupported(
                f"tools[{at}].type",
                f"the tool `{tool.type}` runs at one provider; offer a tool of the type `function`, and run it yourself",
            )
    choice = kinds.tool_choice
    if isinstance(choice, _Kind) and choice.type not in ("function", "allowed_tools"):
        raise _unsupported("tool_choice.type", f"`{choice.type}` is a tool of one provider; name a function")


def _unsupported(param: str, why: str) -> RequestError:
    return RequestError(400, "unsupported_parameter", f"`{param}` cannot be served: {why}", param)


def _format(settings: _TextSettings | None) -> Format | None:
    format = None if settings is None else settings.format
    if format is None:
        return None
    if isinstance(format, _BySchema):
        return Format("schema", format.name, format.schema, format.strict, format.description)
    return Format("json" if isinstance(format, _AnyObject) else "text")


def _reasoning(asked: _Reasoning | None) -> Reasoning | None:
    if asked is None:
        return None
    return Reasoning(effort=asked.effort, show=True if asked.summary or asked.generate_summary else None)
