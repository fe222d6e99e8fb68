"""What the ledger knows of one database: labels by place, and what is expected of tables that are about to be made.

Owns these records and the form that each has as a line, a JSON object. May not do: I/O, decide which column has which label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from policies.model import ColumnName, Label

Why = Literal["named", "shared", "renamed", "detached", "copied", "generated"]
"""Why a column has a label. named: the dictionary names it. shared: it belongs to a partition or child of a table that it
names. renamed, detached: it was so. copied: values of labelled columns went into it. generated: it is computed from them."""

State = Literal["open", "there", "gone"]
"""Of the table: seen in an open transaction only; seen by everybody; no longer there."""

Place = tuple[int, int] | ColumnName
"""OID of a relation and number of a column; its name on servers whose tables have no number."""


class Naming(Protocol):
    """What says by its name which label a column has: the dictionary, or the filters of rows."""

    def label(self, database: str, schema: str, relation: str, column: str) -> Label | None:
        """The label of a column, None of one that has none."""
        ...


_ROWS: Final = "rows\0"  # no server lets a name hold a NUL


def rows_of(database: str) -> str:
    """The book in which stands what filters of rows follow in a database, beside that of its labels."""
    return _ROWS + database


def database_of(book: str) -> str:
    """The database that a book is about."""
    return book.removeprefix(_ROWS)


Asker = tuple[int, int]
"""One execution of a statement: a number for its session, and how many this has started before."""

_NOBODY: Final = (0, 0)


@dataclass(frozen=True, slots=True)
class Kept:
    """The label of one column. `column` is its name when it was last seen; `by` and `since` are who copied, and when.

    `oid` and `number` are 0 on servers whose tables have none.
    """

    oid: int
    number: int
    column: ColumnName
    label: Label
    why: Why
    state: State = "there"
    by: str = ""
    since: str = ""

    @property
    def place(self) -> Place:
        """Where it is, as long as its table lives."""
        return (self.oid, self.number) if self.oid else self.column


Told = Callable[[str, Kept, tuple[ColumnName, ...]], None]
"""Called for each column that gets a label by what happens to it, not by its name: database, label, columns that it is from."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a table named `relation` inherits that is not one of `besides`: a statement that makes one has gone off.

    `columns` are labels by name, None of a column that has none, `rest` that of all others. `until` is when it is no more expected, in
    seconds since the epoch. `askers` are the executions for which it is expected; of earlier processes' there is one that nobody is.
    `schema` is the table's, where that is known before it is made.
    """

    relation: str
    besides: frozenset[int]
    columns: Mapping[str, Label | None]
    rest: Label | None
    by: str
    since: str
    until: float
    met: bool = False  # everybody has seen such a table, and its labels are kept by their places
    askers: set[Asker] = field(default_factory=lambda: {_NOBODY}, compare=False)
    schema: str = ""

    @property
    def labels(self) -> bool:
        """Whether anything is inherited at all."""
        return self.rest is not None or any(label is not None for label in self.columns.values())

    @property
    def lasts(self) -> bool:
        """Whether it has to outlive this process."""
        return self.labels and not self.met


@dataclass(slots=True)
class Book:
    """What the ledger says of one database: labels by place, places by name, what is expected by the table's name."""

    kept: dict[Place, Kept] = field(default_factory=dict)
    places: dict[ColumnName, set[Place]] = field(default_factory=dict)
    expected: dict[str, list[Expected]] = field(default_factory=dict)

    def keep(self, kept: Kept) -> None:
        """Note a label, in place of the one before."""
        self.drop(kept.place)
        self.kept[kept.place] = kept
        self.places.setdefault(kept.column, set()).add(kept.place)

    def drop(self, place: Place) -> None:
        """Forget a label, if there is one."""
        before = self.kept.pop(place, None)
        if before is not None:
            self.places[before.column].discard(place)
            if not self.places[before.column]:
                del self.places[before.column]

    def named(self, column: ColumnName) -> list[Kept]:
        """Everything that was last seen under a name."""
        return [self.kept[place] for place in self.places.get(column, ())]


def label_line(database: str, kept: Kept) -> dict[str, Any]:
    """The line by which a label is kept."""
    return {
        "event": "label",
        "database": database,
        "column": list(_parts(kept.column)),
        "table": kept.oid,
        "number": kept.number,
        **_label_fields(kept.label),
        "why": kept.why,
        "state": kept.state,
        "by": kept.by,
        "since": kept.since,
    }


def drop_line(database: str, kept: Kept, reason: str) -> dict[str, Any]:
    """The line by which a label is kept no more."""
    where = {"column": list(_parts(kept.column)), "table": kept.oid, "number": kept.number}
    return {"event": "drop", "database": database, **where, "reason": reason}


def expect_line(database: str, expected: Expected) -> dict[str, Any]:
    """The line by which a table is expected; who asked for it is not told, for it is of this process."""
    return {
        "event": "expect",
        "database": database,
        "relation": expected.relation,
        "besides": sorted(expected.besides),
        "columns": {name: label and _label_fields(label) for name, label in expected.columns.items()},
        "rest": None if expected.rest is None else _label_fields(expected.rest),
        "by": expected.by,
        "since": expected.since,
        "until": expected.until,
        **({"schema": expected.schema} if expected.schema else {}),
    }


def _label_fields(label: Label) -> dict[str, Any]:
    return {
        "category": label.category,
        "level": label.level,
        "from": [list(_parts(source)) for source in label.sources],
    }


def _parts(column: ColumnName) -> tuple[str, str, str]:
    return column.schema, column.relation, column.column


def _label(fields: Mapping[str, Any]) -> Label:
    return Label(fields["category"], fields["level"], tuple(ColumnName(*source) for source in fields["from"]))


def place_of(line: Mapping[str, Any]) -> Place:
    """The place that a line of `label_line` or `drop_line` is about. Raises KeyError, TypeError for any other."""
    return (line["table"], line["number"]) if line["table"] else ColumnName(*line["column"])


def kept_of(line: Mapping[str, Any]) -> Kept:
    """What a line of `label_line` says. Raises KeyError, TypeError for any other."""
    return Kept(
        oid=line["table"],
        number=line["number"],
        column=ColumnName(*line["column"]),
        label=_label(line),
        why=line["why"],
        state=line["state"],
        by=line["by"],
        since=line["since"],
    )


def expected_of(line: Mapping[str, Any]) -> Expected:
    """What a line of `expect_line` says. Raises KeyError, TypeError, AttributeError for any other."""
    return Expected(
        relation=line["relation"],
        besides=frozenset(line["besides"]),
        columns={name: fields and _label(fields) for name, fields in line["columns"].items()},
        rest=None if line["rest"] is None else _label(line["rest"]),
        by=line["by"],
        since=line["since"],
        until=line["until"],
        schema=line.get("schema", ""),
    )
