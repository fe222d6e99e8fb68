"""Sizes of relations, shown as NULL to a caller from whom rows are hidden: tools ask for them unasked.

Owns the edit of a call that measures. May not do: tell what counts (`rewriter.postgres.counting`); what is left of that is refused.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rewriter.postgres import proof
from rewriter.postgres.counting import SIZES
from rewriter.postgres.reading import tokens
from rewriter.postgres.substitution import Patch, Splice, unedited

if TYPE_CHECKING:
    from rewriter.postgres.scopes import Findings

Node = dict[str, Any]

_NOTHING: Final = "pg_catalog.int8(NULL::pg_catalog.int4)"
_PLAIN: Final = frozenset({"funcname", "args", "funcformat", "location"})


def patches(found: Findings, data: bytes) -> list[Patch]:
    """The edits by which calls that measure give NULL. Raises Refusal."""
    made: list[Patch] = []
    lexed = None
    for call in filter(measures, found.functions):
        lexed = lexed or tokens(data)
        first = lexed.at(call["location"])
        last = first + 2 * len(call["funcname"]) - 1  # the parenthesis behind the name
        if lexed.word(last) != "(":
            raise unedited()
        depth = 1
        while depth:
            last += 1
            if last >= len(lexed.starts):
                raise unedited()
            depth += (lexed.word(last) == "(") - (lexed.word(last) == ")")
        splice = Splice(lexed.starts[first], lexed.ends[last], _NOTHING)
        made.append(Patch((splice,), partial(_expect_nothing, call)))
    return made


def measures(call: Node) -> bool:
    """Whether a call measures relations, and nothing within it is edited itself."""
    names = [part["String"]["sval"] for part in call["funcname"]]
    if names[-1] not in SIZES or names[:-1] not in ([], ["pg_catalog"]):
        return False
    within = str(call.get("args"))
    return call.keys() <= _PLAIN and "SubLink" not in within and "FuncCall" not in within


def _expect_nothing(call: Node) -> None:
    made = proof.expression(_NOTHING)["FuncCall"]
    call.clear()
    call.update(made)
