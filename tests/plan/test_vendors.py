"""Vendors in a plan: what is read, what their weights and scales mean, and what contradicts itself."""

from datetime import date
from pathlib import Path

import pytest

from roteiro.catalog.criteria import CRITERIA, MEASURES, score
from roteiro.plan.check_vendors import stale_facts
from roteiro.plan.read import Reading, read, read_text
from roteiro.plan.vendors import Vendors

SMALL = """
roteiro: 1
providers:
  one: {name: acme-ai, model: a, base_url: "http://127.0.0.1:1/v1", promised_sla: {availability: 99.9%},
        price: {input: $1/1M tokens, output: $1/1M tokens}, context_tokens: 8k}
models: {m: {targets: {one: 1}}}
retention: {decisions: 90d}
"""
FACT = "source: contract, as_of: 2026-07-01"


def reading(vendors: str, retention: str = "90d") -> Reading:
    return read_text(SMALL.replace("90d", retention) + f"vendors: {vendors}\n")


def codes(vendors: str, retention: str = "90d") -> list[str]:
    return [problem.code for problem in reading(vendors, retention).problems if problem.code[1:] >= "380" or problem.code[0] == "E"]


def test_the_chapters_weights_are_there_unasked() -> None:
    assert [Vendors().weight(criterion) for criterion in CRITERIA] == [3.0, 3.0, 3.0, 2.0, 2.0, 2.0]


def test_words_and_numbers_are_weights() -> None:
    plan = reading(
        "{weights: {high: 5, medium: 1, low: 0}, criteria: {cost: high, support: 0.5, quality: {weight: low, measures: {canaries: 4}}}}"
    ).plan
    assert plan is not None
    assert [plan.vendors.weight(criterion) for criterion in CRITERIA] == [5.0, 0.0, 5.0, 5.0, 0.5, 1.0]
    assert plan.vendors.measure_weight("canaries") == 4.0 and plan.vendors.measure_weight("judged") == 1.0


def test_scales_are_read_in_their_units() -> None:
    plan = reading(
        "{scales: {latency_p95: {worst: 10s, best: 500ms}, price: {worst: $20/1M tokens, best: $1/1M tokens}, availability: {worst: 99%, best: 0.999}}}"
    ).plan
    assert plan is not None
    assert [plan.vendors.scale(name) for name in ("latency_p95", "price", "availability")] == [(10.0, 0.5), (20.0, 1.0), (0.99, 0.999)]
    assert plan.vendors.scale("throughput") == (10.0, 100.0)


@pytest.mark.parametrize("row", MEASURES.values(), ids=lambda row: row.name)
def test_every_scale_runs_from_nothing_to_all(row: object) -> None:
    m = MEASURES[row.name]  # type: ignore[attr-defined]
    assert (score(m.worst, m.worst, m.best, m.curve), score(m.best, m.worst, m.best, m.curve)) == (0.0, 1.0)


def test_each_nine_counts_alike() -> None:
    told = [score(share, 0.9, 0.9999, "nines") for share in (0.9, 0.99, 0.999, 0.9999, 1.0, 0.5)]
    assert told == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("vendors", "code"),
    [
        ("{by_name: {acme: {}}}", "W380"),
        (f"{{by_name: {{acme-ai: {{sla: [{{target: 99.5%, {FACT}}}]}}}}}}", "W381"),
        (f"{{by_name: {{acme-ai: {{sla: [{{target: 99.9%, credits: [{{below: 99.95%, credit: 10%}}], {FACT}}}]}}}}}}", "E382"),
        (f"{{by_name: {{acme-ai: {{sla: [{{target: 99.9%, credits: [{{below: 99.9%, credit: 20%}}, {{below: 99%, credit: 10%}}], {FACT}}}]}}}}}}", "E382"),
        (f"{{by_name: {{acme-ai: {{sla: [{{target: 99.9%, failures: [server, auth], {FACT}}}]}}}}}}", "E384"),
        (f"{{by_name: {{acme-ai: {{sla: [{{target: 99.9%, models: [b], {FACT}}}]}}}}}}", "W386"),
        ("{criteria: {performance: 0, quality: 0, security: 0, cost: 0, support: 0, ecosystem: 0}}", "E387"),
        ("{by_name: {acme-ai: {certifications: {x: {source: s, as_of: 2026-07-01, until: 2026-01-01}}}}}", "E388"),
        ("{scales: {latency: {worst: 2s, best: 1s}}}", "E106"),
        ("{scales: {latency_p95: {worst: 2s, best: 2s}}}", "E105"),
        ("{scales: {latency_p95: {worst: 2s, best: 0s}}}", "E105"),
        ("{scales: {availability: {worst: 90%, best: 100%}}}", "E105"),
        ("{scales: {latency_p95: {worst: two, best: 1s}}}", "E104"),
        ("{criteria: {cost: {weight: high, measures: {canaries: 1}}}}", "E106"),
        ("{by_name: {acme-ai: {privacy: {training: never}}}}", "E102"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_told(vendors: str, code: str) -> None:
    assert code in codes(vendors)


def test_evidence_must_outlast_the_claim() -> None:
    sla = f"{{by_name: {{acme-ai: {{sla: [{{target: 99.9%, credits: [{{below: 99.9%, credit: 10%}}], claim_within: 30d, {FACT}}}]}}}}}}"
    assert codes(sla, "30d") == ["W383"]
    assert codes(sla, "61d") == []


def test_facts_grow_stale() -> None:
    plan = reading(
        f"{{stale_after: 30d, by_name: {{acme-ai: {{certifications: {{a: {{{FACT}}}, b: {{{FACT}, until: 2026-07-10}}}}}}}}}}"
    ).plan
    assert plan is not None
    assert [found.path[-2:] for found in stale_facts(plan, date(2026, 6, 1))] == [("a", "as_of"), ("b", "as_of")], "yet to come"
    assert not list(stale_facts(plan, date(2026, 7, 10)))
    assert [found.path[-2:] for found in stale_facts(plan, date(2026, 7, 20))] == [("b", "until")]
    assert [found.path[-2:] for found in stale_facts(plan, date(2026, 9, 1))] == [("a", "as_of"), ("b", "until")]


def test_the_example_has_no_problem() -> None:
    assert [str(problem) for problem in read(Path(__file__).parents[2] / "examples" / "vendors.yaml").problems] == []
