"""Functions, operators and casts that a caller with masked columns may not use.

Owns the manifest of built-in functions that read relations, files or other sessions by name, or run SQL text, and the
list of extensions whose functions only compute, and finds the user functions of a statement; `rewriter.postgres.code` judges
those by their bodies. The manifest was made by reading the whole of pg_proc of PostgreSQL 17; `rewriter.postgres.known` has the rest of it.
May not do: look into relations or bodies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rewriter.kept import Kept
from rewriter.model import Name, Refusal, WrittenName
from rewriter.postgres.known import KNOWN_FUNCTIONS
from rewriter.postgres.reading import encode, parse, position
from rewriter.postgres.system import SYSTEM_SCHEMAS

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Catalog, Names, Relation
    from rewriter.postgres.scopes import Findings

HARMLESS_EXTENSIONS = frozenset(
    {
        "plpgsql",
        "btree_gin",
        "btree_gist",
        "bloom",
        "citext",
        "cube",
        "dict_int",
        "dict_xsyn",
        "earthdistance",
        "fuzzystrmatch",
        "hstore",
        "intagg",
        "intarray",
        "isn",
        "ltree",
        "pg_trgm",
        "pgcrypto",
        "seg",
        "unaccent",
        "uuid-ossp",
        "vector",
    }
)
"""Extensions whose functions compute from their arguments alone: they read no relation, file or other session."""

_SQL_TEXT = "it runs SQL text that cannot be examined here"
_BY_NAME = "it reads relations by name"
_FILES = "it reads or writes files of the server"
_SESSIONS = "it shows or disturbs other sessions"
_OBJECTS = "large objects are not covered by column policies"
_CHANGES = "it reads changes or backups of the database as a whole"
_PAGES = "it reads stored rows below the level of columns"
_INSIDE = "it works on the inside of the server"
_NOT_KNOWN = "this version of the proxy does not know it"

REFUSED_FUNCTIONS: dict[str, str] = {
    **dict.fromkeys(
        ("query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "ts_stat", "ts_rewrite"), _SQL_TEXT
    ),
    **dict.fromkeys(("pg_input_is_valid", "pg_input_error_info"), "it converts to a type named by text"),
    **dict.fromkeys(("cursor_to_xml", "cursor_to_xmlschema"), _SQL_TEXT),
    **dict.fromkeys(
        ("crosstab", "crosstab2", "crosstab3", "crosstab4", "crosstabn", "connectby", "xpath_table"), _SQL_TEXT
    ),
    **dict.fromkeys(("table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema"), _BY_NAME),
    **dict.fromkeys(("schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema"), _BY_NAME),
    **dict.fromkeys(("database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema"), _BY_NAME),
    **dict.fromkeys(("currtid2", "currtid", "pg_extension_config_dump", "pgrowlocks", "pg_prewarm"), _PAGES),
    **dict.fromkeys(("get_raw_page", "page_header", "tuple_data_split", "verify_heapam", "bt_index_check"), _PAGES),
    **dict.fromkeys(
        ("pg_read_file", "pg_read_binary_file", "pg_read_file_old", "pg_stat_file", "pg_file_read"), _FILES
    ),
    **dict.fromkeys(
        ("pg_file_write", "pg_file_rename", "pg_file_unlink", "pg_file_sync", "pg_current_logfile"), _FILES
    ),
    **dict.fromkeys(("pg_hba_file_rules", "pg_ident_file_mappings", "pg_show_all_file_settings", "load_file"), _FILES),
    **dict.fromkeys(("loread", "lowrite"), _OBJECTS),
    **dict.fromkeys(("pg_stat_get_activity", "pg_stat_get_backend_activity", "pg_stat_get_wal_senders"), _SESSIONS),
    **dict.fromkeys(("pg_stat_get_wal_receiver", "pg_stat_get_progress_info"), _SESSIONS),
    **dict.fromkeys(("pg_cancel_backend", "pg_terminate_backend", "pg_log_backend_memory_contexts"), _SESSIONS),
    **dict.fromkeys(("pg_mcv_list_items", "pg_stats_ext_mcvlist_items"), _BY_NAME),
    **dict.fromkeys(("pg_backup_start", "pg_backup_stop", "pg_start_backup", "pg_stop_backup", "pg_promote"), _CHANGES),
    **dict.fromkeys(("pg_create_restore_point", "pg_switch_wal", "pg_sync_replication_slots"), _CHANGES),
    **dict.fromkeys(("pg_wal_summary_contents", "pg_available_wal_summaries", "pg_log_standby_snapshot"), _CHANGES),
    **dict.fromkeys(
        ("pg_get_backend_memory_contexts", "pg_get_shmem_allocations", "pg_import_system_collations"), _INSIDE
    ),
    **dict.fromkeys(("pg_reload_conf", "pg_rotate_logfile", "pg_nextoid", "pg_stop_making_pinned_objects"), _INSIDE),
    **dict.fromkeys(("pg_event_trigger_ddl_commands", "pg_event_trigger_dropped_objects"), _INSIDE),
}
"""Name of a built-in or extension function, and why it is refused."""

READERS: Final = frozenset(name for name, why in REFUSED_FUNCTIONS.items() if why in {_SQL_TEXT, _BY_NAME, _PAGES})
"""Those that read stored values which nothing else in a statement need name."""

REFUSED_PREFIXES: dict[str, str] = {
    "dblink": "it sends SQL to another server, out of sight",
    "postgres_fdw_": "it reaches another server",
    "lo_": _OBJECTS,
    "pg_ls_": _FILES,
    "pg_logdir_": _FILES,
    "pg_logical_": _CHANGES,
    "pg_replication_": _CHANGES,
    "pg_wal_replay_": _CHANGES,
    "pg_create_logical_": _CHANGES,
    "pg_create_physical_": _CHANGES,
    "pg_copy_logical_": _CHANGES,
    "pg_copy_physical_": _CHANGES,
    "pg_drop_replication_": _CHANGES,
    "pg_get_replication_": _CHANGES,
    "binary_upgrade_": _INSIDE,
    "pg_stat_statements": _SESSIONS,
    "pg_stat_reset": _INSIDE,
    "pgstat": _PAGES,
    "heap_page_": _PAGES,
    "heap_tuple_": _PAGES,
    "heap_force_": _PAGES,
    "bt_page_": _PAGES,
    "bt_multi_page_": _PAGES,
    "brin_page_": _PAGES,
    "gin_page_": _PAGES,
    "gist_page_": _PAGES,
    "hash_page_": _PAGES,
    "pg_get_wal_": _CHANGES,
}
"""Beginning of a function's name, and why every such function is refused."""

_COUNTED = 8
"""Calls with as many arguments may be any overload's: `rewriter.postgres.abridging` leaves constants out of longer lists."""

ANY_TYPES = 0
"""In place of a relation's OID: its columns may have any types."""

TYPE_FUNCTIONS = frozenset({"pg_input_is_valid", "pg_input_error_info"})
"""Functions of the manifest that convert to a type named by text: allowed when that text is a constant."""

SETTING_FUNCTIONS = frozenset({"current_setting", "set_config"})
"""Looked into by `rewriter.postgres.settings`."""


def refused_builtin(name: str) -> str | None:
    """Why a function of this name is refused wherever it lives; None when the manifest does not hold it."""
    reason = REFUSED_FUNCTIONS.get(name)
    if reason is None:
        reason = next((why for prefix, why in REFUSED_PREFIXES.items() if name.startswith(prefix)), None)
    return reason


def unjudged(name: str) -> bool:
    """Whether a name is on neither list, so that a built-in function of that name has not been looked at."""
    return name not in KNOWN_FUNCTIONS and refused_builtin(name) is None


def refused_function(name: str, catalog: Catalog) -> str | None:
    """Why a function of this name is refused, wherever it lives, as refused_builtin() or not known yet; else None."""
    return _NOT_KNOWN if name in catalog.unjudged else refused_builtin(name)


@dataclass(frozen=True, slots=True)
class Use:
    """User functions of one name that a statement may run: with how many arguments, when that is known, and as part of what.

    `where` is the 1-based character of the call in its text.
    """

    function: Name
    arguments: int | None = None
    where: int | None = None
    subject: str = ""


@dataclass(slots=True)
class Uses:
    """All user functions of a statement, and the names of functions that nobody knows yet."""

    found: list[Use] = field(default_factory=list)
    unknown: set[WrittenName] = field(default_factory=set)


def uses_of(  # noqa: PLR0913, PLR0917  a statement and what its names mean
    data: bytes,
    found: Findings,
    catalog: Catalog,
    names: Names,
    columns: frozenset[str] | set[str],
    relations: set[int],
) -> Uses:
    """The user functions that calls, operators, types and attributes of a statement may run.

    Raises Refusal 42501 for built-in functions of the manifest, 42883 for functions that the server does not know.
    `relations` are those of the statement, by OID, `columns` the names of their columns: name(row) may be a column, written
    as a function.
    """
    uses = Uses()
    index = index_of(catalog)
    for call in found.functions:
        name = [part["String"]["sval"] for part in call["funcname"]]
        where = position(data, call)
        count = len(call.get("args", ()))
        plain = not (call.get("func_variadic") or call.get("agg_within_group")) and count < _COUNTED
        converted = converted_to(call)
        if converted is None:
            _add_call(uses, name, catalog, names, columns, where, count if plain else None)
            _add_types(uses, index, name[-1], where)
        else:
            uses.found += [Use(function, 2, where) for function in index.functions.get(name[-1], ())]
            _add_types(uses, index, last_name(converted), where)
    for attribute in _attributes(found, columns):
        _add_types(uses, index, attribute, None)
        if attribute in SETTING_FUNCTIONS:
            _refuse(
                f"function {attribute}() is not allowed here", "settings are read by a call with a plain name", None
            )
        reason = refused_function(attribute, catalog)
        if reason is not None:
            _refuse(f"function {attribute}() is not allowed", reason, None)
        if attribute in catalog.row_functions:
            _add_call(uses, [attribute], catalog, names, columns, None, 1)
    _add_casts(uses, found, catalog, relations)
    for holder, parts in found.operators:
        operator = parts[-1]["String"]["sval"]
        uses.found += [
            Use(function, None, position(data, holder), f"operator {operator} uses ")
            for function in sorted(catalog.operators.get(operator, ()))
        ]
    if index.types:
        for type_name in found.types:
            _add_types(uses, index, last_name(type_name), position(data, type_name))
    return uses


def _add_call(  # noqa: PLR0913, PLR0917  one call in all its circumstances
    uses: Uses,
    name: list[str],
    catalog: Catalog,
    names: Names,
    columns: frozenset[str] | set[str],
    where: int | None,
    arguments: int | None,
) -> None:
    last = name[-1]
    reason = refused_function(last, catalog)
    if reason is not None:
        _refuse(f"function {last}() is not allowed", reason, where)
    index = index_of(catalog)
    written = (name[-2] if len(name) > 1 else None, last)
    if written[0] is not None:
        candidates = {(written[0], last)} & catalog.functions
        known = (written[0], last) in catalog.harmless or written[0] in SYSTEM_SCHEMAS
    else:
        candidates = set(index.functions.get(last, ()))
        known = last in catalog.builtins or last in columns or last in index.harmless
    looked_up = names.functions.get(written)
    if looked_up is not None:
        candidates |= {(found.schema, found.name) for found in looked_up if not found.harmless}
        known = known or bool(looked_up)
    uses.found += [Use(function, arguments, where) for function in sorted(candidates)]
    if candidates or known:
        return
    if looked_up is None:
        uses.unknown.add(written)
    elif written[0] is not None or arguments != 1:  # name(x) of no function is a column of x, or the server's own error
        message = f"function {'.'.join(name)} does not exist"
        raise Refusal("42883", message, hint="Look at its name and schema.", position=where)


def _add_types(uses: Uses, index: _Index, type_name: str, where: int | None) -> None:
    """Functions that run when values of a type are made or converted."""
    uses.found += [
        Use(function, None, where, f"the type {type_name} uses ") for function in index.types.get(type_name, ())
    ]


def types_in(relation: Relation, catalog: Catalog) -> set[int]:
    """What `uses_of` has to be told of a relation, for the types of its columns."""
    if not catalog.conversions:
        return set()
    known = any(relation.oid in conversion.relations for conversion in catalog.conversions)
    # of what was made in the open transaction the conversions know nothing
    own = any(not column.type_name.startswith("pg_catalog.") for column in relation.columns)
    return {relation.oid} if known or not own else {ANY_TYPES}


def _add_casts(uses: Uses, found: Findings, catalog: Catalog, relations: set[int]) -> None:
    """Functions of casts from a user-made type that a column has, to a type that the statement names or may imply."""
    anything = found.parameters or ANY_TYPES in relations
    writes = any(reference.role == "target" for reference in found.references)
    around = [c for c in catalog.conversions if anything or not relations.isdisjoint(c.relations)]
    if not around:
        return
    named = {last_name(type_name) for type_name in found.types} | set(found.attributes) | found.names
    named.update(call["funcname"][-1]["String"]["sval"] for call in found.functions)
    for cast in around:
        if cast.target in named or cast.context == "i" or (writes and (cast.context == "a" or cast.target is None)):
            uses.found += [Use(function, None, None, "a column's type uses ") for function in cast.functions]


def names_types(found: Findings) -> bool:
    """Whether a statement may name a type by a text in it, so that its ruling rests on that text."""
    return any(call["funcname"][-1]["String"]["sval"] in TYPE_FUNCTIONS for call in found.functions)


def converted_to(call: dict[str, Any]) -> dict[str, Any] | None:
    """The TypeName that a call of TYPE_FUNCTIONS names by a constant text; None for every other call.

    Source of how the server reads the text: PostgreSQL, parse_type.c, typeStringToTypeName.
    """
    name = [part["String"]["sval"] for part in call["funcname"]]
    if name[-1] not in TYPE_FUNCTIONS or name[:-1] not in ([], ["pg_catalog"]) or len(call.get("args", ())) != 2:
        return None
    text = call["args"][1].get("A_Const", {}).get("sval", {}).get("sval")
    if text is None:
        return None
    try:
        statements = parse(encode(f"SELECT NULL::{text}"))
    except Refusal:
        return None
    query = statements[0]["stmt"].get("SelectStmt", {}) if len(statements) == 1 else {}
    targets = query.get("targetList", ())
    if len(targets) != 1 or query.keys() != {"targetList", "limitOption", "op"} or "name" in targets[0]["ResTarget"]:
        return None
    cast = targets[0]["ResTarget"]["val"].get("TypeCast", {})
    plain = cast.get("arg", {}).get("A_Const", {}).get("isnull") and "--" not in text and "/*" not in text
    found: dict[str, Any] | None = cast.get("typeName") if plain else None
    return found


@dataclass(frozen=True, slots=True)
class _Index:
    functions: dict[str, list[Name]]
    harmless: frozenset[str]
    types: dict[str, list[Name]]  # functions of conversions by the names of types
    relations: dict[int, list[Name]]  # functions of conversions by relations that hold such types
    orders: dict[int, frozenset[Name]]  # functions of the orders of types, by the same


def _make_index(catalog: Catalog) -> _Index:
    functions: dict[str, list[Name]] = {}
    for function in catalog.functions:
        functions.setdefault(function[1], []).append(function)
    types: dict[str, list[Name]] = {}
    relations: dict[int, list[Name]] = {}
    orders: dict[int, frozenset[Name]] = {}
    for conversion in catalog.conversions:
        for name in conversion.types:
            types.setdefault(name, []).extend(conversion.functions)
        for oid in conversion.relations:
            relations.setdefault(oid, []).extend(conversion.functions)
            if conversion.context == "o":
                orders[oid] = orders.get(oid, frozenset()).union(conversion.functions)
    return _Index(functions, frozenset(name for _, name in catalog.harmless), types, relations, orders)


index_of: Kept[_Index] = Kept(_make_index, 16)
"""User functions by name, types and relations; kept by identity of the catalog."""


def _attributes(found: Findings, columns: frozenset[str] | set[str]) -> list[str]:
    """Names that may call a function by being written as an attribute: x.f where x has no column f."""
    last: list[str] = []
    for column in found.columns:
        fields: list[dict[str, Any]] = column["fields"]
        if len(fields) > 1 and "String" in fields[-1]:
            last.append(fields[-1]["String"]["sval"])
    return [name for name in dict.fromkeys(last + found.attributes) if name not in columns]


def last_name(type_name: dict[str, Any]) -> str:
    """The name of a TypeName without its schema; empty when it has none."""
    names = type_name.get("names", [])
    return str(names[-1]["String"]["sval"]) if names else ""


def _refuse(message: str, reason: str, where: int | None) -> None:
    raise Refusal(
        "42501", message, detail=f"Reason: {reason}.", hint="Query the relations by name instead.", position=where
    )
