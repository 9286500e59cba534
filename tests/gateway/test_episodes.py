"""What is told of what burns: once when it begins, once when it is over, whatever flickers."""

from hypothesis import given
from hypothesis import strategies as st

from roteiro.gateway.episodes import HOLD_S, LONGEST_HOLD_S, Episodes, What, key_of

PAGE = What("gold.availability", "alert", "page")
TICKET = What("gold.availability", "alert", "ticket")
STEP = What("gold.availability", "step", "ticket", "freeze", 0.9)


def test_it_is_told_once_and_is_over_once_it_has_been_quiet_for_a_while() -> None:
    episodes = Episodes()
    begun, over = episodes.look([PAGE, TICKET], 100.0)
    assert [one.what for one in begun] == [PAGE, TICKET] and over == []
    assert episodes.look([PAGE, TICKET], 101.0) == ([], [])
    assert episodes.look([TICKET], 110.0) == ([], [])
    assert episodes.look([TICKET], 110.0 + HOLD_S - 1) == ([], [])
    begun, over = episodes.look([TICKET], 110.0 + HOLD_S)
    assert begun == [] and [(one.what, one.key) for one in over] == [(PAGE, key_of(PAGE, 100.0))]
    assert [one.what for one in episodes.open()] == [TICKET]


def test_what_comes_back_while_it_is_held_is_the_same_episode() -> None:
    episodes = Episodes()
    episodes.look([PAGE], 0.0)
    episodes.look([], 10.0)
    assert episodes.look([PAGE], 60.0) == ([], [])
    episodes.look([], 61.0)
    assert episodes.look([], 61.0 + HOLD_S) == ([], []), "it flickers: it is held for twice as long"
    assert len(episodes.look([], 61.0 + 2 * HOLD_S)[1]) == 1


def test_an_earlier_runs_episode_goes_on_or_is_over() -> None:
    first = Episodes()
    first.look([PAGE, STEP], 0.0)
    second = Episodes(first.open(), 500.0)
    assert second.look([PAGE], 505.0) == ([], []), "it was told before"
    assert [one.what for one in second.look([PAGE], 500.0 + HOLD_S)[1]] == [STEP]


@given(st.lists(st.tuples(st.floats(1.0, 400.0), st.booleans()), max_size=400))
def test_flicker_never_floods(turns: list[tuple[float, bool]]) -> None:
    """Whatever an alert does, notices alternate, and one that flickers without end is told of at most a few times an hour."""
    episodes, now, told = Episodes(), 0.0, []
    for gap, on in turns:
        now += gap
        begun, over = episodes.look([PAGE] if on else [], now)
        assert len(begun) + len(over) <= 1
        told += [(now, True) for _ in begun] + [(now, False) for _ in over]
    assert all(is_begin == (n % 2 == 0) for n, (_, is_begin) in enumerate(told))
    for start, _ in told:
        assert sum(start <= at < start + LONGEST_HOLD_S for at, _ in told) <= 10
