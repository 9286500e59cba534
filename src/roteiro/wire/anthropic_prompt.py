"""Requests in the Anthropic dialect, taken apart whole: the body of /v1/messages → a prompt of no dialect.

What the canonical prompt has no word for is refused by name: a server tool, a container, a search result. What must not live here:
the reading that admission needs (anthropic.py), and answers.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from roteiro.wire.body import invalid, typed, untranslatable
from roteiro.wire.canon import (
    File,
    Format,
    Image,
    Message,
    Part,
    Prompt,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

__all__ = ["read_prompt"]

_Cache: TypeAlias = Mapping[str, Any] | None


class _Base64Source(Struct, tag_field="type", tag="base64", forbid_unknown_fields=True):
    data: str
    media_type: str


class _UrlSource(Struct, tag_field="type", tag="url", forbid_unknown_fields=True):
    url: str


class _FileSource(Struct, tag_field="type", tag="file", forbid_unknown_fields=True):
    file_id: str


class _TextSource(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    data: str
    media_type: Literal["text/plain"] = "text/plain"


class _TextBlock(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    text: str
    cache_control: _Cache = None
    citations: Sequence[Any] | None = None


class _ImageBlock(Struct, tag_field="type", tag="image", forbid_unknown_fields=True):
    source: _Base64Source | _UrlSource
    cache_control: _Cache = None


class _Citations(Struct, forbid_unknown_fields=True):
    enabled: Literal[False] = False


class _DocumentBlock(Struct, tag_field="type", tag="document", forbid_unknown_fields=True):
    source: _Base64Source | _UrlSource | _FileSource | _TextSource
    title: str | None = None
    citations: _Citations | None = None
    cache_control: _Cache = None


class _ThinkingBlock(Struct, tag_field="type", tag="thinking", forbid_unknown_fields=True):
    thinking: str
    signature: str | None = None


class _RedactedThinkingBlock(Struct, tag_field="type", tag="redacted_thinking", forbid_unknown_fields=True):
    data: str


class _Caller(Struct, forbid_unknown_fields=True):
    type: Literal["direct"] = "direct"


class _ToolUseBlock(Struct, tag_field="type", tag="tool_use", forbid_unknown_fields=True):
    id: str
    name: str
    input: dict[str, Raw]
    cache_control: _Cache = None
    caller: _Caller | None = None
    toolset_name: None = None


class _ToolResultBlock(Struct, tag_field="type", tag="tool_result", forbid_unknown_fields=True):
    tool_use_id: str
    content: str | list[_TextBlock | _ImageBlock | _DocumentBlock] | None = None
    is_error: bool | None = None
    cache_control: _Cache = None
    toolset_name: None = None


_Block: TypeAlias = _TextBlock | _ImageBlock | _DocumentBlock | _ThinkingBlock | _RedactedThinkingBlock | _ToolUseBlock | _ToolResultBlock


class _Message(Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Block]


class _Tool(Struct, forbid_unknown_fields=True):
    name: str
    input_schema: Mapping[str, Any]
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: _Cache = None
    eager_input_streaming: bool | None = None


class _Auto(Struct, tag_field="type", tag="auto", forbid_unknown_fields=True):
    disable_parallel_tool_use: bool | None = None


class _Any(Struct, tag_field="type", tag="any", forbid_unknown_fields=True):
    disable_parallel_tool_use: bool | None = None


class _One(Struct, tag_field="type", tag="tool", forbid_unknown_fields=True):
    name: str
    disable_parallel_tool_use: bool | None = None


class _No(Struct, tag_field="type", tag="none", forbid_unknown_fields=True):
    pass


class _Budget(Struct, tag_field="type", tag="enabled", forbid_unknown_fields=True):
    budget_tokens: int
    display: Literal["summarized", "omitted"] | None = None


class _Adaptive(Struct, tag_field="type", tag="adaptive", forbid_unknown_fields=True):
    display: Literal["summarized", "omitted"] | None = None


class _Disabled(Struct, tag_field="type", tag="disabled", forbid_unknown_fields=True):
    pass


class _Format(Struct, forbid_unknown_fields=True):
    type: Literal["json_schema"]
    schema: Mapping[str, Any]
    name: str | None = None


class _OutputConfig(Struct, forbid_unknown_fields=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: _Format | None = None


class _Metadata(Struct, forbid_unknown_fields=True):
    user_id: str | None = None


class _Body(Struct, forbid_unknown_fields=True):
    model: str
    max_tokens: int
    messages: list[_Message]
    system: str | list[_TextBlock] = ""
    tools: Sequence[_Tool] = ()
    tool_choice: _Auto | _Any | _One | _No | None = None
    thinking: _Budget | _Adaptive | _Disabled | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None
    stop_sequences: Sequence[str] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    metadata: _Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    stream: bool = False
    cache_control: _Cache = None


class _Kind(Struct):
    type: str | UnsetType | None = UNSET


_BODY: Final = msgspec.json.Decoder(_Body)
_KINDS: Final = msgspec.json.Decoder(list[_Kind])
_encode: Final = msgspec.json.Encoder().encode


def read_prompt(fields: Mapping[str, Raw]) -> Prompt:
    """The whole request. Raises RequestError (400) for what is malformed and for what no other dialect can say."""
    said = {name: raw for name, raw in fields.items() if bytes(raw) != b"null"}
    _refuse_server_tools(said.get("tools"))
    body = typed(said, _BODY)
    if body.max_tokens < 1:
        raise untranslatable("max_tokens", "of 0, which fills a prompt cache,")
    form = (body.output_config and body.output_config.format) or body.output_format
    names: dict[str, str] = {}
    return Prompt(
        system=_system(body.system),
        messages=[message for turn in body.messages for message in _messages(turn, names)],
        tools=[Tool(tool.name, tool.description, tool.input_schema, tool.strict, tool.cache_control) for tool in body.tools],
        tool_choice=_choice(body.tool_choice),
        parallel_tools=_parallel(body.tool_choice),
        format=None if form is None else Format("schema", name=form.name or "answer", schema=form.schema),
        reasoning=_reasoning(body),
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        stop=body.stop_sequences,
        stream=body.stream,
        user=body.metadata.user_id if body.metadata else None,
        service_tier=_TIERS[body.service_tier] if body.service_tier else None,
    )


_TIERS: Final[Mapping[str, str]] = {"auto": "auto", "standard_only": "default"}


def _system(said: str | list[_TextBlock]) -> list[Text]:
    if isinstance(said, str):
        return [Text(said)] if said else []
    return [_text(block) for block in said]


def _refuse_server_tools(raw: Raw | None) -> None:
    """A tool of Anthropic's own (web search, bash, computer …) is none that another provider could run or knows how to call."""
    if raw is None:
        return
    try:
        kinds = _KINDS.decode(raw)
    except msgspec.DecodeError:
        return  # what is wrong with it, the whole body's type says better
    for index, kind in enumerate(kinds):
        if kind.type not in (UNSET, None, "custom"):
            raise untranslatable(f"tools[{index}].type", f"'{kind.type}'")


def _messages(turn: _Message, names: dict[str, str]) -> Iterator[Message]:
    """A turn as messages: tool results are a turn of their own in other dialects. `names` keeps the names of tools by call."""
    if isinstance(turn.content, str):
        yield Message(turn.role, [Text(turn.content)])
        return
    results: list[Part] = []
    others: list[Part] = []
    for block in turn.content:
        if isinstance(block, _ToolResultBlock):
            if turn.role != "user":
                raise invalid("messages", "`messages`: a `tool_result` stands in a `user` message only")
            if others:
                yield Message(turn.role, others)
                others = []
            results.append(_result(block, names))
            continue
        if results:
            yield Message("tool", results)
            results = []
        part = _part(block)
        if isinstance(part, ToolCall):
            names[part.id] = part.name
        others.append(part)
    if results:
        yield Message("tool", results)
    if others or not turn.content:
        yield Message(turn.role, others)


def _part(block: _Block) -> Part:
    match block:
        case _TextBlock():
            return _text(block)
        case _ImageBlock():
            return _image(block)
        case _DocumentBlock():
            return _document(block)
        case _ThinkingBlock():
            return Thinking(block.thinking, block.signature or None)  # we write none as an empty one, which the dialect has a field for
        case _RedactedThinkingBlock():
            return Thinking("", redacted=block.data)
        case _ToolUseBlock():
            return ToolCall(block.id, block.name, _encode(block.input).decode(), cache=block.cache_control)
        case _ToolResultBlock():
            raise AssertionError("results are told apart before")


def _text(block: _TextBlock) -> Text:
    return Text(block.text, block.cache_control)  # citations of an earlier answer are about it, not part of it


def _image(block: _ImageBlock) -> Image:
    if isinstance(block.source, _UrlSource):
        return Image(url=block.source.url, cache=block.cache_control)
    return Image(data=block.source.data, media_type=block.source.media_type, cache=block.cache_control)


def _document(block: _DocumentBlock) -> File:
    match block.source:
        case _Base64Source(data=data, media_type=media_type):
            return File(data=data, media_type=media_type, name=block.title, cache=block.cache_control)
        case _UrlSource(url=url):
            return File(url=url, name=block.title, cache=block.cache_control)
        case _FileSource(file_id=file):
            return File(id=file, name=block.title, cache=block.cache_control)
        case _TextSource(data=text):
            return File(data=b64encode(text.encode()).decode(), media_type="text/plain", name=block.title, cache=block.cache_control)


def _result(block: _ToolResultBlock, names: Mapping[str, str]) -> ToolResult:
    content = block.content
    parts = [Text(content)] if isinstance(content, str) else [_part(part) for part in content or ()]
    return ToolResult(block.tool_use_id, parts, bool(block.is_error), names.get(block.tool_use_id), block.cache_control)


def _choice(choice: _Auto | _Any | _One | _No | None) -> str | None:
    match choice:
        case None:
            return None
        case _Auto():
            return "auto"
        case _Any():
            return "required"
        case _One(name=name):
            return f"={name}"
        case _No():
            return "none"


def _parallel(choice: _Auto | _Any | _One | _No | None) -> bool | None:
    if choice is None or isinstance(choice, _No) or choice.disable_parallel_tool_use is None:
        return None
    return not choice.disable_parallel_tool_use


def _reasoning(body: _Body) -> Reasoning | None:
    effort = body.output_config.effort if body.output_config else None
    match body.thinking:
        case None:
            return None if effort is None else Reasoning(effort)
        case _Disabled():
            if effort is not None:
                raise untranslatable("output_config.effort", "beside `thinking` that is disabled")
            return Reasoning("none")
        case _Budget(budget_tokens=budget, display=display):
            return Reasoning(effort, budget, _SHOWN[display])
        case _Adaptive(display=display):
            return Reasoning(effort, None, _SHOWN[display])


_SHOWN: Final[Mapping[str | None, bool | None]] = {None: None, "summarized": True, "omitted": False}
