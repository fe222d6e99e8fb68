"""Keyed hashes of the values that a statement names: who has asked for customer 4711, without a value in the trail.

Owns the hash, and how a value is spelled before it is hashed. Whoever has the secret can find out which of the values that he can
guess were asked for; nobody else can. May not do: find values in statements or messages (proxy).
"""

from __future__ import annotations

import hmac
from hashlib import blake2b
from typing import Final

MOST: Final = 100
"""Values of one statement that are kept; of generated lists and loads the first ones."""

_BYTES: Final = 8
_PURPOSE: Final = b"louver audit values"


class ValueKey:
    """The key of the hashes, derived from the proxy's secret, so that they are no images of keyed masks."""

    def __init__(self, secret: bytes) -> None:
        # it has read the key: a copy of it is half the work of a new one
        self._keyed = blake2b(digest_size=_BYTES, key=hmac.digest(secret, _PURPOSE, "sha256"))

    def digest(self, value: bytes) -> str:
        """Return 64 bits of keyed BLAKE2b (RFC 7693) of a value as hexadecimal digits; spaces around it do not count."""
        hasher = self._keyed.copy()
        hasher.update(value.strip())
        return hasher.hexdigest()

    def digests(self, values: list[bytes]) -> list[str]:
        """Return those of several values, each once, the first MOST of them."""
        if len(values) > 1:
            values = list(dict.fromkeys(values))[:MOST]
        return [self.digest(value) for value in values]
