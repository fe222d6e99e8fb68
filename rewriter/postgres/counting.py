"""What of the server counts the rows of relations, hidden ones among them: estimates, sizes, counters of its statistics.

Owns the list, and finding it in whatever is walked: a client's statement, a function's body, a view. May not do: resolve names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.postgres.names import written_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from rewriter.postgres.scopes import Findings, Reference

_ESTIMATES: Final = frozenset({"reltuples", "relpages", "relallvisible", "relallfrozen"})
"""Columns of pg_class."""
_COUNTERS: Final = ("pg_stat_", "pg_statio_")
SIZES: Final = frozenset(
    {"pg_relation_size", "pg_table_size", "pg_total_relation_size", "pg_indexes_size", "pg_database_size"}
    | {"pg_tablespace_size"}
)
"""Functions that measure relations."""
_NUMBERING: Final = "setval"
"""By it a sequence could be made to run into keys of hidden rows."""


def counts(found: Findings, unmeasured: Collection[int] = ()) -> str | None:
    """What of a statement would count rows that are hidden, as a reader calls it; None when nothing does.

    `unmeasured` are the ids of calls that give NULL instead.
    """
    told = sorted(found.names & _ESTIMATES)
    if told:
        return f"column {told[0]}"
    called = [call["funcname"][-1]["String"]["sval"] for call in found.functions if id(call) not in unmeasured]
    for name in (*called, *found.attributes, *(x for each in found.qualified.values() for x in each)):
        if name in SIZES or name == _NUMBERING or name.startswith(_COUNTERS):
            return f"function {name}()"
    for reference in found.references:
        schema, name = reference.written
        if schema not in {None, "pg_catalog"}:
            continue
        if name.startswith(_COUNTERS):
            return f"reading {written_name(reference)}"
        if name == "pg_class" and (reference.role != "read" or _shows_all(found, reference)):
            return "every column of pg_class"
    return None


def _shows_all(found: Findings, reference: Reference) -> bool:
    """Whether a star, a whole row or other names of its columns may show every column of a relation."""
    level, alias = reference.level, reference.alias
    if level is None or level.star or level.positional or "colnames" in reference.node.get("alias", {}):
        return True
    return alias in found.starred or alias in found.alone
