"""What takes the place of the tables that a query reads, those behind views included.

Owns the edits of one query's text, be it a client's or a view's, and the expansion of views to any depth: a definition's protected
tables are substituted in its own text, and the result is proved like a client's statement. May not do: decide what is protected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from rewriter.model import MAX_BYTES, Name, Refusal
from rewriter.mysql import proof
from rewriter.mysql.catalog import Catalog, Facts, Table
from rewriter.mysql.joining import Joins, join
from rewriter.mysql.lexer import PADDING, apply
from rewriter.mysql.masks import KeyMaterial
from rewriter.mysql.names import meaning_of
from rewriter.mysql.reading import parse, read
from rewriter.mysql.scopes import walk
from rewriter.mysql.searching import Search, search
from rewriter.mysql.substitution import Substitute, requalify, substitute_for, unlocked
from rewriter.mysql.views import CallerView
from rewriter.mysql.world import Expansion, World

if TYPE_CHECKING:
    from rewriter.mysql.reading import Reading, Statement
    from rewriter.mysql.scopes import Findings, Reference
    from rewriter.mysql.substitution import TextEdit

_OWN = frozenset[str]()

_CHANGING = frozenset({"NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "ANSI"})
"""Modes under which the text of a definition could read differently."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Substitutes what is read, for one caller: `world` says what is protected, `key` is that of keyed masks."""

    catalog: Catalog
    world: World
    key: KeyMaterial | None
    modes: frozenset[str]

    def view_of(self, table: Table) -> tuple[CallerView, Expansion]:
        """The caller's view of a protected table, with what is behind it."""
        name = (table.schema, table.name)
        treatments = self.world.treatments.get(name, {})
        filtered = self.world.filters.get(name)
        if name not in self.world.views:
            padded = bool(self.modes & PADDING)
            return CallerView(table, treatments, self.key, filtered=filtered, padded=padded), Expansion("", (), ())
        expansion = self._expanded(table)
        quoting = ("\\" in expansion.text or '"' in expansion.text) and bool(self.modes & _CHANGING)
        if quoting or ("''" in expansion.text and "EMPTY_STRING_IS_NULL" in self.modes):
            message = f"{table.schema}.{table.name} is not available under this sql_mode"
            hint = "Set sql_mode without ANSI_QUOTES, NO_BACKSLASH_ESCAPES and EMPTY_STRING_IS_NULL."
            raise Refusal("42000", message, hint=hint)
        if not expansion.named and self.catalog.flavour == "mariadb":
            message = (
                f"{table.schema}.{table.name} is not available to you: its columns are not called as in its definition"
            )
            raise Refusal("42000", message, hint="Query the tables behind it.")
        return CallerView(table, treatments, self.key, expansion.text, not expansion.named, filtered), expansion

    def edits(
        self,
        found: Findings,
        reads: list[tuple[Reference, Table]],
        reading: Reading,
        statement: Statement,
        *,
        searching: bool = False,
    ) -> tuple[list[Substitute], list[TextEdit]]:
        """What takes the place of the protected ones among `reads`, and all edits of the text for it; changes the tree.

        `searching`: the statement runs as it is counted, so that what may be searched or joined by its real values is.
        """
        joins = Joins()
        if searching and self.world.joinable:
            joins = join(found, reads, self.world, self.key, statement, reading.text, self.catalog)
        substitutes: list[Substitute] = []
        searches: list[Search] = []
        for reference, table in reads:
            if not self.world.protects((table.schema, table.name)):
                continue
            view, behind = self.view_of(table)
            mariadb = self.catalog.flavour == "mariadb"
            searched = None
            if searching and view.body is None:
                searched = search(
                    *(reference, table, view.treatments, statement, reading.text),
                    catalog=self.catalog,
                    filtered=view.filtered is not None,
                )
            made = substitute_for(
                reference,
                view,
                found,
                statement,
                reading.text,
                mariadb=mariadb,
                behind=behind,
                search=searched,
                hashes=joins.hashes.get(id(reference), ()),
                joined=joins.probes.get(id(reference), ()),
            )
            substitutes.append(made)
            if searched is not None:
                searches.append(searched)
        if not substitutes:
            return [], []
        edits = [edit for substitute in substitutes for edit in substitute.edits]
        for column, edit in requalify(found, substitutes, statement, self.catalog):
            column.set("db", None)
            edits.append(edit)
        edits += unlocked(found, substitutes, statement, self.catalog)
        for searched in searches:
            edits += searched.edits
            searched.expect()
        edits += joins.edits
        joins.expect()
        for substitute in substitutes:
            substitute.expect()
        return substitutes, edits

    def _expanded(self, view: Table) -> Expansion:
        place = ((view.schema, view.name), self.key.fingerprint if self.key else "", self.modes & PADDING)
        kept = self.world.expansions.get(place)
        if kept is None:
            kept = self.world.expansions[place] = self._expand(view)
        return kept

    def _expand(self, view: Table) -> Expansion:
        definition = (view.definition or "").rstrip().removesuffix(";")
        reading = read(definition, _OWN)
        if len(reading.statements) != 1:
            raise proof.unproved()
        statement = reading.statements[0]
        tree = parse(reading, statement)
        found = walk(tree, definition, statement, folds=self.catalog.folds_names)
        reads: list[tuple[Reference, Table]] = []
        for reference in found.references:
            meaning = meaning_of(reference.schema, reference.name, self.catalog, Facts(view.schema))
            if isinstance(meaning, Table):
                if reference.role != "read" or (meaning.schema, meaning.name) in self.world.barred:
                    raise proof.unproved()  # the world would have barred the view
                reads.append((reference, meaning))
        inner = Reader(self.catalog, self.world, self.key, self.modes & PADDING)
        substitutes, edits = inner.edits(found, reads, reading, statement)
        edits.sort()
        text = apply(definition, edits)
        again = read(text, _OWN, MAX_BYTES + len(text))
        proof.prove_tokens(reading.tokens, again.tokens, edits)
        if len(again.statements) != 1 or not proof.same(tree, parse(again, again.statements[0])):
            raise proof.unproved()
        behind: list[Name] = [(table.schema, table.name) for _, table in reads]
        behind += [name for substitute in substitutes for name in substitute.reads]
        uses = tuple(dict.fromkeys(use for substitute in substitutes for use in substitute.uses))
        called = tree.named_selects if isinstance(tree, exp.Query) else []
        named = [name.lower() for name in called] == [column.name.lower() for column in view.columns]
        return Expansion(text, uses, tuple(dict.fromkeys(behind)), named)
