"""How a run goes in time: counts, and sketches of times, by moment (a bucket of simulated time); compiled into the loop and the tally.

A fixed number of moments: when a run outlasts them, pairs are merged and each is twice as long, so memory is bounded and nothing is lost
but resolution. Requests count where they arrive (`arrivals`) or end (all else). Times fall into bins that are 1/64 of their value wide, so
that a quantile of a moment is within 1.6 % of the time of the request that has this rank.

What must not live here: what a whole run comes to (`tally`), and intervals (`estimate`).
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.state import breaker_at
from roteiro.simulator.records import MOMENT_BINS, loop_of, moment_at, moment_target_at, service_at
from roteiro.terms.codes import BreakerState, Outcome

if TYPE_CHECKING:
    from roteiro.simulator.records import World

__all__ = ["ERROR", "MOMENTS", "edge", "ended", "flow_of", "quantile", "round_width", "series", "turned"]

MOMENTS: Final = 512
"""Most moments of a run."""
WANTED: Final = 144
"""Moments that a run of the expected length has at most: ten minutes each of a day."""
WIDTHS: Final = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0,
    28800.0, 86400.0,
)  # fmt: skip
MANTISSA: Final = 6
ERROR: Final = 2.0**-MANTISSA
"""Relative error of a quantile of a moment."""
LOWEST: Final = -10
SHIFT: Final = 23 - MANTISSA
OFFSET: Final = (127 + LOWEST) << MANTISSA
NUSD: Final = 1e9
OPEN = int(BreakerState.OPEN)
SUCCESS, FAILED, LIMITED, BUDGET, SHED, UNAVAILABLE = (
    int(o) for o in (Outcome.SUCCESS, Outcome.FAILED, Outcome.LIMITED, Outcome.BUDGET, Outcome.SHED, Outcome.UNAVAILABLE)
)


def round_width(horizon_s: float) -> float:
    """The shortest round width of a moment with which a run of this length has at most WANTED moments."""
    if not 0.0 < horizon_s < math.inf:
        return 1.0
    return next((width for width in WIDTHS if horizon_s <= width * WANTED), WIDTHS[-1] * math.ceil(horizon_s / WANTED / WIDTHS[-1]))


# --- counted, in machine code -------------------------------------------------------------------------------------------------------


@kernel
def place(ms: float) -> int:
    """The bin of a time."""
    return min(max((np.float32(ms).view(np.int32) >> SHIFT) - OFFSET, 0), MOMENT_BINS - 1)  # type: ignore[type-var, return-value, unused-ignore]


@kernel
def fold(world: int) -> None:
    """Merge each two moments: half as many, twice as long."""
    loop = loop_of(world)
    half = loop_of(world).n_moments // 2
    targets = loop_of(world).n_services
    for k in range(2 * half):
        into = moment_at(world, k // 2)
        one = moment_at(world, k)
        if k % 2 == 0 and k > 0:
            into.arrivals, into.ended, into.answers, into.good, into.refused, into.failed = 0, 0, 0, 0, 0, 0
            into.cost_nusd, into.tokens, into.arrival_sum, into.ended_sum = 0, 0, 0.0, 0.0
            for i in range(2 * MOMENT_BINS):
                into.bins[i] = 0
        if k > 0:
            into.arrivals += one.arrivals
            into.ended += one.ended
            into.answers += one.answers
            into.good += one.good
            into.refused += one.refused
            into.failed += one.failed
            into.cost_nusd += one.cost_nusd
            into.tokens += one.tokens
            into.arrival_sum += one.arrival_sum
            into.ended_sum += one.ended_sum
            for i in range(2 * MOMENT_BINS):
                into.bins[i] += one.bins[i]
        for t in range(targets):
            there, here = moment_target_at(world, (k // 2) * targets + t), moment_target_at(world, k * targets + t)
            if k % 2 == 0 and k > 0:
                there.requests, there.open_s, there.replica_s = 0, 0.0, 0.0
            if k > 0:
                there.requests += here.requests
                there.open_s += here.open_s
                there.replica_s += here.replica_s
    for k in range(half, 2 * half):
        gone = moment_at(world, k)
        gone.arrivals, gone.ended, gone.answers, gone.good, gone.refused, gone.failed = 0, 0, 0, 0, 0, 0
        gone.cost_nusd, gone.tokens, gone.arrival_sum, gone.ended_sum = 0, 0, 0.0, 0.0
        for i in range(2 * MOMENT_BINS):
            gone.bins[i] = 0
        for t in range(targets):
            left = moment_target_at(world, k * targets + t)
            left.requests, left.open_s, left.replica_s = 0, 0.0, 0.0
    loop.moment_s = loop.moment_s * 2.0


@kernel
def moment_of(world: int, at: float) -> int:
    """The moment that holds a time; makes room where there is none for it."""
    loop = loop_of(world)
    while at >= loop.moment_s * loop_of(world).n_moments:
        fold(world)
    return int(at / loop.moment_s)


@inlined
def ended(world: int, event: Any, good: bool) -> None:
    """A request is over."""
    k = moment_of(world, event.ended_s)
    came = moment_at(world, moment_of(world, event.arrival_s))
    came.arrivals += 1
    came.arrival_sum += event.arrival_s
    moment = moment_at(world, k)
    moment.ended += 1
    moment.ended_sum += event.ended_s
    moment.cost_nusd += event.cost_nusd + event.lost_nusd
    moment.tokens += event.output_tokens
    if event.target >= 0:
        moment_target_at(world, k * loop_of(world).n_services + event.target).requests += 1
    outcome = event.outcome
    if outcome == SUCCESS:
        moment.answers += 1
        moment.good += 1 if good else 0
        moment.bins[place(event.total_ms)] += 1
        if event.ttft_ms == event.ttft_ms:
            moment.bins[MOMENT_BINS + place(event.ttft_ms)] += 1
    elif outcome == LIMITED or outcome == BUDGET or outcome == SHED or outcome == UNAVAILABLE:
        moment.refused += 1
    elif outcome == FAILED:
        moment.failed += 1


@kernel
def turned(world: int, block: int, t: int, now: float) -> None:
    """Count the state of a target's breaker and of its replicas up to now. Called at each tick, and when the breaker turns."""
    service, state = service_at(world, t), breaker_at(block, t).state
    if service.state == OPEN or service.replicas > 0:
        spent = now - service.since
        if service.state == OPEN:
            service.open_s += spent
        at = service.since
        while at < now:
            k = moment_of(world, at)
            end = min((k + 1) * loop_of(world).moment_s, now)
            took = end - at
            moment = moment_target_at(world, k * loop_of(world).n_services + t)
            if service.state == OPEN:
                moment.open_s += took
            moment.replica_s += took * service.replicas
            at = end if end > at else now
    service.since = now
    if state != service.state:
        service.state = state
        service.entered[state] += 1


# --- told ---------------------------------------------------------------------------------------------------------------------------


def edge(k: int) -> float:
    """Where a moment's bin `k` begins, in milliseconds."""
    return 0.0 if k <= 0 else float(np.array([(k + OFFSET) << SHIFT], np.int32).view(np.float32)[0])


def quantile(bins: npt.NDArray[Any], share: float, begins: Callable[[int], float]) -> float:
    """Milliseconds below which `share` of what is in the bins lies; NaN where nothing is. Straight lines within a bin."""
    sums = np.cumsum(bins)
    total = int(sums[-1])
    if total == 0:
        return math.nan
    rank = max(share * total, 1.0)
    k = int(np.searchsorted(sums, rank))
    low, high = begins(k), begins(k + 1)
    return low + (high - low) * float((rank - (sums[k] - bins[k])) / bins[k])


def flow_of(rows: npt.NDArray[Any], width: float) -> npt.NDArray[np.float64]:
    """Requests that were there at once, on average, moment by moment: those from before, and parts of the moment of those that came and
    went in it."""
    begins = np.arange(len(rows)) * width
    before = np.concatenate([[0.0], np.cumsum(rows["arrivals"] - rows["ended"])[:-1]])
    came = rows["arrivals"] * (begins + width) - rows["arrival_sum"]
    went = rows["ended"] * (begins + width) - rows["ended_sum"]
    there: npt.NDArray[np.float64] = np.maximum(before + (came - went) / width, 0.0)
    return there


def series(world: "World", targets: list[str], until_s: float) -> tuple[float, dict[str, npt.NDArray[np.float64]]]:
    """(width of a moment in seconds, name → a value a moment), up to the moment of `until_s`, of which the last may be a part."""
    width = float(world.loop["moment_s"][0])
    n = min(max(math.ceil(until_s / width), 1), len(world.moments))
    rows = world.moments[:n]
    spans = np.full(n, width)
    spans[-1] = min(max(until_s - (n - 1) * width, 1e-9), width)
    totals, firsts = rows["bins"][:, :MOMENT_BINS], rows["bins"][:, MOMENT_BINS:]
    told = {
        f"{name}_per_s": rows[name] / spans for name in ("arrivals", "answers", "good", "refused", "failed", "tokens")
    }  # fmt: skip
    for name, bins, share in (("p50_ms", totals, 0.5), ("p95_ms", totals, 0.95), ("ttft_p95_ms", firsts, 0.95)):
        told[name] = np.array([quantile(one, share, edge) for one in bins])
    told["cost_usd"] = rows["cost_nusd"] / NUSD
    told["in_flight"] = flow_of(rows, width) * width / spans
    by_target = world.moment_targets[: n * len(targets)].reshape(n, len(targets))
    for t, name in enumerate(targets):
        told[f"open:{name}"] = np.clip(by_target["open_s"][:, t] / spans, 0.0, 1.0)
        told[f"requests:{name}"] = by_target["requests"][:, t] / spans
        if world.services["pool"][t]:
            told[f"replicas:{name}"] = by_target["replica_s"][:, t] / spans
    return width, told
