"""The process that runs queued batch items: `python -m roteiro.gateway.batches_runner --spec FILE --secrets-fd N`.

It takes items while their workload's hours and the gateway's capacity allow, and sends each through the gateway itself, on behalf of the
batch's key and under an Idempotency-Key of the item's, so that whatever is killed in between, no item is answered twice. Refusals for lack
of room make it take less at once; success makes it take more. It ends by itself when nothing is queued, and with its parent.

What must not live here: what becomes of an answer (`batches_verdict`), and who starts this.
"""

import argparse
import contextlib
import logging
import os
import queue
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from roteiro.gateway import logs
from roteiro.gateway.batches_store import Batch, Batches, Item, ItemState, Line
from roteiro.gateway.batches_verdict import Again, line_of, unsent, verdict
from roteiro.gateway.inner_call import InnerAnswer, InnerCallError, InnerPort
from roteiro.gateway.internal import read_secrets
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import Keyring
from roteiro.providers.lifeline import announce, kill_with_parent
from roteiro.terms.edge import Edge, EdgeHours
from roteiro.terms.error import RoteiroError

__all__ = ["Runner", "RunnerSpec", "main"]

log = logging.getLogger("roteiro.gateway")

MOST_AT_ONCE: Final = 32
_FIRST_AT_ONCE: Final = 4.0
IDLE_S: Final = 20.0
"""With nothing queued for so long, the process ends."""
LOOK_EVERY_S: Final = 0.5
TOGETHER: Final = 500


class RunnerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told. No secrets."""

    edge: str
    """File with the plan's edge, replaced by renaming."""
    host: str
    """What the clients' port is bound to."""
    port: int
    certificate: str | None = None


Done = tuple[str, int, Item, int, InnerAnswer | None]


class Runner:
    """One turn after another (`turn`), by one thread; the calls are made on others. `clock` gives Unix seconds."""

    def __init__(self, vault: Vault, port: InnerPort, edge: Callable[[], Edge], clock: Callable[[], float] = time.time) -> None:
        self._batches, self._port, self._edge, self._clock = Batches(vault), port, edge, clock
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, "batch item")
        self._answered: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._flying: dict[str, set[int]] = {}
        """Batch → numbers of the items that are being served."""
        self._at_once: dict[str, float] = {}
        """Workload → items at once."""
        self._held: dict[str, float] = {}
        """Workload → moment until which none is sent."""

    @property
    def in_flight(self) -> int:
        return sum(map(len, self._flying.values()))

    def turn(self, wait_s: float = LOOK_EVERY_S, sending: bool = True) -> bool:
        """Looks after all batches, sends what may go, takes what was answered, and waits for that so long → whether there is any batch."""
        active = self._batches.active()
        for batch in active:
            self._end_if_over(batch)
        if sending:
            self._send(active)
        self._take(wait_s)
        return bool(active)

    def close(self) -> None:
        """Waits for what is in flight, and keeps its answers."""
        while self.in_flight:
            self.turn(sending=False)
        self._pool.shutdown()

    def _end_if_over(self, batch: Batch) -> None:
        flying = self._flying.get(batch.id, set())
        state = ItemState.CANCELED if batch.state == "cancelling" else ItemState.EXPIRED if self._clock() >= batch.expires else None
        if state is not None:
            while waiting := self._batches.waiting(batch.id, TOGETHER, tuple(flying)):
                self._batches.finish(batch.id, [(n, unsent(batch, n, item, state)) for n, item in waiting])
        if flying:
            return
        self._flying.pop(batch.id, None)
        counts = self._batches.counts(batch.id)
        if counts.waiting == 0:
            self._batches.end(batch.id, "cancelled" if batch.state == "cancelling" else "expired" if counts.expired else "completed")
            log.info("batch %s of tenant %s has ended: %d succeeded, %d errored", batch.id, batch.tenant, counts.succeeded, counts.errored)

    def _send(self, active: list[Batch]) -> None:
        edge, now = self._edge(), self._clock()
        ready = [
            batch
            for batch in active
            if batch.state == "open" and now < batch.expires and now >= self._held.get(batch.workload, 0.0) and runs_now(edge, batch, now)
        ]
        for index, batch in enumerate(ready):
            flying = self._flying.setdefault(batch.id, set())
            of_workload = sum(len(self._flying.get(other.id, ())) for other in active if other.workload == batch.workload)
            room = int(min(MOST_AT_ONCE, self._at_once.get(batch.workload, _FIRST_AT_ONCE))) - of_workload
            share = -(-room // (len(ready) - index))  # the rest of the room, in equal parts
            if share <= 0:
                continue
            for n, item, attempts in self._batches.due(batch.id, share, tuple(flying)):
                flying.add(n)
                self._pool.submit(self._call, batch, n, item, attempts)

    def _call(self, batch: Batch, n: int, item: Item, attempts: int) -> None:
        """On a thread: one item through the gateway."""
        headers = {
            "idempotency-key": f"{batch.id}-{n}",
            "x-roteiro-workload": batch.workload,
            "x-roteiro-dead-letter": "no",
            "anthropic-version": "2023-06-01",
        }
        answer: InnerAnswer | None = None
        try:
            answer = self._port.call(batch.endpoint, item.body, batch.key, headers)
        except InnerCallError:
            pass
        finally:
            self._answered.put((batch.id, n, item, attempts, answer))

    def _take(self, wait_s: float) -> None:
        """Keeps what was answered; each batch's in one transaction."""
        answered: list[Done] = []
        with contextlib.suppress(queue.Empty):
            answered.append(self._answered.get(timeout=wait_s))
            while len(answered) < TOGETHER:
                answered.append(self._answered.get_nowait())
        done: dict[str, list[tuple[int, Line]]] = {}
        for id, n, item, attempts, answer in answered:
            batch = self._batches.find(id)
            again = verdict(answer, attempts)
            if again is None:
                assert answer is not None
                self._at_once[batch.workload] = min(MOST_AT_ONCE, self._at_once.get(batch.workload, _FIRST_AT_ONCE) + 0.25)
                done.setdefault(id, []).append((n, line_of(batch, n, item, answer)))
            else:
                self._wait(batch, n, again)
        for id, lines in done.items():
            self._batches.finish(id, lines)
        for id, n, *_ in answered:
            self._flying[id].discard(n)

    def _wait(self, batch: Batch, n: int, again: Again) -> None:
        self._batches.requeue(batch.id, n, again.pause_s, again.attempts)
        if again.crowded:
            self._at_once[batch.workload] = max(1.0, self._at_once.get(batch.workload, _FIRST_AT_ONCE) / 2.0)
            self._held[batch.workload] = max(self._held.get(batch.workload, 0.0), self._clock() + min(again.pause_s, 30.0))


def runs_now(edge: Edge, batch: Batch, now: float) -> bool:
    """Whether its workload's hours allow it. A workload that the plan no longer has is left to the gateway to refuse."""
    index = edge.workloads.get(batch.workload)
    hours = edge.batch_hours[index] if index is not None and index < len(edge.batch_hours) else []
    return not hours or any(within(window, now) for window in hours)


def within(hours: EdgeHours, now: float) -> bool:
    local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(hours.timezone))
    second = local.hour * 3600.0 + local.minute * 60.0 + local.second
    if hours.from_s <= hours.to_s:
        return hours.from_s <= second < hours.to_s
    return second >= hours.from_s or second < hours.to_s


class EdgeFile:
    """The edge in a file, read again when it was replaced."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, (0, 0)
        self._edge: Edge

    def __call__(self) -> Edge:
        found = self._path.stat()
        if (found.st_ino, found.st_mtime_ns) != self._seen:
            self._edge = msgspec.json.decode(self._path.read_bytes(), type=Edge)
            self._seen = (found.st_ino, found.st_mtime_ns)
        return self._edge


def main(arguments: list[str] | None = None) -> int:
    """Runs what is queued → exit code: 0 nothing is, or told to stop; 1 it failed."""
    parser = argparse.ArgumentParser(prog="roteiro-batches", description="Runs queued batch items; started by `roteiro serve`.")
    parser.add_argument("--spec", required=True, type=Path)
    parser.add_argument("--secrets-fd", required=True, type=int)
    options = parser.parse_args(arguments)
    logs.begin("batches")
    kill_with_parent()
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    try:
        spec, known = msgspec.json.decode(options.spec.read_bytes(), type=RunnerSpec), read_secrets(options.secrets_fd)
        vault = Vault(Path(known.vault), Keyring(known.vault_keys))
        port = InnerPort(spec.host, spec.port, known.token, spec.certificate)
        runner = Runner(vault, port, EdgeFile(Path(spec.edge)))
        announce(ready=True, pid=os.getpid())
        quiet_since = time.monotonic()
        while not stopping:
            if runner.turn():
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > IDLE_S:
                break
        runner.close()
        vault.close()
    except (RoteiroError, OSError, msgspec.MsgspecError) as error:
        log.error("batches cannot be run: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
