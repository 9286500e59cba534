"""A compiled plan in a block, from the plan's text: what a gateway's test starts from."""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from roteiro.plan.compile import Compiled, Grant, RingSizes, compile_plan, fresh_block
from roteiro.plan.read import read_text
from roteiro.policy.state import State, block_size
from roteiro.terms.edge import Edge

KEY = "sk-of-acme"
OTHER_KEY = "sk-of-beta"

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream-one, base_url: "URL0", weight: 1, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}, TIMES}
  two: {name: sandbox, model: upstream-two, base_url: "URL1", weight: 0, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}, TIMES}
models:
  chat: {targets: {one: 1}, fallbacks: [two], retry: {attempts: 3, same_target: 0, backoff: 20ms, max_backoff: 50ms}}
  lonely: {targets: {one: 1}, retry: {attempts: 1}}
tenants:
  acme: {workloads: [chat, batch]}
  beta: {workloads: [chat], models: [chat]}
workloads:
  chat: {priority: interactive, model: chat}
  batch: {priority: batch}
"""
TIMES = "timeouts: {connect: 1s, first_token: 2s, idle: 2s, attempt: 5s}"


def compiled(text: str = PLAN, urls: tuple[str, ...] = ("http://127.0.0.1:9", "http://127.0.0.1:9"), times: str = TIMES) -> Compiled:
    """The plan of `text` with `URL0`, `URL1` … and `TIMES` put in, and a key for each of two tenants."""
    for i, url in enumerate(urls):
        text = text.replace(f"URL{i}", url)
    reading = read_text(text.replace("TIMES", times))
    assert reading.plan is not None, [str(problem) for problem in reading.problems]
    grants = [Grant("acme-1", _digest(KEY), "acme")] + (
        [Grant("beta-1", _digest(OTHER_KEY), "beta")] if "beta" in reading.plan.tenants else []
    )
    return compile_plan(reading.plan, reading.digest, grants, sizes=RingSizes(4096, 1 << 14, 1 << 16))


@dataclass
class World:
    """A block that holds a plan, and the edge for workers."""

    state: State
    edge: Edge
    compiled: Compiled

    def events(self) -> list[dict[str, object]]:
        """The events so far, as plain values."""
        rows = self.state.events[: int(self.state.header["event_head"][0])]
        return [dict(zip(rows.dtype.names or (), row.tolist(), strict=True)) for row in rows]

    def in_flight(self) -> int:
        return int(self.state.header["live"][0])


def world(plan: Compiled, file: Path | None = None) -> World:
    """In memory, or in a file for worker processes to map."""
    if file is None:
        buffer = None
    else:
        size = block_size(plan.capacities)
        with file.open("wb") as block:
            os.posix_fallocate(block.fileno(), 0, size)
        buffer = np.memmap(file, np.uint8, "r+")
    _, state = fresh_block(plan, time.time(), time.monotonic(), buffer)
    return World(state, plan.edge, plan)


def write_edge(file: Path, edge: Edge) -> None:
    file.write_bytes(msgspec.json.encode(edge))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
