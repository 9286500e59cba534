"""Provisioned units and variants of own servers, as people write them and as they go wrong."""

import pytest

from roteiro.plan.read import read_text

HEAD = "roteiro: 1\nproviders:\n  one: {name: local, model: llama, base_url: http://localhost:1/v1, "
SERVERS = (
    "servers: {replicas: 2, alpha: 20ms, cost: $4/h, variants: {fp16: {quality: 92%}, int8: {alpha: 12ms, kv_tokens: 80k, quality: 91%}}"
)


def test_units_as_a_vendor_sells_them() -> None:
    plan = read_text(HEAD + "provisioned: {tokens: 3400/min, output_ratio: 8, least: 15, increment: 5, cost: $24/day, units: 110}}\n").plan
    assert plan is not None
    sold = plan.providers["one"].provisioned
    assert sold is not None
    assert (sold.tokens.per_second * 60, sold.output_ratio, sold.least, sold.units) == (3400, 8, 15, 110)
    assert sold.cost_nusd_per_h == 10**9


@pytest.mark.parametrize(
    ("variant", "alpha_s", "kv", "quality"), [(None, 0.02, None, None), ("fp16", 0.02, None, 0.92), ("int8", 0.012, 80_000, 0.91)]
)
def test_the_variant_that_runs_takes_the_place_of_what_is_written(
    variant: str | None, alpha_s: float, kv: int | None, quality: float | None
) -> None:
    chosen = f", variant: {variant}" if variant else ""
    reading = read_text(HEAD + SERVERS + chosen + "}}\n")
    assert reading.plan is not None, reading.problems
    one = reading.plan.providers["one"]
    assert one.servers is not None
    assert (one.servers.alpha_s, one.servers.kv_tokens, one.quality) == (alpha_s, kv, quality)
    assert one.servers.running(variant) == one.servers, "doing it again changes nothing"
    assert (("providers", "one", "servers", "alpha") in reading.origins.rows) == (variant == "int8")


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("provisioned: {tokens: 3400/min, output_ratio: 8, least: 15, increment: 5, cost: $1/h, units: 17}}", "E105", "15 and then by 5"),
        ("provisioned: {tokens: 3400/min, output_ratio: 8, least: 15, most: 10, cost: $1/h}}", "E105", "at least 15 units and at most 10"),
        ("provisioned: {tokens: 3400/min, output_ratio: 8, cost: $1/month}}", "E104", "no fixed number of hours"),
        ("provisioned: {tokens: 3400/min, cost: $1/h}}", "E102", "output_ratio"),
        ("servers: {variants: {int8: {}}, variant: int4}}", "E106", "there are: int8"),
        ("quality: 140%}", "E104", "140%"),
    ],
)  # fmt: skip
def test_a_problem_has_its_line(line: str, code: str, words: str) -> None:
    found = [problem for problem in read_text(f"{HEAD}{line}\n").problems if problem.severity == "error"]
    assert [problem.code for problem in found] == [code], found
    assert words in str(found[0]) and found[0].where.line == 3
