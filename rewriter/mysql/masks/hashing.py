"""The keyed hash that `hash`, `token`, `digits` and `noise` are made of: HMAC-SHA256 under the proxy's key.

Computed by the server as sha256(outer || sha256(inner || value)) (RFC 2104). Both keys come from a user variable that the
proxy sets when a session begins; the rewriter lets no statement of the caller's name one that begins so. A variable whose
fingerprint is not the proxy's gives NULL: who sets a key of his own learns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.masks.keyed import prefix
from rewriter.keys import MissingKeyError
from rewriter.mysql.masks.literals import binary, literal
from rewriter.mysql.masks.target import BINARIES, INTEGERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rewriter.keys import KeyMaterial
    from rewriter.mysql.masks.target import Request

VARIABLES: Final = "louver_key"
"""What the name of the user variable that carries the key begins with, behind the `@` and in lower case."""

_PAD_DIGITS = 128  # hexadecimal, of the 64 bytes of one padded key


def key_statement(key: KeyMaterial) -> str:
    """Give the statement that hands the key to a session. It holds the key: nobody may log it."""
    return f"SET {_variable(key)} = _ascii'{key.setting}'"


def made(request: Request, mask: str, data: str, shown: Callable[[str], str]) -> str:
    """Give what `shown` makes of the 64 hexadecimal digits of a value's bytes under a mask and its scope.

    NULL under a key that is not the proxy's. Raises MissingKeyError without a key.
    """
    if request.key is None:
        raise MissingKeyError(f"the mask `{mask}` needs a key; name a `secret_file` in the configuration")
    before = prefix(mask, request.parameters)
    return keyed(request.key, [*([binary(before)] if before else []), data], shown)


def keyed(key: KeyMaterial, parts: list[str], shown: Callable[[str], str]) -> str:
    """Give what `shown` makes of HMAC-SHA256 of bytes, as 64 hexadecimal digits; NULL under a key that is not the proxy's."""
    variable = _variable(key)
    inner = f"UNHEX(LEFT({variable}, {_PAD_DIGITS}))"
    outer = f"UNHEX(SUBSTRING({variable}, {_PAD_DIGITS + 1}, {_PAD_DIGITS}))"
    digest = f"SHA2(CONCAT({outer}, UNHEX(SHA2(CONCAT({', '.join([inner, *parts])}), 256))), 256)"
    return f"CASE WHEN UNHEX(SHA2({variable}, 256)) = x'{key.fingerprint}' THEN {shown(digest)} END"


def _variable(key: KeyMaterial) -> str:
    return "@" + key.name.replace("louver.key", VARIABLES)


def bytes_of(request: Request) -> str | None:
    """Give the bytes that are hashed: of text its UTF-8, of numbers and UUIDs their one text form. None: the type is not hashed."""
    base, value = request.target.base, request.reference
    if request.target.is_text:
        return raw(request.text)
    if base in BINARIES:
        return value
    if base in INTEGERS:
        return raw(f"CAST({value} + 0 AS CHAR)" if request.target.zerofill else f"CAST({value} AS CHAR)")
    if base == "uuid":
        return raw(f"CAST({value} AS CHAR)")
    precision, scale = request.target.size
    if base == "decimal" and precision > scale:
        text = f"CAST({value} + 0 AS CHAR)"
        if scale:  # 1.50 and 1.5 are one number
            text = f"TRIM(TRAILING {literal('.')} FROM TRIM(TRAILING {literal('0')} FROM {text}))"
        return raw(text)
    return None


def raw(text: str) -> str:
    """Give the bytes of a text in UTF-8."""
    return f"CONVERT(CONVERT({text} USING utf8mb4) USING binary)"


def number(digest: str, count: int, start: int = 1) -> str:
    """Read hexadecimal digits as a whole number, in text."""
    digits = f"LEFT({digest}, {count})" if start == 1 else f"SUBSTRING({digest}, {start}, {count})"
    return f"CONV({digits}, 16, 10)"


def hexadecimal(digest: str) -> str:
    """Give a digest's digits so that they meet any character set: MariaDB knows of HEX() that it is ASCII."""
    return f"LOWER(HEX(UNHEX({digest})))"
