"""What a ledger tells of vendors' attempts: the SQL against what the simulator's own reader finds, hedges, fallbacks, and what is left when
decisions are gone."""

from pathlib import Path
from typing import Any

import pytest
from tests.simulator.build import BUSY

from roteiro.ledger import Ledger
from roteiro.plan.read import read
from roteiro.simulator.fit_attempts import attempts_of
from roteiro.tasks.simulate import simulate
from roteiro.tasks.vendor_ledger import VendorLedger, attempts_sql, seats_of
from roteiro.terms.codes import ErrorClass

REQUESTS = 1200


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, VendorLedger]:
    data = tmp_path_factory.mktemp("data")
    text = BUSY.replace(
        "timeouts: {first_token: 2s, attempt: 6s}}", "timeouts: {first_token: 2s, attempt: 6s}, service: {error_rate: 20%}}"
    )
    (data / "plan.yaml").write_text(text)
    (run,) = simulate(data / "plan.yaml", data=data, seeds=1, requests=REQUESTS, keep=True, journal=True).runs
    plan = read(data / "plan.yaml").plan
    assert plan is not None
    return data, run, VendorLedger(data, seats_of(plan), None, None, run)


def rows(ledger: VendorLedger, select: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ledger.ask(ledger.with_attempts(select)).to_pylist()
    return found


def test_every_attempt_is_found_once_with_its_provider_and_time(recorded: tuple[Path, str, VendorLedger]) -> None:
    data, run, ledger = recorded
    known = attempts_of(Ledger(data).rows("decisions", run))
    names = Ledger(data).head(run).names.targets
    told = rows(ledger, "SELECT target, failure, count(*) AS n, sum(ended_s - sent_s) AS took FROM attempts GROUP BY ALL")
    assert sum(row["n"] for row in told) == len(known) > REQUESTS // 4
    for row in told:
        mine = known[(known["target"] == names.index(row["target"])) & (known["error_class"] == ErrorClass[row["failure"].upper()])]
        assert row["n"] == len(mine)
        assert row["took"] == pytest.approx(float((mine["ended_s"] - mine["sent_s"]).sum()), abs=1e-6)
    assert any(row["failure"] != "none" for row in told)


def test_a_failure_that_was_answered_elsewhere_counts_even_where_decisions_are_gone(recorded: tuple[Path, str, VendorLedger]) -> None:
    _, _, ledger = recorded
    whole = rows(ledger, "SELECT count(*) AS n, count(*) FILTER (failure <> 'none') AS failed FROM attempts")[0]
    left = ledger.ask(attempts_sql(ledger.condition("events"), "false") + " SELECT told_by, failure FROM attempts").to_pylist()
    assert {row["told_by"] for row in left} == {"events"}
    answered = sum(row["failure"] == "none" for row in left)
    assert answered == whole["n"] - whole["failed"]
    moved = rows(ledger, "SELECT count(*) AS n FROM events WHERE fallbacks > 0 AND first_target <> target")[0]
    assert sum(row["failure"] == "unknown" for row in left) == moved["n"] > 0


def test_names_are_quoted(recorded: tuple[Path, str, VendorLedger]) -> None:
    data, run, ledger = recorded
    odd = VendorLedger(data, [type(ledger.seats[0])("it's", "o'brien", "m", "r")], None, None, run)
    assert rows(odd, "SELECT vendor FROM seats") == [{"vendor": "o'brien"}]
