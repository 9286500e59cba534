"""A change of keys is in force when every worker that accepts has said so; whoever has not is named when the time is over."""

import asyncio
from collections.abc import Iterator

import pytest

from roteiro.gateway.acks import Ack, Acks

SOON_S = 0.02
LATE_S = 30.0


@pytest.fixture
def acks() -> Iterator[Acks]:
    acks = Acks(3)
    yield acks
    acks.close()


async def turn() -> None:
    """Lets everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_is_over_with_the_last_word_and_not_before(acks: Acks) -> None:
    workers = [Ack(acks.fd, acks.bell, number) for number in range(3)]
    for worker in workers:
        worker.adopted(3)
    waiting = asyncio.create_task(acks.all(4, LATE_S))
    for worker in workers[:2]:
        worker.adopted(4)
        await turn()
        assert not waiting.done()
    workers[2].adopted(5)  # a newer one is as good
    assert await waiting == []


async def test_who_is_late_is_named(acks: Acks) -> None:
    for number in range(3):
        Ack(acks.fd, acks.bell, number).adopted(4 if number else 3)
    assert await acks.all(4, SOON_S) == [0]
    Ack(acks.fd, acks.bell, 0).adopted(4)
    assert await acks.all(4, SOON_S) == []


async def test_a_worker_that_is_gone_is_not_waited_for(acks: Acks) -> None:
    for number in range(3):
        Ack(acks.fd, acks.bell, number).adopted(3 if number == 1 else 4)
    waiting = asyncio.create_task(acks.all(4, LATE_S))
    await turn()
    assert not waiting.done()
    acks.away(1)
    assert await waiting == []


async def test_a_worker_that_reads_its_first_edge_is_waited_for(acks: Acks) -> None:
    """It may have the old edge in its hands; before it says READING, it will find the new one."""
    assert await acks.all(4, SOON_S) == []
    starting = Ack(acks.fd, acks.bell, 2)
    starting.reading()
    waiting = asyncio.create_task(acks.all(4, LATE_S))
    await turn()
    assert not waiting.done()
    starting.adopted(3)
    await turn()
    assert not waiting.done(), "it accepts, by the old edge"
    starting.adopted(4)
    assert await waiting == []


async def test_two_changes_are_waited_for_apart(acks: Acks) -> None:
    worker = Ack(acks.fd, acks.bell, 0)
    worker.adopted(1)
    first, second = asyncio.create_task(acks.all(2, LATE_S)), asyncio.create_task(acks.all(3, LATE_S))
    await turn()
    worker.adopted(2)
    assert await first == [] and not second.done()
    worker.adopted(3)
    assert await second == []
