"""Keys at rest: a digest tells one, and nothing that is kept is one."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roteiro.gateway.keys import Keys, digest_of
from roteiro.plan.model import Plan
from roteiro.plan.read import read_text
from roteiro.terms.error import RequestError, SettingsError

MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def plan(tenants: str = "acme: {workloads: [chat]}, beta: {}") -> Plan:
    reading = read_text(
        f"providers: {{one: {{name: sandbox, model: m, weight: 1, base_url: 'http://127.0.0.1:9/v1', on_premises: true}}}}\n"
        f"tenants: {{{tenants}}}\nworkloads: {{chat: {{}}, batch: {{}}}}"
    )
    assert reading.plan is not None, reading.problems
    return reading.plan


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(f"sqlite:///{tmp_path / 'state.sqlite'}", clock=lambda: MOMENT)


def made(keys: Keys, tenant: str = "acme", workload: str | None = None, name: str | None = None) -> str:
    kept, key = keys.draft(tenant, workload, name, plan())
    keys.add(kept)
    return key


def test_a_key_opens_its_tenant_and_only_its_digest_is_kept(keys: Keys, tmp_path: Path) -> None:
    key = made(keys, "acme", "chat", "mobile")
    (grant,) = keys.grants(plan())
    assert (grant.name, grant.tenant, grant.workload, grant.digest) == ("mobile", "acme", "chat", digest_of(key))
    keys.close()
    assert key.encode() not in (tmp_path / "state.sqlite").read_bytes()
    reopened = Keys(f"sqlite:///{tmp_path / 'state.sqlite'}")
    assert [(k.name, k.created, k.revoked) for k in reopened.all()] == [("mobile", MOMENT, None)]
    reopened.close()


def test_every_key_is_another_and_names_count_on(keys: Keys) -> None:
    secrets = {made(keys) for _ in range(3)}
    assert len(secrets) == 3 and all(len(secret) >= 43 for secret in secrets)
    assert [key.name for key in keys.all()] == ["acme-1", "acme-2", "acme-3"]


def test_a_revoked_key_opens_nothing_and_its_name_stays_taken(keys: Keys) -> None:
    made(keys, name="old")
    assert keys.revoke("old").revoked == MOMENT
    assert keys.revoke("old").revoked == MOMENT, "twice changes nothing"
    assert keys.grants(plan()) == []
    with pytest.raises(RequestError, match="a name is used once") as caught:
        made(keys, name="old")
    assert caught.value.status == 409


def test_keys_of_a_tenant_or_workload_that_went_are_kept_and_closed(keys: Keys) -> None:
    made(keys, "acme", name="a")
    made(keys, "beta", "batch", name="b")
    assert [grant.name for grant in keys.grants(plan("beta: {}"))] == ["b"]
    assert [(key.name, key.is_open(plan("beta: {}"))) for key in keys.all()] == [("a", False), ("b", True)]
    assert [grant.name for grant in keys.grants(plan())] == ["a", "b"]


@pytest.mark.parametrize(
    ("tenant", "workload", "name", "message"),
    [
        ("acne", None, None, "no tenant 'acne'; it has acme, beta"),
        ("acme", "batch", None, "tenant acme has no workload 'batch'; it has chat"),
        ("beta", "chart", None, "it has batch, chat"),
        ("acme", None, "tenant:acme", "cannot name a key"),
        ("acme", None, "", "cannot name a key"),
        ("acme", None, "x" * 65, "cannot name a key"),
    ],
)
def test_what_the_plan_does_not_have_gets_no_key(keys: Keys, tenant: str, workload: str | None, name: str | None, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        made(keys, tenant, workload, name)
    assert caught.value.status == 422 and keys.all() == []


def test_a_key_that_is_not_there_cannot_be_revoked(keys: Keys) -> None:
    with pytest.raises(RequestError, match="there is no key 'x'") as caught:
        keys.revoke("x")
    assert caught.value.status == 404


def test_two_that_draft_one_name_do_not_both_get_it(keys: Keys) -> None:
    first, _ = keys.draft("acme", None, "same", plan())
    second, _ = keys.draft("acme", None, "same", plan())
    keys.add(first)
    with pytest.raises(RequestError, match="already"):
        keys.add(second)


class Clock:
    """Set by hand."""

    def __init__(self) -> None:
        self.now = MOMENT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(tmp_path: Path, clock: Clock) -> Keys:
    return Keys(f"sqlite:///{tmp_path / 'timed.sqlite'}", clock=clock)


def rotated(keys: Keys, name: str, overlap_s: float) -> str:
    kept, key = keys.redraft(name, overlap_s, plan())
    assert digest_of(key) not in digests(keys), "nothing is changed yet"
    keys.rotate(kept)
    return key


def digests(keys: Keys) -> set[str]:
    """What opens now."""
    return {grant.digest for grant in keys.grants(plan())}


def test_a_rotated_key_opens_by_both_secrets_until_the_overlap_ends(timed: Keys, clock: Clock) -> None:
    old = made(timed, name="mine")
    new = rotated(timed, "mine", 3600.0)
    assert digests(timed) == {digest_of(old), digest_of(new)}
    assert {(grant.name, grant.tenant) for grant in timed.grants(plan())} == {("mine", "acme")}, "one key to limits and ledger"
    assert timed.next_change() == timed.named("mine").overlap_until == MOMENT + timedelta(hours=1)
    clock.now += timedelta(hours=1)
    assert digests(timed) == {digest_of(new)} and timed.next_change() is None
    timed.close()


def test_a_rotation_without_overlap_closes_the_old_secrets_at_once(timed: Keys, clock: Clock) -> None:
    made(timed, name="mine")
    rotated(timed, "mine", 3600.0)
    third = rotated(timed, "mine", 0.0)
    assert digests(timed) == {digest_of(third)}
    timed.close()


def test_an_overlap_is_never_made_longer_by_the_next_rotation(timed: Keys, clock: Clock) -> None:
    first = made(timed, name="mine")
    second = rotated(timed, "mine", 60.0)
    third = rotated(timed, "mine", 3600.0)
    assert digests(timed) == {digest_of(first), digest_of(second), digest_of(third)}
    clock.now += timedelta(seconds=60)
    assert digests(timed) == {digest_of(second), digest_of(third)}
    rotated(timed, "mine", 10.0)
    clock.now += timedelta(seconds=10)
    assert len(digests(timed)) == 1, "but shorter it may be made"
    timed.close()


def test_a_key_closes_when_it_expires(timed: Keys, clock: Clock) -> None:
    kept, key = timed.draft("acme", None, "guest", plan(), "30d")
    timed.add(kept)
    assert digests(timed) == {digest_of(key)} and timed.next_change() == MOMENT + timedelta(days=30)
    assert timed.named("guest").is_open(plan())
    clock.now += timedelta(days=30)
    assert digests(timed) == set() and timed.named("guest").expired and not timed.named("guest").is_open(plan())
    assert timed.next_change() is None
    with pytest.raises(RequestError, match="revoked, expired") as caught:
        timed.redraft("guest", 0.0, plan())
    assert caught.value.status == 409
    timed.close()


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-02-03T10:00:00+03:00", datetime(2026, 2, 3, 7, tzinfo=UTC)),
        ("90min", MOMENT + timedelta(minutes=90)),
    ],
)
def test_an_end_is_a_date_a_moment_or_a_duration(timed: Keys, said: str, ends: datetime) -> None:
    timed.add(timed.draft("acme", None, "guest", plan(), said)[0])
    assert timed.named("guest").expires == ends
    timed.close()


@pytest.mark.parametrize("said", ["", "soon", "2026-02-03", "-1d", "0s", "2026-13-01", "1e300d"])
def test_an_end_that_is_none_or_past_is_refused(timed: Keys, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        timed.draft("acme", None, "guest", plan(), said)
    assert (caught.value.status, caught.value.code) == (422, "bad_expiry")
    timed.close()


def test_what_cannot_be_rotated_is_told(timed: Keys) -> None:
    made(timed, name="mine")
    for name, overlap_s, status in (("other", 0.0, 404), ("mine", -1.0, 422), ("mine", 1e9, 422), ("mine", float("nan"), 422)):
        with pytest.raises(RequestError) as caught:
            timed.redraft(name, overlap_s, plan())
        assert caught.value.status == status
    timed.revoke("mine")
    with pytest.raises(RequestError, match="make another"):
        timed.redraft("mine", 0.0, plan())
    timed.close()


def test_keys_of_the_first_release_are_read(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite") as old:
        old.execute(
            "CREATE TABLE keys (name VARCHAR(64) PRIMARY KEY, sha256 VARCHAR(64) NOT NULL UNIQUE, tenant VARCHAR(200) NOT NULL,"
            " workload VARCHAR(200), created DATETIME NOT NULL, revoked DATETIME)"
        )
        old.execute("INSERT INTO keys VALUES ('mine', ?, 'acme', NULL, '2026-01-01 00:00:00.000000', NULL)", ("0" * 64,))
    old.close()
    keys = Keys(f"sqlite:///{tmp_path / 'old.sqlite'}")
    assert digests(keys) == {"0" * 64} and keys.named("mine").expires is None
    keys.close()


@pytest.mark.parametrize("url", ["nonsense", "klingon://x", "sqlite:////nowhere/at/all.sqlite"])
def test_a_database_that_cannot_be_had_is_a_setting_at_fault(url: str) -> None:
    with pytest.raises(SettingsError, match="state database cannot be used"):
        Keys(url)


def test_a_database_that_fails_later_says_so(keys: Keys, tmp_path: Path) -> None:
    made(keys)
    keys.close()
    (tmp_path / "state.sqlite").write_bytes(b"not a database, but long enough to look like one" * 100)
    for ask in (keys.all, lambda: keys.revoke("acme-1"), lambda: keys.draft("acme", None, None, plan())):
        with pytest.raises(SettingsError, match=r"the keys? cannot be"):
            ask()
    keys.close()
