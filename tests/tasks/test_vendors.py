"""Vendors, end to end over a simulated month: who is better, who broke their word, and a claim whose evidence adds up."""

import csv
import hashlib
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.cli.test_main import call

from roteiro.analysis.price_history import price_move
from roteiro.ledger import Head, Ledger, SegmentWriter
from roteiro.tasks.simulate import simulate
from roteiro.tasks.vendor_claim import claim_credit
from roteiro.tasks.vendor_facts import read_prices
from roteiro.tasks.vendor_score import score_vendors
from roteiro.tasks.vendor_sla import sla_kept
from roteiro.tasks.vendors import vendors_overview
from roteiro.terms.codes import Signal, World
from roteiro.terms.error import SettingsError
from roteiro.terms.event import SIGNAL

EXAMPLE = Path(__file__).parents[2] / "examples" / "vendors.yaml"
PRICES = Path(os.environ.get("ROTEIRO_TRACES", "traces")) / "prices" / "price_history_from_git.csv"
NOW = datetime(2026, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """(plan, data, run): 20 hours of September; acme-ai answers nine in ten requests with 500 for 50 minutes of them."""
    data = tmp_path_factory.mktemp("data")
    text = EXAMPLE.read_text()
    for old, new in (
        ("outages: {mtbf: 5d, mttr: 2h, kind: errors, share: 90%}", "outages: [{after: 3h, for: 50min, kind: errors, share: 90%}]"),
        ("outages: {mtbf: 9d, mttr: 1h}", "outages: []"),
        ("rate: 2/s", "rate: 0.1/s"),
        ("error_rate: 0.2%", "error_rate: 0%"),
        ("error_rate: 0.4%", "error_rate: 0%"),
    ):
        assert old in text
        text = text.replace(old, new)
    (data / "plan.yaml").write_text(text)
    begin = datetime.fromisoformat("2026-09-10T00:00")
    (run,) = simulate(data / "plan.yaml", data=data, seeds=1, duration_s=20 * 3600.0, begin=begin, keep=True, journal=True).runs
    return data / "plan.yaml", data, run


def test_who_failed_is_behind_in_availability(month: tuple[Path, Path, str]) -> None:
    plan, data, run = month
    answer = score_vendors(plan, data, run=run, on=date(2026, 10, 12))
    cards = {one.vendor: one for one in answer.card.vendors}
    availability = {name: next(m for m in one.measures if m.measure == "availability") for name, one in cards.items()}
    acme, boreal = availability["acme-ai"], availability["boreal"]
    assert acme.value is not None and boreal.value is not None and boreal.value == 1.0 > acme.value
    assert acme.high is not None and acme.high - (acme.low or 0.0) > 0.01, "failures came in one burst, so that little is sure"
    (incident,) = answer.compared["acme-ai"].incidents
    assert incident.lasted_s is not None and 45 * 60 < incident.lasted_s < 60 * 60
    assert answer.matched and 0 < answer.strata <= answer.of_strata
    assert {m.measure for m in cards["acme-ai"].measures if m.basis == "measured"} == {
        "availability",
        "refused_for_load",
        "latency_p95",
        "ttft_p95",
        "throughput",
        "price",
        "recovery",
    }
    assert answer.compared["boreal"].failures == {} and "recovery" not in {
        m.measure for m in cards["boreal"].measures if m.value is not None
    }


def test_a_fact_that_is_stale_scores_nothing(month: tuple[Path, Path, str]) -> None:
    plan, _, _ = month
    fresh, stale = (score_vendors(plan, on=on) for on in (date(2026, 10, 12), date(2029, 1, 1)))
    assert fresh.card.first is None, "declared facts alone know too little"
    assert all(one.coverage > 0.3 for one in fresh.card.vendors) and not fresh.stale
    # Then only the price list is left.
    assert {m.measure for one in stale.card.vendors for m in one.measures if m.value is not None} == {"price"} and len(stale.stale) > 8


def test_promises_and_what_is_owed(month: tuple[Path, Path, str]) -> None:
    plan, data, run = month
    kept = {one.vendor: one for one in sla_kept(plan, data, run=run, now=NOW).periods}
    acme, boreal = kept["acme-ai"], kept["boreal"]
    assert (acme.name, acme.over, acme.attained.met, acme.attained.credit, acme.days_left) == ("2026-09", True, False, 0.10, 19)
    assert acme.attained.slices == 30 * 288 and 8 <= acme.attained.down <= 12 and 200 < acme.attained.seen <= 240
    assert acme.due_nusd == acme.paid_nusd // 10 > 0
    assert boreal.attained.met and boreal.due_nusd == 0
    (again,) = list(sla_kept(None, data, run=run, month="2026-09", vendor="acme-ai", now=NOW).periods)
    assert again == acme, "the plan in force is in the data directory"


def test_all_at_a_glance(month: tuple[Path, Path, str]) -> None:
    plan, data, run = month
    answer = vendors_overview(plan, data, run=run, now=NOW)
    acme, boreal = answer.rows
    assert (acme.vendor, boreal.vendor) == ("acme-ai", "boreal") and boreal.availability == 1.0 > (acme.availability or 1.0)
    (claim,) = acme.claims
    assert claim.due_nusd == acme.paid_nusd // 10 and claim.days_left == 19 and not boreal.claims
    assert acme.facts == 8 and acme.stale == 0 and acme.now is not None and acme.now.name == "2026-09"
    assert not vendors_overview(plan, data, run=run, now=datetime(2026, 11, 12, tzinfo=UTC)).rows[0].claims, "too late"


def test_a_claim_with_evidence(month: tuple[Path, Path, str], tmp_path: Path) -> None:
    plan, data, run = month
    claim = claim_credit(plan, data, "acme-ai", "2026-09", out=tmp_path, run=run, now=NOW)
    with (tmp_path / "evidence.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["run", "request", "failed_at_utc", "error_class", "http_status", "provider", "model", "region"]
    assert len(rows) == sum(claim.classes.values()) == claim.kept.attained.failures == pq.read_table(tmp_path / "evidence.parquet").num_rows
    assert {row["http_status"] for row in rows} == {"500"} and all(row["failed_at_utc"].startswith("2026-09-10T") for row in rows)
    assert sum(hour.failures for hour in claim.hours) == len(rows)
    for file in claim.files:
        assert hashlib.sha256((tmp_path / file.name).read_bytes()).hexdigest() == file.sha256
    # The statement stands alone: it finds the same rows in the ledger's own files.
    with duckdb.connect() as connection:
        for table in ("events", "decisions"):
            connection.execute(
                f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{data}/ledger/{table}/**/*.parquet', union_by_name=true, hive_partitioning=false)"
            )
        assert connection.sql(claim.statements["evidence"]).fetchall() == [
            tuple(int(value) if key in ("request", "http_status") else value for key, value in row.items()) for row in rows
        ]


@pytest.mark.parametrize(
    ("vendor", "when", "now", "said"),
    [
        ("boreal", "2026-09", NOW, "kept its word in 2026-09: 100% of the 99.5%"),
        ("acme-ai", "2026-09", datetime(2026, 9, 20, tzinfo=UTC), "is not over"),
        ("acme-ai", "2026-08", NOW, "nothing was asked of acme-ai"),
        ("acme-ai", "September", NOW, "write for example 2026-09"),
        ("acme-ai", "2026-Q3", NOW, "judged by the month"),
        ("acme", "2026-09", NOW, "did you mean 'acme-ai'"),
    ],
)
def test_nothing_to_claim(month: tuple[Path, Path, str], vendor: str, when: str, now: datetime, said: str) -> None:
    plan, data, run = month
    with pytest.raises(SettingsError, match=said):
        claim_credit(plan, data, vendor, when, run=run, now=now)


def test_the_commands(month: tuple[Path, Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, data, run = month
    scope = ("--data", str(data), "--run", run)
    assert call("vendors", "score", str(plan), *scope, "--markdown") == 0
    assert "Like with like" in capsys.readouterr().out
    for lang, kept, letter in (("en", "missed", "We claim"), ("pt-BR", "descumprida", "Reclamamos")):
        if lang == "pt-BR":
            assert call("vendors", "sla", str(plan), *scope, "--lang", lang) == 1
            assert kept in capsys.readouterr().out
        told = ("--vendor", "acme-ai", "--month", "2026-09", "--lang", lang, "--out", str(tmp_path))
        assert call("vendors", "claim", str(plan), *scope, *told) == 0
        assert letter in capsys.readouterr().out
        assert letter in (tmp_path / "claim.md").read_text() and letter in (tmp_path / "claim.html").read_text()
    assert len((tmp_path / "SHA256SUMS").read_text().splitlines()) == 6
    assert call("vendors", *scope) == 0
    assert "acme-ai" in capsys.readouterr().out
    assert call("vendors", "sla", str(plan), *scope, "--json") == 1
    assert json.loads(capsys.readouterr().out)["periods"][0]["attained"]["credit"] == 0.1


def test_a_history_of_prices(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(
        "commit_date,provider,model,input_mtok,output_mtok\n2026-01-01,boreal,boreal-2,2,10\n2026-06-01,boreal,boreal-2,3,15\n2026-06-02,boreal,boreal-2,,\n"
    )
    answer = score_vendors(EXAMPLE, prices=file, on=date(2026, 10, 12))
    rise = {one.vendor: next(m for m in one.measures if m.measure == "price_rise") for one in answer.card.vendors}
    assert rise["boreal"].value == pytest.approx(0.5) and rise["boreal"].score == pytest.approx(0.0) and rise["acme-ai"].value is None
    with pytest.raises(SettingsError, match="no history of prices"):
        read_prices(tmp_path / "none.csv")


def test_quality_is_compared_by_what_all_were_asked(month: tuple[Path, Path, str]) -> None:
    plan, data, run = month
    head = Ledger(data).head(run)
    # acme-ai is asked the easy question 0 and the hard one 1, boreal mostly the easy one: on each both are alike.
    asked = [(0, 0, 1.0)] * 30 + [(0, 1, 0.0)] * 30 + [(1, 0, 1.0)] * 50 + [(1, 1, 0.0)] * 10 + [(1, 2, 1.0)] * 40
    rows = np.zeros(len(asked) + 1, SIGNAL)
    for i, (target, probe, value) in enumerate(asked):
        rows[i]["target"], rows[i]["probe"], rows[i]["value"], rows[i]["kind"] = target, probe, value, Signal.CANARY
    rows[-1]["target"], rows[-1]["value"], rows[-1]["kind"], rows[-1]["probe"] = 0, 1.0, Signal.JUDGE, -1
    rows["seq"], rows["world"], rows["at_s"] = np.arange(len(rows)), World.SIMULATED, np.arange(len(rows)) * 60.0
    writer = SegmentWriter(data, Head("signals", run, head.epoch_s, head.names))
    writer.append(rows)
    writer.seal()
    answer = score_vendors(plan, data, run=run, on=date(2026, 10, 12))
    told = {one.vendor: {m.measure: m for m in one.measures} for one in answer.card.vendors}
    acme, boreal = (told[name]["canaries"].value for name in ("acme-ai", "boreal"))
    assert acme == boreal == pytest.approx(80 / 120)
    assert told["acme-ai"]["judged"].n == 1 and told["boreal"]["judged"].value is None


@pytest.mark.skipif(not PRICES.is_file(), reason="no history of prices: name the folder of traces in ROTEIRO_TRACES")
def test_a_real_history_of_prices() -> None:
    rows = read_prices(PRICES)
    assert len(rows) > 300
    history = [(day, 0.75 * paid + 0.25 * earned) for day, paid, earned in rows["openai", "gpt-4o"]]
    move = price_move(history, date(2026, 1, 1))
    assert move is not None and move.rise == 0.0 and move.change == pytest.approx(4.375 / 7.5 - 1.0), "its price was corrected downward"
    rises = [
        one.rise for key in rows if (one := price_move([(d, 0.75 * i + 0.25 * o) for d, i, o in rows[key]], date(2026, 8, 1))) is not None
    ]
    assert any(rise > 0.0 for rise in rises) and sum(rise == 0.0 for rise in rises) > len(rises) / 2
