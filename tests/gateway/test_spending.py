"""What budgets take up at a start is what the kernel would have booked."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.world import compiled as compiled_of_world
from tests.gateway.world import world
from tests.ledger.build import EPOCH_S, names, rows

from roteiro.gateway.journey_port import Journey
from roteiro.gateway.spending import booked_to, period_start, spent_in_ring, starts, sums
from roteiro.gateway.spent import Cut, Spent, read_ledger
from roteiro.ledger import Head, MemoryLedger
from roteiro.plan.compile import Compiled, compile_plan
from roteiro.plan.read import read_text
from roteiro.policy.budget import period_end
from roteiro.policy.kernel import entry
from roteiro.terms.codes import Step

PLAN = """
providers: {one: {name: sandbox, model: m, weight: 1, base_url: "http://127.0.0.1:9/v1", on_premises: true}}
timezone: America/Sao_Paulo
budgets: {all: $100/month}
teams: {research: {budgets: {all: $10/week}}}
tenants: {acme: {team: research, budgets: {day: $5/day}}, beta: {team: research}, gama: {budgets: {day: $1/day, hour: $1/hour}}}
workloads: {chat: {budgets: {all: $50/month}}, batch: {}}
"""


@entry
def end_of(period_s: float, offset_s: float, unix_s: float) -> float:
    """The kernel's own end of a period, callable from Python."""
    return period_end(period_s, offset_s, 0.0, unix_s)


def compiled() -> Compiled:
    reading = read_text(PLAN)
    assert reading.plan is not None, reading.problems
    return compile_plan(reading.plan, reading.digest)


@pytest.mark.kernel
@given(st.sampled_from([3600.0, 86_400.0, 604_800.0, 0.0]), st.sampled_from([0.0, -10_800.0, 20_700.0]), st.integers(0, 4_000_000_000))
def test_a_period_starts_where_the_one_before_it_ends(period_s: float, offset_s: float, unix_s: int) -> None:
    start = period_start(period_s, offset_s, float(unix_s))
    assert start <= unix_s < end_of(period_s, offset_s, float(unix_s))
    if start > 31 * 86_400.0:  # Unix time began in the middle of a week
        assert end_of(period_s, offset_s, start - 1.0) == start


def test_periods_are_the_plan_s_local_ones() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    now = datetime(2026, 3, 12, 1, 30, tzinfo=UTC)  # the evening of Wednesday the 11th there
    found = starts(compiled(), compiled().budgets, now.timestamp(), now.timestamp())
    assert {name: datetime.fromtimestamp(start, zone).strftime("%a %d %H:%M") for name, start in found.items()} == {
        "all/all": "Sun 01 00:00",
        "team/research/all": "Mon 09 00:00",
        "tenant/acme/day": "Wed 11 00:00",
        "tenant/gama/day": "Wed 11 00:00",
        "tenant/gama/hour": "Wed 11 22:00",
        "workload/chat/all": "Sun 01 00:00",
    }


def test_a_request_counts_for_all_its_team_its_tenant_and_its_workload() -> None:
    plan = compiled().plan
    counted = {
        who: {name for name in compiled().budgets if booked_to(name, plan, *who)}
        for who in [("acme", "chat"), ("gama", "batch"), ("went", "chat")]
    }
    assert counted == {
        ("acme", "chat"): {"all/all", "team/research/all", "tenant/acme/day", "workload/chat/all"},
        ("gama", "batch"): {"all/all", "tenant/gama/day", "tenant/gama/hour"},
        ("went", "chat"): {"all/all", "workload/chat/all"},
    }


def test_sums_take_each_budget_s_own_start() -> None:
    spent = [Spent(10.0, "acme", "chat", 5), Spent(10.0, "beta", "batch", 7), Spent(20.0, "acme", "chat", 1)]
    found = sums(
        compiled(),
        {"all/all": 10.0, "team/research/all": 20.0, "tenant/acme/day": 20.0, "workload/chat/all": 10.0, "tenant/gama/day": 10.0},
        spent,
    )
    assert found == {"all/all": 12, "team/research/all": 1, "tenant/acme/day": 1, "workload/chat/all": 5, "tenant/gama/day": 0}


def test_the_ledger_is_asked_for_what_ended_since_and_before_the_cut() -> None:
    events = rows("events", 0, 40)
    events["world"], events["tenant"], events["workload"] = 0, 0, 0
    events["world"][30:] = 1  # simulated money is nobody's
    ledger = MemoryLedger()
    ledger.writer(Head("events", "run-1", EPOCH_S, names())).append(events)
    ended = EPOCH_S + events["ended_s"]
    since = float(ended[10]) - 0.001

    def cost(start: int, end: int) -> int:
        return int(events["cost_nusd"][start:end].sum())

    assert read_ledger(ledger, [since, 0.0], None) == [Spent(since, "acme", "chat", cost(10, 30)), Spent(0.0, "acme", "chat", cost(0, 30))]
    assert read_ledger(ledger, [since], Cut("run-1", 25)) == [Spent(since, "acme", "chat", cost(10, 25))]
    assert read_ledger(ledger, [since], Cut("another", 25)) == [Spent(since, "acme", "chat", cost(10, 30))]
    assert read_ledger(MemoryLedger(), [since], None) == []


def test_the_ring_tells_what_the_ledger_could_not_have_yet() -> None:
    held = world(compiled_of_world())
    journey, edge, costs = Journey(held.state, 0), held.edge, []
    key, other = list(edge.keys.values())
    for n, who in enumerate([key, other, key]):
        answer = journey.step(Step.BEGIN, -1, who, edge.models["chat"], 10, 10, 0)
        journey.step(Step.END, answer[3], 100 * (n + 1), 0, 10, 0)
        costs.append(100_000 * (n + 1) + 20_000)
    now = float(held.state.header["epoch_unix_s"][0])
    assert spent_in_ring(held.compiled, held.state, 1, [0.0, now + 3600.0]) == [
        Spent(0.0, "beta", "chat", costs[1]), Spent(0.0, "acme", "chat", costs[2]),
    ]  # fmt: skip
    assert spent_in_ring(held.compiled, held.state, 3, [0.0]) == []
    held.state.header["event_head"] += len(held.state.events)
    assert spent_in_ring(held.compiled, held.state, 1, [0.0]) is None, "it has gone round"
