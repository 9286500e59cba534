"""Reading along: every row once and in order, or counted as missed; whatever the writers do meanwhile."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.events import events

from roteiro.gateway.follower import Follower
from roteiro.ledger.ring import Ring
from roteiro.terms.event import EVENT

CAPACITY = 16


class Writer:
    """The kernel's side of a ring, and the ledger's writer that is never late."""

    def __init__(self) -> None:
        self.rows = np.zeros(CAPACITY, EVENT)
        self.head, self.tail = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self.ring = Ring(self.rows, self.head, self.tail)

    def write(self, count: int) -> None:
        for row in events(count, int(self.head[0])):
            self.rows[int(self.head[0]) % CAPACITY] = row
            self.head += 1
        self.tail[0] = self.head[0]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), max_size=30))
def test_every_row_is_read_once_and_in_order_or_counted(turns: list[tuple[int, int]]) -> None:
    writer = Writer()
    follower, seen = Follower(writer.ring, cursor=0), list[int]()
    for wrote, most in turns:
        writer.write(wrote)
        rows = follower.take(most)
        assert len(rows) <= most
        seen += rows["seq"].tolist()
    while follower.behind:
        seen += follower.take(5)["seq"].tolist()
    assert seen == sorted(set(seen))
    assert len(seen) + follower.missed == int(writer.head[0])
    if max((wrote for wrote, _ in turns), default=0) < CAPACITY and all(most >= 15 for _, most in turns):
        assert follower.missed == 0


def test_it_begins_with_what_is_to_come_unless_told_otherwise() -> None:
    writer = Writer()
    writer.write(5)
    assert Follower(writer.ring).take(10)["seq"].tolist() == []
    assert Follower(writer.ring, cursor=2).take(10)["seq"].tolist() == [2, 3, 4]


def test_what_is_overwritten_while_it_is_copied_is_not_taken_for_a_row(monkeypatch: Any) -> None:
    writer = Writer()
    writer.write(10)
    follower, copy = Follower(writer.ring, cursor=0), Ring.copy

    def slow(ring: Ring, first: int, count: int) -> Any:
        rows = copy(ring, first, count)
        writer.write(12)  # rows 10 to 21, over the places of 0 to 5
        rows["request"][:6] = -1
        return rows

    monkeypatch.setattr(Ring, "copy", slow)
    found = follower.take(100)
    assert found["seq"].tolist() == [7, 8, 9] and (found["request"] >= 0).all()
    assert follower.missed == 7, "the place of row 6 may be in the making"


def test_a_place_in_the_making_is_known_by_its_number() -> None:
    writer = Writer()
    writer.write(10)
    writer.rows["seq"][4] = 20
    follower = Follower(writer.ring, cursor=0)
    assert follower.take(100)["seq"].tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert follower.missed == 1
