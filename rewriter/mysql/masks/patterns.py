r"""Regular expressions as MySQL and MariaDB read them.

Owns how a pattern is written: as bytes, with the whole text's ends as \A and \z, and without a space, for MariaDB's default_regex_flags
can give ^ and $ and spaces another meaning. Case and accents count, whatever the column's collation is.
"""

from __future__ import annotations

import re

from rewriter.mysql.masks.literals import literal, utf8


def pattern(text: str) -> str:
    """Write a pattern as a constant of its own, in ASCII, which meets every character set."""
    escaped = re.sub(r"[^\0-\x7f]", lambda found: f"\\x{{{ord(found[0]):x}}}", text)
    return f"_utf8mb4 {utf8(escaped)}"


def begins(value: str, text: str) -> str:
    """Whether the beginning of a text matches."""
    return f"{_exact(value)} REGEXP {_beginning(text)}"


def is_whole(value: str, text: str) -> str:
    """Whether all of a text matches."""
    whole = rf"\A(?:{text})\z"
    return f"{_exact(value)} REGEXP {pattern(whole)}"


def holds(value: str, text: str) -> str:
    """Whether a part of a text matches."""
    return f"{_exact(value)} REGEXP {pattern(text)}"


def substitute(value: str, text: str, by: str) -> str:
    """Replace all parts of a text that match; the result has the character set and collation of the text."""
    return f"REGEXP_REPLACE({value}, {pattern('(?-i)' + text)}, {literal(by)})"


def length_of(value: str, text: str) -> str:
    """How many characters of the beginning match, where they do."""
    return f"CHAR_LENGTH(REGEXP_SUBSTR({_exact(value)}, {_beginning(text)}))"


def _beginning(text: str) -> str:
    return pattern(rf"\A(?:{text})")


def _exact(value: str) -> str:
    return f"CONVERT({value} USING utf8mb4) COLLATE utf8mb4_bin"
