"""The supervisor's steps: whose turn it is is told, and a fleet that cannot be tended is no secret."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.world import compiled

from roteiro.gateway.block import Block
from roteiro.gateway.journey_port import Journey
from roteiro.gateway.tending import Tending
from roteiro.terms.codes import Command, Outcome, Step

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, base_url: "URL0", weight: 1, on_premises: true, limits: {concurrency: 1}}
models:
  chat: {targets: {one: 1}, on_exhausted: queue}
tenants: {acme: {workloads: [chat]}}
workloads: {chat: {model: chat, queue: {size: 10, max_wait: 60s}}}
"""


@pytest.fixture
def block(tmp_path: Path) -> Iterator[Block]:
    block = Block.create(tmp_path / "block", tmp_path / "lock", compiled(PLAN, ("http://127.0.0.1:9",)), 1_770_000_000.0, 0.0)
    yield block
    block.close()


def begin(block: Block, worker: int) -> tuple[int, int]:
    """(command, flow) of a request that arrives at a worker."""
    edge = compiled(PLAN, ("http://127.0.0.1:9",)).edge
    (key,) = edge.keys.values()
    command, _, _, flow, _ = Journey(block.state, worker).step(Step.BEGIN, -1, key, edge.models["chat"], 10, 10, 0)
    return command, flow


def test_a_dead_worker_s_place_goes_to_who_waits_and_its_worker_is_told(block: Block) -> None:
    rung: list[int] = []
    tending = Tending(block, rung.append, pytest.fail)
    assert begin(block, 0)[0] == Command.SEND
    command, waiting = begin(block, 1)
    assert command == Command.QUEUE and begin(block, 2)[0] == Command.QUEUE
    tending.step(Step.TEND)
    assert rung == [], "there is no place yet"
    tending.reap(0)
    assert rung == [1]
    ring = block.ring("events")
    assert [int(row["outcome"]) for row in ring.peek(9)] == [Outcome.ABANDONED]
    command, target, _, flow, _ = Journey(block.state, 1).step(Step.WAKE, -1)
    assert (command, target, flow) == (Command.SEND, 0.0, waiting)
    tending.reap(0)
    assert ring.pending() == 1, "a second look finds nothing"


async def test_a_tick_that_fails_is_told(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    broke: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def fails(*_: Any) -> Any:
        raise RuntimeError("no step today")

    monkeypatch.setattr(block, "step", fails)
    tending = Tending(block, lambda _: None, broke.set_result)
    tending.start()
    assert "no step today" in await asyncio.wait_for(broke, 30)
    await tending.stop()


async def test_it_ticks(block: Block) -> None:
    tending = Tending(block, lambda _: None, pytest.fail)
    before = block.ring("decisions").head
    tending.start()
    async with asyncio.timeout(30):
        while block.ring("decisions").head < before + 3:
            await asyncio.sleep(0.02)
    await tending.stop()
    rows = block.ring("decisions").peek(100)[before : before + 3]
    assert [int(step) for step in rows["step"]] == [Step.TEND] * 3 and rows["now_s"][2] > rows["now_s"][0]
