"""The groups of clients that a plan's demand describes: who asks for what, how long, at what rate.

What must not live here: recorded arrivals (`demand`), and the shape that all groups share (`demand_shape`).
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled
from roteiro.plan.model import DemandGroup, MixPart, Process, SharedPrefixes, TokenSpread
from roteiro.simulator import table
from roteiro.simulator.arriving import GAMMA, POISSON, WEIBULL
from roteiro.simulator.groups import CLOCKWORK_CV, ClientGroup, Lengths, Prefixes, steady
from roteiro.simulator.records import PART
from roteiro.terms.codes import Operation

__all__ = ["OPERATION", "REGION", "groups_of", "lengths_of", "mix_of", "plain_group", "process_of"]

USUAL_INPUT, USUAL_OUTPUT = (500, 2000), (150, 600)  # medians and 95th percentiles
WORKLOAD: Final = 8
OPERATION: Final = 5
REGION: Final = 39
"""First bits of a request's flags that say its workload, its operation and its client's region; see `journey.step`."""
ALL: Final = "all"


def process_of(process: Process, cv: float) -> int:
    """The kernel's number. A Gamma as even as clockwork is a Poisson process still, as is one of variation 1."""
    if process is Process.GAMMA and cv > CLOCKWORK_CV and cv != 1.0:
        return GAMMA
    return WEIBULL if process is Process.WEIBULL and cv != 1.0 else POISSON


def groups_of(compiled: Compiled, factor: float) -> tuple[ClientGroup, ...]:
    """The groups that the plan names, their rates multiplied by `factor`, before the demand's shape."""
    wanted = compiled.plan.demand
    whole = wanted.arrivals.rate.per_second if wanted.arrivals is not None and wanted.arrivals.rate is not None else 0.0
    found = []
    known: dict[tuple[TokenSpread | None, TokenSpread | None, float], Lengths] = {}  # thousands of groups may share a few tables
    for name, group in wanted.groups.items():
        rate = group.rate.per_second if group.rate is not None else whole * (group.share or 0.0)
        rho = wanted.correlation if group.correlation is None else group.correlation
        spreads = (group.input_tokens or wanted.input_tokens, group.output_tokens or wanted.output_tokens, rho)
        if spreads not in known:
            known[spreads] = lengths_of(compiled, *spreads)[0]
        found.append(one_group(compiled, name, group, rate * factor, known[spreads]))
    return tuple(found)


def one_group(compiled: Compiled, name: str, group: DemandGroup, rate_per_s: float, lengths: Lengths) -> ClientGroup:
    wanted = compiled.plan.demand
    made = steady(
        name, process_of(group.process, group.cv), rate_per_s, group.cv, lengths,
        mix_of(compiled, group.mix or wanted.mix, group.region), wanted.stream if group.stream is None else group.stream,
    )  # fmt: skip
    return ClientGroup(made.name, made.slices, made.lengths, made.mix, made.stream, prefixes_of(group.prefixes), group.region)


def plain_group(compiled: Compiled, process: int, rate_per_s: float, cv: float) -> ClientGroup:
    """All that arrives as one group, as a plan has it that names none."""
    wanted = compiled.plan.demand
    lengths, _ = lengths_of(compiled, wanted.input_tokens, wanted.output_tokens, wanted.correlation)
    made = steady(ALL, process, rate_per_s, cv, lengths, mix_of(compiled, wanted.mix), wanted.stream)
    return ClientGroup(made.name, made.slices, made.lengths, made.mix, made.stream, prefixes_of(wanted.prefixes))


def prefixes_of(wanted: SharedPrefixes | None) -> Prefixes | None:
    return None if wanted is None else Prefixes(wanted.count, wanted.zipf, wanted.tokens)


def lengths_of(
    compiled: Compiled, input_tokens: TokenSpread | None, output_tokens: TokenSpread | None, rho: float = 0.0
) -> tuple[Lengths, tuple[str, ...]]:
    """Lengths as the plan has them, usual ones where it says nothing; and what was assumed."""
    assumed = []
    spreads = [None if spread is None else (spread.median, spread.p95) for spread in (input_tokens, output_tokens)]
    by_targets = any(provider.service is not None and provider.service.output_tokens for provider in compiled.plan.providers.values())
    for i, (what, usual) in enumerate((("input_tokens", USUAL_INPUT), ("output_tokens", USUAL_OUTPUT))):
        if spreads[i] is None and not (what == "output_tokens" and by_targets):
            spreads[i] = usual
            assumed.append(f"demand.{what}: median {usual[0]}, p95 {usual[1]}")
    lengths = [None if spread is None else table.lognormal(*spread) for spread in spreads]
    return Lengths(lengths[0], lengths[1], rho if lengths[1] is not None else 0.0), tuple(assumed)


def mix_of(compiled: Compiled, wanted: Sequence[MixPart] | None = None, region: str | None = None) -> npt.NDArray[Any]:
    """PART rows of a mix, the plan's own unless told otherwise; of every tenant alike where it is empty. `region`: of clients whose
    part of the mix says nothing."""
    plan, names, edge = compiled.plan, compiled.names, compiled.edge
    tenants = sorted(plan.tenants)
    parts = [
        (part.tenant or tenants[0], part.workload, part.model, part.share, part.region or region)
        for part in (plan.demand.mix if wanted is None else wanted)
    ]
    parts = parts or [(tenant, None, None, 1.0 / len(tenants), region) for tenant in tenants]
    rows = np.zeros(len(parts), PART)
    rows["below"] = np.cumsum([part[3] for part in parts]) / math.fsum(part[3] for part in parts)
    for row, (tenant, workload, model, _, place) in zip(rows, parts, strict=True):
        own = plan.tenants[tenant].workloads
        used = workload or (own[0] if own else min(plan.workloads))
        route = edge.models[model] if model is not None else edge.default_models[names.workloads.index(used)]
        row["key"] = names.keys.index(f"tenant:{tenant}")
        row["route"] = edge.models[min(edge.models)] if route is None else route
        row["asks"] = 0 if workload is None else names.workloads.index(workload) + 1 << WORKLOAD
        if place in names.regions:
            row["asks"] |= names.regions.index(place) + 1 << REGION
        if edge.routes[row["route"]].kind == "embedding":
            row["asks"] |= int(Operation.EMBEDDINGS) << OPERATION
    return rows
