"""A sandbox's OpenAI dialect: chat completions, completions, embeddings, models.

What must not live here: what is answered, timing, faults.
"""

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from roteiro.testing.answer import Answer, Choice
from roteiro.testing.dialect import Kind, Request, decoded, one_line
from roteiro.testing.question import (
    MOST_TOKENS,
    PART,
    Question,
    Texts,
    Tool,
    Turn,
    asks_for_tool,
    digest_of,
    last_said,
    tokens_of,
    tokens_of_text,
)
from roteiro.testing.tape import Frame, FrameKind, Tape, json_tape

__all__ = ["OpenAIDialect"]

_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_ENDPOINTS: Final = {
    ("POST", "/chat/completions"): Kind.CHAT,
    ("POST", "/completions"): Kind.CHAT,
    ("POST", "/embeddings"): Kind.EMBEDDINGS,
    ("GET", "/models"): Kind.MODELS,
}
_ROLES: Final[Mapping[str, Any]] = {"developer": "system", "system": "system", "assistant": "assistant", "tool": "tool", "function": "tool"}
_Length = Annotated[int, Meta(ge=1)]
_Name = Annotated[str, Meta(min_length=1)]
_ANYTHING: Final[Mapping[str, Any]] = {"type": "object", "properties": {"answer": {"type": "string"}}}
"""What `json_object` asks for."""


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Chat(msgspec.Struct):
    """The fields a sandbox heeds; the rest of the dialect is let through unread."""

    model: _Name
    messages: Annotated[list[_Message], Meta(min_length=1)]
    stream: bool | None = None
    max_tokens: _Length | None = None
    max_completion_tokens: _Length | None = None
    stream_options: _StreamOptions | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None


class _Completion(msgspec.Struct):
    model: _Name
    prompt: str | list[str]
    stream: bool | None = None
    max_tokens: _Length | None = None
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None


class _Embeddings(msgspec.Struct):
    model: _Name
    input: str | Annotated[list[str], Meta(min_length=1, max_length=2048)]
    dimensions: Annotated[int, Meta(ge=1, le=8192)] | None = None
    encoding_format: str = "float"


_CHAT: Final = msgspec.json.Decoder(_Chat)
_COMPLETION: Final = msgspec.json.Decoder(_Completion)
_EMBEDDINGS: Final = msgspec.json.Decoder(_Embeddings)


class OpenAIDialect:
    """See `Dialect`."""

    name = "openai"
    version = "/v1"

    def kind(self, method: str, path: str) -> Kind | None:
        return _ENDPOINTS.get((method, path))

    def key(self, request: Request) -> str:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return key if scheme.lower() == "bearer" else ""

    def question(self, request: Request) -> Question:
        return _completion(request.body) if request.path.endswith("/completions") and "/chat/" not in request.path else _chat(request.body)

    def texts(self, request: Request) -> Texts:
        asked = decoded(_EMBEDDINGS, request.body)
        texts = (asked.input,) if isinstance(asked.input, str) else tuple(asked.input)
        return Texts(asked.model, texts, sum(map(tokens_of_text, texts)), asked.dimensions, asked.encoding_format == "base64")

    def body(self, answer: Answer) -> dict[str, Any]:
        legacy = answer.question.legacy
        choices = [_legacy_choice(i, one, one.text) if legacy else _whole(i, one, answer) for i, one in enumerate(answer.choices)]
        return {**_head(answer, "text_completion" if legacy else "chat.completion"), "choices": choices, "usage": usage_of(answer)}

    def frames(self, answer: Answer) -> list[Frame]:
        """Role, a frame a token, finish reason, usage where asked for, `[DONE]`."""
        question = answer.question
        head = _head(answer, "text_completion" if question.legacy else "chat.completion.chunk")
        if question.include_usage:
            head["usage"] = None
        frames = [frame for i, choice in enumerate(answer.choices) for frame in _streamed(i, choice, answer, head)]
        if question.include_usage:
            frames.append(Frame(FrameKind.USAGE, one_line({**head, "choices": [], "usage": usage_of(answer)})))
        frames.append(Frame(FrameKind.DONE, b"data: [DONE]\n\n"))
        return frames

    def count(self, tokens: int) -> dict[str, Any]:
        return {"total_tokens": tokens}

    def models(self, names: Sequence[str], owner: str) -> dict[str, Any]:
        return {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": owner} for name in names]}

    def vectors(self, texts: Texts, vectors: Sequence[Sequence[float]]) -> dict[str, Any]:
        def shown(vector: Sequence[float]) -> Any:
            return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if texts.packed else list(vector)

        rows = [{"object": "embedding", "index": i, "embedding": shown(vector)} for i, vector in enumerate(vectors)]
        usage = {"prompt_tokens": texts.prompt_tokens, "total_tokens": texts.prompt_tokens}
        return {"object": "list", "data": rows, "model": texts.model, "usage": usage}

    def refusal(self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None) -> Tape:
        kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
        return json_tape(status, {"error": {"message": message, "type": kind, "param": None, "code": code}}, headers=headers)

    def error_frame(self, message: str) -> bytes:
        return one_line(self.error_value(message))

    def error_value(self, message: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": "server_error", "param": None, "code": None}}

    def unauthorized(self) -> Tape:
        return self.refusal(401, "Incorrect API key provided.", "invalid_api_key", {"www-authenticate": "Bearer"})

    def too_long(self, tokens: int, most: int) -> Tape:
        said = f"This model's maximum context length is {most} tokens. However, your messages resulted in {tokens} tokens."
        return self.refusal(400, said, "context_length_exceeded")

    def content_refused(self, reason: str) -> Tape:
        return self.refusal(400, reason, "content_filter")

    def prefix_refused(self) -> Tape:
        return self.refusal(400, "The last message must be from the user; this model does not continue an assistant message.")

    def throttled_body(self, wait_s: float | None) -> dict[str, Any]:
        said = "Rate limit reached. Please try again later."
        return {"error": {"message": said, "type": _KINDS[429], "param": None, "code": "rate_limit_exceeded"}}


# -- questions ----------------------------------------------------------------------------------------------------------------------------


def _chat(body: bytes) -> Question:
    asked = decoded(_CHAT, body)
    turns = [Turn(_ROLES.get(message.role, "user"), _texts(message.content)) for message in asked.messages]
    tokens, prefix = tokens_of(turns), ""
    if turns[-1].role == "assistant":
        prefix = "".join(turns.pop().texts)
    tools = tuple(_tool(tool.get("function", {})) for tool in asked.tools or () if tool.get("type") == "function")
    return Question(
        model=asked.model,
        digest=digest_of(turns),
        said=last_said(turns),
        prompt_tokens=tokens,
        most_tokens=min(asked.max_completion_tokens or asked.max_tokens or MOST_TOKENS, MOST_TOKENS),
        prefix=prefix,
        stream=bool(asked.stream),
        include_usage=asked.stream_options is not None and asked.stream_options.include_usage,
        tools=tools,
        calls_tool=bool(tools) and asked.tool_choice != "none" and (_is_forced(asked.tool_choice) or asks_for_tool(turns)),
        schema=_schema(asked.response_format),
        reasons=asked.reasoning_effort not in (None, "none"),
        logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
        choices=asked.n or 1,
        seed=asked.seed,
        stop=_stops(asked.stop),
    )


def _completion(body: bytes) -> Question:
    asked = decoded(_COMPLETION, body)
    turns = [Turn("user", (asked.prompt,) if isinstance(asked.prompt, str) else tuple(asked.prompt))]
    return Question(
        model=asked.model,
        digest=digest_of(turns),
        prompt_tokens=tokens_of(turns),
        most_tokens=min(asked.max_tokens or 16, MOST_TOKENS),  # the dialect's own default
        stream=bool(asked.stream),
        include_usage=asked.stream_options is not None and asked.stream_options.include_usage,
        legacy=True,
        choices=asked.n or 1,
        seed=asked.seed,
        stop=_stops(asked.stop),
    )


def _texts(content: str | list[dict[str, Any]] | None) -> tuple[str, ...]:
    if isinstance(content, list):
        return tuple(text if isinstance(text := part.get("text"), str) else PART for part in content)
    return (content or "",)


def _tool(function: Mapping[str, Any]) -> Tool:
    return Tool(str(function.get("name", "")), function.get("parameters") or {})


def _is_forced(choice: str | dict[str, Any] | None) -> bool:
    return choice == "required" or isinstance(choice, dict)


def _schema(wanted: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if wanted is None or wanted.get("type") == "text":
        return None
    found = wanted.get("json_schema", {}).get("schema") if wanted.get("type") == "json_schema" else None
    return found if isinstance(found, Mapping) else _ANYTHING


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


# -- answers ------------------------------------------------------------------------------------------------------------------------------


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": f"{'cmpl' if answer.question.legacy else 'chatcmpl'}-{answer.key}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": f"fp_sandbox_{answer.name}{answer.version}",
    }


def usage_of(answer: Answer) -> dict[str, Any]:
    """The dialect's `usage` object."""
    usage = answer.usage
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _whole(index: int, choice: Choice, answer: Answer) -> dict[str, Any]:
    call = choice.call
    message: dict[str, Any] = {"role": "assistant", "content": choice.text if call is None else None, "refusal": answer.refused}
    if choice.reasoning:
        message["reasoning_content"] = "".join(choice.reasoning)
    if call is not None:
        message["tool_calls"] = [{"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}]
    logprobs = None if answer.question.logprobs is None else _logprobs(choice.pieces, answer.question.logprobs, answer.logprob)
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": choice.finish}


def _legacy_choice(index: int, choice: Choice | None, text: str) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": choice.finish if choice is not None else None}


def _streamed(index: int, choice: Choice, answer: Answer, head: Mapping[str, Any]) -> list[Frame]:
    """One alternative's frames."""
    question = answer.question

    def frame(kind: FrameKind, delta: dict[str, Any], piece: str | None = None, finish: str | None = None) -> Frame:
        logprobs = None if question.logprobs is None or piece is None else _logprobs((piece,), question.logprobs, answer.logprob)
        one = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return Frame(kind, one_line({**head, "choices": [one]}), piece is not None)

    def legacy(kind: FrameKind, text: str, ended: Choice | None = None) -> Frame:
        return Frame(kind, one_line({**head, "choices": [_legacy_choice(index, ended, text)]}), bool(text))

    if question.legacy:
        return [*(legacy(FrameKind.CONTENT, piece) for piece in choice.pieces), legacy(FrameKind.FINISH, "", choice)]
    frames = [frame(FrameKind.START, {"role": "assistant", "content": ""})]
    frames += [frame(FrameKind.CONTENT, {"reasoning_content": piece}, piece) for piece in choice.reasoning]
    frames += [frame(FrameKind.CONTENT, {"content": piece}, piece) for piece in choice.pieces]
    if (call := choice.call) is not None:
        opening = {"index": 0, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        frames.append(frame(FrameKind.CONTENT, {"tool_calls": [opening]}, ""))
        for part in halves(call.arguments):
            frames.append(frame(FrameKind.CONTENT, {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}, part))
    if answer.refused is not None:
        frames.append(frame(FrameKind.CONTENT, {"refusal": answer.refused}))
    return [*frames, frame(FrameKind.FINISH, {}, finish=choice.finish)]


def halves(text: str) -> tuple[str, str]:
    """A text in two parts."""
    middle = len(text) // 2
    return text[:middle], text[middle:]


def _logprobs(pieces: Sequence[str], alternatives: int, mean: float) -> dict[str, Any]:
    def one(token: str, logprob: float) -> dict[str, Any]:
        return {"token": token, "logprob": logprob, "bytes": list(token.encode())}

    return {
        "content": [
            {**one(piece, mean), "top_logprobs": [one(piece if i == 0 else f"{piece}~{i}", mean - i) for i in range(alternatives)]}
            for piece in pieces
        ],
        "refusal": None,
    }
