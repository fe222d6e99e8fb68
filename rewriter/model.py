"""The nouns that rewriting has in common for all databases: names, edits, the rewritten statement and the refusal.

Owns the values that go into and come out of a rewriter. Immutable, free of I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from policies.model import ColumnName, Treatment

MAX_BYTES = 1_000_000
"""A longer statement is refused: nobody types it, and reading it would hold up every other session of the process."""


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not a fault
    """A statement that may not run: what the caller is told in place of an answer.

    `position` is the 1-based character in the client's text, or None. Never holds a hidden value.
    """

    def __init__(  # noqa: PLR0913  the fields of an ErrorResponse, all but two optional
        self,
        sqlstate: str,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        self.rule = rule


WrittenName = tuple[str | None, str]
"""A name as it is written: (schema or None, name)."""


Name = tuple[str, str]
"""(schema, name)."""


class UnknownNames(Exception):  # noqa: N818  not a fault: the gate looks the names up and asks again
    """Names of relations and functions that the catalog snapshot does not know."""

    def __init__(self, names: frozenset[WrittenName], functions: frozenset[WrittenName] = frozenset()) -> None:
        super().__init__(", ".join(sorted(n for _, n in names | functions)))
        self.names = names
        self.functions = functions


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace characters [start, end) of the client's text."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Use:
    """One labelled column that a statement reads through a substituted relation, for audit and explain.

    `search`: a condition on it is answered on the real value. `join`: it is joined by the real value.
    """

    column: ColumnName
    treatment: Treatment
    search: Literal["exact"] | None = None
    join: Literal["exact"] | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """A column whose real values a statement compares with `values` constants, of which `per_hour` are allowed, and `per_day`.

    `parameter`: with those of the array that this parameter is, which are counted when it is bound; 0 for none. `kind`
    join: compares it with another column instead, which counts one. statement, rows: it is no column, but a limit by its name, under
    which the statement counts one, or its rows when it has ended.
    """

    column: ColumnName
    per_hour: int
    values: int
    parameter: int = 0
    kind: Literal["search", "join", "statement", "rows"] = "search"
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """A table whose filters hold for another one, which was it, or for itself with other names of its columns.

    `columns`: those that are called otherwise now, (name then, name now); None: it is not certain which one it has become.
    """

    schema: str
    table: str
    columns: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Filtered:
    """A relation of which a statement has only the rows that a filter of the policies leaves; `rule` is the filter's name."""

    schema: str
    relation: str
    rule: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A result column that is an expression to the server, and a column to the client: of which table, as what it is called, and which.

    The server takes it to have `characters` where the column may have `length`; 0 when it takes it for as long as the column.
    """

    called: str
    table: str
    column: str
    characters: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A statement ready to leave.

    `text` is the client's with `edits` applied (the very same object when there are none). `kinds` are the node
    names of its statements (SelectStmt, ...). `changes_names`: running it can change what names mean (SET
    search_path, CREATE TEMP TABLE, ROLLBACK, ...). `changes_catalog`: it is DDL. `literal_free`: the ruling does
    not depend on the value of any constant. `constants` are the bytes at which constants begin (the sign, of a negative
    number), those included that no literal stands for (the DAY of an interval). Where every literal of a text is one,
    another text of the same shape may share the ruling (of a long text, of which not all was read, that is not known); float(53) and FETCH 5 hold literals that are none.
    `masked`: by result column, what a mask stands for, where the server does not tell it; empty where that is nowhere.
    """

    text: str
    edits: tuple[Edit, ...]
    kinds: tuple[str, ...]
    relations: tuple[tuple[str, str], ...]  # (schema, name) of every relation read or written, resolved
    uses: tuple[Use, ...]
    probes: tuple[Probe, ...]  # what is compared with real values
    compared: tuple[Use, ...]  # those that a condition, an order or a grouping touches
    changes_names: bool
    changes_catalog: bool
    literal_free: bool
    constants: frozenset[int]
    filters: tuple[Filtered, ...] = ()
    masked: tuple[Masked | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """What a statement is, for a caller who sees everything: read, never ruled upon.

    `relations` are the names as written, (schema or None, name), of everything that looks like a table,
    names of WITH items included. `calls` are the functions, procedures and operators that it runs, in lower case and without a schema;
    None when it may run any whose name stands in it. `kinds` is empty when the text does not parse.
    """

    kinds: tuple[str, ...]
    relations: tuple[tuple[str | None, str], ...]
    changes_names: bool
    changes_catalog: bool
    calls: frozenset[str] | None = None
