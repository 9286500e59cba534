"""What the caches cost a request: a look that misses, a hit, an answer kept, and the features of a task's complexity.

Usage: python benchmarks/caches.py        Prints µs of one core, the best of five; a file of 64 MB in a temporary folder.
"""

import json
import os
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roteiro.gateway.cache import Cache
from roteiro.gateway.cache_store import KEY_BYTES, CacheStore
from roteiro.gateway.semantic_guard import signature, stems
from roteiro.policy.complexity import judge, pack
from roteiro.terms.edge import Edge, EdgeRoute, EdgeTenant
from roteiro.wire.canon import Answer, Choice, Text, Usage
from roteiro.wire.features import features_of
from roteiro.wire.openai_chat import OpenAIChatFront

FRONT = OpenAIChatFront()
ANSWER = Answer(
    id="a", model="m", choices=(Choice(parts=(Text("an answer of some words " * 30),), finish="stop"),), usage=Usage(9, 0, 9, 0)
)


def best(work: Callable[[], Any], times: int = 5000) -> float:
    """µs of one."""
    return min(timeit.repeat(work, number=times, repeat=5)) / times * 1e6


def edge() -> Edge:
    routes = [EdgeRoute(name="kept", cache=True, cache_ttl_s=3600.0), EdgeRoute(name="bare")]
    return Edge(
        digest="d", version=1, targets=[], models={}, workloads={}, keys={}, tenants=[EdgeTenant(name="t")], key_tenants=[],
        default_models=[], routes=routes,
    )  # fmt: skip


def main() -> None:
    due: list[Callable[[], None]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = CacheStore(Path(folder), 64 << 20, os.urandom(KEY_BYTES), lambda: 1e9, lambda seconds, work: due.append(work))
        cache = Cache(edge(), store, lambda: 1e9)
        print("body    no cache   miss   hit   its body   its frames   features and score")
        for size in (100, 1000, 8000, 64000):
            ask = FRONT.read(json.dumps({"model": "m", "messages": [{"role": "user", "content": "word " * (size // 5)}]}).encode(), {})
            bare, miss = best(lambda ask=ask: cache.look(ask, 0, 1)), best(lambda ask=ask: cache.look(ask, 0, 0))
            looked = cache.look(ask, 0, 0)
            assert looked is not None
            cache.keep(looked, ANSWER)
            while due:
                due.pop()()
            found = cache.look(ask, 0, 0)
            assert found is not None and found.hit is not None
            hit = found.hit
            told = [
                best(lambda ask=ask: cache.look(ask, 0, 0)),
                best(lambda ask=ask, hit=hit: hit.body(ask)),
                best(lambda ask=ask, hit=hit: hit.frames(ask, 1)),
                best(lambda ask=ask: pack(judge(features_of(ask.fields), ask.input_tokens, 256))),
            ]
            print(f"{size:5} B {bare:9.2f} {miss:6.1f} {told[0]:5.1f} {told[1]:10.1f} {told[2]:12.1f} {told[3]:20.1f}")

        def keep() -> None:
            cache.keep(looked, ANSWER)
            while due:
                due.pop()()

        print(f"an answer of {len(ANSWER.choices[0].parts[0].text)} bytes kept and written: {best(keep, 2000):.1f}")  # type: ignore[union-attr]
        text = "How do I change the delivery address of my order number 5?"
        print(f"the guard's look at a question: {best(lambda: (signature(text), stems(text))):.1f}")
        store.close()


if __name__ == "__main__":
    main()
