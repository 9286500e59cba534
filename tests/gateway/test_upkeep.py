"""The ledger's upkeep keeps what retention and budgets want, and runs apart."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.ledger.build import EPOCH_S, RUN, names, rows

from roteiro.gateway.compactor import main
from roteiro.gateway.upkeep import keep_from
from roteiro.ledger import Head, Ledger, SegmentWriter
from roteiro.plan.model import Plan
from roteiro.plan.read import read_text

NOW = datetime(2026, 6, 28, 12, tzinfo=UTC).timestamp()


def plan(more: str) -> Plan:
    reading = read_text(
        f"providers: {{one: {{name: sandbox, model: m, weight: 1, base_url: 'http://127.0.0.1:9/v1', on_premises: true}}}}\n{more}"
    )
    assert reading.plan is not None, reading.problems
    return reading.plan


@pytest.mark.parametrize(
    ("more", "events", "decisions"),
    [
        ("retention: {events: 90d, decisions: 30d}", date(2026, 3, 30), date(2026, 5, 29)),
        ("retention: {events: 7d, decisions: 1d}", date(2026, 6, 21), date(2026, 6, 27)),
        ("retention: {events: 7d, decisions: 1d}\nbudgets: {all: $9/month}", date(2026, 5, 24), date(2026, 6, 27)),
        ("retention: {events: 7d, decisions: 1d}\ntenants: {a: {budgets: {all: $9/hour}}}", date(2026, 6, 20), date(2026, 6, 27)),
    ],
)
def test_events_that_a_budget_still_counts_are_kept(more: str, events: date, decisions: date) -> None:
    assert keep_from(plan(more), NOW) == (events, decisions)


def test_a_round_compacts_and_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.nice", lambda _: 0)
    writer = SegmentWriter(tmp_path, Head("events", RUN, EPOCH_S, names()))
    writer.append(rows("events", 0, 100))
    writer.seal()
    day = datetime.fromtimestamp(EPOCH_S, UTC).date()
    arguments = ["--directory", str(tmp_path), "--decisions-before", str(day), "--events-before"]
    assert main([*arguments, str(day)]) == 0
    assert len(list(tmp_path.glob("ledger/events/date=*/*.parquet"))) == 1 and Ledger(tmp_path).events().num_rows == 100
    assert main([*arguments, str(date.fromordinal(day.toordinal() + 1))]) == 0
    assert Ledger(tmp_path).events().num_rows == 0


def test_a_round_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.nice", lambda _: 0)
    segments = tmp_path / "ledger" / "events" / "segments"
    segments.mkdir(parents=True)
    (segments / f"{RUN}-events-000000.arrow.open").mkdir()
    assert main(["--directory", str(tmp_path), "--events-before", "2026-01-01", "--decisions-before", "2026-01-01"]) == 1
    assert "cannot recover the ledger" in capsys.readouterr().out
