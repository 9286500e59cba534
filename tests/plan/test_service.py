"""How a plan says a provider serves: what is read, and what is told of values that cannot be."""

import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from roteiro.plan.digest import canonical_json
from roteiro.plan.model import Service
from roteiro.plan.moment import format_moment, parse_moment
from roteiro.plan.read import read_text
from roteiro.plan.schema import json_schema
from roteiro.terms.codes import ErrorClass

FULL = """
roteiro: 1
providers:
  a:
    name: openai
    model: gpt-4o-mini
    service:
      ttft: {median: 400ms, p95: 1.2s, p99: 3s}
      ttft_per_token: 0.05ms
      itl: {median: 20ms, p95: 40ms, tail: {share: 1%, factor: 8}}
      load: {capacity: 100, ttft: +150%, itl: 1.5}
      network: {median: 10ms, p95: 30ms}
      errors: {server: 0.5%, timeout: 0.1%, rate_limit: 1%, connection: {share: 1%, after: {median: 10ms, p95: 20ms}}, content: 0.2%, auth: 0, protocol: 0}
      midstream: 30%
      stalls: 0.1%
      quota: {requests: 600/min, tokens: 1M/min, reset: minute}
      prefix_cache: {ttl: 5min}
      outages: [{from: "2026-01-06T14:00", for: 45min}, {after: 2h, for: 10min, kind: slow, factor: 3}]
  b:
    name: anthropic
    model: claude-3-5-haiku-latest
    service: {error_rate: 2%, outages: {mtbf: 5d, mttr: 2h, correlated: 10%, kind: errors, share: 60%}}
"""


def service(text: str, provider: str = "a") -> Service:
    plan = read_text(text).plan
    assert plan is not None
    told = plan.providers[provider].service
    assert told is not None
    return told


def test_a_service_is_read_whole() -> None:
    reading = read_text(FULL)
    assert not [problem for problem in reading.problems if problem.code.startswith("E")]
    one = service(FULL)
    assert one.load is not None and one.ttft is not None and one.errors is not None and one.outages is not None and one.quota is not None
    assert (one.ttft.p99_s, one.ttft_per_token_s, one.load.ttft, one.load.itl, one.quota.reset) == (3.0, 5e-5, 2.5, 1.5, "minute")
    rates = one.errors.by_class()
    assert {error_class: rate.share for error_class, rate in rates.items()} == {
        ErrorClass.SERVER: 0.005, ErrorClass.TIMEOUT: 0.001, ErrorClass.RATE_LIMIT: 0.01, ErrorClass.CONNECTION: 0.01,
        ErrorClass.CONTENT: 0.002, ErrorClass.AUTH: 0.0, ErrorClass.PROTOCOL: 0.0,
    }  # fmt: skip
    after = rates[ErrorClass.CONNECTION].after
    assert after is not None and after.median_s == 0.01
    assert [(row.from_unix_s, row.after_s, row.for_s, row.kind) for row in one.outages.calendar] == [
        (1767708000.0, None, 2700.0, "hard"),
        (None, 7200.0, 600.0, "slow"),
    ]
    two = service(FULL, "b").outages
    assert two is not None and (two.mtbf_s, two.mttr_s, two.correlated, two.share) == (432000.0, 7200.0, 0.1, 0.6)


def test_it_is_valid_by_the_schema_and_a_dumped_plan_is_the_same_plan() -> None:
    judge = jsonschema.Draft202012Validator(json.loads(json.dumps(json_schema())))
    judge.validate(YAML(typ="safe", pure=True).load(FULL))
    plan = read_text(FULL).plan
    assert plan is not None
    told = canonical_json(plan)
    judge.validate(json.loads(told))
    again = read_text(told).plan
    assert again is not None and again.providers["a"].service == plan.providers["a"].service


@pytest.mark.parametrize(
    ("code", "path", "words", "was", "now"),
    [
        ("E105", "providers.a.service.ttft", "p99 that is not from its p95 to below five times that", "p99: 3s", "p99: 30s"),
        ("E105", "providers.a.service.ttft", "both p99 and tail", "p99: 3s", "p99: 3s, tail: {share: 1%, factor: 2}"),
        ("E105", "providers.a.service.itl.tail.share", "at most 0.5", "share: 1%, factor: 8", "share: 70%, factor: 8"),
        ("E105", "providers.a.service.itl.tail.factor", "more than 1", "factor: 8", "factor: 1"),
        ("E105", "providers.a.service.load.ttft", "at least 1", "ttft: +150%", "ttft: 0.5"),
        ("E104", "providers.a.service.errors.server.share", "not a share", "server: 0.5%", "server: often"),
        ("E105", "providers.a.service", "fails in 102.7%", "timeout: 0.1%", "timeout: 99.9%"),
        ("E105", "providers.a.service", "both error_rate and errors.server", "midstream: 30%", "error_rate: 1%"),
        ("E106", "providers.a.service.quota.reset", "none of", "reset: minute", "reset: hour"),
        ("E104", "providers.a.service.prefix_cache.ttl", "not a duration", "ttl: 5min", "ttl: long"),
        ("E116", "providers.a.service.outages.calendar[0].from", "not a date", '"2026-01-06T14:00"', "tomorrow"),
        ("E105", "providers.a.service.outages.calendar[1]", "begins neither or twice", "after: 2h, ", ""),
        ("E106", "providers.a.service.outages.calendar[1].kind", "none of", "kind: slow", "kind: odd"),
        ("E105", "providers.b.service.outages", "lasts as long as what is between", "mttr: 2h", "mttr: 6d"),
        ("E105", "providers.b.service.outages", "only one of mtbf and mttr", ", mttr: 2h", ""),
        ("E101", "providers.a.service.stall", "is no key known here", "stalls: 0.1%", "stall: 0.1%"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_told_with_its_place(code: str, path: str, words: str, was: str, now: str) -> None:
    assert was in FULL
    problems = [problem for problem in read_text(FULL.replace(was, now)).problems if problem.code.startswith("E")]
    assert [problem.code for problem in problems] == [code], [str(problem) for problem in problems]
    assert problems[0].path == path
    assert words in problems[0].message


@pytest.mark.parametrize(
    ("text", "unix_s", "again"),
    [
        ("2026-03-01", 1772323200.0, "2026-03-01"),
        ("2026-03-01T14:30", 1772375400.0, "2026-03-01T14:30Z"),
        ("2026-03-01 14:30:05Z", 1772375405.0, "2026-03-01T14:30:05Z"),
        ("2026-03-01T14:30-03:00", 1772386200.0, "2026-03-01T17:30Z"),
    ],
)
def test_moments_are_read_and_written(text: str, unix_s: float, again: str) -> None:
    assert parse_moment(text) == unix_s
    assert format_moment(unix_s) == again
    assert parse_moment(again) == unix_s


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-02-30", "01/03/2026", "2026-03-01T25:00"])
def test_what_is_no_moment_is_none(text: str) -> None:
    assert parse_moment(text) is None
