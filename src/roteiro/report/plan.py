"""A plan's problems as lines, and the plan with every value and its origin as a page.

What must not live here: reading and checking (`plan`).
"""

from roteiro.plan.explain import Explained
from roteiro.plan.read import Reading
from roteiro.report.document import Cell, Column, Document, Section, Table, Tone, cell
from roteiro.report.speech import Speech
from roteiro.terms.problem import Problem, Severity

__all__ = ["check_lines", "explained_page", "problem_fields"]


def check_lines(reading: Reading, file: str, speech: Speech) -> list[Cell]:
    """One line a problem, as compilers write them, and one that sums up."""
    lines = [cell(str(problem), Tone.BAD if problem.severity is Severity.ERROR else Tone.WARN) for problem in reading.problems]
    counts = {"errors": speech.number(len(reading.errors)), "warnings": speech.number(len(reading.warnings))}
    if reading.errors:
        return [*lines, cell(speech.say("check.errors", file=file, **counts), Tone.BAD)]
    key = "check.warnings" if reading.warnings else "check.fine"
    digest = speech.say("check.digest", digest=reading.digest[:12])
    return [*lines, cell(f"{speech.say(key, file=file, **counts)} ({digest})", Tone.GOOD)]


def problem_fields(problem: Problem) -> dict[str, object]:
    """A problem as plain data."""
    return {
        "code": problem.code, "severity": str(problem.severity), "file": problem.where.file, "line": problem.where.line,
        "column": problem.where.column, "path": problem.path, "message": problem.message, "remedy": problem.remedy,
    }  # fmt: skip


def explained_page(rows: tuple[Explained, ...], title: str, speech: Speech, file: str = "") -> Document:
    """Every value of the plan, a section of the plan a section of the page. Places in `file` itself are shown without its name."""
    say = speech.say
    sections: dict[str, list[tuple[Cell, ...]]] = {}
    for row in rows:
        section, _, rest = row.path.partition(".")
        head = section.partition("[")[0]
        head, place = ("", row.path) if head == row.path else (head, rest if head == section else row.path[len(head) :])
        tone = Tone.STRONG if row.written else Tone.PLAIN
        where = row.origin.removeprefix(f"{file}:") if file else row.origin
        sections.setdefault(head, []).append((cell(place), cell(row.value, tone), cell(where, Tone.QUIET)))
    columns = (Column(say("explain.place")), Column(say("explain.value")), Column(say("explain.origin")))
    return Document(
        say("explain.title", name=title), tuple(Section(head, (Table(columns, tuple(cells)),)) for head, cells in sections.items())
    )
