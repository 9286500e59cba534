"""The vault: all of a transaction or nothing, on the disk when it is said so, in whichever thread or process."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from tests.gateway.vaults import Safe
from tests.ledger.conftest import SmallDisk, small_disk  # noqa: F401

from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import Keyring, VaultError
from roteiro.gateway.vault_thread import VaultThread
from roteiro.terms.error import RequestError

TABLE = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY)"


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path / "vault.sqlite")


def add(vault: Vault, name: str) -> str:
    vault.make(TABLE)
    with vault.changing() as connection:
        connection.execute("INSERT INTO things VALUES (?)", (name,))
    return name


def names(safe: Safe) -> list[str]:
    with safe.vault() as vault:
        vault.make(TABLE)
        return [name for (name,) in vault.connection.execute("SELECT name FROM things ORDER BY name")]


def test_the_file_is_for_its_owner_alone(safe: Safe) -> None:
    with safe.vault() as vault:
        assert safe.path.stat().st_mode & 0o777 == 0o600
        assert vault.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert vault.connection.execute("PRAGMA synchronous").fetchone() == (2,), "a commit is on the disk"
    quick = Vault(safe.path, Keyring(safe.keys), durable=False)
    assert quick.connection.execute("PRAGMA synchronous").fetchone() == (1,)
    quick.close()


def test_a_part_that_fails_takes_nothing_else_with_it(safe: Safe) -> None:
    with safe.vault() as vault, vault.changing():
        add(vault, "a")
        with pytest.raises(ValueError, match="no"), vault.apart():
            add(vault, "b")
            raise ValueError("no")
        add(vault, "c")
    assert names(safe) == ["a", "c"]


def test_a_whole_that_fails_leaves_nothing_and_the_tables_are_made_again(safe: Safe) -> None:
    with safe.vault() as vault:
        with pytest.raises(ValueError, match="no"), vault.changing():
            add(vault, "a")
            raise ValueError("no")
        add(vault, "b")
    assert names(safe) == ["b"]


def test_counters_outlive_the_connection(safe: Safe) -> None:
    for _ in range(2):
        with safe.vault() as vault:
            vault.count("dropped", 3)
    with safe.vault() as vault:
        assert vault.counters() == {"dropped": 6}


def test_what_is_no_vault_is_told(safe: Safe) -> None:
    safe.path.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(VaultError, match="cannot be used as a vault"):
        safe.open()
    with pytest.raises(VaultError, match="cannot be opened"):
        Safe(safe.path.parent / "nowhere" / "vault.sqlite").open()


def test_a_full_disk_loses_nothing_that_was_kept(small_disk: SmallDisk) -> None:  # noqa: F811
    safe = Safe(small_disk.path / "vault.sqlite")
    with safe.vault() as vault:
        add(vault, "kept")
        small_disk.fill()
        with pytest.raises(VaultError, match="cannot be written"):
            for n in range(10_000):
                add(vault, f"{n}" * 1000)
    with sqlite3.connect(f"file:{safe.path}?mode=ro", uri=True) as connection:
        assert ("kept",) in connection.execute("SELECT name FROM things").fetchall()
    connection.close()


async def test_what_is_asked_together_is_done_in_order_and_each_gets_its_own(safe: Safe) -> None:
    def refuse(vault: Vault) -> None:
        add(vault, "never")
        raise RequestError(404, "none", "there is none")

    with safe.thread() as thread:
        answers = await asyncio.gather(
            *(thread.run(lambda vault, n=n: add(vault, f"n{n}")) for n in range(100)),
            thread.run(refuse),
            thread.run(lambda vault: add(vault, "n0")),
            thread.run(lambda vault: add(vault, "last")),
            return_exceptions=True,
        )
    assert answers[:100] == [f"n{n}" for n in range(100)]
    assert isinstance(answers[100], RequestError) and isinstance(answers[101], VaultError) and answers[102] == "last"
    assert set(names(safe)) == {f"n{n}" for n in range(100)} | {"last"}


async def test_a_thread_opens_nothing_before_it_is_asked_and_closes_with_all_done(safe: Safe) -> None:
    idle = VaultThread(asyncio.get_running_loop(), safe.open)
    idle.close()
    assert not safe.path.exists()
    thread = VaultThread(asyncio.get_running_loop(), safe.open)
    for n in range(50):
        thread.ask(lambda vault, n=n: add(vault, str(n)), lambda value: None)  # type: ignore[misc]
    thread.close()
    assert len(names(safe)) == 50


async def test_a_vault_that_cannot_be_opened_is_tried_again(safe: Safe) -> None:
    folder = safe.path.parent / "later"
    safe.path = folder / "vault.sqlite"
    with safe.thread() as thread:
        with pytest.raises(VaultError, match="cannot be opened"):
            await thread.run(lambda vault: add(vault, "a"))
        folder.mkdir()
        assert await thread.run(lambda vault: add(vault, "b")) == "b"
    assert names(safe) == ["b"]


async def test_a_fault_of_ours_is_told_to_who_asked(safe: Safe) -> None:
    def wrong(vault: Vault) -> None:
        raise KeyError("oops")

    with safe.thread() as thread:
        with pytest.raises(VaultError, match="KeyError"):
            await thread.run(wrong)
        assert await thread.run(lambda vault: add(vault, "on")) == "on"
