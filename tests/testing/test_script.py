"""A script strikes when it says, as often as it says, and is well after its end."""

import contextlib
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.error import SettingsError
from roteiro.testing import fault
from roteiro.testing.fault import Quota, Slow, Stall, Status, Throttle
from roteiro.testing.fault_base import Scene
from roteiro.testing.openai_dialect import OpenAIDialect
from roteiro.testing.script import Phase, Player, Script, load_script, read_script

STORM = Status(status=503)
SCENE = Scene(OpenAIDialect())


def player(*phases: Phase, repeat: bool = False, always: tuple[fault.AnyFault, ...] = ()) -> Player:
    return Player(Script(phases=phases, repeat=repeat), always, random.Random(7).random, 0.0)


def struck(player: Player, now_s: float, tokens: int = 1) -> list[str]:
    return [each.name for each in player.next(SCENE, tokens, now_s).faults]


def test_a_counted_phase_strikes_that_many_requests() -> None:
    play = player(Phase(requests=3, faults=(STORM,)), Phase(requests=1, faults=(Throttle(),)))
    assert [struck(play, 0.0) for _ in range(6)] == [["status"]] * 3 + [["throttle"]] + [[]] * 2


def test_a_timed_phase_ends_on_its_second_even_when_nothing_came() -> None:
    play = player(Phase(seconds=10, faults=(STORM,)), Phase(seconds=5, faults=(Slow(),)))
    assert struck(play, 9.9) == ["status"]
    assert struck(play, 14.9) == ["slow"]  # the second began at 10, though nobody asked then
    assert struck(play, 15.0) == []
    assert play.phase is None


def test_a_phase_without_an_end_stays() -> None:
    play = player(Phase(name="for ever", faults=(STORM,)), Phase(faults=(Slow(),)))
    assert struck(play, 1e9) == ["status"]
    assert play.phase is not None
    assert play.phase.name == "for ever"


@given(now_s=st.floats(0, 1e7))
def test_a_repeated_script_comes_back_after_each_round(now_s: float) -> None:
    play = player(Phase(seconds=10, faults=(STORM,)), Phase(seconds=10), repeat=True)
    within_s = now_s % 20
    if min(abs(within_s - edge) for edge in (0, 10, 20)) > 1e-3:
        assert struck(play, now_s) == (["status"] if within_s < 10 else [])


def test_a_repeated_counted_script_comes_back_too() -> None:
    play = player(Phase(requests=1, faults=(STORM,)), Phase(requests=2), repeat=True)
    assert [bool(struck(play, 0.0)) for _ in range(6)] == [True, False, False, True, False, False]


def test_a_rate_strikes_about_that_share() -> None:
    play = player(Phase(faults=(Status(rate=0.3),)))
    hits = sum(bool(struck(play, 0.0)) for _ in range(2000))
    assert 500 < hits < 700  # six standard deviations of a fixed seed


def test_slowness_joins_the_first_other_fault() -> None:
    play = player(Phase(faults=(STORM, Slow(factor=2), Slow(factor=3), Throttle())))
    assert struck(play, 0.0) == ["slow", "slow", "status"]


def test_a_quota_refuses_what_is_over_it_and_says_when() -> None:
    play = player(Phase(faults=(Quota(requests_per_minute=2),)))
    assert struck(play, 0.0) == []
    assert struck(play, 0.0) == []
    verdict = play.next(SCENE, 1, 0.0)
    assert [each.name for each in verdict.faults] == ["quota"]
    assert verdict.headers["retry-after"] == "30"
    assert verdict.headers["retry-after-ms"] == "30000"
    assert verdict.headers["x-ratelimit-remaining-requests"] == "0"
    assert struck(play, 30.0) == []


def test_a_standing_quota_keeps_its_count_across_scripts() -> None:
    play = player(always=(Quota(tokens_per_minute=100),))
    assert struck(play, 0.0, tokens=100) == []
    play.load(Script(), 0.0)
    assert struck(play, 0.0, tokens=50) == ["quota"]


def test_yaml_and_json_read_alike() -> None:
    text = """
    - {name: storm, seconds: 20, faults: [{fault: status, status: 503, rate: 0.4}, {fault: slow, factor: 3}]}
    - {requests: 5, faults: [{fault: stall, at: middle}]}
    """
    script = read_script(text)
    assert script.phases[0] == Phase(name="storm", seconds=20.0, faults=(Status(status=503, rate=0.4), Slow(factor=3.0)))
    assert script.phases[1].faults == (Stall(at="middle"),)
    assert read_script(msgspec.json.encode(script)) == script
    assert read_script("{phases: [], repeat: true}").repeat
    assert read_script("") == read_script("[]") == Script()


@pytest.mark.parametrize(
    "text",
    [
        "- {fault: status}",
        "- {faults: [{fault: tempest}]}",
        "- {faults: [{fault: status, status: 200}]}",
        "- {faults: [{fault: status, rate: 2}]}",
        "- {faults: [{fault: slow, factor: 0}]}",
        "- {seconds: 0}",
        "- {requests: -1}",
        "7",
        "[",
        "2020-99-99",
        "{[a]: b}",
        "&a [*a]",
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_script_is_refused(text: str | bytes) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_script(text)


@given(st.text(max_size=80) | st.binary(max_size=80))
def test_no_text_whatever_raises_anything_else(text: str | bytes) -> None:
    with contextlib.suppress(SettingsError):
        read_script(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        load_script(tmp_path / "nowhere.yaml")


def test_a_fault_of_one_key_leaves_the_others_alone() -> None:
    play = player(Phase(faults=(Status(status=401, key=1), Quota(requests_per_minute=1, key=2))))

    def struck_by(key: int) -> list[str]:
        return [each.name for each in play.next(Scene(OpenAIDialect(), key=key), 1, 0.0).faults]

    assert [struck_by(key) for key in (0, 1, 2, 2, 0, 1)] == [[], ["status"], [], ["quota"], [], ["status"]]


def test_the_end_of_a_timed_phase_is_known() -> None:
    play = player(Phase(seconds=10, closed=True), Phase(requests=1))
    assert play.ends_s() == 10.0
    play.advance(10.0)
    assert play.ends_s() is None
