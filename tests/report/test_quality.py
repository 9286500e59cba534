"""The report on quality: what was measured with its count, what was not said to be unverified, in both languages."""

import pytest
from tests.analysis.test_quality import count, sums

from roteiro.analysis.quality import LOOKED, quality_report
from roteiro.report import LANGUAGES, markdown, speech
from roteiro.report.quality import quality_page
from roteiro.report.words_of_quality import QUALITY_WORDS
from roteiro.terms.codes import Signal


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page(language: str) -> None:
    rows = [sums(Signal.REFUSED, *[1.0] * 3, *[0.0] * 97), sums(Signal.LEAKS, 0, 2), sums(Signal.GROUNDED, 0.5, 1.0, model="other")]
    page = markdown(quality_page(quality_report(rows, [count(100)], [count(1000), count(5, model="other")]), speech(language), "DIR"))
    english = language == "en"
    assert ("100 of 1,005 answers were looked at" if english else "100 de 1.005 respostas foram examinadas") in page
    assert ("3% (100)" in page) and ("unverified" if english else "não verificado") in page
    assert ("2 in all" if english else "2 no total") in page
    assert ("a proxy" if english else "aproximação") in page


def test_nothing_is_said_with_the_way_to_something() -> None:
    assert "observe: 10%" in markdown(quality_page(quality_report([], [], []), speech("en")))


def test_every_signal_has_its_words() -> None:
    assert {f"signal.{kind.name.lower()}" for kind in Signal} | {f"signal.{kind.name.lower()}.says" for kind in Signal} <= set(
        QUALITY_WORDS
    )
    assert set(LOOKED) <= set(Signal)
