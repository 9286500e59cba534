"""Actions of routing rules."""

import pytest

from roteiro.plan.action import Action, ActionKind, parse_action
from roteiro.terms.units import QuantityError


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("route_to_secondary", Action(ActionKind.ROUTE_TO, "secondary")),
        ("route_to_eu-west_2", Action(ActionKind.ROUTE_TO, "eu-west_2")),
        ("circuit_break_primary", Action(ActionKind.CIRCUIT_BREAK, "primary")),
        ("avoid_primary", Action(ActionKind.AVOID, "primary")),
        ("degrade", Action(ActionKind.DEGRADE)),
        ("shed batch", Action(ActionKind.SHED, "batch")),
    ],
)
def test_actions_are_read_and_written_back(text: str, action: Action) -> None:
    assert parse_action(text) == action
    assert str(action) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no action"),
        ("rout_to_x", "no action"),
        ("shed critical", "sheds 'critical'"),
        ("shed batches", "did you mean 'batch'"),
        ("avoid_", "no action"),
    ],
)
def test_what_is_no_action(text: str, words: str) -> None:
    with pytest.raises(QuantityError, match=words):
        parse_action(text)
