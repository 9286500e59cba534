"""What a plan says of answers that are looked at, and its cross-checks. The docstring of a test is a plan."""

import json

import jsonschema
import pytest
from tests.plan.test_check_levers import finds

from roteiro.plan.compile import compile_plan
from roteiro.plan.observing import SIGNALS
from roteiro.plan.read import read_text
from roteiro.plan.schema import json_schema
from roteiro.terms.codes import Signal

PLAN = """
roteiro: 1
providers: {a: {name: local, model: m, local: smollm2}}
models: {chat: {targets: [a]}, other: {targets: [a]}}
workloads: {support: {priority: interactive, model: chat}, nightly: {priority: batch, model: chat}}
"""


def test_the_short_forms() -> None:
    reading = read_text(PLAN + "quality: {observe: 10%, feedback: true}\n")
    assert reading.plan is not None, reading.problems
    quality = reading.plan.quality
    assert (quality.observe.share, quality.observe.signals, quality.observe.any) == (0.1, SIGNALS, True)
    assert quality.feedback is not None and quality.feedback.within_s == 30 * 86400
    off = read_text(PLAN).plan
    assert off is not None and not off.quality.observe.any and off.quality.feedback is None
    jsonschema.validate({"roteiro": 1, "quality": {"observe": "10%", "feedback": True}}, json_schema())
    again = read_text(
        PLAN + "quality: " + json.dumps(quality.model_dump(mode="json", by_alias=True, exclude={"canaries", "judge", "drift"})) + "\n"
    )
    assert again.plan is not None and again.plan.quality.observe == quality.observe, again.problems


def test_a_workload_goes_before_its_model() -> None:
    reading = read_text(
        PLAN + "quality: {observe: {share: 10%, models: {other: 50%}, workloads: {support: 100%, nightly: 0%}, signals: [refused]}}\n"
    )
    assert reading.plan is not None, reading.problems
    compiled = compile_plan(reading.plan, reading.digest)
    observe, names = compiled.edge.observe, compiled.names
    chat, other = names.routes.index("chat"), names.routes.index("other")
    support, nightly = names.workloads.index("support"), names.workloads.index("nightly")
    shares = [observe.share_of(*pair) for pair in ((chat, -1), (other, -1), (chat, support), (other, nightly))]
    assert shares == [0.1, 0.5, 1.0, 0.0]
    assert observe.signals == [Signal.REFUSED] and observe.any


def test_every_signal_of_an_answer_has_its_name() -> None:
    from roteiro.quality.answers import OF_ANSWERS

    assert {Signal[name.upper()] for name in SIGNALS} == set(OF_ANSWERS)


@pytest.mark.parametrize(("value", "words"), [("{most_bytes: 1MiB}", "at most 192KiB"), ("{signals: []}", "empty"), ("120%", "100%")])
def test_what_is_out_of_bounds_is_told(value: str, words: str) -> None:
    reading = read_text(f"{PLAN}quality: {{observe: {value}}}\n")
    assert len(reading.errors) == 1 and words in reading.errors[0].message, reading.problems


@finds("E350", "quality.observe.models.caht", "unknown model 'caht'")
def test_answers_of_an_unknown_model() -> None:
    """
    models: {chat: {targets: [a]}}
    providers: {a: {name: local, model: m, local: smollm2}}
    quality: {observe: {share: 1%, models: {caht: 10%}}}
    """


@finds("W350", "quality.observe", "looks at 0%")
def test_signals_of_nothing() -> None:
    """
    quality: {observe: {signals: [refused]}}
    """


@finds("W351", "quality.score", "counts feedback")
def test_feedback_that_nobody_takes() -> None:
    """
    quality: {score: [feedback]}
    """
