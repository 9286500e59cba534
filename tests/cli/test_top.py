"""`roteiro top` for scripts: once, and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from roteiro.cli.main import main
from roteiro.tasks.administer import Administration

OVERVIEW: dict[str, Any] = json.loads((Path(__file__).parents[1] / "report" / "golden" / "overview.json").read_text())


def call(*words: str) -> int:
    try:
        return main(words)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Administration, "overview", lambda _: OVERVIEW)
    monkeypatch.setenv("ROTEIRO_ADMIN_TOKEN", "of-the-test-" + "x" * 8)


def test_json_is_what_the_server_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("top", "--json") == 0
    assert json.loads(capsys.readouterr().out) == OVERVIEW


@pytest.mark.parametrize(("lang", "word"), [("en", "budgets"), ("pt-BR", "orçamentos")])
def test_once_prints_all_tables(capsys: pytest.CaptureFixture[str], lang: str, word: str) -> None:
    assert call("top", "--once", "--lang", lang) == 0
    said = capsys.readouterr().out
    assert word in said and "primary" in said and "globex" in said and "chat" in said and "\x1b" not in said


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("ROTEIRO_ADMIN_TOKEN", "of-the-test-" + "x" * 8)
    assert call("top", "--once", "--admin-port", "1") == 2
    assert "no server administers at 127.0.0.1:1" in capsys.readouterr().err
