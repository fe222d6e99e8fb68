"""Keyed hashes of the values that a statement names: who has asked for customer 4711, without a value in the trail.

Owns the hash, and how a value is spelled before it is hashed. Whoever has the secret can find out which of the values that he can
guess were asked for; nobody else can. May not do: find values in statements or messages (proxy).
"""

from __future__ import annotations

import hmac
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST: Final = 100
"""Values of one statement that are kept; of generated lists and loads the first ones."""

_BYTES: Final = 8
_PURPOSE: Final = b"louver audit values"


class ValueKey:
    """The key of the hashes, derived from the proxy's secret, so that they are no images of keyed masks."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def digest(self, value: bytes) -> str:
        """Return 64 bits of keyed BLAKE2b (RFC 7693) of a value as hexadecimal digits; spaces around it do not count."""
        return blake2b(value.strip(), digest_size=_BYTES, key=self._key).hexdigest()

    def digests(self, values: Iterable[bytes]) -> list[str]:
        """Return those of several values, each once, the first MOST of them."""
        return [self.digest(value) for value in islice(dict.fromkeys(values), MOST)]
