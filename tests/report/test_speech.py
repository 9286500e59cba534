"""Both languages say everything, and numbers say what they are."""

import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.report.speech import LANGUAGES, PHRASES, Speech, decimals_needed, speech
from roteiro.terms import codes
from roteiro.terms.error import SettingsError
from roteiro.terms.units import parse_money

EN, PT = speech("en"), speech("pt-BR")
NUSD = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize("key", sorted(PHRASES))
def test_a_phrase_is_there_in_both_languages_with_the_same_gaps(key: str) -> None:
    phrases = PHRASES[key]
    assert len(phrases) == len(LANGUAGES) and all(phrase.strip() for phrase in phrases)
    gaps = [{name for _, name, _, _ in Formatter().parse(phrase) if name} for phrase in phrases]
    assert gaps[0] == gaps[1]


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [(codes.Reason, "reason"), (codes.Outcome, "outcome"), (codes.Command, "command"), (codes.Step, "step"),
     (codes.ErrorClass, "error"), (codes.Priority, "priority"), (codes.BreakerState, "breaker")],
)  # fmt: skip
def test_every_code_has_a_word(kind: type[codes.Reason], prefix: str) -> None:
    assert [member.name for member in kind if f"{prefix}.{member.name.lower()}" not in PHRASES] == []


@given(NUSD)
def test_money_is_exact(nusd: int) -> None:
    said = EN.money(nusd)
    assert parse_money(said.removeprefix("-")) == abs(nusd)
    assert said.startswith("-") == (nusd < 0)
    portuguese = PT.money(nusd).replace("US$ ", "$").translate(str.maketrans(",.", ".,"))
    assert portuguese == said


@given(st.lists(NUSD, min_size=1, max_size=9))
def test_a_column_of_money_lines_up(amounts: list[int]) -> None:
    places = EN.decimals_of(amounts)
    assert {len(EN.money(amount, places).partition(".")[2]) for amount in amounts} == {places}
    assert 2 <= places <= 9 and places == max(map(decimals_needed, amounts))


@given(st.floats(0.0, 1.0))
def test_only_all_is_a_hundred_per_cent_and_only_nothing_is_none(share: float) -> None:
    assert (EN.share(share) == "100%") == (share == 1.0)
    assert (EN.share(share) == "0%") == (share == 0.0)


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        (lambda s: s.number(1234567.89, 1), ("1,234,567.9", "1.234.567,9")),
        (lambda s: s.share(0.99987), ("99.99%", "99,99%")),
        (lambda s: s.share(0.9999, 4), ("99.99%", "99,99%")),
        (lambda s: s.ms(1234.5), ("1,234 ms", "1.234 ms")),
        (lambda s: s.ms(0.26), ("0.3 ms", "0,3 ms")),
        (lambda s: s.seconds(0.25), ("250 ms", "250 ms")),
        (lambda s: s.seconds(2.5), ("2.5 s", "2,5 s")),
        (lambda s: s.money(12_500_000_000), ("$12.50", "US$ 12,50")),
        (lambda s: s.money(1), ("$0.000000001", "US$ 0,000000001")),
        (lambda s: s.ms(None), ("no data", "sem dados")),
        (lambda s: s.money(None), ("no data", "sem dados")),
    ],
)
def test_numbers_as_people_write_them(english: object, portuguese: tuple[str, str]) -> None:
    say = english
    assert callable(say)
    assert (say(EN), say(PT)) == portuguese


@pytest.mark.parametrize(("asked", "got"), [("en", "en"), ("pt-BR", "pt-BR"), ("pt_br", "pt-BR"), ("pt", "pt-BR"), ("EN", "en")])
def test_languages_go_by_several_spellings(asked: str, got: str) -> None:
    assert speech(asked).language == got


def test_an_unknown_language_is_told() -> None:
    with pytest.raises(SettingsError, match=re.escape("reports speak en and pt-BR, not 'tlh'")):
        speech("tlh")


def test_a_phrase_without_its_values_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError):
        Speech("en").say("sla.within")
