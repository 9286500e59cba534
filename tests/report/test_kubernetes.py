"""Manifests keep the field rules of their definitions, and say what the plan says."""

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from roteiro.gateway.metrics import FAMILIES
from roteiro.plan.model import Plan
from roteiro.plan.read import read_text
from roteiro.report.kubernetes import RECORD, hpa, keda, manifests
from roteiro.terms.error import SettingsError

PLAN = """
roteiro: 1
providers:
  own: {name: vllm, model: llama, base_url: "http://10.0.0.7:8000/v1", servers: {replicas: 2, least: 1, most: 6, batch: 48}}
  My_Box: {name: vllm, model: llama, base_url: "http://10.0.0.8:8000/v1", servers: {replicas: 1, most: 3}}
  primary: {name: openai, model: gpt-4o}
scaling_policies:
  stabilisation: 5min
  step: {up: 2, down: 1}
  token_based:   {scale_up_threshold: 10000, scale_down_threshold: 1000, cooldown: 300}
  latency_based: {scale_up_threshold: 2000, scale_down_threshold: 500, cooldown: 600, window: 1min, minimum_calls: 20}
"""
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
TEXT = {"type": "string"}
QUANTITY = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE])?$",
}


def thing(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object that knows these fields alone: what a structural schema would prune is a mistake here."""
    return {"type": "object", "properties": {**required, **optional}, "required": sorted(required), "additionalProperties": False}


METADATA = thing({"name": NAME, "namespace": NAME}, labels={"type": "object"}, annotations={"type": "object", "additionalProperties": TEXT})
TARGET = thing({"name": NAME}, apiVersion=TEXT, kind=TEXT)
STEP = thing(
    {
        "type": {"enum": ["Pods", "Percent"]}, "value": {"type": "integer", "minimum": 1},
        "periodSeconds": {"type": "integer", "minimum": 1, "maximum": 1800},
    }
)  # fmt: skip
RULES = thing(
    {"policies": {"type": "array", "items": STEP, "minItems": 1}},
    selectPolicy={"enum": ["Max", "Min", "Disabled"]},
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
)
BEHAVIOR = thing({}, scaleUp=RULES, scaleDown=RULES)
CRON = thing(
    {
        "type": {"const": "cron"},
        "metadata": thing(
            {
                "timezone": TEXT, "desiredReplicas": {"type": "string", "pattern": "^[0-9]+$"},
                "start": {"type": "string", "pattern": r"^[0-5]?\d (1?\d|2[0-3]) \* \* (\*|[0-6])$"},
                "end": {"type": "string", "pattern": r"^[0-5]?\d (1?\d|2[0-3]) \* \* (\*|[0-6])$"},
            }
        ),
    },
    name=TEXT,
)  # fmt: skip
TRIGGER = thing(
    {
        "type": {"const": "prometheus"},
        "metadata": thing({"serverAddress": TEXT, "query": TEXT, "threshold": TEXT}, ignoreNullValues={"enum": ["true", "false"]}),
    },
    name=TEXT,
    metricType={"enum": ["AverageValue", "Value"]},
)
KEDA = thing(
    {
        "apiVersion": {"const": "keda.sh/v1alpha1"}, "kind": {"const": "ScaledObject"}, "metadata": METADATA,
        "spec": thing(
            {"scaleTargetRef": TARGET, "triggers": {"type": "array", "items": {"anyOf": [TRIGGER, CRON]}, "minItems": 1}},
            pollingInterval={"type": "integer"}, cooldownPeriod={"type": "integer"}, minReplicaCount={"type": "integer"},
            maxReplicaCount={"type": "integer"}, advanced=thing({}, horizontalPodAutoscalerConfig=thing({}, behavior=BEHAVIOR)),
        ),
    }
)  # fmt: skip
"""The part of KEDA's CustomResourceDefinition that is used, with the prometheus scaler's parameters: all of them are strings."""
METRIC = thing(
    {
        "type": {"const": "External"},
        "external": thing(
            {
                "metric": thing({"name": TEXT}, selector=thing({"matchLabels": {"type": "object", "additionalProperties": TEXT}})),
                "target": thing({"type": {"enum": ["Value", "AverageValue"]}}, value=QUANTITY, averageValue=QUANTITY),
            }
        ),
    }
)
HPA = thing(
    {
        "apiVersion": {"const": "autoscaling/v2"}, "kind": {"const": "HorizontalPodAutoscaler"}, "metadata": METADATA,
        "spec": thing(
            {"scaleTargetRef": thing({"name": NAME, "kind": TEXT}, apiVersion=TEXT), "maxReplicas": {"type": "integer", "minimum": 1}},
            minReplicas={"type": "integer", "minimum": 1}, metrics={"type": "array", "items": METRIC}, behavior=BEHAVIOR,
        ),
    }
)  # fmt: skip
RULE = thing({"record": {"type": "string", "pattern": "^[a-zA-Z_:][a-zA-Z0-9_:]*$"}, "expr": TEXT}, labels={"type": "object"})
RULES_OF_PROMETHEUS = thing(
    {
        "apiVersion": {"const": "monitoring.coreos.com/v1"}, "kind": {"const": "PrometheusRule"}, "metadata": METADATA,
        "spec": thing({"groups": {"type": "array", "items": thing({"name": TEXT}, interval=TEXT, rules={"type": "array", "items": RULE})}}),
    }
)  # fmt: skip


def plan_of(text: str = PLAN) -> Plan:
    plan = read_text(text).plan
    assert plan is not None
    return plan


def valid(document: Any, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)


def test_both_forms_are_valid_and_come_back_from_yaml() -> None:
    objects, scalers = keda(plan_of(), "http://prometheus:9090", "models"), hpa(plan_of(), "models")
    for written in (objects, scalers):
        read_back = list(YAML(typ="safe").load_all(manifests(written)))
        assert read_back == written
    for document in objects:
        valid(document, KEDA)
    rule, *others = scalers
    valid(rule, RULES_OF_PROMETHEUS)
    for document in others:
        valid(document, HPA)
    assert [document["metadata"]["name"] for document in objects] == ["roteiro-own", "roteiro-my-box"]
    recorded = [rule["labels"] for rule in rule["spec"]["groups"][0]["rules"]]
    asked = [metric["external"]["metric"]["selector"]["matchLabels"] for one in others for metric in one["spec"]["metrics"]]
    assert recorded == asked, "each metric that is asked for is recorded, and by the same labels"


def test_bounds_steps_and_windows_are_the_plans() -> None:
    spec = keda(plan_of(), "http://p")[0]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["cooldownPeriod"]) == (1, 6, 600)
    how = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert how["scaleUp"]["policies"] == [{"type": "Pods", "value": 2, "periodSeconds": 300}]
    assert how["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 600}]
    assert how["scaleDown"]["stabilizationWindowSeconds"] == 300


def queries(plan: Plan) -> list[str]:
    return [trigger["metadata"]["query"] for one in keda(plan, "http://p") for trigger in one["spec"]["triggers"]]


def test_every_metric_in_a_manifest_is_one_that_there_is() -> None:
    """Of ours, those that `/metrics` really has: a family's name, with what Prometheus hangs on to it. Of others, kube-state-metrics' one."""
    told = {f"{name}{ending}" for name in FAMILIES for ending in ("", "_total", "_bucket", "_count", "_sum")} | {RECORD}
    for text in (manifests(keda(plan_of(), "http://p")), manifests(hpa(plan_of()))):
        asked = set(re.findall(r"\broteiro_\w+", text))
        assert (
            {"roteiro_queued_tokens", "roteiro_target_in_flight", "roteiro_request_duration_seconds_bucket", "roteiro_up"} <= asked <= told
        )
        assert set(re.findall(r"\bkube_\w+", text)) == {"kube_deployment_status_replicas_ready"}
    for query in queries(plan_of()):
        assert query.count("(") == query.count(")")


FLOORED = PLAN.replace("  stabilisation: 5min", "  stabilisation: 5min\n  floor: {own: {FLOOR}}").replace(
    "roteiro: 1", "roteiro: 1\ntimezone: America/Sao_Paulo"
)


def floors(replicas: list[int], more: str = "") -> list[tuple[str, str, str]]:
    documents = keda(
        plan_of(FLOORED.replace("FLOOR", f"replicas: {replicas}{more}").replace("most: 6,", "most: 6, start_up: 90s,")), "http://p"
    )
    for document in documents:
        valid(document, KEDA)
    told = [trigger["metadata"] for trigger in documents[0]["spec"]["triggers"] if trigger["type"] == "cron"]
    assert all(one["timezone"] == "America/Sao_Paulo" for one in told)
    return [(one["start"], one["end"], one["desiredReplicas"]) for one in told]


def test_a_floor_is_told_by_the_calendar_ahead_by_a_start() -> None:
    day = [1] * 9 + [3] * 3 + [9] * 2 + [1] * 10
    assert floors(day) == [("58 8 * * *", "0 12 * * *", "3"), ("58 11 * * *", "0 14 * * *", "6")], "within most"
    assert floors([4] + [1] * 23) == [("58 23 * * *", "0 1 * * *", "4")]
    week = [2] + [1] * 166 + [5]
    assert floors(week) == [("58 23 * * 0", "0 1 * * 1", "2"), ("58 22 * * 0", "0 0 * * 1", "5")]
    assert floors([2] * 24) == [("58 23 * * *", "0 12 * * *", "2"), ("58 11 * * *", "0 0 * * *", "2")], "two halves of a day"
    assert floors([2, 3], ", from: 2026-11-27, step: 1h") == [], "a date does not repeat"


def test_a_query_is_above_one_below_it_or_one() -> None:
    tokens, latency, *_ = queries(plan_of())
    for query, above, below in ((tokens, "10000", "1000"), (latency, "2000", "500")):
        assert f"> {above}) * 0 + 3" in query, "so far above 1 that a step of 2 binds from the first replica on"
        assert f">= {below})" in query and query.endswith("unless on() absent(roteiro_up)) or vector(1)")
    assert ">= 20)" in latency and ">= 20)" not in tokens


def test_advice_moves_nothing() -> None:
    plan = plan_of(PLAN.replace("stabilisation", "mode: advisory\n  stabilisation"))
    assert all(one["metadata"]["annotations"] == {"autoscaling.keda.sh/paused": "true"} for one in keda(plan, "http://p"))
    assert {rule["selectPolicy"] for one in hpa(plan)[1:] for rule in one["spec"]["behavior"].values()} == {"Disabled"}


@given(st.integers(0, 10**5), st.integers(0, 10**5), st.integers(1, 50), st.integers(0, 4))
def test_whatever_the_plan_says_stays_within_bounds(cooldown: int, window: int, step: int, least: int) -> None:
    text = PLAN.replace("cooldown: 300", f"cooldown: {cooldown}").replace("stabilisation: 5min", f"stabilisation: {window}")
    plan = plan_of(text.replace("{up: 2, down: 1}", str(step)).replace("replicas: 2, least: 1", f"replicas: 4, least: {least}"))
    for document in keda(plan, "http://p"):
        valid(document, KEDA)
    for document in hpa(plan)[1:]:
        valid(document, HPA)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("roteiro: 1\nproviders: {primary: {name: openai, model: gpt-4o}}\n", "neither token_based nor latency_based"),
        (re.sub(r", servers: \{.*\}\}", "}", PLAN), "has servers"),
        (PLAN.replace("My_Box", "OWN"), "both be called 'own'"),
    ],
)
def test_what_cannot_be_exported_says_why(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        keda(plan_of(text), "http://p")
