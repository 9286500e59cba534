"""One server a data directory, which it can write."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.ledger.conftest import SmallDisk, small_disk  # noqa: F401

from roteiro.gateway.data_directory import DataDirectory, replace_file
from roteiro.terms.error import SettingsError


def test_a_second_server_is_told_who_holds_it(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from roteiro.gateway.data_directory import DataDirectory as D; D(Path(sys.argv[1])).hold(); print(1, flush=True); input()"
    first = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "data")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert first.stdout is not None and first.stdout.readline() == b"1\n"
        second = DataDirectory(tmp_path / "data")
        with pytest.raises(
            SettingsError, match=rf"another server \(process {first.pid}\) holds the data directory .*; stop it, or use another --data"
        ):
            second.hold()
    finally:
        first.communicate(b"\n", timeout=30)
    second.hold()
    second.release()


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingsError, match=r"cannot be written: .*; mend it, or use another --data"):
        DataDirectory(tmp_path / "data").hold()


def test_a_read_only_directory_is_told(small_disk: SmallDisk) -> None:  # noqa: F811
    small_disk.remount("ro")
    with pytest.raises(SettingsError, match="cannot be written: Read-only file system"):
        DataDirectory(small_disk.path / "data").hold()
    with pytest.raises(SettingsError, match="cannot be written: Read-only file system"):
        DataDirectory(small_disk.path).hold()


def test_a_full_disk_is_told(small_disk: SmallDisk) -> None:  # noqa: F811
    DataDirectory(small_disk.path).hold()
    small_disk.fill()
    with pytest.raises(SettingsError, match="cannot be written: No space left on device"):
        DataDirectory(small_disk.path).hold()


def test_the_admin_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    token = data.admin_token()
    assert len(token) >= 40 and data.admin_token() == token
    assert data.token_file.stat().st_mode & 0o777 == 0o600


def test_runs_have_names_of_their_own_and_unfinished_ones_have_a_block(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    data.hold()
    runs = [data.new_run() for _ in range(20)]
    assert len({run.name for run in runs}) == 20
    assert data.unfinished_runs() == []
    runs[3].block.write_bytes(b"x")
    runs[3].names.write_bytes(b"{}")
    assert [run.name for run in data.unfinished_runs()] == [runs[3].name]
    runs[3].tidy()
    assert data.unfinished_runs() == [] and [path.name for path in runs[3].path.iterdir()] == ["names.json"]
    data.release()


def test_a_replaced_file_is_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "edge.json"
    replace_file(path, b"old")
    opened = path.open("rb")
    replace_file(path, b"new")
    with opened:
        assert opened.read() == b"old", "who has it open reads on"
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]
