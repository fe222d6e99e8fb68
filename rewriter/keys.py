"""The key of keyed masks, in the two forms that leave the process: a value in the session and a fingerprint.

Owns the derivation. May not do: make keys, store them, or write either form anywhere.

The secret itself goes nowhere. The setting, a custom one on PostgreSQL and a user variable on MySQL, holds the two padded
keys of HMAC (RFC 2104, section 2), for the server has SHA-256 and no HMAC; the fingerprint stands in the SQL text, so that a mask can tell the proxy's key from one that
a caller has set.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

SETTING: Final = "louver.key"
"""What the name of the custom setting that carries the key begins with.

The proxy adds something that nobody can guess, anew each time it starts: a view, a default or a function that somebody has
made to read the setting would give the key to whoever uses it in a session that holds one.
"""
MIN_SECRET: Final = 16
"""Bytes. The fingerprint can be read by callers (EXPLAIN), so the secret must be beyond guessing."""

_BLOCK = 64  # bytes of a SHA-256 block


class MissingKeyError(LookupError):
    """A keyed mask is asked for and no key is configured."""


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """`setting`: hex of the inner and the outer padded key, 64 bytes each. `fingerprint`: hex SHA-256 of `setting`.

    `name`: of the session setting that carries it.
    """

    setting: str = field(repr=False)
    fingerprint: str
    name: str = SETTING


def key_material(secret: bytes, name: str = SETTING) -> KeyMaterial:
    """Derive both forms from a secret of 16 random bytes or more, to be carried by the setting `name`.

    Raises ValueError for a shorter one.
    """
    if len(secret) < MIN_SECRET:
        raise ValueError(f"the key of keyed masks must have at least {MIN_SECRET} bytes, this one has {len(secret)}")
    block = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
    setting = (bytes(byte ^ 0x36 for byte in block) + bytes(byte ^ 0x5C for byte in block)).hex()
    return KeyMaterial(setting, hashlib.sha256(setting.encode()).hexdigest(), name)
