"""Whole rows of relations that a subquery stands for: they keep the type of the relation.

A row of a subquery is a `record`, so that functions of the table's rows would not take it and drivers would read it otherwise.
Where a name surely means such a row, it is converted back, `c::public.customers`, which the server does column by column. Source of what a name means: PostgreSQL, parse_expr.c, transformColumnRef (a column of any query around comes first);
of the conversion: parse_coerce.c, coerce_record_to_complex. Owns that edit. May not do: edit where there is a doubt; there the
row stays a record.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres import proof
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.from_items import of_alias
from rewriter.postgres.labels import LABELS
from rewriter.postgres.names import written_name
from rewriter.postgres.reading import position, tokens
from rewriter.postgres.substitution import Patch, Splice, end_of_name
from rewriter.postgres.system import SYSTEM_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from rewriter.postgres.catalog import Relation
    from rewriter.postgres.reading import Tokens
    from rewriter.postgres.scopes import Findings, Reference
    from rewriter.postgres.substitution import Substitute

Node = dict[str, Any]

_APART = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "withClause"})
"""Queries within a query, which have names of their own."""
_UNKNOWN_COLUMNS = frozenset({"RangeFunction", "RangeTableFunc", "JsonTable"})
"""FROM items that may have columns of any name."""
_NOT_NAMES = frozenset({"ColumnRef", "A_Const"})


def patches(
    found: Findings, substitutes: list[Substitute], columns: AbstractSet[str] | None, root: Node, data: bytes
) -> list[Patch]:
    """Convert the whole rows of `substitutes`; `columns` are those of all relations of `root`, None when they are not all known.

    Raises Refusal 0A000 where FROM t (a, b) names the columns anew and the row stays a record: that of a table keeps the
    table's names, a record would take these.
    """
    made: list[Patch] = []
    lexed = None
    for substitute in substitutes:
        reference, relation = substitute.reference, substitute.relation
        if not _is_named(found, reference, relation):
            continue
        certain = columns is not None and _is_certain(found, reference, columns, root)
        if "colnames" in reference.node.get("alias", {}) and not (certain and len(found.kinds) == 1):
            _check_names(found, reference, data)
        if certain:
            lexed = lexed or tokens(data)
            typed = typed_row(reference.alias, relation)
            for holder, call in _uses(reference, _columns(reference, relation)):
                made.append(_patch(holder, typed, lexed, call=call))
    return made


def typed_row(name: str, relation: Relation) -> str:
    """SQL of the row of a subquery called `name` as one of `relation`.

    No row, as an outer join puts there, is another thing than a row of nothing but NULL: IS NULL does not tell them apart, this
    does. And a bare conversion would be a row constructor, which IN and IS DISTINCT FROM compare otherwise.
    """
    row = quote_identifier(name)
    kind = f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"
    return f"(CASE WHEN {row} IS NOT DISTINCT FROM NULL THEN NULL ELSE {row}::{kind} END)"


def _check_names(found: Findings, reference: Reference, data: bytes) -> None:
    names = {part["String"]["sval"] for part in reference.node["alias"]["colnames"]}
    if reference.alias in found.alone and reference.alias not in names:
        message = f"a whole row of {written_name(reference)} under other column names is not supported, because columns of it are masked"
        hint = "Name the columns, or leave out the names after the alias."
        raise Refusal("0A000", message, hint=hint, position=position(data, reference.node))


def _is_named(found: Findings, reference: Reference, relation: Relation) -> bool:
    """Whether a name may mean the whole row of a reference, or a function of it written as its column."""
    own = _columns(reference, relation)
    alias = reference.alias
    return (alias in found.alone and alias not in own) or not found.qualified.get(alias, own) <= own | SYSTEM_COLUMNS


def _columns(reference: Reference, relation: Relation) -> set[str]:
    """The names of a reference's columns in its query, where its alias may rename the first of them."""
    return set(of_alias(tuple(column.name for column in relation.columns), reference.node.get("alias", {})) or ())


def _is_certain(found: Findings, reference: Reference, columns: AbstractSet[str], root: Node) -> bool:
    """Whether the alias of a reference, where its own query names it, can mean nothing else."""
    alias = reference.alias
    if reference.level is None or alias in columns or alias in found.aliases or alias in LABELS:
        return False
    if sum(other.alias == alias for other in found.references) != 1:
        return False
    return _is_only_name(alias, reference, root)


def _is_only_name(alias: str, reference: Reference, root: Node) -> bool:
    """Whether nothing of a statement but the reference and ColumnRefs is called `alias`, so that no column has this name."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if type(node) is list:
            stack.extend(node)
        elif type(node) is dict and node is not reference.node:
            if not _UNKNOWN_COLUMNS.isdisjoint(node):
                return False
            stack.extend(value for key, value in node.items() if key not in _NOT_NAMES)
        elif node == alias:
            return False
    names = reference.node.get("alias", {}).get("colnames", [])
    return all(part["String"]["sval"] != alias for part in names)


def _uses(reference: Reference, own: set[str]) -> Iterator[tuple[Node, bool]]:
    """Every dict that holds a ColumnRef of the row in the query of its reference, and whether it calls a function of the row.

    Not those of (c).x and x(c), which the server takes for c.x where there is such a column, under its name in FROM
    (parse_func.c, ParseComplexProjection).
    """
    alias = reference.alias
    stack: list[tuple[str, Any]] = list(reference.level.query.items()) if reference.level is not None else []
    while stack:
        key, value = stack.pop()
        if key in _APART:
            continue
        if type(value) is list:
            stack.extend((key, item) for item in value)
        elif type(value) is dict:
            rows = [each for each in _rows_in(key, value) if _names(each) in ([alias], [alias, None])]
            if rows and _projected(key, value) in own:
                continue
            yield from ((each, False) for each in rows if len(_names(each)) > 1)
            names = _names(value)
            if names == [alias]:
                yield value, False
            elif (
                len(names) == 2 and names[0] == alias and names[1] is not None and names[1] not in own | SYSTEM_COLUMNS
            ):
                yield value, True
            else:
                stack.extend(value.items())


def _rows_in(key: str, value: Node) -> list[Node]:
    """The expressions of a node where c.* means a row as c does: f(c.*), (c.*).x."""
    if key == "FuncCall":
        return list(value.get("args", ()))
    return [value["arg"]] if key == "A_Indirection" else []


def _projected(key: str, value: Node) -> str | None:
    """The x of (c).x and x(c)."""
    if key == "FuncCall":
        plain = len(value["funcname"]) == 1 and len(value.get("args", ())) == 1
        return value["funcname"][0]["String"]["sval"] if plain else None
    name: str | None = value["indirection"][0].get("String", {}).get("sval")
    return name


def _names(node: Any) -> list[str | None]:  # noqa: ANN401  any part of a tree
    """The names of the ColumnRef that a dict holds, None for a star; empty when it holds something else."""
    column = node.get("ColumnRef") if type(node) is dict else None
    return [part.get("String", {}).get("sval") for part in column["fields"]] if column is not None else []


def _patch(holder: Node, typed: str, lexed: Tokens, *, call: bool) -> Patch:
    column = holder["ColumnRef"]
    first = lexed.at(column["location"])
    last = end_of_name(first, lexed)
    if call:
        attribute: str = column["fields"][-1]["String"]["sval"]
        expected = f"{typed}.{quote_identifier(attribute)}"
    else:
        expected = typed
        if len(column["fields"]) > 1:  # the star of f(c.*)
            last += 2
    splice = Splice(lexed.starts[first], lexed.ends[last], typed)
    return Patch((splice,), partial(proof.expect_expression, holder, expected))
