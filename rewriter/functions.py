"""Functions, operators and casts that a caller with masked columns may not use.

Owns the manifest of built-in functions that read relations, files or other sessions by name, or run SQL text, and the
list of extensions whose functions only compute. User functions are refused unless the policies list them, for their
bodies run out of sight. The manifest was made by reading the whole of pg_proc of PostgreSQL 17.
May not do: look into relations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewriter.kept import Kept
from rewriter.model import Refusal
from rewriter.reading import position
from rewriter.system import SYSTEM_SCHEMAS

if TYPE_CHECKING:
    from rewriter.model import Catalog
    from rewriter.scopes import Findings

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

SETTING_FUNCTIONS = frozenset({"current_setting", "set_config"})
"""Looked into by `rewriter.settings`."""

Name = tuple[str, str]


def refused_builtin(name: str) -> str | None:
    """Why a function of this name is refused wherever it lives; None when the manifest does not hold it."""
    reason = REFUSED_FUNCTIONS.get(name)
    if reason is None:
        reason = next((why for prefix, why in REFUSED_PREFIXES.items() if name.startswith(prefix)), None)
    return reason


def check_functions(
    data: bytes, found: Findings, catalog: Catalog, listed: frozenset[str], columns: frozenset[str] | set[str]
) -> None:
    """Refuse calls of functions, operators and casts that are not known to be harmless; raises Refusal 42501.

    `listed` are functions the policies allow, as "schema.name". `columns` are column names of the relations in the
    statement: name(row) may be a column, written as a function.
    """
    for call in found.functions:
        name = [part["String"]["sval"] for part in call["funcname"]]
        _check_function(name, catalog, listed, columns, position(data, call))
        _check_conversion(name[-1], catalog, listed, position(data, call))
    for attribute in _attributes(found, columns):
        _check_conversion(attribute, catalog, listed, None)
        if attribute in SETTING_FUNCTIONS:
            _refuse(
                f"function {attribute}() is not allowed here", "settings are read by a call with a plain name", None
            )
        reason = refused_builtin(attribute)
        if reason is not None:
            _refuse(f"function {attribute}() is not allowed", reason, None)
        if attribute in catalog.row_functions:
            _check_function([attribute], catalog, listed, columns, None)
    for holder, parts in found.operators:
        for function in sorted(catalog.operators.get(parts[-1]["String"]["sval"], ())):
            _check_user_function(
                function, listed, position(data, holder), f"operator {parts[-1]['String']['sval']} uses "
            )
    if catalog.casts:
        for type_name in found.types:
            _check_conversion(_last(type_name), catalog, listed, position(data, type_name))


def check_user_functions(functions: tuple[Name, ...], listed: frozenset[str], subject: str) -> None:
    """Refuse user functions that a relation runs when it is read or written; `subject` says of what they are part."""
    for function in functions:
        _check_user_function(function, listed, None, subject)


def _check_function(
    name: list[str], catalog: Catalog, listed: frozenset[str], columns: frozenset[str] | set[str], where: int | None
) -> None:
    last = name[-1]
    reason = refused_builtin(last)
    if reason is not None:
        _refuse(f"function {last}() is not allowed", reason, where)
    if len(name) > 1:
        candidates = {(name[-2], last)} & catalog.functions
        known = (name[-2], last) in catalog.harmless or name[-2] in SYSTEM_SCHEMAS
    else:
        index = _index(catalog)
        candidates = set(index.functions.get(last, ()))
        known = last in catalog.builtins or last in columns or last in index.harmless
    for function in sorted(candidates):
        _check_user_function(function, listed, where, "")
    if not candidates and not known:
        message = f"function {'.'.join(name)} does not exist, or was created a moment ago"
        raise Refusal("42883", message, hint="If it was just created, try again.", position=where)


def _check_user_function(function: Name, listed: frozenset[str], where: int | None, subject: str) -> None:
    written = ".".join(function)
    if written not in listed:
        message = f"{subject}function {written}(), which may read what is masked for you"
        hint = f"An administrator can list {written} in the policies when its body is known to be harmless."
        raise Refusal("42501", message if subject else f"calling {message} is not allowed", hint=hint, position=where)


def _check_conversion(type_name: str, catalog: Catalog, listed: frozenset[str], where: int | None) -> None:
    """Refuse a type to or from which a conversion, or the making of whose values, runs user functions."""
    for function in sorted(catalog.casts.get(type_name, ())):
        _check_user_function(function, listed, where, f"the type {type_name} uses ")


@dataclass(frozen=True, slots=True)
class _Index:
    functions: dict[str, list[Name]]
    harmless: frozenset[str]


def _make_index(catalog: Catalog) -> _Index:
    functions: dict[str, list[Name]] = {}
    for function in catalog.functions:
        functions.setdefault(function[1], []).append(function)
    return _Index(functions, frozenset(name for _, name in catalog.harmless))


_index: Kept[_Index] = Kept(_make_index, 16)


def _attributes(found: Findings, columns: frozenset[str] | set[str]) -> list[str]:
    """Names that may call a function by being written as an attribute: x.f where x has no column f."""
    last: list[str] = []
    for column in found.columns:
        fields: list[dict[str, Any]] = column["fields"]
        if len(fields) > 1 and "String" in fields[-1]:
            last.append(fields[-1]["String"]["sval"])
    return [name for name in dict.fromkeys(last + found.attributes) if name not in columns]


def _last(type_name: dict[str, Any]) -> str:
    names = type_name.get("names", [])
    return str(names[-1]["String"]["sval"]) if names else ""


def _refuse(message: str, reason: str, where: int | None) -> None:
    raise Refusal(
        "42501", message, detail=f"Reason: {reason}.", hint="Query the relations by name instead.", position=where
    )
