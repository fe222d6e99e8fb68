"""The labelled schemas of schemas/*.yaml, and how well findings agree with the labels.

A label is what a person says that a column holds, given before discovery was tuned; `none` is nothing sensitive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from discovery.rows import values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROWS = 120
"""Rows of each table."""

_SCHEMAS = Path(__file__).parent / "schemas"


@dataclass(frozen=True, slots=True)
class LabelledColumn:
    """A column: its type as the file writes it, its label, the kind of its rows, its comment."""

    name: str
    type: str
    label: str
    rows: str
    comment: str


@dataclass(frozen=True, slots=True)
class LabelledSchema:
    """The tables of one schema; `held_out` ones were never looked at while discovery was tuned."""

    name: str
    origin: str
    held_out: bool
    tables: Mapping[str, tuple[LabelledColumn, ...]]

    def rows(self, table: str) -> list[tuple[object, ...]]:
        """Give the made-up rows of a table."""
        columns = self.tables[table]
        made = (_cut(values(c.rows, ROWS, f"{self.name}/{table}/{c.name}"), c.type) for c in columns)
        return list(zip(*made, strict=True))

    @property
    def labels(self) -> dict[tuple[str, str], str]:
        """The label of each column, by table and column."""
        return {(table, column.name): column.label for table, columns in self.tables.items() for column in columns}


def _cut(made: list[object], type_: str) -> list[object]:
    """Texts as long as their type allows."""
    match = re.fullmatch(r"(?:var)?char\((\d+)\)", type_)
    return [value[: int(match[1])] if match and isinstance(value, str) else value for value in made]


@lru_cache(maxsize=1)
def schemas() -> tuple[LabelledSchema, ...]:
    """Read all labelled schemas, sorted by name."""
    return tuple(_read(path) for path in sorted(_SCHEMAS.glob("*.yaml")))


def _read(path: Path) -> LabelledSchema:
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    tables = {table: tuple(map(_column, lines)) for table, lines in written["tables"].items()}
    return LabelledSchema(path.stem, written["origin"], written["held_out"], tables)


def _column(line: str) -> LabelledColumn:
    told, _, comment = line.partition(" -- ")
    name, type_, label, rows = told.split()
    return LabelledColumn(name, type_, label, rows, comment)


@dataclass(frozen=True, slots=True)
class Figures:
    """How findings agree with labels. `found`: sensitive ones that were proposed; `right`: with the category of the label."""

    columns: int
    sensitive: int
    proposed: int
    found: int
    right: int

    def __add__(self, other: Figures) -> Figures:
        mine = (self.columns, self.sensitive, self.proposed, self.found, self.right)
        others = (other.columns, other.sensitive, other.proposed, other.found, other.right)
        return Figures(*(a + b for a, b in zip(mine, others, strict=True)))

    @property
    def precision(self) -> float:
        """Of what was proposed, the share that is sensitive."""
        return self.found / max(1, self.proposed)

    @property
    def recall(self) -> float:
        """Of what is sensitive, the share that was proposed."""
        return self.found / max(1, self.sensitive)

    @property
    def category(self) -> float:
        """Of the sensitive ones that were proposed, the share with the right category."""
        return self.right / max(1, self.found)

    @property
    def row(self) -> str:
        """The figures as the row of a table."""
        shares = " | ".join(f"{share:.1%}" for share in (self.precision, self.recall, self.category))
        return f"{self.columns} | {self.sensitive} | {self.proposed} | {shares}"


def figures(labels: Mapping[tuple[str, str], str], proposed: Mapping[tuple[str, str], str]) -> Figures:
    """Compare what was proposed (category by table and column) with the labels of one schema."""
    sensitive = {name for name, label in labels.items() if label != "none"}
    found = sensitive & set(proposed)
    right = sum(proposed[name] == labels[name] for name in found)
    return Figures(len(labels), len(sensitive), len(proposed), len(found), right)


def total(each: Iterable[Figures]) -> Figures:
    """Add up."""
    return sum(each, Figures(0, 0, 0, 0, 0))
