"""A run written straight to Parquet: every row to the bit, on all its days, whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.ledger.build import names, same
from tests.ledger.build import rows as rows_of

from roteiro.ledger import Head, Ledger, ParquetWriter, expire, recover
from roteiro.ledger import parquet as room
from roteiro.ledger.place import markers
from roteiro.terms.error import LedgerError

EPOCH = 1_767_571_200.0


def some_events(count: int) -> Any:
    return rows_of("events", 0, count)


def head(run: str = "sim-1") -> Head:
    return Head("events", run, EPOCH, names())


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def written(folder: Path, rows: Any, run: str = "sim-1", **more: Any) -> None:
    with ParquetWriter(folder, head(run), **more) as writer:
        for part in np.array_split(rows, 7):
            writer.append(part)


def test_rows_come_back_to_the_bit_whatever_the_groups(tmp_path: Path) -> None:
    rows = some_events(1000)
    for run, group in (("a", 64), ("b", 1000), ("c", 4096)):
        written(tmp_path, rows, run, group_rows=group)
        assert same(Ledger(tmp_path).rows("events", run), rows)
    assert [(run.run, run.events) for run in Ledger(tmp_path).runs()] == [("a", 1000), ("b", 1000), ("c", 1000)]
    assert Ledger(tmp_path).sql("SELECT count(*) AS n FROM events WHERE run = 'b'").to_pylist() == [{"n": 1000}]


def test_a_run_of_several_days_is_in_a_file_each(tmp_path: Path) -> None:
    rows = some_events(300)
    rows["arrival_s"] = np.linspace(0.0, 2.5 * 86_400.0, 300)
    written(tmp_path, rows, group_rows=128)
    days = sorted(path.parent.name for path in tmp_path.rglob("*.parquet"))
    assert days == ["date=2026-01-05", "date=2026-01-06", "date=2026-01-07"]
    assert same(Ledger(tmp_path).rows("events", "sim-1"), rows)


def test_until_it_is_sealed_there_is_nothing(tmp_path: Path) -> None:
    seen: list[int] = []
    with ParquetWriter(tmp_path, head(), group_rows=64, at=lambda _: seen.append(len(Ledger(tmp_path).runs()))) as writer:
        rows = some_events(300)
        rows["arrival_s"] = np.linspace(0.0, 2.5 * 86_400.0, 300)
        writer.append(rows)
        assert not Ledger(tmp_path).runs()
    assert seen == [0, 0, 0, 0, 0, 0, 1]  # three written, three named, and the marker gone
    assert not markers(tmp_path, "events")


def test_what_is_abandoned_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ParquetWriter(tmp_path, head(), group_rows=64) as writer:
        writer.append(some_events(300))
        raise KeyboardInterrupt
    assert files(tmp_path) == []


def test_a_name_is_used_once(tmp_path: Path) -> None:
    written(tmp_path, some_events(10))
    with pytest.raises(LedgerError, match="used once"):
        ParquetWriter(tmp_path, head())
    with ParquetWriter(tmp_path, head("sim-2")), pytest.raises(LedgerError, match="another writer"):
        ParquetWriter(tmp_path, head("sim-2"))


@pytest.mark.parametrize("rows", [40, 5000])
def test_a_full_disk_is_said_and_leaves_nothing(rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, batch: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(room._DayFile, "write", full)
    with pytest.raises(LedgerError, match="No space left on device"):
        written(tmp_path, some_events(rows), group_rows=64)
    assert files(tmp_path) == [] and not Ledger(tmp_path).runs()


REFUSED = """
import resource, signal, sys
from pathlib import Path
from tests.ledger.test_parquet import files, written
from tests.ledger.test_parquet import some_events
from roteiro.terms.error import LedgerError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    written(Path(sys.argv[1]), some_events(20_000), group_rows=1024)
except LedgerError as error:
    print(error, files(Path(sys.argv[1])))
"""
KILLED = """
import os, sys
from pathlib import Path
from tests.ledger.test_parquet import written
from tests.ledger.test_parquet import some_events
import numpy as np
rows = some_events(300)
rows["arrival_s"] = np.linspace(0.0, 2.5 * 86_400.0, 300)
left = int(sys.argv[2])
def die(_):
    global left
    left -= 1
    if left == 0:
        os._exit(9)
written(Path(sys.argv[1]), rows, at=die)
"""


def child(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_a_disk_that_really_refuses_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    done = child(REFUSED, str(tmp_path))
    assert "cannot write run sim-1" in done.stdout and done.stdout.rstrip().endswith("[]"), done.stderr


@pytest.mark.parametrize("step", [1, 4, 5, 6])
def test_a_writer_that_dies_leaves_no_half_run(step: int, tmp_path: Path) -> None:
    assert child(KILLED, str(tmp_path), str(step)).returncode == 9
    assert not Ledger(tmp_path).runs() and files(tmp_path)
    recover(tmp_path)
    assert files(tmp_path) == []
    written(tmp_path, some_events(10))
    assert Ledger(tmp_path).runs()[0].events == 10


def test_recovery_leaves_a_living_writer_alone_and_expiry_what_is_unfinished(tmp_path: Path) -> None:
    from datetime import date

    with ParquetWriter(tmp_path, head()) as writer:
        writer.append(some_events(50))
        recover(tmp_path)
        expire(tmp_path, "events", date(2030, 1, 1))
    assert Ledger(tmp_path).runs()[0].events == 50
