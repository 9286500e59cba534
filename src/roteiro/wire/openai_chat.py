"""Clients that speak OpenAI chat completions: their requests to no dialect, answers of no dialect to theirs.

What must not live here: how we speak to providers.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from roteiro.wire.body import invalid, typed
from roteiro.wire.canon import Answer, Prompt, Reasoning, Tool
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai import error_body, error_frame, read_chat
from roteiro.wire.openai_chat_answer import ChatWriter, say_answer
from roteiro.wire.openai_parts import ChatMessage, ChatTool, FunctionChoice, ResponseFormat, format_of, read_messages, tool_of
from roteiro.wire.openai_sampling import Sampling

__all__ = ["Effort", "OpenAIChatFront"]

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class _Function(Struct, forbid_unknown_fields=True):
    """A tool in the deprecated form."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Named(Struct, forbid_unknown_fields=True):
    name: str


class _AllowedFunction(Struct, forbid_unknown_fields=True, tag_field="type", tag="function"):
    function: _Named


class _Allowed(Struct, forbid_unknown_fields=True):
    mode: Literal["auto", "required"]
    tools: list[_AllowedFunction]


class _AllowedTools(Struct, forbid_unknown_fields=True, tag_field="type", tag="allowed_tools"):
    allowed_tools: _Allowed


class _Body(Sampling, forbid_unknown_fields=True, kw_only=True):
    """All that a translation knows. Another field is refused by name."""

    messages: list[ChatMessage]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: list[ChatTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | FunctionChoice | _AllowedTools | None = None
    parallel_tool_calls: bool | None = None
    functions: list[_Function] | None = None
    function_call: Literal["none", "auto"] | _Named | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: Effort | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    # What may be left out without a loss, because it changes nothing of the answer.
    store: Literal[False] | None = None
    modalities: list[Literal["text"]] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)


class _Tools(NamedTuple):
    tools: tuple[Tool, ...]
    choice: str | None


class OpenAIChatFront:
    """`/v1/chat/completions`. A `Front`."""

    name = "openai"

    def read(self, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """See `Front`."""
        return read_chat(self, body)

    def prompt(self, ask: Ask) -> Prompt:
        """See `Front`."""
        body = typed(ask.fields, _BODY)
        system, messages = read_messages(body.messages)
        tools = _tools(body)
        return Prompt(
            messages=messages,
            system=system,
            tools=tools.tools,
            tool_choice=tools.choice,
            parallel_tools=body.parallel_tool_calls,
            format=format_of(body.response_format),
            reasoning=None if body.reasoning_effort is None else Reasoning(effort=body.reasoning_effort),
            max_tokens=body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens,
            logprobs=bool(body.logprobs),
            top_logprobs=body.top_logprobs,
            stream=ask.stream,
            user=body.user if body.user is not None else body.safety_identifier,
            metadata=body.metadata,
            service_tier=body.service_tier,
            **body.asked(),
        )

    def answer(self, answer: Answer, ask: Ask) -> bytes:
        """See `Front`."""
        return say_answer(answer, functions="functions" in ask.fields)

    def writer(self, ask: Ask, created: int, seen: Seen) -> ChatWriter:
        """See `Front`."""
        return ChatWriter(ask.client_wants_usage, created, seen, functions="functions" in ask.fields)

    def error(self, status: int, code: str, message: str, param: str | None = None, type: str | None = None) -> bytes:
        """See `Front`."""
        return error_body(status, code, message, type, param)

    def error_frame(self, body: bytes) -> bytes:
        """See `Front`."""
        return error_frame(body)


def _tools(body: _Body) -> _Tools:
    """The tools and which of them may be called; the deprecated form means the same."""
    if body.functions is not None:
        if body.tools is not None:
            raise invalid("functions", "`functions` is the deprecated form of `tools`; give one of them")
        tools = tuple(Tool(function.name, function.description, function.parameters) for function in body.functions)
        chosen = body.function_call
        return _Tools(tools, f"={chosen.name}" if isinstance(chosen, _Named) else chosen)
    tools = tuple(map(tool_of, body.tools or ()))
    choice = body.tool_choice
    if isinstance(choice, FunctionChoice):
        return _Tools(tools, f"={choice.function.name}")
    if isinstance(choice, _AllowedTools):  # to forbid a tool and not to offer it come to the same
        allowed = {tool.function.name for tool in choice.allowed_tools.tools}
        return _Tools(tuple(tool for tool in tools if tool.name in allowed), choice.allowed_tools.mode)
    return _Tools(tools, choice)
