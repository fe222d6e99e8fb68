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


class ConditionError(ValueError):
    """A row condition that cannot be used; the message says why, for the author of the policy."""


def read_condition(condition: RowCondition) -> tuple[Node, int]:
    """Give the expression of a condition and how many parameters it has for attributes; raises ConditionError."""
    return _only_expression(_parsed(condition)), len(_PLACEHOLDER.findall(condition.text))


def condition_columns(condition: RowCondition) -> frozenset[str]:
    """The columns that a condition looks at; raises ConditionError when it cannot be read."""
    return frozenset(walk(_parsed(condition)[0]["stmt"]).names)


def _parsed(condition: RowCondition) -> list[Node]:
    sql = _PLACEHOLDER.sub(lambda match: f" ${int(match[1]) + 1} ", condition.text)
    try:
        return parse(encode(f"SELECT (\n{sql}\n)"))
    except Refusal as refusal:
        raise ConditionError(f"the row condition is not valid SQL: {refusal.message}") from None


def _only_expression(statements: list[Node]) -> Node:
    """The one expression of SELECT (expression), provided that there is nothing else."""
    select = statements[0]["stmt"].get("SelectStmt", {}) if len(statements) == 1 else {}
    targets = select.get("targetList", [])
    if set(select) - {"targetList", "limitOption", "op"} or len(targets) != 1 or "val" not in targets[0]["ResTarget"]:
        raise ConditionError("the row condition must be one SQL expression")
    return dict(targets[0]["ResTarget"]["val"])
