"""tableoid of a protected table, which tells the partition or child that a row lies in.

Owns when the subquery in place of a table carries it as a column of that name, and the stars that must not show it: they are
written out. Source of what a name means: PostgreSQL, parse_relation.c, scanNSItemForColumn and colNameToVar. May not do:
carry it where a star, a whole row or a join would make something else of it; that is refused by `rewriter.postgres.expansion`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewriter.postgres import proof
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.reading import tokens
from rewriter.postgres.substitution import Patch, Splice, end_of_name, reads_row

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Relation
    from rewriter.postgres.scopes import Findings, Reference
    from rewriter.postgres.substitution import Substitute

Node = dict[str, Any]

TABLEOID = "tableoid"
_TABLES = frozenset({"r", "p", "f"})  # views have none


@dataclass(frozen=True, slots=True)
class _Star:
    """A star of a SELECT list that covers one relation: the list, the ResTarget in it and its ColumnRef."""

    targets: list[Node]
    target: Node
    column: Node


def carries(found: Findings, reference: Reference, relation: Relation) -> bool:
    """Whether the subquery in place of a reference has tableoid as a column, because the statement names it."""
    return relation.kind in _TABLES and _named(found, reference) and _stars(found, reference, relation) is not None


def patches(found: Findings, substitutes: list[Substitute], data: bytes) -> list[Patch]:
    """Write out the stars that would show a tableoid that is carried."""
    made = []
    lexed = None
    for substitute in substitutes:
        reference, relation = substitute.reference, substitute.relation
        if not carries(found, reference, relation):
            continue
        lexed = lexed or tokens(data)
        alias = quote_identifier(reference.alias)
        text = ", ".join(f"{alias}.{quote_identifier(column.name)}" for column in relation.columns)
        for star in _stars(found, reference, relation) or ():
            first = last = lexed.at(star.column["location"])
            if len(star.column["fields"]) > 1:
                last = end_of_name(first, lexed) + 2
            splice = Splice(lexed.starts[first], lexed.ends[last], text)
            made.append(Patch((splice,), _Listing(star, text)))
    return made


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a star that is written out makes of the tree."""

    star: _Star
    text: str

    def __call__(self) -> None:
        proof.expect_list(self.star.targets, self.star.target, proof.result_columns(self.text))


def _named(found: Findings, reference: Reference) -> bool:
    """Whether a name may mean the tableoid of a reference."""
    return TABLEOID in found.alone or TABLEOID in found.qualified.get(reference.alias, ())


def _stars(found: Findings, reference: Reference, relation: Relation) -> list[_Star] | None:
    """The stars that must be written out when a reference carries tableoid; None when it cannot.

    Any other look at all of its columns would see it: a whole row, NATURAL, an alias that names the columns. A bare name
    does not find it behind a join, where the tables' own are not seen.
    """
    level = reference.level
    if level is None or level.positional or not relation.columns or reads_row(found, reference, relation):
        return None
    query = level.query
    source: list[Node] = query.get("fromClause", [])
    alone = len(source) == 1 and source[0].get("RangeVar") is reference.node
    if TABLEOID in found.alone and not any(item.get("RangeVar") is reference.node for item in source):
        return None
    targets: list[Node] = query.get("targetList", []) if level.selects else []
    starred = [
        _Star(targets, target, target["ResTarget"]["val"]["ColumnRef"]) for target in targets if _is_star(target)
    ]
    mine = [star for star in starred if _qualifier(star.column) in {None, reference.alias}]
    if any(len(star.column["fields"]) > 2 for star in mine):
        return None  # with a schema
    if not alone and any(_qualifier(star.column) is None for star in mine):
        return None
    return mine if _all_of(mine, found, reference) else None


def _all_of(mine: list[_Star], found: Findings, reference: Reference) -> bool:
    """Whether there are no other stars that cover a reference: in RETURNING, in ROW(a.*), in another query."""
    written_out = {id(star.column) for star in mine}
    others = [column for column in found.stars if id(column) not in written_out]
    if any(_qualifier(column) == reference.alias for column in others):
        return False
    level = reference.level
    return level is not None and (not level.star or any(_qualifier(star.column) is None for star in mine))


def _is_star(target: Node) -> bool:
    column = target["ResTarget"]["val"].get("ColumnRef")
    return column is not None and _last(column) is None


def _last(column: Node) -> str | None:
    """The last name of a ColumnRef; None for a star."""
    name: str | None = column["fields"][-1].get("String", {}).get("sval")
    return name


def _qualifier(column: Node) -> str | None:
    fields = column["fields"]
    name: str | None = fields[-2]["String"]["sval"] if len(fields) > 1 else None
    return name
