"""Texts of statements that the holder of a private key alone can read: how they are written.

Owns the construction; `audit.opening` reads what is made here. May not do: keep a text, write it anywhere, open what it has sealed.

Each auditor has an X25519 key pair (RFC 7748), the proxy its public half. At its start, and once a day, the proxy draws a data key of
32 random bytes and wraps it for the auditor by HPKE, RFC 9180, in its base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
AES-256-GCM, with INFO for its info and no associated data. The record `text_key` says

    key       K, the first 16 hexadecimal digits of the SHA-256 of what is wrapped
    reader    the first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes
    wrapped   `enc || ciphertext` of RFC 9180, in base64
    others    where there are several auditors: `reader` and `wrapped` of each further one, of the same data key

K is of all that is wrapped, one behind the other: no reader can be exchanged. The record stands in every segment before the first text under that key. A text is `K:` and, in base64, a nonce of 12 bytes and the text
under AES-256-GCM with the data key. The nonce counts from 1 under each data key, so none comes twice. The associated data are
TEXT, the session, a zero byte and the number of the statement in decimal digits: no text can be moved to another record.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from audit.record import text_key
from audit.signing import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from audit.writer import Trail


INFO: Final = b"louver audit text key 1"
TEXT: Final = b"louver audit text 1\0"
DIGITS: Final = 16
NONCE: Final = 12
"""Bytes."""

KEY_SECONDS: Final = 24 * 60 * 60.0
"""How long a data key is used: whoever gets one, out of a core file say, reads a day."""

_KEY_BYTES: Final = 32


def suite() -> Suite:
    """The one way in which data keys are wrapped."""
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def name_of(data: bytes) -> str:
    """What a key is called: of the auditor's, its 32 public bytes are given, of a data key, what is wrapped."""
    return sha256(data).hexdigest()[:DIGITS]


def associated(session: str, number: int) -> bytes:
    """What binds a text to its record."""
    return b"%b%b\0%d" % (TEXT, session.encode("utf-8", "backslashreplace"), number)


class Reader:
    """The auditor's public key, for whom texts are sealed."""

    def __init__(self, key: X25519PublicKey) -> None:
        self._key = key
        self.id: str = name_of(key.public_bytes(Encoding.Raw, PublicFormat.Raw))

    @classmethod
    def read(cls, path: Path) -> Reader:
        """Read the public half of a key of `louver audit key --for texts`, a PEM file. Raises KeyFileError."""
        try:
            data = path.read_bytes()
            if b"PRIVATE" in data:
                raise KeyFileError(
                    f"{path} holds a private key, which must not be where the proxy runs: give the public half alone"
                )
            key = load_pem_public_key(data)
        except (OSError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path} is not a key in PEM: {error}") from None
        except ValueError as error:
            if isinstance(error, KeyFileError):
                raise
            raise KeyFileError(f"{path} is not a key in PEM: {error}") from None
        if not isinstance(key, X25519PublicKey):
            raise KeyFileError(f"{path} is no X25519 key; `louver audit key --for texts` makes one")
        return cls(key)

    def wrap(self, data_key: bytes) -> bytes:
        """Wrap a data key for the auditor."""
        return suite().encrypt(data_key, self._key, INFO)


class Sealer:
    """Seals the texts of all sessions of a proxy, for each of its readers; `seal` may raise AuditUnavailable where a new key cannot be told."""

    def __init__(self, readers: Sequence[Reader], trail: Trail, clock: Callable[[], float] = monotonic) -> None:
        self._readers = tuple(readers)
        self._trail = trail
        self._clock = clock
        self._cipher: AESGCM | None = None
        self._name: bytes = b""
        self._told: bool = False  # a trail that is lenient may not take what tells the key
        self._body: bytes = b""
        self._used: int = 0  # texts under the key
        self._until: float = 0.0

    def seal(self, session: str, number: int, text: bytes) -> bytes:
        """Seal a text for the record of a statement: ASCII without quotes. To be called before the record is appended."""
        cipher = self._cipher
        if cipher is None or self._clock() >= self._until or not self._told:
            cipher = self._renewed()
        self._used += 1
        nonce = self._used.to_bytes(NONCE, "big")
        sealed = cipher.encrypt(nonce, text, associated(session, number))
        return b"%b:%b" % (self._name, b2a_base64(nonce + sealed, newline=False))

    def _renewed(self) -> AESGCM:
        """Have a key that stands in the trail: a new one, or the one at hand that could not be told."""
        cipher = self._cipher
        if cipher is None or self._clock() >= self._until:
            key = os.urandom(_KEY_BYTES)
            wrapped = [reader.wrap(key) for reader in self._readers]
            name = name_of(b"".join(wrapped))
            cipher = self._cipher = AESGCM(key)
            self._name = name.encode()
            told = [
                (reader.id, b2a_base64(each, newline=False).decode())
                for reader, each in zip(self._readers, wrapped, strict=True)
            ]
            self._body = text_key(key=name, reader=told[0][0], wrapped=told[0][1], others=told[1:])
            self._told = False
            self._used = 0
            self._until = self._clock() + KEY_SECONDS
        self._told = self._trail.stand(self._body) != 0
        return cipher
