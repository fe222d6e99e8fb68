"""Row conditions of policies as every rewriter reads them: one expression in PostgreSQL's grammar, whatever the database is.

Owns the reading and the error for the policy's author. May not do: print; each database has its own printer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres.reading import encode, parse
from rewriter.postgres.scopes import walk

if TYPE_CHECKING:
    from policies.model import RowCondition

Node = dict[str, Any]

_PLACEHOLDER = re.compile(r"\{(\d+)\}")
_BEFORE = "SELECT (\n"
_WRITTEN = re.compile(rb'"(?:[^"]|"")*"|[A-Za-z_\x80-\xff][\w$\x80-\xff]*')


class ConditionError(ValueError):
    """A row condition that cannot be used; the message says why, for the author of the policy."""


def read_condition(condition: RowCondition) -> tuple[Node, int]:
    """Give the expression of a condition and how many parameters it has for attributes; raises ConditionError."""
    return _only_expression(_parsed(condition)), len(_PLACEHOLDER.findall(condition.text))


def condition_columns(condition: RowCondition) -> frozenset[str]:
    """The columns that a condition looks at; raises ConditionError when it cannot be read."""
    return frozenset(walk(_parsed(condition)[0]["stmt"]).names)


def condition_names(condition: RowCondition) -> tuple[bytes, list[tuple[int, int, str]]]:
    """A condition's text with `$1` for `{0}`, and where columns are named in it: first byte, the one behind, name.

    Raises ConditionError when it cannot be read.
    """
    text = _PLACEHOLDER.sub(lambda match: f" ${int(match[1]) + 1} ", condition.text).encode()
    found: list[tuple[int, int, str]] = []
    for column in walk(_parsed(condition)[0]["stmt"]).columns:
        start = column.get("location", 0) - len(_BEFORE)
        written = _WRITTEN.match(text, start) if start >= 0 else None
        name = column["fields"][0].get("String", {}).get("sval")
        if written is None or len(column["fields"]) != 1:
            raise ConditionError("a column in it is not called by its plain name")
        found.append((start, written.end(), name))
    return text, found


def _parsed(condition: RowCondition) -> list[Node]:
    sql = _PLACEHOLDER.sub(lambda match: f" ${int(match[1]) + 1} ", condition.text)
    try:
        return parse(encode(f"{_BEFORE}{sql}\n)"))
    except Refusal as refusal:
        raise ConditionError(f"the row condition is not valid SQL: {refusal.message}") from None


def _only_expression(statements: list[Node]) -> Node:
    """The one expression of SELECT (expression), provided that there is nothing else."""
    select = statements[0]["stmt"].get("SelectStmt", {}) if len(statements) == 1 else {}
    targets = select.get("targetList", [])
    if set(select) - {"targetList", "limitOption", "op"} or len(targets) != 1 or "val" not in targets[0]["ResTarget"]:
        raise ConditionError("the row condition must be one SQL expression")
    return dict(targets[0]["ResTarget"]["val"])
