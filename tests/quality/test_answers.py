"""Signals of an answer: known vectors, and the laws of what is checked by rule."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.quality.answered import Answered
from roteiro.quality.answers import OF_ANSWERS, signals_of
from roteiro.quality.asked import Asked, Form
from roteiro.quality.forms import well_formed
from roteiro.quality.grounding import checked, grounded
from roteiro.quality.language import in_language_of
from roteiro.quality.leaks import leaks
from roteiro.quality.refusals import refused
from roteiro.quality.repetition import degenerate
from roteiro.quality.sampling import taken
from roteiro.terms.codes import Signal
from roteiro.wire.canon import ToolCall

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
SOURCE = """Em 12 de março de 2024 a Companhia Docas do Porto faturou R$ 1.234.567,89, ou 12,5% a mais.
The port handled 3,410,000 tonnes; “a record for the terminal”, said Maria da Silva. Opened: 1987-05-01."""


@pytest.mark.parametrize(
    ("form", "text", "verdict"),
    [
        (Form(), '{"a": 1}', True),
        (Form(), "[1]", False),
        (Form(), "```json\n{}\n```", False),
        (Form(SCHEMA), '{"n": 1}', True),
        (Form(SCHEMA), '{"n": "1"}', False),
        (Form(SCHEMA), '{"n": ', False),
        (Form({"type": "nonsense"}), "{}", None),
        (Form({"$ref": "https://elsewhere.example/schema"}), "{}", None),
        (None, "{}", None),
    ],
)
def test_the_form_that_was_asked_for(form: Form | None, text: str, verdict: bool | None) -> None:
    assert well_formed(Asked(form=form), Answered(text)) is verdict


def test_arguments_of_tools() -> None:
    asked = Asked(tools={"look": SCHEMA})
    call = ToolCall("1", "look", '{"n": 2}')
    assert well_formed(asked, Answered(calls=(call,))) is True
    assert well_formed(asked, Answered(calls=(call, ToolCall("2", "look", "{}")))) is False
    assert well_formed(asked, Answered(calls=(ToolCall("3", "never_offered", "{}"),))) is False
    assert well_formed(asked, Answered("no call")) is None


def test_a_structured_refusal_needs_no_phrase() -> None:
    assert refused(Answered("", "stop", "No.")) is True
    assert refused(Answered("", "content_filter")) is True
    assert refused(Answered("")) is None
    assert refused(Answered("", "tool_calls", calls=(ToolCall("1", "f", "{}"),))) is False


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("", None), ("---", None), ("Sim.", False), ("no no no", False), ("the port " * 40, True), ("a" * 300, True), ("ha" * 100, True),
        ("Uma frase que volta. " * 9, True), ("Uma frase que volta. " * 2, False), ("Total " + "| --- " * 3 + "-" * 200, False),
        (" ".join(f"word{i}" for i in range(300)), False), ("row of nine words is said here and then " * 30 + "end", True),
    ],
)  # fmt: skip
def test_circles(text: str, verdict: bool | None) -> None:
    assert degenerate(text) is verdict


@pytest.mark.parametrize(
    ("answer", "supported", "claims"),
    [
        ("It grew by 12.5% to R$ 1,234,567.89.", 2, 2),
        ("Cresceu 12,5 por cento.", 1, 1),
        ("It grew by 13%.", 0, 1),
        ("It grew by 12.5 dollars.", 0, 1),
        ("About R$ 1.2 million in March 2024.", 2, 2),
        ("Cerca de 1,3 milhão de reais.", 0, 1),
        ("On 12/03/2024, not on 13/03/2024.", 1, 2),
        ("March 12, 2024; opened in 1987, on 01.05.1987.", 3, 3),
        ("Maria da Silva spoke for the Companhia Docas.", 2, 2),
        ("João da Silva spoke.", 0, 1),
        ("She called it “a record for the terminal”.", 1, 1),
        ("She called it “a record for the country”.", 0, 1),
        ("3.41 million tonnes", 1, 1),
        ("There are two things: 1. this 2. that", 0, 0),
    ],
)
def test_claims_are_checked_in_both_languages(answer: str, supported: int, claims: int) -> None:
    assert checked(SOURCE, answer) == (supported, claims)


def test_nothing_to_check_is_unverified() -> None:
    assert grounded(Asked(sources=(SOURCE,), text=SOURCE), "It did well.") is None
    assert grounded(Asked(text=SOURCE), "It grew by 13%.") is None
    assert grounded(Asked(sources=(SOURCE,), text=f"{SOURCE} and in 2031?"), "In 2031 it grows by 12.5%.") == 1.0


pieces = st.sampled_from(
    ["R$ 1.234,56", "1,234.5", "12%", "2024-01-31", "31 de janeiro de 2024", "May 2023", "Ana Maria Braga", "“uma frase de quatro palavras”", "e", "the", "7", "10 km",
     "1.2 million", "Σίσυφος", "3.000", "um", "Port of Santos", "ana@loja.com.br", "529.982.247-25", "(11) 98765-4321", "4539 1488 0343 6467", "\u00a0"]
)  # fmt: skip
lines = st.lists(st.lists(pieces | st.text(max_size=8), max_size=6).map(" ".join), min_size=1, max_size=5)


@given(lines, st.data())
def test_what_is_copied_from_the_source_is_always_supported(source: list[str], data: st.DataObject) -> None:
    whole = "\n".join(source).splitlines()
    answer = "\n".join(line for line in whole if data.draw(st.booleans()))
    found = checked("\n".join(source), answer)
    assert found.supported == found.claims


@given(lines, lines)
def test_more_text_never_hides_a_leak(first: list[str], more: list[str]) -> None:
    answer = "\n".join(first)
    assert leaks("", "\n".join([*more, answer])) >= leaks("", answer)
    assert leaks("", "\n".join([answer, *more])) >= leaks("", answer)
    assert leaks(answer, answer) == 0


@given(st.text(max_size=300), st.text(max_size=300), st.floats(-50, 0) | st.none())
def test_every_signal_of_any_text_is_in_its_range(question: str, answer: str, logprob: float | None) -> None:
    asked = Asked(question=question, text=question, sources=(question,) if question.strip() else (), form=Form())
    for signal, value in signals_of(asked, Answered(answer, "stop", logprob=logprob), OF_ANSWERS):
        assert value >= 0 and (signal is Signal.LEAKS or value <= 1)


def test_signals_that_cannot_be_told_are_left_out() -> None:
    found: dict[Any, float] = dict(signals_of(Asked(), Answered("Sim.", None), OF_ANSWERS))
    assert found == {Signal.REFUSED: 0.0, Signal.REPETITION: 0.0, Signal.LEAKS: 0.0}
    assert dict(signals_of(Asked(), Answered("Sim.", "length", logprob=0.0), (Signal.CONFIDENCE, Signal.TRUNCATED))) == {
        Signal.CONFIDENCE: 1.0,
        Signal.TRUNCATED: 1.0,
    }


def test_the_language_of_the_question() -> None:
    question = Asked(question="Qual é a capital do Brasil e quantos habitantes ela tem?")
    assert in_language_of(question, "A capital do Brasil é Brasília, com cerca de três milhões de habitantes.") is True
    assert in_language_of(question, "The capital of Brazil is Brasília, with some three million people.") is False
    assert in_language_of(question._replace(system="Answer in English."), "The capital of Brazil is Brasília.") is None
    assert in_language_of(question, "Brasília") is None


@given(st.integers(0, 1 << 40), st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_share_is_a_part_of_a_larger(number: int, one: float, other: float) -> None:
    assert taken(number, max(one, other)) or not taken(number, min(one, other))
    assert taken(number, 1.0) and not taken(number, 0.0)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("every", [1, 2, 7, 64, 1000])
def test_a_share_is_kept_of_every_nth_request(share: float, every: int) -> None:
    found = sum(taken(number, share) for number in range(0, 20_000 * every, every))
    assert abs(found - 20_000 * share) < 40


def test_patterns_cannot_be_made_to_crawl() -> None:
    """A long text of what patterns begin with costs about as much as its length."""
    for nasty in (
        "a@" * 20_000,
        "1." * 20_000,
        "+" * 40_000,
        "A a " * 10_000,
        "<source " * 8_000,
        '"' * 40_000,
        "DE" + "1" * 40_000,
        "(11) " * 9_000,
    ):
        assert leaks("", nasty) >= 0
        assert checked(nasty[:1000], nasty).claims >= 0
        assert degenerate(nasty) in (True, False, None)
        assert refused(Answered(nasty)) in (True, False)
    assert re.purge() is None
