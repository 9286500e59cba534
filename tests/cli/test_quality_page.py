"""The pages of canaries, drift and the judge: what they say, in both languages."""

from datetime import UTC, datetime

import pytest

from roteiro.cli.quality_page import canaries_page, drift_page, judge_page, rates_page
from roteiro.quality.judge_rate import Counts, Rate
from roteiro.report.markdown import markdown
from roteiro.report.speech import speech
from roteiro.tasks.canaries import (
    CanariesAnswer,
    ChangeRow,
    DriftAnswer,
    Example,
    JudgeAnswer,
    JudgeRow,
    RateRow,
    RatesAnswer,
    TargetRow,
    VersionRow,
    WrongAnswer,
)

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ROW = TargetRow(
    target="one", version="m-1", era=2, asked=48, failed=1, right=47, interval=None, kinds={"factual": (12, 12), "safe": (3, 4)}, refused=1,
    formed=(11, 12), confidence=0.91, agreement=None, latency_s=0.25,
)  # fmt: skip
CHANGE = ChangeRow(
    target="one", kind="drift", noticed=AT, since=AT, before="m-1", after="m-1", feature="length", up=True, odds=812.0, answers=130,
    examples=(Example("en-x", "Canberra", "It is Canberra, of course"),),
)  # fmt: skip
VERSION = VersionRow(
    target="one", version="m-1", era=1, first=AT, last=AT, answers=130, rounds=13, measure="trigrams", threshold=700.0, rate=0.01,
    odds={"length": 812.0, "correct": 0.4}, changed=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["m-1 (no. 2 under this name)", "47/48", "12/12", "3/4", "no data", "pt-bad", "wrong text"]),
        ("pt-BR", ["m-1 (nº 2 sob este nome)", "47/48", "sem dados", "Respostas erradas"]),
    ],
)
def test_canaries(language: str, words: list[str]) -> None:
    answer = CanariesAnswer("plan.yaml", "budget", (ROW,), (WrongAnswer("one", "pt-bad", "wrong\n text", False),))
    page = markdown(canaries_page(answer, speech(language)))
    assert [word for word in words if word not in page] == []
    assert speech(language).say("canary.budget") in page


def test_nothing_asked_yet_is_said() -> None:
    assert "No question was asked yet." in markdown(canaries_page(CanariesAnswer("d", "none", (), ()), speech()))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            [
                "answers otherwise under the same name (m-1): length of answers is larger",
                "812 to 1, after 130 answers",
                "It is Canberra",
                "1%",
            ],
        ),
        ("pt-BR", ["responde de outro jeito sob o mesmo nome (m-1): tamanho das respostas é maior", "812 para 1, após 130 respostas"]),
    ],
)
def test_drift(language: str, words: list[str]) -> None:
    page = markdown(drift_page(DriftAnswer("data", (VERSION,), (CHANGE,)), speech(language)))
    assert [word for word in words if word not in page] == []


def test_a_quiet_drift_report_says_so() -> None:
    page = markdown(drift_page(DriftAnswer("data", (), ()), speech()))
    assert "No change was noticed." in page


def test_a_judge_that_tells_nothing_is_called_that() -> None:
    one = JudgeRow("own", "wise-1", "judge", AT, Counts(18, 22), Counts(20, 22), None, None, 3, Rate(0.012, 0.0, 0.09))
    none = JudgeRow("own", "wise-1", "factual", AT, Counts(8, 17), Counts(9, 18), None, None, 0, None)
    page = markdown(judge_page(JudgeAnswer("plan.yaml", (one, none)), speech()))
    assert "18/22" in page
    assert "1.2% (0% – 9%)" in page
    assert "the judge tells nothing" in page


def test_what_the_judge_says_is_corrected_or_called_unmeasured() -> None:
    rows = (
        RateRow("one", "judge", "wise-1", 200, 30, True, Rate(0.08, 0.01, 0.17)), RateRow("one", "factual", "wise-2", 90, 9, False, None),
    )  # fmt: skip
    page = markdown(rates_page(RatesAnswer("data", rows), speech()))
    assert "30/200" in page
    assert "8% (1% – 17%)" in page
    assert "this judge was not measured" in page
    assert "The judge has said nothing yet." in markdown(rates_page(RatesAnswer("data", ()), speech()))
