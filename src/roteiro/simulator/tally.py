"""What a simulation counts of its events, in bounded memory, whatever the number of requests.

Times fall into bins that are 1/128 of their value wide (the upper bits of a 32-bit float), so a quantile is within 0.4 %; counts, money and
the share of requests within a promised time are exact. What must not live here: what the numbers mean.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.policy.kernel import entry
from roteiro.policy.state import event_at, header_of
from roteiro.terms.codes import BreakerState, CacheKind, Outcome, Reason

__all__ = ["BINS", "TIMES", "Tally", "count"]

SHIFT: Final = 16
BINS: Final = 0x7F80 + 1
TIMES: Final = 2  # total, to the first byte
SUCCESS = int(Outcome.SUCCESS)
PROVIDER, TENANT, EXTRA = 6, 3, 8  # columns, see Tally
NO_CACHE = int(CacheKind.NONE)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one run. Row 0 of `outcomes`, `bins`, `within` and `sums` is all requests, row 1 + t those of SLA tier t.

    `bins` (tiers + 1, TIMES, BINS) and `sums` (ms) are of successes. `within`: successes within the tier's promised times. `providers`:
    answers, attempts at it that were last, input tokens, output tokens, cost (nano-dollars), failed last attempts. `tenants`: requests,
    successes, cost. `reasons`: by why requests ended. `extra`: attempts, fallbacks, degraded, answered from a cache, rescues, hedged, lost
    and saved (nano-dollars).
    `breakers`: by target, how often it entered each state.
    """

    outcomes: npt.NDArray[np.int64]
    bins: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]
    within: npt.NDArray[np.int64]
    promised_ms: npt.NDArray[np.float64]
    providers: npt.NDArray[np.int64]
    tenants: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.int64]
    extra: npt.NDArray[np.int64]
    breakers: npt.NDArray[np.int64]

    @classmethod
    def empty(cls, promised_ms: npt.NDArray[np.float64], targets: int, tenants: int) -> "Tally":
        """`promised_ms`: shape (tiers + 1, TIMES), NaN where nothing is promised."""
        tiers = len(promised_ms)

        def zeros(*shape: int) -> npt.NDArray[np.int64]:
            return np.zeros(shape, np.int64)

        return cls(
            zeros(tiers, len(Outcome)), zeros(tiers, TIMES, BINS), np.zeros((tiers, TIMES)), zeros(tiers, TIMES), promised_ms,
            zeros(targets, PROVIDER), zeros(tenants, TENANT), zeros(max(Reason) + 1), zeros(EXTRA), zeros(targets, len(BreakerState)),
        )  # fmt: skip

    def add(self, block: int, tail: int, head: int) -> None:
        """Count the rows of the block's event ring from `tail` to `head`."""
        count(
            block, tail, head, self.outcomes, self.bins, self.sums, self.within, self.promised_ms, self.providers, self.tenants,
            self.reasons, self.extra,
        )  # fmt: skip

    @property
    def requests(self) -> int:
        return int(self.outcomes[0].sum())

    def quantile(self, tier: int, time: int, share: float) -> float:
        """Milliseconds below which `share` of successes lie; NaN where there are none. Straight lines within a bin."""
        bins = self.bins[tier, time]
        total = int(bins.sum())
        if total == 0:
            return float("nan")
        sums = np.cumsum(bins)
        rank = share * total
        k = int(np.searchsorted(sums, rank))
        low, high = (float(np.array([i << SHIFT], np.int32).view(np.float32)[0]) for i in (k, k + 1))
        return low + (high - low) * float((rank - (sums[k] - bins[k])) / bins[k])

    def measured(self, tier: int, time: int) -> int:
        """How many successes have this time."""
        return int(self.bins[tier, time].sum())

    def mean(self, tier: int, time: int) -> float:
        measured = self.measured(tier, time)
        return float(self.sums[tier, time]) / measured if measured else float("nan")


@entry
def count(
    block: int, tail: int, head: int, outcomes: Any, bins: Any, sums: Any, within: Any, promised_ms: Any, providers: Any, tenants: Any,
    reasons: Any, extra: Any,
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
        tier = event.tier + 1
        outcomes[0, outcome] += 1
        if tier > 0:
            outcomes[tier, outcome] += 1
        if outcome != SUCCESS:
            continue
        tenants[event.tenant, 1] += 1
        for time in range(TIMES):
            ms = event.total_ms if time == 0 else event.ttft_ms
            if ms != ms:
                continue
            place = np.float32(ms).view(np.int32) >> SHIFT
            bins[0, time, place] += 1
            sums[0, time] += ms
            if tier > 0:
                bins[tier, time, place] += 1
                sums[tier, time] += ms
                if ms <= promised_ms[tier, time]:
                    within[tier, time] += 1
