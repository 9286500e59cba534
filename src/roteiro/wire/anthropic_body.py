"""Requests in the Anthropic dialect, written: a prompt of no dialect → the body of /v1/messages.

What the dialect cannot say is refused by the name of the client's field, never left out. What must not live here: answers.
"""

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from roteiro.wire.canon import (
    File,
    Image,
    Part,
    Prompt,
    Reasoning,
    Refused,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    UntranslatableError,
)

__all__ = ["MOST_OUTPUT", "arguments_of", "write_prompt"]

MOST_OUTPUT: Final = 4096
"""`max_tokens` where neither the client nor the plan bounds an answer: the dialect demands a number, and every model still served writes
this many."""

LEAST_BUDGET: Final = 1024
"""Tokens; the dialect's own bound on a thinking budget."""

_BUDGETS_ONLY: Final = re.compile(r"claude-(?:instant|[23])|claude-(?:opus|sonnet|haiku)-4(?:$|@|-(?:\d{8}|[015](?:$|[-@:])))")
"""Models that think by a budget of tokens and know no adaptive thinking: Claude 3 to 4.5."""

_SHARES: Final[Mapping[str, float]] = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
"""The part of `max_tokens` that may be thought with, by effort, for models that think by a budget. As OpenRouter's table does it."""

_EFFORTS: Final[Mapping[str, str]] = {
    "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max",
}  # fmt: skip
_TIERS: Final[Mapping[str, str]] = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_encode: Final = msgspec.json.Encoder().encode


def write_prompt(prompt: Prompt, model: str, prefix: str | None = None, most_output: int | None = None) -> bytes:
    """The body. `prefix` is the beginning of the answer, without the white space at its end, which the dialect refuses there; see
    `Back.reader`. Raises UntranslatableError."""
    _refuse(prompt)
    system, messages = _conversation(prompt)
    if prefix is not None and (said := prefix.rstrip()):
        if prompt.format is not None and prompt.format.kind != "text":
            raise UntranslatableError("response_format", "an answer by a schema cannot be gone on from its middle at an Anthropic provider")
        _go_on(messages, said)
    most = prompt.max_tokens or most_output or MOST_OUTPUT
    body: dict[str, Any] = {"model": model, "max_tokens": most, "messages": messages}
    if system:
        body["system"] = system
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        if (choice := _choice(prompt)) is not None:
            body["tool_choice"] = choice
    if prompt.reasoning is not None:
        _reason(body, prompt.reasoning, model, most, going_on=prefix is not None)
    if prompt.format is not None and prompt.format.kind == "schema":
        body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": prompt.format.schema or {}}
    sampling = {"temperature": prompt.temperature, "top_p": prompt.top_p, "top_k": prompt.top_k}
    body |= {name: value for name, value in sampling.items() if value is not None}
    if prompt.stop:
        body["stop_sequences"] = prompt.stop
    if prompt.user is not None:
        body["metadata"] = {"user_id": prompt.user}
    if prompt.service_tier is not None:
        body["service_tier"] = _TIERS[prompt.service_tier]
    if prompt.stream:
        body["stream"] = True
    return _encode(body)


def arguments_of(call: ToolCall) -> Raw | None:
    """A call's arguments as a JSON object, None where they are none. A model that has nothing to say writes nothing at all."""
    text = call.arguments.strip() or "{}"
    try:
        _OBJECT.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return Raw(text.encode())


def _refuse(prompt: Prompt) -> None:
    """What a prompt may ask for and this dialect has no field for."""
    for param, asked, what in (
        ("n", prompt.n != 1, "one answer a request; ask again for another"),
        ("seed", prompt.seed is not None, "no seed"),
        ("logprobs", prompt.logprobs, "no log-probabilities"),
        ("top_logprobs", prompt.top_logprobs is not None, "no log-probabilities"),
        ("logit_bias", bool(prompt.logit_bias), "no bias on tokens"),
        ("frequency_penalty", bool(prompt.frequency_penalty), "no penalties"),
        ("presence_penalty", bool(prompt.presence_penalty), "no penalties"),
        ("metadata", bool(prompt.metadata), "no metadata but the user's id"),
        ("temperature", (prompt.temperature or 0) > 1, "temperatures from 0 to 1"),
        ("service_tier", prompt.service_tier is not None and prompt.service_tier not in _TIERS, "the tiers `auto` and `default`"),
    ):
        if asked:
            raise UntranslatableError(param, f"Anthropic's models have {what}; leave `{param}` out, or name another model")
    if prompt.format is not None and prompt.format.kind == "json":
        raise UntranslatableError(
            "response_format",
            "Anthropic's models write JSON by a schema only; give one, or name another model",
        )


def _conversation(prompt: Prompt) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The system blocks and the turns. A system message in the middle goes to the end of the system prompt: all that every model of
    this dialect has; turns of one role in a row become one, tool results turns of the user."""
    system = [_text(text) for text in prompt.system if text.text]
    turns: list[dict[str, Any]] = []
    for message in prompt.messages:
        if message.name is not None:
            raise UntranslatableError("messages.name", "Anthropic's messages have no names; leave `name` out, or say it in the text")
        if message.role == "system":
            system += _parts(message.parts)
            continue
        role = "assistant" if message.role == "assistant" else "user"
        parts = _parts(message.parts)
        if not parts:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += parts
        else:
            turns.append({"role": role, "content": parts})
    if not turns:
        raise UntranslatableError("messages", "Anthropic's models need at least one message of the user beside the system prompt")
    return system, turns


def _go_on(messages: list[dict[str, Any]], said: str) -> None:
    """Ends the conversation with the beginning of the answer."""
    last = messages[-1]
    if last["role"] != "assistant":
        messages.append({"role": "assistant", "content": [{"type": "text", "text": said}]})
    elif last["content"][-1]["type"] == "text":
        last["content"][-1] = {"type": "text", "text": last["content"][-1]["text"] + said}
    else:
        last["content"].append({"type": "text", "text": said})


def _parts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [block for part in parts if (block := _part(part)) is not None]


def _part(part: Part) -> dict[str, Any] | None:
    match part:
        case Text(text=text):
            return _text(part) if text else None  # the dialect refuses an empty text, which says nothing anyway
        case Refused(text=text):
            return {"type": "text", "text": text} if text else None
        case Image():
            return _marked(part, {"type": "image", "source": _picture(part)})
        case File():
            return _marked(part, _document(part))
        case Thinking(text=text, signature=signature, redacted=redacted):
            if redacted is not None:
                return {"type": "redacted_thinking", "data": redacted}
            # Reasoning of another provider, or not signed: the dialect has no place for it, and models do without earlier turns' reasoning.
            return None if signature is None else {"type": "thinking", "thinking": text, "signature": signature}
        case ToolCall(id=id, name=name):
            arguments = arguments_of(part)
            if arguments is None:
                raise UntranslatableError("messages.tool_calls.arguments", f"the arguments of the tool call `{id}` are not a JSON object")
            return _marked(part, {"type": "tool_use", "id": id, "name": name, "input": arguments})
        case ToolResult(id=id, parts=parts, error=error):
            result: dict[str, Any] = {"type": "tool_result", "tool_use_id": id, "content": _parts(parts)}
            if error:
                result["is_error"] = True
            return _marked(part, result)


def _text(text: Text) -> dict[str, Any]:
    return _marked(text, {"type": "text", "text": text.text})


def _marked(part: Text | Image | File | ToolCall | ToolResult | Tool, block: dict[str, Any]) -> dict[str, Any]:
    if part.cache is not None:
        block["cache_control"] = part.cache
    return block


def _picture(image: Image) -> dict[str, Any]:
    if image.detail == "low":
        raise UntranslatableError("messages.image_url.detail", "Anthropic's models look at pictures in full; leave `detail` out")
    if image.url is not None:
        return {"type": "url", "url": image.url}
    if image.media_type not in _PICTURES:
        raise UntranslatableError(
            "messages.image_url", f"Anthropic's models see JPEG, PNG, GIF and WebP pictures, not {image.media_type}; convert it"
        )
    return {"type": "base64", "media_type": image.media_type, "data": image.data or ""}


def _document(file: File) -> dict[str, Any]:
    source: dict[str, Any]
    if file.url is not None:
        source = {"type": "url", "url": file.url}
    elif file.id is not None:
        if not file.id.startswith("file_"):
            raise UntranslatableError("messages.file", "the file is kept by another provider than Anthropic; send it inline")
        source = {"type": "file", "file_id": file.id}
    elif file.media_type == "application/pdf":
        source = {"type": "base64", "media_type": file.media_type, "data": file.data or ""}
    elif file.media_type == "text/plain":
        try:
            text = b64decode(file.data or "", validate=True).decode()
        except ValueError:
            raise UntranslatableError("messages.file", "the file is not base64 of UTF-8 text") from None
        source = {"type": "text", "media_type": "text/plain", "data": text}
    else:
        raise UntranslatableError("messages.file", f"Anthropic's models read PDF and plain text files, not {file.media_type}")
    block: dict[str, Any] = {"type": "document", "source": source}
    if file.name is not None:
        block["title"] = file.name
    return block


def _tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name, "input_schema": tool.schema or {"type": "object", "properties": {}}}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.strict is not None:
        written["strict"] = tool.strict
    return _marked(tool, written)


def _choice(prompt: Prompt) -> dict[str, Any] | None:
    said = prompt.tool_choice
    if said is None and prompt.parallel_tools is None:
        return None
    if said == "none":
        return {"type": "none"}
    choice: dict[str, Any] = {"type": "tool", "name": said[1:]} if said and said[0] == "=" else {"type": _CHOICES[said]}
    if prompt.parallel_tools is not None:
        choice["disable_parallel_tool_use"] = not prompt.parallel_tools
    return choice


_CHOICES: Final[Mapping[str | None, str]] = {None: "auto", "auto": "auto", "required": "any"}


def _reason(body: dict[str, Any], asked: Reasoning, model: str, most: int, going_on: bool) -> None:
    """How hard to think. An answer that is gone on from is past its thinking, and the dialect allows none there."""
    if asked.effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    by_budget = _BUDGETS_ONLY.match(model.rpartition("/")[2]) is not None
    budget = asked.budget
    if asked.effort is not None and not (by_budget and budget is None):
        body["output_config"] = {"effort": _EFFORTS[asked.effort]}
    if going_on:
        return
    if budget is None and by_budget:
        if most <= LEAST_BUDGET:
            raise UntranslatableError(
                "reasoning_effort",
                f"`{model}` thinks with {LEAST_BUDGET} tokens at least; a bound of {most} on the answer leaves none",
            )
        budget = min(max(int(most * _SHARES[asked.effort or "medium"]), LEAST_BUDGET), most - 1)
    thinking: dict[str, Any] = {"type": "adaptive"} if budget is None else {"type": "enabled", "budget_tokens": budget}
    if asked.show is not None:
        thinking["display"] = "summarized" if asked.show else "omitted"
    body["thinking"] = thinking
