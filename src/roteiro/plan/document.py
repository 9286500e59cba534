"""YAML text → nodes with their places, or problems. Built from parser events, so that duplicates, depth and size are ours to judge.

What must not live here: what the keys mean; files (`read`).
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from roteiro.terms.problem import Problem, Where

__all__ = ["Entry", "Mapping", "Node", "Scalar", "Sequence", "entries", "merge", "parse_document"]

MOST_BYTES: Final = 512 * 1024
"""About 7,000 tenants. The parser reads some 25 KiB/s at worst, so that no file keeps anyone waiting for long."""

MOST_NODES: Final = 200_000
DEEPEST: Final = 32
MOST_PROBLEMS: Final = 200
"""In one file; a file with more is not a plan that someone would mend line by line."""

NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))
TRUES: Final = frozenset(("true", "True", "TRUE"))
FALSES: Final = frozenset(("false", "False", "FALSE"))
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,25}")
FLOAT: Final = re.compile(r"[-+]?(?:[0-9]{1,25}(?:\.[0-9]{0,25})?|\.[0-9]{1,25})(?:[eE][-+]?[0-9]{1,3})?")
STRING_TAGS: Final = ("!", "tag:yaml.org,2002:str")


@dataclass(slots=True)
class Scalar:
    """One value. `inside` is where its text begins, where columns inside it can be counted: on one line and without escapes."""

    value: str | int | float | bool | None
    where: Where
    inside: Where | None = None
    size: int = 1
    depth: int = 1


@dataclass(slots=True)
class Sequence:
    items: list["Node"]
    where: Where
    size: int = 1
    depth: int = 1


@dataclass(slots=True)
class Entry:
    """A key's place, and its value."""

    where: Where
    node: "Node"


@dataclass(slots=True)
class Mapping:
    entries: dict[str, Entry]
    where: Where
    size: int = 1
    depth: int = 1
    inherited: dict[str, Entry] = field(default_factory=dict)
    """From `<<`; what is written in the mapping itself goes first."""


Node = Scalar | Sequence | Mapping


class RefusedError(Exception):
    """The rest of the file is not read."""


@dataclass(slots=True)
class Builder:
    """Turns the parser's events into nodes; an explicit stack, so that no depth recurses."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    stack: list[Mapping | Sequence] = field(default_factory=list)
    """Open collections, the outermost first."""
    keys: list[tuple[str | None, Where] | None] = field(default_factory=list)
    """Of each open collection the key that waits for its value; a key of None drops the value."""
    names: list[str | None] = field(default_factory=list)
    """Of each open collection its anchor."""
    anchors: dict[str, Node | None] = field(default_factory=dict)
    root: Node | None = None
    documents: int = 0

    def where(self, mark: Any) -> Where:
        return Where(self.file, mark.line + 1, mark.column + 1)

    def problem(self, code: str, where: Where, message: str, remedy: str) -> None:
        self.problems.append(Problem(code, where, "", message, remedy))
        if len(self.problems) >= MOST_PROBLEMS:
            raise RefusedError

    def event(self, event: Any) -> None:
        kind, where = type(event).__name__, self.where(event.start_mark)
        if kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                self.problem("E014", where, "begins a second document", "keep one plan a file; use include for more")
                raise RefusedError
        elif kind == "ScalarEvent":
            self.add(self.scalar(event, where), event.anchor)
        elif kind == "AliasEvent":
            self.alias(event.anchor, where)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self.open(event, where, kind)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self.keys.pop()
            self.add(self.stack.pop(), self.names.pop())

    def open(self, event: Any, where: Where, kind: str) -> None:
        if len(self.stack) >= DEEPEST:
            self.problem("E009", where, f"is nested more than {DEEPEST} levels deep", "bring it nearer to the top")
            raise RefusedError
        self.tag(event, where, ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))
        self.stack.append(Mapping({}, where) if kind == "MappingStartEvent" else Sequence([], where))
        self.keys.append(None)
        self.names.append(event.anchor)
        if event.anchor is not None:
            self.anchors[event.anchor] = None

    def tag(self, event: Any, where: Where, accepted: tuple[str, ...]) -> None:
        tag = None if event.tag is None else str(event.tag)
        if tag is not None and tag not in accepted:
            self.problem("E016", where, f"has the tag {tag[:80]}", "leave the tag out")

    def scalar(self, event: Any, where: Where) -> Scalar:
        self.tag(event, where, STRING_TAGS)
        text, plain = event.value, event.style is None
        one_line = event.start_mark.line == event.end_mark.line
        width = event.end_mark.column - event.start_mark.column
        inside = None
        if one_line and plain and width == len(text):
            inside = where
        elif one_line and event.style in ("'", '"') and width == len(text) + 2:
            inside = Where(where.file, where.line, where.column + 1)
        return Scalar(plain_value(text) if plain and event.tag is None else text, where, inside)

    def alias(self, name: str, where: Where) -> None:
        node = self.anchors.get(name)
        if node is None:
            around = name in self.anchors
            remedy = "an alias cannot stand inside its own anchor" if around else f"mark a value before it with &{name[:80]}"
            self.problem("E011", where, f"*{name[:80]} has no anchor before it", remedy)
            node = Scalar(None, where)
        if len(self.stack) + node.depth > DEEPEST:
            self.problem("E009", where, f"is nested more than {DEEPEST} levels deep by *{name[:80]}", "bring it nearer to the top")
            raise RefusedError
        self.add(node, None)

    def add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        parent, key = self.stack[-1], self.keys[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif key is None:
            self.keys[-1] = self.key(node)
            return
        else:
            self.keys[-1] = None
            if key[0] is not None:
                self.entry(parent, key[0], key[1], node)
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if parent.size > MOST_NODES:
            self.problem("E010", node.where, f"makes more than {MOST_NODES:,} values", "write fewer aliases of aliases")
            raise RefusedError

    def key(self, node: Node) -> tuple[str | None, Where]:
        if not isinstance(node, Scalar) or node.value is None:
            self.problem("E015", node.where, "is not a word, and stands where a key should", "write a word before the colon")
            return None, node.where
        value = node.value
        return (str(value).lower() if isinstance(value, bool) else str(value)), node.where

    def entry(self, parent: Mapping, key: str, where: Where, node: Node) -> None:
        if key == "<<":
            sources = node.items if isinstance(node, Sequence) else [node]
            for source in sources:
                if isinstance(source, Mapping):
                    for name, entry in (source.inherited | source.entries).items():
                        parent.inherited.setdefault(name, entry)
                else:
                    self.problem("E003", source.where, "merges what is no mapping", "write <<: *name of a mapping")
        elif key in parent.entries:
            first = parent.entries[key].where
            self.problem("E007", where, f"{key[:80]!r} is written twice; first at line {first.line}", "keep one of them")
        else:
            parent.entries[key] = Entry(where, node)


def plain_value(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar, as YAML 1.2's core schema has it; what does not fit a number stays text."""
    if text in NULLS:
        return None
    if text in TRUES or text in FALSES:
        return text in TRUES
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text


def place(file: str, text: str, position: int) -> Where:
    line = text.count("\n", 0, position) + 1
    return Where(file, line, position - (text.rfind("\n", 0, position) + 1) + 1)


def decode(data: bytes, file: str) -> str | Problem:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = f"has the byte 0x{data[error.start]:02x}, which is not UTF-8"
        return Problem("E002", place(file, before, len(before)), "", message, "save the file as UTF-8")


def syntax_problem(error: Exception, file: str, text: str) -> Problem:
    """The parser's complaint, in our words where it is a common one."""
    if isinstance(error, ReaderError):
        character = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
        return Problem(
            "E003", place(file, text, error.position), "", f"has the character U+{character:04X}, which YAML forbids", "remove it"
        )
    if not isinstance(error, MarkedYAMLError):
        return Problem("E003", Where(file), "", f"is not YAML ({str(error)[:80]})", "mend the text")
    mark = error.problem_mark or error.context_mark
    where = Where(file) if mark is None else Where(file, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    line = lines[where.line - 1] if where.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return Problem("E004", Where(file, where.line, line.index("\t") + 1), "", "is indented with a tab", "indent with spaces")
    context = f"{error.context}: " if error.context else ""
    return Problem("E003", where, "", f"is not YAML: {context}{error.problem}".replace("\n", " ")[:300], "mend the text here")


def parse_document(source: str | bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """The file's node, or None, and its problems. Never raises."""
    size = len(source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source)
    if size > MOST_BYTES:
        return None, [Problem("E008", Where(file), "", f"is {size:,} bytes; at most {MOST_BYTES:,}", "split it with include")]
    text = source if isinstance(source, str) else decode(source, file)
    if isinstance(text, Problem):
        return None, [text]
    builder = Builder(file)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.event(event)
    except RefusedError:
        return None, builder.problems
    except Exception as error:  # the parser is foreign, and any exception of it means text that cannot be read
        return None, [*builder.problems, syntax_problem(error, file, text)]
    return builder.root, builder.problems


def entries(mapping: Mapping) -> dict[str, Entry]:
    """The mapping's entries, those merged by `<<` included."""
    return mapping.inherited | mapping.entries if mapping.inherited else mapping.entries


def merge(base: Node, over: Node) -> Node:
    """`over` laid on `base`, as RFC 7396 has it: mappings merge, null removes a key, all else replaces. Places are kept."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    merged = dict(entries(base))
    for key, entry in entries(over).items():
        if isinstance(entry.node, Scalar) and entry.node.value is None:
            merged.pop(key, None)
        elif key in merged:
            merged[key] = Entry(entry.where, merge(merged[key].node, entry.node))
        else:
            merged[key] = entry
    return Mapping(merged, over.where)
