"""A service world fitted to a recorded run: what its targets did, attempt by attempt, and how often its caches answered.

A stream tells its time to the first token and, by what came after, its time between tokens. Answers that were not streamed tell only their
whole time: there the two are taken apart by least squares on the number of tokens. How both grow with the prompt and with the attempts in
flight is fitted first (`fit_times`), and the tables hold what is left. Weather is read slice by slice: shares of failures by class, and how
much slower the answers of a slice were than the target's usual ones, slopes apart. So the three together give back what was measured.

What must not live here: draws, and what arrives (`demand`).
"""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.ledger import Queries
from roteiro.plan.compile import Compiled
from roteiro.plan.provider import Provider
from roteiro.simulator import hits, table
from roteiro.simulator.fit_attempts import attempts_in_events, attempts_of
from roteiro.simulator.fit_batching import fit_servers
from roteiro.simulator.fit_report import FitReport, Parameter, TargetFit
from roteiro.simulator.fit_times import Line, gaps_are_independent, tokens_and_load
from roteiro.simulator.records import CLASSES
from roteiro.simulator.servers import OwnServers
from roteiro.simulator.service import ServiceWorld, Slice, TargetService
from roteiro.simulator.service import of_plan as planned
from roteiro.terms.codes import ErrorClass
from roteiro.terms.error import LedgerError

__all__ = ["fit", "fitted"]

ENOUGH: Final = 30
"""Streams from which on they alone tell the times."""
ENOUGH_IN_SLICE: Final = 4
IN_SLICE: Final = 8
"""Attempts that one slice of weather holds."""
BEYOND_CHANCE: Final = 2.5
"""Standard errors."""
LOCAL_QUEUE: Final = 1 << 20
"""llama.cpp's server lets everybody wait."""
LOCAL_CHUNK: Final = 2048
"""Tokens of its batch, `n_batch` as it is unless set."""
SILENCE_S: Final = 1.5
"""A target that was not asked for longer than this may have changed meanwhile."""


def fit(compiled: Compiled, ledger: Queries, run: str, *, weather: bool = True, until_s: float = math.inf) -> ServiceWorld:
    """The service world of a run. A target that it tells nothing of serves as the plan says.

    `weather`: the run's own ups and downs come again at their times, as a prediction of that same run wants it; without it every hour is
    as the run was on the whole, as another run's prediction wants it. `until_s`: attempts that ended later are not looked at.
    Raises LedgerError where there is nothing to fit.
    """
    return fitted(compiled, ledger, run, weather=weather, until_s=until_s)[0]


def fitted(
    compiled: Compiled, ledger: Queries, run: str, *, weather: bool = True, until_s: float = math.inf
) -> tuple[ServiceWorld, FitReport]:
    """As `fit`, and what was found with its errors."""
    decisions, events, names = ledger.rows("decisions", run), ledger.rows("events", run), ledger.head(run).names
    attempts = attempts_of(decisions) if len(decisions) else attempts_in_events(events)
    attempts = attempts[attempts["ended_s"] < until_s]
    if not len(attempts):
        raise LedgerError(f"run {run} has no attempt in the ledger that service times could be fitted to")
    plan = planned(compiled)
    codes = {name: code for code, name in enumerate(names.targets)}
    targets, assumed, found = [], [], []
    for name, usual in zip(compiled.names.targets, plan.targets, strict=True):
        own = attempts[attempts["target"] == codes.get(name, -2)]
        if (own["error_class"] == 0).any():
            target, report = fit_target(name, own, usual, weather)
            pool = pool_of(compiled.plan.providers.get(name), usual)
            batching = None if pool is None else fit_servers(own[own["error_class"] == 0], pool)
            if batching is not None:
                target = replace(target, own=batching.servers)
                note = f"median error of an answer's time {batching.off:.1%}"
                report = replace(report, kind="own", parameters=(*report.parameters, *batching.parameters), note=note)
            targets.append(target)
            found.append(report)
        else:
            targets.append(usual)
            found.append(TargetFit(name, "plan", len(own), 0, 0, ()))
            assumed += [one for one in plan.assumed if one.startswith(f"providers.{name}.")]
            assumed.append(f"providers.{name}: no answer in run {run}, so it serves as the plan says")
    shares, untold = hits.measured(compiled, events, names)
    assumed += [f"models.{name}.cache: no hit in run {run}, so it hits as the plan expects" for name in untold]
    world = ServiceWorld(f"fitted to {run}", tuple(targets), tuple(assumed), shares)
    return world, FitReport(run, weather, until_s, tuple(found))


def pool_of(provider: Provider | None, usual: TargetService) -> OwnServers | None:
    """The pool of servers behind a target as far as the plan tells of it: its own section, or the slots of a local model."""
    if usual.own is not None or provider is None or provider.local is None:
        return usual.own
    return OwnServers(batch=provider.local.slots, queue=LOCAL_QUEUE, chunk=LOCAL_CHUNK)


def slices_of(own: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Where the slices of one target's weather begin, seconds since the run's epoch, and where the last one ends.

    A slice holds `IN_SLICE` attempts, or fewer beside a silence: while a breaker was open nothing is known, so what was seen before it is
    taken to last for the first half of the silence, and what was seen after it for the second. Slices of fixed length would let a lone
    failed probe stand for the whole silence after it, and a recovery come as late as it was noticed.
    """
    sent = np.sort(own["sent_s"])
    cuts, size = [0.0], 0
    for earlier, later in pairwise(sent.tolist()):
        size += 1
        if later - earlier > SILENCE_S or (size >= IN_SLICE and later > earlier):
            cuts.append((earlier + later) / 2.0)
            size = 0
    return np.array([*cuts, max(float(own["ended_s"].max()), cuts[-1])])


def fit_target(name: str, own: npt.NDArray[Any], usual: TargetService, weather: bool) -> tuple[TargetService, TargetFit]:
    own = own[np.argsort(own["sent_s"], kind="stable")]
    good, bad = own[own["error_class"] == 0], own[own["error_class"] > 0]
    ttft, itl = times_of(good)
    heard, spoken = ~np.isnan(ttft), ~np.isnan(itl)
    report = report_of(name, own, good, ttft[heard], itl[spoken])
    known_s = 0.0 if usual.network is None else float(np.interp(0.5, table.SHARES, usual.network))
    first, pace, slopes = slopes_of(good, ttft - known_s, itl)
    edges = slices_of(own) if weather else np.array([0.0, max(float(own["ended_s"].max()), 0.0)])
    where = np.clip(np.searchsorted(edges, own["sent_s"], side="right") - 1, 0, len(edges) - 2)
    where_good = where[own["error_class"] == 0]
    slow_ttft, slow_itl = np.ones(len(edges) - 1), np.ones(len(edges) - 1)
    ttft = ttft - known_s
    if weather:  # what is left beside the slopes, so that a full hour is not taken for a slow one as well
        slow_ttft = slowness(relative_to(ttft, heard, first), where_good, len(edges) - 1)
        slow_itl = slowness(relative_to(itl, spoken, pace), where_good, len(edges) - 1)
    uncached, beside = tokens_and_beside(good)
    way_s = known_s + first.way.value
    ttft = (ttft - first.way.value) / slow_ttft[where_good]
    ttft = np.maximum(ttft / (1.0 + first.load.value * beside) - first.per_token.value * uncached, 0.0)
    itl = itl / slow_itl[where_good] / (1.0 + pace.load.value * beside)
    gaps = np.maximum(good["output"] - 1, 1).astype(np.float64)
    independent = gaps_are_independent(itl[spoken], gaps[spoken])
    if independent:
        usual_itl = float((itl[spoken] * gaps[spoken]).sum() / gaps[spoken].sum())
        itl = np.maximum(usual_itl + (itl - usual_itl) * gaps**0.5, 0.0)
    failure = dict(usual.failure)
    for error_class in ErrorClass:
        took = (bad["ended_s"] - bad["sent_s"])[bad["error_class"] == error_class]
        if len(took):
            failure[error_class] = table.measured(np.maximum(took - way_s, 0.0))
    streams_failed = bad["stream"] != 0
    target = TargetService(
        ttft=table.measured(ttft[heard]) if heard.any() else usual.ttft,
        itl=table.measured(itl[spoken]) if spoken.any() else table.constant(0.0),
        output=table.measured(good["output"].astype(np.float64)) if (good["output"] > 0).any() else usual.output,
        weather=weather_of(own, where, edges, slow_ttft, slow_itl),
        failure=failure,
        gaps_differ=independent,
        midstream=float((bad["midstream"] != 0)[streams_failed].mean()) if streams_failed.any() else 0.0,
        ttft_per_token_s=first.per_token.value,
        ttft_load=first.load.value,
        itl_load=pace.load.value,
        network=table.constant(way_s) if way_s > 0.0 else None,
        prefix_ttl_s=usual.prefix_ttl_s,
    )
    return target, replace(report, parameters=(*report.parameters, *slopes))


def tokens_and_beside(good: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Of each answer, the prompt's tokens that no cache had, and the other attempts that were in flight there when it was sent."""
    return np.maximum(good["input"] - good["cached"], 0).astype(np.float64), good["in_flight"].astype(np.float64)


def slopes_of(good: npt.NDArray[Any], ttft: npt.NDArray[np.float64], itl: npt.NDArray[np.float64]) -> tuple[Line, Line, list[Parameter]]:
    """How the times to the first token and between tokens depend on the prompt's uncached tokens and on the attempts in flight there.

    The tables of times are of what is left beside these slopes, so that no effect counts twice.
    """
    uncached, beside = tokens_and_beside(good)
    heard, spoken = ~np.isnan(ttft), ~np.isnan(itl)
    first = tokens_and_load(ttft[heard], uncached[heard], beside[heard])
    pace = tokens_and_load(itl[spoken], np.zeros(int(spoken.sum())), beside[spoken])
    found = (
        ("ttft_per_token", first.per_token, "s/token"),
        ("ttft_load", first.load, "1/attempt"),
        ("network", first.way, "s"),
        ("itl_load", pace.load, "1/attempt"),
    )
    told = [
        Parameter(name, slope.value or slope.tried, slope.error, unit, slope.value > 0.0)
        for name, slope, unit in found
        if not math.isnan(slope.error)
    ]
    return first, pace, told


def relative_to(values: npt.NDArray[np.float64], told: npt.NDArray[np.bool_], line: Line) -> npt.NDArray[np.float64]:
    """Times as they would be of the usual prompt at an idle target; NaN where there is none."""
    found = np.full(len(values), np.nan)
    found[told] = values[told] / np.maximum(line.relative, 1e-9)
    return found


def report_of(
    name: str, own: npt.NDArray[Any], good: npt.NDArray[Any], ttft: npt.NDArray[np.float64], itl: npt.NDArray[np.float64]
) -> TargetFit:
    """Parameters with their errors: of a median 1.25 σ / √n, of a share that of Bernoulli's trials."""
    parameters = [
        Parameter(what, float(np.median(values)), error_of_median(values), "s")
        for what, values in (("ttft", ttft), ("itl", itl))
        if len(values)
    ]
    for error_class, share in enumerate(shares_of(own)):
        if share > 0.0:
            failing = f"failing.{ErrorClass(error_class).name.lower()}"
            parameters.append(Parameter(failing, float(share), float((share * (1.0 - share) / len(own)) ** 0.5), "share"))
    return TargetFit(name, "remote", len(own), len(good), int((good["stream"] != 0).sum()), tuple(parameters))


def error_of_median(values: npt.NDArray[np.float64]) -> float:
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return 1.2533 * spread / math.sqrt(len(values))


def times_of(good: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(seconds to the first token, seconds between tokens) of each answer, NaN where it does not tell."""
    total, gaps = good["ended_s"] - good["sent_s"], np.maximum(good["output"] - 1, 0)
    streamed = (good["stream"] != 0) & (good["heard_s"] > 0.0)
    ttft, itl = np.full(len(good), np.nan), np.full(len(good), np.nan)
    ttft[streamed] = (good["heard_s"] - good["sent_s"])[streamed]
    long = streamed & (gaps > 0)
    itl[long] = (good["ended_s"] - good["heard_s"])[long] / gaps[long]
    if streamed.sum() >= ENOUGH:
        return ttft, itl
    whole = ~streamed
    spread = gaps[whole].astype(np.float64) - gaps[whole].mean()
    slope = float((spread * total[whole]).sum() / (spread * spread).sum()) if (spread != 0.0).any() else 0.0
    slope = min(max(slope, 0.0), float(np.min((total[whole] / np.maximum(gaps[whole], 1)), initial=np.inf)))
    ttft[whole] = total[whole] - slope * gaps[whole]
    itl[whole] = slope
    return ttft, itl


def slowness(values: npt.NDArray[np.float64], where: npt.NDArray[np.int64], slices: int) -> npt.NDArray[np.float64]:
    """By slice, the median against the median of all, where the two differ by more than chance has it; else 1.

    The median of n values of spread σ (of their logarithms, told by the median deviation) is itself off by 1.25 σ / √n. A factor that is
    only noise would be taken out of the times and drawn back in, and flatten their tails on the way.
    """
    factors = np.ones(slices)
    logs = np.log(np.maximum(values, 1e-9))
    told = ~np.isnan(values)
    if not told.any():
        return factors
    usual = float(np.median(logs[told]))
    spread = 1.4826 * float(np.median(np.abs(logs[told] - usual)))
    for i in range(slices):
        here = logs[told & (where == i)]
        if len(here) >= ENOUGH_IN_SLICE:
            off = float(np.median(here)) - usual
            if abs(off) > BEYOND_CHANCE * 1.2533 * spread / len(here) ** 0.5:
                factors[i] = np.exp(off)
    return np.maximum(factors, 1e-3)


def weather_of(
    own: npt.NDArray[Any], where: npt.NDArray[np.int64], edges: npt.NDArray[np.float64], slow_ttft: npt.NDArray[np.float64],
    slow_itl: npt.NDArray[np.float64],
) -> tuple[Slice, ...]:  # fmt: skip
    """Slices of one target; after the record it is as on the whole."""
    shares = shares_of(own)
    refused = own[(own["error_class"] == ErrorClass.RATE_LIMIT) & (own["retry_after_ms"] >= 0)]
    wait = float(np.median(refused["retry_after_ms"])) / 1e3 if len(refused) else 0.0
    weather = [
        Slice(float(edges[i]), float(slow_ttft[i]), float(slow_itl[i]), shares_of(own[where == i]), wait) for i in range(len(edges) - 1)
    ]
    weather.append(Slice(float(edges[-1]), failing=shares, retry_after_s=wait))
    return tuple(weather)


def shares_of(attempts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    counts = np.bincount(attempts["error_class"], minlength=CLASSES).astype(np.float64)
    counts[0] = 0.0
    return counts / len(attempts)
