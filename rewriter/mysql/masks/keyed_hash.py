"""`hash`: HMAC-SHA256 of the value under the proxy's key, so that equal values look equal and nobody can try values.

Computed by the server as sha256(outer || sha256(inner || value)) (RFC 2104). Both keys come from a user variable that the
proxy sets when a session begins; the rewriter lets no statement of the caller's name one that begins so. A variable whose
fingerprint is not the proxy's gives NULL: who sets a key of his own learns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.keys import MissingKeyError
from rewriter.mysql.masks.literals import literal
from rewriter.mysql.masks.target import BINARIES, INTEGERS, decimal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.keys import KeyMaterial
    from rewriter.mysql.masks.target import Request

VARIABLES: Final = "louver_key"
"""What the name of the user variable that carries the key begins with, behind the `@` and in lower case."""

_PAD_DIGITS = 128  # hexadecimal, of the 64 bytes of one padded key
_DIGITS: Final[Mapping[str, int]] = {"tinyint": 1, "smallint": 3, "mediumint": 5, "int": 7, "bigint": 15}
"""Hex digits that fit the type and leave its sign alone."""
_DECIMAL_DIGITS = 15  # decimal digits that 15 hex digits surely fill


def key_statement(key: KeyMaterial) -> str:
    """Give the statement that hands the key to a session. It holds the key: nobody may log it."""
    return f"SET {_variable(key)} = _ascii'{key.setting}'"


def render_hash(request: Request) -> str | None:
    """Give the hash in the column's type: hex digits, 32 bytes, a UUID or a whole number. Other types do not fit.

    Raises MissingKeyError without a key.
    """
    data = _bytes_of(request)
    if data is None:
        return None
    if request.key is None:
        raise MissingKeyError("the mask `hash` needs a key; name a `secret_file` in the configuration")
    variable = _variable(request.key)
    inner = f"UNHEX(LEFT({variable}, {_PAD_DIGITS}))"
    outer = f"UNHEX(SUBSTRING({variable}, {_PAD_DIGITS + 1}, {_PAD_DIGITS}))"
    digest = f"SHA2(CONCAT({outer}, UNHEX(SHA2(CONCAT({inner}, {data}), 256))), 256)"
    is_ours = f"UNHEX(SHA2({variable}, 256)) = x'{request.key.fingerprint}'"
    return f"CASE WHEN {is_ours} THEN {_shaped(digest, request)} END"


def _variable(key: KeyMaterial) -> str:
    return "@" + key.name.replace("louver.key", VARIABLES)


def _bytes_of(request: Request) -> str | None:
    """Give the bytes that are hashed: of text its UTF-8, of numbers and UUIDs their one text form."""
    base, value = request.target.base, request.reference
    if request.target.is_text:
        return _raw(request.text)
    if base in BINARIES:
        return value
    if base in INTEGERS:
        return _raw(f"CAST({value} + 0 AS CHAR)" if request.target.zerofill else f"CAST({value} AS CHAR)")
    if base == "uuid":
        return _raw(f"CAST({value} AS CHAR)")
    precision, scale = request.target.size
    if base == "decimal" and precision > scale:
        text = f"CAST({value} + 0 AS CHAR)"
        if scale:  # 1.50 and 1.5 are one number
            text = f"TRIM(TRAILING {literal('.')} FROM TRIM(TRAILING {literal('0')} FROM {text}))"
        return _raw(text)
    return None


def _raw(text: str) -> str:
    return f"CONVERT(CONVERT({text} USING utf8mb4) USING binary)"


def _shaped(digest: str, request: Request) -> str:
    target = request.target
    if target.base in BINARIES:
        return f"LEFT(UNHEX({digest}), {target.length})" if target.length is not None else f"UNHEX({digest})"
    if target.base == "uuid":
        return f"CAST(LEFT(UNHEX({digest}), 16) AS UUID)"  # some texts of 32 digits are refused
    if target.base in INTEGERS:
        return target.number(_number(digest, _DIGITS[target.base]))
    if target.base == "decimal":
        precision, scale = target.size
        modulus = 10 ** min(_DECIMAL_DIGITS, precision - scale)
        return decimal(target, f"MOD(CAST({_number(digest, _DIGITS['bigint'])} AS UNSIGNED), {modulus})")
    # MariaDB knows of HEX() that it is ASCII, and so converts it to the column's character set
    digits = f"LOWER(HEX(UNHEX({digest})))"
    return f"LEFT({digits}, {target.length})" if target.length is not None else digits


def _number(digest: str, count: int) -> str:
    return f"CONV(LEFT({digest}, {count}), 16, 10)"
