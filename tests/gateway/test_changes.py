"""What changed lately: breakers from the ring, adoptions that outlive the run, models from whoever watches them, providers now."""

from pathlib import Path

import numpy as np
from tests.gateway.events import decisions, events
from tests.gateway.vaults import Safe
from tests.gateway.world import compiled, world

from roteiro.gateway.alerting import versions_since
from roteiro.gateway.changes import LATELY_S, AdoptionLog, Changes, providers_now
from roteiro.gateway.follower import Follower
from roteiro.gateway.notice import Adopted, VersionTurn
from roteiro.gateway.recent import Recent
from roteiro.ledger.ring import Ring
from roteiro.terms.codes import Outcome, Reason, Step
from roteiro.terms.event import DECISION

EPOCH = 1_790_000_000.0


def test_breakers_plans_and_models_of_a_day_the_latest_first() -> None:
    names = compiled().names
    rows = decisions(
        5, step=[Step.NOTE, Step.FAILED, Step.NOTE, Step.NOTE, Step.NOTE], target=[0, 0, 1, 0, 0], now_s=[10.0, 11.0, 20.0, 90_000.0, 90_001.0],
        reason=[Reason.BREAKER_OPENED, Reason.BREAKER_OPENED, Reason.RULE_ON, Reason.BREAKER_FORCED, Reason.BREAKER_CLOSED],
    )  # fmt: skip
    rows["seq"] = range(5)
    places = np.zeros(16, DECISION)
    places[:5] = rows
    ring = Ring(places, np.array([5]), np.array([0]))
    turn = VersionTurn(at_s=EPOCH + 89_000.0, target="one", kind="version", before="a", after="b")
    it = Changes(Follower(ring, cursor=0), lambda: names, EPOCH, lambda since: [turn] if since < turn.at_s else [])
    adopted = [Adopted(at_s=EPOCH + at, digest="d", version=1, by="ana") for at in (80_000.0, 1.0)]
    it.adopted = adopted
    seen = it.lately("digest", 7, (), EPOCH + 90_010.0)
    assert [(one.target, one.what, one.at_s - EPOCH) for one in seen.breakers] == [
        ("one", "breaker_closed", 90_001.0), ("one", "breaker_forced", 90_000.0),
    ]  # fmt: skip
    assert (seen.digest, seen.version, seen.adopted, seen.versions) == ("digest", 7, (adopted[0],), (turn,))
    assert it.lately("digest", 7, (), EPOCH + 90_010.0 + LATELY_S).breakers == ()


def test_who_adopted_what_is_kept(tmp_path: Path) -> None:
    safe = Safe(tmp_path / "notices.sqlite")
    with safe.vault() as vault:
        for n in range(3):
            AdoptionLog(vault).note(Adopted(at_s=10.0 * n, digest=f"d{n}", version=n, by="ana", override="why" if n == 2 else ""))
    with safe.vault() as vault:
        assert [one.digest for one in AdoptionLog(vault).since(10.0)] == ["d2", "d1"]


def test_providers_as_they_are_now() -> None:
    it, recent = world(compiled()), Recent()
    rows = events(4, target=0, ended_s=5.0, outcome=[0, 0, 0, Outcome.FAILED], total_ms=[100.0, 100.0, 200.0, 50.0])
    recent.add(rows, 6.0)
    first, second = providers_now(it.compiled.names, it.state, recent, 6.0)
    assert (first.name, first.requests, first.failed_share, first.breaker) == ("one", 4, 0.25, "closed") and first.p95_ms is not None
    assert (second.name, second.requests, second.p95_ms) == ("two", 0, None)


def test_nobody_watches_the_models(tmp_path: Path) -> None:
    assert versions_since(tmp_path / "quality.sqlite", 0.0) == []
