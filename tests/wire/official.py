"""Answers as the official SDKs' own types see them."""

import json
from typing import Any, Final

from anthropic.types import Message, RawMessageStreamEvent
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

__all__ = ["check_answer", "check_stream", "payloads"]

_WHOLE: Final[dict[str, TypeAdapter[Any]]] = {
    "chat": TypeAdapter(ChatCompletion),
    "completions": TypeAdapter(Completion),
    "responses": TypeAdapter(Response),
    "embeddings": TypeAdapter(CreateEmbeddingResponse),
    "messages": TypeAdapter(Message),
}
_PIECE: Final[dict[str, TypeAdapter[Any]]] = {
    "chat": TypeAdapter(ChatCompletionChunk),
    "completions": TypeAdapter(Completion),
    "responses": TypeAdapter(ResponseStreamEvent),
    "messages": TypeAdapter(RawMessageStreamEvent),
}
EXTRA: Final = frozenset({"reasoning_content", "extra_content", "store"})
"""Members that the SDK does not know and lets pass; the last one the API itself answers with."""


def check_answer(front: str, body: Any) -> None:
    """Raises unless the SDK's type takes the answer, with every member of it known."""
    adapter = _WHOLE.get(front)
    if adapter is not None:
        _check(adapter, body)


def check_stream(front: str, frames: list[str]) -> None:
    """As `check_answer`, for each frame."""
    adapter = _PIECE.get(front)
    for data in payloads(frames):
        if front == "completions":  # the SDK has one type for both, and no chunk but the last has a reason
            for choice in data["choices"]:
                choice["finish_reason"] = choice["finish_reason"] or "stop"
        if adapter is not None and data.get("type") != "ping":  # Anthropic's SDK passes over it by its event
            _check(adapter, data)


def payloads(frames: list[str]) -> list[Any]:
    """The data of frames, `[DONE]` left out."""
    data = [line[6:] for frame in frames for line in frame.replace("⏎", "\n").split("\n") if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


def _check(adapter: TypeAdapter[Any], body: Any) -> None:
    model = adapter.validate_json(json.dumps(body), strict=True)
    _known(model)


def _known(model: Any) -> None:
    if isinstance(model, list):
        for one in model:
            _known(one)
    elif hasattr(model, "model_extra"):
        assert set(model.model_extra or {}) <= EXTRA, f"{type(model).__name__} does not know {set(model.model_extra or {}) - EXTRA}"
        for value in dict(model).values():
            _known(value)
