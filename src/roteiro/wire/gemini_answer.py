"""Answers in the Gemini dialect: whole ones read, and what a stream's chunks share with them, for a chunk is an answer in small.

What must not live here: requests, and where a stream's frames end.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Choice,
    EmbeddingAnswer,
    Finish,
    Part,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from roteiro.wire.failure import class_of_error

__all__ = ["Candidate", "Response", "decode", "finish_of", "logprobs_of", "parts_of", "read_answer", "read_embeddings", "usage_of"]

_NOTHING: Final = Raw(b"null")

_FILTERED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
"""Reasons to end an answer that are a filter's."""


class _Call(Struct):
    name: str = ""
    id: str | None = None
    args: Raw = _NOTHING


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: _Call | None = None
    inline_data: Raw = _NOTHING
    executable_code: Raw = _NOTHING


class _Content(Struct):
    parts: Sequence[_Part] = ()


class _Token(Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Tops(Struct):
    candidates: Sequence[_Token] = ()


class _Logprobs(Struct, rename="camel"):
    chosen_candidates: Sequence[_Token] = ()
    top_candidates: Sequence[_Tops] = ()


class Candidate(Struct, rename="camel"):
    """One alternative, or a chunk of one."""

    content: _Content | None = None
    finish_reason: str | None = None
    index: int = 0
    logprobs_result: _Logprobs | None = None
    avg_logprobs: float | None = None


class _Feedback(Struct, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str | None = None


class _Usage(Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class Response(Struct, rename="camel"):
    """A whole answer, or a chunk of a stream."""

    candidates: Sequence[Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    model_version: str = ""
    response_id: str = ""
    error: Raw = _NOTHING


class _Embedding(Struct):
    values: Sequence[float]


class _Embeddings(Struct, rename="camel"):
    embeddings: Sequence[_Embedding] | None = None
    usage_metadata: _Usage | None = None
    error: Raw = _NOTHING


_RESPONSE: Final = msgspec.json.Decoder(Response)
_EMBEDDINGS: Final = msgspec.json.Decoder(_Embeddings)


def decode(body: bytes) -> Response | None:
    """A body or a chunk, None where it is none. Raises BadAnswerError for an error, and for a prompt that a filter blocked."""
    try:
        response = _RESPONSE.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if bytes(response.error) != b"null":
        raise BadAnswerError(class_of_error(response.error), "an error in an answer's place")
    if response.prompt_feedback is not None and response.prompt_feedback.block_reason is not None:
        why = response.prompt_feedback.block_reason
        if response.prompt_feedback.block_reason_message:
            why += f": {' '.join(response.prompt_feedback.block_reason_message.split())[:500]}"
        raise BadAnswerError(ErrorClass.CONTENT, f"the prompt was blocked: {why}")
    return response


def read_answer(body: bytes) -> Answer:
    """A whole answer. Raises BadAnswerError for what is none, for a blocked prompt, and for an answer that ended for no good reason."""
    response = decode(body)
    if response is None:
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a response of generateContent")
    if not response.candidates:
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body has no candidates")
    choices = []
    for candidate in response.candidates:
        parts = list(parts_of(candidate, response, 0))
        finish = None
        if candidate.finish_reason is not None:
            finish = finish_of(candidate.finish_reason, any(isinstance(part, ToolCall) for part in parts))
        if not parts and finish == "stop" and not _wrote(response):
            raise BadAnswerError(ErrorClass.PROTOCOL, "an empty answer")
        choices.append(
            Choice(
                index=candidate.index, parts=_joined(parts), finish=finish, logprobs=logprobs_of(candidate),
                mean_logprob=candidate.avg_logprobs,
            )
        )  # fmt: skip
    return Answer(id=response.response_id, model=response.model_version, choices=choices, usage=usage_of(response))


def read_embeddings(body: bytes) -> EmbeddingAnswer:
    """Vectors in the order of the texts. The dialect does not name the model. Raises BadAnswerError."""
    try:
        response = _EMBEDDINGS.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a response of batchEmbedContents") from None
    if bytes(response.error) != b"null":
        raise BadAnswerError(class_of_error(response.error), "an error under status 200")
    if response.embeddings is None:
        raise BadAnswerError(ErrorClass.PROTOCOL, "the body has no embeddings")
    used = response.usage_metadata
    return EmbeddingAnswer(
        model="", vectors=[one.values for one in response.embeddings], input_tokens=None if used is None else used.prompt_token_count
    )


def parts_of(candidate: Candidate, response: Response, slot: int) -> Iterator[Part]:
    """The parts of an alternative, or of a chunk of it; `slot` counts the calls before. A call without an id gets one that no other answer
    has. Raises BadAnswerError for a part of a kind that was not asked for."""
    for part in candidate.content.parts if candidate.content is not None else ():
        if part.function_call is not None:
            call = part.function_call
            arguments = msgspec.json.format(bytes(call.args), indent=-1)  # whole answers come set on many lines
            id = call.id or f"call_{response.response_id or format(crc32(arguments), '08x')}_{candidate.index}_{slot}"
            yield ToolCall(id, call.name, "{}" if arguments == b"null" else arguments.decode(errors="replace"), part.thought_signature)
            slot += 1
        elif part.inline_data is not _NOTHING or part.executable_code is not _NOTHING:
            raise BadAnswerError(ErrorClass.PROTOCOL, "a part of a kind that was not asked for")
        elif part.thought:
            yield Thinking(part.text or "", part.thought_signature)
        elif part.text:
            yield Text(part.text)


def finish_of(reason: str, called: bool) -> Finish:
    """Why an alternative ended. Raises BadAnswerError (PROTOCOL) for a malformed call and for any reason that leaves half an answer."""
    if reason == "STOP":
        return "tool_calls" if called else "stop"
    if reason == "MAX_TOKENS":
        return "length"
    if reason in _FILTERED:
        return "content_filter"
    raise BadAnswerError(ErrorClass.PROTOCOL, f"the answer ended by {reason[:40]}")


def usage_of(response: Response) -> Usage | None:
    """What a response tells of its tokens, None where it tells nothing. The dialect counts thoughts beside the answer."""
    used = response.usage_metadata
    if used is None or used.prompt_token_count is None:
        return None
    prompt = max(used.prompt_token_count, 0) + max(used.tool_use_prompt_token_count or 0, 0)
    thoughts = max(used.thoughts_token_count or 0, 0)
    return Usage(
        prompt,
        min(max(used.cached_content_token_count or 0, 0), prompt),
        max(used.candidates_token_count or 0, 0) + thoughts,
        thoughts,
    )


def logprobs_of(candidate: Candidate) -> Mapping[str, Any] | None:
    """In OpenAI's form."""
    told = candidate.logprobs_result
    if told is None:
        return None
    tops = [[_logprob(token) for token in top.candidates] for top in told.top_candidates]
    tops += [[] for _ in range(len(told.chosen_candidates) - len(tops))]
    chosen = zip(told.chosen_candidates, tops, strict=False)
    return {"content": [{**_logprob(token), "top_logprobs": top} for token, top in chosen], "refusal": None}


def _logprob(token: _Token) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.log_probability, "bytes": list(token.token.encode())}


def _wrote(response: Response) -> bool:
    return response.usage_metadata is not None and bool(response.usage_metadata.candidates_token_count)


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Texts in a row as one: the dialect cuts them where it likes."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and joined and isinstance(last := joined[-1], Text):
            joined[-1] = Text(last.text + part.text)
        else:
            joined.append(part)
    return joined
