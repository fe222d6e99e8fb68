"""`hash`: HMAC-SHA256 of the value under the proxy's key, so that equal values look equal and nobody can try values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.postgres.masks.hashing import (
    INTEGER_DIGITS,
    NUMERIC_DIGITS,
    bytes_of,
    digest_of,
    keyed,
    number,
    whole_digits,
)
from rewriter.postgres.masks.literals import call, cast, literal, operate, typed
from rewriter.postgres.masks.target import Request, target_of

if TYPE_CHECKING:
    from rewriter.keys import KeyMaterial
    from rewriter.postgres.catalog import Column
    from rewriter.postgres.masks.target import Target

_JOINED: Final = r"\x6a6f696e00"  # "join" and a zero, so that no value's hash here is the mask of another
_UNFIT: Final = frozenset({"name", "bytea"})


def render_hash(request: Request) -> str | None:
    """Give the hash in the column's type: hex digits, 32 bytes, a UUID or a whole number. Other types do not fit.

    Raises MissingKeyError without a key.
    """
    data = bytes_of(request)
    return None if data is None else _shaped(digest_of(request, "hash", data), request.target)


def join_hash(column: Column, reference: str, key: KeyMaterial) -> str | None:
    """Give 32 bytes that are equal for equal values of a column and of any other of its kind; None where there are none.

    They are not those of the mask.
    """
    request = Request(target_of(column), reference, {}, key)
    data = None if column.base_type in _UNFIT else bytes_of(request)
    return None if data is None else keyed(key, operate(typed(_JOINED, "bytea"), "||", data))


def _shaped(digest: str, target: Target) -> str:
    digits = call("encode", digest, literal("hex"))
    if target.base == "bytea":
        return digest
    if target.base == "uuid":
        return cast(call("left", digits, "32"), "pg_catalog.uuid")
    if target.base in INTEGER_DIGITS:
        whole = number(digits, INTEGER_DIGITS[target.base])
        return whole if target.base == "int8" else cast(whole, f"pg_catalog.{target.base}")
    if target.base == "numeric":
        whole = cast(number(digits, INTEGER_DIGITS["int8"]), "pg_catalog.numeric")
        modulus = 10 ** min(NUMERIC_DIGITS, whole_digits(target))
        return call("mod", whole, typed(str(modulus), "numeric"))
    return call("left", digits, str(target.length)) if target.length is not None else digits
