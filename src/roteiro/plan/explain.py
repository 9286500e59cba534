"""The plan with every default resolved, and where each value comes from.

What must not live here: printing (`report`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from roteiro.plan.read import Reading
from roteiro.plan.resolve import Path
from roteiro.plan.shape import dotted

__all__ = ["Explained", "explain"]


@dataclass(frozen=True, slots=True)
class Explained:
    """One value: its dotted path, the value as people write it, and its origin.

    `origin` is `file:line:column`, `default`, `catalogue: …`, or the place in the plan that it is inherited from.
    """

    path: str
    value: str
    origin: str

    @property
    def written(self) -> bool:
        """Whether a person wrote it."""
        return self.origin.rsplit(":", 1)[-1].isdigit()


def leaves(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The values of nested data with their paths; an empty mapping or list is a value."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    empty = True
    for key, value in inner:
        empty = False
        yield from leaves(value, (*path, key))
    if empty and not (isinstance(data, dict | list) and len(path) == 1):
        yield path, data


def shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def origin(reading: Reading, path: Path) -> str:
    """Where the value at the path comes from: the place where it was written, else the nearest note around it, else its default."""
    if path in reading.marks.rows:
        return str(reading.marks.rows[path].value)
    for length in range(len(path), 0, -1):
        note = reading.origins.rows.get(path[:length])
        if note is not None:
            return note
        mark = reading.marks.rows.get(path[:length])
        if mark is not None and mark.text:  # a short form, such as `$5/day`, stands for the whole part
            return str(mark.value)
    return "default"


def explain(reading: Reading) -> tuple[Explained, ...]:
    """Every value of the resolved plan. Empty where the plan has errors."""
    if reading.plan is None:
        return ()
    data = reading.plan.model_dump(mode="json", by_alias=True)
    return tuple(Explained(dotted(path), shown(value), origin(reading, path)) for path, value in leaves(data))
