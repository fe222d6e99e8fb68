"""The heads of closed segments, signed: what each segment ended with, so that it cannot be written anew without the key.

Owns the file `heads.jsonl` beside the segments, one line for each segment that was closed, and the keys that sign them.
May not do: read segments, judge a trail (verify).

    {"segment":3,"first":1622,"last":2430,"hash":"H","time":"T","key":"K","signature":"S"}

`first` and `last` are the numbers of the segment's records, H the hash of its last block. K is the first 16 hexadecimal
digits of the SHA-256 of the public key's 32 bytes, S the Ed25519 signature (RFC 8032) in base64 of the line up to `,"signature"`.
Without a key both are null: the line then proves nothing by itself, but a copy of it elsewhere does.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Self

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
    from pathlib import Path

HEADS = "heads.jsonl"
_KEY_DIGITS = 16
_SIGNATURE = b',"signature":'


class KeyFileError(ValueError):
    """A file is not the key that it should be; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """What a closed segment ended with; `signed` are the bytes that `signature` is for."""

    segment: int
    first: int
    last: int
    hash: str
    time: str
    key: str | None = None
    signature: str | None = None
    signed: bytes = b""


class Signer:
    """A private key that signs heads."""

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
    """A public key that proves heads."""

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

    def proves(self, head: SegmentHead) -> bool:
        """Tell whether a head bears this key's signature."""
        try:
            self._key.verify(base64.b64decode(head.signature or "", validate=True), head.signed)
        except (InvalidSignature, binascii.Error):
            return False
        return head.key == self.id


def line(head: SegmentHead, signer: Signer | None) -> bytes:
    """Return the line of a head, with its newline, signed when there is a key."""
    fields = {"segment": head.segment, "first": head.first, "last": head.last, "hash": head.hash, "time": head.time}
    signed = b"{" + chain.members({**fields, "key": signer.verifier.id if signer else None})
    return b"%b%b%b}\n" % (signed, _SIGNATURE, chain.encode(signer.sign(signed) if signer else None))


def parse(data: bytes) -> SegmentHead | None:
    """Read a line without its newline; None when it is none."""
    signed, found, _ = data.rpartition(_SIGNATURE)
    try:
        head = msgspec.json.decode(data, type=SegmentHead)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return replace(head, signed=signed) if found else None


def append(directory: Path, head: SegmentHead, signer: Signer | None) -> None:
    """Write a head at the end of the file, durably. What a crash left of a line before stays there as a line. Raises OSError."""
    path = directory / HEADS
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        size = os.fstat(handle).st_size
        data = line(head, signer)
        os.write(handle, data if not size or os.pread(handle, 1, size - 1) == b"\n" else b"\n" + data)
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> tuple[list[SegmentHead], int]:
    """Return the heads of a file in their order, and how many of its lines are none. Raises OSError; no file is no heads."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return [], 0
    found = [parse(data) for data in lines]
    heads = [head for head in found if head is not None]
    return heads, len(found) - len(heads)
