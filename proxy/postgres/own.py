"""What a session has made, renamed or altered in its open transaction: read on its own connection, laid over the snapshot.

Owns the SQL that finds what has changed since the transaction began to write, and the catalog that follows from it. May
not do: decide when to look, keep anything.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from proxy.postgres import catalog_sql as sql
from proxy.postgres.constraint_sql import CONSTRAINTS, FILLED
from proxy.postgres.snapshot import relations_from

if TYPE_CHECKING:
    from proxy.postgres.introspection import Ask
    from rewriter.postgres.catalog import Catalog, Relation

# Rows written by the transaction itself, its savepoints included, or by others since it began to write. age() counts from
# the transaction's own number once it has one (xid.c, xid_age).
_NEW: Final = "pg_catalog.age({0}.xmin) OPERATOR(pg_catalog.<=) 0"

_CHANGED: Final = """
SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {users} AND ({class} OR {namespace} OR c.oid IN (
  SELECT attrelid FROM pg_attribute x WHERE {row} UNION ALL SELECT ev_class FROM pg_rewrite x WHERE {row}
  UNION ALL SELECT inhrelid FROM pg_inherits x WHERE {row} UNION ALL SELECT conrelid FROM pg_constraint x WHERE {row}
  UNION ALL SELECT confrelid FROM pg_constraint x WHERE {row} UNION ALL SELECT tgrelid FROM pg_trigger x WHERE {row}
  UNION ALL SELECT indrelid FROM pg_index x WHERE {row}
  UNION ALL SELECT adrelid FROM pg_attrdef x WHERE {row} UNION ALL SELECT polrelid FROM pg_policy x WHERE {row}))""".format(  # noqa: S608  constants of the proxy
    users=sql.USER_SCHEMAS, **{"class": _NEW.format("c"), "namespace": _NEW.format("n"), "row": _NEW.format("x")}
)

# The settings under which the server writes definitions as no other setting reads otherwise, and how to undo them.
_SETTINGS: Final = {"search_path": "", "datestyle": "ISO", "intervalstyle": "postgres", "bytea_output": "hex"}
_ENTER: Final = "SELECT " + ", ".join(
    f"pg_catalog.current_setting('{name}'), pg_catalog.set_config('{name}', '{value}', true)"
    for name, value in _SETTINGS.items()
)
_LEAVE: Final = "SELECT " + ", ".join(
    f"pg_catalog.set_config('{name}', ${number}, true)" for number, name in enumerate(_SETTINGS, 1)
)


async def read_own(ask: Ask) -> list[Relation]:
    """Read every relation that the open transaction of a session has made or changed, as this session sees it.

    Must be asked within a transaction block, for it changes settings for some moments. Raises what `ask` raises.
    """
    (before,) = await ask(_ENTER)
    (row,) = await ask(f"SELECT pg_catalog.array_to_string(ARRAY({_CHANGED})::text[], ',')")
    relations: list[Relation] = []
    if row[0]:
        relations = await _read(ask, row[0])
    await ask(_LEAVE, *(value or "" for value in before[::2]))
    return relations


async def _read(ask: Ask, oids: str) -> list[Relation]:
    async def fetch(query: str) -> list[dict[str, Any]]:
        rows = await ask(f"SELECT pg_catalog.to_json(q)::text FROM ({query}) q")  # noqa: S608  constants of the proxy, and OIDs
        return [json.loads(found or "") for (found,) in rows]

    wanted = f"ANY ('{{{oids}}}'::oid[])"
    runs = await fetch(f"SELECT * FROM ({sql.RUN_FUNCTIONS}) r WHERE r.relation::oid = {wanted}")  # noqa: S608  the same
    functions: list[dict[str, Any]] = []
    if runs:
        called = ",".join(str(run["function"]) for run in runs)
        functions = await fetch(f"{sql.FUNCTIONS} AND p.oid = ANY ('{{{called}}}'::oid[])")
    found = relations_from(
        await fetch(f"{sql.RELATIONS} AND c.oid = {wanted}"),
        await fetch(f"{sql.COLUMNS} AND a.attrelid = {wanted} ORDER BY a.attrelid, a.attnum"),
        await fetch(f"{sql.SOURCES} AND r.ev_class = {wanted}"),
        runs,
        await fetch(f"SELECT * FROM ({sql.LINKS}) l WHERE l.relation::oid = {wanted}"),  # noqa: S608  the same
        await fetch(f"SELECT * FROM ({CONSTRAINTS}) k WHERE k.relation::oid = {wanted}"),  # noqa: S608  the same
        await fetch(f"SELECT * FROM ({FILLED}) d WHERE d.relation::oid = {wanted}"),  # noqa: S608  the same
        functions,
    )
    return list(found.values())


def laid_over(catalog: Catalog, own: list[Relation]) -> Catalog:
    """A catalog in which the session's own relations are as the session has them."""
    mine = {relation.oid: relation for relation in own}
    relations = {**catalog.relations, **mine}
    names = {(r.schema, r.name): oid for oid, r in relations.items() if oid not in mine}
    names.update({(r.schema, r.name): r.oid for r in own})
    return replace(catalog, relations=relations, names=names)
