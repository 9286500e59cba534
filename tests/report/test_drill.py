"""The report of a drill, as it reads in both languages."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from roteiro.report import LANGUAGES, markdown, speech
from roteiro.report.drill import drill_page

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Row:
    scenario: str
    model: str = "chat"
    stream: bool = False
    must: str = "what must be seen"
    verdict: str = "kept"
    why: str = ""
    complaints: Sequence[str] = ()
    truth: str | None = "answer"
    status: int = 200
    code: str = ""
    target: str = "one"
    asked: Sequence[int] = (1, 1)
    rescues: int = 0
    seconds: float = 0.25


@dataclass(frozen=True)
class Result:
    rows: Sequence[Row]
    counts: Mapping[str, int]
    plan_digest: str = "0123456789abcdef"
    seconds: float = 12.5


ROWS = (
    Row("503-lasting", target="two", asked=(2, 1)),
    Row("cut", stream=True, rescues=1),
    Row("cut", model="small", stream=True, truth="error", code="provider_error"),
    Row("all-down", truth="error", status=502, code="provider_error", target="", asked=(2, 2)),
    Row("429-gemini", verdict="not_applicable", why="other_dialect", truth=None),
    Row("empty", verdict="broken", truth="lie", complaints=("it ends after 0 of 138 characters", "and more")),
    Row("hang", truth="silent", status=0, seconds=61.0, verdict="broken", complaints=("no end",)),
    Row("reset", stream=True, truth="cut"),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_drill_reads_as_kept(language: str) -> None:
    text = markdown(drill_page(Result(ROWS, {"kept": 5, "broken": 2, "not_applicable": 1}), speech(language)))  # type: ignore[arg-type]
    path = GOLDEN / f"drill.{language}.md"
    if os.environ.get("ROTEIRO_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
