"""The process that looks at answers: `python -m roteiro.gateway.examiner --spec FILE`.

Workers hand it samples through a socket of whole messages; it tells the kernel what it found, a step for each signal, and answers the
workers that ask whether feedback may be taken. It owns nothing: killed at any time, it takes with it the samples in flight, and the next
one reads on where it stopped. It ends with its parent, and writes no text anywhere. What must not live here: what an answer shows
(`examination`), and whose word is taken (`feedback_desk`).
"""

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from roteiro.gateway import logs
from roteiro.gateway.examination import EdgeFile, Examination
from roteiro.gateway.feedback_desk import FeedbackDesk, Given
from roteiro.gateway.journey_port import NO_FLOW, FileLock, Journey
from roteiro.gateway.judging import Judging
from roteiro.gateway.observing import Observer
from roteiro.journey.warm import warm
from roteiro.policy.state import State, view
from roteiro.terms.error import InvariantError, RoteiroError, SettingsError

if TYPE_CHECKING:
    from roteiro.ledger import Ledger

__all__ = ["ExaminerSpec", "main", "observer_of", "serve"]

log = logging.getLogger("roteiro.gateway")

LOOK_EVERY_S: Final = 0.5
TELL_EVERY_S: Final = 1.0
LAST_LOOKS_S: Final = 3.0
"""How long what is in the channel is looked at, once told to stop."""
MOST_BYTES: Final = 1 << 20
NOBODY: Final = -1
"""Its number among the workers: as the supervisor's, it has no flows."""


class ExaminerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the process is told at its start. Paths and descriptors; no secrets."""

    run: str
    block: str
    lock: str
    edge: str
    data: str
    samples_fd: int
    """Inherited: the examiner's end of `sampler.channel`."""
    probing: str = ""
    """File that says who judges (`CanariesSpec`), once a plan has a judge."""
    secrets_fd: int = -1
    """Inherited: what `internal.read_secrets` reads."""


def serve(spec: ExaminerSpec, stop: threading.Event) -> None:
    """Looks at samples until told to stop, or its parent is gone. Raises SettingsError and OSError where it cannot begin."""
    parent = os.getppid()
    state = map_block(Path(spec.block))
    edge = EdgeFile(Path(spec.edge))
    warm()
    judging = Judging(Path(spec.probing), spec.secrets_fd, edge, lambda: observer_of(state, Path(spec.lock)))
    examination = Examination(edge, observer_of(state, Path(spec.lock)), judging.offer)
    examination.follow()
    judging.follow()
    end = socket.socket(fileno=spec.samples_fd)
    end.settimeout(LOOK_EVERY_S)
    with contextlib.closing(Given(Path(spec.data) / "feedback.sqlite")) as given:
        desk = FeedbackDesk(spec.run, state, edge, lambda: ledger_in(spec.data), given, observer_of(state, Path(spec.lock)), time.time)
        desk.open()
        say(ready=True, pid=os.getpid())
        look_until_told(examination, end, lambda: stop.is_set() or os.getppid() != parent, judging.follow)
        judging.stop()
        desk.close()
    say(examined=dataclasses.asdict(examination.counts))


def look_until_told(
    examination: Examination, end: socket.socket, over: Callable[[], bool], follow: Callable[[], None] = lambda: None
) -> None:
    """Then what is in the channel by that moment, for a while. Counts are told as they change, the edge is read as it does."""
    told, tell_at, until = dataclasses.asdict(examination.counts), 0.0, 0.0
    while not until or time.monotonic() < until:
        if not until and over():
            until = time.monotonic() + LAST_LOOKS_S
            end.settimeout(0.01)
        if time.monotonic() >= tell_at:
            examination.follow()
            follow()
            tell_at = time.monotonic() + TELL_EVERY_S
            if (counts := dataclasses.asdict(examination.counts)) != told:
                told = counts
                say(examined=counts)
        try:
            message = end.recv(MOST_BYTES)
        except TimeoutError:
            if until:
                return
            continue
        if not message:  # nobody holds the other end any more
            return
        examination.look(message)


def ledger_in(directory: str) -> "Ledger":
    """Imported when it is first asked: feedback is nearly always of the latest requests, and DuckDB takes 100 MB."""
    from roteiro.ledger import Ledger

    return Ledger(directory)


def observer_of(state: State, lock: Path) -> Observer:
    """Takes steps on the block. One thread's: the system's lock is between open files."""
    journey = Journey(state, NOBODY, FileLock(lock))
    return Observer(lambda what, a, b, c, d, e: journey.step(int(what), NO_FLOW, a, b, c, d, e))


def map_block(path: Path) -> State:
    """The shared state in a file. Raises SettingsError where it is none of this version."""
    try:
        return view(np.memmap(path, np.uint8, "r+"))
    except (OSError, ValueError, InvariantError) as error:
        raise SettingsError(f"{path} cannot be used as a state block: {error}") from None


def say(**words: object) -> None:
    """To the supervisor."""
    with contextlib.suppress(BrokenPipeError, ValueError):  # nobody listens any more
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Runs the examiner → exit code: 0 told to stop, 1 it cannot begin (said on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m roteiro.gateway.examiner", description="Look at answers; started by `roteiro serve`.")
    parser.add_argument("--spec", type=Path, required=True, help="JSON file (ExaminerSpec)")
    options = parser.parse_args(arguments)
    logs.begin("examiner")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(msgspec.json.decode(options.spec.read_bytes(), type=ExaminerSpec), stop)
    except (RoteiroError, OSError, msgspec.MsgspecError) as error:
        log.error("the examiner cannot begin: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
