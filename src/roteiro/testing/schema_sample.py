"""A value that a JSON Schema allows, the same each time: what a sandbox fills tool calls and structured answers with.

What must not live here: checking of values. References within the schema are followed, those elsewhere are not.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["sample"]

DEEPEST: Final = 12
"""Levels after which an optional part is left out and a list stays empty, for schemas that contain themselves."""


def sample(schema: Mapping[str, Any], word: Callable[[], str]) -> Any:
    """A value of the schema; `word` gives the texts."""
    return _Sampler(schema, word).value(schema, 0)


class _Sampler:
    def __init__(self, root: Mapping[str, Any], word: Callable[[], str]) -> None:
        self._root, self._word = root, word

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return self._word()
        schema = self._resolved(schema)
        for fixed in ("const", "default"):
            if fixed in schema:
                return schema[fixed]
        if choices := schema.get("enum"):
            return choices[0]
        if either := schema.get("anyOf") or schema.get("oneOf"):
            return self.value(either[0], depth + 1)
        if parts := schema.get("allOf"):
            merged: dict[str, Any] = {}
            for part in parts:
                value = self.value(part, depth + 1)
                merged.update(value if isinstance(value, dict) else {})
            return merged
        return self._of_kind(_kind(schema), schema, depth)

    def _of_kind(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        match kind:
            case "object":
                required = schema.get("required", ())
                parts = schema.get("properties", {})
                return {name: self.value(part, depth + 1) for name, part in parts.items() if depth < DEEPEST or name in required}
            case "array":
                count = max(int(schema.get("minItems", 0)), 1 if depth < DEEPEST else 0)
                return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "integer":
                return int(schema.get("minimum", 7))
            case "number":
                return float(schema.get("minimum", 2.5))
            case "boolean":
                return True
            case "null":
                return None
        text = self._word()
        while len(text) < int(schema.get("minLength", 0)):
            text += " " + self._word()
        return text[: int(schema.get("maxLength", len(text)))]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(DEEPEST):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#"):
                return schema
            found: Any = self._root
            for step in reference[1:].split("/")[1:]:
                found = found.get(step, {}) if isinstance(found, Mapping) else {}
            schema = found if isinstance(found, Mapping) else {}
        return schema


def _kind(schema: Mapping[str, Any]) -> str:
    """The schema's type in lower case (Gemini writes capitals); the first where it may be several."""
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return str(kind[0] if isinstance(kind, list) and kind else kind).lower()
