"""OpenSLO documents keep the field rules of its specification (openslo/v1), and refer to what is there."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from tests.tasks.promised import PLAN, plan_file

from roteiro.report.openslo import shorthand
from roteiro.tasks.export import export_openslo

TEXT: dict[str, Any] = {"type": "string"}
DESCRIPTION = {"type": "string", "maxLength": 1050}
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
DURATION = {"type": "string", "pattern": "^[1-9][0-9]*[mhdwMQY]$"}


def thing(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **optional}, "required": sorted(required), "additionalProperties": False}


METADATA = thing({"name": NAME}, displayName=TEXT, labels={"type": "object"}, annotations={"type": "object"})
SOURCE = thing({"metricSource": thing({"spec": {"type": "object"}}, metricSourceRef=NAME, type=TEXT)})
RATIO = thing({"good": SOURCE, "total": SOURCE}, counter={"type": "boolean"})
WINDOW = {
    "oneOf": [
        thing({"duration": DURATION, "isRolling": {"const": True}}),
        thing(
            {
                "duration": DURATION,
                "calendar": thing({"startTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"}, "timeZone": TEXT}),
            },
            isRolling={"const": False},
        ),
    ]
}
TARGET = thing(
    {"target": {"type": "number", "minimum": 0, "exclusiveMaximum": 1}}, displayName=TEXT, timeSliceWindow=DURATION,
    timeSliceTarget={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
)  # fmt: skip
BURN = thing(
    {"kind": {"const": "burnrate"}, "op": {"enum": ["lte", "gte", "lt", "gt"]}, "threshold": {"type": "number"}, "lookbackWindow": DURATION,
     "alertAfter": DURATION}
)  # fmt: skip
CONDITION = thing({"kind": {"const": "AlertCondition"}, "metadata": METADATA, "spec": thing({"severity": TEXT, "condition": BURN})})
FLAG = {"type": "boolean"}
SPECS = {
    "DataSource": thing({"type": TEXT}, description=DESCRIPTION, connectionDetails={"type": "object"}),
    "Service": thing({}, description=DESCRIPTION),
    "AlertNotificationTarget": thing({"target": TEXT}, description=DESCRIPTION),
    "AlertPolicy": thing(
        {"conditions": {"type": "array", "items": CONDITION, "minItems": 1, "maxItems": 1},
         "notificationTargets": {"type": "array", "items": thing({"targetRef": NAME})}},
        description=DESCRIPTION, alertWhenBreaching=FLAG, alertWhenResolved=FLAG, alertWhenNoData=FLAG,
    ),
    "SLO": thing(
        {"service": NAME, "indicator": thing({"metadata": METADATA, "spec": thing({"ratioMetric": RATIO})}),
         "timeWindow": {"type": "array", "items": WINDOW, "minItems": 1, "maxItems": 1},
         "budgetingMethod": {"enum": ["Occurrences", "Timeslices"]}, "objectives": {"type": "array", "items": TARGET, "minItems": 1}},
        description=DESCRIPTION, alertPolicies={"type": "array", "items": thing({"alertPolicyRef": NAME})},
    ),
}  # fmt: skip


def documents(tmp_path: Path, plan: str = PLAN) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(export_openslo(plan_file(tmp_path, plan), "http://prometheus:9090")))


@pytest.mark.parametrize("window", ["30d", "day", "week", "month", "quarter"])
def test_every_document_is_of_its_kind(tmp_path: Path, window: str) -> None:
    found = documents(tmp_path, PLAN.replace("window: 30d", f"window: {window}"))
    assert {one["kind"] for one in found} == set(SPECS)
    for one in found:
        whole = thing({"apiVersion": {"const": "openslo/v1"}, "kind": TEXT, "metadata": METADATA, "spec": SPECS[one["kind"]]})
        jsonschema.validate(one, whole)


def test_whatever_is_named_is_there(tmp_path: Path) -> None:
    found = documents(tmp_path)
    names = {kind: [one["metadata"]["name"] for one in found if one["kind"] == kind] for kind in SPECS}
    assert all(len(set(each)) == len(each) for each in names.values())
    for one in found:
        spec = one["spec"]
        if one["kind"] == "SLO":
            assert spec["service"] in names["Service"] and {each["alertPolicyRef"] for each in spec["alertPolicies"]} <= set(
                names["AlertPolicy"]
            )
        if one["kind"] == "AlertPolicy":
            assert {each["targetRef"] for each in spec["notificationTargets"]} <= set(names["AlertNotificationTarget"])


def test_time_slices_are_told_as_such(tmp_path: Path) -> None:
    slos = {one["metadata"]["name"]: one["spec"] for one in documents(tmp_path) if one["kind"] == "SLO"}
    assert slos["fast"]["budgetingMethod"] == "Timeslices"
    assert slos["fast"]["objectives"] == [{"displayName": "fast", "target": 0.99, "timeSliceTarget": 0.95, "timeSliceWindow": "5m"}]


def test_what_it_has_no_words_for_is_named(tmp_path: Path) -> None:
    head = [line for line in export_openslo(plan_file(tmp_path), "http://p").splitlines() if line.startswith("#")]
    assert len(head) == 2 and "enterprise.leaks" in head[0] and "enterprise.cost" in head[1]


@pytest.mark.parametrize(
    ("seconds", "told"), [(60, "1m"), (5400, "90m"), (86_400, "1d"), (2_592_000, "30d"), (1_209_600, "2w"), (61, "1m")]
)
def test_durations(seconds: float, told: str) -> None:
    assert shorthand(seconds) == told
