"""Suites of canaries: YAML → probes, or all of its problems by line. One suite ships with the package (`suites/starter.yaml`).

What must not live here: asking, and grading.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from roteiro.plan.document import parse_document
from roteiro.plan.part import Name, Part
from roteiro.plan.problems import register
from roteiro.plan.provider import one_or_several
from roteiro.plan.quantity import Count, Number, Text, refuse
from roteiro.plan.shape import Marks, plain, problem_of
from roteiro.terms.probe import Expected, Probe, ProbeKind, ProbeLanguage
from roteiro.terms.problem import Problem, Where

__all__ = ["STARTER", "QuestionSuite", "read_part", "read_suites"]

STARTER: Final = Path(__file__).parent / "suites" / "starter.yaml"
"""The suite that is asked where a plan names none."""

register("E360", "a question expects nothing", "Whatever is answered would be right, and nothing would be known.")
register("E361", "a pattern cannot be read", "It is a regular expression as of Python's `re`.")
register("E362", "a question is asked twice", "Names of questions are the suites' own; two suites with one name would be taken for one.")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise refuse(f"is no pattern: {error.msg}", "write a regular expression", "E361", error.pos) from None
    return value


Texts = Annotated[tuple[Text, ...], BeforeValidator(one_or_several)]


class Expect(Part):
    """What a right answer is like. All that is given must hold."""

    one_of: Texts = Field(default=(), description="The whole answer is one of these; case, and quotes and punctuation around, aside.")
    number: Number | None = Field(default=None, description="The last number in the answer.")
    tolerance: Number = Field(default=0.0, description="How far the number may be off.")
    contains: Texts = Field(default=(), description="All of these are in it, case aside.")
    contains_any: Texts = Field(default=(), description="One of these is in it, case aside.")
    contains_not: Texts = Field(default=(), description="None of these is in it, case aside.")
    regex: Annotated[Text, AfterValidator(_pattern)] | None = Field(default=None, description="The whole answer matches.")
    json_schema: dict[str, Any] | None = Field(default=None, alias="json", description="It is JSON that this JSON Schema allows.")
    language: ProbeLanguage | None = Field(default=None, description="It is in this language: en or pt.")
    most_words: Count | None = Field(default=None, description="Words at most.")
    least_words: Count | None = Field(default=None, description="Words at least.")

    @model_validator(mode="after")
    def _something(self) -> "Expect":
        if not self.model_fields_set - {"tolerance"}:
            raise refuse("expects nothing", "write one_of, number, contains, regex, json or language", "E360")
        return self


class Question(Part):
    """One question with a known answer."""

    kind: ProbeKind = Field(default="factual", description="factual, format, instruction, arithmetic or safe.")
    language: ProbeLanguage = Field(default="en", description="Of the question: en or pt.")
    ask: Text = Field(description="What the user says.")
    system: Text | None = Field(default=None, description="Instructions before it.")
    expect: Expect = Field(description="What a right answer is like.")
    most_tokens: Count = Field(default=128, description="Most tokens of the answer.")
    example: Text | None = Field(default=None, description="A right answer.")
    wrong: Text | None = Field(default=None, description="A wrong answer.")

    def probe(self, id: str) -> Probe:
        """As it is asked and graded."""
        expect = self.expect
        return Probe(
            id=id, kind=self.kind, language=self.language, ask=self.ask, system=self.system, most_tokens=self.most_tokens,
            example=self.example, wrong=self.wrong,
            expected=Expected(
                one_of=expect.one_of, number=expect.number, tolerance=expect.tolerance, contains=expect.contains,
                contains_any=expect.contains_any, contains_not=expect.contains_not, regex=expect.regex, schema=expect.json_schema,
                language=expect.language, most_words=expect.most_words, least_words=expect.least_words,
            ),
        )  # fmt: skip


class QuestionSuite(Part):
    """A file of questions."""

    canaries: Literal[1] = Field(default=1, description="Version of the suites' language.")
    questions: dict[Name, Question] = Field(min_length=1, description="By name.")


PartT = TypeVar("PartT", bound=Part)


def read_part(path: Path, kind: type[PartT]) -> tuple[PartT | None, Marks, list[Problem]]:
    """What a file says, where it was written, and all of its problems; None where there are any."""
    return shipped(path, kind) if path.parent == STARTER.parent else _read_part(path, kind)


@cache
def shipped(path: Path, kind: type[PartT]) -> tuple[PartT | None, Marks, list[Problem]]:
    """The same of a file that ships, and therefore stays: it takes a tenth of a second, and a check may ask for it again."""
    return _read_part(path, kind)


def _read_part(path: Path, kind: type[PartT]) -> tuple[PartT | None, Marks, list[Problem]]:
    name = str(path)
    marks = Marks(name)
    try:
        node, problems = parse_document(path.read_bytes(), name)
    except OSError as error:
        return None, marks, [Problem("E001", Where(name), "", f"cannot be read: {error.strerror}", "name a file that can be read")]
    if node is None or problems:
        return None, marks, problems or [Problem("E005", Where(name), "", "is empty", "write questions")]
    data = plain(node, (), node.where, marks)
    try:
        return kind.model_validate(data), marks, []
    except ValidationError as error:
        return None, marks, [problem_of(complaint, marks) for complaint in error.errors(include_url=False)]


def read_suites(paths: Sequence[Path]) -> tuple[list[Probe], list[Problem]]:
    """The probes of some suites, or of the one that ships where none is named, and all problems of all files."""
    return joined(
        paths or [STARTER],
        QuestionSuite,
        lambda suite: ((("questions", id), id, question.probe(id)) for id, question in suite.questions.items()),
    )


ItemT = TypeVar("ItemT")


def joined(
    paths: Iterable[Path], kind: type[PartT], items: Callable[[PartT], Iterable[tuple[tuple[str, ...], str, ItemT]]]
) -> tuple[list[ItemT], list[Problem]]:
    """The items of some files, by their places and names; a name that two files share is a problem."""
    found: dict[str, ItemT] = {}
    problems: list[Problem] = []
    for path in paths:
        part, marks, wrong = read_part(path, kind)
        problems += wrong
        for place, name, item in items(part) if part is not None else ():
            if name in found:
                where = marks.nearest(place).key
                problems.append(Problem("E362", where, ".".join(place), "is in another suite too", "give it another name"))
            found[name] = item
    return list(found.values()), problems
