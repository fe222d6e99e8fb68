"""The server's own schemas: which of their tables callers with masked columns may read.

Owns the list. What shows stored values, other people's statements, files, memory or secrets is not on it, and neither is what is
not known. Source: MySQL manual, chapters 28 to 30; MariaDB Knowledge Base, System Tables.
"""

from __future__ import annotations

from typing import Final

_INFORMATION: Final = frozenset(
    {
        *("administrable_role_authorizations", "all_plugins", "applicable_roles", "character_sets"),
        *("check_constraints", "collation_character_set_applicability", "collations", "column_privileges", "columns"),
        *("columns_extensions", "enabled_roles", "engines", "events", "files", "geometry_columns", "global_status"),
        *("global_variables", "key_column_usage", "keywords", "libraries", "parameters", "partitions", "periods"),
        *("plugins", "referential_constraints", "resource_groups", "role_column_grants", "role_routine_grants"),
        *("role_table_grants", "routine_libraries", "routines", "schema_privileges", "schemata"),
        *("schemata_extensions", "sequences", "session_status", "session_variables", "spatial_ref_sys"),
        *("sql_functions", "st_geometry_columns", "st_spatial_reference_systems", "st_units_of_measure", "statistics"),
        *("system_variables", "table_constraints", "table_constraints_extensions", "table_privileges", "tables"),
        *("tables_extensions", "tablespaces", "tablespaces_extensions", "triggers", "user_attributes"),
        *("user_privileges", "view_routine_usage", "view_table_usage", "views"),
    }
)
_PERFORMANCE: Final = frozenset(
    {
        *("global_status", "global_variables", "session_status", "session_variables", "session_account_connect_attrs"),
        *(
            "performance_timers",
            "replication_group_members",
            "replication_connection_status",
            "keyring_component_status",
        ),
    }
)
_MYSQL: Final = frozenset(
    {
        *("help_category", "help_keyword", "help_relation", "help_topic", "time_zone", "time_zone_leap_second"),
        *("time_zone_name", "time_zone_transition", "time_zone_transition_type"),
    }
)
_SYS: Final = frozenset({"version", "schema_auto_increment_columns", "schema_redundant_indexes"})

KNOWN: Final = {"information_schema": _INFORMATION, "performance_schema": _PERFORMANCE, "mysql": _MYSQL, "sys": _SYS}
"""Tables that may be read, by schema. They show definitions, settings and counts."""

_VALUES = "it holds stored values"
_STATEMENTS = "it shows other people's statements"
_SECRETS = "it holds secrets"
_REASONS: Final = {
    **dict.fromkeys(("column_statistics", "column_stats", "index_stats", "table_stats"), _VALUES),
    **dict.fromkeys(("innodb_ft_index_cache", "innodb_ft_index_table", "innodb_ft_deleted", "data_locks"), _VALUES),
    **dict.fromkeys(("processlist", "threads", "general_log", "slow_log", "optimizer_trace", "session"), _STATEMENTS),
    **dict.fromkeys(("user_variables", "user_variables_by_thread", "user", "global_priv", "servers"), _SECRETS),
}


def refusal_of(schema: str, name: str) -> str | None:
    """Why a table of one of the server's own schemas is refused; None when it may be read."""
    lowered = name.lower()
    if lowered in KNOWN[schema.lower()]:
        return None
    if lowered.startswith("events_"):
        return _STATEMENTS
    return _REASONS.get(lowered, "it is not known to be free of stored values and of other people's statements")
