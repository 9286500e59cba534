"""Signals of quality on their way into the kernel: whoever found them takes one step for each, under the block's lock.

What must not live here: how quality is found.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from roteiro.journey.observe import packed_source, packed_subject
from roteiro.terms.codes import Step
from roteiro.terms.observation import Observation

__all__ = ["Observer", "Observes", "Steps"]

MILLION: Final = 1e6


Steps = Callable[[Step, int, int, int, int, int], object]
"""Takes one of the fleet's steps, as `Block.step` does."""


class Observes(Protocol):
    """Takes in what was observed: the kernel in service, a list in tests."""

    def observe(self, seen: Iterable[Observation]) -> None:
        """Takes them in, in order."""


class Observer:
    """Tells the kernel: one step a signal, for its row in the ledger, the meters of routing rules, and the objectives that count it."""

    def __init__(self, step: Steps) -> None:
        self._step = step

    def observe(self, seen: Iterable[Observation]) -> None:
        for one in seen:
            self._step(
                Step.OBSERVE, packed_source(int(one.kind), one.version, one.probe), one.request, one.key, round(one.value * MILLION),
                packed_subject(one.target, one.route, one.workload),
            )  # fmt: skip
