"""Where a statement compares, sorts or groups by what its caller sees masked.

Owns finding the columns that conditions, orders and groups touch, by name: an over-approximation, for it says only what the
caller is told. May not do: decide what is protected, edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from rewriter.model import Use
    from rewriter.substitution import Substitute
    from rewriter.writes import Target

Node = dict[str, Any]

_CLAUSES: Final = frozenset(
    [
        "whereClause",
        "joinCondition",  # of MERGE
        "condition",  # of its WHEN
        "quals",  # of JOIN ... ON
        "havingClause",
        "sortClause",
        "groupClause",
        "distinctClause",
        "windowClause",
        "over",
        "agg_order",
        "agg_filter",
    ]
)
"""The fields of a parse tree whose columns decide which rows come, in what order and how they are put together."""


def compared(statement: Node, seen: Iterable[Substitute | Target], exact: AbstractSet[int]) -> tuple[Use, ...]:
    """The uses of columns not shown as they are that a clause of the statement names; to be asked before any edit.

    `exact` are the ids of the ColumnRef fields that see real values.
    """
    hidden = [(each.reference.alias, use) for each in seen for use in each.uses if _is_hidden(use)]
    if not hidden:
        return ()
    names = _named(statement, exact)
    return tuple(
        dict.fromkeys(
            use
            for alias, use in hidden
            if {(None, use.column.column), (alias, use.column.column), (None, alias), (None, None)} & names
        )
    )


def _is_hidden(use: Use) -> bool:
    return use.treatment.kind != "clear" or use.treatment.rows is not None


def _named(statement: Node, exact: AbstractSet[int]) -> set[tuple[str | None, str | None]]:
    """(qualifier, name) of each column in the clauses; (None, None) for NATURAL, which compares whatever is alike."""
    names: set[tuple[str | None, str | None]] = set()
    stack: list[tuple[Any, bool]] = [(statement, False)]
    while stack:
        node, inside = stack.pop()
        if type(node) is list:
            stack.extend((item, inside) for item in node if type(item) is dict)
            continue
        for key, value in node.items():
            if key == "ColumnRef":
                if inside and id(value) not in exact:
                    fields = [part["String"]["sval"] for part in value["fields"] if "String" in part]
                    if fields:
                        names.add((fields[-2] if len(fields) > 1 else None, fields[-1]))
            elif key == "usingClause" and all("String" in item for item in value):  # in DELETE they are tables
                names.update((None, item["String"]["sval"]) for item in value)
            elif type(value) is dict or type(value) is list:
                stack.append((value, inside or key in _CLAUSES))
            elif key == "isNatural" and value:
                names.add((None, None))
    return names
