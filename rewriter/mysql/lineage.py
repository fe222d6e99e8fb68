"""Lineage: which labels tables have once a text has run that makes, renames or alters them.

Owns following CREATE, RENAME and ALTER TABLE through a text, statement by statement. What a query's columns hold stands in
`rewriter.mysql.holdings`. May not do: know a caller, or whether the text succeeds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from policies.model import ColumnName, Label
from rewriter.model import Name, Refusal, WrittenName
from rewriter.mysql.alterations import alteration, creation, dropped, renames, used
from rewriter.mysql.definitions import definitions_of
from rewriter.mysql.holdings import Held, crude, derived, holdings, joined, traced
from rewriter.mysql.kinds import behind_limits
from rewriter.mysql.lexer import Token, unwrap
from rewriter.mysql.names import SYSTEM_SCHEMAS, fold, index_of
from rewriter.mysql.reading import MAX_BYTES, Reading, Statement, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rewriter.mysql.alterations import Alteration, Creation
    from rewriter.mysql.catalog import Catalog, Facts, Table

Labels = Mapping[ColumnName, Label]
Passing = Mapping[Name, Label | None]


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a table of this name has once a text has run. Columns are in lower case.

    `columns`: the label that each gets, None of one that loses what it had; `rest` is that of all others. `anew`: it is another
    table than before, so that whatever is not given here goes. `sure`: when the text succeeds, all this has happened; else nothing
    is lost by it. `moved`: the columns of it that had another name before. `temporary`: nobody but the session will see it.
    `meanwhile`: it has this between the statements of the text, and not at its end.
    """

    name: Name
    columns: Mapping[str, Label | None] = field(default_factory=dict)
    rest: Label | None = None
    anew: bool = True
    sure: bool = True
    moved: Mapping[str, ColumnName] = field(default_factory=dict)
    temporary: bool = False
    meanwhile: bool = False

    @property
    def whole(self) -> Label | None:
        """The label of anything that is made of any column; None when nothing is inherited."""
        labels = [label for label in (*self.columns.values(), self.rest) if label is not None]
        return derived(labels) if labels else None


@dataclass(frozen=True, slots=True)
class Made:
    """What a text makes. `single`: it is one statement, so that nothing of it has happened when it fails.

    `unknown` are the tables that it takes something from and that the catalog does not hold. `dropped` are temporary tables.
    """

    inheritances: tuple[Inheritance, ...] = ()
    dropped: frozenset[Name] = frozenset()
    unknown: frozenset[Name] = frozenset()
    single: bool = True


def inheritances(  # noqa: PLR0913, PLR0917  what the meaning of a text rests on
    text: str, catalog: Catalog, facts: Facts, labels: Labels, hidden: Labels, passing: Passing
) -> Made:
    """What the tables of a text inherit; raises nothing.

    `labels` are those of all columns, `hidden` those of them that the caller sees on no row, whose copies hold what he sees.
    `passing` are the session's temporary tables, with the label of everything in them. Names are folded where the server does.
    """
    readings = _statements(text, facts, catalog)
    world = _World(catalog, facts, labels, hidden, passing)
    for statement, within, reading in readings:
        behind = Statement(statement.tokens[behind_limits(statement) :])
        if behind.tokens:
            world.follow(behind, reading, within)
    return Made(
        (*world.made.values(), *(replace(each, meanwhile=True) for each in world.meanwhile)),
        frozenset(world.dropped),
        frozenset(world.unknown),
        len(readings) == 1,
    )


class _World:
    """The labels of tables while the statements of a text run one after the other."""

    def __init__(self, catalog: Catalog, facts: Facts, labels: Labels, hidden: Labels, passing: Passing) -> None:
        self._catalog = catalog
        self._facts = facts
        self._passing = passing
        self.made: dict[Name, Inheritance] = {}
        self.meanwhile: list[Inheritance] = []
        self.unknown: set[Name] = set()
        self.dropped: set[Name] = set()
        self._labels: dict[Name, dict[str, Label]] = {}
        self._clear: dict[Name, dict[str, Label]] = {}
        for column, label in labels.items():
            name = self._folded(column.schema, column.relation)
            self._labels.setdefault(name, {})[column.column] = label
            if column not in hidden:
                known = label if label.sources else replace(label, sources=(column,))
                self._clear.setdefault(name, {})[column.column] = known

    def follow(self, statement: Statement, reading: Reading | None, text: str) -> None:
        """Let a statement happen."""
        made = creation(statement, text)
        if made is not None:
            self._create(made, statement, reading)
            return
        schema = used(statement, text)
        if schema is not None:
            self._facts = replace(self._facts, schema=schema)
        altered = alteration(statement, text)
        if altered is not None:
            self._alter(altered)
            return
        pairs, sure = renames(statement, text)
        for old, new in pairs:
            name = self._name(old)
            self._move(name, self._name(new), self._before(name), sure=sure)
        for written in dropped(statement, text):
            name = self._name(written)
            before = self.made.pop(name, None)
            if before is not None and before.whole is not None:
                self.meanwhile.append(before)
            if name in self._passing:
                self.dropped.add(name)

    # -- kinds of statements -------------------------------------------------------------------------------------

    def _create(self, made: Creation, statement: Statement, reading: Reading | None) -> None:
        name = self._name(made.name)
        if made.like is not None:
            held = self._like(self._name(made.like))
        elif made.query is not None:
            query = Statement(statement.tokens[made.query :])
            held = _with_defined(self._queried(query, reading), made.defined)
        else:
            held = Held({})
        behind = [label for each in made.merged for label in self._held(self._name(each)).values() if label]
        if behind:
            held = Held({}, derived([*behind, *held.labels]))
        self._set(Inheritance(name, held.columns, held.rest, sure=made.sure, temporary=made.temporary))

    def _like(self, name: Name) -> Held:
        """What a table's columns are labelled with, for one that is to have the same columns."""
        rest = self.made[name].rest if name in self.made else self._passing.get(name)
        return Held(self._held(name), rest)

    def _queried(self, query: Statement, reading: Reading | None) -> Held:
        """What a query's columns hold; of one that cannot be read, what they may."""
        if reading is not None:
            try:
                return holdings(query, reading, self._reads, folds=self._catalog.folds_names)
            except (Refusal, RecursionError):
                pass
        return crude(query, self._everything())

    def _move(self, old: Name, new: Name, before: Inheritance, *, sure: bool) -> None:
        """A table that has these labels gets another name."""
        if self._is_temporary(old):
            self._set(replace(before, name=new, sure=False, temporary=True))
            sure = False  # it may have been dropped, and a table that all see been meant
            if old not in index_of(self._catalog).tables:
                return
        self._set(Inheritance(old, sure=sure))
        self._set(replace(before, name=new, anew=True, sure=sure and before.sure))

    def _alter(self, altered: Alteration) -> None:
        old, new = self._name(altered.old), self._name(altered.new)
        before = self._before(old)
        given: dict[str, Label | None] = {}
        rest: list[Label] = []
        labelled = {column: label for column, label in before.columns.items() if label is not None}
        for other in altered.exchanged:
            name = self._name(other)
            other_before = self._before(name)
            theirs = {column: label for column, label in other_before.columns.items() if label is not None}
            rest += [other_before.rest] if other_before.rest else []
            self._add(name, traced(labelled, old), before.rest)
            given |= {c: joined([label, labelled.get(c)]) for c, label in traced(theirs, name).items()}
            labelled |= {column: label for column, label in given.items() if label is not None}
        given |= dict.fromkeys((*altered.dropped, *altered.renamed, *altered.added))
        for column, names in altered.added.items():
            behind = {each: labelled[each] for each in sorted(names & labelled.keys())}
            if behind:
                given[column] = derived(traced(behind, old).values())
            elif before.rest is not None:
                del given[column]  # it may be computed from any column
        given |= {to: labelled[column] for column, to in altered.renamed.items() if column in labelled}
        moved = {to: before.moved[column] for column, to in altered.renamed.items() if column in before.moved}
        sure = altered.sure and not self._is_temporary(old)
        if old != new:
            kept = {column: label for column, label in before.columns.items() if column not in given}
            stay = {column: place for column, place in before.moved.items() if column in kept}
            self._move(old, new, replace(before, columns={**kept, **given}, moved={**stay, **moved}), sure=sure)
        elif given or rest:
            first = self.made.get(old) or Inheritance(old, anew=False)
            columns, moved = {**first.columns, **given}, {**first.moved, **moved}
            rest = [*rest, *([first.rest] if first.rest else [])]
            whole = joined(rest) if rest else None
            self._set(replace(first, columns=columns, rest=whole, sure=sure and first.sure, moved=moved))

    def _add(self, name: Name, labels: Mapping[str, Label], rest: Label | None) -> None:
        """A table gets rows that have these labels, besides its own."""
        before = self._before(name)
        both = {column: joined([label, before.columns.get(column)]) for column, label in labels.items()}
        first = self.made.get(name) or Inheritance(name, anew=False, sure=False)
        if both or rest:
            whole = joined([rest, first.rest]) if rest else first.rest
            self._set(replace(first, columns={**first.columns, **both}, rest=whole))

    def _set(self, inheritance: Inheritance) -> None:
        """A table has this from now on."""
        before = self.made.pop(inheritance.name, None)
        if before is not None and before.whole is not None:
            self.meanwhile.append(before)
        self.made[inheritance.name] = inheritance

    # -- tables --------------------------------------------------------------------------------------------------

    def _reads(self, schema: str | None, name: str) -> tuple[Table | None, dict[str, Label], Label | None]:
        """What a table that a query reads holds: the catalog's table, labels by column, and that of all in it."""
        full = self._name((schema, name))
        if full in self.made:
            return None, {}, self.made[full].whole
        if self._passing.get(full) is not None:
            return None, {}, self._passing[full]
        table = index_of(self._catalog).tables.get(full)
        return table, {column: label for column, label in self._held(full).items() if label}, None

    def _held(self, name: Name) -> dict[str, Label | None]:
        """The labels of what the caller can copy of a table."""
        if name in self.made:
            return dict(self.made[name].columns)
        self._look(name)
        own: dict[str, Label | None] = dict(self._clear.get(name, {}))
        table = index_of(self._catalog).tables.get(name)
        if table is not None and table.kind == "view":
            behind = list(self._behind(table))
            if behind:
                whole = derived([*behind, *(label for label in own.values() if label)])
                own = {column.name.lower(): own.get(column.name.lower(), whole) for column in table.columns}
        return own

    def _behind(self, view: Table) -> Iterable[Label]:
        """The labels of all that stands behind a view."""
        definitions = definitions_of(self._catalog)
        seen: set[Name] = set()
        waiting = [(view.schema, view.name)]
        while waiting:
            each = waiting.pop()
            if each in seen:
                continue
            seen.add(each)
            yield from self._clear.get(self._folded(*each), {}).values()
            definition = definitions.get(each)
            waiting += definition.sources if definition is not None else ()

    def _before(self, name: Name) -> Inheritance:
        """What a table has, of all labels, until now; each column is where it has been before the text."""
        if name in self.made:
            return self.made[name]
        self._look(name)
        labels = dict(self._labels.get(name, {}))
        return Inheritance(
            name, labels, self._passing.get(name), moved={column: ColumnName(*name, column) for column in labels}
        )

    def _everything(self) -> list[tuple[str, list[Label]]]:
        """Every table with its name and labels, temporary ones and those made a moment ago included."""
        tables = index_of(self._catalog).tables
        found = [(name[1], [label for label in self._held(name).values() if label]) for name in tables]
        found += [(name[1], [label] if label else []) for name, label in self._passing.items()]
        found += [(name[1], [made.whole] if made.whole else []) for name, made in self.made.items()]
        return [(name, labels) for name, labels in found if labels]

    def _look(self, name: Name) -> None:
        """Note a table that the catalog does not hold."""
        known = name in index_of(self._catalog).tables or name in self._passing
        if not known and name[0].lower() not in SYSTEM_SCHEMAS:
            self.unknown.add(name)

    def _is_temporary(self, name: Name) -> bool:
        return self.made[name].temporary if name in self.made else name in self._passing

    def _name(self, written: WrittenName) -> Name:
        return self._folded(written[0] or self._facts.schema or "", written[1])

    def _folded(self, schema: str, name: str) -> Name:
        return fold(schema, self._catalog), fold(name, self._catalog)


def _with_defined(held: Held, defined: Mapping[str, frozenset[str]]) -> Held:
    """What is computed, by the columns' own definitions, from columns that the query fills."""
    columns = dict(held.columns)
    news = True
    while news:
        news = False
        for column, names in defined.items():
            behind = [label for name in sorted(names - {column}) if (label := columns.get(name)) is not None]
            if behind and columns.get(column) is None:
                columns[column] = derived(behind)
                news = True
    return Held(columns, held.rest)


def generated(table: Table, labels: Mapping[str, Label]) -> dict[str, Label]:
    """The labels of the generated columns of a table, by those of the columns that they are computed from.

    `labels` are by column; a column that has one there needs none.
    """
    found: dict[str, Label] = {}
    for column in table.columns:
        name = column.name.lower()
        if column.expression and name not in labels:
            names = {word.replace("``", "`").lower() for pair in _NAMES.findall(column.expression) for word in pair}
            behind = {each: labels[each] for each in sorted(names & labels.keys())}
            if behind:
                found[name] = derived(traced(behind, (table.schema, table.name)).values())
    return found


_NAMES: Final = re.compile(r"`((?:[^`]|``)+)`|([\w$]+)")


# -- texts -------------------------------------------------------------------------------------------------------


_Read = tuple[Statement, str, Reading | None]
"""A statement, the text that its places are in, and its reading, None of one that no strict reading is possible of."""


def _statements(text: str, facts: Facts, catalog: Catalog) -> list[_Read]:
    """The statements of a text; what cannot be read as it should, by words alone, and what changes how it is read."""
    if len(text) > MAX_BYTES:
        return [each for part in _parts(text) for each in _by_words(part)]
    if _MODE.search(text):
        return _by_words(text)
    try:
        plain, _ = unwrap(text, facts.modes, catalog)
        reading = read(plain, facts.modes)
    except (Refusal, RecursionError):
        return _by_words(text)
    return [(statement, plain, reading) for statement in reading.statements]


BEGINNING: Final = r"(?:\A|[;\n]|\*/|/\*M?!\d*|\bfor\b)\s*((?:create|alter|rename|drop)\b)"
"""Where a definition of a table may begin in a text, in any case."""
_REACH: Final = 20_000
"""Characters of a definition that are read in a text that is too long to be read whole; one of 4,000 columns has as many."""
_MODE: Final = re.compile(r"sql_mode.*;", re.IGNORECASE | re.DOTALL)
_SKIPPED: Final = r"(?P<skipped>\s+|/\*M?!\d*|\*/|/\*.*?\*/|#[^\n]*|--(?=\s)[^\n]*)"
_WORDS: Final = re.compile(
    rf"{_SKIPPED}|(?P<string>'(?:[^'\\]|\\.|'')*')|(?P<quoted>`(?:[^`]|``)+`|\"[^\"]*\")|(?P<word>[\w$]+)|(?P<operator>.)",
    re.DOTALL,
)


def _parts(text: str) -> list[str]:
    """What may be definitions in a long text, as far as one reaches; the rest of it is data, mostly."""
    starts = [match.start(1) for match in re.finditer(BEGINNING, text, re.IGNORECASE)]
    return [text[a : min(b, a + _REACH)] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _by_words(text: str) -> list[_Read]:
    """The statements of a text that no strict reading is possible of: more words may count as names than do."""
    statements: list[list[Token]] = [[]]
    for match in _WORDS.finditer(text):
        kind, found = match.lastgroup, match[0]
        if found == ";":
            statements.append([])
        elif kind == "quoted":
            bare = found[1:-1].replace(found[0] * 2, found[0])
            statements[-1].append(Token("quoted", match.start(), match.end(), bare))
        elif kind == "word":
            statements[-1].append(Token("word", match.start(), match.end(), found.upper()))
        elif kind == "operator":
            statements[-1].append(Token("operator", match.start(), match.end(), found))
        elif kind == "string":
            statements[-1].append(Token("string", match.start(), match.end(), found))
    return [(Statement(tuple(tokens)), text, None) for tokens in statements if tokens]
