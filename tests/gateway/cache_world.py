"""What a test of the caches needs: a clock, a turn of the loop by hand, an edge, and requests."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw
from numpy.typing import NDArray

from roteiro.gateway.cache_store import KEY_BYTES, CacheStore
from roteiro.terms.codes import Operation
from roteiro.terms.edge import Edge, EdgeRoute, EdgeTenant
from roteiro.wire.anthropic import AnthropicFront
from roteiro.wire.canon import Answer, Choice, Text, Usage
from roteiro.wire.dialect import Ask, Front
from roteiro.wire.openai_chat import OpenAIChatFront

FRONTS: dict[str, Front] = {"openai": OpenAIChatFront(), "anthropic": AnthropicFront()}
NOW = 1_800_000_000.0


class Turns:
    """A loop that turns when it is told, and a clock that stands still."""

    def __init__(self) -> None:
        self.now = NOW
        self.due: list[Callable[[], None]] = []

    def clock(self) -> float:
        return self.now

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self.due.append(work)

    def turn(self, most: int = 100_000) -> None:
        """Does what is due, and what that makes due."""
        for _ in range(most):
            if not self.due:
                return
            self.due.pop(0)()
        raise AssertionError("the loop never came to rest")


def store_at(path: Path, turns: Turns, size: int = 8 << 20, key: bytes | None = None) -> CacheStore:
    return CacheStore(path, size, key or os.urandom(KEY_BYTES), turns.clock, turns.later)


def edge(digest: str = "d1", tenants: tuple[str, ...] = ("acme", "beta"), **route: Any) -> Edge:
    plain = route or {"cache": True, "cache_ttl_s": 60.0}
    return Edge(
        digest=digest,
        version=1,
        targets=[],
        models={"chat": 0, "other": 1, "bare": 2},
        workloads={},
        keys={},
        tenants=[EdgeTenant(name=name) for name in tenants],
        key_tenants=[],
        default_models=[],
        routes=[EdgeRoute(name="chat", **plain), EdgeRoute(name="other", **plain), EdgeRoute(name="bare")],
        cache_bytes=8 << 20,
    )


def ask(text: Any = "What is the capital of France?", front: str = "openai", **more: Any) -> Ask:
    body = {"model": "chat", "messages": [{"role": "user", "content": text}], **more}
    if front == "anthropic":
        body = {"max_tokens": 100} | body
    return FRONTS[front].read(json.dumps(body).encode(), {})


def bare_ask(body: dict[str, Any], operation: Operation = Operation.CHAT) -> Ask:
    fields = msgspec.json.decode(json.dumps(body).encode(), type=dict[str, Raw])
    return Ask(None, operation, fields, model="chat")  # type: ignore[arg-type]


def answer(text: str = "Paris.", finish: Any = "stop", **more: Any) -> Answer:
    return Answer(id="a1", model="upstream", choices=(Choice(parts=(Text(text),), finish=finish, **more),), usage=Usage(9, 1, 3, 0))


def by_letters(text: str) -> NDArray[np.float32]:
    """A model of meaning of a kind: near where the letters are nearly the same."""
    vector = np.zeros(64, np.float32)
    for i in range(len(text) - 1):
        vector[(ord(text[i]) * 31 + ord(text[i + 1])) % 64] += 1.0
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
