"""`search: exact`: a masked column's equality with constants is answered on the real value.

Owns which conditions these are and how they move: a conjunct of WHERE, in the query that reads the table, goes into the subquery
that takes the table's place, and TRUE stays behind. The real value is compared inside and shown nowhere. Whatever is written
otherwise keeps its masked meaning. May not do: decide who may search, count, prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from rewriter.model import Probe
from rewriter.mysql.catalog import Table, column_name
from rewriter.mysql.lexer import Token
from rewriter.mysql.masks.target import INTEGERS
from rewriter.mysql.names import fold
from rewriter.mysql.substitution import TextEdit
from rewriter.mysql.views import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.model import Treatment
    from rewriter.mysql.catalog import Catalog, Column
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.scopes import Reference

_TEXTS: Final = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_LONGEST_INTEGER: Final = 18  # digits that every type of integers is compared with as an integer
ALONE_BEFORE: Final = frozenset({"WHERE", "AND", "("})
ALONE_BEHIND: Final = frozenset(
    {
        ")",
        ";",
        "AND",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "FOR",
        "LOCK",
        "INTO",
        "WINDOW",
    }
)
"""The words and signs between which a condition stands alone: nothing else is read together with it."""


@dataclass(frozen=True, slots=True)
class Search:
    """Conditions that are answered on real values, of one reference.

    `condition` goes into its subquery, `edits` are those of the client's text, `nodes` what becomes TRUE in the tree. `alone` is
    the column of the only condition when that is an equality with one value, whose rows any index may bring, "" otherwise.
    """

    condition: str
    edits: tuple[TextEdit, ...]
    nodes: tuple[exp.Expr, ...]
    probes: tuple[Probe, ...]
    alone: str

    def expect(self) -> None:
        """Change the tree into what the edited text must read as."""
        for node in self.nodes:
            node.replace(exp.true())


@dataclass(frozen=True, slots=True)
class _Found:
    first: int  # tokens
    last: int
    values: tuple[Token, ...]


def search(  # noqa: PLR0913  a reference and all that what it means depends on
    reference: Reference,
    table: Table,
    treatments: Mapping[str, Treatment],
    statement: Statement,
    text: str,
    *,
    catalog: Catalog,
    filtered: bool = False,
) -> Search | None:
    """What of a query may be answered on the real values of one of its tables; None when nothing may.

    Of a `filtered` table also what compares columns that are shown: inside, the server finds the rows by its indexes.
    """
    if not filtered and all(treatment.search is None for treatment in treatments.values()):
        return None
    if not _narrows(reference):
        return None
    block = reference.level
    where = block.args.get("where")
    if where is None:
        return None
    only = not block.args.get("joins") and not block.args.get("laterals")
    parameters = _parameters_behind(reference, statement)
    conditions: list[str] = []
    edits: list[TextEdit] = []
    nodes: list[exp.Expr] = []
    probes: list[Probe] = []
    named: list[tuple[str, int]] = []
    for conjunct in conjuncts(where.this):
        column = _column(conjunct)
        if column is None or not _means(column, reference, catalog, only=only):
            continue
        meant = _searchable(column, table, treatments, filtered=filtered)
        found = None if meant is None else _written(conjunct, column, meant, statement, text)
        if meant is None or found is None:
            continue
        moved = [token.start for token in found.values if text[token.start : token.end] == "?"]
        if moved != parameters[: len(moved)]:
            continue  # another one would come before it
        del parameters[: len(moved)]
        real = f"{quote(table.name)}.{quote(meant.name)}"
        values = [_value(token, meant, text) for token in found.values]
        conditions.append(f"{real} = {values[0]}" if len(values) == 1 else f"{real} IN ({', '.join(values)})")
        edits.append((statement.tokens[found.first].start, statement.tokens[found.last].end, "TRUE"))
        nodes.append(conjunct)
        treatment = treatments.get(meant.name.lower())
        if treatment is not None and treatment.search is not None:
            allowed = treatment.search
            name = column_name(table, meant.name)
            probes.append(Probe(name, allowed.per_hour, len(values), per_day=allowed.per_day))
        named.append((meant.name.lower(), len(values)))
    if not conditions:
        return None
    alone = named[0][0] if len(named) == 1 and named[0][1] == 1 else ""
    return Search(" AND ".join(conditions), tuple(edits), tuple(nodes), tuple(probes), alone)


def compares_plainly(condition: exp.Expr, table: Table, statement: Statement, text: str) -> bool:
    """Whether a condition compares columns of one table with constants of their kinds and no more, which can neither fail nor warn."""
    for conjunct in conjuncts(condition):
        column = _column(conjunct)
        meant = None if column is None else _searchable(column, table, {}, filtered=True)
        if column is None or meant is None or _written(conjunct, column, meant, statement, text) is None:
            return False
    return True


def _parameters_behind(reference: Reference, statement: Statement) -> list[int]:
    """Where the parameters stand that come behind a table's name: by their order it is known which is which."""
    begin = reference.node.this.meta["start"]
    return [
        token.start
        for token in statement.tokens
        if token.text == "?" and token.kind == "operator" and token.start > begin
    ]


def _narrows(reference: Reference) -> bool:
    """Whether a condition of the query may act on the rows of a table before they are joined."""
    block = reference.level
    if not isinstance(block, exp.Select) or reference.role != "read" or reference.node.args.get("joins"):
        return False
    source = block.args.get("from_")
    joins: list[exp.Join] = block.args.get("joins") or []
    if source is None or not (reference.node is source.this or any(reference.node is join.this for join in joins)):
        return False
    sides = {str(join.args.get("side") or "").upper() for join in joins}
    return sides <= {""} or (sides <= {"", "LEFT"} and reference.node is source.this)


def conjuncts(condition: exp.Expr) -> list[exp.Expr]:
    """The parts of a condition all of which must hold."""
    if isinstance(condition, exp.And):
        return [*conjuncts(condition.this), *conjuncts(condition.expression)]
    if isinstance(condition, exp.Paren):
        return conjuncts(condition.this)
    return [condition]


def _column(conjunct: exp.Expr) -> exp.Column | None:
    """The column that is compared with constants."""
    if (isinstance(conjunct, exp.EQ) and isinstance(conjunct.expression, exp.Literal | exp.Placeholder)) or (
        isinstance(conjunct, exp.In)
        and {key for key, value in conjunct.args.items() if value} == {"this", "expressions"}
        and all(isinstance(each, exp.Literal | exp.Placeholder) for each in conjunct.expressions)
    ):
        compared = conjunct.this
    else:
        return None
    return compared if isinstance(compared, exp.Column) and not compared.args.get("db") else None


def _means(column: exp.Column, reference: Reference, catalog: Catalog, *, only: bool) -> bool:
    """Whether a column is one of this table's: by its qualifier, or because there is no other table."""
    if not column.table:
        return only
    if fold(column.table, catalog) != fold(reference.called, catalog):
        return False
    block = reference.level
    tables = [block.args["from_"].this, *(join.this for join in block.args.get("joins") or [])]
    return sum(fold(table.alias_or_name, catalog) == fold(reference.called, catalog) for table in tables) == 1


def _searchable(
    column: exp.Column, table: Table, treatments: Mapping[str, Treatment], *, filtered: bool
) -> Column | None:
    """The column of the table when its real values may be searched, and no comparison of them can fail or warn."""
    treatment = treatments.get(column.name.lower())
    shown = filtered and (treatment is None or not treatment.hides)
    if not shown and (treatment is None or treatment.search is None):
        return None
    meant = next((each for each in table.columns if each.name.lower() == column.name.lower()), None)
    return meant if meant is not None and meant.base_type in _TEXTS | set(INTEGERS) else None


def _written(conjunct: exp.Expr, column: exp.Column, meant: Column, statement: Statement, text: str) -> _Found | None:
    """Where the condition stands, when it stands there word by word: column = value, or column IN (value, ...)."""
    at = {token.start: index for index, token in enumerate(statement.tokens)}
    name = at.get(column.this.meta.get("start", -1), -1)
    first = name - 2 if column.table else name
    if first < 1 or (column.table and statement.word(name - 1) != "."):
        return None
    places = _places(conjunct, statement, name)
    last = max(places, default=0) + isinstance(conjunct, exp.In)
    alone = last + 1 == len(statement.tokens) or statement.word(last + 1) in ALONE_BEHIND
    values = tuple(statement.tokens[place] for place in places)
    if not values or not alone or statement.word(first - 1) not in ALONE_BEFORE:
        return None
    return _Found(first, last, values) if all(_plain(token, meant, text) for token in values) else None


def _places(conjunct: exp.Expr, statement: Statement, name: int) -> list[int]:
    """The tokens that a column is compared with, by commas where they are several; none when it is written otherwise."""
    if isinstance(conjunct, exp.EQ):
        return [name + 2] if statement.word(name + 1) == "=" and name + 2 < len(statement.tokens) else []
    if statement.word(name + 1) != "IN" or statement.word(name + 2) != "(":
        return []
    places = list(range(name + 3, statement.closing(name + 2), 2))
    apart = all(statement.word(place + 1) == "," for place in places[:-1])
    whole = bool(places) and statement.word(places[-1] + 1) == ")"
    return places if apart and whole and len(places) == len(conjunct.expressions) else []


def _plain(token: Token, meant: Column, text: str) -> bool:
    """Whether a value is compared as what it is: a text with a text, a whole number with a whole number."""
    written = text[token.start : token.end]
    if meant.base_type not in _TEXTS:
        return token.kind == "number" and written.isdigit() and len(written) <= _LONGEST_INTEGER
    return written == "?" or (token.kind == "string" and written[0] in "'\"" and "\\" not in written)


def _value(token: Token, meant: Column, text: str) -> str:
    """The value as it is compared inside; what a parameter is, is not known before it comes, and then it is a text."""
    if text[token.start : token.end] != "?":
        return text[token.start : token.end]
    return f"CONVERT(? USING {meant.character_set}) COLLATE {meant.collation}"
