"""Reading a database's catalog: the snapshot the rewriter works on, and the look-ups on a session's own connection.

Owns asking for it, and how. May not do: keep a snapshot, decide when to read one, or
judge what is protected. Everything is named in full, for look-ups run under the caller's search path.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

import asyncpg

from proxy.postgres import catalog_sql as sql
from proxy.postgres.catalog_sql import FINGERPRINT as FINGERPRINT  # noqa: PLC0414
from proxy.postgres.constraint_sql import CONSTRAINTS, FILLED
from proxy.postgres.snapshot import (
    attached_to,
    by_name,
    code_of,
    conversions_of,
    function_of,
    relations_from,
    sort_functions,
)
from rewriter.postgres.bodies import READ
from rewriter.postgres.catalog import Attached, Catalog, Column, Function, Names, Relation
from rewriter.postgres.definitions import DEFINED, FIRST_MADE
from rewriter.postgres.functions import HARMLESS_EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rewriter.model import Name

WrittenName = tuple[str | None, str]


class Ask(Protocol):
    """Ask a session's own server: SQL text with its parameters, rows of text columns back."""

    async def __call__(self, text: str, *values: str) -> list[list[str | None]]:
        """Raises ProtocolViolation when the server cannot answer."""


_MEANWHILE: Final = 15.0
"""Seconds for which a reading is begun again because a relation was locked, or dropped, after it had looked what there is."""
_PAUSE: Final = 0.01  # seconds before it is

_TIMEOUT: Final = 30.0
"""Seconds for each query; a catalog of 100,000 columns takes about one."""


# With an empty path the server qualifies every name in a view's definition; its constants are to be written as no
# setting of a session reads otherwise. No lock is waited for: whoever holds it may wait for us.
_SETTINGS: Final = """SET LOCAL lock_timeout = '200ms'; SET LOCAL search_path = ''; SET LOCAL datestyle = ISO; SET LOCAL intervalstyle = postgres;
SET LOCAL bytea_output = hex; SET LOCAL extra_float_digits = 1; SET LOCAL quote_all_identifiers = off"""


async def read_catalog(settings: Mapping[str, Any], revision: int) -> Catalog:
    """Read the snapshot of one database.

    `settings` are arguments of asyncpg.connect (host, port, user, password, database, ssl ...). The account needs no
    privilege beyond connecting. Raises what asyncpg raises: OSError, asyncpg.PostgresError, TimeoutError.
    """
    connection = await asyncpg.connect(**settings)
    try:
        return await read_catalog_on(connection, revision)
    finally:
        await connection.close()


async def read_catalog_on(connection: asyncpg.Connection, revision: int) -> Catalog:
    """Read the snapshot on an open connection, in one transaction, so that its parts agree.

    Definitions in which a relation stands that somebody has locked are left out; the snapshot then is not `whole`.
    """
    end = monotonic() + _MEANWHILE
    while monotonic() < end:
        with contextlib.suppress(
            asyncpg.LockNotAvailableError,
            asyncpg.InternalServerError,  # "could not open relation": definitions are printed as of now, not of the snapshot
            asyncpg.UndefinedTableError,
            asyncpg.UndefinedObjectError,
            asyncpg.UndefinedFunctionError,
        ):
            return await _read_catalog(connection, revision)
        await asyncio.sleep(_PAUSE)
    return await _read_catalog(connection, revision)


async def _read_catalog(connection: asyncpg.Connection, revision: int) -> Catalog:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_SETTINGS)

        async def fetch(query: str) -> list[asyncpg.Record]:
            return list(await connection.fetch(query, timeout=_TIMEOUT))

        database = await connection.fetchval("SELECT current_database()", timeout=_TIMEOUT)
        known = await fetch(sql.FUNCTIONS)
        functions = sort_functions(known, await fetch(sql.TYPES))
        # in a thread of its own: thousands of tables take some hundred milliseconds, in which others are served
        relations = await asyncio.to_thread(
            relations_from,
            await fetch(sql.RELATIONS),
            await fetch(sql.USER_COLUMNS),
            await fetch(sql.SOURCES),
            await fetch(sql.RUN_FUNCTIONS),
            await fetch(sql.LINKS),
            await fetch(CONSTRAINTS),
            await fetch(FILLED),
            known,
        )
        for row in await fetch(sql.SYSTEM_RELATIONS):
            relations[row["oid"]] = Relation(row["oid"], row["schema"], row["name"], row["kind"], ())
        made_operators = await fetch(sql.OPERATORS)
        operators = by_name(((row["name"], row["function"]) for row in made_operators), functions.user_by_oid)
        conversions = conversions_of(await fetch(sql.CONVERSIONS), functions.user_by_oid)
        code = code_of(await connection.fetch(sql.CODE, sorted(HARMLESS_EXTENSIONS), timeout=_TIMEOUT))
        attached = attached_to(await fetch(sql.ATTACHED))
        cascades: dict[int, list[int]] = {}
        for row in await fetch(sql.CASCADES):
            cascades.setdefault(row["relation"], []).append(row["changed"])
    return Catalog(
        database=database,
        revision=revision,
        relations=relations,
        names={(relation.schema, relation.name): oid for oid, relation in relations.items()},
        functions=frozenset(functions.user_by_oid.values()),
        harmless=functions.harmless,
        builtins=functions.builtins,
        unjudged=functions.unjudged,
        operators=operators,
        row_functions=functions.row_functions,
        operator_names=frozenset(row["name"] for row in made_operators),
        volatile=functions.volatile,
        code=code,
        attached=attached,
        conversions=conversions,
        cascades={oid: tuple(changed) for oid, changed in cascades.items()},
        whole=_is_whole(relations, attached, code),
    )


def _is_whole(
    relations: Mapping[int, Relation],
    attached: Mapping[int, tuple[Attached, ...]],
    code: Mapping[Name, tuple[Function, ...]],
) -> bool:
    """Whether no definition was left out because of a lock."""
    views = all(r.definition is not None for r in relations.values() if r.kind in DEFINED and r.oid >= FIRST_MADE)
    bodies = all(f.body is not None for each in code.values() for f in each if f.language in READ)
    return views and bodies and all(a.text != sql.UNREADABLE for each in attached.values() for a in each)


def look_up_sql(names: Iterable[WrittenName] = (), functions: Iterable[WrittenName] = ()) -> str:
    """One SELECT of nine text columns for the session's own connection, to be read by `read_look_up`.

    It tells the schemas of the search path, the session's temporary relations, and for each written name (schema or
    None, name) the relation it means now with its columns, or the functions of that name. It needs no parameters and
    changes nothing.
    """
    wanted = _values(names)
    parts = [_PATH, _TEMPORARY]
    if wanted:
        found = sql.FOUND.format(wanted=wanted)
        parts += [f"{_RELATION} {found}", f"{_COLUMN} (SELECT f.oid::pg_catalog.int8 {found})"]
    called = _values(functions)
    if called:
        parts.append(sql.FOUND_FUNCTIONS.format(wanted=called))
    return " UNION ALL ".join(f"({part})" for part in parts)


def _values(names: Iterable[WrittenName]) -> str:
    return ", ".join(f"({_literal(schema)}, {_literal(name)})" for schema, name in sorted(names, key=str))


_PATH: Final = """SELECT 'path', n.s::pg_catalog.text, n.i::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL
FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) WITH ORDINALITY n (s, i)"""
_TEMPORARY: Final = f"""SELECT 'temporary', c.relname::pg_catalog.text,
CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'v' THEN pg_catalog.concat({sql.READ_BY}) END, NULL, NULL, NULL, NULL, NULL, NULL
FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
AND c.relkind OPERATOR(pg_catalog.=) ANY ('{{r,p,v,m,f,S}}')"""  # noqa: S608  constants of the proxy
_RELATION: Final = """SELECT 'relation', w.s, w.n, f.oid::pg_catalog.text, f.nspname::pg_catalog.text,
f.relname::pg_catalog.text, f.relkind::pg_catalog.text,
(SELECT pg_catalog.string_agg(i.inhparent::pg_catalog.oid::pg_catalog.text, ',') FROM pg_catalog.pg_inherits i
WHERE i.inhrelid OPERATOR(pg_catalog.=) f.oid), NULL"""
_COLUMN: Final = f"""SELECT 'column', k.relation::pg_catalog.text, k.name, k.number::pg_catalog.text, k.type_name,
k.base_type, k.not_null::pg_catalog.text, k.collation, k.generated::pg_catalog.text
FROM ({sql.COLUMNS}) k WHERE k.relation OPERATOR(pg_catalog.=) ANY"""  # noqa: S608  constants of the proxy


def read_look_up(rows: Iterable[Sequence[str | None]], functions: Iterable[WrittenName] = ()) -> Names:
    """Names from the rows of `look_up_sql`, which asked for `functions`.

    A wanted relation that the server does not know is None in `looked_up`, a wanted function () in `functions`.
    """
    path: dict[int, str] = {}
    temporary: set[str] = set()
    views: dict[str, frozenset[int]] = {}
    columns: dict[int, list[Column]] = {}
    found: dict[WrittenName, Relation | None] = {}
    code: dict[WrittenName, tuple[Function, ...]] = dict.fromkeys(functions, ())
    for tag, *values in rows:
        if tag == "path":
            path[int(values[1] or 0)] = values[0] or ""
        elif tag == "temporary":
            temporary.add(values[0] or "")
            if values[1] is not None:
                views[values[0] or ""] = frozenset(int(oid) for oid in values[1].split(",") if oid)
        elif tag == "column":
            columns.setdefault(int(values[0] or 0), []).append(_looked_up_column(values))
        elif tag == "function":
            written = (values[0], values[1] or "")
            code[written] = (*code[written], function_of(values[2] or ""))
        elif values[2] is None:
            found[values[0], values[1] or ""] = None
        elif not (values[3] or "").startswith("pg_temp"):
            parents = tuple(int(parent) for parent in (values[6] or "").split(",") if parent)
            relation = Relation(int(values[2]), values[3] or "", values[4] or "", values[5] or "", (), parents)
            found[values[0], values[1] or ""] = relation
    looked_up = {
        written: relation and replace(relation, columns=tuple(sorted(columns.get(relation.oid, ()), key=_number)))
        for written, relation in found.items()
    }
    return Names(tuple(path[place] for place in sorted(path)), frozenset(temporary), looked_up, views, code)


def _number(column: Column) -> int:
    return column.number


def _looked_up_column(values: Sequence[str | None]) -> Column:
    _, name, number, type_name, base_type, not_null, collation, generated = values
    return Column(
        name=name or "",
        number=int(number or 0),
        type_name=type_name or "",
        base_type=base_type or "",
        not_null=not_null == "true",
        collation=collation,
        generated=generated == "true",
    )


def _literal(text: str | None) -> str:
    if text is None:
        return "NULL"
    quoted = text.replace("'", "''")
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in text else f"'{quoted}'"
