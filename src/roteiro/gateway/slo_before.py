"""What objectives counted before, asked of the ledger in a process of its own: `python -m roteiro.gateway.slo_before`.

By the hour of the objective's window, and by the minute of the last six hours, as the kernel's rings have them (`policy.objective`). The
statements are those of the reports (`analysis.sli`), so that what serves and what is reported begin from one count. An event stands in the
slot of its arrival here, where the kernel puts it into that of its end. What a step of burn itself refused is not counted, as there:
the step would keep itself in force.

What must not live here: taking it up (`recalling`).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from roteiro.terms.codes import Reason
from roteiro.terms.error import LedgerError

if TYPE_CHECKING:
    from roteiro.analysis.objective import Objective
    from roteiro.ledger.query import Queries
    from roteiro.plan.model import Plan

__all__ = ["MINUTE_BIT", "Cut", "Slot", "count_before", "main"]

MINUTE_BIT: Final = 1 << 62
MINUTE_S, HOUR_S = 60.0, 3600.0
MINUTES_S: Final = 360 * MINUTE_S
GOOD: Final = 0.5
"""A verdict at least this good is a good one, as in the kernel."""
OF_SIGNALS: Final = ("quality", "confidence", "hallucination", "leaks")


class Slot(msgspec.Struct, frozen=True, array_like=True):
    """What an objective counted in an hour, or in a minute where MINUTE_BIT is set; both are numbered from the Unix epoch."""

    objective: str
    slot: int
    good: int
    bad: int


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Up to which rows of a run the ledger is asked; the kernel counts the later ones."""

    run: str
    events: int
    signals: int

    def rows(self, of_signals: bool) -> str:
        """The condition in SQL."""
        below = self.signals if of_signals else self.events
        run = self.run.replace("'", "''")
        counted = "" if of_signals else f" AND reason <> '{Reason.SHED_FOR_SLO.name.lower()}'"
        return f"world = 'live'{counted} AND NOT (run = '{run}' AND seq >= {below})"


def count_before(ledger: "Queries", plan: "Plan", names: Sequence[str], cut: Cut, now_unix_s: float) -> Iterator[Slot]:
    """The slots in which anything was counted, of the objectives that are named. Raises LedgerError."""
    from roteiro.analysis.sli import count_queries
    from roteiro.plan.compile_objectives import zone_offset_s

    phase_s = zone_offset_s(plan.timezone, now_unix_s) % HOUR_S
    until, away = datetime.fromtimestamp(now_unix_s, UTC), absences(plan)
    together: dict[tuple[bool, int, int], list[Objective]] = {}  # one walk through the files for those that begin together
    for name, one in objectives(plan).items():
        begins_s = one.window.bounds(until)[0].timestamp()
        for bit, first in (
            (0, int((begins_s + phase_s) // HOUR_S)),
            (MINUTE_BIT, int(max(begins_s, now_unix_s - MINUTES_S + MINUTE_S) // MINUTE_S)),
        ):
            if name in names:
                together.setdefault((one.sli in OF_SIGNALS, bit, first), []).append(one)
    for (of_signals, bit, first), group in together.items():
        step_s, shift_s = (MINUTE_S, 0.0) if bit else (HOUR_S, phase_s)
        since = datetime.fromtimestamp(first * step_s - shift_s, UTC)
        for query in count_queries(group, since, until, step_s=step_s, rows=cut.rows(of_signals), absences=away):
            for row in ledger.sql(query.text).to_pylist():
                for name in query.objectives:
                    good, bad = row[query.column(name, "good")], row[query.column(name, "bad")]
                    if good or bad:
                        yield Slot(name, (first + row["bucket"]) | bit, good, bad)


def objectives(plan: "Plan") -> dict[str, "Objective"]:
    """Those that the kernel counts, as the statements want them."""
    from roteiro.analysis.objective import Objective, Sli, Window
    from roteiro.plan.compile_objectives import watched

    found = {}
    for one in watched(plan):
        window: Any = one.of.window  # a word of the plan's, or seconds
        is_calendar = isinstance(window, str)
        found[one.name] = Objective(
            one.name, Sli(one.sli), one.least, GOOD if one.sli in ("quality", "hallucination") else one.bound, scope=scope_of(one.scope),
            window=Window.calendar(window, plan.timezone) if is_calendar else Window.rolling(window),
            kinds=plan.quality.score if one.sli == "quality" else (),
        )  # fmt: skip
    return found


def absences(plan: "Plan") -> tuple[Any, ...]:
    """Announced maintenance."""
    from roteiro.analysis.sli import Absence

    def moment(at_s: float) -> datetime:
        return datetime.fromtimestamp(at_s, UTC)

    return tuple(Absence(moment(one.from_unix_s), moment(one.to_unix_s), scope_of(one.of)) for one in plan.maintenance)


def scope_of(of: Any) -> Any:
    from roteiro.analysis.objective import Scope

    return Scope(of.tier, of.tenant, of.workload, of.model, of.provider, of.region)


def main(arguments: list[str] | None = None) -> int:
    """Answers on standard output: JSON rows, or one line on what is wrong and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m roteiro.gateway.slo_before", description="What objectives counted before.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True, help="canonical JSON")
    parser.add_argument("--cut", required=True, help="JSON")
    parser.add_argument("--now", type=float, required=True, help="Unix seconds")
    parser.add_argument("--objective", action="append", default=[])
    options: Any = parser.parse_args(arguments)
    from roteiro.ledger import Ledger
    from roteiro.plan.digest import load_canonical

    cut = msgspec.json.decode(options.cut, type=Cut)
    try:
        plan = load_canonical(options.plan.read_text(encoding="utf-8"))
        found = list(count_before(Ledger(options.directory), plan, options.objective, cut, options.now))
    except (LedgerError, OSError, ValueError) as error:
        sys.stdout.write(" ".join(str(error).split()) + "\n")
        return 1
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
