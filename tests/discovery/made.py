"""Making the labelled schemas on a real server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from discovery.labelled import LabelledColumn, LabelledSchema

    from louver.demo.mysql import LocalMySQL

_POSTGRES = {"int": "integer", "double": "double precision", "blob": "bytea", "bool": "boolean", "json": "jsonb"}
_MYSQL = {"timestamp": "datetime"}


async def make_on_postgres(schema: LabelledSchema, dsn: str) -> None:
    """Make the tables of a schema in an empty database, with their rows and comments."""
    connection = await asyncpg.connect(dsn)
    try:
        for table, columns in schema.tables.items():
            await connection.execute(f"CREATE TABLE {_quoted(table)} ({_columns(columns, _POSTGRES)})")
            for column in columns:
                if column.comment:
                    comment = column.comment.replace("'", "''")
                    await connection.execute(
                        f"COMMENT ON COLUMN {_quoted(table)}.{_quoted(column.name)} IS '{comment}'"
                    )
            await connection.copy_records_to_table(table, records=schema.rows(table), columns=[c.name for c in columns])
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def make_on_mysql(schema: LabelledSchema, server: LocalMySQL, name: str) -> None:
    """Make the tables of a schema as schema `name` of a server, with their rows and comments."""
    server.create_schema(name)
    with server.connect(name, charset="utf8mb4") as connection, connection.cursor() as cursor:
        for table, columns in schema.tables.items():
            cursor.execute(
                f"CREATE TABLE {_quoted(table, '`')} ({_columns(columns, _MYSQL, '`')}) CHARACTER SET utf8mb4"
            )
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {_quoted(table, '`')} VALUES ({marks})", schema.rows(table))
        connection.commit()


def _columns(columns: tuple[LabelledColumn, ...], types: dict[str, str], quote: str = '"') -> str:
    written = []
    for column in columns:
        base = re.split(r"(?=\()", column.type)
        text = f"{_quoted(column.name, quote)} {types.get(base[0], base[0])}{''.join(base[1:])}"
        text += " PRIMARY KEY" if column.rows == "serial" else ""
        if quote == "`" and column.comment:
            text += " COMMENT '" + column.comment.replace("'", "''") + "'"
        written.append(text)
    return ", ".join(written)


def _quoted(name: str, quote: str = '"') -> str:
    return quote + name.replace(quote, quote * 2) + quote
