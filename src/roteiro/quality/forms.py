"""Whether an answer has the form that was asked for: a JSON object, JSON by a schema, arguments by a tool's schema.

What must not live here: reading the request and the answer.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from roteiro.quality.answered import Answered
from roteiro.quality.asked import Asked

__all__ = ["well_formed"]

_NOWHERE: Final[Registry[Any]] = Registry()
"""A schema that refers to another place is not looked up there."""


def well_formed(asked: Asked, answered: Answered) -> bool | None:
    """Whether the answer has its form, in text and in calls of tools. None where no form was asked for, where the model declined, and
    where the schema is none that can be checked."""
    if answered.refusal or answered.finish in ("refusal", "content_filter"):
        return None
    verdicts = [_arguments_hold(call.arguments, asked.tools, call.name) for call in answered.calls]
    if asked.form is not None and not answered.calls:
        verdicts.append(_holds(answered.text, asked.form.schema, of_object=asked.form.schema is None))
    if False in verdicts:
        return False
    return None if not verdicts or None in verdicts else True


def _arguments_hold(arguments: str, tools: Mapping[str, Mapping[str, Any] | None], name: str) -> bool | None:
    """A call of a tool that was not offered has not the form. Tools of a provider's own are not named in `tools` by name."""
    if not tools:
        return None
    return _holds(arguments or "{}", tools[name], of_object=True) if name in tools else False


def _holds(text: str, schema: Mapping[str, Any] | None, of_object: bool) -> bool | None:
    try:
        value = msgspec.json.decode(text.strip().encode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError):
        return False
    if of_object and not isinstance(value, dict):
        return False
    if schema is None:
        return True
    try:
        validator = validator_for(schema, default=Draft202012Validator)
        validator.check_schema(schema)
        return bool(validator(schema, registry=_NOWHERE).is_valid(value))
    except (SchemaError, Unresolvable, RecursionError, ValueError, TypeError, ArithmeticError):
        return None
