"""Optimizer hints: comments that the server obeys, and by which a caller could have rows come in the order of hidden values.

Owns finding them, and which are let through with protected tables: none that names an index, for that has the server use one over a hidden
column although a subquery forbids it (`IGNORE INDEX`), from outside, too: `/*+ INDEX(t@`select#2` i) */`; and none that sets an sql_mode for
one statement, for masks are made for the session's. May not do: edit text.
Source: MySQL's manual, "Optimizer Hints"; MariaDB's knowledge base, "Optimizer Hints" (12.0).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rewriter.model import Refusal

if TYPE_CHECKING:
    from rewriter.mysql.catalog import Catalog
    from rewriter.mysql.reading import Statement

_FIRST_OF_MARIADB: Final = (12, 0)
"""Before, they are comments there."""
_BEGINNING: Final = "/*+"
_MODE: Final = "sql_mode"
_NAME: Final = re.compile(r"([^\s(),]+)\s*\(")
_HARMLESS: Final = frozenset(
    (  # noqa: SIM905  words are read more easily
        "BKA NO_BKA BNL NO_BNL DERIVED_CONDITION_PUSHDOWN NO_DERIVED_CONDITION_PUSHDOWN HASH_JOIN NO_HASH_JOIN JOIN_FIXED_ORDER "
        "JOIN_ORDER JOIN_PREFIX JOIN_SUFFIX MAX_EXECUTION_TIME MERGE NO_MERGE QB_NAME RESOURCE_GROUP SEMIJOIN NO_SEMIJOIN SET_VAR SUBQUERY"
    ).split()
)


def check_hints(statement: Statement, text: str, catalog: Catalog) -> None:
    """Refuse a statement over protected tables with a hint that is not harmless. Raises Refusal 42000."""
    if _BEGINNING not in text or (catalog.flavour == "mariadb" and catalog.version < _FIRST_OF_MARIADB):
        return
    for before, after in zip(statement.tokens, statement.tokens[1:], strict=False):
        between = text[before.end : after.start]
        place = between.find(_BEGINNING)
        if place < 0:
            continue
        position = before.end + place + 1
        if _MODE in between.lower():
            message = "the optimizer hint SET_VAR(sql_mode) is not available to you, because columns are masked for you"
            raise Refusal("42000", message, hint="Set it for the session.", position=position)
        for name in _NAME.findall(between[place + len(_BEGINNING) :]):
            if name.upper() not in _HARMLESS:
                message = f"the optimizer hint {name[:40]} is not available to you, because columns are masked for you"
                hint = "Leave it out: it could have rows come in the order of hidden values."
                raise Refusal("42000", message, hint=hint, position=position)
