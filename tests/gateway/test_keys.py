"""Keys at rest: a digest tells one, and nothing that is kept is one."""

from datetime import UTC, datetime
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
