"""The heap gives back what was put in, soonest first, whatever the order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.policy.kernel import entry
from roteiro.policy.state import release
from roteiro.simulator import heap
from roteiro.simulator.records import TABLES, build

pytestmark = pytest.mark.kernel

TIMERS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.25]), st.integers(0, 1 << 40)), max_size=60)


@entry
def push(world: int, n: int, t: float, item: int) -> int:
    return heap.push(world, n, t, item)


@entry
def pop(world: int, n: int) -> int:
    return heap.pop(world, n)


@entry
def settle(world: int, n: int) -> None:
    heap.settle(world, n)


def emptied(world: Any, n: int) -> list[tuple[float, int]]:
    address, out = int(world.buffer.ctypes.data), []
    while n:
        out.append((float(world.timers["at"][0]), int(world.timers["what"][0])))
        n = pop(address, n)
    return out


@given(TIMERS)
def test_what_is_pushed_leaves_in_order(timers: list[tuple[float, int]]) -> None:
    world = build(dict.fromkeys(TABLES, 64), 1)
    n = 0
    for t, item in timers:
        n = push(int(world.buffer.ctypes.data), n, t, item)
    assert emptied(world, n) == sorted(timers)
    release(int(world.buffer.ctypes.data))


@given(TIMERS)
def test_what_lies_in_any_order_is_settled(timers: list[tuple[float, int]]) -> None:
    world = build(dict.fromkeys(TABLES, 64), 1)
    for k, timer in enumerate(timers):
        world.timers[k] = timer
    settle(int(world.buffer.ctypes.data), len(timers))
    assert emptied(world, len(timers)) == sorted(timers)
    release(int(world.buffer.ctypes.data))
