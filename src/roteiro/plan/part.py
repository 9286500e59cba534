"""What every part of a plan is: frozen, and deaf to keys that it does not know; and what a name may look like.

What must not live here: any one section of the plan.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema

from roteiro.plan.quantity import refuse

__all__ = ["RESERVED", "ModelName", "Name", "Part", "Subject"]

RESERVED: Final = frozenset(
    ["fleet", "hour", "all", "all_cloud", "cloud", "and", "or", "not", "in", "over", "for", "with", "at", "least", "calls"]
)
"""Words of the conditions' language, which therefore name no provider."""

NAME: Final = re.compile(r"[^\W_][\w.-]{0,63}")
SUBJECT: Final = re.compile(r"[^\W\d_][\w-]{0,63}")
MODEL: Final = re.compile(r"[^\s\x00-\x1f\x7f\"'\\]{1,200}")


class Part(BaseModel):
    """A part of the plan. Field names carry their canonical unit (`idle_s`); a person writes the alias (`idle: 30s`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, allow_inf_nan=False, arbitrary_types_allowed=True)


def name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise refuse(f"{value[:80]!r} is no name", "use up to 64 letters, digits, '.', '-' and '_'", "E107")
    return value


def subject(value: str) -> str:
    if not SUBJECT.fullmatch(value):
        raise refuse(f"{value[:80]!r} is no provider's name", "begin with a letter; use up to 64 letters, digits, '-' and '_'", "E107")
    if value in RESERVED:
        raise refuse(f"{value!r} is a word of the conditions' language", "give the provider another name", "E107")
    return value


def model_name(value: str) -> str:
    if not MODEL.fullmatch(value):
        raise refuse(f"{value[:80]!r} is no model's name", "use up to 200 characters without spaces or quotes", "E107")
    return value


Name = Annotated[str, AfterValidator(name), WithJsonSchema({"type": "string", "pattern": "^[^\\W_][\\w.-]{0,63}$"})]
Subject = Annotated[str, AfterValidator(subject), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z\\u0080-\\uffff][\\w-]{0,63}$"})]
ModelName = Annotated[str, AfterValidator(model_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})]
