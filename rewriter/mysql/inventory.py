"""What tells how many rows a table holds, for callers from whom rows are hidden: sizes, counters, cardinalities.

Owns the list of what is refused to them besides what is refused to every masked caller. May not do: know which rows are hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.model import Refusal

if TYPE_CHECKING:
    from rewriter.mysql.catalog import Table
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.ruling import Circumstances
    from rewriter.mysql.scopes import Findings, Reference

_COUNTING: Final = frozenset(
    {"statistics", "partitions", "files", "global_status", "session_status", "tables_extensions", "tablespaces"}
    | {"schema_auto_increment_columns", "sequences", "tablespaces_extensions"}
)
"""The servers' own tables whose columns count rows, or what was read to find them."""
_SIZES: Final = frozenset(
    {"table_rows", "avg_row_length", "data_length", "max_data_length", "index_length", "data_free", "auto_increment"}
    | {"update_time", "check_time", "checksum", "max_index_length", "temporary"}
)
"""The columns of information_schema.tables that do."""
SETTINGS: Final = {
    "INSERT_ID": "it could be made to run into keys of rows that are hidden from you",
    "MAX_JOIN_SIZE": "it counts rows that are hidden from you",
    "SQL_MAX_JOIN_SIZE": "it counts rows that are hidden from you",
    "SQL_BIG_SELECTS": "it counts rows that are hidden from you",
}
"""Settings of the session, and why they are refused."""
_SHOWS: Final = frozenset({"STATUS", "INDEX", "INDEXES", "KEYS", "PROFILE", "PROFILES"})
_HINT: Final = "Leave it out, or count the rows that you see."


def check(found: Findings, known: list[tuple[Reference, Table]], where: Circumstances) -> None:
    """Refuse a query of the server's own tables that would count rows which the caller does not have. Raises Refusal 42000."""
    mine = {id(reference) for reference, _ in known}
    for reference in found.references:
        if id(reference) in mine or not (reference.schema or where.facts.schema or "").lower().endswith(_OWN):
            continue
        name = reference.name.lower()
        if name in _COUNTING or (name == "tables" and (reference.shows_all(found) or found.names.keys() & _SIZES)):
            raise _counted(f"{reference.schema or where.facts.schema}.{reference.name}")


_OWN: Final = ("_schema", "sys", "mysql")


def check_show(statement: Statement) -> None:
    """Refuse a SHOW that does. Raises Refusal 42000."""
    words = {statement.word(index) for index in range(1, 5)}
    if words & _SHOWS:
        raise _counted(f"SHOW {min(words & _SHOWS)}")


def _counted(what: str) -> Refusal:
    message = f"{what} is not available to you, because rows are hidden from you that it would count"
    return Refusal("42000", message, hint=_HINT)
