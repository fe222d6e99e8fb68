"""Queries and changes of rows: what a statement reads and writes, and what takes the place of what.

Owns the order in which one statement's tree is ruled on: tables, names, calls, writes, substitution. May not do: edit text; it
leaves edits and the expected tree for `rewriter.mysql.rewrite`, which proves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from rewriter.model import Refusal
from rewriter.mysql import inventory
from rewriter.mysql.assignments import assignments
from rewriter.mysql.calls import calls_in
from rewriter.mysql.catalog import Table
from rewriter.mysql.definitions import definitions_of
from rewriter.mysql.expansion import Reader
from rewriter.mysql.grouping import check_grouping
from rewriter.mysql.hints import check_hints
from rewriter.mysql.inplace import in_place
from rewriter.mysql.labels import labels, named, of_tables, spellings
from rewriter.mysql.names import Elsewhere, fold, meaning_of
from rewriter.mysql.reading import parse
from rewriter.mysql.scopes import walk
from rewriter.mysql.system import refusal_of
from rewriter.mysql.writes import written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewriter.model import Name
    from rewriter.mysql.catalog import Facts
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.ruling import Circumstances, Ruling
    from rewriter.mysql.scopes import Findings, Reference
    from rewriter.mysql.substitution import Replacement, TextEdit

_FROM = frozenset({"FROM", "JOIN", "STRAIGHT_JOIN", "TABLE", "INTO", "UPDATE"})
"""Words behind which a name is a table's."""
_FROM_INSIDE = frozenset({"EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "MID"})
"""Functions with FROM between their arguments."""


def query(ruling: Ruling, where: Circumstances, first: int = 0, prefix: str = "") -> None:
    """Substitute what a query reads, from its token number `first` on; `prefix` makes a query of what is behind other words."""
    statement = ruling.statement
    _check_words(statement)
    tree = parse(where.reading, statement, first, prefix)
    found = walk(tree, where.reading.text, statement, folds=where.catalog.folds_names)
    known = references(ruling, found, where)
    if ruling.unknown:
        return
    if any(where.world.protects((table.schema, table.name)) for _, table in known):
        check_hints(statement, where.reading.text, where.catalog)
    targets, reads = _parted(found, known, statement, where)
    check_accounted(found, statement, where)
    if where.world.filters:
        inventory.check(found, known, where)
    where.judge.check_calls(calls_in(statement, where.reading.text, found, first), where.facts)
    reader = Reader(where.catalog, where.world, where.key, where.facts.modes)
    compared = _conditions(found)
    called = named(tree)
    tables = {id(reference.node): table for reference, table in known}
    write = written(found, targets, tables, ruling, where, first)
    ruling.edits += write.edits
    ruling.uses += write.uses
    ruling.compared += [use for use in write.uses if use.column.column in compared]
    spelled = spellings(found)
    substitutes, edits = _replaced(found, reads, reader, ruling, where)
    if where.catalog.flavour == "mysql":
        check_grouping(found, known, [substitute.reference for substitute in substitutes])
    write.expect()
    ruling.tree, ruling.first, ruling.prefix = tree, first, prefix
    ruling.edits = sorted(set(ruling.edits + edits))
    ruling.labels = labels(called, statement, where.reading.text, ruling.edits, of_tables(spelled, substitutes))
    ruling.filtered += write.filtered
    for substitute in substitutes:
        ruling.moved |= substitute.moved
        if substitute.filtered is not None:
            ruling.filtered.append((substitute.table, substitute.filtered))
        ruling.uses += substitute.uses
        ruling.compared += [use for use in substitute.uses if use.column.column in compared]
        ruling.relations += substitute.reads
        ruling.probes += substitute.probes


def _replaced(
    found: Findings, reads: list[tuple[Reference, Table]], reader: Reader, ruling: Ruling, where: Circumstances
) -> tuple[Sequence[Replacement], list[TextEdit]]:
    """What has the protected tables read as the caller may see them, and all edits of the text for it; changes the tree."""
    runs = where.runs and ruling.kind == "SELECT"
    if runs and len(where.reading.statements) == 1:
        plain = in_place(found, reads, reader, ruling.statement, where.reading.text)
        if plain is not None:
            ruling.masked = plain.masked if any(plain.masked) else ()
            return [plain], list(plain.edits)
    return reader.edits(found, reads, where.reading, ruling.statement, searching=runs)


def references(ruling: Ruling, found: Findings, where: Circumstances) -> list[tuple[Reference, Table]]:
    """The tables of the catalog that a statement reads; raises Refusal for those that it may not."""
    reads: list[tuple[Reference, Table]] = []
    for reference in found.references:
        if reference.role == "deleted":
            continue
        meaning = meaning_of(reference.schema, reference.name, where.catalog, where.facts)
        schema = reference.schema or where.facts.schema or ""
        if meaning is Elsewhere.UNKNOWN:
            ruling.unknown.add((schema, reference.name))
        elif meaning is Elsewhere.ABSENT:
            ruling.relations.append((schema, reference.name))
        elif meaning is Elsewhere.SYSTEM:
            _check_system(schema, reference, where)
            ruling.relations.append((schema.lower(), reference.name.lower()))
        elif isinstance(meaning, Table):
            ruling.relations.append((meaning.schema, meaning.name))
            _check_readable(meaning, where)
            reads.append((reference, meaning))
    return reads


def _parted(
    found: Findings, known: list[tuple[Reference, Table]], statement: Statement, where: Circumstances
) -> tuple[list[tuple[Reference, Table]], list[tuple[Reference, Table]]]:
    """The tables that are written, and those that are read."""
    changed = _changed(found, statement, where)
    targets = [each for each in known if each[0].role == "target" or id(each[0]) in changed]
    return targets, [each for each in known if each not in targets]


def _changed(found: Findings, statement: Statement, where: Circumstances) -> set[int]:
    """The ids of those references of an UPDATE or DELETE of several tables that it changes; all of them in doubt."""
    joined = [reference for reference in found.references if reference.role == "joined"]
    if not joined:
        return set()
    names = {fold(reference.name, where.catalog) for reference in found.references if reference.role == "deleted"}
    if isinstance(found.tree, exp.Delete):
        if not names:  # DELETE FROM a USING a JOIN b
            names = {fold(found.tree.this.name, where.catalog)}
    else:
        assigned = [assignment.column.table for assignment in assignments(found.tree, statement)]
        if not all(assigned):
            return {id(reference) for reference in joined}
        names = {fold(name, where.catalog) for name in assigned}
    return {id(reference) for reference in joined if fold(reference.called, where.catalog) in names}


def check_accounted(found: Findings, statement: Statement, where: Circumstances) -> None:
    """Every name of anything protected stands where the parser saw a name, and a table's where it saw a table."""
    tables = {_first(reference.node) for reference in found.references}
    tables |= {int(reference.node.this.meta["start"]) for reference in found.references}
    for index, token in enumerate(statement.tokens):
        if not token.named or token.text.lower() not in where.world.names or token.start in tables:
            continue
        before = index - 2 if statement.word(index - 1) == "." else index
        if token.start not in found.places or _names_table(statement, before, index, where.reading.plain):
            if token.start in found.defined and statement.word(before - 1) != "UPDATE":
                continue  # a common table expression, or a name in a list
            message = f"{token.text.lower()} stands where it is not clear what it means"
            raise Refusal("42000", message, hint="Give what is not the table another name.", position=token.start + 1)


def _names_table(statement: Statement, first: int, last: int, plain: str) -> bool:
    """Whether a name, of tokens `first` to `last`, stands behind a word behind which a table stands.

    A modifier of SELECT is none, nor is FROM between the arguments of EXTRACT and the like, when the name goes on with a column's.
    """
    index = first - 1
    word = statement.word(index)
    if word not in _FROM:
        return False
    if statement.word(last + 1) != ".":
        return True
    if plain[statement.tokens[index].start] == " ":
        return False
    depth = 0
    while word == "FROM" and index > 0:
        index -= 1
        here = statement.word(index)
        if not depth and here in {"SELECT", "("}:
            return here == "SELECT" or statement.word(index - 1) not in _FROM_INSIDE
        depth += (here == ")") - (here == "(")
    return True


def _first(node: exp.Table) -> int:
    return int((node.args.get("db") or node.this).meta["start"])


def _check_words(statement: Statement) -> None:
    """Refuse what writes files, in its own words: the parser does not read it."""
    for token in statement.tokens:
        if token.kind == "word" and token.text in {"OUTFILE", "DUMPFILE"}:
            message = f"INTO {token.text} is not available to you, because columns are masked for you"
            raise Refusal("42000", message, hint="Have the client write the file.", position=token.start + 1)


def _check_system(schema: str, reference: Reference, where: Circumstances) -> None:
    reason = None if where.world.open else refusal_of(schema, reference.name)
    if reason is not None:
        message = f"{schema}.{reference.name} is not available to you: {reason}"
        raise Refusal("42000", message, position=_first(reference.node) + 1)


def _check_readable(table: Table, where: Circumstances) -> None:
    """Refuse a table that the world bars, and a view whose functions are not harmless."""
    name = (table.schema, table.name)
    reason = where.world.barred.get(name)
    if reason is not None:
        raise Refusal("42000", f"{table.schema}.{table.name} is not available to you: {reason}")
    if table.kind != "view" or where.world.open:
        return
    definitions = definitions_of(where.catalog)
    waiting: list[Name] = [name]
    seen = {name}
    for each in waiting:
        definition = definitions.get(each)
        if definition is None:
            continue
        where.judge.check_calls(definition.calls, _within(each[0], where.facts))
        waiting += [source for source in sorted(definition.sources) if source not in seen]
        seen |= definition.sources


def _within(schema: str, facts: Facts) -> Facts:
    return type(facts)(schema, facts.modes, facts.absent)


def _conditions(found: Findings) -> frozenset[str]:
    """The names of columns that a condition, an order or a grouping touches, in lower case."""
    clauses = (exp.Where, exp.Having, exp.Join, exp.Order, exp.Group)
    names: set[str] = set()
    for column in found.columns:
        if column.find_ancestor(*clauses) is not None:
            names.add(column.name.lower())
    return frozenset(names)
