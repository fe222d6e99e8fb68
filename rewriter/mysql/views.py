"""The caller's view of one table: a SELECT of its columns, each as the caller may see it.

Owns what stands for a column: itself, a mask, or a choice between them by row. May not do: read the client's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policies.model import ColumnName, Mask, RowFilter, Treatment
from rewriter.conditions import ConditionError
from rewriter.model import Refusal, Use
from rewriter.mysql.catalog import Table, column_name
from rewriter.mysql.conditions import print_condition
from rewriter.mysql.masks import KeyMaterial, MissingKeyError, render, render_short
from rewriter.mysql.masks.target import INTEGERS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rewriter.mysql.catalog import Column
    from rewriter.mysql.searching import Search


FENCE: Final = f"LIMIT {2**64 - 1}"
"""Keeps a subquery from being merged with the query around it, whose conditions then see its rows only."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A hash of a column's real values that a subquery gives under `name`, to be compared and never shown."""

    column: ColumnName
    sql: str
    name: str


@dataclass(frozen=True, slots=True)
class CallerView:
    """A table with the treatment of each of its labelled columns, by name in lower case, for one caller.

    `body` is what is read in place of the table itself: the expanded definition of a view. It is `listed`: its columns get the
    names of the view's. `filtered`: only the rows are there that it leaves. `padded`: values of char columns may come with their padding.
    """

    table: Table
    treatments: Mapping[str, Treatment]
    key: KeyMaterial | None
    body: str | None = None
    listed: bool = False
    filtered: RowFilter | None = None
    padded: bool = True

    def query(  # noqa: PLR0913  what a SELECT is made of
        self,
        columns: Iterable[tuple[Column, str]],
        inside: str = "",
        lock: str = "",
        *,
        search: Search | None = None,
        hashes: Sequence[Hashed] = (),
        rolls: bool = False,
        joins: bool = False,
    ) -> tuple[str, tuple[Use, ...]]:
        """SELECT of columns, each under a name, from the real table, and which labelled ones it uses.

        `inside` stands behind the table's name (PARTITION, index hints), `lock` at the end (LIMIT, too). `search` chooses rows by real values,
        `hashes` are compared by others.
        `rolls`: the statement has WITH ROLLUP, whose NULLs the servers write as 0 or '' into temporary tables when a subquery's
        column cannot be NULL, so all can. `joins`: it has CONCAT_WS, which in MariaDB writes into the value of an argument that is
        computed and occurs twice, unless a CONCAT has made it. Raises Refusal 42000 for a denied column and for a rule that cannot be applied.
        """
        items: list[str] = []
        uses: list[Use] = []
        for column, name in columns:
            shown, used = self.shown_as(column, self.table.name)
            widened = rolls and (column.not_null or self.body is not None) and _keeps_type(column)
            if widened:
                shown = f"IF(TRUE, {shown}, NULL)"
            if joins and (used or widened) and column.character_set is not None:
                shown = f"CONCAT({shown})"
            items.append(shown if not used and not widened and column.name == name else f"{shown} AS {quote(name)}")
            uses += used
        items += [f"{each.sql} AS {quote(each.name)}" for each in hashes]
        full = f"{quote(self.table.schema)}.{quote(self.table.name)}"
        source = full if self.body is None else f"({self.body}) AS {quote(self.table.name)}"
        if self.listed:
            source += f" ({', '.join(quote(column.name) for column in self.table.columns)})"
        where = "" if search is None else f"WHERE {search.condition}"
        unread = self.unread("" if search is None else search.alone)
        if self.filtered is not None:
            source, inside, unread, where = self._kept(f"{source} {inside} {unread}", search), "", "", ""
        words = ["SELECT", ", ".join(items) or "1", "FROM", source, inside, unread, where, lock]
        return " ".join(word for word in words if word), tuple(uses)

    def _kept(self, source: str, search: Search | None) -> str:
        """The rows that are there, behind a fence: no condition of the caller's is computed on others, but what is searched."""
        here = quote(self.table.name)
        names = ", ".join(f"{here}.{quote(column.name)}" for column in self.table.columns)
        conditions = [self.condition(here), *([] if search is None else [search.condition])]
        inner = f"SELECT {names} FROM {source.strip()} WHERE {' AND '.join(conditions)} {FENCE}"  # noqa: S608  our own text, and proved after the edit
        return f"({inner}) AS {here}"

    def condition(self, qualifier: str) -> str:
        """SQL that is true for the rows that the filter leaves, of the table known as `qualifier`, quoted. Raises Refusal."""
        assert self.filtered is not None
        rule, full = self.filtered.rule, f"{self.table.schema}.{self.table.name}"
        if self.filtered.unfit is not None:
            message = f'filter "{rule}" cannot be applied to {full}: {self.filtered.unfit}'
            raise Refusal("42000", message, hint="The policy needs to be reviewed.", rule=rule)
        if self.filtered.rows is None:
            message = f'permission denied for {full}: filter "{rule}" could not be evaluated for you'
            raise Refusal("42000", message, hint="Ask an administrator which attribute it needs.", rule=rule)
        try:
            return f"({print_condition(self.filtered.rows, self.table, qualifier)}) IS TRUE"
        except ConditionError as error:
            message = f'filter "{rule}" cannot be applied to {full}: {error}'
            raise Refusal("42000", message, hint="The policy needs to be corrected.", rule=rule) from None

    def unread(self, searched: str = "") -> str:
        """An index hint that keeps the server from indexes over hidden columns: rows would come in the order of the real values.

        Little is lost by it, for what is hidden is searched by its real value where that is allowed alone: then all rows that
        are found have one value in `searched`, whose index tells no order. The primary key cannot be helped.
        """
        if self.body is not None:
            return ""
        hidden = {name for name, treatment in self.treatments.items() if treatment.hides}
        names = [
            quote(index.name)
            for index in self.table.indexes
            if index.name.upper() != "PRIMARY"
            and any(column.lower() in hidden - {searched} for column in index.columns)
        ]
        return f"IGNORE INDEX ({', '.join(names)})" if names else ""

    def listed_as(self, column: Column, qualifier: str) -> tuple[str, tuple[Use, ...], int]:
        """As `shown_as`, in the list of a SELECT that reads nothing else.

        And how many characters the server takes it to have; 0 where it takes it for as long as the column.
        """
        treatment = self.treatments.get(column.name.lower())
        if treatment is None:
            return *self.shown_as(column, qualifier), 0
        reference, uses = quote(column.name), (Use(column_name(self.table, column.name), treatment),)
        if treatment.kind == "mask" and treatment.mask is not None and treatment.rows is None:
            short = render_short(treatment.mask, column, reference, padded=self.padded)
            if short is not None:
                sql, characters = short
                return sql, uses, characters
        return self._treated(column, treatment, reference, qualifier), uses, 0

    def shown_as(self, column: Column, qualifier: str) -> tuple[str, tuple[Use, ...]]:
        """SQL that shows one column of the table known as `qualifier`, and the use of it when it is labelled."""
        reference = f"{quote(qualifier)}.{quote(column.name)}"
        treatment = self.treatments.get(column.name.lower())
        if treatment is None:
            return reference, ()
        use = Use(column_name(self.table, column.name), treatment)
        return self._treated(column, treatment, reference, qualifier), (use,)

    def _treated(self, column: Column, treatment: Treatment, reference: str, qualifier: str) -> str:
        full = column_name(self.table, column.name)
        if treatment.kind == "deny":
            message = f'permission denied for column {full} by rule "{treatment.rule}"'
            hint = "Name the columns you need and leave this one out."
            raise Refusal("42000", message, hint=hint, rule=treatment.rule)
        try:
            inside = reference if treatment.kind == "clear" else self._masked(treatment.mask, column, reference)
            if treatment.rows is None or not treatment.hides:
                return inside
            condition = print_condition(treatment.rows, self.table, quote(qualifier))
            outside = self._masked(treatment.fallback, column, reference)
        except ConditionError as error:
            message = f'rule "{treatment.rule}" cannot be applied to {full}: {error}'
            raise Refusal("42000", message, hint="The policy needs to be corrected.", rule=treatment.rule) from None
        except MissingKeyError:
            message = f'rule "{treatment.rule}" needs a key for {full}, and the proxy has none'
            raise Refusal("42000", message, hint="The operator sets the key of masks.", rule=treatment.rule) from None
        return f"(CASE WHEN ({condition}) IS TRUE THEN {inside} ELSE {outside} END)"

    def _masked(self, mask: Mask | None, column: Column, reference: str) -> str:
        return render(mask or Mask("null"), column, reference, self.key, padded=self.padded)


_KEPT: Final = TEXTS | INTEGERS.keys() | {"decimal", "double", "date", "datetime", "time"}
"""Types whose values IF() shows, compares and sorts as the column does: not so enum, set, bit, year and float."""


def _keeps_type(column: Column) -> bool:
    return column.base_type in _KEPT and "zerofill" not in column.type_name


def quote(name: str) -> str:
    """Quote a name so that it means exactly itself, under every sql_mode."""
    return "`" + name.replace("`", "``") + "`"
