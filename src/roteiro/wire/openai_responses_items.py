"""Items of OpenAI responses: what a client gives as input, to messages of no dialect; what an answer's output is made of.

What must not live here: the rest of a request or of an answer, and events.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from roteiro.wire.body import invalid, untranslatable
from roteiro.wire.canon import File, Message, Part, Refused, Text, Thinking, ToolCall, ToolResult
from roteiro.wire.openai_parts import AUDIO, file_of, image_of, say_tool_call, signature_of

__all__ = ["InputItem", "call_item", "message_item", "read_items", "reasoning_item", "refusal_part", "text_part"]

_MARK: Final = "roteiro."
"""What `encrypted_content` begins with where it is ours; another's is of no use to a provider that did not write it."""


class _Strict(Struct, forbid_unknown_fields=True):
    pass


class _InputText(_Strict, tag_field="type", tag="input_text"):
    text: str
    prompt_cache_breakpoint: Any = None


class _InputImage(_Strict, tag_field="type", tag="input_image"):
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    prompt_cache_breakpoint: Any = None


class _InputFile(_Strict, tag_field="type", tag="input_file"):
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None
    prompt_cache_breakpoint: Any = None


class _Audio(_Strict):
    data: str
    format: str


class _InputAudio(_Strict, tag_field="type", tag="input_audio"):
    input_audio: _Audio


class _OutputText(_Strict, tag_field="type", tag="output_text"):
    text: str
    annotations: Any = None
    logprobs: Any = None


class _OutputRefusal(_Strict, tag_field="type", tag="refusal"):
    refusal: str


class _Summary(_Strict, tag_field="type", tag="summary_text"):
    text: str


class _ReasoningText(_Strict, tag_field="type", tag="reasoning_text"):
    text: str


Content: TypeAlias = _InputText | _InputImage | _InputFile | _InputAudio | _OutputText | _OutputRefusal | _ReasoningText


class InputItem(_Strict):
    """An item of any kind that is known: messages, function calls, their outputs, reasoning."""

    type: Literal["message", "function_call", "function_call_output", "reasoning"] = "message"
    id: str | None = None
    status: str | None = None
    phase: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[Content] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Content] | None = None
    summary: list[_Summary] | None = None
    encrypted_content: str | None = None
    extra_content: dict[str, Any] | None = None


class _Thought(Struct, omit_defaults=True):
    text: str = ""
    signature: str | None = None
    redacted: str | None = None


_THOUGHT: Final = msgspec.json.Decoder(_Thought)
_encode: Final = msgspec.json.Encoder().encode


def read_items(given: str | Sequence[InputItem]) -> tuple[list[Text], list[Message]]:
    """What leads of the system, and the messages. What an assistant gave in a row, over several items, is one turn of it."""
    if isinstance(given, str):
        return [], [Message("user", (Text(given),))]
    system: list[Text] = []
    turns: list[tuple[Literal["system", "user", "assistant", "tool"], list[Part]]] = []
    names: dict[str, str] = {}
    for at, item in enumerate(given):
        role, parts = _turn(item, f"input[{at}]", names)
        texts = [part for part in parts if isinstance(part, Text)]
        if role == "system" and len(texts) != len(parts):
            raise invalid(f"input[{at}].content", f"`input[{at}].content` of a system prompt must be text")
        if role == "system" and not turns:
            system += texts
        elif turns and turns[-1][0] == role and role in ("assistant", "tool"):
            turns[-1][1].extend(parts)
        else:
            turns.append((role, list(parts)))
    return system, [Message(role, tuple(parts)) for role, parts in turns if parts]


def _turn(item: InputItem, place: str, names: dict[str, str]) -> tuple[Literal["system", "user", "assistant", "tool"], Sequence[Part]]:
    if item.type == "message":
        if item.role is None:
            raise invalid(f"{place}.role", f"you must provide `{place}.role`", "missing_required_parameter")
        parts = _parts(item.content, f"{place}.content")
        return ("system" if item.role == "developer" else item.role), parts
    if item.type == "reasoning":
        thought = _thought(item)
        return "assistant", () if thought is None else (thought,)
    if item.call_id is None:
        raise invalid(f"{place}.call_id", f"you must provide `{place}.call_id`", "missing_required_parameter")
    if item.type == "function_call":
        if item.name is None:
            raise invalid(f"{place}.name", f"you must provide `{place}.name`", "missing_required_parameter")
        names[item.call_id] = item.name
        return "assistant", (ToolCall(item.call_id, item.name, item.arguments or "", signature_of(item.extra_content)),)
    return "tool", (ToolResult(item.call_id, tuple(_parts(item.output, f"{place}.output")), name=names.get(item.call_id)),)


def _parts(content: str | Sequence[Content] | None, place: str) -> list[Part]:
    if content is None:
        raise invalid(place, f"`{place}` must be a text or a list of parts")
    if isinstance(content, str):
        return [Text(content)]
    return [_part(part, f"{place}[{at}]") for at, part in enumerate(content)]


def _part(part: Content, place: str) -> Part:
    if isinstance(part, (_InputText, _OutputText)):
        return Text(part.text)
    if isinstance(part, _OutputRefusal):
        return Refused(part.refusal)
    if isinstance(part, _InputImage):
        if part.image_url is None:
            raise untranslatable(f"{place}.file_id") if part.file_id else invalid(place, f"`{place}` needs `image_url`")
        return image_of(part.image_url, part.detail, f"{place}.image_url")
    if isinstance(part, _InputAudio):
        if part.input_audio.format not in AUDIO:
            raise invalid(f"{place}.input_audio.format", f"`{place}.input_audio.format` must be `wav` or `mp3`")
        return File(data=part.input_audio.data, media_type=AUDIO[part.input_audio.format])
    if isinstance(part, _InputFile):
        if part.file_url is not None:
            return File(url=part.file_url, name=part.filename)
        return file_of(part.file_data, part.file_id, part.filename, place)
    raise untranslatable(place, "as `reasoning_text`")


def _thought(item: InputItem) -> Thinking | None:
    """Reasoning that came back: whole where we sealed it, else as far as it was shown."""
    sealed = item.encrypted_content or ""
    if sealed.startswith(_MARK):
        try:
            kept = _THOUGHT.decode(b64decode(sealed.removeprefix(_MARK), validate=True))
            return Thinking(kept.text, kept.signature, kept.redacted)
        except (msgspec.DecodeError, ValueError):
            pass  # damaged on its way: as good as another provider's
    text = "".join(piece.text for piece in item.summary or ())
    if not text and isinstance(item.content, list):
        text = "".join(piece.text for piece in item.content if isinstance(piece, _ReasoningText))
    return Thinking(text) if text else None


def text_part(text: str, logprobs: Sequence[Any] = ()) -> dict[str, Any]:
    """Text of an answer."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def refusal_part(text: str) -> dict[str, Any]:
    """A refusal in an answer."""
    return {"type": "refusal", "refusal": text}


def message_item(id: str, content: Iterable[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    """A message of the model."""
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": list(content)}


def call_item(id: str, call: ToolCall, status: str = "completed") -> dict[str, Any]:
    """A function call."""
    said = {"id": id, "type": "function_call", "status": status, "call_id": call.id, "name": call.name, "arguments": call.arguments}
    if call.signature is not None:
        said["extra_content"] = say_tool_call(call)["extra_content"]
    return said


def reasoning_item(id: str, thought: Thinking, show: bool, seal: bool, status: str = "completed") -> dict[str, Any]:
    """Reasoning: in words where they were asked for (`show`), to be given back where that was asked for (`seal`)."""
    summary = [{"type": "summary_text", "text": thought.text}] if show and thought.text else []
    item: dict[str, Any] = {"id": id, "type": "reasoning", "status": status, "summary": summary}
    if seal:
        kept = _Thought(thought.text, thought.signature, thought.redacted)
        item["encrypted_content"] = _MARK + b64encode(_encode(kept)).decode()
    return item
