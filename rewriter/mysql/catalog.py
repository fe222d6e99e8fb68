"""What is known of a MySQL or MariaDB server: the catalog snapshot, and the facts of a session that its reading rests on.

Owns the values that describe tables, routines and what hangs on them. Immutable, free of I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from policies.model import ColumnName
from rewriter.model import Name, Origin

Flavour = Literal["mysql", "mariadb"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table or view, as information_schema.columns tells it.

    `type_name` is what a CREATE TABLE would say (`int(10) unsigned`, `enum('a','b')`), `base_type` its first word in
    lower case. `character_set` and `collation` are those of text, None otherwise. An `invisible` column is not part of `*`.
    `numbered`: AUTO_INCREMENT. `expression` is what a generated column is computed by, as the server prints it.
    """

    name: str
    number: int  # ORDINAL_POSITION
    type_name: str
    base_type: str
    not_null: bool = False
    character_set: str | None = None
    collation: str | None = None
    invisible: bool = False
    generated: bool = False
    expression: str = ""
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of a table: `event` is INSERT, UPDATE or DELETE, `body` its statement."""

    name: str
    event: str
    body: str


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key, as one of its two tables has it: its own `columns`, and those `there`, of the `other` table.

    `refers`: the table's rows refer to the other's; else the other's refer to this one's.
    """

    name: str
    columns: tuple[str, ...]
    other: Name
    there: tuple[str, ...]
    refers: bool


@dataclass(frozen=True, slots=True)
class Index:
    """An index with the columns it is made of or computed from."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view or sequence. `definition` is the query of a view with every name qualified; None when it is unknown.

    `invoker`: a view that reads with its caller's rights. `unique` are the columns of each unique key, the primary one's
    first. `links` are the foreign keys on both sides. `checks` are the texts of its CHECK constraints, of the expressions of its
    generated columns and of those that choose its partitions. `indexes` are all, those of the unique keys among them.
    """

    schema: str
    name: str
    kind: Literal["table", "view", "sequence"]
    columns: tuple[Column, ...]
    definition: str | None = None
    invoker: bool = False
    unique: tuple[tuple[str, ...], ...] = ()
    triggers: tuple[Trigger, ...] = ()
    links: tuple[Link, ...] = ()
    checks: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()


@dataclass(frozen=True, slots=True)
class Routine:
    """A stored function or procedure. `body` is None where the service account may not read it, or it is not SQL."""

    schema: str
    name: str
    kind: Literal["function", "procedure"]
    body: str | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """An immutable snapshot of one server: in MySQL a database is a schema, and a statement can name all of them.

    `version` is (major, minor, patch). Names of schemas and tables are spelled as the server stores them; with
    `folds_names` (lower_case_table_names is not 0) it finds them in whatever case they are written. Column and routine
    names are always found in any case. `loadable` are the names of functions that a library brings (CREATE FUNCTION ...
    SONAME), in lower case. It is not `whole` when a definition could not be read. `origins`: by table, those whose filters follow
    it; Louver remembers them, the server does not tell.
    """

    database: str
    revision: int
    flavour: Flavour
    version: tuple[int, int, int]
    folds_names: bool
    tables: Mapping[Name, Table]
    routines: Mapping[Name, Routine] = field(default_factory=dict)  # (schema, name in lower case)
    loadable: frozenset[str] = frozenset()
    whole: bool = True
    origins: Mapping[Name, tuple[Origin, ...]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a session is in at this moment, as session tracking tells it; a statement's reading rests on it.

    `schema` is the default one, None without. `modes` are the words of sql_mode, in upper case. `absent` are names
    (schema, name) of tables and routines that were looked up a moment ago, after UnknownNames, and that the server's catalog
    does not hold: temporary tables of the session, or nothing.
    """

    schema: str | None
    modes: frozenset[str] = frozenset()
    absent: frozenset[Name] = frozenset()


def column_name(table: Table, column: str) -> ColumnName:
    """The policy's name of a table's column: column names are labelled in lower case."""
    return ColumnName(table.schema, table.name, column.lower())
