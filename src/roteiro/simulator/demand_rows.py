"""A trace's arrivals as rows of the simulated world: who asks for what in the plan's codes, how long it is, which prefix it has.

What must not live here: files, and what the plan says of demand.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled
from roteiro.simulator.records import ARRIVAL, DRAWN
from roteiro.simulator.trace_form import Party, Trace
from roteiro.terms.codes import Operation

__all__ = ["rows_of_trace", "stream_share"]

OPERATION: Final = 5
WORKLOAD: Final = 8


def rows_of_trace(compiled: Compiled, trace: Trace) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """(ARRIVAL rows at the trace's own times, what was assumed in words).

    A request whose tenant the plan has not is drawn from the plan's mix. Lengths that the trace does not tell are those of another of
    its requests. `block` counts in the trace's own blocks.
    """
    assumed = list(trace.assumed)
    rows = np.zeros(len(trace.at_s), ARRIVAL)
    rows["at"], rows["key"] = trace.at_s, DRAWN
    chosen = np.arange(len(rows))
    told = trace.input_tokens >= 0
    if not told.all():
        chosen = np.where(told, chosen, np.random.default_rng(0).choice(np.flatnonzero(told), len(rows)))
        assumed.append(f"{int((~told).sum())} requests without lengths (they had no answer) are as long as others of the record")
    columns = (trace.input_tokens, trace.output_tokens, trace.cached_tokens, trace.reasoning_tokens)
    for name, values in zip(("input", "output", "cached", "reasoning"), columns, strict=True):
        if values is not None:
            rows[name] = np.maximum(values[chosen], 0)
    rows["input_estimate"], rows["output_estimate"] = rows["input"], compiled.plan.request.output_tokens
    if trace.chains is not None:
        rows["block"], rows["blocks"] = trace.chains.first, trace.chains.count
    if trace.who is not None:
        assumed += put_parties(compiled, trace, rows)
    return rows, tuple(assumed)


def stream_share(trace: Trace) -> float | None:
    """Of the requests that tell whether they wanted a stream; None where none does."""
    if trace.stream is None or not (trace.stream >= 0).any():
        return None
    return float(trace.stream[trace.stream >= 0].mean())


def put_parties(compiled: Compiled, trace: Trace, rows: npt.NDArray[Any]) -> list[str]:
    """Whose each request is, where the plan knows the tenant → what is assumed of the others."""
    assert trace.who is not None
    codes = [party_code(compiled, party) for party in trace.parties]
    known = np.array([code is not None for code in codes])
    keys, routes, asks = (np.array([DRAWN if code is None else code[i] for code in codes], np.int64) for i in range(3))
    who = trace.who
    rows["key"] = np.where(known[who], keys[who], DRAWN)
    rows["route"] = np.where(known[who], routes[who], 0)
    rows["asks"] = np.where(known[who], asks[who], 0)
    if trace.stream is not None:
        rows["asks"] |= np.where(known[who] & (trace.stream == 1) & (asks[who] >> OPERATION & 7 != int(Operation.EMBEDDINGS)), 1, 0)
    strange = int((~known[who]).sum())
    if not strange:
        return []
    names = sorted({party.tenant or "none" for party, code in zip(trace.parties, codes, strict=True) if code is None})
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    said = f"{', '.join(names[:3])}{more}"
    return [f"{strange} requests are of tenants or models that the plan has not ({said}): the plan's mix draws whose they are"]


def party_code(compiled: Compiled, party: Party) -> tuple[int, int, int] | None:
    """(key, route, what it asks for) in the plan's codes; None where the plan has no such tenant or model."""
    plan, names, edge = compiled.plan, compiled.names, compiled.edge
    if party.tenant not in plan.tenants:
        return None
    own = plan.tenants[party.tenant].workloads
    given = party.workload if party.workload in names.workloads else None
    used = given or (own[0] if own else min(plan.workloads))
    route = edge.default_models[names.workloads.index(used)] if party.model is None else edge.models.get(party.model)
    if route is None and party.model is None:
        route = edge.models[min(edge.models)]
    if route is None:
        return None
    asks = 0 if given is None else names.workloads.index(given) + 1 << WORKLOAD
    if edge.routes[route].kind == "embedding":
        asks |= int(Operation.EMBEDDINGS) << OPERATION
    return names.keys.index(f"tenant:{party.tenant}"), route, asks
