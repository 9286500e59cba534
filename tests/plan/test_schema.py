"""The JSON Schema accepts what the reader accepts, and refuses the commonest mistakes; judged by a library that knows nothing of us."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from tests.plan.chapter import BLOCKS

from roteiro.plan.digest import canonical_json
from roteiro.plan.read import read_text
from roteiro.plan.schema import json_schema
from roteiro.plan.starter import starter

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def data_of(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.fixture(scope="module")
def judge() -> jsonschema.Draft202012Validator:
    schema = json.loads(json.dumps(json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    "text",
    [
        *BLOCKS,
        "".join(BLOCKS),
        *(example.read_text(encoding="utf-8") for example in EXAMPLES),
        starter("en"),
        starter("pt-BR"),
        "budgets: {b: $5/day}\ntenants:\nproviders: {a: {name: local, model: m, local: smollm2}}\nmodels: {c: {targets: a}}\n",
        "providers: {a: {name: x, model: m, key_env: KEY}}\n",
        "models: {c: {targets: a, cache: {exact: false, semantic: true}, on_disconnect: 10, hedge: {after: 2}}}\n",
        "include: [a.yaml]\nx-common: {a: 1}\n",
    ],
)
def test_plans_that_load_are_valid(judge: jsonschema.Draft202012Validator, text: str) -> None:
    judge.validate(data_of(text))


def test_the_canonical_json_is_valid(judge: jsonschema.Draft202012Validator) -> None:
    plan = read_text("".join(BLOCKS)).plan
    assert plan is not None
    judge.validate(json.loads(canonical_json(plan)))


@pytest.mark.parametrize(
    "text",
    [
        "provider: {}",
        "providers: {a: {name: x, model: m, key_env: 5}}",
        "cache: {ttl: 5min}",
        "models: {c: {targets: a, cache: true}}",
        "models: {c: {targets: a, hedge: p95}}",
        "providers: {a: {name: openai}}",
        "roteiro: 2",
        "retry: {attempt: 3}",
        "tenants: []",
        "routing_logic: [{condition: 5, action: x}]",
    ],
)
def test_common_mistakes_are_invalid(judge: jsonschema.Draft202012Validator, text: str) -> None:
    assert not judge.is_valid(data_of(text))


def test_every_key_is_described() -> None:
    schema = json_schema()
    for name, definition in [("Plan", schema), *schema["$defs"].items()]:
        for part in definition.get("anyOf", [definition]):
            for key, value in part.get("properties", {}).items():
                assert value.get("description"), f"{name}.{key}"
