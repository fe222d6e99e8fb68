"""The server's own relations that a caller with masked columns may not read, and what of the system stays readable.

Owns the list of system relations that hold stored values, other people's statements, files or secrets. Catalogs that
clients reflect on (pg_class, pg_attribute, information_schema ...) are not on it. Made from the relations and functions
of PostgreSQL 17; the rest of them are in `rewriter.postgres.known`, and what is on neither list is refused.
"""

from __future__ import annotations

from typing import Final

from rewriter.postgres.known import KNOWN_RELATIONS

_STATISTICS = "it holds samples and frequencies of stored values"
_STATEMENTS = "it shows statements and addresses of other sessions"
_SECRETS = "it holds passwords or connection secrets"
_FILES = "it shows files of the server"
_STORAGE = "it holds stored values outside their tables"
_INSIDE = "it shows the inside of the server process"
_NOT_KNOWN = "this version of the proxy does not know it"

REFUSED_RELATIONS: dict[str, str] = {
    "pg_statistic": _STATISTICS,
    "pg_statistic_ext_data": _STATISTICS,
    "pg_stats": _STATISTICS,
    "pg_stats_ext": _STATISTICS,
    "pg_stats_ext_exprs": _STATISTICS,
    "pg_stat_activity": _STATEMENTS,
    "pg_stat_replication": _STATEMENTS,
    "pg_stat_statements": _STATEMENTS,
    "pg_stat_statements_info": _STATEMENTS,
    "pg_stat_monitor": _STATEMENTS,
    "pg_stat_progress_analyze": _STATEMENTS,
    "pg_stat_progress_copy": _STATEMENTS,
    "pg_authid": _SECRETS,
    "pg_shadow": _SECRETS,
    "pg_user_mapping": _SECRETS,
    "pg_user_mappings": _SECRETS,
    "pg_subscription": _SECRETS,
    "user_mapping_options": _SECRETS,
    "_pg_user_mappings": _SECRETS,
    "pg_file_settings": _FILES,
    "pg_hba_file_rules": _FILES,
    "pg_ident_file_mappings": _FILES,
    "pg_largeobject": _STORAGE,
    "pg_backend_memory_contexts": _INSIDE,
    "pg_shmem_allocations": _INSIDE,
    "pg_replication_slots": _INSIDE,
    "pg_stat_wal_receiver": _SECRETS,
    "pg_buffercache": _INSIDE,
}
"""Name of a relation, in whatever schema, and why it is refused."""

STATISTICS: Final = frozenset(name for name, why in REFUSED_RELATIONS.items() if why == _STATISTICS)
"""Those that hold samples of stored values."""

SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
"""Columns that every table has and a subquery in its place has not. Source: PostgreSQL manual, 5.6 System Columns."""

SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema"})


def refusal_of(schema: str, name: str) -> str | None:
    """Why a relation is refused as a system relation; None when it is not."""
    if schema == "pg_toast" or schema.startswith("pg_toast_temp_"):
        return _STORAGE
    if schema in SYSTEM_SCHEMAS and name not in KNOWN_RELATIONS and name not in REFUSED_RELATIONS:
        return _NOT_KNOWN
    return REFUSED_RELATIONS.get(name)
