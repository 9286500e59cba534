"""Queues in closed form, against each other, against sums by hand, and against published figures."""

import math

import pytest

from roteiro.analysis.queueing import BatchServer, batch_queue, erlang_b, erlang_c, mg1, mm1, mmc, mmck, most_rate, state_dependent

INFERNO = BatchServer(alpha=12.0, beta=0.05, gamma=0.0005, batch=48, queue=128, input_tokens=128, output_tokens=512)
"""The example of the llm-inferno queue analyser, in milliseconds."""


def test_one_server_waits_as_the_textbook_says() -> None:
    queue = mm1(0.8, 1.0)
    assert queue.wait == pytest.approx(4.0)
    assert queue.response == pytest.approx(5.0)
    assert queue.present == pytest.approx(4.0)
    assert queue.delayed == pytest.approx(0.8)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (3, 2.0), (10, 9.0)])
def test_erlangs_formulas_are_the_sums_they_stand_for(servers: int, load: float) -> None:
    terms = [load**k / math.factorial(k) for k in range(servers + 1)]
    assert erlang_b(servers, load) == pytest.approx(terms[-1] / sum(terms))
    last = terms[-1] * servers / (servers - load)
    assert erlang_c(servers, load) == pytest.approx(last / (sum(terms[:-1]) + last))


def test_erlang_c_holds_for_thousands_of_servers() -> None:
    """Factorials would overflow."""
    assert 0.0 < erlang_c(5000, 4950.0) < 1.0
    assert erlang_c(3, 3.0) == 1.0


def test_variation_of_service_makes_half_of_the_wait() -> None:
    assert mg1(0.5, 1.0, 1.0).wait == pytest.approx(mm1(0.5, 1.0).wait)
    assert mg1(0.5, 1.0, 0.0).wait == pytest.approx(mm1(0.5, 1.0).wait / 2)


def test_a_large_room_is_an_endless_one_and_none_is_erlang_b() -> None:
    assert mmck(2.0, 1.0, 3, 400).wait == pytest.approx(mmc(2.0, 1.0, 3).wait)
    assert mmck(2.0, 1.0, 3, 400).delayed == pytest.approx(mmc(2.0, 1.0, 3).delayed)
    assert mmck(2.0, 1.0, 3, 3).lost == pytest.approx(erlang_b(3, 2.0))


def test_littles_law_holds_of_a_queue_that_turns_away() -> None:
    queue = mmck(5.0, 1.0, 2, 6)
    assert queue.present == pytest.approx(queue.throughput * queue.response)
    assert queue.waiting == pytest.approx(queue.throughput * queue.wait)
    assert queue.throughput == pytest.approx(5.0 * (1.0 - queue.lost))


def test_too_much_work_has_no_steady_state() -> None:
    assert mmc(3.0, 1.0, 3).wait == math.inf
    assert mg1(1.0, 1.0, 0.5).response == math.inf
    assert mmc(4.0, 1.0, 3).throughput == 3.0


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="rate is 0"):
        mm1(0.0, 1.0)
    with pytest.raises(ValueError, match="served"):
        state_dependent(1.0, [1.0, 0.0], 5)


def test_a_long_queue_under_a_heavy_load_overflows_nothing() -> None:
    queue = state_dependent(100.0, [1e-3], 20_000)
    assert queue.lost == pytest.approx(1.0, abs=1e-4)
    assert queue.present == pytest.approx(20_000, rel=1e-3)


def test_the_outside_oracle_is_matched_in_both_of_its_forms() -> None:
    """Published by llm-inferno for 3 requests a second: the earlier form of its time equation, and the later."""
    found = batch_queue(0.003, INFERNO, "earlier")
    assert found.response == pytest.approx(10_568, rel=1e-3)
    assert found.wait == pytest.approx(28.3, rel=1e-3)
    assert found.serving == pytest.approx(31.62, rel=1e-3)
    assert most_rate(INFERNO, "earlier") * 0.999 == pytest.approx(3.8208232e-3, rel=1e-3)
    assert batch_queue(0.003, INFERNO, "later").response == pytest.approx(10_348, rel=1e-3)


def test_our_form_is_the_later_one_without_the_iteration_of_its_own_for_the_prompt() -> None:
    later, ours = (batch_queue(0.003, INFERNO, form) for form in ("later", "ours"))
    assert ours.response == pytest.approx(later.response, rel=0.01)
    assert ours.serving == pytest.approx(later.serving, rel=0.01)
