"""Providers that speak the OpenAI dialect, whatever their base URL: requests written for them, their answers read.

What must not live here: which vendor it is. One that differs by configuration is a row in the catalogue.
"""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from struct import unpack
from typing import Any, Final

import msgspec
from msgspec import Struct

from roteiro.terms.codes import ErrorClass, Operation
from roteiro.wire.canon import Answer, BadAnswerError, EmbeddingAnswer, EmbeddingPrompt, Prompt, Reasoning, Tool, Usage
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai import splice, splice_on
from roteiro.wire.openai_answer import StreamReader, read_answer
from roteiro.wire.openai_back_answer import ChatReader, read_chat_answer
from roteiro.wire.openai_parts import say_format, say_message

__all__ = ["OpenAIBack"]

_encode: Final = msgspec.json.Encoder().encode

_PATHS: Final[Mapping[Operation, bytes]] = {
    Operation.CHAT: b"/chat/completions",
    Operation.COMPLETION: b"/completions",
    Operation.EMBEDDINGS: b"/embeddings",
    Operation.RESPONSES: b"/chat/completions",
    Operation.MESSAGES: b"/chat/completions",
}
_NEWER_NAME: Final = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9]|codex|computer-use)")
"""OpenAI's reasoning models, which refuse `max_tokens`; most compatible servers know no other name."""

_EFFORTS: Final = ((2048, "low"), (8192, "medium"))
"""Tokens of a thinking budget up to which an effort is meant; more is high."""


class OpenAIBack:
    """A `Back`."""

    name = "openai"

    def head(self, secret: str) -> bytes:
        """See `Back`."""
        return b"authorization: Bearer %b\r\n" % secret.encode() if secret else b""

    def path(self, model: str, stream: bool, operation: Operation) -> bytes:
        """See `Back`."""
        return _PATHS[operation]

    def splice(self, ask: Ask, model: str, prefix: str | None = None) -> bytes | None:
        """See `Back`."""
        if ask.front.name != "openai":
            return None
        return splice_on(ask, model, prefix) if prefix else splice(ask, model)

    def write(self, prompt: Prompt, model: str, prefix: str | None = None, most_output: int | None = None) -> bytes:
        """See `Back`. A prefix is a last message of the assistant."""
        messages: list[dict[str, Any]] = []
        if prompt.system:
            texts = [text.text for text in prompt.system]
            parts: str | list[dict[str, Any]] = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
            messages.append({"role": "system", "content": parts})
        for message in prompt.messages:
            messages.extend(say_message(message))
        if prefix:
            messages.append({"role": "assistant", "content": prefix})
        said: dict[str, Any] = {"model": model, "messages": messages}
        if prompt.max_tokens is not None:
            said["max_completion_tokens" if _NEWER_NAME.match(model) else "max_tokens"] = prompt.max_tokens
        for name in _SAME_NAME:
            value = getattr(prompt, name)
            if value is not None:
                said[name] = value
        if prompt.stop:
            said["stop"] = list(prompt.stop)
        if prompt.n != 1:
            said["n"] = prompt.n
        if prompt.logprobs:
            said["logprobs"] = True
        if prompt.tools:
            said["tools"] = [_tool(tool) for tool in prompt.tools]
        if prompt.tool_choice is not None and prompt.tools:
            name = prompt.tool_choice
            said["tool_choice"] = {"type": "function", "function": {"name": name[1:]}} if name.startswith("=") else name
        if prompt.parallel_tools is not None and prompt.tools:
            said["parallel_tool_calls"] = prompt.parallel_tools
        if prompt.format is not None:
            said["response_format"] = say_format(prompt.format)
        if prompt.reasoning is not None and (effort := _effort(prompt.reasoning)) is not None:
            said["reasoning_effort"] = effort
        if prompt.stream:
            said["stream"] = True
            said["stream_options"] = {"include_usage": True}
        return _encode(said)

    def read(self, body: bytes) -> Answer:
        """See `Back`."""
        return read_chat_answer(body)

    def usage(self, body: bytes) -> Usage | None:
        """See `Back`."""
        return read_answer(body)

    def reader(self, prefix: str | None = None) -> ChatReader:
        """See `Back`."""
        return ChatReader(going_on=prefix is not None)

    def relay(self, ask: Ask, seen: Seen | None) -> StreamReader:
        """See `Back`."""
        return StreamReader(not ask.client_wants_usage, ask.choices, seen)

    def write_embeddings(self, prompt: EmbeddingPrompt, model: str) -> bytes:
        """See `Back`. Vectors are asked for in base64: a third of the bytes, and exact."""
        said: dict[str, Any] = {"model": model, "input": list(prompt.inputs), "encoding_format": "base64"}
        if prompt.dimensions is not None:
            said["dimensions"] = prompt.dimensions
        if prompt.user is not None:
            said["user"] = prompt.user
        return _encode(said)

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """See `Back`. Providers that know no base64 answer in numbers."""
        usage = read_answer(body)
        try:
            answer = _EMBEDDINGS.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise BadAnswerError(ErrorClass.PROTOCOL, "the body is not a list of embeddings") from None
        rows = sorted(enumerate(answer.data), key=lambda row: row[0] if row[1].index is None else row[1].index)
        vectors = [_vector(row.embedding) for _, row in rows]
        return EmbeddingAnswer(model=answer.model or "", vectors=vectors, input_tokens=None if usage is None else usage.input)


_SAME_NAME: Final = (
    "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "logit_bias", "seed", "top_logprobs",
    "user", "metadata", "service_tier",
)  # fmt: skip


class _Embedding(Struct):
    embedding: list[float] | str
    index: int | None = None


class _Embeddings(Struct):
    data: list[_Embedding]
    model: str | None = None


_EMBEDDINGS: Final = msgspec.json.Decoder(_Embeddings)


def _vector(embedding: Sequence[float] | str) -> Sequence[float]:
    if not isinstance(embedding, str):
        return embedding
    try:
        packed = b64decode(embedding, validate=True)
        return unpack(f"<{len(packed) // 4}f", packed[: len(packed) // 4 * 4])
    except ValueError:
        raise BadAnswerError(ErrorClass.PROTOCOL, "an embedding is not base64 of 32-bit numbers") from None


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _effort(reasoning: Reasoning) -> str | None:
    """An effort; of a budget in tokens, the one that is nearest in kind."""
    if reasoning.effort is not None or reasoning.budget is None:
        return reasoning.effort
    return next((effort for most, effort in _EFFORTS if reasoning.budget <= most), "high")
