"""What objectives take up at a start: a run that is cut in two and taken up again has counted what one run would have."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journey.world import EPOCH_UNIX_S
from tests.policy.test_objective import Counted

from roteiro.gateway.recalling import Recalling, meanings
from roteiro.gateway.slo_before import Cut, Slot, count_before
from roteiro.ledger import Head, MemoryLedger
from roteiro.plan.compile_objectives import watched
from roteiro.plan.read import read_text

PLAN = """
timezone: America/Sao_Paulo
sla_tiers: {gold: {availability: 99%, latency_p95: 500ms, window: day}}
slos:
  month: {sli: availability, objective: 99%, of: {tenant: acme}, window: month}
  rolling: {sli: latency, objective: 95%, threshold: 300ms, of: {workload: chat}, window: 5h}
maintenance: [{from: "2026-02-01T05:00Z", to: "2026-02-01T05:30Z"}]
"""
NAMES = ["gold.availability", "gold.latency_p95", "month", "rolling"]
Asked = tuple[float, bool, float]


def tell(it: Counted, asked: Sequence[Asked]) -> None:
    for at, good, took_s in asked:
        it.ask(at, good=good, took_s=took_s)


def ledger_of(it: Counted, run: str) -> MemoryLedger:
    ledger = MemoryLedger()
    ledger.writer(Head("events", run, EPOCH_UNIX_S, it.world.names)).append(it.world.events())
    return ledger


class Held:
    """A block whose steps are a world's."""

    def __init__(self, it: Counted) -> None:
        self._it, self.state = it, it.world.state

    @contextmanager
    def held(self) -> Iterator[Callable[..., object]]:
        yield lambda what, *arguments: self._it.world.step(what, args=(*arguments, 0, 0, 0, 0, 0)[:5])


def recalling(it: Counted) -> Recalling:
    fake: Any = SimpleNamespace(plans=Path())
    block: Any = Held(it)
    return Recalling(fake, "second", block, lambda: it.world.compiled)


def take_up(it: Counted, slots: list[Slot]) -> None:
    of = recalling(it)
    for name in NAMES:
        of._recall(name, [slot for slot in slots if slot.objective == name])


def counts(it: Counted, name: str) -> list[Any]:
    row = it.objective(name)
    return [int(row["good"]), int(row["bad"]), *(row[column].tolist() for column in ("minute_good", "minute_bad", "hour_good", "hour_bad"))]


@settings(max_examples=5, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 1200).map(float), st.booleans(), st.sampled_from([0.1, 0.4])), min_size=1, max_size=20),
    st.integers(0, 19),
)
def test_two_runs_count_as_one(gaps: list[Asked], cut: int) -> None:
    now, asked = 0.0, []
    for gap, good, took_s in gaps:
        now += gap
        asked.append((now, good, took_s))
    first, second, whole = Counted(PLAN), Counted(PLAN), Counted(PLAN)
    tell(first, asked[:cut])
    tell(second, asked[cut:])
    tell(whole, asked)
    last = now + 1.0
    slots = list(
        count_before(
            ledger_of(first, "first"), second.world.compiled.plan, NAMES, Cut(run="second", events=0, signals=0), EPOCH_UNIX_S + last
        )
    )
    second.world.now = whole.world.now = last
    take_up(second, slots)
    take_up(whole, [Slot(name, 0, 0, 0) for name in NAMES])  # brings its rings up to this moment
    for name in NAMES:
        assert counts(second, name) == counts(whole, name), name


def test_rows_of_this_run_that_the_kernel_counts_are_left_to_it() -> None:
    it = Counted(PLAN)
    tell(it, [(10.0 * n, n % 3 != 0, 0.1) for n in range(1, 31)])
    plan = it.world.compiled.plan

    def found(cut: Cut) -> int:
        slots = count_before(ledger_of(it, "this"), plan, ["month"], cut, EPOCH_UNIX_S + 400.0)
        return sum(slot.good + slot.bad for slot in slots if slot.slot < 1 << 62)

    assert found(Cut(run="this", events=12, signals=0)) == 12 and found(Cut(run="other", events=12, signals=0)) == 30


def test_what_a_changed_plan_means_anew() -> None:
    def meant(text: str) -> dict[str, object]:
        plan = read_text("roteiro: 1\n" + text).plan
        assert plan is not None
        return meanings(watched(plan))

    old = meant("slos: {a: {sli: latency, objective: 99%, threshold: 1s}, b: {sli: availability, objective: 99%}}")
    new = meant(
        "slos: {a: {sli: latency, objective: 99%, threshold: 2s}, b: {sli: availability, objective: 98%}, c: {sli: availability, objective: 9%}}"
    )
    assert [name for name, meaning in new.items() if old.get(name) != meaning] == ["a", "c"], "another share counts the same events"


async def test_a_ledger_that_cannot_be_asked_is_told_and_waited_for(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    it = Counted(PLAN)
    fake: Any = SimpleNamespace(plans=tmp_path, path=tmp_path)
    block: Any = Held(it)
    of = Recalling(fake, "run", block, lambda: it.world.compiled)
    of.begin()
    await asyncio.wait_for(of.done(), 60.0)
    assert "what was counted before is not known" in caplog.text
    of.begin()  # nothing is new
    await of.stop()
