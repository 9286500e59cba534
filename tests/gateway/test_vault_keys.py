"""What is sealed opens with its key, in its place, and not otherwise; keys are replaced without losing what older ones sealed."""

import base64
import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.gateway.vault_keys import VARIABLE, Keyring, VaultError, read_keys
from roteiro.terms.error import SettingsError


@given(content=st.binary(max_size=2000), place=st.text(max_size=40))
def test_what_is_sealed_opens_in_its_place_alone(content: bytes, place: str) -> None:
    keyring = Keyring([secrets.token_bytes(32)])
    sealed = keyring.seal(content, place)
    assert keyring.open(sealed, place) == content
    assert len(sealed) == len(content) + 1 + 8 + 12 + 16
    with pytest.raises(VaultError, match="not where it was written"):
        keyring.open(sealed, place + "x")


@given(st.data())
def test_a_flipped_bit_is_found(data: st.DataObject) -> None:
    keyring = Keyring([secrets.token_bytes(32)])
    sealed = bytearray(keyring.seal(b"a prompt", "here"))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(VaultError):
        keyring.open(bytes(sealed), "here")


def test_the_same_text_is_never_sealed_to_the_same() -> None:
    keyring = Keyring([secrets.token_bytes(32)])
    assert len({keyring.seal(b"hello", "here") for _ in range(100)}) == 100


def test_an_old_key_opens_and_the_new_one_seals() -> None:
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    before = Keyring([old]).seal(b"x", "p")
    both = Keyring([new, old])
    assert both.open(before, "p") == b"x"
    assert Keyring([new]).open(both.seal(b"y", "p"), "p") == b"y"
    with pytest.raises(VaultError, match="which is not here; add the old key"):
        Keyring([new]).open(before, "p")
    with pytest.raises(VaultError):
        Keyring([new]).open(b"", "p")


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "vault.key"
    (key,) = read_keys(file, {})
    assert len(key) == 32 and read_keys(file, {}) == [key]
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_the_environment_wins_and_leaves_no_file(tmp_path: Path) -> None:
    keys = [secrets.token_bytes(32) for _ in range(2)]
    said = ",".join(base64.b64encode(key).decode() for key in keys)
    assert read_keys(tmp_path / "vault.key", {VARIABLE: said}) == keys
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("said", ["hunter2-is-no-key", "aGVsbG8=", "ã" * 32])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, said: str) -> None:
    with pytest.raises(SettingsError, match="has no keys of 32 bytes") as caught:
        read_keys(tmp_path / "vault.key", {VARIABLE: said})
    assert said not in str(caught.value)
    (tmp_path / "vault.key").write_text(said, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"vault\.key") as caught:
        read_keys(tmp_path / "vault.key", {})
    assert said not in str(caught.value)


def test_a_keyring_wants_whole_keys() -> None:
    for keys in ([], [b"short"]):
        with pytest.raises(SettingsError, match="32 bytes"):
            Keyring(keys)
