"""How three answers to one statement compare: of two direct servers, and through Louver.

Owns what counts: rows (in their order where the statement asks for one), names and types of columns, counts, warnings, errors.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from conformance.mysqltest.wire import Answer

_ORDERS: Final = re.compile(r"\border\s+by\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_NAMES: Final = re.compile(r"\b\w+\.\w[\w.]*|\b\d+\b")


def judge(text: str, direct: Answer, again: Answer, louver: Answer, *, refused: bool) -> tuple[str, str]:
    """(outcome, class) of a statement by its answers from two direct servers and through Louver.

    Outcomes: same (of class `order` when rows come in another one and none was asked for); refused; differs; unstable, when the
    direct ones differ by themselves; failed, when the statement fails direct, of class `alike`, `refused`, `other words`,
    `otherwise` or `answered`.
    """
    if direct.error is not None:
        return "failed", _failure(direct, again, louver, refused=refused)
    if louver.error is not None:
        said = f"{louver.error.number} {generic(louver.error.message)}"
        return ("refused" if refused else "differs"), said
    if direct != again:
        return "unstable", ""
    if direct == louver:
        return "same", ""
    if not _ORDERS.search(text) and _sorted(direct) == _sorted(louver):
        return "same", "order"
    return "differs", _difference(direct, louver)


def _sorted(answer: Answer) -> Answer:
    results = tuple((columns, tuple(sorted(rows)), done) for columns, rows, done in answer.results)
    return replace(answer, results=results)


def _difference(direct: Answer, louver: Answer) -> str:
    """Where two answers without an error differ."""
    if [r[0] for r in direct.results] != [r[0] for r in louver.results]:
        return "columns"
    if [r[1] for r in direct.results] != [r[1] for r in louver.results]:
        return "order" if _sorted(direct) == _sorted(louver) else "rows"
    if [r[2] for r in direct.results] != [r[2] for r in louver.results]:
        return "counts"
    return "warnings"


def _failure(direct: Answer, again: Answer, louver: Answer, *, refused: bool) -> str:
    if louver.error is None:
        return "answered"
    if direct != again or direct == louver:
        return "alike"
    if direct.error is not None and direct.error.number == louver.error.number:
        return "other words"
    return "refused" if refused else "otherwise"


def generic(message: str) -> str:
    """A message without the names and numbers in it."""
    return _NAMES.sub("N", _QUOTED.sub("N", message))
