"""Demand fitted to a record: client groups whose rates, gaps, lengths, prefixes and askers are as the record has them.

By group: adaptive windows of one rate (`demand_windows`), the process of the gaps in operational time (`demand_gaps`), lengths of the
window's own requests drawn together with their prefixes (`demand_prefix`), so that what drifts keeps drifting. Records that know rates only
are taken up by `demand_rates`. Kept: rate and its changes, variation and dispersion, the joint distribution of lengths, shared prefixes,
who asks for what, the share of streams. Lost: what one request has to do with the one before it beyond its gap, window and prefix, and
anything that groups do together within a window.

What must not live here: draws of a run, and files.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled
from roteiro.simulator import table
from roteiro.simulator.demand import Demand, lengths_of, of_trace
from roteiro.simulator.demand_check import simulated
from roteiro.simulator.demand_gaps import fit_gaps, log_density
from roteiro.simulator.demand_measure import kendall, measured
from roteiro.simulator.demand_prefix import chains_of, redrawn, reuse_of
from roteiro.simulator.demand_rates import fit_rates
from roteiro.simulator.demand_report import FitReport, GroupFit, WindowFit
from roteiro.simulator.demand_windows import Windows, operational, spread_out, windows_of
from roteiro.simulator.groups import ClientGroup, Lengths, slices_of
from roteiro.simulator.records import DRAWN, PART
from roteiro.simulator.trace_form import BLOCK_TOKENS, Chains, Rates, Trace
from roteiro.terms.problem import Problem

__all__ = ["fit_arrivals", "fit_demand"]

MOST_GROUPS: Final = 24
FEWEST, LEAST_SHARE = 200, 0.01
"""Arrivals, and share of all, that a group of its own has; the others are fitted together."""
FEWEST_ROWS: Final = 300
"""Recorded requests that a window's lengths are drawn from, at least: its neighbours' where it has fewer itself."""
MOST_ROWS: Final = 2000
"""A window with more arrivals is drawn in pieces, each with its own lengths."""
FEWEST_GAPS, BETTER = 300, 10.0
"""A window has a process of its own where it has so many gaps, and that has an AIC less by so much than the group's."""
SAMPLES: Final = 4

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def fit_demand(
    compiled: Compiled, record: Trace | Rates | Demand, problems: tuple[Problem, ...] = (), *, factor: float = 1.0
) -> tuple[Demand, FitReport]:
    """A demand whose processes are fitted to a trace, to rates by window, or to the arrivals of a recorded run, and how well they fit.

    `factor` multiplies all rates. What a record does not tell is the plan's affair; `Demand.assumed` says what that is.
    """
    if isinstance(record, Rates):
        found, report = fit_rates(compiled, record)
        found = replace(found, problems=problems)
    else:
        demand = record if isinstance(record, Demand) else of_trace(compiled, record, problems)
        step_s = record.step_s if isinstance(record, Trace) else 0.0
        found, report = fit_arrivals(compiled, demand, step_s)
    return (found if factor == 1.0 else faster(found, factor)), report


def faster(demand: Demand, factor: float) -> Demand:
    """With all rates multiplied; the times at which they change stay."""

    def quicker(group: ClientGroup) -> ClientGroup:
        slices = group.slices.copy()
        slices["rate"] *= factor
        return replace(group, slices=slices)

    return replace(demand, name=f"{demand.name}, {factor:g} ×", streams=tuple(map(quicker, demand.streams)))


def fit_arrivals(compiled: Compiled, demand: Demand, step_s: float = 0.0) -> tuple[Demand, FitReport]:
    """The processes of recorded arrivals (`Demand.arrivals`), whose times were rounded to `step_s`."""
    rows = demand.arrivals.copy()
    rows["at"] = spread_out(rows["at"], step_s)
    span_s = max(float(rows["at"][-1]), 1e-9)
    notes = [f"times are rounded to about {step_s:g} s and are spread at random within each step"] if step_s > 0.0 else []
    groups, fits = [], []
    for name, where in parties(compiled, rows):
        group, fit = fit_group(compiled, demand, name, rows[where], span_s, len(rows))
        groups.append(group)
        fits.append(fit)
    known = (rows["asks"] >> 3) & 3
    shares = np.bincount(known, minlength=4)[1:] / max(int((known > 0).sum()), 1)
    assumed = [*demand.assumed, *notes]
    found = replace(
        demand, name=f"fitted to {demand.name}", streams=tuple(groups), arrivals=demand.arrivals[:0], horizon_s=span_s,
        blocks=demand.blocks[:0], assumed=tuple(assumed),
        complexity=(float(shares[0]), float(shares[1]), float(shares[2])) if (known > 0).any() else demand.complexity,
    )  # fmt: skip
    whole = chains_in(demand, rows)
    data = measured(rows["at"], span_s, rows["input"], rows["output"], whole)
    fitted = simulated(groups, span_s, SAMPLES)
    return found, FitReport(demand.name, span_s, len(rows), tuple(fits), data, fitted, notes=tuple(assumed))


def parties(compiled: Compiled, rows: npt.NDArray[Any]) -> Iterator[tuple[str, Integers]]:
    """(name, rows) of each group: one tenant's requests of one workload to one model. Small ones are pooled; so is what nobody knows."""
    names = compiled.names
    codes = np.stack([rows["key"].astype(np.int64), rows["route"].astype(np.int64), rows["asks"] >> 5], axis=1)
    codes[rows["key"] == DRAWN] = DRAWN
    known, which, count = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    own = [k for k in np.argsort(-count, kind="stable").tolist() if count[k] >= max(FEWEST, LEAST_SHARE * len(rows))][:MOST_GROUPS]
    if len(known) == 1:
        own = [0]
    for k in own:
        key, route, asks = known[k].tolist()
        if key == DRAWN:
            yield "all" if len(known) == 1 else "unknown", np.flatnonzero(which == k)
            continue
        workload = (asks >> 3) & 0xFFFF
        words = [names.keys[key].removeprefix("tenant:"), names.workloads[workload - 1] if workload else "", names.routes[route]]
        region = asks >> 34 & 0xFF
        yield " ".join(word for word in words if word) + (f" {region}" if region else ""), np.flatnonzero(which == k)
    rest = np.flatnonzero(~np.isin(which, own))
    if len(rest):
        yield "others", rest


def fit_group(
    compiled: Compiled, demand: Demand, name: str, rows: npt.NDArray[Any], span_s: float, total: int
) -> tuple[ClientGroup, GroupFit]:
    at_s: Floats = rows["at"]
    windows = windows_of(at_s, span_s)
    processes = processes_of(at_s, windows)
    lengths, tau = joint_of(compiled, demand, rows)
    slices = slices_in(windows, processes, len(rows), lengths.joint is not None)
    drawn = rows["key"] == DRAWN
    told = rows[~drawn]
    stream = float((told["asks"] & 1).mean()) if len(told) and not drawn.any() else demand.stream
    group = ClientGroup(name, slices, lengths, mix_in(rows, demand.mix), stream)
    chains = chains_in(demand, rows)
    shown = tuple(
        WindowFit(
            float(windows.edges[k]), float(windows.edges[k + 1]), int(windows.count[k]), float(windows.rate_per_s[k]),
            float(windows.low_per_s[k]), float(windows.high_per_s[k]), *processes[k],
        )
        for k in range(len(windows.count))
    )  # fmt: skip
    reuse = None if chains is None else reuse_of(chains)
    return group, GroupFit(name, len(rows), len(rows) / total, shown, windows.gaps, tau, stream, reuse)


def processes_of(at_s: Floats, windows: Windows) -> list[tuple[int, float]]:
    """(process, shape) by window: its own where it has gaps enough to tell that it differs, else the group's."""
    x = np.diff(operational(at_s, windows.edges, windows.rate_per_s))
    usual = windows.gaps
    ends = np.cumsum(windows.count)
    found = []
    for start, end in zip((ends - windows.count).tolist(), ends.tolist(), strict=True):
        gaps = x[start : max(end - 1, start)]
        chosen = (usual.process, usual.shape)
        if len(gaps) >= FEWEST_GAPS and len(windows.count) > 1:
            own = fit_gaps(gaps)
            scaled = gaps / gaps.mean()
            if min(own.aic) + BETTER < -2.0 * float(log_density(scaled, usual.process, usual.shape).sum()):
                chosen = (own.process, own.shape)
        found.append(chosen)
    return found


def slices_in(windows: Windows, processes: list[tuple[int, float]], n: int, joint: bool) -> npt.NDArray[Any]:
    """SLICE rows: each window, in pieces where it has many arrivals, with the rows that its lengths are drawn from."""
    starts: list[float] = []
    which: list[int] = []
    rows: list[tuple[int, int]] = []
    ends = np.cumsum(windows.count)
    for k, (begin, count) in enumerate(zip((ends - windows.count).tolist(), windows.count.tolist(), strict=True)):
        pieces = max(-(-count // MOST_ROWS), 1)
        cuts = np.linspace(windows.edges[k], windows.edges[k + 1], pieces + 1)
        places = np.linspace(begin, begin + count, pieces + 1).astype(np.int64)
        for piece in range(pieces):
            starts.append(float(cuts[piece]))
            which.append(k)
            rows.append(around(int(places[piece]), int(places[piece + 1]), n))
    slices = slices_of(starts, windows.rate_per_s[which])
    slices["process"], slices["gap_shape"] = [processes[k][0] for k in which], [processes[k][1] for k in which]
    if joint:
        slices["row"], slices["rows"] = [row[0] for row in rows], [row[1] for row in rows]
    return slices


def around(begin: int, end: int, n: int) -> tuple[int, int]:
    """(first, how many) of the rows from `begin` to `end`, and as many beside them as make enough."""
    lacking = max(FEWEST_ROWS - (end - begin), 0)
    first = max(begin - lacking // 2, 0)
    last = min(max(end + lacking - lacking // 2, first + FEWEST_ROWS), n)
    return max(min(first, last - FEWEST_ROWS), 0), last - max(min(first, last - FEWEST_ROWS), 0)


def joint_of(compiled: Compiled, demand: Demand, rows: npt.NDArray[Any]) -> tuple[Lengths, float]:
    """Lengths as they were together, with their prefixes, and Kendall's tau; answers that the record does not tell are the plan's."""
    if (rows["output"] == DRAWN).any():
        told = rows["output"] != DRAWN
        output = (
            table.measured(rows["output"][told].astype(np.float64))
            if told.any()
            else lengths_of(compiled, compiled.plan.demand.input_tokens, compiled.plan.demand.output_tokens)[0].output
        )
        return Lengths(table.measured(rows["input"].astype(np.float64)), output), float("nan")
    joint = np.stack([rows[name].astype(np.int64) for name in ("input", "output", "cached", "reasoning")], axis=1)
    chains = chains_in(demand, rows)
    return Lengths(joint=joint, chains=None if chains is None else redrawn(chains)), kendall(joint[:, 0], joint[:, 1])


def chains_in(demand: Demand, rows: npt.NDArray[Any]) -> Chains | None:
    if not len(demand.blocks) or not (rows["blocks"] > 0).any():
        return None
    return chains_of(rows["block"].astype(np.int64), rows["blocks"].astype(np.int64), demand.blocks, BLOCK_TOKENS)


def mix_in(rows: npt.NDArray[Any], plan: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Who asks for what, by shares; the plan's mix where the record does not know."""
    told = rows[rows["key"] != DRAWN]
    if not len(told):
        return plan
    asked = np.stack([told["key"].astype(np.int64), told["route"].astype(np.int64), told["asks"] >> 5 << 5], axis=1)
    known, count = np.unique(asked, axis=0, return_counts=True)
    mix = np.zeros(len(known), PART)
    mix["key"], mix["route"], mix["asks"] = known.T
    mix["below"] = np.cumsum(count) / len(told)
    return mix
