"""Substitution: the caller's view of a protected relation, in place of each reference to it.

Owns which columns a subquery must list and the edits of the client's text. Works on bytes, for the parser's locations
are bytes. May not do: decide what is protected, or trust its own edits: `rewriter.postgres.proof` checks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policies.model import RowFilter
from rewriter.model import Refusal, Use
from rewriter.postgres.catalog import Relation
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.reading import position
from rewriter.postgres.scopes import Reference
from rewriter.postgres.system import SYSTEM_COLUMNS

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Column
    from rewriter.postgres.reading import Tokens
    from rewriter.postgres.scopes import Findings

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Splice:
    """Bytes [start, end) of the client's text become `replacement`."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Patch:
    """Edits of the text, and what they make of the tree."""

    splices: tuple[Splice, ...]
    expect: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Substitute:
    """A protected reference with what takes its place.

    `query` is SELECT ... FROM the real relation, or from the expanded definition of a view; `reads` are then the relations
    behind it, (schema, name). `searched`: the query has a condition of the caller's on real values. `known_as`: what it calls the
    relation, when that is not its own name. `filters` leave out rows of it; `fenced`: behind a fence for the caller's conditions.
    """

    reference: Reference
    relation: Relation
    query: str
    uses: tuple[Use, ...]
    reads: tuple[tuple[str, str], ...] = ()
    searched: bool = False
    known_as: str = ""
    filters: tuple[RowFilter, ...] = ()
    fenced: bool = False

    @property
    def inside(self) -> str:
        """What the relation is called within the query."""
        return self.known_as or self.relation.name


def needed_columns(found: Findings, reference: Reference, relation: Relation) -> list[Column]:
    """Columns of a relation that the statement may read: all of them when there is any doubt.

    A name that occurs anywhere in the statement counts for every relation that has such a column.
    """
    if shows_all(found, reference, relation):
        return list(relation.columns)
    return [column for column in relation.columns if column.name in found.names]


def splice_of(substitute: Substitute, tokens: Tokens) -> Splice:
    """The edit that puts a subquery in place of a reference: its name, ONLY and *, and TABLE when it stands before.

    An alias of the client's stays where it is; without one the relation's own name becomes the alias.
    """
    node = substitute.reference.node
    first, last = name_tokens(node, tokens)
    if not node.get("inh"):
        first, last = _with_only(first, last, tokens)
    elif tokens.word(last + 1) == "*":
        last += 1
    text = f"({substitute.query})"
    if "alias" not in node:
        text += f" AS {quote_identifier(node['relname'])}"
    if tokens.word(first - 1) == "table":  # TABLE t is short for SELECT * FROM t
        first -= 1
        text = f"SELECT * FROM {text}"  # noqa: S608  our own text, and proved after the edit
    return Splice(tokens.starts[first], tokens.ends[last], text)


def apply(data: bytes, splices: list[Splice]) -> str | None:
    """The edited text, or None without edits; `splices` ascend. Raises Refusal XX000 when they overlap."""
    if not splices:
        return None
    parts: list[bytes] = []
    end = 0
    for splice in splices:
        if splice.start < end:
            raise unedited()
        parts += [data[end : splice.start], splice.replacement.encode()]
        end = splice.end
    return b"".join([*parts, data[end:]]).decode()


def name_tokens(node: Node, tokens: Tokens) -> tuple[int, int]:
    """Indices of the first and last token of a RangeVar's name, dots and UESCAPE clauses included."""
    first = tokens.at(node.get("location", 0))
    parts = sum(1 for part in ("catalogname", "schemaname", "relname") if part in node)
    last = end_of_name(first, tokens)
    for _ in range(parts - 1):
        if tokens.word(last + 1) != ".":
            raise unedited()
        last = end_of_name(last + 2, tokens)
    return first, last


def unedited() -> Refusal:
    """The refusal for a text whose tokens are not where its tree says."""
    return Refusal("XX000", "the statement could not be edited safely", hint="Write the relation's name plainly.")


def requalify(
    data: bytes, found: Findings, substitutes: list[Substitute], tokens: Tokens, edited: frozenset[int] = frozenset()
) -> list[tuple[Node, Splice]]:
    """Edits that take the schema off schema.relation.column where the relation is substituted: (ColumnRef, edit).

    `edited` are the ids of the ColumnRefs that something else takes the place of. Raises Refusal 0A000 when the bare name could mean another FROM item.
    """
    bare = {(s.relation.schema, s.reference.alias): s.reference for s in substitutes if "alias" not in s.reference.node}
    edits = []
    for column in found.columns:
        fields = column["fields"]
        if len(fields) < 3 or id(column) in edited:
            continue
        schema, name = (part["String"]["sval"] for part in fields[-3:-1])
        reference = bare.get((schema, name))
        if reference is None:
            continue
        rivals = [
            r for r in found.references if r.alias == name and ("alias" in r.node or r.written != reference.written)
        ]
        if rivals or name in found.aliases or len(fields) > 3:
            message = f"{schema}.{name} cannot be told from other FROM items called {name}"
            raise Refusal(
                "0A000", message, hint="Give the relation an alias and use it.", position=position(data, column)
            )
        edits.append((column, _without_schema(column, tokens)))
    return edits


def _without_schema(column: Node, tokens: Tokens) -> Splice:
    first = tokens.at(column.get("location", 0))
    dot = end_of_name(first, tokens) + 1
    if tokens.word(dot) != ".":
        raise unedited()
    return Splice(tokens.starts[first], tokens.starts[dot + 1], "")


def shows_all(found: Findings, reference: Reference, relation: Relation) -> bool:
    """Whether a statement may show columns of a relation that it does not name: by a star, a whole row, NATURAL ..."""
    level = reference.level
    if level is None or level.star or level.positional or reference.alias in found.starred:
        return True
    return reads_row(found, reference, relation)


def reads_row(found: Findings, reference: Reference, relation: Relation) -> bool:
    """Whether the statement may look at a reference as a row, or renames its columns."""
    alias = reference.alias
    if "colnames" in reference.node.get("alias", {}):
        return True
    columns = {column.name for column in relation.columns}
    if alias in found.alone and alias not in columns:
        return True  # the whole row
    # alias.f may be the function f of the whole row
    return not found.qualified.get(alias, columns) <= columns | SYSTEM_COLUMNS


def end_of_name(index: int, tokens: Tokens) -> int:
    """The last token of a name: U&"..." may carry UESCAPE '...'."""
    return index + 2 if tokens.word(index + 1) == "uescape" else index


def _with_only(first: int, last: int, tokens: Tokens) -> tuple[int, int]:
    if tokens.word(first - 1) == "only":
        return first - 1, last
    if tokens.word(first - 1) == "(" and tokens.word(first - 2) == "only" and tokens.word(last + 1) == ")":
        return first - 2, last + 1
    raise unedited()
