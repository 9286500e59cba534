"""Messages, tools and formats of OpenAI chat completions, to values of no dialect and back.

What must not live here: the rest of a request, and answers.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from roteiro.wire.body import invalid
from roteiro.wire.canon import (
    File,
    Format,
    Image,
    Message,
    Part,
    Refused,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    UntranslatableError,
)

__all__ = [
    "AUDIO", "ChatMessage", "ChatTool", "ChatToolCall", "FunctionChoice", "ResponseFormat", "file_of", "format_of", "image_of",
    "read_messages", "say_format", "say_message", "say_part", "say_tool_call", "signature_of", "tool_of",
]  # fmt: skip

_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,(.*)", re.DOTALL)
AUDIO: Final[Mapping[str, str]] = {"wav": "audio/wav", "mp3": "audio/mp3"}
"""Kinds of sound that the dialect has."""
_AUDIO_FORMATS: Final[Mapping[str, str]] = {
    "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3",
}  # fmt: skip
_BY_ENDING: Final[Mapping[str, str]] = {
    "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html",
    "json": "application/json",
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
}  # fmt: skip


# The dialect's own shapes. A field that is not here is refused by name.


class _Strict(Struct, forbid_unknown_fields=True, omit_defaults=True):
    pass


class _TextPart(_Strict, tag_field="type", tag="text"):
    text: str
    cache_control: dict[str, Any] | None = None
    """Anthropic's mark, which clients of OpenAI-compatible gateways write where they mean it."""


class _ImageUrl(_Strict):
    url: str
    detail: str | None = None


class _ImagePart(_Strict, tag_field="type", tag="image_url"):
    image_url: _ImageUrl | str


class _FileBody(_Strict):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _FilePart(_Strict, tag_field="type", tag="file"):
    file: _FileBody


class _AudioBody(_Strict):
    data: str
    format: str


class _AudioPart(_Strict, tag_field="type", tag="input_audio"):
    input_audio: _AudioBody


class _RefusalPart(_Strict, tag_field="type", tag="refusal"):
    refusal: str


ChatPart: TypeAlias = _TextPart | _ImagePart | _FilePart | _AudioPart | _RefusalPart


class _FunctionCall(_Strict):
    name: str
    arguments: str = ""


class ChatToolCall(_Strict):
    """A call of a tool, as an assistant's message shows it."""

    id: str
    function: _FunctionCall
    type: Literal["function"] = "function"
    extra_content: dict[str, Any] | None = None
    """Google's place for a thought's signature in its OpenAI-compatible endpoint."""
    index: int | None = None
    """Of a streamed call; clients that keep deltas send it back."""


class ChatMessage(_Strict):
    """One message, of any role."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ChatPart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ChatToolCall] | None = None
    function_call: _FunctionCall | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    annotations: list[Any] | None = None
    audio: None = None


class _Function(_Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ChatTool(_Strict, tag_field="type", tag="function"):
    """A function that the model may call."""

    function: _Function
    cache_control: dict[str, Any] | None = None


class _Named(_Strict):
    name: str


class FunctionChoice(_Strict, tag_field="type", tag="function"):
    """One tool, and no other."""

    function: _Named


class _AnyText(_Strict, tag_field="type", tag="text"):
    pass


class _AnyObject(_Strict, tag_field="type", tag="json_object"):
    pass


class _Schema(_Strict):
    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _BySchema(_Strict, tag_field="type", tag="json_schema"):
    json_schema: _Schema


ResponseFormat: TypeAlias = _AnyText | _AnyObject | _BySchema


# To no dialect.


def read_messages(messages: Sequence[ChatMessage]) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """The system prompt (what leads the messages), and the rest. Raises RequestError (400) that names the place."""
    system: list[Text] = []
    rest: list[Message] = []
    results: list[Part] = []
    names: dict[str, str] = {}
    """Of tools, by the calls' ids."""
    called = 0
    for at, message in enumerate(messages):
        place = f"messages[{at}]"
        if message.role in ("tool", "function"):
            if message.role == "function":  # the deprecated form has names and no ids: the last call of that name
                id = next((id for id, name in reversed(names.items()) if name == message.name), f"call_{at}")
            elif message.tool_call_id is None:
                raise invalid(f"{place}.tool_call_id", f"`{place}.tool_call_id` must name the call that this is the result of")
            else:
                id = message.tool_call_id
            results.append(ToolResult(id, _parts(message, place), name=names.get(id) or message.name))
            continue
        if results:
            rest.append(Message("tool", tuple(results)))
            results = []
        if message.role in ("system", "developer"):
            parts = _parts(message, place)
            texts = tuple(part for part in parts if isinstance(part, Text))
            if len(texts) != len(parts):
                raise invalid(f"{place}.content", f"`{place}.content` of a system prompt must be text")
            if rest or message.name is not None:
                rest.append(Message("system", texts, message.name))
            else:
                system.extend(texts)
        elif message.role == "user":
            rest.append(Message("user", _parts(message, place), message.name))
        else:
            said = list(_parts(message, place)) if message.content is not None else []
            thought = message.reasoning_content or message.reasoning
            if thought:
                said.insert(0, Thinking(thought))
            if message.refusal:
                said.append(Refused(message.refusal))
            for call in message.tool_calls or ():
                said.append(ToolCall(call.id, call.function.name, call.function.arguments, signature_of(call.extra_content)))
                names[call.id] = call.function.name
            if message.function_call is not None:
                called += 1
                id = f"call_{called}"
                said.append(ToolCall(id, message.function_call.name, message.function_call.arguments))
                names[id] = message.function_call.name
            rest.append(Message("assistant", tuple(said), message.name))
    if results:
        rest.append(Message("tool", tuple(results)))
    return tuple(system), tuple(rest)


def _parts(message: ChatMessage, place: str) -> tuple[Part, ...]:
    content = message.content
    if content is None:
        raise invalid(f"{place}.content", f"`{place}.content` must be a text or a list of parts")
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_part(part, f"{place}.content[{at}]") for at, part in enumerate(content))


def _part(part: ChatPart, place: str) -> Part:
    if isinstance(part, _TextPart):
        return Text(part.text, part.cache_control)
    if isinstance(part, _RefusalPart):
        return Refused(part.refusal)
    if isinstance(part, _ImagePart):
        image = part.image_url
        return (
            image_of(image, None, f"{place}.image_url")
            if isinstance(image, str)
            else image_of(image.url, image.detail, f"{place}.image_url.url")
        )
    if isinstance(part, _AudioPart):
        kind = AUDIO.get(part.input_audio.format)
        if kind is None:
            raise invalid(f"{place}.input_audio.format", f"`{place}.input_audio.format` must be `wav` or `mp3`")
        return File(data=part.input_audio.data, media_type=kind)
    return file_of(part.file.file_data, part.file.file_id, part.file.filename, f"{place}.file")


def image_of(url: str, detail: str | None, place: str) -> Image:
    """A picture by address, or inline in a `data:` URL."""
    if url.startswith("data:"):
        found = _DATA_URL.fullmatch(url)
        if found is None:
            raise invalid(place, f"`{place}` must be an address or `data:image/…;base64,…`")
        return Image(data=found[2], media_type=found[1] or "image/png", detail=detail)
    if not url.startswith(("http://", "https://", "gs://")):
        raise invalid(place, f"`{place}` must be an address or `data:image/…;base64,…`")
    return Image(url=url, detail=detail)


def file_of(data: str | None, id: str | None, name: str | None, place: str) -> File:
    """A file inline (base64, maybe in a `data:` URL) or by its id. The kind follows from the URL, else from the name."""
    if data is not None:
        found = _DATA_URL.fullmatch(data) if data.startswith("data:") else None
        if data.startswith("data:") and found is None:
            raise invalid(f"{place}.file_data", f"`{place}.file_data` must be base64, or `data:…;base64,…`")
        kind = (found[1] if found else None) or _BY_ENDING.get((name or "").rpartition(".")[2].lower(), "application/pdf")
        return File(data=found[2] if found else data, media_type=kind, name=name)
    if id is None:
        raise invalid(place, f"`{place}` needs `file_data` or `file_id`")
    return File(id=id, name=name)


def signature_of(extra: Mapping[str, Any] | None) -> str | None:
    """A thought's signature, where Google's OpenAI-compatible endpoint has it."""
    google = (extra or {}).get("google")
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None


def tool_of(tool: ChatTool) -> Tool:
    """A tool."""
    function = tool.function
    return Tool(function.name, function.description, function.parameters, function.strict, tool.cache_control)


def format_of(format: ResponseFormat | None) -> Format | None:
    """The form of the answer."""
    if format is None:
        return None
    if isinstance(format, _BySchema):
        schema = format.json_schema
        return Format("schema", schema.name, schema.schema, schema.strict, schema.description)
    return Format("json" if isinstance(format, _AnyObject) else "text")


# From no dialect. Plain dictionaries, so that what is not said is not written.


def say_message(message: Message) -> Iterable[dict[str, Any]]:
    """A turn as messages of the dialect; a turn of several tool results is several messages. Raises UntranslatableError."""
    if message.role == "tool":
        for part in message.parts:
            if not isinstance(part, ToolResult):
                raise UntranslatableError("messages", "a turn of tool results holds something else")
            yield {"role": "tool", "tool_call_id": part.id, "content": _result(part)}
        return
    said: dict[str, Any] = {"role": message.role}
    if message.name is not None:
        said["name"] = message.name
    if message.role != "assistant":
        said["content"] = _content(message.parts)
        yield said
        return
    rest = [part for part in message.parts if isinstance(part, (Text, Image, File))]
    said["content"] = _content(rest) if rest else None
    calls = [say_tool_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        said["tool_calls"] = calls
    refused = "".join(part.text for part in message.parts if isinstance(part, Refused))
    if refused:
        said["refusal"] = refused
    elif not rest and not calls:
        said["content"] = ""  # a turn of thoughts alone
    yield said


def say_tool_call(call: ToolCall) -> dict[str, Any]:
    """A call as a message shows it."""
    said: dict[str, Any] = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    if call.signature is not None:
        said["extra_content"] = {"google": {"thought_signature": call.signature}}
    return said


def _content(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [say_part(part) for part in parts]


def _result(result: ToolResult) -> str | list[dict[str, Any]]:
    """A tool message holds text alone, and has no mark for a failure: the text says it."""
    for part in result.parts:
        if not isinstance(part, Text):
            raise UntranslatableError(
                "messages",
                "a tool's result that is not text cannot be said in OpenAI chat completions; give it as text, or in a user's message",
            )
    if result.error:
        return "Error: " + "".join(part.text for part in result.parts if isinstance(part, Text))
    return _content(result.parts) if result.parts else ""


def say_part(part: Part) -> dict[str, Any]:
    """A part of a message. Raises UntranslatableError for what has no form in the dialect."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        url = part.url if part.url is not None else f"data:{part.media_type};base64,{part.data}"
        return {"type": "image_url", "image_url": {"url": url} if part.detail is None else {"url": url, "detail": part.detail}}
    if isinstance(part, File):
        if part.id is not None:
            return {"type": "file", "file": {"file_id": part.id}}
        if part.data is None:
            raise UntranslatableError("messages", "a file by its address cannot be said in OpenAI chat completions; give its data inline")
        kind = _AUDIO_FORMATS.get(part.media_type)
        if kind is not None:
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": kind}}
        if part.media_type.startswith(("audio/", "video/")):
            raise UntranslatableError("messages", f"{part.media_type} cannot be said in OpenAI chat completions; it has wav and mp3")
        name = part.name or f"file.{next((end for end, kind in _BY_ENDING.items() if kind == part.media_type), 'bin')}"
        return {"type": "file", "file": {"filename": name, "file_data": f"data:{part.media_type};base64,{part.data}"}}
    raise UntranslatableError("messages", f"{type(part).__name__} is not a part of such a message in OpenAI chat completions")


def say_format(format: Format) -> dict[str, Any]:
    """The form of the answer."""
    if format.kind != "schema":
        return {"type": "json_object" if format.kind == "json" else "text"}
    schema: dict[str, Any] = {"name": format.name, "schema": format.schema or {}}
    if format.description is not None:
        schema["description"] = format.description
    if format.strict is not None:
        schema["strict"] = format.strict
    return {"type": "json_schema", "json_schema": schema}
