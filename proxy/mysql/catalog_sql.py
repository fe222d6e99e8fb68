"""The queries by which the catalog of a MySQL or MariaDB server is read, and one for a fingerprint of all they find.

Owns the SQL. information_schema is read with the rights of the account that asks: what it may not see is not there.
Source: MySQL manual, chapter 28; MariaDB Knowledge Base, Information Schema Tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.mysql.catalog import Flavour

SYSTEM_SCHEMAS: Final = ("information_schema", "mysql", "performance_schema", "sys")

# Definitions are written as the session's modes and character set say; quotes are to be backticks, and nothing is cut short.
SESSION: Final = (
    "SET SESSION sql_mode = '', sql_quote_show_create = 1, sql_select_limit = DEFAULT",
    "SET SESSION TRANSACTION READ ONLY",
)
SERVER: Final = "SELECT VERSION(), @@GLOBAL.lower_case_table_names"
GRANTS: Final = "SHOW GRANTS"

_SYSTEM = ", ".join(f"'{name}'" for name in SYSTEM_SCHEMAS)


@dataclass(frozen=True, slots=True)
class Query:
    """Columns of a view of information_schema, and the rest of the query from FROM on."""

    columns: tuple[str, ...]
    source: str

    @property
    def text(self) -> str:
        """SQL that gives the rows."""
        return f"SELECT {', '.join(self.columns)} FROM {self.source}"  # noqa: S608  our own constants

    @property
    def digest(self) -> str:
        """SQL of one number that changes, but for a chance of 2 to the -60, when the rows do."""
        values = ", ".join(f"COALESCE(CONVERT({column} USING utf8mb4), '')" for column in self.columns)
        row = f"CAST(CONV(LEFT(SHA2(CONCAT_WS(0x1f, {values}), 256), 15), 16, 10) AS UNSIGNED)"
        return f"(SELECT CONCAT(COUNT(*), '/', COALESCE(BIT_XOR({row}), 0)) FROM {self.source})"  # noqa: S608  our own constants


def _user_made(table: str, column: str, condition: str = "TRUE") -> str:
    return f"information_schema.{table} WHERE LOWER({column}) NOT IN ({_SYSTEM}) AND {condition}"


_COMMON: Final[Mapping[str, Query]] = {
    "tables": Query(("TABLE_SCHEMA", "TABLE_NAME", "TABLE_TYPE"), _user_made("TABLES", "TABLE_SCHEMA")),
    "columns": Query(
        (
            *(
                "TABLE_SCHEMA",
                "TABLE_NAME",
                "COLUMN_NAME",
                "ORDINAL_POSITION",
                "COLUMN_TYPE",
                "DATA_TYPE",
                "IS_NULLABLE",
            ),
            *("CHARACTER_SET_NAME", "COLLATION_NAME", "EXTRA", "GENERATION_EXPRESSION"),
        ),
        _user_made("COLUMNS", "TABLE_SCHEMA"),
    ),
    "views": Query(
        ("TABLE_SCHEMA", "TABLE_NAME", "VIEW_DEFINITION", "SECURITY_TYPE"), _user_made("VIEWS", "TABLE_SCHEMA")
    ),
    "triggers": Query(
        (
            *("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", "ACTION_ORDER", "TRIGGER_NAME", "EVENT_MANIPULATION"),
            "ACTION_STATEMENT",
        ),
        _user_made("TRIGGERS", "EVENT_OBJECT_SCHEMA"),
    ),
    "routines": Query(
        ("ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINE_TYPE", "ROUTINE_BODY", "ROUTINE_DEFINITION"),
        _user_made("ROUTINES", "ROUTINE_SCHEMA"),
    ),
    "links": Query(
        (
            *("TABLE_SCHEMA", "TABLE_NAME", "CONSTRAINT_NAME", "ORDINAL_POSITION", "COLUMN_NAME"),
            *("REFERENCED_TABLE_SCHEMA", "REFERENCED_TABLE_NAME", "REFERENCED_COLUMN_NAME"),
        ),
        _user_made("KEY_COLUMN_USAGE", "TABLE_SCHEMA", "REFERENCED_TABLE_NAME IS NOT NULL"),
    ),
    "partitions": Query(
        ("TABLE_SCHEMA", "TABLE_NAME", "PARTITION_NAME", "PARTITION_EXPRESSION", "SUBPARTITION_EXPRESSION"),
        _user_made("PARTITIONS", "TABLE_SCHEMA", "PARTITION_NAME IS NOT NULL"),
    ),
    "loadable": Query(("name",), "mysql.func"),
}
_INDEX = ("TABLE_SCHEMA", "TABLE_NAME", "INDEX_NAME", "SEQ_IN_INDEX", "NON_UNIQUE", "COLUMN_NAME")

QUERIES: Final[Mapping[Flavour, Mapping[str, Query]]] = {
    "mysql": {
        **_COMMON,
        "indexes": Query((*_INDEX, "EXPRESSION"), _user_made("STATISTICS", "TABLE_SCHEMA")),
        "checks": Query(
            ("t.TABLE_SCHEMA", "t.TABLE_NAME", "t.CONSTRAINT_NAME", "'Table'", "c.CHECK_CLAUSE"),
            "information_schema.TABLE_CONSTRAINTS AS t JOIN information_schema.CHECK_CONSTRAINTS AS c "
            "ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME "
            "WHERE t.CONSTRAINT_TYPE = 'CHECK'",
        ),
    },
    "mariadb": {
        **_COMMON,
        "indexes": Query((*_INDEX, "NULL"), _user_made("STATISTICS", "TABLE_SCHEMA")),
        "checks": Query(
            ("CONSTRAINT_SCHEMA", "TABLE_NAME", "CONSTRAINT_NAME", "LEVEL", "CHECK_CLAUSE"),
            _user_made("CHECK_CONSTRAINTS", "CONSTRAINT_SCHEMA"),
        ),
    },
}
"""What is asked of each of the two, by name."""


def fingerprint(flavour: Flavour) -> str:
    """Give a query of one value that stays the same as long as a snapshot would."""
    return f"SELECT CONCAT_WS(',', {', '.join(query.digest for query in QUERIES[flavour].values())})"
