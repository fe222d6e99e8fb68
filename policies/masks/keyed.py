"""`hash`, `token` and `digits`: pseudonyms made with a key, equal for equal values.

Owns how a value becomes bytes and how the bytes of one mask and scope are kept apart from those of another. The key itself comes
from outside and is an HMAC-SHA256 key (RFC 2104).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from uuid import UUID

from policies.masks.schema import PAD, SCOPE, Example, MaskSchema, Parameter, Value, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell, Parameters

NUMBER_DIGITS: Final = 15
"""Hexadecimal digits of a hash that are read as a number, which a bigint holds."""
MOST_DIGITS: Final = 2 * NUMBER_DIGITS
"""Decimal digits that `digits` makes."""
SEPARATORS: Final = " -"
"""What `digits` takes out of a number."""
SHORTEST_TOKEN: Final = 8
"""Hexadecimal digits of a token that its column must have room for."""
_WORD = re.compile(r"[A-Za-z0-9_.-]*")


class KeyNeededError(LookupError):
    """A keyed mask is asked for and there is no secret."""


def prefix(mask: str, given: Parameters) -> bytes:
    """Give what stands before a value when it is hashed, so that no two masks or scopes hash alike.

    Nothing for `hash` without a scope, which is the plain HMAC. No text begins with the byte 255.
    """
    scope = str(given.get("scope", ""))
    return b"" if mask == "hash" and not scope else b"\xff" + mask.encode() + b"\0" + scope.encode() + b"\0"


def reads_of(value: Value) -> bytes | None:
    """Give the bytes that are hashed of a value; None for a type that is not."""
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case bool() | float():
            return None
        case int() | UUID():
            return str(value).encode()
        case Decimal():
            text = f"{value:f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text).encode()
    return None


def digest(cell: Cell, mask: str, data: bytes) -> bytes:
    """Give the 32 bytes of a value under a mask and its scope. Raises KeyNeededError."""
    if cell.secret is None:
        raise KeyNeededError(f"the mask `{mask}` needs a key")
    return hmac.new(cell.secret, prefix(mask, cell.parameters) + data, hashlib.sha256).digest()


def digest_number(cell: Cell, mask: str, data: bytes) -> int:
    """Give the digest's first 60 bits."""
    return int(digest(cell, mask, data).hex()[:NUMBER_DIGITS], 16)


def _hash(cell: Cell) -> Value | None:
    data = reads_of(cell.value)
    if data is None:
        return None
    found = digest(cell, "hash", data)
    match cell.value:
        case bytes():
            return found[: cell.length]
        case UUID():
            return UUID(bytes=found[:16])
        case int():
            return int(found.hex()[:NUMBER_DIGITS], 16)
        case Decimal():
            return Decimal(int(found.hex()[:NUMBER_DIGITS], 16) % 10**NUMBER_DIGITS)
    return found.hex()[: cell.length]


def _token(cell: Cell) -> Value | None:
    start, length = str(cell.parameters["prefix"]), cell.number("length")
    if not isinstance(cell.value, str) or (cell.length is not None and cell.length < len(start) + SHORTEST_TOKEN):
        return None
    return (start + digest(cell, "token", cell.value.encode()).hex()[:length])[: cell.length]


def _digits(cell: Cell) -> Value | None:
    if not isinstance(cell.value, str):
        return None
    first, last = cell.number("keep_first"), cell.number("keep_last")
    text = cell.value.translate(str.maketrans("", "", SEPARATORS))
    if (
        not re.fullmatch(f"[0-9]{{{first + last + PAD},{first + last + MOST_DIGITS}}}", text)
        or len(cell.value) > 2 * MOST_DIGITS
    ):
        return cell.pad
    made = digest(cell, "digits", text.encode()).hex()
    parts = (int(made[start : start + NUMBER_DIGITS], 16) % 10**NUMBER_DIGITS for start in (0, NUMBER_DIGITS))
    other = "".join(f"{part:0{NUMBER_DIGITS}}" for part in parts)
    return text[:first] + other[MOST_DIGITS - (len(text) - first - last) :] + text[len(text) - last :]


def scope_problem(given: Parameters) -> str | None:
    """Say what is wrong with a scope, or a token's prefix: they stand in SQL and are read by people."""
    for name in ("scope", "prefix"):
        if not _WORD.fullmatch(str(given.get(name, ""))):
            return f"`{name}` may have letters, digits, `_`, `.` and `-` only"
    return None


def _scoped(given: Parameters) -> str:
    return f" for {given['scope']}" if given["scope"] else ""


HASH: Final = MaskSchema(
    "hash",
    "gives a keyed hash: equal values look equal, and nobody without the key can try values",
    parameters(scope=SCOPE),
    lambda given: f"is shown as a keyed hash{_scoped(given)}, so that equal values look equal",
    _hash,
    Example("13812345678"),
    fits="text, whole numbers, numeric, UUID, bytea",
    keyed=True,
    problem=scope_problem,
)
TOKEN: Final = MaskSchema(
    "token",
    "gives a short keyed pseudonym: equal values look equal",
    parameters(
        prefix=Parameter("text", "", "what every token begins with", 0, 8),
        length=Parameter("integer", 16, "hexadecimal digits of a token", SHORTEST_TOKEN, 64),
        scope=SCOPE,
    ),
    lambda given: f"is shown as a token{_scoped(given)}, so that equal values look equal",
    _token,
    Example("13812345678", {"prefix": "T-"}),
    keyed=True,
    problem=scope_problem,
)
DIGITS: Final = MaskSchema(
    "digits",
    "gives as many other digits, made with the key: equal numbers look equal",
    parameters(
        keep_first=Parameter("integer", 0, "digits shown at the start as they are", 0, 8),
        keep_last=Parameter("integer", 0, "digits shown at the end as they are", 0, 4),
        scope=SCOPE,
    ),
    lambda given: (
        f"is shown as other digits{_scoped(given)}, as many and equal for equal numbers"
        + (
            f", with its {' and '.join(f'{n} {end}' for n, end in ((given['keep_first'], 'first'), (given['keep_last'], 'last')) if n)}"
            if given["keep_first"] or given["keep_last"]
            else ""
        )
    ),
    _digits,
    Example("6222021234567890", {"keep_first": 6}),
    keyed=True,
    problem=scope_problem,
)
