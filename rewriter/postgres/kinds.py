"""What happens to each kind of PostgreSQL statement when a caller has masked columns: one table, nothing else.

Owns the list of statement kinds (libpg_query node names), the way each one takes, and what running it changes.
A kind that is not in the table is refused. May not do: look into names, columns or expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Way = Literal[
    "query",
    "block",
    "explain",
    "declare",
    "prepare",
    "execute",
    "copy",
    "store",
    "view",
    "setting",
    "show",
    "definition",
    "code",
    "pass",
    "refuse",
]
"""How a kind is treated.

query: relations are substituted. block: passes when its body is harmless. explain, declare, prepare, copy: the query inside
is. execute: runs what was prepared and rewritten before. store: the query inside is substituted, so that it stores what the
caller sees. view: passes as it is, for its readers' own worlds apply when it is read. setting, show: checked by name.
definition: passes when no name of a protected relation occurs and the functions it puts to use are harmless. code: passes
when its body is harmless. pass: always. refuse: never, for callers with masked columns.
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table; `label` is what a reader calls the statement."""

    way: Way
    label: str
    changes_names: bool = False
    changes_catalog: bool = False
    hint: str | None = None


_CODE = "Ask an administrator to create it, and to list its functions in the policies when masked callers shall use it."
_ADMIN = "Ask an administrator to do this with an account that no policy masks."


def _definition(label: str) -> Kind:
    return Kind("definition", label, changes_names=True, changes_catalog=True)


def _refused(label: str, hint: str = _ADMIN) -> Kind:
    return Kind("refuse", label, changes_names=True, changes_catalog=True, hint=hint)


KINDS: dict[str, Kind] = {
    # queries
    "SelectStmt": Kind("query", "SELECT"),
    "InsertStmt": Kind("query", "INSERT"),
    "UpdateStmt": Kind("query", "UPDATE"),
    "DeleteStmt": Kind("query", "DELETE"),
    "MergeStmt": Kind("query", "MERGE"),
    "ExplainStmt": Kind("explain", "EXPLAIN"),
    "DeclareCursorStmt": Kind("declare", "DECLARE CURSOR"),
    "PrepareStmt": Kind("prepare", "PREPARE"),
    "ExecuteStmt": Kind("execute", "EXECUTE"),
    "CopyStmt": Kind("copy", "COPY"),
    # queries whose result is kept
    "CreateTableAsStmt": Kind("store", "CREATE TABLE AS", changes_names=True, changes_catalog=True),
    "ViewStmt": Kind("view", "CREATE VIEW", changes_names=True, changes_catalog=True),
    # cursors, prepared statements, transactions, notifications
    "FetchStmt": Kind("pass", "FETCH"),
    "ClosePortalStmt": Kind("pass", "CLOSE"),
    "DeallocateStmt": Kind("pass", "DEALLOCATE"),
    "TransactionStmt": Kind("pass", "transaction control"),  # see changes()
    "ConstraintsSetStmt": Kind("pass", "SET CONSTRAINTS"),
    "NotifyStmt": Kind("pass", "NOTIFY"),
    "ListenStmt": Kind("pass", "LISTEN"),
    "UnlistenStmt": Kind("pass", "UNLISTEN"),
    "CheckPointStmt": Kind("pass", "CHECKPOINT"),
    "DiscardStmt": Kind("pass", "DISCARD", changes_names=True),
    "LockStmt": Kind("pass", "LOCK"),
    # settings
    "VariableSetStmt": Kind("setting", "SET"),  # see changes()
    "VariableShowStmt": Kind("show", "SHOW"),
    # maintenance, privileges, comments
    "VacuumStmt": Kind("definition", "VACUUM or ANALYZE"),
    "ReindexStmt": Kind("definition", "REINDEX"),
    "ClusterStmt": Kind("definition", "CLUSTER"),
    "TruncateStmt": Kind("definition", "TRUNCATE"),
    "RefreshMatViewStmt": Kind("definition", "REFRESH MATERIALIZED VIEW"),
    "CommentStmt": Kind("pass", "COMMENT"),
    "GrantStmt": Kind("pass", "GRANT or REVOKE", changes_names=True),
    "GrantRoleStmt": Kind("pass", "GRANT or REVOKE of a role", changes_names=True),
    "AlterDefaultPrivilegesStmt": Kind("pass", "ALTER DEFAULT PRIVILEGES"),
    # definitions of data
    "CreateStmt": _definition("CREATE TABLE"),
    "CreateSchemaStmt": _definition("CREATE SCHEMA"),
    "AlterTableStmt": _definition("ALTER TABLE"),
    "RenameStmt": _definition("ALTER ... RENAME"),
    "AlterObjectSchemaStmt": _definition("ALTER ... SET SCHEMA"),
    "AlterOwnerStmt": _definition("ALTER ... OWNER"),
    "AlterObjectDependsStmt": _definition("ALTER ... DEPENDS"),
    "DropStmt": _definition("DROP"),
    "IndexStmt": _definition("CREATE INDEX"),
    "CreateStatsStmt": _definition("CREATE STATISTICS"),
    "AlterStatsStmt": _definition("ALTER STATISTICS"),
    "CreateSeqStmt": _definition("CREATE SEQUENCE"),
    "AlterSeqStmt": _definition("ALTER SEQUENCE"),
    "CreateDomainStmt": _definition("CREATE DOMAIN"),
    "AlterDomainStmt": _definition("ALTER DOMAIN"),
    "CompositeTypeStmt": _definition("CREATE TYPE"),
    "CreateEnumStmt": _definition("CREATE TYPE"),
    "AlterEnumStmt": _definition("ALTER TYPE"),
    "AlterCollationStmt": _definition("ALTER COLLATION"),
    "AlterTSDictionaryStmt": _definition("ALTER TEXT SEARCH DICTIONARY"),
    "AlterTSConfigurationStmt": _definition("ALTER TEXT SEARCH CONFIGURATION"),
    "CreateRoleStmt": _definition("CREATE ROLE"),
    "AlterRoleStmt": _definition("ALTER ROLE"),
    "DropRoleStmt": _definition("DROP ROLE"),
    "DropOwnedStmt": _definition("DROP OWNED"),
    "ReassignOwnedStmt": _definition("REASSIGN OWNED"),
    # code, which is examined when it is made and again whenever it is used
    "DoStmt": Kind("block", "DO"),
    "CallStmt": Kind("query", "CALL"),
    "CreateFunctionStmt": Kind("code", "CREATE FUNCTION", changes_names=True, changes_catalog=True),
    "AlterFunctionStmt": _definition("ALTER FUNCTION"),
    "CreateTrigStmt": _definition("CREATE TRIGGER"),
    "CreatePolicyStmt": _definition("CREATE POLICY"),
    "AlterPolicyStmt": _definition("ALTER POLICY"),
    "DefineStmt": _definition("CREATE AGGREGATE, OPERATOR or TYPE"),
    "CreateRangeStmt": _definition("CREATE TYPE AS RANGE"),
    "CreateExtensionStmt": _definition("CREATE EXTENSION"),
    # code that the server would run later, out of sight
    "CreateEventTrigStmt": _refused("CREATE EVENT TRIGGER", _CODE),
    "AlterEventTrigStmt": _refused("ALTER EVENT TRIGGER", _CODE),
    "RuleStmt": _refused("CREATE RULE", _CODE),
    "AlterTypeStmt": _refused("ALTER TYPE ... SET", _CODE),
    "AlterOperatorStmt": _refused("ALTER OPERATOR", _CODE),
    "CreateOpClassStmt": _refused("CREATE OPERATOR CLASS", _CODE),
    "CreateOpFamilyStmt": _refused("CREATE OPERATOR FAMILY", _CODE),
    "AlterOpFamilyStmt": _refused("ALTER OPERATOR FAMILY", _CODE),
    "CreateCastStmt": _refused("CREATE CAST", _CODE),
    "CreateTransformStmt": _refused("CREATE TRANSFORM", _CODE),
    "CreateConversionStmt": _refused("CREATE CONVERSION", _CODE),
    "CreatePLangStmt": _refused("CREATE LANGUAGE", _CODE),
    "AlterExtensionStmt": _refused("ALTER EXTENSION", _CODE),
    "AlterExtensionContentsStmt": _refused("ALTER EXTENSION", _CODE),
    "CreateAmStmt": _refused("CREATE ACCESS METHOD", _CODE),
    "LoadStmt": _refused("LOAD", _CODE),
    # ways around the proxy: other databases, servers, replication, defaults of later sessions
    "CreateFdwStmt": _refused("CREATE FOREIGN DATA WRAPPER"),
    "AlterFdwStmt": _refused("ALTER FOREIGN DATA WRAPPER"),
    "CreateForeignServerStmt": _refused("CREATE SERVER"),
    "AlterForeignServerStmt": _refused("ALTER SERVER"),
    "CreateForeignTableStmt": _refused("CREATE FOREIGN TABLE"),
    "CreateUserMappingStmt": _refused("CREATE USER MAPPING"),
    "AlterUserMappingStmt": _refused("ALTER USER MAPPING"),
    "DropUserMappingStmt": _refused("DROP USER MAPPING"),
    "ImportForeignSchemaStmt": _refused("IMPORT FOREIGN SCHEMA"),
    "CreatePublicationStmt": _refused("CREATE PUBLICATION"),
    "AlterPublicationStmt": _refused("ALTER PUBLICATION"),
    "CreateSubscriptionStmt": _refused("CREATE SUBSCRIPTION"),
    "AlterSubscriptionStmt": _refused("ALTER SUBSCRIPTION"),
    "DropSubscriptionStmt": _refused("DROP SUBSCRIPTION"),
    "CreatedbStmt": _refused("CREATE DATABASE"),
    "AlterDatabaseStmt": _refused("ALTER DATABASE"),
    "AlterDatabaseRefreshCollStmt": _refused("ALTER DATABASE"),
    "AlterDatabaseSetStmt": _refused("ALTER DATABASE ... SET"),
    "DropdbStmt": _refused("DROP DATABASE"),
    "AlterRoleSetStmt": _refused("ALTER ROLE ... SET"),
    "AlterSystemStmt": _refused("ALTER SYSTEM"),
    "CreateTableSpaceStmt": _refused("CREATE TABLESPACE"),
    "DropTableSpaceStmt": _refused("DROP TABLESPACE"),
    "AlterTableSpaceOptionsStmt": _refused("ALTER TABLESPACE"),
    "AlterTableMoveAllStmt": _refused("ALTER TABLE ALL IN TABLESPACE"),
    "SecLabelStmt": _refused("SECURITY LABEL"),
}

IN_BODIES: dict[str, bool] = {
    **dict.fromkeys(("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"), False),
    **dict.fromkeys(("CallStmt", "DoStmt", "LockStmt", "TruncateStmt", "NotifyStmt", "ConstraintsSetStmt"), False),
    **dict.fromkeys(("VariableSetStmt", "RefreshMatViewStmt"), False),
    **dict.fromkeys(("TransactionStmt", "CreateStmt", "CreateTableAsStmt", "DropStmt", "IndexStmt"), True),
}
"""Kinds that may stand in the body of a function, and whether running them there changes what names mean."""

NAME_SETTINGS = frozenset({"search_path", "role", "session_authorization"})
"""Settings that change what names mean, or who the server thinks is asking."""

_ENDING = frozenset(
    {
        "TRANS_STMT_COMMIT",
        "TRANS_STMT_ROLLBACK",
        "TRANS_STMT_ROLLBACK_TO",
        "TRANS_STMT_PREPARE",
        "TRANS_STMT_COMMIT_PREPARED",
        "TRANS_STMT_ROLLBACK_PREPARED",
    }
)


_REPLACED = frozenset({"query", "declare", "explain", "prepare", "execute", "copy", "store", "setting", "show"})
"""The ways of what is replaced or looked at even where nothing is hidden, for what names mean and how texts are read."""


def way_of(kind: str, *, is_open: bool) -> Way:
    """The way of a kind for a caller with masked columns; `is_open`: for one from whom nothing is hidden, yet columns are replaced.

    What such a caller defines or runs tells nothing, so that it passes as for those who see every column as it is.
    """
    known = KINDS.get(kind)
    way: Way = "refuse" if known is None else known.way
    return "pass" if is_open and way not in _REPLACED else way


def reads_nothing(statement: dict[str, Any], *, guarded: bool) -> bool:
    """Whether a statement node can be ruled before the catalog is read again, for no row of any relation is read by it.

    For a caller who is `guarded`, only what names nothing that could have become protected meanwhile.
    """
    name, fields = next(iter(statement.items()))
    if name == "CreateStmt":
        likes = any("TableLikeClause" in element for element in fields.get("tableElts", []))
        # what defaults and constraints call is looked at when the table is written to
        return not likes and not (guarded and fields.keys() & {"inhRelations", "partbound"})
    if (
        name == "TransactionStmt"
    ):  # what is out of date is looked up before a transaction begins, not as its first query
        return fields.get("kind") not in {"TRANS_STMT_BEGIN", "TRANS_STMT_START"}
    if name == "VariableSetStmt":  # SET TRANSACTION has to come before any query
        return bool(fields.get("kind") == "VAR_SET_MULTI")
    if name == "CommentStmt":
        return True
    known = KINDS.get(name)
    return not guarded and known is not None and known.way == "definition" and name != "CreateSchemaStmt"


def changes(statement: dict[str, Any]) -> tuple[bool, bool]:
    """(changes_names, changes_catalog) of running a statement node such as {"SelectStmt": {...}}.

    Calls of set_config are not seen here; a kind that the table does not know may change both.
    """
    name, fields = next(iter(statement.items()))
    known = KINDS.get(name)
    if known is None:
        return True, True
    if name == "SelectStmt" and _stores(fields):
        return True, True
    if name == "TransactionStmt":
        # a setting or a temporary table of the transaction may vanish with it
        return fields.get("kind") in _ENDING or bool(fields.get("chain")), False
    if name == "VariableSetStmt":
        everything = fields.get("kind") == "VAR_RESET_ALL"
        return everything or str(fields.get("name", "")).lower() in NAME_SETTINGS, False
    if name == "ExplainStmt":
        return changes(fields["query"])
    return known.changes_names, known.changes_catalog


def _stores(select: dict[str, Any]) -> bool:
    """Whether a SELECT has INTO: in a set operation it stands in the leftmost arm."""
    node: dict[str, Any] | None = select
    while node is not None:
        if "intoClause" in node:
            return True
        node = node.get("larg")
    return False
