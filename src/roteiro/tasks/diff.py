"""`roteiro diff`: what a change of a plan would do, under the same luck, and what of it is more than chance.

Both plans are simulated with the same seeds: the same requests arrive, and what befalls a request befalls it under both (common random
numbers), so that the differences seed by seed spread far less than the figures do. What must not live here: how it is shown.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

from roteiro.analysis.paired import Paired, holm, paired
from roteiro.plan.explain import explain
from roteiro.plan.read import Reading
from roteiro.simulator.job import Job
from roteiro.simulator.result import Estimate, Measured, over_seeds
from roteiro.tasks.check import checked
from roteiro.tasks.figures import Figure, figures_of
from roteiro.tasks.pairs import run_pairs
from roteiro.tasks.prepared import Asked, numbers, prepared, starts_at
from roteiro.terms.problem import Problem

__all__ = ["Change", "DiffResult", "Difference", "Effect", "PlanSide", "diff", "differences", "plan_changes"]

SEEDS: Final = 10
SIGNIFICANT: Final = 0.05
"""Of the corrected p."""

Progress = Callable[[float, str], None]


class Effect(StrEnum):
    """What is known of a difference: `better`, `worse` or `changed` are larger than chance, `chance` may be nothing else, `same` is none at
    all, `unsure` is told by too few seeds, and `absent` is a figure that only one of the plans has."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"
    CHANCE = "chance"
    SAME = "same"
    UNSURE = "unsure"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Change:
    """A value of the plan that differs, as people write it; empty where one plan has none. `follows`: neither plan writes it: it comes of
    another that differs, or of a default."""

    path: str
    old: str
    new: str
    follows: bool


@dataclass(frozen=True, slots=True)
class PlanSide:
    """One of the two plans."""

    file: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure under both plans. `change` is new - old, paired by seed; `p` is corrected for all figures that are looked at.

    `kept_before`, `kept_after`: of a promise, whether it is kept on the mean.
    """

    figure: str
    kind: str
    name: str
    unit: str
    better: str
    old: Estimate
    new: Estimate
    change: Paired | None
    p: float
    effect: Effect
    kept_before: bool | None = None
    kept_after: bool | None = None

    @property
    def newly_missed(self) -> bool:
        """A promise that the old plan keeps, on the mean, and the new one does not."""
        return self.kept_before is True and self.kept_after is False


@dataclass(frozen=True, slots=True)
class DiffResult:
    """A change's answer. `requests` are those of both plans and all seeds. `old_measured` and `new_measured` are over seeds."""

    old: PlanSide
    new: PlanSide
    demand: str
    new_demand: str
    changes: tuple[Change, ...]
    differences: tuple[Difference, ...]
    old_measured: Measured[Estimate]
    new_measured: Measured[Estimate]
    seeds: tuple[int, ...]
    wanted_seeds: int
    requests: int
    starts_at_s: float
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    interrupted: bool
    took_s: float

    @property
    def newly_missed(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.newly_missed)

    @property
    def worse(self) -> bool:
        """Whether service levels become worse by more than chance, or a promise is newly missed. Cost alone is no reason to fail."""
        levels = ("attainment", "answered", "tier_availability", "tier_latency", "tier_ttft")
        return bool(self.newly_missed) or any(one.effect is Effect.WORSE and one.kind in levels for one in self.differences)

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        told = {
            name: plain(getattr(self, name))
            for name in ("demand", "new_demand", "wanted_seeds", "requests", "interrupted", "took_s", "worse")
        }
        return {
            **told,
            "old": plain(self.old),
            "new": plain(self.new),
            "seeds": list(self.seeds),
            "method": {"test": "Student's paired t", "correction": "Holm", "significant": SIGNIFICANT},
            "changes": plain(self.changes),
            "differences": [{**plain(one), "newly_missed": one.newly_missed} for one in self.differences],
            "assumed": list(self.assumed),
            "problems": [str(problem) for problem in self.problems],
        }


def plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings as plain values."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def diff(
    old: Path | str,
    new: Path | str,
    asked: Asked | None = None,
    *,
    seeds: int | Sequence[int] = SEEDS,
    environment: str | None = None,
    processes: int | None = None,
    backend: Literal["processes", "dask", "ray"] = "processes",
    address: str | None = None,
    on_progress: Progress | None = None,
) -> DiffResult:
    """Compare two plans. Raises PlanError with every problem of the first that has any, SettingsError and LedgerError as `prepared` does.

    Where `asked` names no demand, each plan has its own. Ctrl-C keeps the seeds that both plans have finished; KeyboardInterrupt where
    there is none.
    """
    begun, asked = time.monotonic(), asked or Asked()
    sides = [checked(plan, environment) for plan in (old, new)]
    jobs = [prepared(reading, asked, Path(plan).parent) for reading, plan in zip(sides, (old, new), strict=True)]
    wanted = numbers(seeds)
    before, after, both, interrupted = run_pairs(
        jobs[0], jobs[1], wanted, processes=processes, backend=backend, address=address, on_progress=on_progress
    )  # fmt: skip
    return told(sides, jobs, before, after, both, len(wanted), interrupted, time.monotonic() - begun)


def told(
    sides: Sequence[Reading],
    jobs: Sequence[Job],
    before: Sequence[Measured[float]],
    after: Sequence[Measured[float]],
    seeds: Sequence[int],
    wanted_seeds: int,
    interrupted: bool,
    took_s: float,
) -> DiffResult:
    plans = [reading.plan for reading in sides if reading.plan is not None]
    old, new = (
        PlanSide(side.files[0] if side.files else "", plan.name or "", side.digest) for side, plan in zip(sides, plans, strict=True)
    )
    return DiffResult(
        old=old,
        new=new,
        demand=jobs[0].demand.name,
        new_demand=jobs[1].demand.name,
        changes=plan_changes(*sides),
        differences=differences(figures_of(plans), before, after),
        old_measured=over_seeds(before),
        new_measured=over_seeds(after),
        seeds=tuple(seeds),
        wanted_seeds=wanted_seeds,
        starts_at_s=starts_at(jobs[1]),
        requests=round(sum(one.requests for one in (*before, *after))),
        assumed=tuple(dict.fromkeys(text for job in jobs for text in (*job.demand.assumed, *job.service.assumed))),
        problems=remarks(sides, jobs),
        interrupted=interrupted,
        took_s=took_s,
    )


def remarks(sides: Sequence[Reading], jobs: Sequence[Job]) -> tuple[Problem, ...]:
    """Warnings about the new plan that the old one has not, and about what arrives."""
    old = {(problem.code, problem.path, problem.message) for problem in sides[0].problems}
    new = [problem for problem in sides[1].problems if (problem.code, problem.path, problem.message) not in old]
    return tuple(dict.fromkeys((*new, *(problem for job in jobs for problem in job.demand.problems))))


def plan_changes(old: Reading, new: Reading) -> tuple[Change, ...]:
    """Every value of the resolved plans that differs, in the order of the new plan; what was removed comes where it stood."""
    before, after = ({one.path: one for one in explain(reading)} for reading in (old, new))
    changes = []
    for path in dict.fromkeys([*before, *after]):
        sides = [side.get(path) for side in (before, after)]
        values = ["" if one is None else one.value for one in sides]
        if values[0] != values[1]:
            changes.append(Change(path, values[0], values[1], follows=not any(one is not None and one.written for one in sides)))
    return tuple(changes)


def differences(figures: Sequence[Figure], before: Sequence[Measured[float]], after: Sequence[Measured[float]]) -> tuple[Difference, ...]:
    """Each figure that has data under one of the plans. Holm's correction counts those that both have and that are not the same anyhow."""
    rows = [row for figure in figures if (row := difference(figure, before, after)) is not None]
    tried = [row.change.p if row.change is not None and row.effect is not Effect.SAME else math.nan for row in rows]
    return tuple(replace(row, p=p, effect=effect_of(row, p)) for row, p in zip(rows, holm(tried), strict=True))


def difference(figure: Figure, before: Sequence[Measured[float]], after: Sequence[Measured[float]]) -> Difference | None:
    old, new = ([figure.value(measured) for measured in side] for side in (before, after))
    known = [[value for value in side if not math.isnan(value)] for side in (old, new)]
    if not any(known[0]) and not any(known[1]):
        return None  # nothing is known of it, or it is nothing under both
    change = paired(old, new)
    same = change is not None and change.p == 1.0 and old == new
    kept = [None if figure.promised is None or not side else math.fsum(side) / len(side) >= figure.promised for side in known]
    return Difference(
        figure=figure.key, kind=figure.kind, name=figure.name, unit=figure.unit, better=figure.better, old=spread(known[0]),
        new=spread(known[1]), change=change, p=math.nan, effect=Effect.SAME if same else Effect.CHANCE,
        kept_before=kept[0], kept_after=kept[1],
    )  # fmt: skip


def spread(values: Sequence[float]) -> Estimate:
    """The mean and its interval over seeds."""
    if not values:
        return Estimate(math.nan, math.nan, math.nan)
    alone = paired([0.0] * len(values), values)
    assert alone is not None
    return Estimate(alone.mean, alone.low, alone.high)


def effect_of(row: Difference, p: float) -> Effect:
    if row.change is None:
        return Effect.ABSENT
    if row.effect is Effect.SAME:
        return Effect.SAME
    if math.isnan(p):
        return Effect.UNSURE
    if p >= SIGNIFICANT:
        return Effect.CHANCE
    if not row.better:
        return Effect.CHANGED
    return Effect.BETTER if (row.change.mean > 0.0) == (row.better == "more") else Effect.WORSE
