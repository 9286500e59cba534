"""The registry of cross-checks: each a small function that looks at a resolved plan and yields what it finds.

What must not live here: any one check.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from roteiro.plan.demand import MixPart
from roteiro.plan.logical import LogicalModel
from roteiro.plan.model import Plan
from roteiro.plan.people import Budget
from roteiro.plan.problems import register
from roteiro.plan.resolve import Path
from roteiro.plan.shape import Mark, Marks

__all__ = ["CHECKS", "Check", "Found", "Look", "checks"]


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: where in the plan, what (the thing, its value, the bound), and the remedy. `column` counts inside the text."""

    path: Path
    message: str
    remedy: str = ""
    column: int | None = None
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What a check sees: the resolved plan, and what was written where."""

    plan: Plan
    marks: Marks

    def written(self, *path: str | int) -> bool:
        """Whether a person wrote this value, rather than a default."""
        return path in self.marks.rows

    def mark(self, path: Path) -> Mark:
        return self.marks.nearest(path)

    def names(self, section: str) -> set[str]:
        """The names in a section, those included that could not be read otherwise."""
        return set(getattr(self.plan, section)) | self.marks.names(section)

    def own_models(self) -> dict[str, LogicalModel]:
        """The models that the plan itself writes; without any, those there unasked."""
        written = {name: model for name, model in self.plan.models.items() if self.written("models", name)}
        return written or self.plan.models

    def mix_parts(self) -> Iterator[tuple[Path, MixPart]]:
        """Every share of the demand's mix and of its groups', with its place."""
        for index, part in enumerate(self.plan.demand.mix):
            yield ("demand", "mix", index), part
        for name, group in self.plan.demand.groups.items():
            for index, part in enumerate(group.mix):
                yield ("demand", "groups", name, "mix", index), part

    def budgets(self) -> Iterator[tuple[Path, Budget]]:
        """Every budget, with its place."""
        for name, budget in self.plan.budgets.items():
            yield ("budgets", name), budget
        for section in ("tenants", "teams", "workloads"):
            for owner, part in getattr(self.plan, section).items():
                for name, budget in part.budgets.items():
                    yield (section, owner, "budgets", name), budget


Check = Callable[[Look], Iterable[Found]]

CHECKS: Final[list[tuple[str, Check]]] = []


def checks(code: str, title: str, why: str) -> Callable[[Check], Check]:
    """Registers a check under a stable code: E for what cannot work, W for what looks wrong."""
    register(code, title, why)

    def add(check: Check) -> Check:
        CHECKS.append((code, check))
        return check

    return add
