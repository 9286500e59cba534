"""Savings are told only where the ledger proves them, and never of more than was spent."""

from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.build import events, many

from roteiro.analysis.savings import COLUMNS, OffPeakHours, Prefixes, TargetPrice, savings
from roteiro.analysis.savings_units import UnitOffer
from roteiro.terms.codes import Complexity

DEAR = TargetPrice(10_000_000_000, 5_000_000_000, 30_000_000_000, 30_000_000_000)
CHEAP = TargetPrice(1_000_000_000, 500_000_000, 3_000_000_000, 3_000_000_000)
PRICES = {"primary": DEAR, "secondary": CHEAP}
SIMPLE = {"complexity": Complexity.SIMPLE, "input_tokens": 100, "output_tokens": 10}
DEAR_ONES = many(5, **SIMPLE, cost_nusd=1_300_000)
CHEAP_ONES = many(20, **SIMPLE, target="secondary", cost_nusd=130_000)


def test_simple_tasks_are_told_anew_at_the_prices_of_one_that_has_proved_itself() -> None:
    (one,) = savings(events(*DEAR_ONES, *CHEAP_ONES), PRICES)
    assert (one.kind, one.subject, one.instead, one.requests) == ("smaller_model", "primary", "secondary", 5)
    assert (one.cost_nusd, one.saving_nusd, one.proof) == (6_500_000, 5 * (1_300_000 - 130_000), (20, 20))


def test_without_proof_nothing_is_claimed() -> None:
    assert savings(events(*DEAR_ONES, *CHEAP_ONES[:19]), PRICES) == (), "too few answers"
    failed = many(1, **SIMPLE, target="secondary", outcome="failed")
    assert savings(events(*DEAR_ONES, *CHEAP_ONES, *failed), PRICES) == (), "it answers a smaller share of them"
    unknown = [{**row, "complexity": Complexity.UNKNOWN} for row in (*DEAR_ONES, *CHEAP_ONES)]
    assert savings(events(*unknown), PRICES) == (), "nobody looked at the tasks"
    later = TargetPrice(1, 1, 1, 1, fixed=False)
    assert savings(events(*DEAR_ONES, *CHEAP_ONES), {"secondary": later}) == (), "its price was another on some day"
    free = TargetPrice(0, 0, 0, 0)
    assert savings(events(*DEAR_ONES, *CHEAP_ONES), {"secondary": free}) == (), "machines cost by the hour, and nobody knows how much here"


def test_batch_work_by_day_could_wait_for_the_night() -> None:
    """São Paulo is three hours behind: its window from 22:00 to 6:00 is 1:00 to 9:00 in UTC."""
    hours = OffPeakHours(22 * 3600, 6 * 3600, 0.5, "America/Sao_Paulo")
    price = TargetPrice(1, 1, 1, 1, hours)
    rows = [{"arrival_s": 3600.0 * h, "priority": "batch", "cost_nusd": 1001} for h in range(24)]
    (one,) = savings(events(*rows, {"priority": "interactive", "cost_nusd": 999}), {"primary": price})
    assert (one.kind, one.requests, one.cost_nusd, one.saving_nusd) == ("off_peak", 16, 16_016, 8008)


def test_batch_work_could_have_been_sent_in_batches() -> None:
    price = TargetPrice(1, 1, 1, 1, batch_discount=0.5)
    (one,) = savings(events(*many(3, priority="batch", cost_nusd=1001), {"priority": "interactive", "cost_nusd": 999}), {"primary": price})
    assert (one.kind, one.requests, one.cost_nusd, one.saving_nusd) == ("batch", 3, 3003, 1501)


def test_units_that_would_have_paid_are_told_with_their_number_and_the_hours() -> None:
    offer = UnitOffer(1000.0, 4.0, 1.0, 1, 1, None, cost_nusd_per_h=60)
    rows = [{"arrival_s": 3600.0 * hour, "input_tokens": 1000, "cost_nusd": 100} for hour in range(24 * 7 + 1)]
    (one,) = savings(events(*rows), {"primary": TargetPrice(1, 1, 1, 1, units=offer)})
    assert (one.kind, one.proof, one.cost_nusd, one.saving_nusd) == ("reserved", (1, 168), 16_900, 16_900 - 168 * 60)


def test_prompts_that_begin_alike_are_told_where_a_trace_knows_how_far() -> None:
    rows = events(*many(4, input_tokens=1000, cached_tokens=100, cost_nusd=10_000_000))
    shared = Prefixes("own.jsonl", 12, 0.366)
    (one,) = savings(rows, {"primary": DEAR}, shared)
    assert (one.kind, one.instead, one.requests, one.proof) == ("cache", "own.jsonl", 4, (400, 1464))
    assert one.saving_nusd == (1464 - 400) * 5_000, "half the price of each token"
    assert savings(rows, {"primary": DEAR}) == savings(rows, {"primary": DEAR}, Prefixes("own.jsonl", 12, 0.1)) == ()


def test_long_prompts_whose_answers_are_no_longer_could_be_trimmed() -> None:
    usual = many(95, workload="chat", input_tokens=100, output_tokens=50, cost_nusd=2_500_000)
    long = many(5, workload="chat", input_tokens=1100, cached_tokens=600, output_tokens=50, cost_nusd=12_500_000)
    (one,) = savings(events(*usual, *long), {"primary": DEAR})
    assert (one.kind, one.subject, one.requests, one.proof) == ("trimming", "chat", 5, (100, 100))
    assert one.saving_nusd == 5 * 500 * 10_000, "what came from the cache was cheap, and is not counted"
    wordy = [{**row, "output_tokens": 60} for row in long]
    assert savings(events(*usual, *wordy), {"primary": DEAR}) == (), "long prompts that ask for more are needed"
    assert savings(events(*usual[:90], *long), {"primary": DEAR}) == (), "too few prompts"


def test_attempts_given_up_are_told_by_what_gave_them_up() -> None:
    table = events(
        {"lost_nusd": 5, "hedged": 2, "rescues": 1, "cost_nusd": 7}, {"lost_nusd": 3, "rescues": 1}, {"lost_nusd": 2}, {"hedged": 1},
        {"outcome": "cancelled", "cost_nusd": 11},
    )  # fmt: skip
    found = {one.kind: (one.requests, one.saving_nusd) for one in savings(table, {})}
    assert found == {"undelivered": (1, 11), "hedges": (1, 5), "rescues": (1, 3), "retries": (1, 2)}


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "target": st.sampled_from(["primary", "secondary"]),
                "complexity": st.sampled_from([Complexity.SIMPLE, Complexity.COMPLEX]),
                "outcome": st.sampled_from(["success", "failed"]),
                "priority": st.sampled_from(["batch", "interactive"]),
                "cost_nusd": st.integers(0, 10**9),
                "lost_nusd": st.integers(0, 10**3),
                "input_tokens": st.integers(0, 10**4),
            }
        ),
        max_size=80,
    )
)
def test_no_saving_is_more_than_what_it_is_of(rows: list[dict[str, object]]) -> None:
    found = savings(events(*rows, {}), PRICES)
    assert all(0 < one.saving_nusd <= one.cost_nusd for one in found)
    assert [one.saving_nusd for one in found] == sorted((one.saving_nusd for one in found), reverse=True)


def test_only_the_columns_named_are_read() -> None:
    table = events(*DEAR_ONES, *CHEAP_ONES)
    assert savings(table.select(list(COLUMNS)), PRICES) == savings(table, PRICES)
