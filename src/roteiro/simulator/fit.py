"""A service world fitted to a recorded run: what its targets did, attempt by attempt, and how often its caches answered.

A stream tells its time to the first token and, by what came after, its time between tokens. Answers that were not streamed tell only their
whole time: there the two are taken apart by least squares on the number of tokens. Weather is read slice by slice: shares of failures by
class, and how much slower the answers of a slice were than the target's usual ones. Times are fitted without the weather, so that the two
together give back what was measured.

What must not live here: draws, and what arrives (`demand`).
"""

from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.ledger import Queries
from roteiro.plan.compile import Compiled
from roteiro.policy.kernel import JIT, entry
from roteiro.simulator import hits, table
from roteiro.simulator.records import CLASSES
from roteiro.simulator.service import ServiceWorld, Slice, TargetService
from roteiro.simulator.service import of_plan as planned
from roteiro.terms.codes import Command, ErrorClass, Outcome, Reason, Step
from roteiro.terms.error import LedgerError

__all__ = ["ATTEMPT", "attempts_of", "fit"]

ATTEMPT: Final = np.dtype(
    [
        ("target", "i4"), ("stream", "i1"), ("error_class", "i1"), ("midstream", "i1"),
        ("sent_s", "f8"), ("heard_s", "f8"), ("ended_s", "f8"),
        ("output", "i8"), ("retry_after_ms", "i8"),
    ],
    align=True,
)  # fmt: skip
"""One attempt that came to an end; `heard_s` is 0 where no first byte was told."""

BEGIN, FIRST_BYTE, FAILED, END, GONE = int(Step.BEGIN), int(Step.FIRST_BYTE), int(Step.FAILED), int(Step.END), int(Step.GONE)
SEND, RESCUE, HEDGED = int(Command.SEND), int(Command.RESCUE), int(Reason.HEDGED)
TARGET_BITS = 0xFFFF  # of a command's argument; above them is the credential
ENOUGH: Final = 30
"""Streams from which on they alone tell the times."""
ENOUGH_IN_SLICE: Final = 4
IN_SLICE: Final = 8
"""Attempts that one slice of weather holds."""
BEYOND_CHANCE: Final = 2.5
"""Standard errors."""
SILENCE_S: Final = 1.5
"""A target that was not asked for longer than this may have changed meanwhile."""


@entry
def gather(decisions: Any, lanes: Any, attempts: Any) -> int:
    """Follow each flow through the decisions → how many attempts were written to `attempts`.

    `lanes` is two ATTEMPTs for each slot: the attempt and its hedge. Of two lanes, the one that lost tells nothing.
    """
    n = 0
    for k in range(decisions.shape[0]):
        row = decisions[k]
        if row.flow >= 0 and (row.step == FAILED or row.step == END or row.step == FIRST_BYTE):
            lane = row.a & 1 if row.step == FIRST_BYTE else row.e & 1 if row.step == FAILED else (row.e >> 1) & 1
            own = 2 * row.flow + lane
            other = 2 * row.flow + 1 - lane
            if row.step == FIRST_BYTE:
                lanes[own].heard_s = row.now_s
                lanes[other].sent_s = -1.0
            elif lanes[own].sent_s >= 0.0:
                attempts[n] = lanes[own]
                done = attempts[n]
                done.ended_s = row.now_s
                if row.step == END:
                    done.error_class, done.output = 0, row.c
                    lanes[other].sent_s = -1.0
                else:
                    done.error_class, done.retry_after_ms, done.midstream = row.a, row.b, 1 if row.d > 0 else 0
                lanes[own].sent_s = -1.0
                n += 1
        elif row.flow >= 0 and row.step == GONE:
            lanes[2 * row.flow].sent_s = -1.0
            lanes[2 * row.flow + 1].sent_s = -1.0
        if row.answered < 0:
            continue
        if row.step == BEGIN:
            lanes[2 * row.answered].stream = row.e & 1
            lanes[2 * row.answered + 1].stream = row.e & 1
        if row.command == SEND or row.command == RESCUE:
            sent = lanes[2 * row.answered + (1 if row.reason == HEDGED else 0)]
            sent.sent_s, sent.heard_s, sent.target = row.now_s, 0.0, np.int32(int(row.argument) & TARGET_BITS)
            sent.output, sent.retry_after_ms, sent.midstream = 0, -1, 0
    return n


def attempts_of(decisions: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """All attempts that the decisions of a run tell of, in the order of their ends."""
    slots = int(max(decisions["flow"].max(initial=-1), decisions["answered"].max(initial=-1))) + 1
    lanes, attempts = np.zeros(2 * slots, ATTEMPT), np.zeros(len(decisions), ATTEMPT)
    lanes["sent_s"] = -1.0
    if JIT:
        n = gather(decisions, lanes, attempts)
    else:
        n = gather(decisions.view(np.recarray), lanes.view(np.recarray), attempts.view(np.recarray))
    return attempts[:n]


def attempts_in_events(events: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The last attempts, where decisions have expired: those of answers, and the last failure of those that got none."""
    tried = events[(events["attempts"] > 0) & ~np.isnan(events["attempt_ms"])]
    tried = tried[(tried["outcome"] == int(Outcome.SUCCESS)) | (tried["outcome"] == int(Outcome.FAILED))]
    attempts = np.zeros(len(tried), ATTEMPT)
    for name in ("target", "stream"):
        attempts[name] = tried[name]
    answered = tried["outcome"] == int(Outcome.SUCCESS)
    attempts["error_class"] = np.where(answered, 0, tried["error_class"])
    attempts["ended_s"], attempts["output"], attempts["retry_after_ms"] = tried["ended_s"], tried["output_tokens"], -1
    attempts["sent_s"] = tried["ended_s"] - tried["attempt_ms"] / 1e3
    heard = tried["arrival_s"] + tried["ttft_ms"] / 1e3
    attempts["heard_s"] = np.where(np.isnan(heard) | (heard < attempts["sent_s"]), 0.0, heard)
    known: npt.NDArray[Any] = attempts[answered | (attempts["error_class"] > 0)]
    return known


def fit(compiled: Compiled, ledger: Queries, run: str) -> ServiceWorld:
    """The service world of a run. A target that it tells nothing of serves as the plan says.

    Raises LedgerError where there is nothing to fit.
    """
    decisions, events, names = ledger.rows("decisions", run), ledger.rows("events", run), ledger.head(run).names
    attempts = attempts_of(decisions) if len(decisions) else attempts_in_events(events)
    if not len(attempts):
        raise LedgerError(f"run {run} has no attempt in the ledger that service times could be fitted to")
    plan = planned(compiled)
    codes = {name: code for code, name in enumerate(names.targets)}
    targets, assumed = [], []
    for name, usual in zip(compiled.names.targets, plan.targets, strict=True):
        own = attempts[attempts["target"] == codes.get(name, -2)]
        if (own["error_class"] == 0).any():
            targets.append(fit_target(own, usual))
        else:
            targets.append(usual)
            assumed += [one for one in plan.assumed if one.startswith(f"providers.{name}.")]
            assumed.append(f"providers.{name}: no answer in run {run}, so it serves as the plan says")
    shares, untold = hits.measured(compiled, events, names)
    assumed += [f"models.{name}.cache: no hit in run {run}, so it hits as the plan expects" for name in untold]
    return ServiceWorld(f"fitted to {run}", tuple(targets), tuple(assumed), shares)


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


def fit_target(own: npt.NDArray[Any], usual: TargetService) -> TargetService:
    edges = slices_of(own)
    good = own[own["error_class"] == 0]
    ttft, itl = times_of(good)
    where = np.clip(np.searchsorted(edges, own["sent_s"], side="right") - 1, 0, len(edges) - 2)
    where_good = where[own["error_class"] == 0]
    slow_ttft = slowness(ttft, where_good, len(edges) - 1)
    slow_itl = slowness(itl, where_good, len(edges) - 1)
    bad = own[own["error_class"] > 0]
    failure = dict(usual.failure)
    for error_class in ErrorClass:
        took = (bad["ended_s"] - bad["sent_s"])[bad["error_class"] == error_class]
        if len(took):
            failure[error_class] = table.measured(took)
    streams_failed = bad["stream"] != 0
    heard = ~np.isnan(ttft)
    spoken = ~np.isnan(itl)
    return TargetService(
        ttft=table.measured(ttft[heard] / slow_ttft[where_good][heard]) if heard.any() else usual.ttft,
        itl=table.measured(itl[spoken] / slow_itl[where_good][spoken]) if spoken.any() else table.constant(0.0),
        output=table.measured(good["output"].astype(np.float64)) if (good["output"] > 0).any() else usual.output,
        weather=weather_of(own, where, edges, slow_ttft, slow_itl),
        failure=failure,
        midstream=float((bad["midstream"] != 0)[streams_failed].mean()) if streams_failed.any() else 0.0,
    )


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
