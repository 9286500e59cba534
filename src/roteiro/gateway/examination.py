"""What becomes of one sample: read, looked at, told to the kernel; and counted where it was not.

Texts are in memory while they are looked at and nowhere else. What must not live here: the process and its channel (`examiner`), and what
any signal means (`quality`).
"""

import dataclasses
import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from roteiro.gateway.observing import Observes
from roteiro.gateway.sampler import Sample
from roteiro.quality.answered import Answered, read_stream, read_whole
from roteiro.quality.answers import signals_of
from roteiro.quality.asked import Asked, read_asked
from roteiro.quality.language import load_languages
from roteiro.quality.sampling import taken
from roteiro.terms.codes import Operation, Signal
from roteiro.terms.edge import Edge
from roteiro.terms.error import SettingsError
from roteiro.terms.observation import Observation

__all__ = ["Counts", "EdgeFile", "Examination", "Judged"]

LOOK_WITHIN_S: Final = 2.0
"""A schema's pattern, which a client gave, may take for ever; the next sample is looked at instead."""

_SAMPLE: Final = msgspec.msgpack.Decoder(Sample)
_EDGE: Final = msgspec.json.Decoder(Edge)

Judged = Callable[[Sample, int, Asked, Answered], object]
"""Is handed what a judge may be asked about: the sample, the index of its target, request and answer as they were read."""


class EdgeFile:
    """The plan's edge as the run's file has it, read again when it was replaced."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError where the file is none."""
        self._path, self._seen = path, (0, 0)
        self.edge: Edge
        self.targets: dict[str, int] = {}
        self.look()

    def look(self) -> None:
        """Reads the file where it is another by now; one that cannot be read leaves the old edge in force."""
        try:
            stat = self._path.stat()
            if (seen := (stat.st_mtime_ns, stat.st_ino)) != self._seen:
                self.edge = _EDGE.decode(self._path.read_bytes())
                self.targets = {target.name: index for index, target in enumerate(self.edge.targets)}
                self._seen = seen
        except (OSError, msgspec.MsgspecError) as error:
            if not self.targets:
                raise SettingsError(f"{self._path} is not a plan's edge: {type(error).__name__}") from None


@dataclasses.dataclass(slots=True)
class Counts:
    """Samples since the process began, by what became of them; `dropped` and `too_long` are the workers' own counts."""

    looked_at: int = 0
    unreadable: int = 0
    too_slow: int = 0
    dropped: int = 0
    too_long: int = 0


class TooSlowError(Exception):
    """It takes too long to look at a sample."""


class Examination:
    """Looks at samples, one at a time. In the main thread of its process, whose alarm it uses."""

    def __init__(self, edge: EdgeFile, observes: Observes, judged: Judged | None = None) -> None:
        self.counts = Counts()
        self._edge, self._observes, self._judged = edge, observes, judged
        self._lost: dict[int, tuple[int, int]] = {}
        signal.signal(signal.SIGALRM, _too_slow)

    def follow(self) -> None:
        """Goes by the plan in force; loads beforehand, and outside of any alarm, what its signals want."""
        self._edge.look()
        if self._edge.edge.observe.any and Signal.LANGUAGE in self._edge.edge.observe.signals:
            load_languages()

    def look(self, message: bytes) -> None:
        """Never raises for what a client, a provider or a worker said."""
        counts = self.counts
        try:
            sample = _SAMPLE.decode(message)
        except msgspec.MsgspecError:
            counts.unreadable += 1
            return
        self._count_lost(sample)
        try:
            with at_most(LOOK_WITHIN_S):
                asked, answered = read_asked(sample.asked), answer_of(sample)
                if asked is None or answered is None:
                    counts.unreadable += 1
                    return
                seen = list(self._signals(sample, asked, answered))
        except TooSlowError:
            counts.too_slow += 1
            return
        target = self._target(unquote(sample.target))
        self._observes.observe(
            [Observation(kind, value, sample.request, sample.key, target, sample.route, sample.workload) for kind, value in seen]
        )
        counts.looked_at += 1
        if self._judged is not None and taken(sample.request, self._edge.edge.observe.judge):
            self._judged(sample, target, asked, answered)

    def _signals(self, sample: Sample, asked: Asked, answered: Answered) -> Iterator[tuple[Signal, float]]:
        observe = self._edge.edge.observe
        if taken(sample.request, observe.share_of(sample.route, sample.workload)):
            return signals_of(asked, answered, [Signal(code) for code in observe.signals], observe.least_claims)
        return iter(())

    def _target(self, name: str) -> int:
        if name not in self._edge.targets:
            self._edge.look()
        return self._edge.targets.get(name, -1)

    def _count_lost(self, sample: Sample) -> None:
        """What a worker lost since it last told; one that was started again begins at nothing."""
        before, now = self._lost.get(sample.worker, (0, 0)), (sample.dropped, sample.too_long)
        dropped, too_long = (new - old if new >= old else new for new, old in zip(now, before, strict=True))
        self._lost[sample.worker] = now
        self.counts.dropped += dropped
        self.counts.too_long += too_long


def answer_of(sample: Sample) -> Answered | None:
    """The answer as its client got it, with what its provider told beside; None where it cannot be read."""
    read = read_stream if sample.stream else read_whole
    answered = read(Operation(sample.operation), sample.answered)
    if answered is not None and answered.logprob is None and math.isfinite(sample.logprob):
        return answered._replace(logprob=min(sample.logprob, 0.0))
    return answered


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises TooSlowError within the body once the time is over. Regular expressions look for signals too."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _too_slow(number: int, frame: FrameType | None) -> Any:
    raise TooSlowError
