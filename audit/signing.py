"""Keys, and files that only grow by signed lines.

Owns the keys that sign what is noted beside the segments, and the form of such a line:

    {...,"key":"K","signature":"S"}

K is the first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes, S the Ed25519 signature (RFC 8032) in base64 of
the line up to `,"signature"`. Without a key both are null: the line then proves nothing by itself, but a copy of it elsewhere does.
May not do: know what a line says.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from audit import chain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEY_DIGITS = 16
_SIGNATURE = b',"signature":'


class KeyFileError(ValueError):
    """A file is not the key that it should be; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What every line ends with; `signed` are the bytes that `signature` is for."""

    key: str | None = None
    signature: str | None = None
    signed: bytes = b""


_Line = TypeVar("_Line", bound=Signed)


@dataclass(frozen=True, slots=True)
class Lines(Generic[_Line]):
    """What a file says: its lines in their order, how many a crash has torn, and the numbers of those that are altered."""

    found: list[_Line] = field(default_factory=list)
    torn: int = 0
    altered: list[int] = field(default_factory=list)


class Signer:
    """A private key that signs lines."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = Verifier(key.public_key())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read an unencrypted PEM file (PKCS #8). Raises KeyFileError."""
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path} is not a private key in PEM without a passphrase: {error}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"{path} is no Ed25519 key; `louver audit key` makes one")
        return cls(key)

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a key and write it to a new file that its owner alone can read. Raises FileExistsError, OSError."""
        key = Ed25519PrivateKey.generate()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return cls(key)

    def sign(self, data: bytes) -> str:
        """Sign, in base64."""
        return base64.b64encode(self._key.sign(data)).decode()


class Verifier:
    """A public key that proves lines."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.id = sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:_KEY_DIGITS]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a PEM file: a public key, or a private one, whose public half is taken. Raises KeyFileError."""
        try:
            data = path.read_bytes()
            key = load_pem_private_key(data, None).public_key() if b"PRIVATE" in data else load_pem_public_key(data)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path} is not a key in PEM: {error}") from None
        if not isinstance(key, Ed25519PublicKey):
            raise KeyFileError(f"{path} is no Ed25519 key")
        return cls(key)

    @property
    def pem(self) -> str:
        """The key as it is given to whoever verifies."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def proves(self, line: Signed) -> bool:
        """Tell whether a line bears this key's signature."""
        try:
            self._key.verify(base64.b64decode(line.signature or "", validate=True), line.signed)
        except (InvalidSignature, binascii.Error):
            return False
        return line.key == self.id


def line(fields: Mapping[str, Any], signer: Signer | None) -> bytes:
    """Return a line with its newline, signed when there is a key."""
    signed = b"{" + chain.members({**fields, "key": signer.verifier.id if signer else None})
    return b"%b%b%b}\n" % (signed, _SIGNATURE, chain.encode(signer.sign(signed) if signer else None))


def parse(data: bytes, kind: type[_Line]) -> _Line | None:
    """Read a line without its newline; None when it is none of this kind."""
    signed, found, _ = data.rpartition(_SIGNATURE)
    try:
        read = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return replace(read, signed=signed) if found else None


def append(path: Path, data: bytes) -> None:
    """Write a line at the end of a file, durably. What a crash left of a line before stays there as a line. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        size = os.fstat(handle).st_size
        os.write(handle, data if not size or os.pread(handle, 1, size - 1) == b"\n" else b"\n" + data)
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path, kind: type[_Line]) -> Lines[_Line]:
    """Read a file of lines of one kind. Raises OSError; no file is no lines."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return Lines()
    if not lines[-1]:
        lines.pop()
    read: Lines[_Line] = Lines([parsed for data in lines if (parsed := parse(data, kind)) is not None])
    strange = [number for number, data in enumerate(lines, 1) if parse(data, kind) is None]
    altered = [number for number in strange if not _is_torn(lines[number - 1])]
    return replace(read, torn=len(strange) - len(altered), altered=altered)


def _is_torn(data: bytes) -> bool:
    """Whether this is the beginning of a line: what a crash leaves, and no change of a byte."""
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return b"}" not in data and "truncated" in str(error)
    return False
