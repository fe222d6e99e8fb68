"""What happens to each kind of MySQL and MariaDB statement when a caller has masked columns: one table, nothing else.

Owns the list of statement kinds by their first words, the way each one takes, and what running it changes. A kind that is not in
the table is refused. May not do: look into names, columns or expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from rewriter.mysql.reading import Statement

Way = Literal[
    "query",
    "explain",
    "setting",
    "use",
    "show",
    "prepare",
    "run",
    "forget",
    "call",
    "definition",
    "load",
    "pass",
    "refuse",
]
"""How a kind is treated.

query: tables are substituted. explain: the statement inside is. setting: SET, checked by name. use, show: checked. prepare: the
text inside is ruled as a statement of its own. run, forget: EXECUTE and DEALLOCATE of what was prepared. call: by the procedure's body. definition: passes when no
name of anything protected occurs in it. load: as a write of the table. pass: always. refuse: never, for callers with masked columns.
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table; `label` is what a reader calls the statement."""

    way: Way
    label: str
    changes_names: bool = False
    changes_catalog: bool = False
    hint: str | None = None


_ADMIN = "Ask an administrator to do this with an account that no policy masks."
_CODE = "Ask an administrator to create it, and to list its functions in the policies when masked callers shall use it."


def _definition(label: str, *, names: bool = False) -> Kind:
    return Kind("definition", label, changes_names=names, changes_catalog=True)


def _refused(label: str, hint: str = _ADMIN) -> Kind:
    return Kind("refuse", label, changes_names=True, changes_catalog=True, hint=hint)


KINDS: Final[dict[str, Kind]] = {
    # queries
    "SELECT": Kind("query", "SELECT"),
    "INSERT": Kind("query", "INSERT"),
    "REPLACE": Kind("query", "REPLACE"),
    "UPDATE": Kind("query", "UPDATE"),
    "DELETE": Kind("query", "DELETE"),
    "DO": Kind("query", "DO"),
    "EXPLAIN": Kind("explain", "EXPLAIN"),
    "CALL": Kind("call", "CALL", changes_names=True, changes_catalog=True),
    "LOAD DATA": Kind("load", "LOAD DATA"),
    "LOAD XML": _refused("LOAD XML", "Use LOAD DATA."),
    "HANDLER": _refused("HANDLER", "Use SELECT."),
    # prepared statements
    "PREPARE": Kind("prepare", "PREPARE"),
    "EXECUTE": Kind("run", "EXECUTE"),
    "EXECUTE IMMEDIATE": _refused("EXECUTE IMMEDIATE", "Send the statement itself."),
    "DEALLOCATE PREPARE": Kind("forget", "DEALLOCATE PREPARE"),
    # transactions and locks
    "BEGIN": Kind("pass", "BEGIN"),
    "START TRANSACTION": Kind("pass", "START TRANSACTION"),
    "COMMIT": Kind("pass", "COMMIT"),
    "ROLLBACK": Kind("pass", "ROLLBACK"),
    "SAVEPOINT": Kind("pass", "SAVEPOINT"),
    "RELEASE SAVEPOINT": Kind("pass", "RELEASE SAVEPOINT"),
    "XA": Kind("pass", "XA"),
    "LOCK TABLES": Kind("pass", "LOCK TABLES"),
    "UNLOCK TABLES": Kind("pass", "UNLOCK TABLES"),
    # the session
    "SET": Kind("setting", "SET", changes_names=True),
    "USE": Kind("use", "USE", changes_names=True),
    "SHOW": Kind("show", "SHOW"),
    "HELP": Kind("pass", "HELP"),
    "GET DIAGNOSTICS": Kind("pass", "GET DIAGNOSTICS"),
    "SIGNAL": Kind("pass", "SIGNAL"),
    # definitions of data
    "CREATE TABLE": _definition("CREATE TABLE", names=True),
    "CREATE DATABASE": _definition("CREATE DATABASE"),
    "CREATE INDEX": _definition("CREATE INDEX"),
    "CREATE SEQUENCE": _definition("CREATE SEQUENCE"),
    "CREATE VIEW": _definition("CREATE VIEW"),
    "CREATE PROCEDURE": _definition("CREATE PROCEDURE"),
    "CREATE FUNCTION": _definition("CREATE FUNCTION"),
    "CREATE TRIGGER": _definition("CREATE TRIGGER"),
    "CREATE EVENT": _refused("CREATE EVENT", _CODE),
    "ALTER TABLE": _definition("ALTER TABLE", names=True),
    "ALTER DATABASE": _definition("ALTER DATABASE"),
    "ALTER SEQUENCE": _definition("ALTER SEQUENCE"),
    "ALTER VIEW": _definition("ALTER VIEW"),
    "DROP TABLE": _definition("DROP TABLE", names=True),
    "DROP DATABASE": _definition("DROP DATABASE", names=True),
    "DROP INDEX": _definition("DROP INDEX"),
    "DROP SEQUENCE": _definition("DROP SEQUENCE"),
    "DROP VIEW": _definition("DROP VIEW"),
    "DROP PROCEDURE": _definition("DROP PROCEDURE"),
    "DROP FUNCTION": _definition("DROP FUNCTION"),
    "DROP TRIGGER": _definition("DROP TRIGGER"),
    "DROP EVENT": _definition("DROP EVENT"),
    "RENAME TABLE": _definition("RENAME TABLE", names=True),
    "TRUNCATE": _definition("TRUNCATE"),
    # maintenance
    "ANALYZE TABLE": _definition("ANALYZE TABLE"),
    "OPTIMIZE TABLE": _definition("OPTIMIZE TABLE"),
    "CHECK TABLE": _definition("CHECK TABLE"),
    "REPAIR TABLE": _definition("REPAIR TABLE"),
    "CHECKSUM TABLE": _definition("CHECKSUM TABLE"),
    # accounts and rights, which the server checks
    **{
        name: Kind("pass", name, changes_names=True)
        for name in (
            "GRANT",
            "REVOKE",
            "CREATE USER",
            "ALTER USER",
            "DROP USER",
            "RENAME USER",
            "CREATE ROLE",
            "DROP ROLE",
        )
    },
    # ways around the proxy, and what only an administrator does
    **{
        name: _refused(name)
        for name in (
            *(
                "KILL",
                "FLUSH",
                "RESET",
                "PURGE",
                "BINLOG",
                "CLONE",
                "IMPORT TABLE",
                "INSTALL",
                "UNINSTALL",
                "SHUTDOWN",
                "RESTART",
            ),
            *(
                "CHANGE",
                "START REPLICA",
                "STOP REPLICA",
                "CACHE INDEX",
                "LOAD INDEX",
                "BACKUP",
                "CREATE SERVER",
                "ALTER SERVER",
            ),
            *(
                "DROP SERVER",
                "CREATE TABLESPACE",
                "ALTER TABLESPACE",
                "DROP TABLESPACE",
                "ALTER INSTANCE",
                "ALTER EVENT",
            ),
            *(
                "CREATE PACKAGE",
                "DROP PACKAGE",
                "ALTER FUNCTION",
                "ALTER PROCEDURE",
                "SET STATEMENT",
                "BEGIN NOT ATOMIC",
            ),
        )
    },
}
"""The table: what a statement is called by its first words, with what happens to it."""

_PREFIXES: Final = frozenset(
    {
        *("OR", "REPLACE", "TEMPORARY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "ALGORITHM", "UNDEFINED"),
        *("MERGE", "TEMPTABLE", "DEFINER", "SQL", "SECURITY", "INVOKER", "ONLINE", "OFFLINE", "IGNORE"),
        *("AGGREGATE", "IF", "NOT", "EXISTS", "LOCAL", "NO_WRITE_TO_BINLOG", "UNDO", "LOGFILE", "MATERIALIZED"),
        *("JSON", "DUALITY", "CURRENT_USER", "PERSISTENT"),
    }
)
_SYNONYMS: Final = {"SCHEMA": "DATABASE", "TABLES": "TABLE", "SLAVE": "REPLICA", "WORK": "", "LIBRARY": "PACKAGE"}
_TWO: Final = frozenset(
    {
        *("LOAD", "DEALLOCATE", "START", "STOP", "RELEASE", "LOCK", "UNLOCK", "GET", "CREATE", "ALTER", "DROP"),
        *("RENAME", "ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "CHECKSUM", "IMPORT", "CACHE"),
    }
)


_LIMITED: Final = frozenset({"SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "DO"})
"""What SET STATEMENT may stand before."""
_ALONE: Final = {
    **dict.fromkeys(("(", "SELECT", "VALUES", "TABLE"), "SELECT"),
    **dict.fromkeys(("EXPLAIN", "DESCRIBE", "DESC"), "EXPLAIN"),
}
"""What a statement is called by its first word alone."""
_PAIRS: Final = {
    ("EXECUTE", "IMMEDIATE"): "EXECUTE IMMEDIATE",
    ("SET", "STATEMENT"): "SET STATEMENT",
    ("BEGIN", "NOT"): "BEGIN NOT ATOMIC",
    ("DROP", "PREPARE"): "DEALLOCATE PREPARE",
    ("LOCK", "TABLE"): "LOCK TABLES",
    ("LOCK", "TABLES"): "LOCK TABLES",
    ("UNLOCK", "TABLE"): "UNLOCK TABLES",
    ("UNLOCK", "TABLES"): "UNLOCK TABLES",
}
"""What it is called by its first two."""


def behind_limits(statement: Statement) -> int:
    """The index of the first token behind MariaDB's SET STATEMENT ... FOR, 0 when a statement does not begin so."""
    if (statement.word(0), statement.word(1)) != ("SET", "STATEMENT"):
        return 0
    return next((index + 1 for index in range(2, len(statement.tokens)) if statement.word(index) == "FOR"), 0)


def kind_of(statement: Statement) -> str:
    """What a statement is called: a key of KINDS, or its first word when it is none of them.

    A query or a change of rows behind SET STATEMENT ... FOR is called what it is without.
    """
    behind = behind_limits(statement)
    if behind:
        within = kind_of(type(statement)(statement.tokens[behind:]))
        return within if within in _LIMITED else "SET STATEMENT"
    words = [token.text for token in statement.tokens[:40] if token.kind in {"word", "operator"}]
    first = words[0] if words else ""
    second = words[1] if len(words) > 1 else ""
    if first == "WITH":
        return _with(statement)
    if first == "ANALYZE" and second not in {"TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG"}:
        return "EXPLAIN"
    known = _ALONE.get(first) or _PAIRS.get((first, second))
    if known is not None or first not in _TWO:
        return known or first
    return f"{first} {_object(statement)}".strip()


def _object(statement: Statement) -> str:
    """The kind of thing that CREATE, ALTER and the like are about."""
    for index, token in enumerate(statement.tokens[1:40], 1):
        before = statement.tokens[index - 1].text
        if token.kind not in {"word", "operator"} or token.text in _PREFIXES or token.text in "=().":
            continue
        if before == "=" or before == ".":  # noqa: PLR1714  DEFINER = name
            continue
        return _SYNONYMS.get(token.text, token.text)
    return ""


def _with(statement: Statement) -> str:
    """What WITH stands before: the first word outside of parentheses that begins a statement."""
    depth = 0
    for token in statement.tokens:
        depth += (token.text == "(" and token.kind == "operator") - (token.text == ")" and token.kind == "operator")
        if not depth and token.kind == "word" and token.text in {"SELECT", "UPDATE", "DELETE", "INSERT", "REPLACE"}:
            return token.text
    return "SELECT"


SHOWN: Final = (
    *("DATABASES", "SCHEMAS", "TABLES", "TABLE STATUS", "TABLE TYPES", "OPEN TABLES", "COLUMNS", "FIELDS", "INDEX"),
    *("INDEXES", "KEYS", "CREATE", "VARIABLES", "STATUS", "WARNINGS", "ERRORS", "COUNT ( * ) WARNINGS"),
    *("COUNT ( * ) ERRORS", "ENGINES", "STORAGE ENGINES", "CHARACTER SET", "CHARSET", "COLLATION", "GRANTS"),
    *(
        "PRIVILEGES",
        "PLUGINS",
        "TRIGGERS",
        "EVENTS",
        "PROCEDURE STATUS",
        "FUNCTION STATUS",
        "PACKAGE STATUS",
        "PACKAGE BODY STATUS",
    ),
    "LOCALES",
)
"""What SHOW may show: definitions, settings, counts, and the caller's own errors. Not PROFILES: it quotes every statement of the
session, that which brings the key of keyed masks among them."""
_FIRST: Final = frozenset({"FULL", "EXTENDED", "GLOBAL", "SESSION", "LOCAL"})


def shows(statement: Statement) -> bool:
    """Whether a SHOW statement is on the list; it may go on behind its end, as in the body of a procedure."""
    first = 1
    while statement.word(first) in _FIRST:
        first += 1
    words = " ".join(token.text for token in statement.tokens[first : first + 5])
    return any(words == each or words.startswith(f"{each} ") for each in SHOWN)
