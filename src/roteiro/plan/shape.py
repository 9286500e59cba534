"""Nodes → a Plan, or its problems of shape: pydantic's complaints told with their places, in our words.

What must not live here: files (`read`), cross-checks (`check`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from roteiro.plan import document
from roteiro.plan.document import Node, Scalar
from roteiro.plan.model import LATER, Plan
from roteiro.plan.near import did_you_mean
from roteiro.plan.problems import KINDS
from roteiro.plan.resolve import Path
from roteiro.terms.problem import Problem, Severity, Where
from roteiro.terms.units import show

__all__ = ["Mark", "Marks", "dotted", "shape"]

ROUNDS: Final = 6
"""Taking a required value away breaks the part around it, and so on outward; no part is nested deeper."""

WANTED: Final = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "is_instance_of": "text",
}

BOUNDS: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """The places of a value: its key's, its own, and where its text begins if columns can be counted; the text; its path as written."""

    key: Where
    value: Where
    inside: Where | None = None
    text: str = ""
    path: Path = ()

    def at(self, column: int | None) -> Where:
        """The place of a column (from 0) of the text, where it can be told."""
        if column is None or self.inside is None:
            return self.value
        return Where(self.inside.file, self.inside.line, self.inside.column + column)


@dataclass(slots=True)
class Marks:
    """Place in the plan → place in a file."""

    file: str
    rows: dict[Path, Mark] = field(default_factory=dict)

    def names(self, section: str) -> set[str]:
        """The names written under a section, right or wrong."""
        return {str(path[1]) for path in self.rows if len(path) == 2 and path[0] == section}

    def nearest(self, path: Path) -> Mark:
        """The mark of the path, or of the nearest part of the plan around it that was written."""
        for length in range(len(path), -1, -1):
            mark = self.rows.get(path[:length])
            if mark is not None:
                return mark
        return Mark(Where(self.file), Where(self.file))

    def dotted(self, path: Path) -> str:
        """The path as the person who wrote it would count."""
        for length in range(len(path), 0, -1):
            mark = self.rows.get(path[:length])
            if mark is not None:
                return dotted((*mark.path, *path[length:]))
        return dotted(path)

    def close_gap(self, around: Path, gone: int) -> None:
        """An item was taken out of a list: those behind it move up, and remember where they were."""
        depth = len(around)
        moved = {}
        for path, mark in self.rows.items():
            index = path[depth] if len(path) > depth and path[:depth] == around else None
            if not isinstance(index, int) or index < gone:
                moved[path] = mark
            elif index > gone:
                moved[(*around, index - 1, *path[depth + 1 :])] = mark
        self.rows = moved


def dotted(path: Iterable[str | int]) -> str:
    """`models.chat.fallbacks[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def plain(node: Node, path: Path, key: Where, marks: Marks) -> Any:
    """The node as plain data; notes its marks. The depth was bounded when the node was built."""
    if isinstance(node, Scalar):
        marks.rows[path] = Mark(key, node.where, node.inside, node.value if isinstance(node.value, str) else "", path)
        return node.value
    marks.rows[path] = Mark(key, node.where, path=path)
    if isinstance(node, document.Sequence):
        return [plain(item, (*path, index), item.where, marks) for index, item in enumerate(node.items)]
    return {name: plain(entry.node, (*path, name), entry.where, marks) for name, entry in document.entries(node).items()}


def part_at(path: Path) -> type[BaseModel] | None:
    """The class of the part of the plan at the path, where it is one."""
    kind: Any = Plan
    for step in path:
        kind = unwrapped(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
            kind = fields.get(str(step))
        else:
            arguments = get_args(kind)
            kind = arguments[-1] if get_origin(kind) is dict else arguments[0] if arguments else None
    kind = unwrapped(kind)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def unwrapped(kind: Any) -> Any:
    """Without Annotated and without None."""
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind = get_args(kind)[0]
        elif origin is Union or origin is UnionType:
            kind = next((one for one in get_args(kind) if one is not type(None)), None)
        else:
            return kind


def keys_of(part: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in part.model_fields.items()]


def unknown_key(path: Path, marks: Marks) -> Problem:
    part = part_at(path[:-1])
    key = str(path[-1])
    remedy = did_you_mean(key, keys_of(part)) if part is not None else ""
    return Problem("E101", marks.nearest(path).key, dotted(path), "is no key known here", remedy)


def problem_of(error: Mapping[str, Any], marks: Marks) -> Problem:
    """One complaint of pydantic's, as a problem."""
    kind, context, given = str(error["type"]), error.get("ctx") or {}, error.get("input")
    path: Path = tuple(error["loc"])
    of_key = bool(path) and path[-1] == "[key]"
    path = path[:-1] if of_key else path
    mark = marks.nearest(path)
    where = mark.key if of_key else mark.value
    if kind in KINDS:
        where = where if of_key else mark.at(context.get("column"))
        return Problem(kind, where, dotted(path), str(context["message"]), str(context["remedy"]))
    if kind == "extra_forbidden":
        return unknown_key(path, marks)
    if kind == "missing":
        return Problem("E102", mark.key, dotted(path), "is missing", f"add {path[-1]}: …")
    if path == ("roteiro",):
        return Problem("E108", where, "roteiro", f"is {show(given)}; this version reads 1", "write roteiro: 1")
    if kind in ("literal_error", "enum"):
        known = [word.strip("'") for word in str(context.get("expected", "")).replace(" or ", ", ").split(", ")]
        return Problem("E106", where, dotted(path), f"is {show(given)}, none of {', '.join(known)}", did_you_mean(str(given), known))
    if kind in BOUNDS:
        key, words = BOUNDS[kind]
        return Problem(
            "E105", where, dotted(path), f"is {show(given)}; {words} {context.get(key)}", f"write a number {words} {context.get(key)}"
        )
    if kind in ("string_too_short", "too_short"):
        return Problem("E105", where, dotted(path), "is empty", "write at least one")
    if kind in ("string_too_long", "too_long"):
        return Problem("E105", where, dotted(path), f"is longer than {context.get('max_length')}", "shorten it")
    wanted = WANTED.get(kind)
    message = f"is {show(given)}, not {wanted}" if wanted else f"is {show(given)}: {error.get('msg')}"
    return Problem("E103", where, dotted(path), message, f"write {wanted}" if wanted else "")


def remarks(data: dict[str, Any], marks: Marks) -> list[Problem]:
    """Warnings about sections that are read and not enacted, and about a missing version."""
    found = []
    if "roteiro" not in data:
        found.append(Problem("W101", marks.nearest(()).value, "", "does not say its version", "write roteiro: 1 first", Severity.WARNING))
    for section in LATER:
        if section in data:
            where = marks.nearest((section,)).key
            found.append(Problem("W301", where, section, "is kept, and not enacted by this version", "", Severity.WARNING))
    return found


def there(whole: Any, path: Path) -> Path:
    """The longest part of the path that leads somewhere."""
    data: Any = whole
    for length, step in enumerate(path):
        if (isinstance(data, dict) and step in data) or (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            inside: Any = data
            data = inside[step]
        else:
            return path[:length]
    return path


def prune(data: Any, path: Path, marks: Marks) -> None:
    """Takes the value at the path out of the data."""
    holder, last = data, path[-1]
    for step in path[:-1]:
        holder = holder[step]
    del holder[last]
    if isinstance(last, int):
        marks.close_gap(path[:-1], last)


def backwards(path: Path) -> tuple[int, list[int]]:
    """Deep places first, and in a list the last first, so that taking one out does not move another."""
    return -len(path), [-step for step in path if isinstance(step, int)]


def remainder(data: dict[str, Any], complaints: list[Any], marks: Marks) -> Plan | None:
    """The plan without what is wrong in it, so that the cross-checks can look at the rest; None where nothing sound is left."""
    for _ in range(ROUNDS):
        wrong = {there(data, tuple(complaint["loc"])) for complaint in complaints}
        for path in sorted(wrong - {()}, key=backwards):
            prune(data, path, marks)
        try:
            return Plan.model_validate(data)
        except ValidationError as error:
            complaints = error.errors(include_url=False)
    return None


def shape(node: Node, file: str) -> tuple[Plan | None, list[Problem], Marks]:
    """The plan that the node says, its problems of shape (errors and remarks), and where everything was written.

    Where there are errors, the plan is what is left without them, fit for cross-checks only; None where nothing is left.
    """
    marks = Marks(file)
    data = plain(node, (), node.where, marks)
    if not isinstance(data, dict):
        code, message = ("E005", "is empty") if data is None else ("E006", f"is {show(data)}, not a mapping")
        return None, [Problem(code, node.where, "", message, "write sections: providers: …")], marks
    # A section with nothing under it is as if it were not there; x-… holds anchors for the rest of the file.
    data = {key: value for key, value in data.items() if value is not None and not key.startswith("x-")}
    found = remarks(data, marks)
    try:
        return Plan.model_validate(data), found, marks
    except ValidationError as error:
        complaints = error.errors(include_url=False)
        found += [problem_of(complaint, marks) for complaint in complaints]
        return remainder(data, complaints, marks), found, marks
