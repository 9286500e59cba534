"""What is kept of clients' texts is sealed: AES-256-GCM, with a key of the data directory or of the environment.

A sealed value is `version (1 byte) | key id (8) | nonce (12) | ciphertext and tag`. The id tells which key opens it, so that a key can be
replaced: the first key seals, all of them open. The place, a table's column and a row's id, is authenticated with it (associated data),
so that a value moved to another row does not open. Nonces are random, which is sound for 2^32 values a key (NIST SP 800-38D, 8.3).

What must not live here: what is sealed, and where it is kept.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from roteiro.terms.error import RoteiroError, SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["VARIABLE", "Keyring", "VaultError", "read_keys"]

VARIABLE: Final = "ROTEIRO_STATE_KEY"
KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12


class VaultError(RoteiroError):
    """What is kept cannot be read or written: the disk refuses, the file is spoilt, or the key that opens it is not there."""


class Keyring:
    """Keys of 32 bytes: the first seals, all open. The library is loaded at the first use: who keeps nothing does not pay for it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise SettingsError(f"the vault wants keys of {KEY_BYTES} bytes, at least one")
        self._keys = {key_id(key): key for key in reversed(keys)}
        self.current = key_id(keys[0])
        self._ciphers: dict[bytes, AESGCM] = {}

    def seal(self, content: bytes, place: str) -> bytes:
        """Only `open` with the same place gives it back."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + self.current + nonce + self._cipher(self.current).encrypt(nonce, content, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed for this place. Raises VaultError where it was not, was changed, or its key is not there."""
        from cryptography.exceptions import InvalidTag

        name, rest = sealed[1 : 1 + _ID_BYTES], sealed[1 + _ID_BYTES :]
        if sealed[:1] != _VERSION or name not in self._keys:
            raise VaultError(f"a row was sealed with key {name.hex()}, which is not here; add the old key to {VARIABLE} or to the key file")
        try:
            return self._cipher(name).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise VaultError("a row is spoilt, or is not where it was written") from None

    def _cipher(self, name: bytes) -> "AESGCM":
        cipher = self._ciphers.get(name)
        if cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            cipher = self._ciphers[name] = AESGCM(self._keys[name])
        return cipher


def key_id(key: bytes) -> bytes:
    """Tells keys apart and gives nothing of them away."""
    return hashlib.sha256(b"roteiro vault key\0" + key).digest()[:_ID_BYTES]


def read_keys(file: Path, environment: Mapping[str, str]) -> list[bytes]:
    """The vault's keys: of the environment where it has some, else of the file, which is made where it is not. The first seals.

    Base64 of 32 bytes each, with commas or line ends between. Raises SettingsError that says what is wrong and never what was read.
    """
    said = environment.get(VARIABLE, "").strip()
    if said:
        return _decoded(said, VARIABLE)
    try:
        return _decoded(file.read_text(encoding="ascii"), str(file))
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{file} cannot be read; mend that, or set {VARIABLE}") from None
    key = secrets.token_bytes(KEY_BYTES)
    part = file.with_name(file.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
            out.write(base64.b64encode(key) + b"\n")
            out.flush()
            os.fsync(out.fileno())  # rows that outlive their key would be lost
        part.replace(file)
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}; mend that, or set {VARIABLE}") from None
    return [key]


def _decoded(said: str, source: str) -> list[bytes]:
    try:
        keys = [base64.b64decode(word, validate=True) for word in said.replace(",", " ").split()]
    except (binascii.Error, ValueError):
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise SettingsError(f"{source} has no keys of {KEY_BYTES} bytes in Base64; make one with `head -c 32 /dev/urandom | base64`")
    return keys
