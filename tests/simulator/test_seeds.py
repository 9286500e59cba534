"""Several seeds: in this process or in others the same, kept when interrupted, and their events in the ledger."""

from pathlib import Path

import pytest
from tests.simulator.build import busy as simulation_of
from tests.simulator.build import compiled, fingerprint, run, troubled

from roteiro.ledger import Ledger
from roteiro.simulator import demand
from roteiro.simulator.seeds import Job, simulate_seeds
from roteiro.terms.error import LedgerError


def job(requests: int = 1500, **more: object) -> Job:
    plan = compiled()
    return Job(plan, demand.of_plan(plan), troubled(plan), requests, **more)  # type: ignore[arg-type]


def test_processes_find_what_one_finds() -> None:
    told: list[tuple[float, str]] = []
    here, interrupted = simulate_seeds(job(), [1, 2, 3], processes=1)
    there, _ = simulate_seeds(job(), [1, 2, 3], processes=2, on_progress=lambda share, label: told.append((share, label)))
    assert not interrupted
    assert repr(here) == repr(there) and len({one.cost_usd for one in here.values()}) == 3
    assert told == sorted(told) and told[-1] == (1.0, "3/3")


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_keeps_what_is_finished(processes: int) -> None:
    def stop(share: float, label: str) -> None:
        if label == "2/4":
            raise KeyboardInterrupt

    finished, interrupted = simulate_seeds(job(), [1, 2, 3, 4], processes=processes, on_progress=stop)
    assert interrupted
    assert finished and set(finished) < {1, 2, 3, 4}


def test_ctrl_c_before_anything_is_finished_is_ctrl_c() -> None:
    def stop(share: float, label: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_seeds(job(), [1, 2], processes=1, on_progress=stop)


def test_events_are_in_the_ledger_to_the_bit(tmp_path: Path) -> None:
    simulate_seeds(job(data=tmp_path, name="s"), [1, 2], processes=1)
    ledger = Ledger(tmp_path)
    assert [(one.run, one.events, one.decisions, one.worlds) for one in sorted(ledger.runs(), key=lambda one: one.run)] == [
        ("s-1", 1500, 0, ("simulated",)), ("s-2", 1500, 0, ("simulated",))
    ]  # fmt: skip
    assert fingerprint(ledger.rows("events", "s-2")) == fingerprint(run(simulation_of(2), 1500)[0])


def test_a_process_that_cannot_write_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("not a folder")
    with pytest.raises(LedgerError):
        simulate_seeds(job(data=tmp_path), [1, 2], processes=2)
