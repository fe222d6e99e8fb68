"""The caller's view of one relation: a SELECT of its columns, each as the caller may see it.

Owns what stands for a column: itself, a mask, or a choice between them by row. May not do: read the client's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policies.model import RowFilter, Treatment
from rewriter.conditions import ConditionError, condition_columns
from rewriter.model import Refusal, Use
from rewriter.postgres.catalog import Relation, column_name
from rewriter.postgres.conditions import print_condition, quote_identifier
from rewriter.postgres.masks import KeyMaterial, MissingKeyError, render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.model import Mask, RowCondition
    from rewriter.postgres.catalog import Column


@dataclass(frozen=True, slots=True)
class CallerView:
    """A relation with the treatment of each of its labelled columns for one caller.

    `where` is the 1-based character of the reference in the client's text, for refusals. `body` is what is read in place
    of the relation itself: the expanded definition of a view. `raw`: what its columns are in terms of another
    relation, through which it is written; those that it lacks cannot be shown. `known_as` is what the relation is called in
    the query, where a plan shall name it as the client does; else its own name. Of the relation only those rows are there that meet
    all `filters`; where they are `fenced`, no condition of the caller's is computed on others.
    """

    relation: Relation
    treatments: Mapping[str, Treatment]
    key: KeyMaterial | None
    where: int | None = None
    shown: dict[tuple[int, str, str], str] = field(default_factory=dict)  # kept between statements
    body: str | None = None
    raw: Mapping[str, str] | None = None
    known_as: str = ""
    filters: tuple[RowFilter, ...] = ()
    fenced: bool = True

    def query(
        self, columns: Iterable[Column], *, only: bool = False, tableoid: bool = False
    ) -> tuple[str, tuple[Use, ...]]:
        """SELECT of the given columns from the real relation, and which labelled ones it uses.

        `only` leaves children out, `tableoid` adds the column of that name. Raises Refusal 42501 for a denied column and for a rule that cannot be applied.
        """
        items: list[str] = []
        uses: list[Use] = []
        here = self.known_as or self.relation.name
        for column in columns:
            name = quote_identifier(column.name)
            qualified = f"{quote_identifier(here)}.{name}"
            treatment = self.treatments.get(column.name)
            shown = qualified if treatment is None else self._treated(column, treatment, here)
            items.append(shown if shown == qualified else f"{shown} AS {name}")
            if treatment is not None:
                uses.append(Use(column_name(self.relation, column.name), treatment))
        if tableoid:
            items.append(f"{quote_identifier(here)}.tableoid")
        source = self._source(only=only) if not self.filters else self._filtered(only=only, tableoid=tableoid)
        words = ["SELECT", *([", ".join(items)] if items else []), *source]
        return " ".join(words), tuple(uses)

    def _filtered(self, *, only: bool, tableoid: bool) -> list[str]:
        """The rows that are there: filtered below everything else, so that masks and searches see no others."""
        here = quote_identifier(self.known_as or self.relation.name)
        names = [*(column.name for column in self.relation.columns), *(["tableoid"] if tableoid else [])]
        inner = ["SELECT", ", ".join(f"{here}.{quote_identifier(name)}" for name in names), *self._source(only=only)]
        # OFFSET keeps the caller's conditions outside: allpaths.c, subquery_is_pushdown_safe
        fence = [" OFFSET 0"] if self.fenced else []
        condition = self.filter(self.known_as or self.relation.name)
        return ["FROM", f"({' '.join(inner)} WHERE {condition}{''.join(fence)})", "AS", here]

    def filter(self, qualifier: str) -> str:
        """SQL that is true for the rows that are there, of the relation known as `qualifier`. Raises Refusal."""
        return " AND ".join(self._condition_of(each, qualifier) for each in self.filters)

    def _condition_of(self, each: RowFilter, qualifier: str) -> str:
        full = f"{self.relation.schema}.{self.relation.name}"
        if each.unfit is not None:
            message = f'filter "{each.rule}" cannot be applied to {full}: {each.unfit}'
            raise Refusal(
                "42501", message, hint="The policy needs to be reviewed.", position=self.where, rule=each.rule
            )
        if each.rows is None:
            message = f'permission denied for {full}: filter "{each.rule}" could not be evaluated for you'
            hint = "Ask an administrator which attribute it needs."
            raise Refusal("42501", message, hint=hint, position=self.where, rule=each.rule)
        try:
            printed = print_condition(each.rows, self.relation, quote_identifier(qualifier), self.raw)
        except ConditionError as error:
            message = f'filter "{each.rule}" cannot be applied to {full}: {error}'
            raise Refusal("42501", message, hint="The policy needs to be corrected.", rule=each.rule) from None
        return f"({printed}) IS TRUE"

    def _source(self, *, only: bool) -> list[str]:
        relation = self.relation
        if self.body is None:
            full = f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"
            called = f"{full} AS {quote_identifier(self.known_as)}" if self.known_as else full
            return ["FROM ONLY" if only else "FROM", called]
        # the names of a view's columns may differ from those of its query
        names = ", ".join(quote_identifier(column.name) for column in relation.columns)
        source = ["FROM", f"({self.body})", "AS", f"{quote_identifier(self.known_as or relation.name)} ({names})"]
        # OFFSET keeps the caller's conditions outside, as the view does: allpaths.c, subquery_is_pushdown_safe
        return [*source, "OFFSET 0"] if relation.barrier else source

    def shown_as(self, column: Column, qualifier: str) -> tuple[str, tuple[Use, ...]]:
        """SQL that shows one column of the relation known as `qualifier`, and the use of it when it is labelled.

        Raises what `query` raises.
        """
        treatment = self.treatments.get(column.name)
        if treatment is None:
            return self._reference(column.name, qualifier), ()
        use = Use(column_name(self.relation, column.name), treatment)
        return self._treated(column, treatment, qualifier), (use,)

    def _treated(self, column: Column, treatment: Treatment, qualifier: str) -> str:
        if treatment.kind == "deny":
            full = column_name(self.relation, column.name)
            message = f'permission denied for column {full} by rule "{treatment.rule}"'
            hint = "Name the columns you need and leave this one out."
            raise Refusal("42501", message, hint=hint, position=self.where, rule=treatment.rule)
        if qualifier != self.relation.name or self.raw is not None:  # a client can make up as many names as he likes
            return self._made(column, treatment, qualifier)
        place = (self.relation.oid, column.name, self.key.fingerprint if self.key else "")
        kept = self.shown.get(place)
        if kept is None:
            kept = self.shown[place] = self._made(column, treatment, qualifier)
        return kept

    def _made(self, column: Column, treatment: Treatment, qualifier: str) -> str:
        full = column_name(self.relation, column.name)
        try:
            return self._shown(column, treatment, qualifier)
        except ConditionError as error:
            message = f'rule "{treatment.rule}" cannot be applied to {full}: {error}'
            raise Refusal("42501", message, hint="The policy needs to be corrected.", rule=treatment.rule) from None
        except MissingKeyError:
            message = f'rule "{treatment.rule}" needs a key for {full}, and the proxy has none'
            raise Refusal("42501", message, hint="The operator sets the key of masks.", rule=treatment.rule) from None

    def _shown(self, column: Column, treatment: Treatment, qualifier: str) -> str:
        reference = self._reference(column.name, qualifier)
        inside = reference if treatment.kind == "clear" else _masked(treatment.mask, column, reference, self.key)
        if treatment.rows is None or not treatment.hides:
            return inside
        condition = self.condition(treatment.rows, qualifier)
        outside = _masked(treatment.fallback, column, reference, self.key)
        return f"(CASE WHEN ({condition}) IS TRUE THEN {inside} ELSE {outside} END)"

    def condition(self, rows: RowCondition, qualifier: str) -> str:
        """SQL of a condition on its rows; raises ConditionError, and Refusal where a column cannot be shown."""
        for name in sorted(condition_columns(rows)) if self.raw is not None else ():
            self._reference(name, qualifier)
        return print_condition(rows, self.relation, quote_identifier(qualifier), self.raw)

    def _reference(self, name: str, qualifier: str) -> str:
        if self.raw is None:
            return f"{quote_identifier(qualifier)}.{quote_identifier(name)}"
        if name not in self.raw:
            full = f"{self.relation.schema}.{self.relation.name}.{name}"
            message = f"writing through this view is not available here, because what you see of it depends on {full}"
            raise Refusal("0A000", message, hint="Write to the table.", position=self.where)
        return self.raw[name]


def _masked(mask: Mask | None, column: Column, reference: str, key: KeyMaterial | None) -> str:
    if mask is None:
        collation = f" COLLATE {column.collation}" if column.collation else ""
        return f"(NULL::{column.type_name}{collation})"
    return render(mask, column, reference, key)
