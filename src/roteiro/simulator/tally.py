"""What a simulation counts of its events, in bounded memory, whatever the number of requests.

Times fall into bins that are 1/128 of their value wide (the upper bits of a 32-bit float), so a quantile is within 1/128 (0.8 %) of a time
that a request of that rank really took; counts, money and the share of requests within a promised time are exact. Two tallies merge into
the one that all their events would have given, to the bit. What must not live here: what the numbers mean, and their course in time.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.policy.kernel import entry, kernel
from roteiro.policy.state import NONE, event_at, header_of, key_at, route_at, tenant_at, workload_at
from roteiro.simulator import timeline
from roteiro.terms.codes import BreakerState, CacheKind, Outcome, Reason

__all__ = ["BINS", "ERROR", "LEAST_MS", "TIMES", "Tally", "count", "edge", "place"]

MANTISSA: Final = 7
ERROR: Final = 2.0**-MANTISSA
"""Relative error of a quantile, against the time of the request that has this rank."""
LOWEST, OCTAVES = -10, 42
LEAST_MS: Final = 2.0**LOWEST
"""Shorter times are all in the first bin, longer ones than 2**32 ms (50 days) in the last."""
SHIFT: Final = 23 - MANTISSA
OFFSET: Final = (127 + LOWEST) << MANTISSA
BINS: Final = (OCTAVES << MANTISSA) + 1
TIMES: Final = 2  # total, to the first byte
SUCCESS = int(Outcome.SUCCESS)
LIMITED, BUDGET, CANCELLED, INVALID = int(Outcome.LIMITED), int(Outcome.BUDGET), int(Outcome.CANCELLED), int(Outcome.INVALID)
PROVIDER, TENANT, EXTRA, GOOD = 6, 3, 8, 3  # columns, see Tally
NO_CACHE = int(CacheKind.NONE)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one run or of a part of it. Row 0 of those by tier is all requests, row 1 + t those of SLA tier t.

    `outcomes` (tiers + 1, outcomes). `bins` (tiers + 1, TIMES, BINS) and `sums` (ms) are of successes. `within`: successes within the
    tier's promised times. `good`: successes that kept every promise, their output tokens, and streams that were due (not refused for the
    client's own sake). `providers`: answers, attempts at it that were last, input tokens, output tokens, cost (nano-dollars), failed last
    attempts. `tenants`: requests, successes, cost. `reasons`: by why requests ended. `extra`: attempts, fallbacks, degraded, answered from
    a cache, rescues, hedged, lost and saved (nano-dollars). `budgets`: nano-dollars that events charge to each. `limits`:
    units that passed each (empty unless the run is checked). `breakers`: by target, how
    often it entered each state (of whole runs). `span`: when the part begins and its last
    request ends (s), and seconds that its requests were there, all together.
    """

    outcomes: npt.NDArray[np.int64]
    bins: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]
    within: npt.NDArray[np.int64]
    promised_ms: npt.NDArray[np.float64]
    good: npt.NDArray[np.int64]
    providers: npt.NDArray[np.int64]
    tenants: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.int64]
    extra: npt.NDArray[np.int64]
    budgets: npt.NDArray[np.int64]
    limits: npt.NDArray[np.int64]
    breakers: npt.NDArray[np.int64]
    span: npt.NDArray[np.float64]

    @classmethod
    def empty(
        cls, promised_ms: npt.NDArray[np.float64], targets: int, tenants: int, budgets: int = 0, limits: int = 0, begins_s: float = 0.0
    ) -> "Tally":
        """`promised_ms`: shape (tiers + 1, TIMES), NaN where nothing is promised."""
        tiers = len(promised_ms)

        def zeros(*shape: int) -> npt.NDArray[np.int64]:
            return np.zeros(shape, np.int64)

        return cls(
            zeros(tiers, len(Outcome)), zeros(tiers, TIMES, BINS), np.zeros((tiers, TIMES)), zeros(tiers, TIMES), promised_ms,
            zeros(tiers, GOOD), zeros(targets, PROVIDER), zeros(tenants, TENANT), zeros(max(Reason) + 1), zeros(EXTRA), zeros(budgets),
            zeros(limits), zeros(targets, len(BreakerState)), np.array([begins_s, begins_s, 0.0]),
        )  # fmt: skip

    def add(self, world: int, block: int, tail: int, head: int) -> None:
        """Count the rows of the block's event ring from `tail` to `head`, here and in the world's timeline."""
        count(
            world, block, tail, head, self.outcomes, self.bins, self.sums, self.within, self.promised_ms, self.good, self.providers,
            self.tenants, self.reasons, self.extra, self.budgets, self.limits, self.span,
        )  # fmt: skip

    def merge(self, other: "Tally") -> None:
        """Take in what another part of the same run, or another run under the same plan, counted."""
        begins, ends = min(self.span[0], other.span[0]), max(self.span[1], other.span[1])
        for field in fields(self):
            if field.name != "promised_ms":
                mine = getattr(self, field.name)
                mine += getattr(other, field.name)
        self.span[:2] = begins, ends

    @property
    def requests(self) -> int:
        return int(self.outcomes[0].sum())

    def quantile(self, tier: int, time: int, share: float) -> float:
        """Milliseconds below which `share` of successes lie; NaN where there are none. Straight lines within a bin."""
        return timeline.quantile(self.bins[tier, time], share, edge)

    def measured(self, tier: int, time: int) -> int:
        """How many successes have this time."""
        return int(self.bins[tier, time].sum())

    def mean(self, tier: int, time: int) -> float:
        measured = self.measured(tier, time)
        return float(self.sums[tier, time]) / measured if measured else float("nan")


@kernel
def place(ms: float) -> int:
    """The bin of a time."""
    return min(max((np.float32(ms).view(np.int32) >> SHIFT) - OFFSET, 0), BINS - 1)  # type: ignore[return-value, unused-ignore]


def edge(k: int) -> float:
    """Where bin `k` begins, in milliseconds."""
    return 0.0 if k <= 0 else float(np.array([(k + OFFSET) << SHIFT], np.int32).view(np.float32)[0])


@kernel
def charge(block: int, event: Any, budgets: Any) -> None:
    """What the event costs, to each budget of its caller."""
    nusd = event.cost_nusd + event.lost_nusd
    if nusd == 0:
        return
    tenant, workload = tenant_at(block, event.tenant), workload_at(block, event.workload)
    for i in range(6):
        index = tenant.budgets[i] if i < 4 else workload.budgets[i - 4]
        if index != NONE:
            budgets[index] += nusd


@kernel
def let_through(block: int, event: Any, limits: Any) -> None:
    """What the request took of each limit that it had to pass, as it was settled."""
    key, tenant = key_at(block, event.key), tenant_at(block, event.tenant)
    workload, route = workload_at(block, event.workload), route_at(block, event.model)
    tokens = event.input_tokens + event.output_tokens
    if key.requests_limit != NONE:
        limits[key.requests_limit] += 1
    if key.tokens_limit != NONE:
        limits[key.tokens_limit] += tokens
    if tenant.requests_limit != NONE:
        limits[tenant.requests_limit] += 1
    if tenant.tokens_limit != NONE:
        limits[tenant.tokens_limit] += tokens
    if workload.requests_limit != NONE:
        limits[workload.requests_limit] += 1
    if workload.tokens_limit != NONE:
        limits[workload.tokens_limit] += tokens
    if route.requests_limit != NONE:
        limits[route.requests_limit] += 1
    if route.tokens_limit != NONE:
        limits[route.tokens_limit] += tokens


@entry
def count(
    world: int, block: int, tail: int, head: int, outcomes: Any, bins: Any, sums: Any, within: Any, promised_ms: Any, good: Any,
    providers: Any, tenants: Any, reasons: Any, extra: Any, budgets: Any, limits: Any, span: Any,
) -> None:  # fmt: skip
    """Count rows of the event ring; arrays as in `Tally`."""
    for k in range(tail, head):
        event = event_at(block, k % header_of(block).n_events)
        outcome = event.outcome
        reasons[event.reason] += 1
        extra[0] += event.attempts
        extra[1] += event.fallbacks
        extra[2] += 1 if event.degraded != 0 else 0
        extra[3] += 1 if event.cache != NO_CACHE else 0
        extra[4] += event.rescues
        extra[5] += 1 if event.hedged != 0 else 0
        extra[6] += event.lost_nusd
        extra[7] += event.saved_nusd
        tenants[event.tenant, 0] += 1
        tenants[event.tenant, 2] += event.cost_nusd
        if len(budgets) > 0:
            charge(block, event, budgets)
        if len(limits) > 0 and event.reserved_tokens > 0:
            let_through(block, event, limits)
        if event.target >= 0:
            provider = providers[event.target]
            provider[1] += 1
            provider[2] += event.input_tokens
            provider[3] += event.output_tokens
            provider[4] += event.cost_nusd
            if outcome == SUCCESS:
                provider[0] += 1
            else:
                provider[5] += 1
        span[1] = max(span[1], event.ended_s)
        span[2] += event.ended_s - event.arrival_s
        tier = event.tier + 1
        outcomes[0, outcome] += 1
        if tier > 0:
            outcomes[tier, outcome] += 1
        if outcome != SUCCESS:
            if event.stream != 0 and outcome != LIMITED and outcome != BUDGET and outcome != CANCELLED and outcome != INVALID:
                good[0, 2] += 1
                if tier > 0:
                    good[tier, 2] += 1
            timeline.ended(world, event, False)
            continue
        tenants[event.tenant, 1] += 1
        kept = True
        for time in range(TIMES):
            ms = event.total_ms if time == 0 else event.ttft_ms
            if ms != ms:
                continue
            at = place(ms)
            bins[0, time, at] += 1
            sums[0, time] += ms
            if tier > 0:
                bins[tier, time, at] += 1
                sums[tier, time] += ms
                if ms <= promised_ms[tier, time]:
                    within[tier, time] += 1
                elif promised_ms[tier, time] == promised_ms[tier, time]:
                    kept = False
        streams = 1 if event.stream != 0 else 0
        good[0, 2] += streams
        if kept:
            good[0, 0] += 1
            good[0, 1] += event.output_tokens
        if tier > 0:
            good[tier, 2] += streams
            if kept:
                good[tier, 0] += 1
                good[tier, 1] += event.output_tokens
        timeline.ended(world, event, kept)
