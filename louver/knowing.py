"""How people are known: the sections of the settings file about sources of attributes.

Owns their keys with defaults and units, and what no key can know alone. May not do: read a file, open a socket.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from louver import keys
from louver.places import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACEHOLDER: Final = "{name}"
"""Where the query of a source has the name of the person who is asked for."""

ORIGINS: Final = frozenset(("users file", "password", "database", "token", "certificate", "ldap"))
"""Names that the audit has for other origins of attributes."""

_QUOTED: Final = re.compile(r"""['"`]\{name\}|\{name\}['"`]""")


@dataclass(frozen=True, slots=True)
class SqlSource:
    """A query that gives attributes of one person; without `server` it is asked of `upstream`."""

    query: str = field(metadata=keys.text("SELECT with `{name}`"))
    server: Upstream | None = field(default=None, metadata=keys.section(Upstream))
    protocol: Literal["postgresql", "mysql"] | None = field(default=None, metadata=keys.choice("postgresql", "mysql"))
    database: str | None = field(default=None, metadata=keys.text("name"))
    lists: tuple[str, ...] = field(default=(), metadata=keys.texts("attribute, or a list"))


@dataclass(frozen=True, slots=True)
class AttributeSource:
    """One source of attributes of people, and how long what it says holds."""

    name: str = field(metadata=keys.text("name"))
    sql: SqlSource | None = field(default=None, metadata=keys.section(SqlSource))
    lifetime_seconds: float = field(default=300.0, metadata=keys.number("seconds", 1, 86_400))
    grace_seconds: float = field(default=900.0, metadata=keys.number("seconds", 0, 604_800))
    answer_seconds: float = field(default=5.0, metadata=keys.number("seconds", 0.1, 60))
    required: bool = field(default=False, metadata=keys.boolean())


def mistakes(source: AttributeSource, protocol: str) -> Iterator[tuple[str, str, str | None]]:
    """Find what is wrong with a source: key, message and hint of each mistake. `protocol` is that of the upstream."""
    if source.name in ORIGINS:
        yield "name", f"the name `{source.name}` is taken", "the audit calls another origin of attributes so"
    if source.sql is None:
        yield "", "a source of attributes needs `sql`", None
    else:
        for key, message, hint in _mistakes_of_query(source.sql, protocol):
            yield f"sql.{key}", message, hint


def _mistakes_of_query(sql: SqlSource, protocol: str) -> Iterator[tuple[str, str, str | None]]:
    if PLACEHOLDER not in sql.query:
        hint = "such as SELECT login AS name, role FROM people WHERE login = {name}"
        yield "query", "the query does not ask for `{name}`", hint
    if _QUOTED.search(sql.query):
        yield "query", "`{name}` stands in quotes", "it is bound as a value: take the quotes away"
    if sql.server is None and (sql.protocol or protocol) != protocol:
        yield "protocol", "`protocol` is that of `upstream`, which is asked where `server` is left out", None
    if (sql.protocol or protocol) == "postgresql" and sql.database is None:
        yield "", "a query to PostgreSQL needs the key `database`", None
