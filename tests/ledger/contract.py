"""What every ledger does, on disk or in memory: subclass, give the fixtures, and be one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from roteiro.ledger import Head, Queries
from roteiro.ledger.place import Table
from roteiro.terms.error import LedgerError

from .build import EPOCH_S, RUN, names, rows, same

EPOCH = datetime.fromtimestamp(EPOCH_S, UTC)

Put = Callable[..., None]


class LedgerContract:
    """Needs the fixtures `ledger` (`Queries`) and `put(head, *batches)`, which writes rows and makes them readable."""

    @pytest.fixture
    def two_runs(self, ledger: Queries, put: Put) -> Queries:
        put(Head("events", RUN, EPOCH_S, names()), rows("events", 0, 500), rows("events", 500, 700))
        put(Head("decisions", RUN, EPOCH_S, names()), rows("decisions", 0, 900))
        put(Head("signals", RUN, EPOCH_S, names()), rows("signals", 0, 900))
        put(Head("events", "other", EPOCH_S + 3600, names(targets=["fallback", "primary"])), rows("events", 0, 40))
        return ledger

    def test_an_empty_ledger_answers(self, ledger: Queries) -> None:
        assert ledger.sql("SELECT count(*) AS n FROM events").to_pylist() == [{"n": 0}]
        assert len(ledger.events()) == len(ledger.decisions()) == len(ledger.rows("events", RUN)) == 0
        assert ledger.runs() == []

    @pytest.mark.parametrize("table", ["events", "decisions", "signals"])
    def test_rows_come_back_as_they_were_written(self, two_runs: Queries, table: Table) -> None:
        assert same(two_runs.rows(table, RUN), rows(table, 0, 1200 if table == "events" else 900))

    def test_an_unknown_run_has_no_rows(self, two_runs: Queries) -> None:
        assert len(two_runs.rows("events", "nobody")) == len(two_runs.events(run="nobody")) == 0
        with pytest.raises(LedgerError, match=r"no run 'nobody'; it has \['run-1', 'other'\]"):
            two_runs.head("nobody")

    def test_codes_are_words_of_their_own_run(self, two_runs: Queries) -> None:
        counted = "SELECT target, count(*) AS n FROM events WHERE run = ? GROUP BY target ORDER BY target NULLS FIRST"
        assert two_runs.sql(counted, ["other"]).to_pylist() == [
            {"target": None, "n": 10},
            {"target": "#2", "n": 10},
            {"target": "fallback", "n": 10},
            {"target": "primary", "n": 10},
        ]
        words = {row["target"] for row in two_runs.sql("SELECT DISTINCT target FROM events WHERE run = ?", [RUN]).to_pylist()}
        assert words == {None, "primary", "secondary", "fallback"}

    def test_nan_is_null_and_time_is_utc(self, two_runs: Queries) -> None:
        row = two_runs.events(run=RUN, where="seq = 3").to_pylist()[0]
        assert (row["ttft_ms"], row["quality"], row["digest"], row["plan"]) == (None, None, "digest-a", 0)
        assert (row["time"], row["outcome"], row["world"]) == (EPOCH + timedelta(milliseconds=30), "budget", "live")

    def test_events_between_two_times(self, two_runs: Queries) -> None:
        found = two_runs.events(since=EPOCH + timedelta(seconds=1), until=EPOCH + timedelta(seconds=2), run=RUN)
        assert found["seq"].to_pylist() == list(range(100, 200))

    def test_decisions_of_a_run_in_their_order(self, two_runs: Queries) -> None:
        found = two_runs.decisions(RUN, where="command = 'send' OR 1 = 1 -- and a comment")
        assert found["seq"].to_pylist() == list(range(900))

    def test_a_time_without_a_zone_is_refused(self, two_runs: Queries) -> None:
        with pytest.raises(LedgerError, match="time zone"):
            two_runs.events(since=datetime(2026, 1, 1))

    def test_runs(self, two_runs: Queries) -> None:
        first, second = two_runs.runs()
        assert (first.run, first.epoch_s, first.events, first.decisions, first.worlds) == (RUN, EPOCH_S, 1200, 900, ("live",))
        assert (first.first, first.last) == (EPOCH, EPOCH + timedelta(seconds=11.99))
        assert (second.run, second.epoch_s, second.events, second.decisions) == ("other", EPOCH_S + 3600, 40, 0)

    def test_the_head_of_a_run_has_its_newest_names(self, ledger: Queries, put: Put) -> None:
        put(Head("events", RUN, EPOCH_S, names()), rows("events", 0, 3))
        put(Head("events", RUN, EPOCH_S, names(plans=["digest-a", "digest-b"])), rows("events", 3, 3))
        assert ledger.head(RUN).names.plans == ["digest-a", "digest-b"]
        assert ledger.head(RUN).epoch_s == EPOCH_S
        assert np.array_equal(ledger.rows("events", RUN)["seq"], np.arange(6))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "SELEC",
            "SELECT 1; SELECT 2",
            "COPY events TO 'out.csv'",
            "CREATE TABLE t AS FROM events",
            "ATTACH 'x.db'",
            "SELECT nothing FROM events",
        ],
    )
    def test_only_one_select_is_answered(self, two_runs: Queries, text: str) -> None:
        with pytest.raises(LedgerError):
            two_runs.sql(text)

    @pytest.mark.parametrize("function", ["read_csv", "read_parquet", "read_text", "glob"])
    def test_a_query_reads_no_other_file(self, two_runs: Queries, function: str, tmp_path: Any) -> None:
        (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
        with pytest.raises(LedgerError, match="Permission"):
            two_runs.sql(f"SELECT * FROM {function}('{tmp_path}/secret.csv')")

    def test_parameters_by_name(self, two_runs: Queries) -> None:
        found = two_runs.sql("SELECT count(*) AS n FROM events WHERE tenant = $tenant AND run = $run", {"tenant": "acme", "run": RUN})
        assert found.to_pylist() == [{"n": 400}]
