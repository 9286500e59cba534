"""Vaults for tests: a file, a key made now, and a clock that is set by hand."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import Keyring
from roteiro.gateway.vault_thread import VaultThread


@dataclass
class Clock:
    """Unix seconds, by hand."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Safe:
    """Where a vault is, and what opens it."""

    path: Path
    keys: list[bytes] = field(default_factory=lambda: [secrets.token_bytes(32)])
    clock: Clock = field(default_factory=Clock)

    def open(self) -> Vault:
        return Vault(self.path, Keyring(self.keys), self.clock)

    @contextmanager
    def vault(self) -> Iterator[Vault]:
        vault = self.open()
        try:
            yield vault
        finally:
            vault.close()

    @contextmanager
    def thread(self) -> Iterator[VaultThread]:
        thread = VaultThread(asyncio.get_running_loop(), self.open)
        try:
            yield thread
        finally:
            thread.close()

    def bytes(self) -> bytes:
        """All that is on the disk."""
        return b"".join(path.read_bytes() for path in self.path.parent.glob(f"{self.path.name}*"))
