"""Reading the catalog of a MySQL or MariaDB server: the snapshot the rewriter works on, and a fingerprint of it.

Owns asking for it, by PyMySQL and in a thread of its own, and whether the account may see all that it must. May not do:
keep a snapshot, decide when to read one, or judge what is protected.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import pymysql

from proxy.catalogs import CatalogUnavailable
from proxy.mysql.catalog_sql import GRANTS, QUERIES, SERVER, SESSION, fingerprint
from rewriter.mysql.catalog import Catalog, Column, Flavour, Index, Link, Routine, Table, Trigger

if TYPE_CHECKING:
    from rewriter.model import Name

Row = tuple[Any, ...]
Rows = Mapping[str, list[Row]]

NEEDED: Final = ("SELECT", "SHOW VIEW", "TRIGGER")
"""Privileges on *.* without which tables, definitions of views or triggers stay unseen, and unseen is unprotected."""

_SECONDS = 30.0  # for each query; a catalog of 100,000 columns takes some seconds
_ATTEMPTS: Final = 4  # a reading during which a definition has changed is begun again
_GRANT = re.compile(r"GRANT (?P<privileges>.+?) ON \*\.\* TO ", re.IGNORECASE)


async def read_catalog(connection: Mapping[str, Any], revision: int) -> Catalog:
    """Read the snapshot of a whole server. `connection` are arguments of pymysql.connect, without a database.

    Raises OSError or pymysql.MySQLError when the server cannot be asked, CatalogUnavailable when the account may not see
    everything.
    """
    return await asyncio.to_thread(_read, connection, revision)


def open_connection(connection: Mapping[str, Any]) -> pymysql.Connection[Any]:
    """Open a connection for reading catalogs. Raises OSError and pymysql.MySQLError."""
    given = {"charset": "utf8mb4", "connect_timeout": _SECONDS, "read_timeout": _SECONDS, "autocommit": True}
    opened = pymysql.connect(**{**given, **connection})
    try:
        with opened.cursor() as cursor:
            for statement in SESSION:
                cursor.execute(statement)
    except BaseException:
        opened.close()
        raise
    return opened


def read_fingerprint(connection: pymysql.Connection[Any], flavour: Flavour) -> str:
    """Ask for a fingerprint of all definitions on a connection that `open_connection` has made."""
    return str(_ask(connection, fingerprint(flavour))[0][0])


def _read(settings: Mapping[str, Any], revision: int) -> Catalog:
    with open_connection(settings) as connection:
        _check_rights(_ask(connection, GRANTS))
        ((version, case),) = _ask(connection, SERVER)
        flavour: Flavour = "mariadb" if "mariadb" in str(version).lower() else "mysql"
        before = read_fingerprint(connection, flavour)
        for _ in range(_ATTEMPTS):
            found = {name: _ask(connection, query.text) for name, query in QUERIES[flavour].items()}
            after = read_fingerprint(connection, flavour)
            if after == before:
                break
            before = after
        tables = _tables(found)
        routines = _routines(found["routines"])
    return Catalog(
        database="",
        revision=revision,
        flavour=flavour,
        version=_version(str(version)),
        folds_names=int(case) != 0,
        tables=tables,
        routines=routines,
        loadable=frozenset(_text(row[0]).lower() for row in found["loadable"]),
        whole=not any(table.kind == "view" and table.definition is None for table in tables.values()),
    )


def _ask(connection: pymysql.Connection[Any], text: str) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return list(cursor.fetchall())


def _check_rights(grants: Iterable[Row]) -> None:
    """Raise CatalogUnavailable when the account may not see every table, view and trigger."""
    held: set[str] = set()
    for row in grants:
        line = _text(row[0])
        if line.upper().startswith("REVOKE"):
            raise CatalogUnavailable(f"the catalog is not read whole: the account has a partial revoke ({line})")
        if match := _GRANT.match(line):
            held |= {privilege.strip().upper() for privilege in match["privileges"].split(",")}
    missing = [] if {"ALL", "ALL PRIVILEGES"} & held else [name for name in NEEDED if name not in held]
    if missing:
        raise CatalogUnavailable(
            f"the catalog is not read whole: the account lacks {', '.join(missing)} on *.*, "
            f"so that it would not see what it must protect; GRANT {', '.join(NEEDED)} ON *.* to it"
        )


def _version(text: str) -> tuple[int, int, int]:
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", text.removeprefix("5.5.5-"))
    if numbers is None:
        raise CatalogUnavailable(f"the server's version {text!r} is not understood")
    return int(numbers[1]), int(numbers[2]), int(numbers[3])


def _text(value: object) -> str:
    """A value of information_schema as text: some columns are binary on some versions."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _some(value: object) -> str | None:
    return None if value is None else _text(value)


def _grouped(rows: Iterable[Row]) -> dict[Name, list[Row]]:
    """Rows without their first two values, by those: schema and table."""
    grouped: dict[Name, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[_text(row[0]), _text(row[1])].append(row[2:])
    return grouped


def _tables(found: Rows) -> dict[Name, Table]:
    parts = {name: _grouped(rows) for name, rows in found.items() if name not in ("routines", "loadable")}
    links = _links(parts["links"])
    tables = {}
    for name, ((table_type,), *_) in parts["tables"].items():
        kind = _kind(_text(table_type))
        definition, security = (parts["views"].get(name) or [(None, None)])[0]
        valid = {_text(row[2]) for row in parts["checks"].get(name, ()) if _text(row[1]) == "Column"}
        indexes = _indexes(parts["indexes"].get(name, []))
        columns = parts["columns"].get(name, [])
        tables[name] = Table(
            schema=name[0],
            name=name[1],
            kind=kind,
            columns=tuple(_column(row, valid) for row in sorted(columns, key=lambda row: int(row[1]))),
            definition=_some(definition) or None,  # empty where the account may not see it
            invoker=_text(security) == "INVOKER",
            unique=tuple(index.columns for index, unique in indexes if unique),
            triggers=tuple(
                Trigger(_text(row[1]), _text(row[2]).upper(), _text(row[3]))
                for row in sorted(parts["triggers"].get(name, []), key=lambda row: (_text(row[2]), int(row[0])))
            ),
            links=tuple(links.get(name, ())),
            checks=_checks(parts, name),
            indexes=tuple(index for index, _ in indexes),
        )
    return tables


def _kind(table_type: str) -> Literal["table", "view", "sequence"]:
    if table_type == "SEQUENCE":
        return "sequence"
    return "view" if "VIEW" in table_type else "table"


def _column(row: Row, valid: set[str]) -> Column:
    name, number, column_type, base, nullable, character_set, collation, extra, expression = row
    # JSON of MariaDB is text with a check of its own
    is_json = f"json_valid({_quoted(_text(name))})" in valid
    return Column(
        name=_text(name),
        number=int(number),
        type_name=_text(column_type),
        base_type="json" if is_json else _text(base).lower(),
        not_null=_text(nullable) == "NO",
        character_set=_some(character_set),
        collation=_some(collation),
        invisible="INVISIBLE" in _text(extra).upper(),
        generated="GENERATED" in _text(extra).upper().replace("DEFAULT_GENERATED", ""),
        expression=_some(expression) or "",
        numbered="AUTO_INCREMENT" in _text(extra).upper(),
    )


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _indexes(rows: list[Row]) -> tuple[tuple[Index, bool], ...]:
    """Each index and whether it is unique, the primary key first; an expression stands for the columns that it names."""
    columns: dict[str, list[str]] = defaultdict(list)
    unique: dict[str, bool] = {}
    for index, _, plain, column, expression in sorted(rows, key=lambda row: (row[0] != "PRIMARY", row[0], int(row[1]))):
        name = _text(index)
        unique[name] = int(plain) == 0
        found = [_text(column)] if column is not None else _named(_text(expression))
        columns[name] += [each for each in found if each not in columns[name]]
    return tuple((Index(name, tuple(columns[name])), unique[name]) for name in columns)


def _named(expression: str) -> list[str]:
    return [name.replace("``", "`") for name in re.findall(r"`((?:[^`]|``)+)`", expression)]


def _checks(parts: Mapping[str, Mapping[Name, list[Row]]], name: Name) -> tuple[str, ...]:
    """What the server works out from a row's values: checks, generated columns, expressions of indexes and partitions."""
    texts = [_text(clause) for _, level, clause in parts["checks"].get(name, ()) if not _is_json_check(level, clause)]
    texts += [_text(row[8]) for row in parts["columns"].get(name, ()) if row[8]]
    texts += [_text(row[4]) for row in parts["indexes"].get(name, ()) if row[4] is not None]
    texts += [_text(text) for row in parts["partitions"].get(name, ()) for text in row[1:] if text is not None]
    return tuple(dict.fromkeys(texts))


def _is_json_check(level: object, clause: object) -> bool:
    """Every value that is stored has passed it, so that it tells nothing of the hidden ones."""
    return _text(level) == "Column" and re.fullmatch(r"json_valid\(`(?:[^`]|``)+`\)", _text(clause)) is not None


def _links(rows: Mapping[Name, list[Row]]) -> dict[Name, list[Link]]:
    """The foreign keys of each table, on both sides."""
    links: dict[Name, list[Link]] = defaultdict(list)
    for table, parts in rows.items():
        keys: dict[str, list[Row]] = defaultdict(list)
        for part in sorted(parts, key=lambda row: (_text(row[0]), int(row[1]))):
            keys[_text(part[0])].append(part)
        for key, members in keys.items():
            own = tuple(_text(row[2]) for row in members)
            there = tuple(_text(row[5]) for row in members)
            other = (_text(members[0][3]), _text(members[0][4]))
            links[table].append(Link(key, own, other, there, refers=True))
            links[other].append(Link(key, there, table, own, refers=False))
    return links


def _routines(rows: Iterable[Row]) -> dict[Name, Routine]:
    routines = {}
    for schema, name, kind, language, body in rows:
        if _text(kind) in ("FUNCTION", "PROCEDURE"):
            # a function and a procedure of one name: neither body stands for both
            key = (_text(schema), _text(name).lower())
            text = _some(body) if _text(language) == "SQL" and key not in routines else None
            routine: Literal["function", "procedure"] = "function" if _text(kind) == "FUNCTION" else "procedure"
            routines[key] = Routine(key[0], _text(name), routine, text or None)
    return routines
