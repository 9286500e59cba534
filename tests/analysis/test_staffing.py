"""Staffing: exact queues, published tables, brute force, and laws of headroom."""

from itertools import combinations, product
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.queueing import mg1, mmc
from roteiro.analysis.staffing import (
    Target,
    Waiting,
    ahead,
    delayed_at,
    late_share,
    least_servers,
    spread_over,
    square_root_staffing,
    staff,
    waiting,
)

USED = st.floats(0.05, 0.97)


@given(USED, st.integers(1, 300))
def test_poisson_and_exponential_is_erlangs_queue(used: float, servers: int) -> None:
    exact, found = mmc(used * servers, 1.0, servers), waiting(used * servers, 1.0, servers)
    assert (found.delayed, found.wait) == pytest.approx((exact.delayed, exact.wait))
    # The conditional wait is exponential with the rate at which the queue drains.
    assert found.beyond(0.7) == pytest.approx(exact.delayed * np.exp(-0.7 * servers * (1 - used)))


@given(USED, st.floats(0.0, 4.0))
def test_one_server_is_pollaczek_and_khinchine(used: float, variation: float) -> None:
    assert waiting(used, 1.0, 1, services=variation).wait == pytest.approx(mg1(used, 1.0, variation).wait)


def constant_service(rate: float, servers: int) -> float:
    """The exact mean wait of M/D/c, services of 1: who is there one service later is who was not being served and who came since."""
    most = 400
    comes = np.exp(np.cumsum(np.concatenate([[-rate], np.log(rate) - np.log(np.arange(1, most))])))
    chain = np.zeros((most, most))
    for present in range(most):
        left = max(present - servers, 0)
        chain[present, left:] = comes[: most - left]
    chain[:, -1] += 1.0 - chain.sum(axis=1)
    share = np.linalg.solve(np.vstack([(chain.T - np.eye(most))[:-1], np.ones(most)]), np.eye(most)[-1])
    return float(np.maximum(np.arange(most) - servers, 0) @ share) / rate


@pytest.mark.parametrize("servers", [1, 2, 5, 20])
@pytest.mark.parametrize("used", [0.5, 0.8, 0.9])
def test_constant_service_is_near_the_exact_chain(servers: int, used: float) -> None:
    assert waiting(used * servers, 1.0, servers, services=0.0).wait == pytest.approx(
        constant_service(used * servers, servers), rel=0.06, abs=1e-4
    )


@pytest.mark.parametrize("used", [0.6, 0.8, 0.95])
def test_constant_gaps_are_near_the_exact_queue(used: float) -> None:
    """D/M/1: the wait is σ / (1 − σ), where σ = exp(−(1 − σ) / used) (Kleinrock 1975, section 6.4)."""
    root = 0.5
    for _ in range(2000):
        root = float(np.exp(-(1.0 - root) / used))
    assert waiting(used, 1.0, 1, arrivals=0.0).wait == pytest.approx(root / (1.0 - root), rel=0.06)


@given(USED, st.integers(1, 50), st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.floats(0.0, 1.0))
def test_more_variation_never_waits_less(used: float, servers: int, arrivals: float, services: float, more: float) -> None:
    rate = used * servers
    base = waiting(rate, 1.0, servers, arrivals, services).wait
    assert base >= 0.0
    assert waiting(rate, 1.0, servers, arrivals + more, services).wait >= base * (1 - 1e-9)
    assert waiting(rate, 1.0, servers, max(arrivals, 1.0), services + more).wait >= waiting(
        rate, 1.0, servers, max(arrivals, 1.0), services
    ).wait * (1 - 1e-9)


def test_the_factors_meet_where_arrivals_are_poisson() -> None:
    below, above = (waiting(8.0, 1.0, 10, arrivals=x, services=0.5).wait for x in (1 - 1e-9, 1 + 1e-9))
    assert below == pytest.approx(above, rel=1e-6)


def test_a_queue_that_only_grows_keeps_nothing() -> None:
    assert waiting(3.0, 1.0, 3) == Waiting(1.0, inf)
    assert waiting(3.0, 1.0, 3).beyond(1e9) == 1.0
    assert Waiting(0.3, 0.0).beyond(0.0) == 0.0


@given(st.floats(0.1, 120.0), st.floats(0.0, 2.0), st.floats(0.5, 0.999), st.floats(0.0, 3.0), st.floats(0.0, 2.0))
def test_the_least_number_keeps_the_target_and_one_fewer_does_not(
    rate: float, within: float, share: float, gaps: float, times: float
) -> None:
    target = Target(within, share)
    servers = least_servers(rate, 1.0, target, gaps, times)
    assert target.kept(waiting(rate, 1.0, servers, gaps, times))
    if servers > 1:
        assert not target.kept(waiting(rate, 1.0, servers - 1, gaps, times))


def test_a_known_office() -> None:
    """100 calls in half an hour of 3 minutes each, 80 % within 20 s: 14 agents (service level 88.8 %), the worked example of Erlang C texts."""
    rate, service = 100 / 1800, 180.0
    assert least_servers(rate, service, Target(20.0, 0.8)) == 14
    assert 1.0 - waiting(rate, service, 14).beyond(20.0) == pytest.approx(0.888, abs=5e-4)


def test_wait_and_service_together() -> None:
    """M/M/1: the response is exponential with rate μ − λ; the sample is of that service."""
    sample = -np.log1p(-(np.arange(20_000) + 0.5) / 20_000)
    assert late_share(waiting(0.5, 1.0, 1), 3.0, sample) == pytest.approx(np.exp(-0.5 * 3.0), rel=2e-3)
    target = Target(4.0, 0.95, sample)
    servers = least_servers(20.0, 1.0, target)
    assert servers >= 21
    with pytest.raises(ValueError, match="no server helps"):
        least_servers(1.0, 1.0, Target(1.0, 0.95, sample))


@given(st.floats(20.0, 5000.0), st.floats(0.02, 0.8))
def test_the_square_root_is_near_erlang(load: float, delayed: float) -> None:
    rule, exact = square_root_staffing(load, delayed), least_servers(load, 1.0, Target(0.0, 1.0 - delayed))
    assert abs(rule - exact) <= max(2.0, 0.06 * load**0.5)


def test_halfin_and_whitt() -> None:
    assert delayed_at(0.0) == 1.0
    assert delayed_at(0.5) == pytest.approx(0.5049, abs=1e-3)
    assert delayed_at(1.0) == pytest.approx(0.2234, abs=1e-3)
    assert square_root_staffing(0.0, 0.2) == 0
    assert square_root_staffing(100.0, 0.2, peakedness=4.0) - 100 == pytest.approx(2 * (square_root_staffing(100.0, 0.2) - 100), abs=2)


@given(st.integers(0, 12), st.integers(1, 4), st.integers(0, 3))
def test_spread_is_the_fewest(needed: int, sites: int, lost: int) -> None:
    if lost >= sites:
        with pytest.raises(ValueError, match="must remain"):
            spread_over(needed, sites, lost)
        return
    found = spread_over(needed, sites, lost)

    def remains(servers: tuple[int, ...]) -> bool:
        return all(sum(servers) - sum(gone) >= needed for gone in combinations(servers, lost))

    assert len(found) == sites
    assert remains(found)
    fewest = min(sum(servers) for servers in product(range(needed + 1), repeat=sites) if remains(servers))
    assert sum(found) == fewest


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.floats(0.0, 40.0))
def test_ahead_is_the_most_within_the_time(values: list[float], startup: float) -> None:
    steps = int(np.ceil(startup - 1e-9))
    assert ahead(np.array(values), 1.0, startup).tolist() == [max(values[i : i + steps + 1]) for i in range(len(values))]


def test_staff_has_headroom_upon_headroom() -> None:
    rng = np.random.default_rng(1)
    paths = np.abs(10 + 8 * np.sin(np.arange(48) / 24 * 2 * np.pi) + rng.normal(0, 1, (200, 48)))
    plain = staff(paths, 3600.0, 1.5, Target(1.0, 0.95), slots=4)
    more = staff(paths, 3600.0, 1.5, Target(1.0, 0.95), slots=4, startup=7200.0, sites=3)
    assert (plain.served == plain.started).all() and (plain.replicas == plain.started).all()
    assert (more.served == plain.served).all()
    assert (more.started >= more.served).all() and (more.started > more.served).any()
    assert (more.replicas >= more.started * 1.5).all()
    for step in (0, 13):
        assert plain.served[step] == -(-least_servers(float(plain.rate[step]), 1.5, Target(1.0, 0.95)) // 4)
        assert np.mean(paths[:, step] <= plain.rate[step]) >= 0.95


def test_missing_rates_count_in_no_quantile() -> None:
    paths = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, np.nan]])
    found = staff(paths, 1.0, 1.0, Target(0.5, 0.9))
    assert found.rate.tolist() == [2.0, 0.0]
    assert found.replicas[1] == 0


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nonsense_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Target(1.0, share)
    with pytest.raises(ValueError, match="delayed"):
        square_root_staffing(10.0, share)
    with pytest.raises(ValueError, match="quantile"):
        staff(np.ones((2, 2)), 1.0, 1.0, Target(1.0, 0.9), quantile=share)
