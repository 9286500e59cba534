"""The actions of routing rules: text → what to do to whom, and back.

What must not live here: doing it (`policy`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from roteiro.plan.near import did_you_mean
from roteiro.terms.units import QuantityError

__all__ = ["Action", "ActionKind", "parse_action"]


class ActionKind(StrEnum):
    """What a rule does while its condition holds."""

    ROUTE_TO = "route_to"
    """Every request that has the target as a candidate goes there."""
    CIRCUIT_BREAK = "circuit_break"
    """The target's breaker is opened."""
    AVOID = "avoid"
    """The target is taken only when there is no other."""
    DEGRADE = "degrade"
    """Each model gives way to its `degrade_to`."""
    SHED = "shed"
    """New requests of the priority, and of lower ones, are refused."""


@dataclass(frozen=True, slots=True)
class Action:
    """`subject` is a provider for `route_to`, `circuit_break` and `avoid`; a priority for `shed`; None for `degrade`."""

    kind: ActionKind
    subject: str | None = None

    def __str__(self) -> str:
        if self.subject is None:
            return str(self.kind)
        return f"shed {self.subject}" if self.kind is ActionKind.SHED else f"{self.kind}_{self.subject}"


OF_TARGET: Final = re.compile(r"(route_to|circuit_break|avoid)[_ ]\s*([^\W\d_][\w-]*)")
SHED: Final = re.compile(r"shed[_ ]\s*(\w+)")
SHEDDABLE: Final = ("interactive", "batch", "sandbox")
SHAPES: Final = ("route_to_PROVIDER", "circuit_break_PROVIDER", "avoid_PROVIDER", "degrade", "shed batch")


def parse_action(text: str) -> Action:
    """The action that the text names. Raises QuantityError with what would do."""
    text = text.strip()
    if text == "degrade":
        return Action(ActionKind.DEGRADE)
    if match := OF_TARGET.fullmatch(text):
        return Action(ActionKind(match[1]), match[2])
    if match := SHED.fullmatch(text):
        if match[1] not in SHEDDABLE:
            raise QuantityError(f"sheds {match[1][:80]!r}", did_you_mean(match[1], SHEDDABLE))
        return Action(ActionKind.SHED, match[1])
    raise QuantityError(f"is {text[:80]!r}, no action", did_you_mean(text, SHAPES))
