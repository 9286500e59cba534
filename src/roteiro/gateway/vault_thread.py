"""The vault at a loop's side: one thread that does what is asked, in order, and commits together what was asked together.

Started, with the file opened, at the first use: a server that keeps nothing has no such thread. What must not live here: what is asked.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import VaultError
from roteiro.terms.error import RoteiroError

__all__ = ["VaultThread", "Work"]

log = logging.getLogger("roteiro.gateway")

T = TypeVar("T")
TOGETHER: Final = 64
"""Works of one commit at most: an fsync for all of them."""

Work = Callable[[Vault], Any]
Done = Callable[[Any], None]


class VaultThread:
    """`open_vault` is called on the thread, once it is needed, and again after it failed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, open_vault: Callable[[], Vault], name: str = "vault") -> None:
        self._loop, self._open_vault, self._name = loop, open_vault, name
        self._asked: queue.SimpleQueue[tuple[Work, Done] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def ask(self, work: Callable[[Vault], T], done: Callable[[T | Exception], None]) -> None:
        """Has `work` done in a transaction; then `done` gets its value, or the exception, on the loop, once it is on the disk.

        `work` may be rolled back and must not touch anything but the vault.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._asked.put((work, done))

    async def run(self, work: Callable[[Vault], T]) -> T:
        """The same for a coroutine. Raises what `work` raises, and VaultError."""
        future: asyncio.Future[T] = self._loop.create_future()

        def done(value: T | Exception) -> None:
            if future.done():
                return
            if isinstance(value, Exception):
                future.set_exception(value)
            else:
                future.set_result(value)

        self.ask(work, done)
        return await future

    def close(self, within_s: float = 5.0) -> None:
        """Does what was asked, and ends. Nobody is told any more."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join(within_s)
            self._thread = None

    def _run(self) -> None:
        vault: Vault | None = None
        going_on = True
        while going_on:
            works = [self._asked.get()]
            while len(works) < TOGETHER and not self._asked.empty():
                works.append(self._asked.get())
            going_on = None not in works
            asked = [work for work in works if work is not None]
            if not asked:
                continue
            try:
                vault = vault or self._open_vault()
                values = together(vault, [work for work, _ in asked])
            except RoteiroError as error:
                log.error("%s", error)
                values = [error] * len(asked)
                if vault is not None:
                    vault.close()
                    vault = None
            except Exception as error:  # ours to mend; whoever asked must not wait for ever
                log.exception("the vault failed")
                values = [VaultError(f"the vault failed: {type(error).__name__}")] * len(asked)
            answers = [(done, value) for (_, done), value in zip(asked, values, strict=True)]
            try:
                self._loop.call_soon_threadsafe(tell, answers)
            except RuntimeError:  # the loop is closed; what was asked is done all the same
                continue
        if vault is not None:
            vault.close()


def together(vault: Vault, works: list[Work]) -> list[Any]:
    """The works' values, or the exceptions of those that failed, once all that succeeded are on the disk. Raises VaultError: none is."""
    if len(works) == 1:  # fewer statements: each lets go of the interpreter's lock, and has to get it back
        try:
            with vault.changing():
                return [works[0](vault)]
        except VaultError:
            raise
        except RoteiroError as error:
            return [error]
    values: list[Any] = []
    with vault.changing():
        for work in works:
            try:
                with vault.apart():
                    values.append(work(vault))
            except RoteiroError as error:
                values.append(error)
                if not vault.connection.in_transaction:  # it was rolled back as a whole, with what went before
                    raise
    return values


def tell(answers: list[tuple[Done, Any]]) -> None:
    for done, value in answers:
        try:
            done(value)
        except Exception:
            log.exception("an answer of the vault could not be taken")
