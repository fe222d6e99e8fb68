"""Plans: what has been decided for the shape of a statement, and the cache that finds it again.

Owns the plan, the ruling (a plan applied to one text), the shape of a text (the text without its literals) and the
cache of one caller's world. A wrong hit would be a leak, so a text whose lexing is not beyond doubt has no shape.
May not do: parse SQL, decide, or know a protocol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from audit.record import Judgement  # noqa: TC001  mypyc reads the annotations of dataclasses at run time
from policies.model import Decision  # noqa: TC001  the same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewriter.model import Edit

NamesEffect = Literal["none", "changes", "transaction"]
Makes = Literal["none", "transaction", "session"]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The decision for every statement of one shape, by one caller, under one revision of everything.

    `epoch` is the world's that it was made in; a prepared statement of another epoch is ruled again. `decision` is
    that world's; a portal opened under another decision gives no more rows.
    `names_effect`: running it changes what names mean at once, or ends a transaction that may have done so.
    `makes`: it leaves a cursor or a prepared statement that holds its ruling, until the end of the transaction or of the
    session; `uses_made`: it runs such a one.
    `judgement` is what the audit says of it, the same for all its statements; `error` is the payload of the
    ErrorResponse of a denied one. Compared by identity: each plan is one decision.
    """

    verdict: Literal["pass", "rewrite", "deny"]
    epoch: int
    decision: Decision
    judgement: Judgement
    error: bytes = b""
    names_effect: NamesEffect = "none"
    changes_catalog: bool = False
    makes: Makes = "none"
    uses_made: bool = False


class Ruling(NamedTuple):
    """A plan applied to one statement; `text` is what leaves in place of the client's, None for the client's own."""

    plan: Plan
    text: bytes | None = None


class Shape(NamedTuple):
    """A text without its literals. `key` tells shapes apart; the literals fill the gaps between the parts."""

    key: tuple[bytes, ...]
    parts: list[bytes]
    literals: list[bytes]


# The texts whose lexing is beyond doubt, on any server version and under any setting: words, quoted plain words, plain
# strings without backslash or doubled quote, plain decimal numbers, parameters and operators. Nothing may touch
# what could change its meaning: no prefix before a quote (E'', U&'', N''), no comment, no number glued to a word.
# Single characters repeat possessively, groups never: Python before 3.11.5 matches possessive groups wrongly
# (gh-106052). No text has two readings here, for each alternative begins with characters of its own.
_BEYOND_DOUBT = re.compile(
    rb"""(?:
        [ \t\r\n]++
      | [A-Za-z_][A-Za-z0-9_]*+(?!['"$\\])
      | "[A-Za-z_][A-Za-z0-9_]*+"(?!["'\w$])
      | '[^'\\\x00-\x1f\x7f-\xff]*+'(?!['"\w$])
      | [0-9]++(?:\.[0-9]++)?(?![\w.$'"])
      | \$[0-9]++(?![\w.$'"])
      | -(?!-) | /(?!\*) | \.(?![0-9]) | &(?!['"])
      | [+*<>=~!@\#%^|?(),;:\[\]]
    )*""",
    re.VERBOSE,
)
_LONGEST = 32 * 1024
"""Bytes; matching takes some 200 bytes of memory a token, and a text this long is generated and does not come again."""
_QUOTE = ord("'")
_LITERAL = re.compile(rb"""('[^']*'|(?<![\w$])[0-9]+(?:\.[0-9]+)?)""")


def shape_of(text: bytes) -> Shape | None:
    """The shape of `text`, or None when its lexing is in doubt or it holds no literal."""
    if len(text) > _LONGEST or _BEYOND_DOUBT.fullmatch(text) is None:
        return None
    pieces = _LITERAL.split(text)
    literals = pieces[1::2]
    if not literals:
        return None
    return Shape(_key(pieces, literals), pieces[0::2], literals)


def _key(pieces: list[bytes], literals: list[bytes]) -> tuple[bytes, ...]:
    """What tells shapes apart: what stands around the literals, and of each whether it is a string or a number."""
    return (*pieces[0::2], bytes([literal[0] == _QUOTE for literal in literals]))


def fill(parts: Sequence[bytes], literals: Sequence[bytes]) -> bytes:
    """The text with the literals put back between the parts."""
    pieces = [b""] * (len(parts) + len(literals))
    pieces[0::2] = parts
    pieces[1::2] = literals
    return b"".join(pieces)


def edited_parts(shape: Shape, edits: Sequence[Edit]) -> tuple[bytes, ...] | None:
    """The shape's parts with the edits applied, or None when an edit reaches over a literal."""
    result: list[bytes] = []
    remaining = sorted(edits, key=lambda edit: edit.start)
    offset = 0
    for index, part in enumerate(shape.parts):
        end = offset + len(part)
        pieces: list[bytes] = []
        position = offset
        while remaining and remaining[0].start <= end and remaining[0].end <= end:
            edit = remaining.pop(0)
            if edit.start < position:
                return None
            pieces += (part[position - offset : edit.start - offset], edit.replacement.encode())
            position = edit.end
        result.append(b"".join((*pieces, part[position - offset :])))
        offset = end + (len(shape.literals[index]) if index < len(shape.literals) else 0)
    return None if remaining else tuple(result)


class PlanCache:
    """The plans of one world: one decision, one catalog revision, one meaning of names.

    Bounded: when `limit` texts or shapes are known the older half is forgotten, for a client that builds a new
    text for each statement would otherwise fill the memory.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._texts: dict[bytes, Ruling] = {}
        self._shapes: dict[tuple[bytes, ...], tuple[Plan, tuple[bytes, ...] | None]] = {}

    def find(self, text: bytes) -> Ruling | None:
        """The ruling for `text` if one is known for it or for its shape."""
        known = self._texts.get(text)
        if known is not None:
            return known
        # No look at `_BEYOND_DOUBT` here: only keys of texts that passed it are known, and what stands around the
        # literals, with their kinds, alone decides how a text is lexed; a backslash may turn up in a string only.
        pieces = _LITERAL.split(text)
        literals = pieces[1::2]
        found = self._shapes.get(_key(pieces, literals))
        if found is None or b"\\" in text:
            return None
        plan, parts = found
        return Ruling(plan) if parts is None else Ruling(plan, fill(parts, literals))

    def keep(self, text: bytes, ruling: Ruling, edits: Sequence[Edit], *, literal_free: bool) -> None:
        """Remember a ruling, for the whole shape of the text where that is safe, else for this very text."""
        shape = shape_of(text) if literal_free else None
        if shape is not None:
            parts = edited_parts(shape, edits) if edits else None
            if not edits or parts is not None:
                _forget(self._shapes, self._limit)
                self._shapes[shape.key] = (ruling.plan, parts)
                return
        _forget(self._texts, self._limit)
        self._texts[text] = ruling


def _forget(
    known: dict[bytes, Ruling] | dict[tuple[bytes, ...], tuple[Plan, tuple[bytes, ...] | None]], limit: int
) -> None:
    """Drop the older half once `limit` entries are held."""
    if len(known) >= limit:
        for key in list(known)[: limit // 2]:
            del known[key]  # type: ignore[arg-type]
