"""The outbox: what is put in is sent or its fate is told, in order, together where it can be, and nothing is lost by a crash."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.vaults import Safe

from roteiro.gateway.episodes import Episodes, What
from roteiro.gateway.notice import Notice
from roteiro.gateway.notice_outbox import GROUP_S, MOST_WAITING, Outbox

FIRED = Notice(key="k1", kind="alert", stage="firing", severity="page", objective="a.availability", at_s=1.0, since_s=1.0)
OVER = msgspec.structs.replace(FIRED, stage="resolved")


def other(n: int) -> Notice:
    return msgspec.structs.replace(FIRED, key=f"k{n}", objective=f"o{n}")


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path / "notices.sqlite")


def test_what_was_put_in_outlives_the_process(safe: Safe) -> None:
    with safe.vault() as vault:
        Outbox(vault).put("ops", [FIRED])
    with safe.vault() as vault:
        (one,) = Outbox(vault).due()
        assert (one.channel, one.notices, one.attempts) == ("ops", [FIRED], 0)
        Outbox(vault).end(one, "sent", "202")
        Outbox(vault).end(one, "sent", "202")  # told twice is counted once
        assert Outbox(vault).due() == []
        look = Outbox(vault).look()["ops"]
        assert (look["waiting"], look["outcomes"], look["last"], look["said"]) == (0, {"sent": 1}, "sent", "202")


def test_the_first_goes_at_once_and_what_follows_goes_together(safe: Safe) -> None:
    with safe.vault() as vault:
        outbox = Outbox(vault)
        outbox.put("ops", [FIRED, other(2)])
        (first,) = outbox.due()
        assert first.notices == [FIRED, other(2)], "one look at an outage is one message"
        outbox.end(first, "sent", "")
        safe.clock.now += 1.0
        outbox.put("ops", [other(3)])
        safe.clock.now += 1.0
        outbox.put("ops", [other(4)])
        assert outbox.due() == [] and outbox.next_due() == safe.clock.now - 2.0 + GROUP_S
        safe.clock.now += GROUP_S
        assert [one.notices for one in outbox.due()] == [[other(3), other(4)]]


def test_apart_means_a_message_each(safe: Safe) -> None:
    with safe.vault() as vault:
        Outbox(vault).put("pager", [FIRED, other(2)], apart=True)
        assert [one.notices for one in Outbox(vault).due()] == [[FIRED], [other(2)]]


def test_an_end_waits_for_its_beginning(safe: Safe) -> None:
    with safe.vault() as vault:
        outbox = Outbox(vault)
        outbox.put("pager", [FIRED, other(2)], apart=True)
        first = outbox.due()[0]
        outbox.again(first, "connection refused", 60.0)
        outbox.put("pager", [OVER], apart=True)
        assert [one.notices for one in outbox.due()] == [[other(2)]], "its own beginning has not been sent; others do not wait for it"
        safe.clock.now += 60.0
        assert [one.notices[0].key for one in outbox.due()] == ["k1", "k2"]
        outbox.end(outbox.due()[0], "sent", "")
        assert [one.notices[0].stage for one in outbox.due()] == ["firing", "resolved"]
        assert outbox.look()["pager"]["outcomes"] == {"failed": 1, "sent": 1}


def test_a_channel_that_takes_nothing_is_bounded(safe: Safe) -> None:
    with safe.vault() as vault:
        outbox = Outbox(vault)
        outbox.put("pager", [other(n) for n in range(MOST_WAITING + 7)], apart=True)
        assert len(outbox.waiting()) == MOST_WAITING and outbox.waiting()[0].notices[0].key == "k7"
        assert outbox.look()["pager"]["outcomes"] == {"dropped": 7}


def test_episodes_are_kept_as_they_are(safe: Safe) -> None:
    episodes = Episodes()
    episodes.look([What("a", "alert", "page"), What("a", "step", "ticket", "shed", 1.0)], 5.0)
    with safe.vault() as vault:
        Outbox(vault).keep_episodes(episodes.open())
    with safe.vault() as vault:
        assert Outbox(vault).episodes() == episodes.open()
        Outbox(vault).keep_episodes([])
        assert Outbox(vault).episodes() == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["put", "sent", "again", "wait"]), st.integers(0, 3)), max_size=30))
def test_every_notice_is_sent_or_waits(tmp_path_factory: pytest.TempPathFactory, did: list[tuple[str, int]]) -> None:
    """Whatever happens to the messages, each notice put in is in exactly one of: sent, waiting."""
    safe = Safe(tmp_path_factory.mktemp("outbox") / "notices.sqlite")
    put, sent = 0, []
    with safe.vault() as vault:
        outbox = Outbox(vault)
        for what, n in did:
            if what == "put":
                outbox.put("ops", [other(put)])
                put += 1
            elif what == "wait":
                safe.clock.now += 20.0 * n
            elif due := outbox.due():
                one = due[n % len(due)]
                if what == "sent":
                    outbox.end(one, "sent", "")
                    sent += [notice.key for notice in one.notices]
                else:
                    outbox.again(one, "no", 30.0)
        waiting = [notice.key for one in outbox.waiting() for notice in one.notices]
    assert sorted(sent + waiting) == sorted(f"k{n}" for n in range(put))
