"""Requests in the Gemini dialect, written: a prompt of no dialect → the body of generateContent.

What the dialect cannot say is refused by the name of the client's field, never left out. What must not live here: answers.
"""

import re
from collections.abc import Mapping
from mimetypes import guess_type
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from roteiro.wire.canon import (
    EmbeddingPrompt,
    File,
    Image,
    Message,
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

__all__ = ["model_path", "write_embeddings", "write_prompt"]

_BEFORE_LEVELS: Final = re.compile(r"gemini-[12](?:\.|-|$)|gemini-pro|gemini-flash(?!-latest)|gemma")
"""Models that think by a budget of tokens, and whose calls need no signature: before Gemini 3."""

_BUDGETS: Final[Mapping[str, int]] = {
    "none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576,
}  # fmt: skip
"""Thinking tokens by effort, as Google's own OpenAI-compatible endpoint has them; 24,576 is what every 2.5 model allows."""

_LEVELS: Final[Mapping[str, str]] = {
    "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH", "max": "XHIGH",
}  # fmt: skip

_UNSIGNED: Final = "skip_thought_signature_validator"
"""The value that Google documents for calls in a history that another model wrote; without one Gemini 3 refuses the request."""

_MODES: Final[Mapping[str, str]] = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_TIERS: Final[Mapping[str, str | None]] = {"auto": None, "default": "standard", "flex": "flex", "priority": "priority"}
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_encode: Final = msgspec.json.Encoder().encode


def write_prompt(prompt: Prompt, model: str, prefix: str | None = None) -> bytes:
    """The body. `prefix` is the beginning of the answer: the last content, of the model. Raises UntranslatableError."""
    _refuse(prompt)
    signed = _BEFORE_LEVELS.match(model.rpartition("/")[2]) is None
    system, contents = _conversation(prompt, signed)
    if prefix:
        if contents[-1]["role"] == "model":
            contents[-1]["parts"].append({"text": prefix})
        else:
            contents.append({"role": "model", "parts": [{"text": prefix}]})
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    if prompt.tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in prompt.tools]}]
        if (config := _calling(prompt)) is not None:
            body["toolConfig"] = {"functionCallingConfig": config}
    if generation := _generation(prompt, by_level=signed):
        body["generationConfig"] = generation
    if (tier := _TIERS[prompt.service_tier or "auto"]) is not None:
        body["serviceTier"] = tier
    return _encode(body)


def write_embeddings(prompt: EmbeddingPrompt, model: str) -> bytes:
    """The body of batchEmbedContents. Raises UntranslatableError for lists of token numbers."""
    requests = []
    for text in prompt.inputs:
        if not isinstance(text, str):
            raise UntranslatableError("input", "Gemini embeds texts, not token numbers; send the text itself")
        request: dict[str, Any] = {"model": model_path(model), "content": {"parts": [{"text": text}]}}
        if prompt.dimensions is not None:
            request["outputDimensionality"] = prompt.dimensions
        requests.append(request)
    return _encode({"requests": requests})


def model_path(model: str) -> str:
    """A model's resource name: `models/NAME`, or as it is where it says its collection itself (`tunedModels/NAME`)."""
    return model if "/" in model else f"models/{model}"


def _refuse(prompt: Prompt) -> None:
    """What a prompt may ask for and this dialect has no field for. The user's id is the gateway's to know; there is no field, and the
    answer does not depend on it."""
    if prompt.logit_bias:
        raise UntranslatableError("logit_bias", "Gemini has no bias on tokens; leave `logit_bias` out, or name another model")
    if prompt.metadata:
        raise UntranslatableError("metadata", "Gemini keeps no metadata; leave `metadata` out, or name another model")
    if prompt.tools and prompt.parallel_tools is False:
        raise UntranslatableError(
            "parallel_tool_calls", "Gemini may always call several tools at once; do not forbid it, or name another model"
        )
    if prompt.service_tier is not None and prompt.service_tier not in _TIERS:
        raise UntranslatableError("service_tier", f"Gemini has the tiers {', '.join(f'`{tier}`' for tier in _TIERS)}")


def _conversation(prompt: Prompt, signed: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The system's parts and the contents. System messages in the middle go to the end of the system instruction; turns of one role in a
    row become one, but results of tools stay on their own, right after the calls."""
    system: list[dict[str, Any]] = [{"text": text.text} for text in prompt.system if text.text]
    contents: list[dict[str, Any]] = []
    names = {part.id: part.name for message in prompt.messages for part in message.parts if isinstance(part, ToolCall)}
    last = ""
    for message in prompt.messages:
        if message.name is not None:
            raise UntranslatableError("messages.name", "Gemini's contents have no names; leave `name` out, or say it in the text")
        parts = _parts(message, names, signed)
        if message.role == "system":
            system += parts
        elif not parts:
            continue
        elif message.role == last:
            contents[-1]["parts"] += parts
        else:
            last = message.role
            contents.append({"role": "model" if last == "assistant" else "user", "parts": parts})
    if not contents:
        raise UntranslatableError("messages", "Gemini needs at least one message of the user beside the system prompt")
    return system, contents


def _parts(message: Message, names: Mapping[str, str], signed: bool) -> list[dict[str, Any]]:
    parts = [written for part in message.parts if (written := _part(part, names)) is not None]
    if signed and not any("thoughtSignature" in part for part in parts):
        for part in parts:
            if "functionCall" in part:  # the first call of a step has it, as Gemini itself signs
                part["thoughtSignature"] = _UNSIGNED
                break
    return parts


def _part(part: Part, names: Mapping[str, str]) -> dict[str, Any] | None:
    match part:
        case Text(text=text) | Refused(text=text):
            return {"text": text} if text else None
        case Image():
            return _picture(part)
        case File():
            return _file(part)
        case Thinking():
            return None  # thoughts of earlier turns: the dialect takes none but its own signatures, which calls carry
        case ToolCall(id=id, name=name, arguments=arguments, signature=signature):
            call: dict[str, Any] = {"functionCall": {"id": id, "name": name, "args": _arguments(id, arguments)}}
            if signature is not None:
                call["thoughtSignature"] = signature
            return call
        case ToolResult():
            return {"functionResponse": _result(part, names)}


def _arguments(id: str, arguments: str) -> Raw:
    text = arguments.strip() or "{}"
    try:
        _OBJECT.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise UntranslatableError("messages.tool_calls.arguments", f"the arguments of the tool call `{id}` are not a JSON object") from None
    return Raw(text.encode())


def _result(result: ToolResult, names: Mapping[str, str]) -> dict[str, Any]:
    name = result.name or names.get(result.id)
    if name is None:
        raise UntranslatableError("messages.tool_call_id", f"no message before it calls a tool by the id `{result.id}`")
    texts, inline = [], []
    for part in result.parts:
        match part:
            case Text(text=text):
                texts.append(text)
            case Image(data=str()) | File(data=str()):
                inline.append({"inlineData": {"mimeType": part.media_type, "data": part.data}})
            case _:
                raise UntranslatableError("messages.content", "results of tools for Gemini are text, and pictures and files inline")
    written: dict[str, Any] = {"id": result.id, "name": name, "response": {"error" if result.error else "output": "\n".join(texts)}}
    if inline:
        written["parts"] = inline
    return written


def _picture(image: Image) -> dict[str, Any]:
    if image.detail == "low":
        raise UntranslatableError("messages.image_url.detail", "Gemini looks at pictures in full; leave `detail` out")
    if image.url is not None:
        return _by_address(image.url, "messages.image_url")
    return {"inlineData": {"mimeType": image.media_type, "data": image.data or ""}}


def _file(file: File) -> dict[str, Any]:
    if file.data is not None:
        return {"inlineData": {"mimeType": file.media_type, "data": file.data}}
    if file.id is not None:
        raise UntranslatableError("messages.file", "the file is kept by another provider than Google; send it inline or by its address")
    return _by_address(file.url or "", "messages.file")


def _by_address(url: str, param: str) -> dict[str, Any]:
    """Google fetches public and signed HTTPS addresses, its own files and its storage's itself."""
    if not url.startswith(("https://", "gs://")):
        raise UntranslatableError(param, "Gemini fetches `https://` and `gs://` addresses only; send the file inline")
    media_type = guess_type(urlsplit(url).path)[0]
    return {"fileData": {"fileUri": url} if media_type is None else {"mimeType": media_type, "fileUri": url}}


def _declaration(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.schema is not None:
        written["parametersJsonSchema"] = tool.schema
    return written


def _calling(prompt: Prompt) -> dict[str, Any] | None:
    choice = prompt.tool_choice
    if choice is not None and choice.startswith("="):
        return {"mode": "ANY", "allowedFunctionNames": [choice[1:]]}
    if choice in (None, "auto") and any(tool.strict for tool in prompt.tools):
        return {"mode": "VALIDATED"}  # text or calls, and calls as their schemas say
    return None if choice is None else {"mode": _MODES[choice]}


def _generation(prompt: Prompt, by_level: bool) -> dict[str, Any]:
    config: dict[str, Any] = {
        "temperature": prompt.temperature,
        "topP": prompt.top_p,
        "topK": prompt.top_k,
        "maxOutputTokens": prompt.max_tokens,
        "stopSequences": prompt.stop or None,
        "seed": prompt.seed,
        "candidateCount": prompt.n if prompt.n > 1 else None,
        "presencePenalty": prompt.presence_penalty,
        "frequencyPenalty": prompt.frequency_penalty,
        "responseLogprobs": prompt.logprobs or None,
        "logprobs": prompt.top_logprobs,
        "thinkingConfig": None if prompt.reasoning is None else _thinking(prompt.reasoning, by_level),
    }
    if prompt.format is not None and prompt.format.kind != "text":
        config["responseMimeType"] = "application/json"
        if prompt.format.kind == "schema":
            config["responseJsonSchema"] = prompt.format.schema or {}
    return {name: value for name, value in config.items() if value is not None}


def _thinking(asked: Reasoning, by_level: bool) -> dict[str, Any] | None:
    """A budget where one is given, for it says more than an effort; the dialect refuses both at once."""
    config: dict[str, Any] = {}
    if asked.budget is not None:
        config["thinkingBudget"] = asked.budget
    elif asked.effort == "none" or (asked.effort is not None and not by_level):
        config["thinkingBudget"] = _BUDGETS[asked.effort]
    elif asked.effort is not None:
        config["thinkingLevel"] = _LEVELS[asked.effort]
    elif not by_level:
        config["thinkingBudget"] = -1  # as much as the model deems right; later models do so unasked
    if asked.show is not None:
        config["includeThoughts"] = asked.show
    return config or None
