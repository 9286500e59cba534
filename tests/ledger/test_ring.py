"""A ring, read: every row once, in order, however it wraps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.ledger import Ring
from roteiro.terms.error import InvariantError
from roteiro.terms.event import DECISION

from .build import rows, same

CAPACITY = 16


def ring_with(head: int, tail: int, capacity: int = CAPACITY) -> tuple[Ring, np.ndarray, np.ndarray]:
    places, words = np.zeros(capacity, DECISION), np.array([head, tail], np.int64)
    return Ring(places, words[0:1], words[1:2]), places, words


@given(start=st.integers(0, 2**40), steps=st.lists(st.tuples(st.integers(0, CAPACITY), st.integers(1, CAPACITY)), max_size=30))
def test_rows_come_out_once_and_in_order(start: int, steps: list[tuple[int, int]]) -> None:
    ring, places, words = ring_with(start, start)
    for offered, limit in steps:
        count = min(offered, CAPACITY - ring.pending())
        head = int(words[0])
        places[np.arange(head, head + count) % CAPACITY] = rows("decisions", head, count)
        words[0] = head + count
        tail = ring.tail
        found = ring.peek(limit)
        assert len(found) == min(ring.pending(), limit)
        assert same(found, rows("decisions", tail, len(found)))
        ring.advance(len(found))
        assert ring.tail == tail + len(found)


@pytest.mark.parametrize(("head", "tail"), [(0, 1), (CAPACITY + 1, 0), (-1, 0)])
def test_words_that_contradict_each_other_are_refused(head: int, tail: int) -> None:
    ring, _, _ = ring_with(head, tail)
    with pytest.raises(InvariantError, match=f"head {head} and tail {tail}"):
        ring.peek(1)


def test_no_more_is_durable_than_was_pending() -> None:
    ring, _, _ = ring_with(3, 1)
    with pytest.raises(InvariantError, match="3 rows made durable of 2 pending"):
        ring.advance(3)


@pytest.mark.parametrize("capacity", [0, 3, 12])
def test_the_capacity_is_a_power_of_two(capacity: int) -> None:
    with pytest.raises(InvariantError, match="power of two"):
        ring_with(0, 0, capacity)


@pytest.mark.parametrize(
    ("offset", "head", "tail", "complaint"),
    [(64, 0, 8, "outside"), (-8, 0, 8, "outside"), (16, 3, 8, "aligned"), (16, 0, 4096, "outside")],
)
def test_a_ring_lies_inside_its_block(offset: int, head: int, tail: int, complaint: str) -> None:
    block = np.zeros(16 + 4 * DECISION.itemsize, np.uint8)
    assert Ring.over(block, DECISION, 16, 4, 0, 8).capacity == 4
    with pytest.raises(InvariantError, match=complaint):
        Ring.over(block, DECISION, offset, 4, head, tail)
