"""`hash`: HMAC-SHA256 of the value under the proxy's key, so that equal values look equal and nobody can try values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.mysql.masks.hashing import bytes_of, hexadecimal, keyed, made, number
from rewriter.mysql.masks.target import BINARIES, INTEGERS, Request, decimal, target_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.keys import KeyMaterial
    from rewriter.mysql.catalog import Column

_DIGITS: Final[Mapping[str, int]] = {"tinyint": 1, "smallint": 3, "mediumint": 5, "int": 7, "bigint": 15}
"""Hex digits that fit the type and leave its sign alone."""
_DECIMAL_DIGITS = 15  # decimal digits that 15 hex digits surely fill
_JOINED: Final = "x'6a6f696e00'"  # "join" and a zero, so that no value's hash here is the mask of another
_UNPADDED: Final = ("_0900_", "nopad")
"""In the names of collations to which blanks at the end of a text tell it from another."""


def render_hash(request: Request) -> str | None:
    """Give the hash in the column's type: hex digits, 32 bytes, a UUID or a whole number. Other types do not fit.

    Raises MissingKeyError without a key.
    """
    data = bytes_of(request)
    return None if data is None else made(request, "hash", data, lambda digest: _shaped(digest, request))


def join_hash(column: Column, reference: str, key: KeyMaterial) -> str:
    """Give 32 bytes that are equal for values of a column, or of one of like type, that the server takes for equal, and for no others.

    They are not those of the mask. Raises ValueError for a type that has none.
    """
    request = Request(target_of(column), reference, {}, key)
    data = bytes_of(request)
    if request.target.is_text:
        padded = not any(word in (column.collation or "") for word in _UNPADDED)
        data = f"WEIGHT_STRING({f'RTRIM({reference})' if padded else request.text})"
    if data is None:
        raise ValueError(column.type_name)
    return keyed(key, [_JOINED, data], lambda digest: f"LEFT(UNHEX({digest}), 32)")


def _shaped(digest: str, request: Request) -> str:
    target = request.target
    if target.base in BINARIES:
        return f"LEFT(UNHEX({digest}), {target.length})" if target.length is not None else f"UNHEX({digest})"
    if target.base == "uuid":
        return f"CAST(LEFT(UNHEX({digest}), 16) AS UUID)"  # some texts of 32 digits are refused
    if target.base in INTEGERS:
        return target.number(number(digest, _DIGITS[target.base]))
    if target.base == "decimal":
        precision, scale = target.size
        modulus = 10 ** min(_DECIMAL_DIGITS, precision - scale)
        return decimal(target, f"MOD(CAST({number(digest, _DIGITS['bigint'])} AS UNSIGNED), {modulus})")
    digits = hexadecimal(digest)
    return f"LEFT({digits}, {target.length})" if target.length is not None else digits
