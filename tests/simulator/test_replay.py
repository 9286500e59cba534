"""The replay law: the same inputs, the same rows; and whatever is not the same or not there is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import BUSY, busy, compiled, run

from roteiro.journey.step import step
from roteiro.ledger import Head, Ledger, MemoryLedger, SegmentWriter, compact_segments
from roteiro.plan.compile import RingSizes, compile_plan, fresh_block
from roteiro.plan.version import save_version
from roteiro.policy.kernel import JIT
from roteiro.simulator.replay import replay
from roteiro.simulator.world import EPOCH_UNIX_S
from roteiro.terms.codes import Reason, Step
from roteiro.terms.error import LedgerError


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any, Any]:
    directory = tmp_path_factory.mktemp("data")
    simulation = busy(journal=True)
    events, decisions = run(simulation, 3000 if JIT else 300)
    save_version(directory / "run" / "r", simulation.compiled, simulation.epoch_unix_s)
    return directory, events, decisions, simulation.compiled.names


def ledger_of(events: Any, decisions: Any, names: Any) -> MemoryLedger:
    ledger = MemoryLedger()
    for table, rows in (("events", events), ("decisions", decisions)):
        if len(rows):
            ledger.writer(Head(table, "r", EPOCH_UNIX_S, names)).append(rows)  # type: ignore[arg-type]
    return ledger


@pytest.mark.kernel
def test_a_run_comes_again_to_the_bit(recorded: tuple[Path, Any, Any, Any]) -> None:
    directory, events, decisions, names = recorded
    fed: list[int] = []
    found = replay(directory, ledger_of(events, decisions, names), "r", lambda at, rows: fed.append(at))
    assert (found.decisions, found.events) == (len(decisions), len(events)) == (found.same_decisions, found.same_events)
    assert found.identical and found.first_difference is None and found.gaps == ()
    assert fed[-1] == len(decisions)
    assert not JIT or Reason.BREAKER_OPENED in decisions["reason"], "notes are compared too"


@pytest.mark.parametrize(
    ("field", "change"), [("u", lambda u: 1.0 - u), ("argument", np.nextafter), ("x", lambda x: x + 1.0), ("reason", lambda r: r + 1)]
)
def test_one_bit_is_enough_to_differ(recorded: tuple[Path, Any, Any, Any], field: str, change: Any) -> None:
    directory, events, decisions, names = recorded
    changed = decisions.copy()
    place = int(np.flatnonzero((changed["step"] == Step.BEGIN) & (changed["reason"] == Reason.WEIGHTED))[40])
    old = changed[field][place]
    changed[field][place] = change(old, 9e9) if field == "argument" else change(old)
    found = replay(directory, ledger_of(events, changed, names), "r")
    assert not found.identical
    assert found.first_difference is not None and found.first_difference.table == "decisions"
    assert found.first_difference.recorded is not None and found.first_difference.recorded["step"] == "begin"
    if field != "u":
        assert (found.first_difference.seq, found.first_difference.fields) == (place, (field,))
        cause = found.first_difference.cause
        assert cause is not None and cause.seq == place and cause.inputs["step"] == "begin"
        assert cause.inputs["u"] == decisions["u"][place] and cause.flow is None, "its flow began with this step"


def test_the_cause_of_a_difference_is_told_with_the_state_of_its_flow(recorded: tuple[Path, Any, Any, Any]) -> None:
    """An answer's row that is not what it was: which step wrote it, and what its flow looked like before."""
    directory, events, decisions, names = recorded
    changed = decisions.copy()
    place = int(np.flatnonzero(changed["step"] == Step.END)[30])
    changed["x"][place] += 1.0
    found = replay(directory, ledger_of(events, changed, names), "r").first_difference
    assert found is not None and found.cause is not None
    assert (found.seq, found.cause.seq, found.cause.inputs["step"]) == (place, place, "end")
    assert found.cause.flow is not None and found.cause.flow["request"] == decisions["request"][place]
    assert found.cause.flow["sent"] > 0.0  # type: ignore[operator]


def test_a_long_run_is_read_a_segment_at_a_time(recorded: tuple[Path, Any, Any, Any], tmp_path: Path) -> None:
    """In many small segments, of which the older ones are Parquet by now: the same, and only a segment or two at once in memory."""
    directory, events, decisions, names = recorded
    for table, rows in (("events", events), ("decisions", decisions)):
        head = Head(table, "r", EPOCH_UNIX_S, names)  # type: ignore[arg-type]
        writer = SegmentWriter(tmp_path, head, segment_bytes=30_000)
        for start in range(0, len(rows), 100):
            writer.append(rows[start : start + 100])
            if start == len(rows) // 200 * 100:
                compact_segments(tmp_path, table)  # type: ignore[arg-type]
        writer.seal()
    ledger = Ledger(tmp_path)
    pieces = [len(piece) for piece in ledger.stream("decisions", "r")]
    assert len(pieces) > 4 and max(pieces) < len(decisions) / 3 and ledger.count("decisions", "r") == sum(pieces) == len(decisions)
    found = replay(directory, ledger, "r")
    assert found.identical and found.decisions == len(decisions) and found.events == len(events)


def test_an_event_that_differs_is_found(recorded: tuple[Path, Any, Any, Any]) -> None:
    directory, events, decisions, names = recorded
    changed = events.copy()
    changed["cost_nusd"][123] += 1
    found = replay(directory, ledger_of(changed, decisions, names), "r")
    assert not found.identical and found.same_events == len(events) - 1
    assert found.first_difference is not None
    assert (found.first_difference.table, found.first_difference.seq, found.first_difference.fields) == ("events", 123, ("cost_nusd",))


@pytest.mark.parametrize("keep", [slice(0, -1), slice(5, None), np.r_[0:500, 501:2000]])
def test_missing_rows_are_never_identical(recorded: tuple[Path, Any, Any, Any], keep: Any) -> None:
    directory, events, decisions, names = recorded
    found = replay(directory, ledger_of(events, decisions[keep], names), "r")
    assert not found.identical
    assert found.gaps or found.first_difference


def test_no_decisions_at_all_are_never_identical(recorded: tuple[Path, Any, Any, Any]) -> None:
    directory, events, decisions, names = recorded
    found = replay(directory, ledger_of(events, decisions[:0], names), "r")
    assert not found.identical and "no decisions" in found.gaps[0]


def test_what_the_block_never_journaled_is_a_gap(recorded: tuple[Path, Any, Any, Any], tmp_path: Path) -> None:
    _, events, decisions, names = recorded
    plan = compiled()
    block, state = fresh_block(plan, EPOCH_UNIX_S)
    state.header["unjournaled"], state.header["decision_head"] = 3, len(decisions) + 2
    save_version(tmp_path / "run" / "r", plan, EPOCH_UNIX_S)
    (tmp_path / "run" / "r" / "block").write_bytes(block.tobytes())
    found = replay(tmp_path, ledger_of(events, decisions, names), "r")
    assert not found.identical
    assert "3 decisions found no room" in found.gaps[0] and "2 decisions at the end" in found.gaps[1]


def test_plans_adopted_on_the_way_and_full_rings_come_again(tmp_path: Path) -> None:
    """A small live run by hand: adoption, a restored budget, a step that asks for nothing, an arrival that found no room."""
    sizes = RingSizes(64, 256, 4096)
    plan = compiled(sizes=sizes)
    block, state = fresh_block(plan, EPOCH_UNIX_S)
    address, now, draw = int(block.ctypes.data), 0.0, np.random.default_rng(1)
    directory = tmp_path / "run" / "r"
    save_version(directory, plan, EPOCH_UNIX_S)

    def take(what: Step, flow: int = -1, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> tuple[int, float, int, int, int]:
        nonlocal now
        now += 0.01
        return step(address, int(what), flow, now, float(draw.random()), a, b, c, d, e, 0)

    def some() -> None:
        for _ in range(8):
            flow = take(Step.BEGIN, a=plan.names.keys.index("tenant:cleo"), b=plan.names.routes.index("chat"), c=10, d=20)[3]
            take(Step.END, flow, 10, 0, 20)

    take(Step.NOTE)
    take(Step.RESTORE, a=0, b=123_456)
    some()
    changed = compiled(BUSY.replace("weight: 70", "weight: 7").replace("primary: 70", "primary: 1"), sizes)
    newer = compile_plan(changed.plan, changed.edge.digest, before=plan.names, sizes=sizes)
    save_version(directory, newer, EPOCH_UNIX_S)
    newer.fill(state)
    take(Step.ADOPT, a=1)
    some()
    state.header["event_tail"] -= 256  # the ledger's writer is that far behind
    assert take(Step.BEGIN, a=0, b=0)[2] == Reason.LEDGER_FULL
    state.header["event_tail"] += 256
    some()
    heads = [int(state.header[name][0]) for name in ("event_head", "decision_head")]
    ledger = ledger_of(state.events[: heads[0]], state.decisions[: heads[1]], newer.names)
    found = replay(tmp_path, ledger, "r")
    assert found.identical, found
    assert found.decisions == heads[1] and found.events == heads[0] == 24


def test_a_run_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no run"):
        replay(tmp_path, Ledger(tmp_path), "none")
