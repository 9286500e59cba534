"""Routing rules: while a condition holds, an action is in force.

What must not live here: the languages of conditions and actions (`condition`, `action`).
"""

from typing import Annotated

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, WithJsonSchema

from roteiro.plan.action import Action, parse_action
from roteiro.plan.condition import Condition, ConditionError, parse_condition
from roteiro.plan.part import Name, Part
from roteiro.plan.quantity import Seconds, refuse
from roteiro.terms.units import QuantityError

__all__ = ["Rule"]


def read_condition(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_condition(value)
    except ConditionError as error:
        raise refuse(error.message, error.remedy, error.code, error.column) from None


def read_action(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_action(value)
    except QuantityError as error:
        raise refuse(error.message, error.remedy, "E114") from None


def text(example: str, description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description, "examples": [example]})


class Rule(Part):
    """One rule of `routing_logic`; the first that holds and has a candidate wins."""

    condition: Annotated[
        InstanceOf[Condition], BeforeValidator(read_condition), PlainSerializer(str, return_type=str, when_used="json"),
        text("primary.latency > 2000ms", "When the rule is in force."),
    ]  # fmt: skip
    action: Annotated[
        InstanceOf[Action], BeforeValidator(read_action), PlainSerializer(str, return_type=str, when_used="json"),
        text("route_to_secondary", "route_to_X, circuit_break_X, avoid_X, degrade, or shed batch."),
    ]  # fmt: skip
    for_s: Seconds | None = Field(default=None, alias="for", description="How long the condition must hold before the rule is in force.")
    name: Name | None = Field(default=None, description="Name of the rule in reports; without one, its action.")

    @property
    def hold_s(self) -> float:
        """How long the condition must hold, wherever that was written; the longer of the two."""
        return max(self.for_s or 0.0, self.condition.for_s)
