"""Files → a resolved Plan, or all of its problems: includes, overlays, shape, cross-checks. Never raises for what a person wrote.

What must not live here: settings (ports, paths, secrets), and the grammar of YAML (`document`).
"""

from collections import abc
from dataclasses import dataclass
from datetime import date
from pathlib import Path as File
from typing import Final

from roteiro.plan.check import check
from roteiro.plan.digest import digest
from roteiro.plan.document import Entry, Mapping, Node, Scalar, Sequence, merge, parse_document
from roteiro.plan.model import Plan
from roteiro.plan.near import did_you_mean
from roteiro.plan.resolve import Origins, resolve
from roteiro.plan.shape import Marks, shape
from roteiro.plan.vary import Setting, lay
from roteiro.terms.problem import Problem, Severity, Where

__all__ = ["Reading", "read", "read_text"]

MOST_FILES: Final = 32
MOST_PROBLEMS: Final = 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of reading a plan. `plan` is resolved, and None where a problem is an error; `digest` is empty then.

    `refused`: the resolved plan that has errors, for showing why; nothing may run it.
    """

    plan: Plan | None
    problems: tuple[Problem, ...]
    marks: Marks
    origins: Origins
    digest: str = ""
    files: tuple[str, ...] = ()
    refused: Plan | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.WARNING)


class Files:
    """The files of one plan, read on demand: at most MOST_FILES, none within itself."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.names: list[str] = []
        self.open: list[File] = []

    def problem(self, code: str, where: Where, path: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(code, where, path, message, remedy))

    def load(self, file: File, asked: Where | None = None) -> Node | None:
        """The file's node with its includes beneath it. `asked` is where an include names it."""
        try:
            data = file.read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            remedy = "name a file that can be read"
            if asked is None:
                self.problem("E001", Where(str(file)), "", f"cannot be read: {reason}", remedy)
            else:
                self.problem("E012", asked, "include", f"names {str(file)[:200]}, which cannot be read: {reason}", remedy)
            return None
        return self.parse(data, str(file), file)

    def parse(self, source: str | bytes, name: str, file: File | None) -> Node | None:
        """The node of a text; `file` says what its includes are relative to."""
        self.names.append(name)
        node, problems = parse_document(source, name)
        self.problems += problems
        if node is None and not problems:
            self.problem("E005", Where(name), "", "is empty", "write sections: providers: …")
        return self.with_includes(node, file) if isinstance(node, Mapping) else node

    def with_includes(self, node: Mapping, file: File | None) -> Node:
        entry = node.entries.pop("include", None)
        if entry is None:
            return node
        base: Node | None = None
        if file is not None:
            self.open.append(file.resolve())
        for item in entry.node.items if isinstance(entry.node, Sequence) else [entry.node]:
            loaded = self.include(item, entry, file)
            if loaded is not None:
                base = loaded if base is None else merge(base, loaded)
        if file is not None:
            self.open.pop()
        return node if base is None else merge(base, node)

    def include(self, item: Node, entry: Entry, file: File | None) -> Node | None:
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            self.problem("E012", item.where, "include", "is no file's name", "write include: file.yaml, or a list of files")
            return None
        if file is None:
            self.problem("E012", entry.where, "include", "has no folder to include from", "read the plan from a file")
            return None
        try:
            wanted = (file.parent / item.value).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a zero byte, a circle of links
            self.problem("E012", item.where, "include", f"names what is no file: {error}", "name a file that can be read")
            return None
        if wanted in self.open:
            self.problem("E012", item.where, "include", f"names {item.value[:200]}, which includes itself", "break the circle")
            return None
        if len(self.names) >= MOST_FILES:
            self.problem("E012", item.where, "include", f"is one of more than {MOST_FILES} files", "include fewer")
            return None
        node = self.load(file.parent / item.value, item.where)
        if node is not None and not isinstance(node, Mapping):
            self.problem("E012", item.where, "include", f"names {item.value[:200]}, which is not a mapping", "write sections in it")
            return None
        return node


def overlay(files: Files, plan: File, environment: str) -> Node | None:
    """The node of `plan.<environment>.yaml` beside the plan."""
    beside = plan.with_name(f"{plan.stem}.{environment}{plan.suffix}") if environment.replace("-", "").replace("_", "").isalnum() else None
    if beside is None or not beside.is_file():
        known = sorted(one.name[len(plan.stem) + 1 : -len(plan.suffix) or None] for one in plan.parent.glob(f"{plan.stem}.*{plan.suffix}"))
        remedy = did_you_mean(environment, known, f"write {plan.stem}.ENVIRONMENT{plan.suffix} beside it") if known else (
            f"write {plan.stem}.{environment[:64]}{plan.suffix} beside it"
        )  # fmt: skip
        files.problem("E013", Where(str(plan)), "", f"has no environment {environment[:80]!r}", remedy)
        return None
    return files.load(beside)


def finish(files: Files, node: Node | None, name: str, on: date | None) -> Reading:
    """Shape, resolve and check what was loaded."""
    if node is None:
        return Reading(None, ordered(files.problems), Marks(name), Origins(), files=tuple(files.names))
    plan, problems, marks = shape(node, name)
    problems = [*files.problems, *problems]
    origins = Origins()
    if plan is not None:
        plan, origins = resolve(plan, on)
        problems += check(plan, marks)
    fine = plan is not None and not any(problem.severity is Severity.ERROR for problem in problems)
    return Reading(
        plan if fine else None,
        ordered(problems),
        marks,
        origins,
        digest(plan) if fine and plan is not None else "",
        tuple(files.names),
        None if fine else plan,
    )


def ordered(problems: list[Problem]) -> tuple[Problem, ...]:
    """By place, errors before warnings at one place; each once, and of very many the first."""
    unique = dict.fromkeys(problems)
    told = sorted(unique, key=lambda problem: (problem.where, problem.severity is Severity.WARNING, problem.code, problem.path))
    if len(told) > MOST_PROBLEMS:
        rest = len(told) - MOST_PROBLEMS
        told[MOST_PROBLEMS:] = [
            Problem("E017", told[MOST_PROBLEMS].where, "", f"and {rest:,} problems more from here on", "mend these first")
        ]
    return tuple(told)


def read(path: str | File, environment: str | None = None, on: date | None = None, settings: abc.Sequence[Setting] = ()) -> Reading:
    """Reads a plan from its file.

    `environment` lays `plan.<environment>.yaml` over it, and `settings` are laid on top. `on` is the day whose catalogue prices are meant;
    without it the latest known.
    """
    files, file = Files(), File(path)
    node = files.load(file)
    if environment is not None and node is not None:
        over = overlay(files, file, environment)
        node = merge(node, over) if over is not None else node
    if node is not None:
        for setting in settings:
            node, problems = lay(node, setting)
            files.problems += problems
    return finish(files, node, str(path), on)


def read_text(text: str | bytes, file: str = "plan.yaml", folder: File | None = None, on: date | None = None) -> Reading:
    """Reads a plan from its text. `file` is what problems call it; includes are relative to `folder`, and refused without one."""
    files = Files()
    node = files.parse(text, file, folder / file if folder is not None else None)
    return finish(files, node, file, on)
