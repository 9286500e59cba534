"""The plans that a recorded run had one after the other, as a simulation of it can follow them.

All versions are compiled with the names of the last one, so that an index means the same throughout; a target that a version has not is
retired there. What must not live here: taking a version up (`world`), and what a replay does (`retake`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled, RingSizes, compile_plan, fresh_block
from roteiro.plan.version import load_version
from roteiro.policy.state import NONE, State
from roteiro.simulator import hits
from roteiro.terms.codes import Step
from roteiro.terms.edge import Names
from roteiro.terms.error import LedgerError

__all__ = ["Followed", "followed"]

EVENTS, DECISIONS = 1 << 14, 16
"""Rows of the rings: a simulation drains them as it goes, and keeps no decisions."""


@dataclass(frozen=True, slots=True)
class Followed:
    """`first` begins; each of `adoptions` is (seconds since the epoch, what takes over then). `until_s`: from when on the run had a plan
    that cannot be followed, infinite where all can; `why` says it in words."""

    first: Compiled
    epoch_unix_s: float
    adoptions: tuple[tuple[float, Compiled], ...] = ()
    until_s: float = math.inf
    why: str = ""

    @property
    def last(self) -> Compiled:
        """The plan that the simulation ends with."""
        return self.adoptions[-1][1] if self.adoptions else self.first


def followed(run_directory: Path, decisions: npt.NDArray[Any], events: npt.NDArray[Any]) -> Followed:
    """The versions of a run by its decisions, or, where these have expired, by the plan that its events say they had.

    Raises LedgerError where the first one is gone.
    """
    told = versions_told(decisions, events)
    first, epoch = load_version(run_directory, 0)
    loaded: list[tuple[float, Compiled]] = []
    until_s, why, names = math.inf, "", first.names
    for at_s, number in told:
        try:
            version, _ = load_version(run_directory, number, names)
        except LedgerError as error:
            until_s, why = at_s, f"plan version {number} is gone ({error})"
            break
        names = version.names
        loaded.append((at_s, version))
    begins = named(first, names)
    state = fresh_block(begins, epoch)[1]
    needs, adoptions = special(begins, state), []
    for at_s, version in loaded:
        again = named(version, names)
        if more := special(again, fresh_block(again, epoch)[1]) - needs:
            until_s, why = at_s, f"the plan adopted then begins to use {' and '.join(sorted(more))}, for which the simulation has no room"
            break
        if problems := list(again.fits(state)):
            until_s, why = at_s, f"the plan adopted then does not fit: {problems[0].message}"
            break
        adoptions.append((at_s, again))
    return Followed(begins, epoch, tuple(adoptions), until_s, why)


def versions_told(decisions: npt.NDArray[Any], events: npt.NDArray[Any]) -> list[tuple[float, int]]:
    """(seconds, version number) of each adoption, in order."""
    adopted = decisions[decisions["step"] == int(Step.ADOPT)]
    if len(decisions):
        return [(float(row["now_s"]), int(row["a"])) for row in adopted]
    numbers: Sequence[int] = np.unique(events["plan"]).tolist()
    return [(float(events["ended_s"][events["plan"] == number].min()), number) for number in numbers if number > 0]


def named(compiled: Compiled, names: Names) -> Compiled:
    """The same plan with the names, and so the room, of another."""
    return compile_plan(
        compiled.plan, compiled.edge.digest, compiled.grants, before=names,
        sizes=RingSizes(compiled.capacities["flows"], EVENTS, DECISIONS),
    )  # fmt: skip


HEDGES, CACHES, TIERS, SERVERS = "hedging", "a cache", "tiers by complexity", "servers of one's own"
ALL: Final = (HEDGES, CACHES, TIERS, SERVERS)


def special(compiled: Compiled, state: State) -> set[str]:
    """What a world makes room for when it is built, and only where the first plan asks for it."""
    routes = state.routes
    there = (
        bool((routes["hedge_share"] > 0.0).any()),
        any(share > 0.0 for share in hits.expected(compiled).values()),
        bool((routes["tiers"] != NONE).any()),
        any(provider.servers is not None for provider in compiled.plan.providers.values()),
    )
    return {name for name, used in zip(ALL, there, strict=True) if used}
