"""How often a cache answers in a simulation: as the plan expects, or as often as it did in a recorded run.

A share a model, drawn for each request by a generator of its own: what a cache holds is not simulated, as nothing tells which requests are
alike. What must not live here: what a hit means (the journey says).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled
from roteiro.plan.logical import LogicalModel
from roteiro.simulator.records import HIT
from roteiro.terms.codes import CacheKind
from roteiro.terms.edge import Names

__all__ = ["expected", "kind_of", "measured", "rows_of"]


def kind_of(model: LogicalModel) -> CacheKind:
    """The kind of a model's hits: the first of its caches that is asked."""
    cache = model.cache
    if cache.embeddings is not None:
        return CacheKind.EMBEDDING
    return CacheKind.EXACT if cache.exact is not None else CacheKind.SEMANTIC if cache.semantic is not None else CacheKind.NONE


def expected(compiled: Compiled) -> dict[str, float]:
    """Model → share of its requests that a cache answers, as the plan expects; models without a cache are left out."""
    return {name: model.cache.expected_hits for name, model in compiled.plan.models.items() if kind_of(model)}


def measured(compiled: Compiled, events: npt.NDArray[Any], names: Names) -> tuple[dict[str, float], tuple[str, ...]]:
    """Model → share of its requests that a cache answered, and the models of whose cache the events tell nothing: no hit at all.

    These keep what the plan expects: the cache may not have been switched on.
    """
    shares, untold = expected(compiled), []
    for name in shares:
        mine = events[events["model"] == names.routes.index(name)] if name in names.routes else events[:0]
        hits = int((mine["cache"] != CacheKind.NONE).sum())
        if hits:
            shares[name] = hits / len(mine)
        elif shares[name] > 0.0:
            untold.append(name)
    return shares, tuple(untold)


def rows_of(compiled: Compiled, shares: Mapping[str, float], outputs: Sequence[int]) -> npt.NDArray[Any]:
    """A HIT record a route. `outputs`: by target, its table of lengths of answers."""
    rows = np.zeros(max(len(compiled.names.routes), 1), HIT)
    for r, name in enumerate(compiled.names.routes):
        model = compiled.plan.models.get(name)
        if model is None:
            continue
        targets = [compiled.names.targets.index(target) for target in model.targets if target in compiled.names.targets]
        rows[r] = (shares.get(name, 0.0) if kind_of(model) else 0.0, int(kind_of(model)), outputs[targets[0]] if targets else 0)
    return rows
