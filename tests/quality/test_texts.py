"""Precision and recall on texts labelled by hand, in the files beside this one; the documentation tells these figures."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from roteiro.quality.language import language_of
from roteiro.quality.leaks import personal_data
from roteiro.quality.refusals import declines

HERE = Path(__file__).parent


def labelled(name: str) -> Any:
    return YAML(typ="safe").load((HERE / name).read_text(encoding="utf-8"))


def measured(group: str) -> tuple[float, float, list[str]]:
    """(precision, recall, what was judged wrongly) of refusals."""
    texts = labelled("texts_of_refusals.yaml")[group]
    hits = [text for text in texts["declined"] if declines(text)]
    false = [text for text in texts["answered"] if declines(text)]
    return (
        len(hits) / max(1, len(hits) + len(false)),
        len(hits) / len(texts["declined"]),
        [*false, *(t for t in texts["declined"] if t not in hits)],
    )


@pytest.mark.parametrize(("group", "precision", "recall"), [("seen", 1.0, 1.0), ("held_out", 0.95, 0.85)])
def test_refusals_are_told_from_answers(group: str, precision: float, recall: float) -> None:
    found = measured(group)
    assert found[0] >= precision and found[1] >= recall, found


def test_a_language_is_told_or_said_to_be_unknown() -> None:
    texts = labelled("texts_of_languages.yaml")
    judged = [(language, language_of(text)) for language, rows in texts.items() for text in rows]
    wrong = [row for row in judged if row[1] is not None and row[1] != row[0]]
    told = [row for row in judged if row[0] is not None and row[1] == row[0]]
    assert not wrong
    assert len(told) >= 0.9 * sum(row[0] is not None for row in judged), judged


def test_personal_data_is_found_and_nothing_else() -> None:
    texts = labelled("texts_of_leaks.yaml")
    missed = [(count, text) for count, text in texts["found"] if len(personal_data(text)) != count]
    false = [text for text in texts["nothing"] if personal_data(text)]
    assert (missed, false) == ([], [])
