"""Regular expressions as PostgreSQL reads them.

Owns how a pattern is written: in ASCII, for a database may have an encoding without the characters that it names, and bytewise,
so that no locale has a say in what it means.
"""

from __future__ import annotations

import re

from rewriter.postgres.masks.literals import call, literal, operate


def _escaped(text: str) -> str:
    """Source: PostgreSQL manual, 9.7.3.3, character-entry escapes."""
    return re.sub(
        r"[^ -~]",
        lambda found: f"\\u{ord(found[0]):04x}" if ord(found[0]) < 0x10000 else f"\\U{ord(found[0]):08x}",
        text,
    )


def pattern(text: str) -> str:
    """Write a pattern as a constant of its own, all beyond printable ASCII as escapes."""
    return f'({literal(_escaped(text))} COLLATE pg_catalog."C")'


def matches(value: str, text: str) -> str:
    """Whether a text has a part that matches: PostgreSQL's own `~`."""
    return operate(value, "~", pattern(text))


def is_whole(value: str, text: str) -> str:
    """Whether all of a text matches."""
    return matches(value, f"^(?:{text})$")


def matching(value: str, text: str) -> str:
    """Give the beginning of a text that matches, which has the collation of the text."""
    return call("left", value, call("length", call("substring", value, pattern(f"^(?:{text})"))))


def substitute(value: str, text: str, by: str) -> str:
    """Replace all parts of a text that match; the result has the collation of the text. `text` names characters, no classes."""
    return call("regexp_replace", value, literal(_escaped(text)), literal(by), literal("g"))
