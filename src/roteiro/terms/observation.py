"""One thing observed of one answer's quality, on its way to the kernel.

What must not live here: how it is found (`quality`), and what becomes of it (`journey`).
"""

from typing import NamedTuple

from roteiro.terms.codes import Signal

__all__ = ["Observation"]


class Observation(NamedTuple):
    """`value` is in the unit of its `kind`. The rest are numbers of the run and indices of its plan; -1 where there is none.

    `target` gave the answer and `route` is the model that was asked for. `probe` numbers the canary question, and `version` the
    model's version in the registry of those that were seen.
    """

    kind: Signal
    value: float
    request: int = -1
    key: int = -1
    target: int = -1
    route: int = -1
    workload: int = -1
    probe: int = -1
    version: int = -1
