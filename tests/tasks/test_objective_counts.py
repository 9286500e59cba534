"""What counts as good, bad, left out and in maintenance, counted by the statements that reports print."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.analysis.build import EPOCH_S, ledger_of, many

from roteiro.analysis.error_budget import Counts
from roteiro.analysis.objective import Measure, Objective, Scope, Sli
from roteiro.analysis.sli import Absence, count_queries, count_query
from roteiro.tasks.objective_counts import answer, count_objectives
from roteiro.terms.codes import Outcome

BEGIN = datetime.fromtimestamp(EPOCH_S, UTC)
END = BEGIN + timedelta(hours=1)
AVAILABLE = Objective("a", Sli.AVAILABILITY, 0.99)
FAST = Objective("f", Sli.LATENCY, 0.95, 1.0)
LIVE: dict[str, Any] = {"world": 0}


def counted(objective: Objective, *rows: dict[str, Any], **options: Any) -> Counts:
    ledger = ledger_of(rows)
    return count_objectives(ledger, [objective], BEGIN, END, **options)[objective.name].counts(objective.name)


def test_what_says_nothing_about_the_service_is_left_out_and_counted() -> None:
    rows = [{"outcome": outcome.name} for outcome in Outcome]
    assert counted(AVAILABLE, *rows) == Counts(good=1, bad=4, excluded=4)


def test_each_indicator_tells_its_events_and_the_good_ones() -> None:
    answer_: dict[str, Any] = {"stream": 1, "ttft_ms": 300.0, "total_ms": 2300.0, "output_tokens": 41, "cost_nusd": 5}
    rows = [answer_, {"total_ms": 1000.0, "cost_nusd": 6}, {"outcome": "failed", "total_ms": 10.0}]
    assert counted(FAST, *rows) == Counts(1, 1), "answers alone, and exactly the bound is in time"
    assert counted(Objective("t", Sli.TTFT, 0.5, 0.3), *rows) == Counts(1, 0), "streams alone"
    assert counted(Objective("p", Sli.THROUGHPUT, 0.95, 20.0), *rows) == Counts(1, 0), "40 tokens in 2 s after the first"
    assert counted(Objective("p", Sli.THROUGHPUT, 0.95, 20.1), *rows) == Counts(0, 1)
    assert counted(Objective("p", Sli.THROUGHPUT, 0.95, 20.1), {**answer_, "output_tokens": 1}) == Counts(), "one token has no pace"
    assert counted(Objective("c", Sli.COST, 0.9, 5.0), *rows) == Counts(1, 1)


def test_a_mean_comes_with_its_sums() -> None:
    one = Objective("c", Sli.COST, 1.0, 5.0, measure=Measure.MEAN)
    told = count_objectives(ledger_of([{"cost_nusd": 4}, {"cost_nusd": 8}, {"outcome": "failed", "cost_nusd": 99}]), [one], BEGIN, END)["c"]
    assert told.sums("c") == (12, 80.0) and told.counts("c").total == 2


def test_a_scope_is_of_names_and_a_grouping_of_a_column() -> None:
    rows = [*many(3, tier="enterprise", tenant="acme"), *many(2, tier="basic", tenant="beta", outcome="failed"), {"tier": None}]
    assert counted(Objective("a", Sli.AVAILABILITY, 0.9, scope=Scope(tier="basic", tenant="beta")), *rows) == Counts(0, 2)
    by = count_objectives(ledger_of(rows), [AVAILABLE], BEGIN, END, by="tenant")["a"].by_group("a")
    assert by == {"acme": Counts(4, 0), "beta": Counts(0, 2)}
    odd = Objective("it's", Sli.AVAILABILITY, 0.9, scope=Scope(tier="o'clock"))
    assert counted(odd, *rows) == Counts(), "a quote in a name ends nothing"


def test_maintenance_leaves_its_own_out_for_its_time() -> None:
    rows = [{"arrival_s": 10.0 * k, "outcome": "failed", "target": "primary" if k % 2 else "secondary"} for k in range(12)]
    away = Absence(BEGIN + timedelta(seconds=30), BEGIN + timedelta(seconds=90), Scope(target="primary"))
    assert counted(AVAILABLE, *rows, absences=[away]) == Counts(0, 9, 0, 3)
    assert counted(FAST, {"arrival_s": 30.0}, {"arrival_s": 90.0}, absences=[Absence(away.since, away.until)]) == Counts(1, 0, 0, 1)


def test_objectives_of_one_scope_share_a_statement_and_each_alone_says_the_same() -> None:
    rows = [*many(5, total_ms=400.0), *many(2, total_ms=4000.0), {"outcome": "shed"}]
    assert len(count_queries([AVAILABLE, FAST], BEGIN, END)) == 1
    together = count_objectives(ledger_of(rows), [AVAILABLE, FAST], BEGIN, END)
    for one in (AVAILABLE, FAST):
        assert answer(ledger_of(rows), count_query(one, BEGIN, END)).counts(one.name) == together[one.name].counts(one.name)


def test_a_request_is_auditable_where_its_first_and_its_last_decision_are_in_the_ledger() -> None:
    told = [
        {"request": 0, "step": "begin", "command": "send"}, {"request": 0, "step": "end", "command": "done"},
        {"request": 1, "step": "begin", "command": "reject"},
        {"request": 2, "step": "end", "command": "done"},
        {"request": 3, "step": "begin", "command": "send"},
        {"request": -1, "step": "tend", "command": "none"},
    ]  # fmt: skip
    ledger = ledger_of([{"request": k} for k in range(5)], told)
    one = Objective("audit", Sli.AUDITABLE, 1.0)
    assert count_objectives(ledger, [one], BEGIN, END)["audit"].counts("audit") == Counts(2, 3)


def test_signals_are_counted_by_kind_and_a_canary_for_whoever_its_provider_serves() -> None:
    gold: dict[str, Any] = {"tier": "enterprise", "tenant": "acme", "target": "primary"}
    signals = [
        *({"kind": "judge", "value": value, **gold} for value in (1.0, 1.0, 0.0)),
        {"kind": "judge", "value": 0.0, **gold, "tier": "basic"},
        {"kind": "canary", "value": 1.0, "tier": None, "tenant": None, "target": "primary"},
        {"kind": "feedback", "value": 0.0, **gold},
        {"kind": "confidence", "value": 0.85, **gold}, {"kind": "confidence", "value": 0.8, **gold},
        {"kind": "leaks", "value": 0.0, **gold}, {"kind": "leaks", "value": 2.0, **gold},
        {"kind": "factual", "value": 1.0, **gold},
    ]  # fmt: skip
    ledger, of = ledger_of(signals=signals), Scope(tier="enterprise")
    objectives = [
        Objective("quality", Sli.QUALITY, 0.9, 0.5, of, kinds=("judge", "canary")),
        Objective("by users", Sli.QUALITY, 0.9, 0.5, of, kinds=("feedback",)),
        Objective("elsewhere", Sli.QUALITY, 0.9, 0.5, Scope(target="secondary"), kinds=("judge", "canary")),
        Objective("confidence", Sli.CONFIDENCE, 0.95, 0.85, of),
        Objective("leaks", Sli.LEAKS, 1.0, None, of),
        Objective("hallucination", Sli.HALLUCINATION, 0.99, 0.5, of),
    ]
    answers = count_objectives(ledger, objectives, BEGIN, END)
    assert {name: (one.counts(name).good, one.counts(name).bad) for name, one in answers.items()} == {
        "quality": (3, 1), "by users": (0, 1), "elsewhere": (0, 0), "confidence": (1, 1), "leaks": (1, 1), "hallucination": (1, 0),
    }  # fmt: skip


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 3599), st.sampled_from(["success", "failed", "limited"])), min_size=1, max_size=30), st.integers(0, 29)
)
def test_steps_add_up_and_two_ledgers_count_what_both_have(rows: list[tuple[float, str]], cut: int) -> None:
    events = [{"arrival_s": at, "outcome": outcome, "total_ms": at} for at, outcome in rows]

    def series(these: list[dict[str, Any]]) -> Any:
        return count_objectives(ledger_of(these), [AVAILABLE], BEGIN, END, step_s=300.0)["a"].series("a")

    whole = series(events)
    assert len(whole.good) == 12
    assert whole.between(BEGIN, END) == Counts(*(getattr(counted(AVAILABLE, *events), what) for what in ("good", "bad")))
    merged = series(events[:cut]) + series(events[cut:])
    assert (merged.good == whole.good).all() and (merged.bad == whole.bad).all()
