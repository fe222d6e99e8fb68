"""What a server said to one statement, and how three answers to it compare.

Owns the normal form of an answer: what differs between equal servers (OIDs, processes, positions) is left out,
and so are the names before columns in plans.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.regress.frames import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.regress.frames import Frame

_FIRST_USER_OID = 16384  # PostgreSQL's FirstNormalObjectId
_PREFIX = 6  # bytes of a row before its first value: how many there are, and how long this one is
_ABORTED = "25P02"  # follows from a refusal within a transaction
_SAID = ("S", "C", "M", "D", "H")  # severity, SQLSTATE, message, detail, hint
_QUALIFIER = re.compile(rb'(?:\b[a-z_]\w*|"[^"]*")\.(?=[a-z_"])', re.IGNORECASE)
"""Of a column in a plan: it stands there when the statement has more than one FROM item, and a subquery is one more."""
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')
_NAMES = re.compile(
    r"\b\w+\.\w[\w.]*(\(\))?|\b\d+\b|(?<=\bon )\S+(?= is not)|(?<=\btype )\S+|(?<=unction )\w+(?= does)"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what was said in order, rows apart, and the rows."""

    said: tuple[object, ...]
    rows: tuple[bytes, ...]
    error: dict[str, str] | None = field(compare=False)

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> Answer:
        """The normal form of an answer."""
        said: list[object] = []
        rows: list[bytes] = []
        error = None
        plan = False
        for frame in frames:
            if frame.kind in {b"D", b"d"}:
                rows.append(_QUALIFIER.sub(b"", frame.body[_PREFIX:]) if plan else frame.body)
            elif frame.kind == b"T":
                said.append(("T", *_columns(frame.body)))
                plan = [name for name, _, _ in _columns(frame.body)] == ["QUERY PLAN"]
            elif frame.kind in {b"E", b"N"}:
                fields = report(frame.body)
                if frame.kind == b"E":
                    error = fields
                said.append((frame.kind, *(fields.get(letter, "") for letter in _SAID)))
            elif frame.kind not in {
                b"A",
                b"Z",
            }:  # a notification's process; a status that a refusal in between may change
                said.append((frame.kind, frame.body))
        return cls(tuple(said), tuple(rows), error)

    @property
    def columns(self) -> list[object]:
        """Descriptions of rows."""
        return [each for each in self.said if isinstance(each, tuple) and each[0] == "T"]

    @property
    def notices(self) -> list[object]:
        """Notices and warnings."""
        return [each for each in self.said if isinstance(each, tuple) and each[0] == b"N"]


def _columns(body: bytes) -> list[tuple[str, int, int]]:
    """(name, type, modifier) of each column; all types of users count as one, for their OIDs differ."""
    found = []
    place = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        end = body.index(b"\0", place)
        kind, _, modifier = struct.unpack_from("!ihi", body, end + 7)
        found.append((body[place:end].decode("utf-8", "replace"), min(kind, _FIRST_USER_OID), modifier))
        place = end + 19
    return found


def judge(direct: Answer, again: Answer, louver: Answer, *, refused: bool) -> tuple[str, str]:
    """(outcome, class) of a statement by its answers from two direct servers and through Louver.

    Outcomes: same; refused; differs; unstable, when the direct ones differ by themselves; failed, when the statement
    fails direct, of class `alike`, `refused`, `other words`, `otherwise` or `answered`.
    """
    if direct.error is not None:
        return "failed", _failure(direct, again, louver, refused=refused)
    if louver.error is not None:
        said = f"{louver.error.get('C')} {generic(louver.error.get('M', ''))}"
        return ("refused" if refused or louver.error.get("C") == _ABORTED else "differs"), said
    if direct != again:
        return "unstable", ""
    return ("same", "") if direct == louver else ("differs", _difference(direct, louver))


def _difference(direct: Answer, louver: Answer) -> str:
    """Where two answers without an error differ."""
    if direct.columns != louver.columns:
        return "columns"
    if direct.rows != louver.rows:
        return "order" if sorted(direct.rows) == sorted(louver.rows) else "rows"
    return "notices" if direct.notices != louver.notices else "tags"


def _failure(direct: Answer, again: Answer, louver: Answer, *, refused: bool) -> str:
    if louver.error is None:
        return "answered"
    if direct != again or direct == louver:
        return "alike"
    if direct.error is not None and direct.error.get("C") == louver.error.get("C"):
        return "other words"
    return "refused" if refused else "otherwise"


def generic(message: str) -> str:
    """A message without the names and numbers in it."""
    return _NAMES.sub("N", _QUOTED.sub("N", message))
