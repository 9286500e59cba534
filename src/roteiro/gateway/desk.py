"""A worker's desk for what is kept and what comes from within: its claims, its dead letters, and the token of the run.

Nothing here is opened before its first use. What must not live here: what any of it does.
"""

import asyncio
from pathlib import Path

from roteiro.gateway.dead_letters import DeadLetters
from roteiro.gateway.idempotency import Idempotency
from roteiro.gateway.internal import Internal, Secrets
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import Keyring
from roteiro.gateway.vault_thread import VaultThread

__all__ = ["Desk"]


class Desk:
    """`batches` is a thread of its own: a large upload must not hold up who waits for a claim."""

    def __init__(self, loop: asyncio.AbstractEventLoop, known: Secrets, run: str, worker: int) -> None:
        def opened() -> Vault:
            return Vault(Path(known.vault), Keyring(known.vault_keys))

        self._vault = VaultThread(loop, opened)
        self.batches = VaultThread(loop, opened, "vault of batches")
        self.idempotency = Idempotency(self._vault, run, worker)
        self.dead_letters = DeadLetters(self._vault)
        self.internal = Internal(known.token)

    def close(self) -> None:
        """Writes what was asked for."""
        self._vault.close()
        self.batches.close()
