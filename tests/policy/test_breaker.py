"""The breaker against a model of it in plain sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.compiled import callable_from_python

from roteiro.policy import breaker
from roteiro.policy.state import BREAKER

pytestmark = pytest.mark.kernel

allows, take, settle, shares = (callable_from_python(f) for f in (breaker.allows, breaker.take, breaker.settle, breaker.shares))


def fresh(minimum_calls: int = 5, probes: int = 3) -> np.recarray:
    rows = np.zeros(1, BREAKER).view(np.recarray)
    b = rows[0]
    b.enabled, b.window_s, b.minimum_calls, b.failure_share = 1, 10.0, minimum_calls, 0.5
    b.open_s, b.max_open_s, b.probes, b.slow_share = 2.0, 30.0, probes, 1.0
    return rows


@given(st.lists(st.tuples(st.floats(0, 4), st.booleans()), min_size=1, max_size=80))
def test_it_opens_exactly_when_the_window_says(calls: list[tuple[float, bool]]) -> None:
    """The ring forgets a call 9 to 10 seconds after it; in between either verdict is right."""
    rows, now, history = fresh(), 0.0, []
    for pause, failed in calls:
        now += pause
        change = settle(rows[0], False, failed, 0.1, now, 0.5)
        history.append((now, failed))
        verdicts = set()
        for window in (9.0, 10.0):
            slot = int(now * breaker.BREAKER_SLOTS / 10.0) if window == 10.0 else None
            inside = [f for t, f in history if (int(t) > slot - 10 if slot is not None else now - t <= window)]
            verdicts.add(failed and len(inside) >= 5 and sum(inside) / len(inside) >= 0.5)
        if len(verdicts) == 1:
            assert (change == breaker.OPEN) in verdicts
        if change == breaker.OPEN:
            return


@given(st.lists(st.sampled_from(["ask", "ask", "ask", "good", "good", "bad", "leave", "later", "later"]), min_size=20, max_size=80))
def test_half_open_admits_no_more_than_its_probes(moves: list[str]) -> None:
    rows, now, out = fresh(probes=2), 0.0, 0
    b = rows[0]
    for _ in range(5):
        settle(b, False, True, 0.1, now, 0.0)
    assert b.state == breaker.OPEN
    abandon = callable_from_python(breaker.abandon)
    for move in moves:
        if move == "later":
            now += 1.0
        elif move == "ask" and allows(b, now):
            probe, _ = take(b)
            out += bool(probe)
            assert probe == (b.state == breaker.HALF_OPEN)
        elif move != "ask" and out:
            out -= 1
            if move == "leave":
                abandon(b, True)
            else:
                settle(b, True, move == "bad", 0.1, now, 0.0)
            if b.state != breaker.HALF_OPEN:
                out = 0
        if b.state == breaker.HALF_OPEN:
            assert b.probes_out == out and out + b.probes_ok <= 2


def test_open_time_doubles_up_to_its_bound_and_closing_forgets_it() -> None:
    rows, now, times = fresh(probes=1), 0.0, []
    b = rows[0]
    for _ in range(5):
        settle(b, False, True, 0.1, now, 0.0)
    for _ in range(6):
        times.append(b.until - now)
        now = b.until
        assert allows(b, now)
        take(b)
        settle(b, True, True, 0.1, now, 0.0)
    assert times == pytest.approx([2, 4, 8, 16, 30, 30])
    now = b.until
    take(b)
    assert settle(b, True, False, 0.1, now, 0.0) == breaker.CLOSED
    assert shares(b)[0] == 0 and b.opened == 0


def test_slow_calls_open_it_too() -> None:
    rows = fresh()
    rows[0].slow_s, rows[0].slow_share = 1.0, 0.5
    changes = [settle(rows[0], False, False, 2.0, 0.1 * i, 0.0) for i in range(5)]
    assert changes[-1] == breaker.OPEN and breaker.OPEN not in changes[:-1]
