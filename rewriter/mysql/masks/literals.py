"""Text that stands safely in SQL of MySQL and MariaDB.

Owns all quoting of the masks and the row conditions. No quote, no backslash and nothing outside ASCII stands between
quotes, so that a literal reads the same whatever sql_mode and the character sets of the session are.
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[ !#-&(-\[\]-~]*")  # printable ASCII without both quotes and the backslash
_INVARIANT: Final = re.compile(r"[A-Za-z0-9*?.\-+=%&/()<>:;,_]+")
_ENCODINGS: Final = {
    "latin1": "cp1252", "latin2": "iso8859_2", "latin5": "iso8859_9", "latin7": "iso8859_13", "gbk": "gbk",
    "gb2312": "gb2312", "gb18030": "gb18030", "big5": "big5", "sjis": "shift_jis", "cp932": "cp932", "ujis": "euc_jp",
    "euckr": "euc_kr", "koi8r": "koi8_r", "koi8u": "koi8_u", "cp1250": "cp1250", "cp1251": "cp1251", "cp1257": "cp1257",
    "cp850": "cp850", "cp852": "cp852", "cp866": "cp866", "greek": "iso8859_7", "hebrew": "iso8859_8",
    **dict.fromkeys(("utf8mb4", "utf16", "utf16le", "utf32"), "utf-8"),
}  # fmt: skip
"""Python's name of each character set that holds more than ASCII."""
_TWO_BYTES: Final = frozenset({"utf8", "utf8mb3", "ucs2"})  # hold no character beyond U+FFFF


def literal(text: str, character_set: str | None = None) -> str:
    """Write text as a constant that a column of `character_set` takes in; what that cannot hold becomes `?`.

    The server converts a constant to the character set of the column that it meets, if nothing is lost by it.
    """
    if text and _PLAIN.fullmatch(text):  # '' can be NULL (EMPTY_STRING_IS_NULL)
        return f"_utf8mb4'{text}'"
    if character_set in _TWO_BYTES:
        text = "".join(character if ord(character) <= 0xFFFF else "?" for character in text)
    whole = character_set is None or character_set in _TWO_BYTES
    encoding = "utf-8" if whole else _ENCODINGS.get(str(character_set), "ascii")
    return f"_utf8mb4 {utf8(text.encode(encoding, 'replace').decode(encoding))}"


def is_invariant(text: str) -> bool:
    """Whether a text, between single quotes, is the same in all character sets that a session may have. Source: ISO/IEC 646."""
    return _INVARIANT.fullmatch(text) is not None


def binary(data: bytes) -> str:
    """Write bytes as a constant."""
    return f"x'{data.hex()}'"


def utf8(text: str) -> str:
    """Write text as a constant of its UTF-8 bytes. Raises ValueError for a lone surrogate."""
    return binary(text.encode("utf-8"))


def without(value: str, characters: str) -> str:
    """Take plain characters out of a text, which keeps its character set and collation."""
    for character in characters:
        value = f"REPLACE({value}, {literal(character)}, {literal('')})"
    return value
