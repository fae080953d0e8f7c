"""Ed25519 keys in PEM files: PKCS#8 for the private one, SubjectPublicKeyInfo for the public one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stream_guard.errors import InputError, OutputError
from stream_guard.sinks.publish import translated

AskPassphrase = Callable[[], str]


class Signer:
    """A private key; it leaves this object only as signatures."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: str | Path, ask: AskPassphrase | None = None) -> Signer:
        """Read a private key; `ask` is called for the passphrase if there is one.

        Raises:
            InputError: the file cannot be read, is no Ed25519 key, or the passphrase is wrong or missing.
        """
        content = _read(Path(path))
        key: object
        try:
            key = serialization.load_pem_private_key(content, None)
        except TypeError:  # how cryptography says that it is encrypted
            key = _decrypted(content, Path(path), ask)
        except (ValueError, UnsupportedAlgorithm) as exc:
            raise _no_key(path, "private") from exc
        if not isinstance(key, Ed25519PrivateKey):
            raise _no_key(path, "private")
        return cls(key)

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, text: bytes) -> bytes:
        return self._key.sign(text)


def require_free(private: Path, public: Path) -> None:
    """Refuse to write over a key.

    Raises:
        OutputError: one of the files exists.
    """
    for path in (private, public):
        if os.path.lexists(path):
            raise OutputError(f"{path} exists; choose another name, for a lost key cannot be made again")


def write_pair(private: Path, public: Path, passphrase: str | None) -> None:
    """Write a new private key, readable by its owner only, and its public key.

    Raises:
        OutputError: one of the files exists or cannot be written; neither is left then.
    """
    require_free(private, public)
    key = Ed25519PrivateKey.generate()
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase.encode("utf-8"))
    pem = serialization.Encoding.PEM
    _write(private, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, protection), 0o600)
    try:
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        _write(public, key.public_key().public_bytes(pem, spki), 0o644)
    except BaseException:
        private.unlink()
        raise


def _write(path: Path, content: bytes, mode: int) -> None:
    with translated(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
        except BaseException:
            path.unlink()
            raise


def read_public(path: str | Path) -> bytes:
    """Return the 32 bytes of a public key.

    Raises:
        InputError: the file cannot be read or is no Ed25519 public key.
    """
    content = _read(Path(path))
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise _no_key(path, "public") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "public")
    return key.public_bytes_raw()


def is_signed(text: bytes, signature: bytes, public: bytes) -> bool:
    """Tell whether the signature of a text was made with the key that belongs to a public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError(f"{path}: cannot read the key ({exc.strerror})") from exc


def _decrypted(content: bytes, path: Path, ask: AskPassphrase | None) -> object:
    if ask is None:
        raise InputError(f"{path}: the key is protected by a passphrase, and nobody was asked for it")
    try:
        return serialization.load_pem_private_key(content, ask().encode("utf-8"))
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InputError(f"{path}: wrong passphrase, or the key is damaged") from exc


def _no_key(path: str | Path, kind: str) -> InputError:
    hint = {"private": "the file that `stream-guard keygen` wrote", "public": "its file that ends in .pub"}
    return InputError(f"{path}: not an Ed25519 {kind} key in PEM format; give {hint[kind]}")
