"""What came of a drill: a row a case, and whether the plan's promises were kept.

What must not live here: how it looks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from roteiro.testing.scenario import Seen
from roteiro.testing.truth import Truth

__all__ = ["DrillResult", "DrillRow", "Verdict"]


class Verdict(StrEnum):
    """Of one case."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRow:
    """One scenario for one model, streamed or not. `why`: the reason where it is not applicable. Times in seconds.

    `truth`, `status`, `code`, `target` and `attempts` are what its client saw; `asked`: how often each target was.
    """

    scenario: str
    model: str
    stream: bool
    must: str
    verdict: Verdict
    why: str = ""
    complaints: tuple[str, ...] = ()
    truth: Truth | None = None
    status: int = 0
    code: str = ""
    target: str = ""
    asked: tuple[int, ...] = ()
    rescues: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """All of them, in the order of the scenarios."""

    plan_digest: str
    seconds: float
    rows: Sequence[DrillRow]

    @property
    def counts(self) -> dict[str, int]:
        """Cases by verdict."""
        counts = Counter(row.verdict for row in self.rows)
        return {str(verdict): counts[verdict] for verdict in Verdict}

    @property
    def kept(self) -> bool:
        """Whether no promise was broken."""
        return not self.counts[Verdict.BROKEN]

    def as_json(self) -> dict[str, Any]:
        """One plain object, as `roteiro drill faults --json` prints it."""
        return {"plan_digest": self.plan_digest, "seconds": round(self.seconds, 3), **self.counts, "rows": list(self.rows)}


def row_of(scenario: str, must: str, model: str, stream: bool, seen: Seen, complaints: Sequence[str], plain: dict[str, str]) -> DrillRow:
    """`plain`: the plan's own names of targets, by those of their copies."""
    told = seen.told
    return DrillRow(
        scenario=scenario,
        model=model,
        stream=stream,
        must=must,
        verdict=Verdict.BROKEN if complaints else Verdict.KEPT,
        complaints=tuple(complaints),
        truth=told.truth,
        status=told.status,
        code=told.code,
        target=plain.get(told.headers.get("x-roteiro-target", ""), ""),
        asked=tuple(acted.requests for acted in seen.acted),
        rescues=int((seen.event or {}).get("rescues") or 0),
        seconds=round(told.total_s, 3),
    )
