"""What cannot be recovered is kept, and does not keep a server from starting."""

from pathlib import Path

import pytest

from roteiro.gateway.data_directory import DataDirectory
from roteiro.gateway.recovery import recover_runs


async def test_a_block_that_is_none_stays_where_it_is_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = DataDirectory(tmp_path)
    data.hold()
    run = data.new_run()
    run.block.write_bytes(b"of another release" * 1000)
    assert await recover_runs(data) == 0
    assert run.block.read_bytes().startswith(b"of another release")
    assert f"run {run.name} cannot be recovered, its rows stay in {run.block}" in caplog.text
    data.release()
