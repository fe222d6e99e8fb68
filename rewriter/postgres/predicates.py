"""Where a statement compares, sorts or groups by what its caller sees masked.

Owns finding the columns that conditions, orders and groups touch, by name: an over-approximation, for it says only what the
caller is told. May not do: decide what is protected, edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from rewriter.model import Use
    from rewriter.postgres.scopes import Findings
    from rewriter.postgres.substitution import Substitute
    from rewriter.postgres.writes import Target


def compared(found: Findings, seen: Iterable[Substitute | Target], exact: AbstractSet[int]) -> tuple[Use, ...]:
    """The uses of columns not shown as they are that a clause of the statement names.

    `exact` are the ids of the ColumnRef fields that see real values.
    """
    hidden = [(each.reference.alias, use) for each in seen for use in each.uses if _is_hidden(use)]
    if not hidden:
        return ()
    names = _named(found, exact)
    return tuple(
        dict.fromkeys(
            use
            for alias, use in hidden
            if not names.isdisjoint(
                ((None, use.column.column), (alias, use.column.column), (None, alias), (None, None))
            )
        )
    )


def _is_hidden(use: Use) -> bool:
    return use.treatment.hides


def _named(found: Findings, exact: AbstractSet[int]) -> set[tuple[str | None, str | None]]:
    """(qualifier, name) of each column in the clauses; (None, None) for NATURAL, which compares whatever is alike."""
    names: set[tuple[str | None, str | None]] = {(None, name) for name in found.merged}
    if found.natural:
        names.add((None, None))
    for column in found.deciding:
        fields = [part["String"]["sval"] for part in column["fields"] if "String" in part]
        if fields and id(column) not in exact:
            names.add((fields[-2] if len(fields) > 1 else None, fields[-1]))
    return names
