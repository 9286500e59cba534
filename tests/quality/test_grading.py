"""Grading: the examples that the suite itself ships, and each rule."""

import pytest

from roteiro.plan.suite import read_suites
from roteiro.quality.grading import grade, normalised
from roteiro.terms.probe import Expected, Probe

PROBES, PROBLEMS = read_suites([])


def probe(language: str = "en", kind: str = "factual", **expected: object) -> Probe:
    return Probe(id="x", kind=kind, language=language, ask="?", expected=Expected(**expected))  # type: ignore[arg-type]


def test_the_starter_suite_is_sound_and_in_two_languages() -> None:
    assert PROBLEMS == []
    assert len(PROBES) >= 40
    halves = [sum(one.language == language for one in PROBES) for language in ("en", "pt")]
    assert abs(halves[0] - halves[1]) <= 2
    assert {one.kind for one in PROBES} == {"factual", "format", "instruction", "arithmetic", "safe"}
    assert len({one.ask for one in PROBES}) == len(PROBES)


@pytest.mark.parametrize("one", PROBES, ids=lambda one: one.id)
def test_a_right_answer_is_right_and_a_wrong_one_is_not(one: Probe) -> None:
    assert one.example is not None
    assert one.wrong is not None
    assert grade(one, one.example).right
    assert not grade(one, one.wrong).right
    assert not grade(one, "").right


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("en", "1,234.5", True), ("pt", "1.234,5", True), ("en", "1234.5", True), ("pt", "1234,5", True), ("en", "It is 1,234.5.", True),
        ("en", "-1234.5", False), ("en", "1234.5 of 9", False), ("en", "none", False), ("pt", "1.2345", False),
    ],
)  # fmt: skip
def test_numbers_are_read_in_both_ways(language: str, text: str, right: bool) -> None:
    assert grade(probe(language, number=1234.5), text).right is right


def test_a_number_that_can_be_read_two_ways_is_right_in_either() -> None:
    assert grade(probe("pt", number=1200), "1.200").right
    assert grade(probe("en", number=1.2), "1.200").right


def test_the_tolerance_is_a_bound() -> None:
    assert grade(probe(number=10, tolerance=0.5), "10.5").right
    assert not grade(probe(number=10, tolerance=0.5), "10.51").right


def test_json_may_be_fenced_and_nothing_else() -> None:
    schema = {"type": "object", "required": ["a"]}
    for text, right in (
        ('{"a": 1}', True),
        ('```json\n{"a": 1}\n```', True),
        ('Here: {"a": 1}', False),
        ("{}", False),
        ("[" * 9000, False),
    ):
        assert grade(probe(kind="format", schema=schema), text) == (right, right)


def test_form_is_told_apart_from_truth() -> None:
    asked = probe(contains=("ships",), most_words=5)
    assert grade(asked, "it guides ships home") == (True, True)
    assert grade(asked, "it guides trains home") == (False, True)
    assert grade(asked, "it guides the ships home in the night") == (False, False)
    assert grade(probe(one_of=("iron",)), "Iron").formed is None


@pytest.mark.parametrize(("text", "language"), [("The ship is in the harbor and it waits", "en"), ("O navio está no porto e espera", "pt")])
def test_language(text: str, language: str) -> None:
    for wanted in ("en", "pt"):
        asked = Probe(id="x", kind="instruction", language="en", ask="?", expected=Expected(language=wanted))  # type: ignore[arg-type]
        assert grade(asked, text).right is (wanted == language)


def test_normalised() -> None:
    assert normalised(" **Brasília**.\n") == normalised("brasília") == "brasília"
