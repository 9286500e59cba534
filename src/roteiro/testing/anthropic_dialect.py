"""A sandbox's Anthropic dialect: messages with typed events, token counting, models.

What must not live here: what is answered, timing, faults.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from roteiro.terms.error import RequestError
from roteiro.testing.answer import Answer, Choice
from roteiro.testing.dialect import Kind, Request, decoded, one_line
from roteiro.testing.openai_dialect import halves
from roteiro.testing.question import MOST_TOKENS, PART, Question, Texts, Tool, Turn, asks_for_tool, digest_of, last_said, tokens_of
from roteiro.testing.tape import Frame, FrameKind, Tape, json_tape

__all__ = ["AnthropicDialect"]

_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_ENDPOINTS: Final = {("POST", "/messages"): Kind.CHAT, ("POST", "/messages/count_tokens"): Kind.COUNT, ("GET", "/models"): Kind.MODELS}
_FINISH: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

_Blocks = str | list[dict[str, Any]]


class _Message(msgspec.Struct):
    role: str
    content: _Blocks


class _Messages(msgspec.Struct):
    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    system: _Blocks | None = None
    stream: bool = False
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    stop_sequences: list[str] | None = None
    output_config: dict[str, Any] | None = None
    output_format: dict[str, Any] | None = None


_MESSAGES: Final = msgspec.json.Decoder(_Messages)


class AnthropicDialect:
    """See `Dialect`."""

    name = "anthropic"
    version = "/v1"

    def kind(self, method: str, path: str) -> Kind | None:
        return _ENDPOINTS.get((method, path))

    def key(self, request: Request) -> str:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")  # its official client has come to send this
        return request.headers.get("x-api-key", bearer if scheme.lower() == "bearer" else "")

    def question(self, request: Request) -> Question:
        if "anthropic-version" not in request.headers:
            raise RequestError(400, "invalid_request_error", "anthropic-version: header is required")
        asked = decoded(_MESSAGES, request.body)
        if asked.max_tokens is None and not request.path.endswith("/count_tokens"):
            raise RequestError(400, "invalid_request_error", "max_tokens: Field required")
        turns = [] if asked.system is None else [Turn("system", _texts(asked.system))]
        for message in asked.messages:
            if message.role not in ("user", "assistant"):
                raise RequestError(400, "invalid_request_error", f"messages: Unexpected role {message.role!r}")
            turns.append(Turn("assistant" if message.role == "assistant" else _role(message.content), _texts(message.content)))
        tokens, prefix = tokens_of(turns), ""
        if turns[-1].role == "assistant":
            prefix = "".join(turns.pop().texts)
            if prefix != prefix.rstrip():
                raise RequestError(400, "invalid_request_error", "messages: final assistant content cannot end with trailing whitespace")
        tools = tuple(Tool(str(tool.get("name", "")), tool.get("input_schema") or {}) for tool in asked.tools or ())
        choice = (asked.tool_choice or {}).get("type", "auto")
        wanted = (asked.output_config or {}).get("format") or asked.output_format or {}
        return Question(
            model=asked.model,
            digest=digest_of(turns),
            said=last_said(turns),
            prompt_tokens=tokens,
            most_tokens=min(asked.max_tokens or MOST_TOKENS, MOST_TOKENS),
            prefix=prefix,
            stream=asked.stream,
            include_usage=True,
            tools=tools,
            calls_tool=bool(tools) and choice != "none" and (choice in ("any", "tool") or asks_for_tool(turns)),
            schema=wanted.get("schema") if wanted.get("type") == "json_schema" else None,
            reasons=(asked.thinking or {}).get("type") in ("enabled", "adaptive"),
            stop=tuple(asked.stop_sequences or ()),
        )

    def texts(self, request: Request) -> Texts:
        raise RequestError(404, "not_found_error", "this dialect has no embeddings")

    def body(self, answer: Answer) -> dict[str, Any]:
        choice = answer.choices[0]
        content: list[dict[str, Any]] = []
        if choice.reasoning:
            content.append({"type": "thinking", "thinking": "".join(choice.reasoning), "signature": f"sig-{answer.key}"})
        if choice.pieces:
            content.append({"type": "text", "text": choice.text})
        if (call := choice.call) is not None:
            content.append({"type": "tool_use", "id": _tool_id(call.id), "name": call.name, "input": msgspec.json.decode(call.arguments)})
        return {**_head(answer), "content": content, **_ending(answer), "usage": usage_of(answer)}

    def frames(self, answer: Answer) -> list[Frame]:
        """`message_start`, a block with its pieces at a time, `message_delta` with the usage, `message_stop`."""
        choice = answer.choices[0]
        opening = {**_head(answer), "content": [], "stop_reason": None, "stop_sequence": None}
        opening["usage"] = {**usage_of(answer), "output_tokens": 1}
        frames = [_event(FrameKind.START, "message_start", message=opening), _event(FrameKind.START, "ping")]
        for index, (block, pieces, signature) in enumerate(_blocks(choice, answer.key)):
            frames.append(_event(FrameKind.CONTENT, "content_block_start", index=index, content_block=block))
            frames += [_event(FrameKind.CONTENT, "content_block_delta", True, index=index, delta=piece) for piece in pieces]
            if signature:
                delta = {"type": "signature_delta", "signature": signature}
                frames.append(_event(FrameKind.CONTENT, "content_block_delta", index=index, delta=delta))
            frames.append(_event(FrameKind.CONTENT, "content_block_stop", index=index))
        frames.append(_event(FrameKind.FINISH, "message_delta", delta=_ending(answer), usage=usage_of(answer)))
        frames.append(_event(FrameKind.DONE, "message_stop"))
        return frames

    def count(self, tokens: int) -> dict[str, Any]:
        return {"input_tokens": tokens}

    def models(self, names: Sequence[str], owner: str) -> dict[str, Any]:
        rows = [{"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"} for name in names]
        return {"data": rows, "has_more": False, "first_id": names[0] if names else None, "last_id": names[-1] if names else None}

    def vectors(self, texts: Texts, vectors: Sequence[Sequence[float]]) -> dict[str, Any]:
        raise NotImplementedError

    def refusal(self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None) -> Tape:
        kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return json_tape(status, _error(kind, message), headers=headers)

    def error_frame(self, message: str) -> bytes:
        return one_line(self.error_value(message), "error")

    def error_value(self, message: str) -> dict[str, Any]:
        return _error("overloaded_error", message)

    def unauthorized(self) -> Tape:
        return self.refusal(401, "invalid x-api-key")

    def too_long(self, tokens: int, most: int) -> Tape:
        return self.refusal(400, f"prompt is too long: {tokens} tokens > {most} maximum")

    def content_refused(self, reason: str) -> Tape:
        return self.refusal(400, f"Output blocked by content filtering policy: {reason}")

    def prefix_refused(self) -> Tape:
        said = "This model does not support assistant message prefill. The conversation must end with a user message."
        return self.refusal(400, said)

    def throttled_body(self, wait_s: float | None) -> dict[str, Any]:
        return _error("rate_limit_error", "This request would exceed your organization's rate limit. Please try again later.")


def usage_of(answer: Answer) -> dict[str, Any]:
    """The dialect's `usage`: what came from the cache is not a part of the input there."""
    usage = answer.usage
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    }


def _texts(content: _Blocks) -> tuple[str, ...]:
    if isinstance(content, str):
        return (content,)
    texts: list[str] = []
    for block in content:
        inner = block.get("content")
        if isinstance(text := block.get("text"), str):
            texts.append(text)
        elif block.get("type") == "tool_result" and isinstance(inner, str | list):
            texts += _texts(inner)
        else:
            texts.append(PART)
    return tuple(texts)


def _role(content: _Blocks) -> Any:
    is_result = isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)
    return "tool" if is_result else "user"


def _head(answer: Answer) -> dict[str, Any]:
    return {"id": f"msg_{answer.key}", "type": "message", "role": "assistant", "model": f"{answer.model}{answer.version}"}


def _ending(answer: Answer) -> dict[str, Any]:
    choice = answer.choices[0]
    if choice.finish is None:
        return {"stop_reason": None, "stop_sequence": None}
    if choice.stopped_by is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": choice.stopped_by}
    ending: dict[str, Any] = {"stop_reason": _FINISH[choice.finish], "stop_sequence": None}
    if answer.refused is not None:
        ending["stop_details"] = {"type": "refusal", "explanation": answer.refused}
    return ending


def _tool_id(call: str) -> str:
    return call.replace("call_", "toolu_")


def _blocks(choice: Choice, key: str) -> list[tuple[dict[str, Any], list[dict[str, Any]], str]]:
    """The blocks of an answer: as each is opened, its pieces, and the signature that closes it."""
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]], str]] = []
    if choice.reasoning:
        thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in choice.reasoning]
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, thoughts, f"sig-{key}"))
    if choice.pieces:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in choice.pieces], ""))
    if (call := choice.call) is not None:
        parts = [{"type": "input_json_delta", "partial_json": part} for part in halves(call.arguments)]
        blocks.append(({"type": "tool_use", "id": _tool_id(call.id), "name": call.name, "input": {}}, parts, ""))
    return blocks


def _event(kind: FrameKind, event: str, word: bool = False, **fields: Any) -> Frame:
    return Frame(kind, one_line({"type": event, **fields}, event), word)


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_sandbox"}
