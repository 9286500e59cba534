"""Calls from within: by the run's token, from this machine, for a key that is open. Nothing else."""

import os

import msgspec
import pytest
from tests.gateway.world import KEY, compiled

from roteiro.gateway.internal import Internal, Secrets, read_secrets, share_secrets
from roteiro.terms.edge import Edge
from roteiro.terms.error import RequestError, SettingsError

EDGE = compiled().edge


@pytest.fixture
def known(tmp_path: object) -> Secrets:
    return Secrets.make(tmp_path / "vault.sqlite", [os.urandom(32)])  # type: ignore[operator]


def resolve(
    known: Secrets, edge: Edge = EDGE, key: str = "acme-1", peer: str = "127.0.0.1", token: str | None = None, own: str = ""
) -> int:
    authorization = f"Bearer {known.token if token is None else token}".encode()
    return Internal(known.token).resolve(edge, authorization, key.encode(), peer, own)


def test_it_is_the_key_that_it_is_for(known: Secrets) -> None:
    assert EDGE.key_names[resolve(known)] == "acme-1"
    assert EDGE.key_names[resolve(known, key="beta-1")] == "beta-1"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_from_this_machine(known: Secrets, peer: str) -> None:
    assert resolve(known, peer=peer) >= 0
    assert resolve(known, peer="203.0.113.7", own="203.0.113.7") >= 0


@pytest.mark.parametrize("peer", ["203.0.113.7", "10.0.0.1", "", "localhost", "::ffff:203.0.113.7", "fe80::1%eth0", "127.0.0.1.example"])
def test_not_from_another(known: Secrets, peer: str) -> None:
    with pytest.raises(RequestError) as caught:
        resolve(known, peer=peer, own="203.0.113.8")
    assert caught.value.status == 401


@pytest.mark.parametrize("token", ["", "x", KEY])
def test_not_by_another_token(known: Secrets, token: str) -> None:
    with pytest.raises(RequestError) as caught:
        resolve(known, token=token)
    assert caught.value.status == 401
    with pytest.raises(RequestError):
        Internal(known.token).resolve(EDGE, None, b"acme-1", "127.0.0.1")
    with pytest.raises(RequestError):
        Internal(known.token).resolve(EDGE, b"Basic " + known.token.encode(), b"acme-1", "127.0.0.1")


@pytest.mark.parametrize("key", ["tenant:acme", "nobody", "", "acme"])
def test_not_for_a_key_that_is_none(known: Secrets, key: str) -> None:
    with pytest.raises(RequestError) as caught:
        resolve(known, key=key)
    assert (caught.value.status, caught.value.code) == (403, "key_closed")


def test_a_key_that_is_revoked_is_closed_to_us_too(known: Secrets) -> None:
    internal, authorization = Internal(known.token), f"bearer {known.token}".encode()
    assert internal.resolve(EDGE, authorization, b"acme-1", "::1") >= 0
    closed = msgspec.structs.replace(EDGE, keys={digest: index for digest, index in EDGE.keys.items() if EDGE.key_names[index] != "acme-1"})
    with pytest.raises(RequestError, match="revoked"):
        internal.resolve(closed, authorization, b"acme-1", "::1")
    assert internal.resolve(closed, authorization, b"beta-1", "::1") >= 0


def test_the_secrets_reach_who_inherits_them_and_are_in_no_file_and_no_message(known: Secrets) -> None:
    fd = share_secrets(known)
    try:
        assert not os.get_inheritable(fd), "only who is given it has it"
        assert read_secrets(fd) == read_secrets(fd) == known
    finally:
        os.close(fd)
    assert known.token not in repr(known)
    other = os.memfd_create("other")
    os.write(other, b"nonsense")
    with pytest.raises(SettingsError, match="secrets cannot be read"):
        read_secrets(other)
    os.close(other)
    with pytest.raises(SettingsError, match="secrets cannot be read"):
        read_secrets(other)
