"""What is known of a PostgreSQL database: the catalog snapshot, and what names mean in a session.

Owns the values that describe relations, functions and what hangs on them. Immutable, free of I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from policies.model import ColumnName
from rewriter.model import Name, Origin, WrittenName


@dataclass(frozen=True, slots=True)
class Column:
    """One live column of a relation. `type_name` is fully qualified and carries the typmod, ready for a cast."""

    name: str
    number: int  # pg_attribute.attnum
    type_name: str  # e.g. pg_catalog.varchar(20), pg_catalog."numeric"(10,2), public.mood
    base_type: str  # name of the type in pg_catalog with domains resolved, e.g. varchar, int4, numeric, date, jsonb
    not_null: bool = False
    collation: str | None = None  # fully qualified, only when it is not the type's default
    generated: bool = False  # GENERATED ALWAYS AS ... STORED: COPY leaves it out


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the server checks or computes when a row of one relation is written, but for foreign keys.

    unique, exclusion: compares with other rows. check: a condition on the row. expression: an index or generated column
    computed from the row. partition: its key. policy: row level security. rule: a rewrite rule that runs with the rows. unchanged:
    a trigger that leaves out rows of an UPDATE that stay as they are. `columns` are all that it looks at; `keys` those
    of a unique or exclusion constraint of which one that is NULL makes the row differ from all others. `settled`: a
    stored row goes on meeting it while its columns stay as they are. `functions` are what an expression runs.
    """

    name: str
    kind: Literal["unique", "exclusion", "check", "expression", "partition", "policy", "rule", "unchanged"]
    columns: frozenset[str]
    keys: frozenset[str] = frozenset()
    settled: bool = True
    functions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """One side of a foreign key: `columns` of a relation are compared with `there` of another.

    `refers`: the foreign key is of this relation, so that writing it looks for the other's rows; else changing or
    deleting its rows looks for the other's. `on_update`, `on_delete`: what that does there (pg_constraint.confupdtype:
    a and r refuse, c n d write the other relation).
    """

    name: str
    other: int
    columns: tuple[str, ...]
    there: tuple[str, ...]
    refers: bool
    on_update: str = "a"
    on_delete: str = "a"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, partitioned table, view, materialized view, foreign table or sequence of the catalog.

    Relations of pg_catalog and information_schema are listed without columns. `definition` is the query of a view or
    materialized view with every name qualified. `functions` are the user functions (schema, name) that reading it
    runs (view, row policy), `write_functions` those that writing it runs (trigger, default, check, rule). `links` are
    its foreign keys, in both directions. `filled` are the columns that get another value than NULL or a random UUID when
    an INSERT leaves them out, `numbered` those of them that get the next number of a sequence. `row_security` is enabled on a table; a view that is `invoker` reads as its caller, one that
    is a `barrier` keeps conditions from rows it leaves out.
    """

    oid: int
    schema: str
    name: str
    kind: str  # pg_class.relkind: r p v m f S
    columns: tuple[Column, ...]
    parents: tuple[int, ...] = ()  # relations it inherits from or is a partition of
    sources: tuple[int, ...] = ()  # for views, materialized views: relations that their definition reads
    primary_key: tuple[str, ...] = ()
    definition: str | None = None
    functions: tuple[tuple[str, str], ...] = ()
    write_functions: tuple[tuple[str, str], ...] = ()
    write_sources: tuple[int, ...] = ()
    links: tuple[Link, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    filled: frozenset[str] = frozenset()
    numbered: frozenset[str] = frozenset()
    row_security: bool = False
    invoker: bool = False
    barrier: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One user function, procedure or aggregate: of an overloaded name there are several.

    `body` is its text, or what the server prints of a body that it keeps parsed (`parsed`); None where it is not SQL or
    PL/pgSQL. `defaults` are the expressions of its default arguments, separated by commas. It takes `least` to `most`
    arguments. `settings` are those of its SET clauses, `support` the functions that an aggregate runs, `types` the names
    of the types of its arguments and result. `harmless`: it belongs to an extension whose functions only compute. `same_as` are the
    built-in functions whose code it has (language internal), as the constructors of range types have; it runs what its types do.
    """

    schema: str
    name: str
    kind: str  # pg_proc.prokind: f p a w
    language: str
    body: str | None = None
    parsed: bool = False
    defaults: str | None = None
    least: int = 0
    most: int = 0
    settings: tuple[tuple[str, str], ...] = ()
    support: tuple[Name, ...] = ()
    types: tuple[str, ...] = ()
    harmless: bool = False
    same_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attached:
    """An expression that the server evaluates when a relation is read or written: default, check, policy, index, trigger.

    `text` is as the server prints it: an expression, for `what` = trigger the whole CREATE TRIGGER.
    """

    what: str
    text: str
    reads: bool
    writes: bool


@dataclass(frozen=True, slots=True)
class Conversion:
    """Functions that run when a value of some user-made type is made or converted: a cast, a domain's check, input.

    `types` are the names of the type and of all types made of it, `relations` those with a column of such a type.
    `target` is what a cast converts to, `context` when it does so unasked: i everywhere, a on assignment, e never;
    o when values are sorted, grouped or compared without an operator that is written.
    """

    functions: tuple[Name, ...]
    types: frozenset[str]
    relations: frozenset[int]
    target: str | None = None
    context: str = "e"


def column_name(relation: Relation, column: str) -> ColumnName:
    """The policy's name of a relation's column."""
    return ColumnName(relation.schema, relation.name, column)


LOCKED = "another session has locked a relation that stands in it; try again when it is done"
"""Why a definition is not known that otherwise would be."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """An immutable snapshot of one database, as far as names and columns go.

    `functions` holds the names of user-defined functions (schema, name) and `harmless` those of well-known extensions
    (`rewriter.postgres.functions.HARMLESS_EXTENSIONS`) and of user-defined types; `builtins` are the names of functions and types
    of pg_catalog and information_schema, `unjudged` those of them that this version does not know. `operators` maps the name of a user-defined operator to the functions behind it.
    `row_functions` are names of user functions that take one composite argument, and so can be written as an attribute,
    x.f. `code` holds what is known of user functions, `attached` the expressions of relations by OID, `cascades` the
    relations that foreign keys change when one is changed. `operator_names` are of all operators outside
    pg_catalog, `volatile` of the functions of pg_catalog that are volatile. It is not `whole` when definitions could not be
    read because somebody had locked what stands in them: without its definition nothing can be used.
    `origins`: by OID, the tables whose filters follow a relation; Louver remembers them, the database does not tell.
    """

    database: str
    revision: int
    relations: Mapping[int, Relation]  # by oid
    names: Mapping[tuple[str, str], int]  # (schema, name) -> oid
    functions: frozenset[tuple[str, str]] = frozenset()
    harmless: frozenset[tuple[str, str]] = frozenset()
    builtins: frozenset[str] = frozenset()
    unjudged: frozenset[str] = frozenset()
    operators: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    row_functions: frozenset[str] = frozenset()
    operator_names: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()
    code: Mapping[Name, tuple[Function, ...]] = field(default_factory=dict)
    attached: Mapping[int, tuple[Attached, ...]] = field(default_factory=dict)
    conversions: tuple[Conversion, ...] = ()
    cascades: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    whole: bool = True
    origins: Mapping[int, tuple[Origin, ...]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Names:
    """How the session's server resolves an unqualified name at this moment.

    `path` is current_schemas(true): implicit schemas included. `temporary` are relations in the session's own
    temporary schema, which shadow all others; `temporary_views` are the views among them with the OIDs of what they read, to
    any depth, temporary relations left out. `looked_up` holds relations found on the session's own connection
    that the snapshot does not know (created in an open transaction, or just now): (schema or None, name) as
    written -> the relation, or None when the server knows no such name; `functions` the same for functions, all
    overloads of a name together.
    """

    path: tuple[str, ...]
    temporary: frozenset[str] = frozenset()
    looked_up: Mapping[WrittenName, Relation | None] = field(default_factory=dict)
    temporary_views: Mapping[str, frozenset[int]] = field(default_factory=dict)
    functions: Mapping[WrittenName, tuple[Function, ...]] = field(default_factory=dict)
