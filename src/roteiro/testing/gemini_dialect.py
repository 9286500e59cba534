"""A sandbox's Gemini dialect: generateContent, streamGenerateContent, batchEmbedContents, countTokens, models.

What must not live here: what is answered, timing, faults.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta

from roteiro.terms.error import RequestError
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

__all__ = ["GeminiDialect"]

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_METHODS: Final = {
    "generateContent": Kind.CHAT,
    "streamGenerateContent": Kind.CHAT,
    "countTokens": Kind.COUNT,
    "embedContent": Kind.EMBEDDINGS,
    "batchEmbedContents": Kind.EMBEDDINGS,
}
_PATH: Final = re.compile(r".*/models/([^:]+):(\w+)")
_FINISH: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_ANYTHING: Final[Mapping[str, Any]] = {"type": "object", "properties": {"answer": {"type": "string"}}}


class _Content(msgspec.Struct):
    parts: list[dict[str, Any]] = []
    role: str | None = None


class _Config(msgspec.Struct, rename="camel"):
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop_sequences: list[str] | None = None
    candidate_count: Annotated[int, Meta(ge=1, le=8)] | None = None
    seed: int | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None
    thinking_config: dict[str, Any] | None = None
    response_logprobs: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None


class _Generate(msgspec.Struct, rename="camel"):
    contents: Annotated[list[_Content], Meta(min_length=1)]
    system_instruction: _Content | None = None
    tools: list[dict[str, Any]] | None = None
    tool_config: dict[str, Any] | None = None
    generation_config: _Config = msgspec.field(default_factory=_Config)


class _Count(msgspec.Struct, rename="camel"):
    contents: list[_Content] | None = None
    generate_content_request: _Generate | None = None


class _Embed(msgspec.Struct, rename="camel"):
    content: _Content
    output_dimensionality: Annotated[int, Meta(ge=1, le=8192)] | None = None


class _Batch(msgspec.Struct):
    requests: Annotated[list[_Embed], Meta(min_length=1)]


_GENERATE: Final = msgspec.json.Decoder(_Generate)
_COUNT: Final = msgspec.json.Decoder(_Count)
_EMBED: Final = msgspec.json.Decoder(_Embed)
_BATCH: Final = msgspec.json.Decoder(_Batch)


class GeminiDialect:
    """See `Dialect`."""

    name = "gemini"
    version = "/v1beta"

    def kind(self, method: str, path: str) -> Kind | None:
        if method == "GET":
            return Kind.MODELS if path == "/models" else None
        found = _PATH.fullmatch(path)
        return _METHODS.get(found[2]) if found is not None and method == "POST" else None

    def key(self, request: Request) -> str:
        named = parse_qs(request.query).get("key", [""])
        return request.headers.get("x-goog-api-key", named[0])

    def question(self, request: Request) -> Question:
        model, method = _called(request)
        if method == "countTokens":
            count = decoded(_COUNT, request.body)
            asked = count.generate_content_request or _Generate(count.contents or [_Content()])
        else:
            asked = decoded(_GENERATE, request.body)
        turns = [] if asked.system_instruction is None else [Turn("system", _texts(asked.system_instruction))]
        turns += [Turn(_role(content), _texts(content)) for content in asked.contents]
        tokens, prefix = tokens_of(turns), ""
        if turns[-1].role == "assistant":
            prefix = "".join(turns.pop().texts)
        config = asked.generation_config
        tools = tuple(_tools(asked.tools or ()))
        mode = (asked.tool_config or {}).get("functionCallingConfig", {}).get("mode", "AUTO")
        return Question(
            model=model,
            digest=digest_of(turns),
            said=last_said(turns),
            prompt_tokens=tokens,
            most_tokens=min(config.max_output_tokens or MOST_TOKENS, MOST_TOKENS),
            prefix=prefix,
            stream=method == "streamGenerateContent",
            include_usage=True,
            tools=tools,
            calls_tool=bool(tools) and mode != "NONE" and (mode == "ANY" or asks_for_tool(turns)),
            schema=_schema(config),
            reasons=bool((config.thinking_config or {}).get("includeThoughts")),
            logprobs=(config.logprobs or 0) if config.response_logprobs else None,
            choices=config.candidate_count or 1,
            seed=config.seed,
            stop=tuple(config.stop_sequences or ()),
        )

    def texts(self, request: Request) -> Texts:
        model, method = _called(request)
        asked = decoded(_BATCH, request.body).requests if method == "batchEmbedContents" else [decoded(_EMBED, request.body)]
        texts = tuple("\n".join(_texts(one.content)) for one in asked)
        # A single text has its answer in another shape; `packed` is of no meaning here, so it tells them apart.
        return Texts(model, texts, sum(map(tokens_of_text, texts)), asked[0].output_dimensionality, method == "embedContent")

    def body(self, answer: Answer) -> dict[str, Any]:
        if answer.refused is not None and not any(choice.pieces for choice in answer.choices):
            return {**_head(answer), **_blocked(answer.refused), "usageMetadata": usage_of(answer)}
        candidates = [_candidate(i, one, answer, _parts(one), one.finish, one.pieces) for i, one in enumerate(answer.choices)]
        return {**_head(answer), "candidates": candidates, "usageMetadata": usage_of(answer)}

    def frames(self, answer: Answer) -> list[Frame]:
        """A chunk a token; the last of an alternative carries the finish reason and the usage. The stream has no end of its own."""
        if answer.refused is not None:
            return [Frame(FrameKind.FINISH, one_line(self.body(answer)))]
        head = _head(answer)
        frames = []
        for index, choice in enumerate(answer.choices):
            for part, pieces in _streamed(choice):
                chunk = {**head, "candidates": [_candidate(index, choice, answer, [part], None, pieces)]}
                frames.append(Frame(FrameKind.CONTENT, one_line(chunk), True))
            last = _candidate(index, choice, answer, [{"text": ""}], choice.finish, ())
            frames.append(Frame(FrameKind.FINISH, one_line({**head, "candidates": [last], "usageMetadata": usage_of(answer)})))
        return frames

    def count(self, tokens: int) -> dict[str, Any]:
        return {"totalTokens": tokens}

    def models(self, names: Sequence[str], owner: str) -> dict[str, Any]:
        methods = ["generateContent", "countTokens", "batchEmbedContents"]
        return {"models": [{"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods} for name in names]}

    def vectors(self, texts: Texts, vectors: Sequence[Sequence[float]]) -> dict[str, Any]:
        rows = [{"values": list(vector)} for vector in vectors]
        return {"embedding": rows[0]} if texts.packed else {"embeddings": rows}

    def refusal(self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None) -> Tape:
        return json_tape(status, _error(status, message), headers=headers)

    def error_frame(self, message: str) -> bytes:
        return one_line(self.error_value(message))

    def error_value(self, message: str) -> dict[str, Any]:
        return _error(503, message)

    def unauthorized(self) -> Tape:
        """A wrong key is an invalid argument to this vendor."""
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        return json_tape(400, _error(400, "API key not valid. Please pass a valid API key.", info))

    def too_long(self, tokens: int, most: int) -> Tape:
        return self.refusal(400, f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({most}).")

    def content_refused(self, reason: str) -> Tape:
        """This vendor answers 200 with no candidate in it."""
        return json_tape(200, {**_blocked(reason), "modelVersion": "sandbox"})

    def prefix_refused(self) -> Tape:
        return self.refusal(400, "Please ensure that single turn requests end with a user role or the role field is empty.")

    def throttled_body(self, wait_s: float | None) -> dict[str, Any]:
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait_s:g}s"}] if wait_s is not None else []
        return _error(429, "You exceeded your current quota. Please retry later.", *details)


def usage_of(answer: Answer) -> dict[str, Any]:
    """The dialect's `usageMetadata`: thoughts are not a part of the candidates' count there."""
    usage = answer.usage
    said = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "totalTokenCount": usage.prompt + usage.completion,
    }
    if usage.cached:
        said["cachedContentTokenCount"] = usage.cached
    if usage.reasoning:
        said["thoughtsTokenCount"] = usage.reasoning
    return said


def _called(request: Request) -> tuple[str, str]:
    found = _PATH.fullmatch(request.path)
    if found is None:
        raise RequestError(404, "not_found", f"no {request.path} here")
    return found[1], found[2]


def _texts(content: _Content) -> tuple[str, ...]:
    texts = []
    for part in content.parts:
        response = part.get("functionResponse")
        if isinstance(text := part.get("text"), str):
            texts.append(text)
        elif isinstance(response, Mapping):
            texts.append(_said(response.get("response")))
        else:
            texts.append(PART)
    return tuple(texts)


def _said(response: Any) -> str:
    """A tool's result as a text: the vendor wraps it into an object."""
    if isinstance(response, Mapping) and len(response) == 1:
        response = next(iter(response.values()))
    return response if isinstance(response, str) else msgspec.json.encode(response).decode()


def _role(content: _Content) -> Any:
    if content.role == "model":
        return "assistant"
    return "tool" if any("functionResponse" in part for part in content.parts) else "user"


def _tools(tools: Sequence[Mapping[str, Any]]) -> list[Tool]:
    declared = [function for tool in tools for function in tool.get("functionDeclarations", ())]
    return [Tool(str(one.get("name", "")), one.get("parametersJsonSchema") or one.get("parameters") or {}) for one in declared]


def _schema(config: _Config) -> Mapping[str, Any] | None:
    found = config.response_json_schema or config.response_schema
    return found or (_ANYTHING if config.response_mime_type == "application/json" else None)


def _head(answer: Answer) -> dict[str, Any]:
    return {"modelVersion": f"{answer.model}{answer.version}", "responseId": answer.key}


def _parts(choice: Choice) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if choice.reasoning:
        parts.append({"text": "".join(choice.reasoning), "thought": True})
    if choice.pieces:
        parts.append({"text": choice.text})
    if choice.call is not None:
        parts.append(_function_call(choice))
    return parts


def _streamed(choice: Choice) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """Parts of an alternative one by one, each with the tokens that it says."""
    parts: list[tuple[dict[str, Any], tuple[str, ...]]] = [({"text": piece, "thought": True}, ()) for piece in choice.reasoning]
    parts += [({"text": piece}, (piece,)) for piece in choice.pieces]
    if choice.call is not None:
        parts.append((_function_call(choice), ()))
    return parts


def _function_call(choice: Choice) -> dict[str, Any]:
    call = choice.call
    assert call is not None
    return {"functionCall": {"id": call.id, "name": call.name, "args": msgspec.json.decode(call.arguments)}}


def _candidate(
    index: int, choice: Choice, answer: Answer, parts: list[dict[str, Any]], finish: str | None, pieces: Sequence[str]
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": index}
    if finish is not None:
        candidate["finishReason"] = _FINISH[finish]
    if answer.question.logprobs is not None and pieces:
        candidate["avgLogprobs"] = -0.125
        candidate["logprobsResult"] = {"chosenCandidates": [{"token": piece, "logProbability": -0.125} for piece in pieces]}
    return candidate


def _blocked(reason: str) -> dict[str, Any]:
    return {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": reason}}


def _error(code: int, message: str, *details: Mapping[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message, "status": _STATUSES.get(code, "UNKNOWN")}
    if details:
        error["details"] = list(details)
    return {"error": error}
