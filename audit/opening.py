"""Texts of statements that were sealed, read by the holder of the private key; the construction is told in audit.sealing.

Owns the private key, and what is said when a text cannot be opened. May not do: read the trail itself, write.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from audit.sealing import INFO, NONCE, associated, name_of, suite
from audit.signing import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from audit.search import Entry

Fields = dict[str, Any]

_UNREADABLE: Final = "cannot be read: it is not as it was written"


class CannotOpen(Exception):  # noqa: N818  an answer for the reader
    """A text stays sealed; the message says why."""


class TextKey:
    """An auditor's private key."""

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        public = key.public_key()
        self.id = name_of(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.public = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a key and write it to a new file that its owner alone can read. Raises FileExistsError, OSError."""
        key = X25519PrivateKey.generate()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return cls(key)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read an unencrypted PEM file (PKCS #8). Raises KeyFileError."""
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path} is not a private key in PEM without a passphrase: {error}") from None
        if not isinstance(key, X25519PrivateKey):
            raise KeyFileError(f"{path} is no X25519 key; `louver audit key --for texts` makes one")
        return cls(key)

    def unwrap(self, fields: Mapping[str, Any]) -> bytes:
        """Give the data key of a record `text_key`. Raises CannotOpen."""
        others = fields.get("others")
        readers = (
            [fields, *(each for each in others if isinstance(each, dict))] if isinstance(others, list) else [fields]
        )
        wrapped = [_decoded(each.get("wrapped")) for each in readers]
        mine = [data for each, data in zip(readers, wrapped, strict=True) if each.get("reader") == self.id]
        if not mine:
            names = " and ".join(str(each.get("reader")) for each in readers)
            raise CannotOpen(f"it is sealed for key {names}, and this is key {self.id}")
        try:
            if mine[0] is None or name_of(b"".join(data or b"" for data in wrapped)) != fields.get("key"):
                raise CannotOpen("the record of its data key was altered")
            return suite().decrypt(mine[0], self._key, INFO)
        except (InvalidTag, ValueError):
            raise CannotOpen("the record of its data key was altered") from None


class Opener:
    """Opens texts by a private key. `find` gives the record `text_key` of a data key, by its name; None when there is none."""

    def __init__(self, key: TextKey, find: Callable[[str], Fields | None]) -> None:
        self._key = key
        self._find = find
        self._ciphers: dict[str, AESGCM | str] = {}  # or why there is none
        self.unopened: Counter[str] = Counter()

    def entries(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Give entries with the texts of their statements, as they were sent; `unopened` counts why others stay as they are."""
        for entry in entries:
            yield self.entry(entry)

    def entry(self, entry: Entry) -> Entry:
        """Give one entry so. In its record `text` is the opened one and `scrubbed` what stood there, or `unopened` says why not."""
        record = entry.record
        if record.get("event") != "statement" or "sealed" not in record:
            return entry
        try:
            opened = {"text": self.text(record), "scrubbed": record.get("text")}
        except CannotOpen as why:
            self.unopened[str(why)] += 1
            opened = {"unopened": str(why)}
        rest = {name: value for name, value in record.items() if name != "sealed"}
        return replace(entry, record={**rest, **opened})

    def text(self, record: Mapping[str, Any]) -> str:
        """Open the text of a statement. Raises CannotOpen."""
        sealed = record.get("sealed")
        name, found, data = sealed.partition(":") if isinstance(sealed, str) else ("", "", "")
        session, number = record.get("session"), record.get("statement")
        content = _decoded(data)
        if not found or content is None or not isinstance(session, str) or not isinstance(number, int):
            raise CannotOpen(_UNREADABLE)
        cipher = self._cipher(name)
        try:
            text = cipher.decrypt(content[:NONCE], content[NONCE:], associated(session, number))
        except (InvalidTag, ValueError):
            raise CannotOpen(_UNREADABLE) from None
        return text.decode(errors="backslashreplace")

    def _cipher(self, name: str) -> AESGCM:
        cipher = self._ciphers.get(name)
        if cipher is None:
            cipher = self._ciphers[name] = self._found(name)
        if isinstance(cipher, str):
            raise CannotOpen(cipher)
        return cipher

    def _found(self, name: str) -> AESGCM | str:
        """Find a data key, or why it cannot be had."""
        fields = self._find(name)
        if fields is None:
            return "the record of its data key is missing"
        try:
            return AESGCM(self._key.unwrap(fields))
        except CannotOpen as why:
            return str(why)


def _decoded(data: object) -> bytes | None:
    """What base64 says that is written in the one way it can be; None for anything else."""
    try:
        found = b64decode(data, validate=True) if isinstance(data, str) else b""
    except ValueError:
        return None
    return found if b64encode(found).decode() == data else None
