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

        def opened_for_claims() -> Vault:
            """Where the machine fails, what was in flight is over too: a claim need not survive that, and no request waits for an fsync."""
            return Vault(Path(known.vault), Keyring(known.vault_keys), durable=False)

        self._claims = VaultThread(loop, opened_for_claims, "vault of claims")
        self._letters = VaultThread(loop, opened, "vault of dead letters")
        self.batches = VaultThread(loop, opened, "vault of batches")
        self.idempotency = Idempotency(self._claims, run, worker)
        self.dead_letters = DeadLetters(self._letters)
        self.internal = Internal(known.token)

    def close(self) -> None:
        """Writes what was asked for."""
        for thread in (self._claims, self._letters, self.batches):
            thread.close()
