"""`hash`: HMAC-SHA256 of the value under the proxy's key, so that equal values look equal and nobody can try values.

Computed by the server as sha256(outer || sha256(inner || value)) (RFC 2104). Both keys come from the session setting by
uncorrelated subqueries, which run once a statement. A setting whose fingerprint is not the proxy's gives NULL: who sets
a key of his own learns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.keys import MissingKeyError
from rewriter.postgres.masks.literals import call, cast, literal, operate, typed
from rewriter.postgres.masks.target import TEXTS, Request, target_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.keys import KeyMaterial
    from rewriter.postgres.catalog import Column
    from rewriter.postgres.masks.target import Target

_PAD_BYTES = 64
_JOINED: Final = r"\x6a6f696e00"  # "join" and a zero, so that no value's hash here is the mask of another
_UNFIT: Final = frozenset({"name", "bytea"})
_INTEGER_DIGITS: Final[Mapping[str, int]] = {"int2": 3, "int4": 7, "int8": 15}
"""Hex digits that fit the type and leave its sign alone."""
_NUMERIC_DIGITS = 15  # decimal digits that 15 hex digits surely fill


def render_hash(request: Request) -> str | None:
    """Give the hash in the column's type: hex digits, 32 bytes, a UUID or a whole number. Other types do not fit.

    Raises MissingKeyError without a key.
    """
    data = _bytes_of(request)
    if data is None:
        return None
    if request.key is None:
        raise MissingKeyError("the mask `hash` needs a key; name a `secret_file` in the configuration")
    return _shaped(_digest(request.key, data), request.target)


def join_hash(column: Column, reference: str, key: KeyMaterial) -> str | None:
    """Give 32 bytes that are equal for equal values of a column and of any other of its kind; None where there are none.

    They are not those of the mask.
    """
    request = Request(target_of(column), reference, {}, key)
    data = None if column.base_type in _UNFIT else _bytes_of(request)
    return None if data is None else _digest(key, operate(typed(_JOINED, "bytea"), "||", data))


def _digest(key: KeyMaterial, data: str) -> str:
    inner, outer = (_key_half(key, half) for half in (1, _PAD_BYTES + 1))
    return call("sha256", operate(outer, "||", call("sha256", operate(inner, "||", data))))


def _bytes_of(request: Request) -> str | None:
    """Give the bytes that are hashed: of text its own, of numbers and UUIDs their one text form."""
    base = request.target.base
    if base == "bytea":
        return request.reference
    if base in TEXTS:
        return _raw(request.text)
    if base in _INTEGER_DIGITS or base == "uuid":
        return _raw(cast(request.reference, "pg_catalog.text"))
    if base == "numeric" and _whole_digits(request.target) > 0:
        return _raw(cast(call("trim_scale", request.reference), "pg_catalog.text"))
    return None


def _raw(text: str) -> str:
    """Give the bytes of a text as they are stored. Unlike convert_to() this is immutable and fails on no text."""
    return call("decode", call("replace", text, literal("\\"), literal("\\\\")), literal("escape"))


def _key_half(key: KeyMaterial, start: int) -> str:
    setting = call("current_setting", literal(key.name), "true")
    is_ours = operate(call("sha256", _raw(setting)), "=", typed("\\x" + key.fingerprint, "bytea"))
    half = call("substring", call("decode", setting, literal("hex")), str(start), str(_PAD_BYTES))
    return f"(SELECT CASE WHEN {is_ours} THEN {half} END)"


def _shaped(digest: str, target: Target) -> str:
    digits = call("encode", digest, literal("hex"))
    if target.base == "bytea":
        return digest
    if target.base == "uuid":
        return cast(call("left", digits, "32"), "pg_catalog.uuid")
    if target.base in _INTEGER_DIGITS:
        number = _number(digits, _INTEGER_DIGITS[target.base])
        return number if target.base == "int8" else cast(number, f"pg_catalog.{target.base}")
    if target.base == "numeric":
        number = cast(_number(digits, _INTEGER_DIGITS["int8"]), "pg_catalog.numeric")
        modulus = 10 ** min(_NUMERIC_DIGITS, _whole_digits(target))
        return call("mod", number, typed(str(modulus), "numeric"))
    return call("left", digits, str(target.length)) if target.length is not None else digits


def _number(digits: str, count: int) -> str:
    bits = operate(literal("x"), "||", call("left", digits, str(count)))
    return cast(cast(bits, f"pg_catalog.bit({4 * count})"), "pg_catalog.int8")


def _whole_digits(target: Target) -> int:
    if not target.modifiers:
        return _NUMERIC_DIGITS
    scale = target.modifiers[1] if len(target.modifiers) > 1 else 0
    return target.modifiers[0] - scale if scale >= 0 else 0
