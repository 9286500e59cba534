"""A demand written into the tables of a world, for the loop to draw from.

What must not live here: draws, and what the plan says.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from roteiro.simulator import table
from roteiro.simulator.arriving import APART, COPULA, NEVER, TOGETHER, TRACE
from roteiro.simulator.demand import Demand
from roteiro.simulator.draw import seeded
from roteiro.simulator.groups import BLOCK_TOKENS, JOINT_COLUMNS, ClientGroup, Lengths, with_units
from roteiro.simulator.records import BLOCK, DEMAND_DRAWS, DRAWN, GROUP, JOINT, PIECE, World
from roteiro.simulator.returning import WAITING
from roteiro.terms.codes import Outcome

__all__ = ["Sources"]

NO_PIECES = np.zeros(0, PIECE)


class Sources:
    """What a demand needs of a world: `capacities` of its tables, `tables` of quantiles, which are the world's first, and `put`.

    `pieces` is the shape that multiplies the rates of all groups; none is a rate that does not change. `targets` and `flows` of the plan
    bound what there is to remember of shared prefixes and of those who may come again.
    """

    def __init__(self, demand: Demand, pieces: npt.NDArray[Any] = NO_PIECES, targets: int = 1, flows: int = 1) -> None:
        self.demand, self.pieces = demand, pieces
        self.targets, self.flows = targets, flows if demand.retry is not None else 0
        self.tables: list[table.Table] = []
        groups = demand.streams
        recorded = len(demand.arrivals) > 0
        self.names = (["recorded"] if recorded else []) + [group.name for group in groups]
        self.parts = ([demand.mix] if recorded else []) + [group.mix for group in groups]
        self.slices = [with_units(group.slices) for group in groups]
        self.joint: list[npt.NDArray[Any]] = []
        self.blocks = self.blocks_of(groups)
        self.rows = np.zeros(len(self.names), GROUP)
        self.fill(groups, recorded)

    @property
    def capacities(self) -> dict[str, int]:
        """Rows of the tables that are the demand's."""
        sizes = {
            "arrivals": len(self.demand.arrivals), "mix": sum(map(len, self.parts)), "groups": len(self.rows),
            "slices": sum(map(len, self.slices)), "pieces": len(self.pieces), "joint": sum(map(len, self.joint)),
            "blocks": len(self.blocks), "sources": len(self.rows), "coming": len(self.rows) + self.waiting, "asking": 1,
            "origins": self.flows, "returns": self.waiting, "uses": self.targets * self.known_blocks,
        }  # fmt: skip
        return {name: max(size, 1) for name, size in sizes.items()}

    @property
    def waiting(self) -> int:
        """Places for clients who will come again."""
        return WAITING if self.demand.retry is not None else 0

    def blocks_of(self, groups: Sequence[ClientGroup]) -> npt.NDArray[Any]:
        """Recorded blocks first, where ARRIVAL has them; then each group's prefixes, which nobody else has: a population, or chains."""
        recorded = np.zeros(len(self.demand.blocks), BLOCK)
        what = np.unique(self.demand.blocks, return_inverse=True)[1] if len(self.demand.blocks) else self.demand.blocks
        recorded["what"], recorded["tokens"] = what, BLOCK_TOKENS
        found, known = [recorded], int(what.max()) + 1 if len(what) else 0
        for group in groups:
            chains = group.lengths.chains
            if chains is not None:
                rows = np.zeros(len(chains.blocks), BLOCK)
                rows["what"], rows["tokens"] = known + chains.blocks, chains.block_tokens
                known += int(chains.blocks.max(initial=-1)) + 1
                found.append(rows)
            elif group.prefixes is not None:
                rows = np.zeros(group.prefixes.count, BLOCK)
                rows["below"], rows["tokens"] = np.cumsum(group.prefixes.shares), group.prefixes.tokens
                rows["what"] = known + np.arange(len(rows))
                known += len(rows)
                found.append(rows)
        self.known_blocks = known
        return np.concatenate(found)

    def fill(self, groups: Sequence[ClientGroup], recorded: bool) -> None:
        rows = self.rows
        sizes = [len(part) for part in self.parts]
        rows["parts"], rows["part"] = sizes, np.cumsum([0, *sizes[:-1]])
        if recorded:
            rows[0]["process"], rows[0]["row"], rows[0]["rows"], rows[0]["stream"] = (
                TRACE,
                -1,
                len(self.demand.arrivals),
                self.demand.stream,
            )
        first = row = 0
        block = len(self.demand.blocks)
        for g, group in enumerate(groups, int(recorded)):
            own = rows[g]
            own["first"], own["count"], own["stream"] = first, len(group.slices), group.stream
            first += len(group.slices)
            own["kind"], own["input"], own["output"] = self.lengths_of(group.lengths)
            own["rho"] = group.lengths.rho
            if group.lengths.joint is not None:
                own["row"], own["rows"] = row, row + len(group.lengths.joint)
                self.slices[g - int(recorded)]["row"] += row
                self.joint.append(joint_of(group.lengths, block))
                row += len(group.lengths.joint)
            if group.lengths.chains is not None:
                block += len(group.lengths.chains.blocks)
            elif group.prefixes is not None:
                own["block"], own["blocks"] = block, group.prefixes.count
                block += group.prefixes.count

    def lengths_of(self, lengths: Lengths) -> tuple[int, int, int]:
        """(kind, table of inputs, table of outputs)."""
        if lengths.joint is not None:
            return TOGETHER, DRAWN, DRAWN
        return COPULA if lengths.rho != 0.0 else APART, self.place(lengths.input), self.place(lengths.output)

    def place(self, quantiles: table.Table | None) -> int:
        if quantiles is None:
            return DRAWN
        for i, there in enumerate(self.tables):  # thousands of groups may share a few tables
            if there is quantiles:
                return i
        self.tables.append(quantiles)
        return len(self.tables) - 1

    def put(self, world: World, seed: int) -> None:
        """Write all of it into a world that has room."""
        demand, control = self.demand, world.loop
        world.groups[: len(self.rows)] = self.rows
        for target, pieces in ((world.mix, self.parts), (world.slices, self.slices)):
            if pieces:
                together = np.concatenate(pieces)
                target[: len(together)] = together
        if self.joint:
            together = np.concatenate(self.joint)
            world.joint[: len(together)] = together
        world.pieces[: len(self.pieces)] = self.pieces
        world.blocks[: len(self.blocks)] = self.blocks
        world.arrivals[: len(demand.arrivals)] = demand.arrivals
        for g, name in enumerate(self.names):
            world.sources[g] = seeded(seed, DEMAND_DRAWS if g == 0 else stream_of(name))
        control["process"], control["estimate"], control["keep"] = demand.process, demand.estimate, demand.keep
        control["sources"], control["shaped"], control["known_blocks"] = len(self.rows), len(self.pieces), self.known_blocks
        world.uses["at"] = -NEVER
        retry = demand.retry
        if retry is not None:
            refused = [Outcome.LIMITED, Outcome.SHED, Outcome.UNAVAILABLE] + ([Outcome.FAILED] if retry.after_failures else [])
            control["returning"], control["most_tries"] = sum(1 << outcome for outcome in refused), retry.attempts
            control["return_share"], control["return_backoff_s"] = retry.share, retry.backoff_s


def joint_of(lengths: Lengths, block: int) -> npt.NDArray[Any]:
    """JOINT rows; the chains' own blocks begin at `block`."""
    assert lengths.joint is not None
    rows = np.zeros(len(lengths.joint), JOINT)
    for column, name in enumerate(JOINT_COLUMNS):
        rows[name] = lengths.joint[:, column]
    if lengths.chains is not None:
        rows["block"], rows["blocks"] = block + lengths.chains.first, lengths.chains.count
    return rows


def stream_of(name: str) -> int:
    """Of a group's generator: by its name, so that other groups may come and go beside it."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest()) + (1 << 57)
