"""Objectives as the kernel counts and judges them."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journey.world import EPOCH_UNIX_S, World

from roteiro.journey.observe import packed_source, packed_subject
from roteiro.plan.compile import RingSizes
from roteiro.policy.state import HOUR_SLOTS, MINUTE_SLOTS
from roteiro.terms.codes import ErrorClass, Priority, Reason, Signal, Step

pytestmark = pytest.mark.kernel

PLAN = """
roteiro: 1
providers:
  primary: {name: openai, model: gpt-4, base_url: "http://127.0.0.1:1", limits: {concurrency: 64}, breaker: {failure_rate: 100%, minimum_calls: 100000}}
  cheap: {name: local, model: small, base_url: "http://127.0.0.1:2"}
models:
  chat: {targets: {primary: 1}, degrade_to: small, retry: {attempts: 1}}
  small: {targets: {cheap: 1}, retry: {attempts: 1}}
tenants: {acme: {tier: gold, workloads: [chat, batch]}, other: {}}
workloads: {chat: {model: chat}, batch: {model: chat, priority: batch}}
"""


@dataclass
class Counted:
    """A world whose requests end as they are told, and the plain list of what was told."""

    yaml: str
    world: World = field(init=False)

    def __post_init__(self) -> None:
        tiers = "" if "sla_tiers" in self.yaml else "sla_tiers: {gold: {}}\n"
        self.world = World(PLAN + tiers + self.yaml, RingSizes(flows=8, events=1 << 13, decisions=1 << 16))

    def ask(self, at: float, *, good: bool = True, tenant: str = "acme", took_s: float = 0.1, workload: str | None = None) -> None:
        answer = self.world.begin(tenant, "chat", workload=workload, now=at)
        if answer.flow < 0 or answer.command == 4:
            return
        if good:
            self.world.end(answer.flow, now=at + took_s)
        else:
            self.world.fail(answer.flow, ErrorClass.SERVER, now=at + took_s)

    def objective(self, name: str):  # type: ignore[no-untyped-def]
        return self.world.state.objectives[self.world.names.objectives.index(name)]

    def notes(self, reason: Reason) -> list[tuple[float, int, int]]:
        """(time, objective, third number) of each note."""
        rows = self.world.decisions()
        return [(float(row["now_s"]), int(row["a"]), int(row["c"])) for row in rows[rows["reason"] == int(reason)]]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 20_000.0), st.booleans()), max_size=40), st.sampled_from(["2h", "30h"]))
def test_a_rolling_window_holds_the_hours_that_are_left_in_it(steps: list[tuple[float, bool]], window: str) -> None:
    it, now, told = Counted(f"slos: {{all: {{sli: availability, objective: 99%, window: {window}}}}}\n"), 0.0, []
    for wait, good in steps:
        now += wait + 0.2
        it.ask(now, good=good)
        told.append((int((EPOCH_UNIX_S + now + 0.1) // 3600), good))
        row, hours = it.objective("all"), int(window[:-1])
        inside = [ok for hour, ok in told if hour > told[-1][0] - hours]
        assert (row["good"], row["bad"]) == (sum(inside), len(inside) - sum(inside))
        assert (row["run_good"], row["run_bad"]) == (sum(ok for _, ok in told), sum(not ok for _, ok in told))
        assert row["hour_good"].sum() + row["hour_bad"].sum() == len([1 for hour, _ in told if hour > told[-1][0] - HOUR_SLOTS])
        minutes = [int((EPOCH_UNIX_S + now + 0.1) // 60)]
        assert row["minute"] == minutes[0]


def test_a_calendar_period_begins_anew() -> None:
    it = Counted("timezone: America/Sao_Paulo\nslos: {all: {sli: availability, objective: 99%, window: day}}\n")
    midnight = 3 * 3600.0  # the epoch is midnight in UTC
    for at, good in ((10.0, False), (20.0, True), (midnight - 1.0, True)):
        it.ask(at, good=good)
    assert (it.objective("all")["good"], it.objective("all")["bad"]) == (2, 1)
    it.ask(midnight + 1.0, good=False)
    assert (it.objective("all")["good"], it.objective("all")["bad"]) == (0, 1)
    assert it.objective("all")["ends_s"] - it.objective("all")["starts_s"] == 86_400.0


def test_a_month_of_a_leap_year_ends_where_it_does() -> None:
    it = Counted("slos: {m: {sli: availability, objective: 99%, window: month}, q: {sli: availability, objective: 99%, window: quarter}}\n")
    assert (it.objective("m")["starts_s"], it.objective("m")["ends_s"]) == (0.0, 28 * 86_400.0), "February 2026"
    assert (it.objective("q")["starts_s"], it.objective("q")["ends_s"]) == (-31 * 86_400.0, 59 * 86_400.0)
    for at in (28 * 86_400.0 + 1.0, 60 * 86_400.0):
        it.ask(at)
    assert it.objective("m")["ends_s"] == 89 * 86_400.0, "April"
    assert (it.objective("q")["starts_s"], it.objective("q")["ends_s"]) == (59 * 86_400.0, 150 * 86_400.0)
    assert it.objective("q")["good"] == 1


def test_what_is_the_clients_own_affair_and_maintenance_are_left_out() -> None:
    it = Counted("""
sla_tiers: {gold: {availability: 99%, latency_p95: 1s}}
maintenance: [{from: 2026-02-01T00:10Z, to: 2026-02-01T00:20Z}, {from: 2026-02-01T00:30Z, to: 2026-02-01T00:40Z, of: {tenant: other}}]
""")
    for at, good, took_s in ((1.0, True, 0.5), (2.0, True, 1.5), (3.0, False, 0.1), (660.0, False, 0.1), (1860.0, False, 0.1)):
        it.ask(at, good=good, took_s=took_s)
    answer = it.world.begin("acme", "chat", now=2000.0)
    it.world.step(Step.GONE, answer.flow, now=2001.0)
    it.ask(2010.0, tenant="other", good=False)
    available, fast = it.objective("gold.availability"), it.objective("gold.latency_p95")
    assert (available["good"], available["bad"]) == (2, 2)
    assert (fast["good"], fast["bad"]) == (1, 1), "only answers are fast or slow"


def test_signals_are_counted_kept_and_shown_to_rules() -> None:
    it = Counted("""
sla_tiers: {gold: {quality_score: "0.9", pii_leaks: 0, confidence: {above: 0.8}}}
slos: {facts: {sli: hallucination, objective: 99%}}
quality: {score: [judge, canary]}
routing_logic: [{condition: "primary.quality over 1h < 0.85 with at least 4 calls", action: "avoid_primary"}]
""")
    names, key = it.world.names, it.world.names.keys.index("tenant:acme")
    subject = packed_subject(names.targets.index("primary"), names.routes.index("chat"), -1)

    def see(kind: Signal, value: float, at: float, of: int = key) -> None:
        it.world.step(Step.OBSERVE, now=at, args=(packed_source(int(kind), 3, 7), 41, of, round(value * 1e6), subject))

    for at, good in enumerate([1.0, 1.0, 0.0, 1.0]):
        see(Signal.JUDGE, good, 1.0 + at)
    see(Signal.CANARY, 0.0, 6.0, of=-1)
    see(Signal.FEEDBACK, 0.0, 7.0)
    see(Signal.CONFIDENCE, 0.75, 8.0)
    see(Signal.LEAKS, 2.0, 9.0)
    see(Signal.FACTUAL, 1.0, 10.0)
    counts = {name: (int(it.objective(name)["good"]), int(it.objective(name)["bad"])) for name in names.objectives}
    assert counts == {"facts": (1, 0), "gold.confidence": (0, 1), "gold.leaks": (0, 1), "gold.quality": (3, 2)}
    it.world.step(Step.TEND, now=11.0)
    assert it.world.target("primary")["avoid"] == 1 and it.world.state.rules[0]["measured"] == pytest.approx(0.6)
    rows = it.world.state.signals[: int(it.world.header["signal_head"])]
    assert len(rows) == 9 and list(rows["seq"]) == list(range(9))
    first = rows[0]
    assert (first["kind"], first["value"], first["request"], first["probe"], first["version"]) == (Signal.JUDGE, 1.0, 41, 7, 3)
    assert (
        names.tenants[first["tenant"]] == "acme" and names.tiers[first["tier"]] == "gold" and names.workloads[first["workload"]] == "chat"
    )
    assert rows[4]["tenant"] == rows[4]["tier"] == -1


def test_an_outage_pages_steps_degrade_freeze_and_shed_and_all_ends() -> None:
    it = Counted("""
slos:
  all:
    sli: availability
    objective: 99%
    window: 1d
    steps: [{spent: 20%, do: degrade}, {spent: 50%, do: freeze}, {spent: 100%, do: shed, below: interactive}]
""")
    at = 0.0

    def live(until: float, good: bool, every_s: float = 20.0) -> None:
        nonlocal at
        while at < until:
            at += every_s
            it.ask(at, good=good)
            it.world.step(Step.TEND, now=at + 1.0)

    live(3600.0, good=True)
    assert not it.notes(Reason.SLO_ALERT) and it.world.header["degrading"] == 0
    live(5400.0, good=False)
    pages = [time for time, _, severity in it.notes(Reason.SLO_ALERT) if severity == 1]
    assert pages and pages[0] - 3600.0 < 120.0, "a whole outage is told within two minutes"
    assert [step for _, _, step in it.notes(Reason.SLO_STEP)] == [1, 1, 1]
    header = it.world.header
    assert (header["degrading"], header["frozen"], header["step_shed_from"]) == (1, 1, Priority.BATCH)
    refused = it.world.begin("acme", "chat", workload="batch", now=at + 2.0)
    assert refused.reason == Reason.SHED_FOR_SLO
    bad = int(it.objective("all")["bad"])
    it.ask(at + 3.0, workload="batch")
    assert it.objective("all")["bad"] == bad, "what a step sheds does not keep the step alive"
    live(5400.0 + 26 * 3600.0, good=True, every_s=120.0)
    assert len(it.notes(Reason.SLO_CLEARED)) == len(it.notes(Reason.SLO_ALERT))
    assert (header["degrading"], header["frozen"], header["step_shed_from"]) == (0, 0, 127)
    assert not it.world.state.burn_alerts["firing"].any()


def test_one_failure_pages_nobody() -> None:
    it = Counted("slos: {all: {sli: availability, objective: 99.9%}}\n")
    for minute in range(600):
        it.ask(60.0 * minute + 1.0, good=minute != 300)
        it.world.step(Step.TEND, now=60.0 * minute + 30.0)
    assert not it.notes(Reason.SLO_ALERT)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.integers(-40, 0), st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=10))
def test_what_was_counted_before_is_taken_up_hour_by_hour(before: dict[int, tuple[int, int]]) -> None:
    it = Counted("slos: {all: {sli: availability, objective: 99%, window: 30h}}\n")
    o, hour = it.world.names.objectives.index("all"), int(EPOCH_UNIX_S // 3600)
    for back, (good, bad) in before.items():
        it.world.step(Step.RECALL, now=5.0, args=(o, hour + back, good, bad))
        it.world.step(Step.RECALL, now=5.0, args=(o, hour + back, good, bad))  # twice is once
    inside = [counts for back, counts in before.items() if back > -30]
    row = it.objective("all")
    assert (row["good"], row["bad"]) == (sum(good for good, _ in inside), sum(bad for _, bad in inside))


def test_minutes_are_taken_up_too_and_nonsense_is_not() -> None:
    it = Counted("slos: {all: {sli: availability, objective: 99%}}\n")
    minute = int(EPOCH_UNIX_S // 60)
    for at in (minute, minute - MINUTE_SLOTS + 1, minute - MINUTE_SLOTS, minute + 1):
        it.world.step(Step.RECALL, now=5.0, args=(0, at | 1 << 62, 5, 2))
    it.world.step(Step.RECALL, now=5.0, args=(99, minute, 5, 2))
    assert it.objective("all")["minute_good"].sum() == 10 and it.objective("all")["minute_bad"].sum() == 4


def test_another_plan_keeps_the_counts_of_what_means_the_same() -> None:
    it = Counted("slos: {a: {sli: availability, objective: 99%}, b: {sli: latency, threshold: 1s, objective: 99%}}\n")
    for at in range(1, 6):
        it.ask(float(at), good=at % 2 == 0)
    other = World(
        PLAN + "sla_tiers: {gold: {}}\nslos: {a: {sli: availability, objective: 95%}, b: {sli: latency, threshold: 2s, objective: 99%}}\n"
    )
    other.compiled.fill(it.world.state)
    assert (it.objective("a")["good"], it.objective("a")["bad"], it.objective("a")["least"]) == (2, 3, 0.95)
    assert (it.objective("b")["good"], it.objective("b")["bound"]) == (0, 2000.0)
