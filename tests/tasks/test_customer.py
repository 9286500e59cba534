"""The report to a customer: every figure is what its printed statement gives, on the ledger's files, by DuckDB alone."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.cli.test_main import call

from roteiro.analysis.customer import CustomerReport
from roteiro.analysis.sla import Verdict
from roteiro.ledger import Head, Ledger, SegmentWriter
from roteiro.policy.kernel import JIT
from roteiro.report import html, markdown, speech
from roteiro.report.customer import customer_page
from roteiro.report.document import Code, Document
from roteiro.report.typst import pdf
from roteiro.tasks.customer import report_customer
from roteiro.tasks.simulate import simulate
from roteiro.terms.codes import World
from roteiro.terms.error import SettingsError

pytestmark = pytest.mark.skipif(not JIT, reason="thousands of requests; that plain Python gives the same bytes is a law of its own")
PLAN = """
roteiro: 1
name: Atendimento
timezone: America/Sao_Paulo
providers:
  primary:
    name: openai
    model: gpt-4o
    weight: 80
    breaker: {window: 5min, failure_rate: 40%, minimum_calls: 4, open_for: 30s}
    service:
      error_rate: 0.2%
      outages: {calendar: [{from: 2026-10-30T18:00:00Z, for: 40min, kind: errors}, {from: 2026-10-31T05:00:00Z, for: 1h, kind: errors}]}
  secondary:
    name: anthropic
    model: claude-3-5-sonnet-latest
    weight: 20
    breaker: {window: 5min, failure_rate: 40%, minimum_calls: 4, open_for: 30s}
    service:
      error_rate: 0.2%
      outages: {calendar: [{from: 2026-10-30T18:00:00Z, for: 40min, kind: errors}, {from: 2026-10-31T05:00:00Z, for: 1h, kind: errors}]}
models: {chat: {targets: {primary: 80, secondary: 20}}}
tenants: {acme: {tier: enterprise, limits: {requests: 3/min}}, zeta: {tier: enterprise}, beta: {tier: basic}}
sla_tiers:
  enterprise:
    availability: 99%
    latency_p95: 30s
    ttft_p95: 20s
    quality_score: 0.90
    cost_per_request: $0.01
    support: "24/7 com 15min SLA"
    credits: [{below: 99%, credit: 10%}, {below: 95%, credit: 25%}]
  basic: {support: "Business hours"}
maintenance: [{from: 2026-10-31T02:00:00-03:00, to: 2026-10-31T03:00:00-03:00, reason: "Troca de certificados"}]
currencies: {BRL: {rate: 5.40, as_of: 2026-10-30}}
demand:
  arrivals: {process: poisson, rate: 0.1/s}
  mix: [{tenant: acme, share: 50%}, {tenant: zeta, share: 30%}, {tenant: beta, share: 20%}]
"""
MONTH = "2026-10"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two days at the end of October, and some hours of November: an outage, another one in announced maintenance, limits that bind."""
    data = tmp_path_factory.mktemp("data")
    (data / "plan.yaml").write_text(PLAN)
    options: dict[str, Any] = {"seeds": 1, "duration_s": 2.1 * 86400, "begin": datetime(2026, 10, 30), "keep": True, "journal": True}
    (run,) = simulate(data / "plan.yaml", data=data, **options).runs
    return data, run


@pytest.fixture(scope="module")
def told(kept: tuple[Path, str]) -> CustomerReport:
    return report_customer(kept[0], "enterprise", MONTH, run=kept[1])


def page(told: CustomerReport, language: str = "en") -> Document:
    return customer_page(told, speech(language))


@contextmanager
def printed(told: CustomerReport, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ask the page's own statements by number, in the data directory, of DuckDB alone → rows as dictionaries."""
    codes = [part for section in page(told).sections for part in section.parts if isinstance(part, Code) and part.language == "sql"]
    tables, *statements = codes
    texts = {int(re.match(r"\[Q(\d+)\]", one.name)[1]): one.text for one in statements}  # type: ignore[index]
    assert len(texts) == len(told.statements)
    monkeypatch.chdir(data)
    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute(tables.text)
        yield lambda number: connection.sql(texts[number]).to_arrow_table().to_pylist()


def test_every_figure_is_what_its_printed_statement_gives(
    kept: tuple[Path, str], told: CustomerReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with printed(told, kept[0], monkeypatch) as ask:
        for one in told.promises:
            counts, name = one.dimension.counts, one.dimension.objective.name
            (row,) = ask(one.query)
            good, bad = (row.get(what, row.get(f"{name} {what}")) for what in ("good", "bad"))
            assert (good, bad, row["maintenance"]) == (counts.good, counts.bad, counts.maintenance)
            if one.course is not None:
                days = ask(one.course)
                assert sum(day[f"{name} good"] for day in days) == counts.good == sum(day.counts.good for day in one.days)
                assert sum(day[f"{name} bad"] for day in days) == counts.bad == sum(day.counts.bad for day in one.days)
        assert {row["outcome"]: row["requests"] for row in ask(told.outcomes_query)} == told.outcomes
        (times,) = ask(told.times_query)
        assert (tuple(times["total_ms"]), tuple(times["ttft_ms"] or ())) == (told.total_ms, told.ttft_ms)
        for charge in told.charges:
            attained = {row["tenant"]: row for row in ask(charge.queries[0])}[charge.credit.customer]
            charged = {row["tenant"]: row for row in ask(charge.queries[1])}[charge.credit.customer]
            assert (attained["good"], attained["good"] + attained["bad"]) == (charge.credit.good, charge.credit.total)
            assert charged["charged_nusd"] == charge.credit.charged_nusd
        (maintenance,) = ask(told.maintenance[0].query)
        assert maintenance["maintenance_1"] == told.maintenance[0].requests
        assert [(row["digest"], row["requests"]) for row in ask(told.plans_query)] == [(one.digest, one.requests) for one in told.plans]
        (extent,) = ask(told.ledger_query)
        assert (extent["requests"], extent["runs"], extent["first"], extent["last"]) == told.ledger
        for one in told.happenings:
            _, causes, breakers = one.queries
            assert sum(row["bad"] for row in ask(causes)) == sum(count for each in told.happenings for _, count in each.providers)
            assert {(row["target"], row["opened"]) for row in ask(breakers)} >= set(one.breakers)


def test_the_story_that_was_simulated_is_told(told: CustomerReport) -> None:
    """The outage is an incident, with who was in it; the one in maintenance is not; limits are left out; quality is unverified."""
    (one,) = [each for each in told.happenings if each.objective.name == "enterprise.availability"]
    assert abs((one.incident.since - datetime(2026, 10, 30, 18, 0, tzinfo=UTC)).total_seconds()) <= 300
    assert 30 * 60 <= one.incident.length_s <= 50 * 60 and one.incident.spent > 1.0
    assert sum(count for _, count in one.providers) == one.incident.bad and {name for name, _ in one.breakers} <= {"primary", "secondary"}
    assert one.breakers
    (stay,) = told.maintenance
    assert stay.requests > 100 and stay.absence.reason == "Troca de certificados"
    assert told.excluded == {"limited": told.outcomes["limited"]} and told.excluded["limited"] > 10
    verdicts = {each.dimension.objective.name: each.dimension.attained.verdict for each in told.promises}
    assert verdicts["enterprise.availability"] is Verdict.MISSED is told.verdict and verdicts["enterprise.quality"] is Verdict.UNVERIFIED
    assert [(one.credit.customer, one.credit.bracket is not None) for one in told.charges] == [("acme", True), ("zeta", True)]
    assert told.due_nusd == sum(one.credit.due_nusd for one in told.charges) > 0


def test_what_is_left_of_the_budget_ends_where_the_month_does(told: CustomerReport) -> None:
    for one in told.promises:
        if one.days:
            assert one.dimension.budget is not None and one.days[-1].left == pytest.approx(one.dimension.budget.remaining)
            assert [day.day.isoformat() for day in one.days] == [f"2026-10-{n:02d}" for n in range(1, 32)]


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_every_proof_is_there_and_every_statement_proves_something(told: CustomerReport, language: str) -> None:
    text = markdown(page(told, language))
    body = text.split("Appendix: statements" if language == "en" else "Apêndice: consultas")[0]
    named = {int(number) for bracket in re.findall(r"\[((?:Q\d+(?:, )?)+)\\?\]", body) for number in re.findall(r"\d+", bracket)}
    assert named == {one.number for one in told.statements}
    assert "{" not in re.sub(r"```.*?```", "", text, flags=re.DOTALL), "a gap that nothing filled"


def test_the_files_are_those_that_sha256sum_tells(kept: tuple[Path, str], told: CustomerReport) -> None:
    lines = [f"{hashlib.sha256((kept[0] / one.path).read_bytes()).hexdigest()}  {one.path}\n" for one in told.files.files]
    assert lines == sorted(lines, key=lambda line: line.split("  ")[1]) and len(lines) >= 4
    assert told.files.digest == hashlib.sha256("".join(lines).encode()).hexdigest() and told.files.unsettled == 0


def test_one_tenant_is_a_part_of_its_tier(kept: tuple[Path, str], told: CustomerReport) -> None:
    acme, zeta = (report_customer(kept[0], "enterprise", MONTH, tenant, kept[1]) for tenant in ("acme", "zeta"))
    for whole, one, other in zip(told.promises, acme.promises, zeta.promises, strict=True):
        assert whole.dimension.counts == one.dimension.counts + other.dimension.counts
    assert acme.requests + zeta.requests == told.requests and acme.charges == tuple(
        replace(one, queries=acme.charges[0].queries) for one in told.charges if one.credit.customer == "acme"
    )
    assert "acme" in page(acme).subtitle


def test_of_a_run_the_last_month_is_meant(kept: tuple[Path, str]) -> None:
    told = report_customer(kept[0], "enterprise", run=kept[1])
    assert (told.since, told.until) == (datetime(2026, 11, 1, 3, tzinfo=UTC), datetime(2026, 12, 1, 3, tzinfo=UTC))
    assert told.happenings == () and told.maintenance == () and "customer.q" not in markdown(page(told))


def test_a_month_that_is_not_over_says_so_and_what_is_not_settled_is_counted(kept: tuple[Path, str], tmp_path: Path) -> None:
    data, run = kept
    ledger, rows = Ledger(data), Ledger(data).rows("events", run).copy()
    rows["world"] = World.LIVE
    head = ledger.head(run)
    writer = SegmentWriter(tmp_path, Head("events", "live-1", head.epoch_s, head.names))
    writer.append(rows)
    writer.seal()
    shutil.copytree(data / "plans", tmp_path / "plans")
    now = datetime(2026, 10, 31, 12, tzinfo=UTC)
    told = report_customer(tmp_path, "enterprise", MONTH, now=now)
    assert not told.is_over and told.until == now and told.files.files == () and told.files.unsettled == told.ledger[0] > 0
    text = markdown(page(told))
    assert "The month is not over" in text and "still being written" in text
    assert report_customer(tmp_path, "enterprise", now=datetime(2026, 11, 20, tzinfo=UTC)).is_over


def test_what_cannot_be_reported_is_said(kept: tuple[Path, str], tmp_path: Path) -> None:
    data, run = kept
    for match, arguments in {
        "no tier 'gold'; it has basic, enterprise": ("gold", MONTH, None, run),
        "promises nothing": ("basic", MONTH, None, run),
        "'beta' is no tenant of enterprise; it has acme, zeta": ("enterprise", MONTH, "beta", run),
        "holds nothing of 2026-09": ("enterprise", "2026-09", None, run),
        "is no month": ("enterprise", "october", None, run),
        "no live request": ("enterprise", MONTH, None, None),
    }.items():
        with pytest.raises(SettingsError, match=match):
            report_customer(data, *arguments)
    shutil.copytree(data / "ledger", tmp_path / "ledger")
    with pytest.raises(SettingsError, match="what was promised is not known"):
        report_customer(tmp_path, "enterprise", MONTH, run=run)


def test_the_same_report_is_the_same_pdf_and_a_page_that_needs_nothing_else(told: CustomerReport) -> None:
    made = pdf(page(told, "pt-BR"), "pt-BR")
    assert "http" not in html(page(told))
    assert made == pdf(page(told, "pt-BR"), "pt-BR") and len(re.findall(rb"/Type/Page\b", made)) >= 5


def test_the_command_prints_and_writes_it(kept: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run = kept
    words = ["report", "customer", "--data", str(data), "--run", run, "--month", MONTH, "--tier", "enterprise"]
    assert call(*words, "--lang", "pt-BR", "--pdf", str(tmp_path / "r.pdf")) == 0
    assert capsys.readouterr().out == "" and (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")
    assert call(*words, "--json") == 0 and json.loads(capsys.readouterr().out)["tier"] == "enterprise"
    assert call("report", "customer", "--data", str(data)) == 2 and "--tier" in capsys.readouterr().err
    assert call("report", "cost", "--data", str(data), "--tier", "enterprise") == 2
    assert "is of the report on customer" in capsys.readouterr().err
