"""What a written relation name means on the session's server at this moment.

Owns the order in which names are resolved: what was looked up on the session's own connection, temporary relations, the
search path. May not do: guess. What the snapshot does not know is reported, not assumed.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from rewriter.model import Refusal
from rewriter.postgres.catalog import Relation
from rewriter.postgres.reading import position

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Catalog, Names
    from rewriter.postgres.scopes import Node, Reference


class Elsewhere(Enum):
    """A name that is no relation of the snapshot."""

    TEMPORARY = "a temporary relation of this session"
    UNKNOWN = "to be looked up"
    ABSENT = "the server does not know it"


Meaning = Relation | Elsewhere


def meaning_of(node: Node, names: Names, catalog: Catalog) -> Meaning:
    """What a RangeVar's name means; raises Refusal 0A000 for another database, 42501 for others' temporary relations.

    Source of the order: PostgreSQL manual, 5.10.3 The Schema Search Path; namespace.c, RangeVarGetRelidExtended.
    """
    database, schema, name = node.get("catalogname"), node.get("schemaname"), node["relname"]
    if database is not None and database != catalog.database:
        raise Refusal("0A000", f'cross-database references are not implemented: "{database}.{schema}.{name}"')
    if schema is not None and schema.startswith("pg_temp"):
        return _temporary(schema, name, names)
    if (schema, name) in names.looked_up:
        found = names.looked_up[schema, name]
        return Elsewhere.ABSENT if found is None else catalog.relations.get(found.oid, found)
    return _along((schema,) if schema is not None else _path(name, names), name, names, catalog)


def absent(data: bytes, node: Node) -> Refusal:
    """The refusal for a relation that does not exist, in the server's own words (SQLSTATE 42P01)."""
    written = ".".join(part for part in (node.get("schemaname"), node["relname"]) if part)
    return Refusal("42P01", f'relation "{written}" does not exist', position=position(data, node))


def written_name(reference: Reference) -> str:
    """A reference's name for a message, as written but for quotes."""
    return ".".join(part for part in reference.written if part)


def _path(name: str, names: Names) -> tuple[str, ...]:
    if name in names.temporary and not any(entry.startswith("pg_temp") for entry in names.path):
        return ("pg_temp", *names.path)  # created after the path was read: it comes first by default
    return names.path


def _along(path: tuple[str, ...], name: str, names: Names, catalog: Catalog) -> Meaning:
    for entry in path:
        if entry.startswith("pg_temp"):
            if name in names.temporary:
                return Elsewhere.TEMPORARY
        elif (oid := catalog.names.get((entry, name))) is not None:
            return catalog.relations[oid]
    return Elsewhere.UNKNOWN


def _temporary(schema: str, name: str, names: Names) -> Meaning:
    if schema != "pg_temp" and schema not in names.path:
        raise Refusal("42501", "temporary relations of other sessions are not readable", detail=f"Schema {schema}.")
    if name in names.temporary:
        return Elsewhere.TEMPORARY
    return Elsewhere.ABSENT if (schema, name) in names.looked_up else Elsewhere.UNKNOWN
