"""The plan's JSON Schema, for editors and for the generated reference.

What must not live here: checks that a schema cannot state (`check`).
"""

from typing import Any, Final

from roteiro.plan.model import Plan

__all__ = ["json_schema"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a plan file. `include` is the reader's own key, and stands beside the sections."""
    schema = Plan.model_json_schema(by_alias=True, mode="validation")
    names = {"type": "string", "minLength": 1}
    schema["properties"]["include"] = {
        "description": "Files to lay beneath this one, relative to it.",
        "anyOf": [names, {"type": "array", "items": names}],
    }
    schema["patternProperties"] = {"^x-": {"description": "Anything, for anchors to stand in."}}
    definitions = schema["$defs"]
    for part in (schema, *definitions.values()):
        for value in part.get("properties", {}).values():
            # pydantic leaves a description out where it repeats the part's own
            if "description" not in value and "$ref" in value:
                value["description"] = definitions[value["$ref"].rpartition("/")[2]]["description"]
    definitions["Budget"] = short_form(definitions["Budget"], "$5/day", "Money and its period.")
    for name in ("ExactCache", "SemanticCache", "EmbeddingCache", "Canaries"):
        definitions[name] = {"anyOf": [definitions[name], {"type": "boolean", "description": "All defaults, or none."}]}
    definitions["LocalModel"] = short_form(definitions["LocalModel"], "smollm2", "The GGUF file, or smollm2.")
    hours = {"type": "array", "minItems": 24, "maxItems": 24, "items": {"type": ["number", "string"]}, "description": "A factor an hour."}
    definitions["Daily"] = {"anyOf": [definitions["Daily"], hours]}
    weight = definitions["Criterion"]["properties"]["weight"]
    definitions["Criterion"] = {"anyOf": [definitions["Criterion"], weight]}
    share = definitions["ErrorRate"]["properties"]["share"]
    definitions["ErrorRate"] = {"anyOf": [definitions["ErrorRate"], share]}
    definitions["Observe"] = {"anyOf": [definitions["Observe"], definitions["Observe"]["properties"]["share"]]}
    definitions["Feedback"] = {"anyOf": [definitions["Feedback"], {"type": "boolean", "description": "All defaults, or none."}]}
    dates = {"type": "array", "items": {"$ref": "#/$defs/PlannedOutage"}, "description": "Outages whose time is known."}
    definitions["Outages"] = {"anyOf": [definitions["Outages"], dates]}
    targets = definitions["LogicalModel"]["properties"]["targets"]
    listed = {"type": "array", "items": names, "minItems": 1, "description": "Providers, each with its own weight."}
    definitions["LogicalModel"]["properties"]["targets"] = {
        "description": targets.pop("description", ""),
        "anyOf": [targets, listed, {**names, "description": "One provider."}],
    }
    for section, value in schema["properties"].items():
        if section not in ("roteiro", "include"):
            schema["properties"][section] = {"description": value.get("description", ""), "anyOf": [value, {"type": "null"}]}
    return {"$schema": DIALECT, "title": "Roteiro plan", **{key: value for key, value in schema.items() if key != "title"}}


def short_form(whole: dict[str, Any], example: str, meaning: str) -> dict[str, Any]:
    """The definition, or a text in its place."""
    return {"anyOf": [whole, {"type": "string", "minLength": 1, "description": meaning, "examples": [example]}]}
