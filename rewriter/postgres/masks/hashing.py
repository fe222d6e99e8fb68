"""The keyed hash that `hash`, `token`, `digits` and `noise` are made of: HMAC-SHA256 under the proxy's key.

Computed by the server as sha256(outer || sha256(inner || value)) (RFC 2104). Both keys come from the session setting by
uncorrelated subqueries, which run once a statement. A setting whose fingerprint is not the proxy's gives NULL: who sets
a key of his own learns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.masks.keyed import prefix
from rewriter.keys import MissingKeyError
from rewriter.postgres.masks.literals import call, cast, literal, operate, typed
from rewriter.postgres.masks.target import TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.keys import KeyMaterial
    from rewriter.postgres.masks.target import Request, Target

_PAD_BYTES = 64
INTEGER_DIGITS: Final[Mapping[str, int]] = {"int2": 3, "int4": 7, "int8": 15}
"""Hex digits that fit the type and leave its sign alone."""
NUMERIC_DIGITS: Final = 15
"""Decimal digits that 15 hex digits surely fill."""


def digest_of(request: Request, mask: str, data: str) -> str:
    """Give the 32 bytes of a value's bytes under a mask and its scope. Raises MissingKeyError without a key."""
    if request.key is None:
        raise MissingKeyError(f"the mask `{mask}` needs a key; name a `secret_file` in the configuration")
    before = prefix(mask, request.parameters)
    return keyed(request.key, operate(typed(f"\\x{before.hex()}", "bytea"), "||", data) if before else data)


def keyed(key: KeyMaterial, data: str) -> str:
    """Give HMAC-SHA256 of bytes."""
    inner, outer = (_key_half(key, half) for half in (1, _PAD_BYTES + 1))
    return call("sha256", operate(outer, "||", call("sha256", operate(inner, "||", data))))


def bytes_of(request: Request) -> str | None:
    """Give the bytes that are hashed: of text its own, of numbers and UUIDs their one text form. None: the type is not hashed."""
    base = request.target.base
    if base == "bytea":
        return request.reference
    if base in TEXTS:
        return raw(request.text)
    if base in INTEGER_DIGITS or base == "uuid":
        return raw(cast(request.reference, "pg_catalog.text"))
    if base == "numeric" and whole_digits(request.target) > 0:
        return raw(cast(call("trim_scale", request.reference), "pg_catalog.text"))
    return None


def raw(text: str) -> str:
    """Give the bytes of a text as they are stored. Unlike convert_to() this is immutable and fails on no text."""
    return call("decode", call("replace", text, literal("\\"), literal("\\\\")), literal("escape"))


def _key_half(key: KeyMaterial, start: int) -> str:
    setting = call("current_setting", literal(key.name), "true")
    is_ours = operate(call("sha256", raw(setting)), "=", typed("\\x" + key.fingerprint, "bytea"))
    half = call("substring", call("decode", setting, literal("hex")), str(start), str(_PAD_BYTES))
    return f"(SELECT CASE WHEN {is_ours} THEN {half} END)"


def number(digits: str, count: int) -> str:
    """Read hex digits as a whole number, an int8."""
    bits = operate(literal("x"), "||", call("left", digits, str(count)))
    return cast(cast(bits, f"pg_catalog.bit({4 * count})"), "pg_catalog.int8")


def whole_digits(target: Target) -> int:
    """Give the digits that a numeric has before the point, or as many as are made of a hash."""
    if not target.modifiers:
        return NUMERIC_DIGITS
    scale = target.modifiers[1] if len(target.modifiers) > 1 else 0
    return target.modifiers[0] - scale if scale >= 0 else 0
