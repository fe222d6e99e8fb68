"""Filtered relations: when the server may compute a caller's conditions before the filter, and what a write has to keep to.

The planner puts a subquery and the conditions around it together, so that one that fails on a value (1 / (balance - 1000)) could
run on rows that the filter leaves out, and its error would tell of them. So a filter is fenced, unless the statement computes nothing
that can fail, act or warn: then its conditions reach the indexes. Source: PostgreSQL manual, 39.5 Rules and Privileges.
Owns that judgement, and the edits of a write's WHERE and of the rows it inserts. May not do: print a filter's condition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rewriter.conditions import ConditionError, condition_columns
from rewriter.model import Refusal
from rewriter.postgres import proof
from rewriter.postgres.catalog import Column, Relation
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.masks.literals import literal
from rewriter.postgres.preserving import MARKER, plain_type
from rewriter.postgres.reading import Tokens
from rewriter.postgres.scopes import walk
from rewriter.postgres.substitution import Patch, Splice, reads_row, shows_all, unedited

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.model import RowFilter
    from rewriter.postgres.catalog import Catalog
    from rewriter.postgres.scopes import Findings, Reference
    from rewriter.postgres.views import CallerView

Node = dict[str, Any]

_NODES: Final = frozenset(
    {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "ResTarget", "ColumnRef", "String", "A_Star", "RangeVar"}
    | {"JoinExpr", "A_Expr", "A_Const", "ParamRef", "BoolExpr", "NullTest", "BooleanTest", "CoalesceExpr", "CaseExpr"}
    | {"CaseWhen", "SortBy", "FuncCall", "LockingClause", "List", "CommonTableExpr", "RangeSubselect", "Integer"}
    | {"DeclareCursorStmt", "PrepareStmt", "TypeName", "SetToDefault", "Float", "Boolean"}
)
"""Nodes that compute nothing which can fail, but for what `_is_plain` looks at."""
_EXPRESSIONS: Final = frozenset(
    {"AEXPR_OP", "AEXPR_IN", "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT"}
    | {"AEXPR_NULLIF"}
)
_EARLY: Final = ("fromClause", "usingClause", "whereClause", "havingClause")
"""What of a query may run on rows before another condition does."""
_COMPARISONS: Final = frozenset({"=", "<>", "<", "<=", ">", ">=", "BETWEEN", "NOT BETWEEN"})
_AGGREGATES: Final = frozenset({"count", "min", "max", "sum", "avg"})
"""Functions that run on the rows that are left, and nowhere else."""
_TYPES: Final = frozenset(
    {
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "text",
        "varchar",
        "bpchar",
        "bool",
        "date",
        "timestamp",
        "timestamptz",
    }
    | {"time", "uuid", "bytea", "json", "jsonb"}
)
"""Types whose values are compared, and converted for that, without ever failing."""


def is_plain(found: Findings, reference: Reference, relation: Relation, statement: Node, catalog: Catalog) -> bool:
    """Whether nothing that a statement computes of a row of `relation` can fail, act or warn before the filter: it compares, no more.

    In a statement of one query only its conditions run so early. Operators, functions and conversions of users could do anything.
    """
    level = reference.level
    if level is None or any(conversion.context == "i" for conversion in catalog.conversions):
        return False
    if reads_row(found, reference, relation):  # alias.f may call a function of its rows
        return False
    early: list[Any] = [statement]
    names = found.names
    if len(found.kinds) == 1 and "larg" not in level.query:
        early = [level.query[key] for key in _EARLY if key in level.query]
        inner = walk({"conditions": early})
        names = inner.names
        everything = level.positional or bool(inner.stars) or reference.alias in inner.alone
    else:
        everything = shows_all(found, reference, relation)
    compared = [column for column in relation.columns if everything or column.name in names]
    return _computes_nothing(compared) and _are_plain(early, catalog)


def _are_plain(nodes: list[Any], catalog: Catalog) -> bool:
    stack = nodes
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            for name, value in node.items():
                if name[:1].isupper() and not _is_plain(name, value, catalog):
                    return False
                if isinstance(value, dict | list):
                    stack.append(value)
    return True


def _is_plain(name: str, value: Node, catalog: Catalog) -> bool:
    if name == "A_Expr":
        written = [part["String"]["sval"] for part in value["name"]]
        plain = value["kind"] in _EXPRESSIONS and len(written) == 1 and written[0] in _COMPARISONS
        return plain and written[0] not in catalog.operator_names
    if name == "FuncCall":
        called = [part["String"]["sval"] for part in value["funcname"]]
        return len(called) == 1 and called[0] in _AGGREGATES and not any(f == called[0] for _, f in catalog.functions)
    if name == "TypeCast":
        return "A_Const" in value["arg"] and _is_servers(value["typeName"], catalog)  # converted before any row is read
    return name in _NODES


def _is_servers(type_name: Node, catalog: Catalog) -> bool:
    names = [part["String"]["sval"] for part in type_name.get("names", [])]
    users = any(names[-1:] == [known] for conversion in catalog.conversions for known in conversion.types)
    return names[:1] == ["pg_catalog"] or (len(names) == 1 and names[0] in _TYPES and not users)


def _computes_nothing(columns: Iterable[Column]) -> bool:
    """Whether columns can be compared with whatever value without an error: a numeric without limits can be too large for float8."""
    return all(
        column.base_type in _TYPES or (column.base_type == "numeric" and "(" in column.type_name) for column in columns
    )


def deciding(filters: Iterable[RowFilter]) -> frozenset[str] | None:
    """The columns that filters look at; None when it cannot be told, or the filter closes the relation."""
    found: set[str] = set()
    for each in filters:
        if each.rows is None:
            return None
        try:
            found |= condition_columns(each.rows)
        except ConditionError:
            return None
    return frozenset(found)


def narrowed(fields: Node, condition: str, span: tuple[int, int], tokens: Tokens, *, fenced: bool) -> Patch:
    """The edit by which an UPDATE or DELETE touches only rows that meet `condition`; `span` is as `where_of` gives it.

    `fenced`: the statement's own condition is computed on no other row. CASE keeps that order: manual, 4.2.14.
    """
    first, last = span
    if "whereClause" not in fields:
        end = tokens.ends[last]
        return Patch((Splice(end, end, f" WHERE {condition}"),), partial(_expect_condition, fields, condition))
    before, after = (f"CASE WHEN {condition} THEN (", ") ELSE false END") if fenced else (f"{condition} AND (", ")")
    start, end = tokens.starts[first], tokens.ends[last]
    whole = f"{before}$1{after}"
    return Patch((Splice(start, start, before), Splice(end, end, after)), partial(_expect_around, fields, whole))


def where_of(name: int, fields: Node, tokens: Tokens) -> tuple[int, int]:
    """First and last token of the condition of an UPDATE or DELETE whose target stands at token `name`.

    Without a condition, the last token is the one behind which it would begin. Raises Refusal.
    """
    depth, first = 0, 0
    index = name
    while index < len(tokens.starts):
        word = tokens.word(index)
        if depth == 0 and tokens.word(index - 1) != ".":
            if word in {")", ";", "returning"}:
                break
            if word == "where":
                first = index + 1
        depth += (word in {"(", "["}) - (word in {")", "]"})
        index += 1
    if bool(first) != ("whereClause" in fields) or index - 1 < max(first, name):
        raise unedited()
    return first, index - 1


def _expect_condition(fields: Node, condition: str) -> None:
    _put_where(fields, proof.expression(condition))


def _expect_around(fields: Node, whole: str) -> None:
    fields["whereClause"] = proof.around(whole, fields["whereClause"])


def _put_where(fields: Node, condition: Node) -> None:
    """Add a condition in the place where the parser writes it: behind what is changed, before what is returned."""
    after = ("fromClause", "returningClause", "withClause")
    rest = {key: fields.pop(key) for key in after if key in fields}
    fields["whereClause"] = condition
    fields.update(rest)


@dataclass(frozen=True, slots=True)
class NewValues:
    """The values that an INSERT gives to some columns, which have to meet a condition on the rows that the caller sees.

    `condition` prints it over the name of a row with these columns; `told` is the error when values do not meet it, `reason`
    why they are looked at. `refused` makes a refusal of a reason and a hint. The check stands around the first one's value.
    """

    relation: Relation
    columns: tuple[Column, ...]
    condition: Callable[[str], str]
    told: str
    reason: str
    refused: Callable[[str, str], Refusal]
    tokens: Tokens
    data: bytes

    def patches(self, fields: Node) -> tuple[list[Patch], bool]:
        """The edits that check the values, and whether a literal is repeated by them. Raises Refusal where it cannot be told what they are."""
        names = [item["ResTarget"]["name"] for item in fields.get("cols", [])]
        names = names or [column.name for column in self.relation.columns]
        missing = next((column.name for column in self.columns if column.name not in names), None)
        if missing is not None:
            raise self.refused(self.reason, f"Give {missing} a value.")
        places = [names.index(column.name) for column in self.columns]
        select: Node = fields.get("selectStmt", {}).get("SelectStmt", {})
        if "valuesLists" in select:
            rows = [row["List"]["items"] for row in select["valuesLists"]]
            short = next(
                (c.name for c, place in zip(self.columns, places, strict=True) for r in rows if place >= len(r)), None
            )
            if short is not None:
                raise self.refused(self.reason, f"Give {short} a value.")
            holders = [[items[place] for place in places] for items in rows]
        else:
            targets = select.get("targetList", [])
            last = max(places)
            stars = any("A_Star" in str(target["ResTarget"]["val"].get("ColumnRef")) for target in targets[: last + 1])
            if last >= len(targets) or stars or select.keys() & {"larg", "distinctClause", "groupClause"}:
                named = " and ".join(column.name for column in self.columns)
                hint = f"Use VALUES, or a plain SELECT that lists its columns, {named} among them."
                raise self.refused(self.reason, hint)
            holders = [[targets[place]["ResTarget"]["val"] for place in places]]
        repeated = any("A_Const" in holder for row in holders for holder in row[1:])
        return [self._checked(row) for row in holders], repeated

    def _checked(self, holders: list[Node]) -> Patch:
        """Put a check around the first of some values, which repeats the others: constants, parameters or columns, as they stand in the text."""
        spans = [self._span(column, holder) for column, holder in zip(self.columns, holders, strict=True)]
        own = "louver_new"
        first = quote_identifier(self.columns[0].name)
        told = literal(f"{MARKER}{self.told}")
        provoked = f"(pg_catalog.concat({told}, pg_catalog.left(({own}.{first})::pg_catalog.text, 0)))::pg_catalog.int4 IS NULL"
        arms = f"WHEN {self.condition(own)} THEN {own}.{first} WHEN {provoked} THEN NULL"
        before = f"(SELECT CASE {arms} END FROM (SELECT CAST(("  # noqa: S608  our own text, and proved after the edit
        written = [self.data[start:end].decode() for start, end in spans[1:]]
        after, expected = (
            self._after(written, own),
            self._after([f"${number}" for number in range(2, len(spans) + 1)], own),
        )
        (start, end), *_ = spans
        splices = (Splice(start, start, before), Splice(end, end, after))
        return Patch(splices, partial(_expect_checked, holders, f"{before}$1{expected}"))

    def _after(self, others: list[str], own: str) -> str:
        """What stands behind the first value: the others, each in its column's type."""
        first, *rest = self.columns
        more = [
            f"CAST(({value}) AS {plain_type(column)}) AS {quote_identifier(column.name)}"
            for column, value in zip(rest, others, strict=True)
        ]
        return f"{', '.join([f') AS {plain_type(first)}) AS {quote_identifier(first.name)}', *more])}) AS {own})"

    def _span(self, column: Column, holder: Node) -> tuple[int, int]:
        """Where a value stands in the text."""
        kind, value = next(iter(holder.items()))
        if kind not in {"A_Const", "ParamRef", "ColumnRef"} or (kind == "A_Const" and "location" not in value):
            hint = f"Write {column.name} as a constant or a parameter."
            raise self.refused(f"{self.reason}, and its value is computed", hint)
        first = last = self.tokens.at(value.get("location", 0))
        if kind == "ColumnRef":
            last = first + 2 * (len(value["fields"]) - 1)
        elif self.tokens.word(first) in {"-", "+"}:
            last += 1
        return self.tokens.starts[first], self.tokens.ends[last]


def _expect_checked(holders: list[Node], whole: str) -> None:
    made = proof.around_all(whole, [dict(holder) for holder in holders])
    holders[0].clear()
    holders[0].update(made)


def seen(own: str, column: str, key: str, other: CallerView) -> str:
    """SQL that is true where `column` of the row `own` is NULL, or a row of another relation that the caller sees has it as its `key`."""
    value = f"{own}.{quote_identifier(column)}"
    there = quote_identifier("louver_other")
    full = f"{quote_identifier(other.relation.schema)}.{quote_identifier(other.relation.name)}"
    equal = f"{there}.{quote_identifier(key)} OPERATOR(pg_catalog.=) {value}"
    found = f"SELECT FROM {full} AS {there} WHERE {equal} AND {other.filter('louver_other')}"
    return f"({value} IS NULL OR EXISTS ({found}))"
