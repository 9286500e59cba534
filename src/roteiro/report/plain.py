"""Results as plain data for JSON: field names carry their units, words stay words, and what is missing is null.

What must not live here: rounding.
"""

from typing import Any

import msgspec

__all__ = ["dumps", "plain"]


def plain(result: object) -> Any:
    """Frozen results (dataclasses, tuples, mappings, dates, enumerations) as what JSON knows."""
    return msgspec.to_builtins(result, str_keys=True)


def dumps(result: object) -> str:
    """JSON text of a result, indented; ends with a line break."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"
