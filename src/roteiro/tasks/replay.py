"""`roteiro replay`: whether a recorded run, taken again, decides the same, all of it.

What must not live here: how the result is shown.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roteiro.ledger import Ledger
from roteiro.simulator.replay import Difference
from roteiro.simulator.replay import replay as take_again

__all__ = ["ReplayResult", "replay"]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """`identical` is true only where every decision and event of the run is there and came out the same, to the bit.

    `decisions` and `events` count recorded rows, `same_decisions` and `same_events` those that came out the same. `gaps`: why not
    everything could be compared.
    """

    run: str
    identical: bool
    decisions: int
    events: int
    same_decisions: int
    same_events: int
    first_difference: Difference | None
    gaps: tuple[str, ...]
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        told = {
            name: getattr(self, name) for name in ("run", "identical", "decisions", "events", "same_decisions", "same_events", "took_s")
        }
        first = self.first_difference
        difference = None if first is None else {
            "table": first.table, "seq": first.seq, "fields": list(first.fields), "recorded": first.recorded, "replayed": first.replayed,
            "cause": None if first.cause is None else {
                "seq": first.cause.seq, "inputs": dict(first.cause.inputs), "flow": finite(first.cause.flow)
            },
        }  # fmt: skip
        return {**told, "gaps": list(self.gaps), "first_difference": difference}


def finite(flow: Mapping[str, object] | None) -> dict[str, object] | None:
    """A flow's record for JSON, which knows neither NaN nor infinity."""
    if flow is None:
        return None
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in flow.items()}


def replay(data: Path, run: str, on_progress: Callable[[float, str], None] | None = None) -> ReplayResult:
    """Replay a run of the data directory. `on_progress` gets the share done and a label. Raises LedgerError where it is not there."""
    begun = time.monotonic()

    def tell(taken: int, rows: int) -> None:
        if on_progress is not None:
            on_progress(taken / rows if rows else 1.0, f"{taken:,} of {rows:,} decisions")

    found = take_again(data, Ledger(data), run, tell)
    return ReplayResult(
        found.run, found.identical, found.decisions, found.events, found.same_decisions, found.same_events, found.first_difference,
        found.gaps, time.monotonic() - begun,
    )  # fmt: skip
