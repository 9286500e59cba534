"""What scaling decided is done: after each tick, servers are started or let go, and the journey is told how many serve.

The decision is the kernel's (`policy.scaling`), the one that simulations take; here it is read from the block, as the simulator reads it.
What serves is told by the step CAPACITY, whose row in the journal also keeps how long the server that came last took to start.

What must not live here: decisions, and processes (`model_group`).
"""

import logging
from collections.abc import Callable
from typing import Any

from roteiro.gateway.block import Block
from roteiro.gateway.local_models import LocalModels
from roteiro.terms.codes import Step
from roteiro.terms.edge import Names

__all__ = ["Enactment"]

log = logging.getLogger("roteiro.gateway")


class Enactment:
    """Call it after each tick. `names()` are those of the plan in force, `step` takes a step of the fleet's."""

    def __init__(self, block: Block, models: LocalModels, names: Callable[[], Names], step: Callable[..., object]) -> None:
        self._block, self._models, self._names, self._step = block, models, names, step
        self._told: dict[str, tuple[int, float]] = {}
        self._wanted: dict[str, int] = {}

    def __call__(self) -> None:
        state = self._block.state
        for pool in state.pools[: int(state.header["pool_count"][0])]:
            self._follow(pool)

    def _follow(self, pool: Any) -> None:
        target = int(pool["target"])
        name = self._names().targets[target]
        group, wanted = self._models.group(name), int(pool["wanted"])
        if wanted != self._wanted.setdefault(name, wanted):
            enacted = "" if pool["active"] and group is not None else ", which is noted and left to you"
            log.info("provider %s: %d servers are wanted instead of %d%s", name, wanted, self._wanted[name], enacted)
            self._wanted[name] = wanted
        if group is None:
            return
        # Where it is advisory, what is decided is only noted: there stay as many as there were.
        group.resize(wanted if pool["active"] else group.wanted)
        ready, before = group.ready, self._told.get(name)
        if before != (ready, group.start_up_s) or ready != int(pool["ready"]):
            came = before is None or group.start_up_s != before[1]
            self._told[name] = ready, group.start_up_s
            self._step(Step.CAPACITY, target, ready, 0, round(1000 * group.start_up_s) if came else 0)
