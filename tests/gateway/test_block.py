"""The block as a file: whole or not there, shared, and stepped under one lock."""

import threading
from pathlib import Path

import pytest
from tests.gateway.world import compiled
from tests.ledger.conftest import SmallDisk, small_disk  # noqa: F401

from roteiro.gateway.block import Block
from roteiro.gateway.journey_port import FileLock
from roteiro.ledger import Ring
from roteiro.policy.state import block_size
from roteiro.terms.codes import Reason, Step
from roteiro.terms.error import SettingsError

WITHIN_S = 30.0


@pytest.fixture
def block(tmp_path: Path) -> Block:
    return Block.create(tmp_path / "block", tmp_path / "lock", compiled(), 1_770_000_000.0, 0.0)


def test_a_block_is_allocated_to_its_last_byte_and_named_when_whole(block: Block, tmp_path: Path) -> None:
    size = block_size(compiled().capacities)
    status = block.path.stat()
    assert status.st_size == size
    assert status.st_blocks * 512 >= size, "no holes"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["block", "lock"]
    assert block.epoch_unix_s == 1_770_000_000.0


def test_a_step_is_seen_by_all_who_map_it_and_in_the_ring(block: Block) -> None:
    other = Block(block.path, block.lock_path)
    before = other.ring("decisions").head
    assert block.step(Step.ADOPT, 3)[2] == Reason.ADOPTED
    assert int(other.state.header["plan"][0]) == 3
    ring = other.ring("decisions")
    assert isinstance(ring, Ring) and ring.head == before + 1
    row = ring.peek(10)[-1]
    assert (row["step"], row["a"], row["worker"], row["flow"]) == (Step.ADOPT, 3, -1, -1)
    assert other.ring("events").pending() == 0
    other.close()


def test_a_held_block_lets_no_other_process_step(block: Block) -> None:
    """Another open file stands for another process: the system's lock belongs to the open file."""
    taken = threading.Event()

    def take() -> None:
        with FileLock(block.lock_path):
            taken.set()

    with block.held() as step:
        other = threading.Thread(target=take)
        other.start()
        step(Step.ADOPT, 1, 0)
        assert not taken.is_set()
    assert taken.wait(WITHIN_S)
    other.join(WITHIN_S)


def test_the_clock_of_a_run_that_is_over_stands_still(block: Block) -> None:
    block.step(Step.TEND)
    latest = block.now_s
    assert latest > 0.0
    assert block.at_rest(Step.REAP, 0) == 0.0
    assert block.now_s == latest


@pytest.mark.parametrize("content", [b"", b"x" * 100, bytes(8192)])
def test_what_is_no_block_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "block"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be used as a state block"):
        Block(path, tmp_path / "lock")


def test_a_full_disk_is_found_now_and_leaves_nothing(small_disk: SmallDisk) -> None:  # noqa: F811
    with pytest.raises(
        SettingsError, match=r"cannot hold the state block of \d+ MiB: No space left on device; free space or use another --data"
    ):
        Block.create(small_disk.path / "block", small_disk.path / "lock", compiled(), 0.0, 0.0)
    assert list(small_disk.path.iterdir()) == []
