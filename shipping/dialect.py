"""The trail's queries in ClickHouse's SQL, made from those in DuckDB's: one set of queries, wherever the trail is asked.

Owns what sqlglot's own translation leaves different: case folding beyond ASCII, lists, missing values in texts, patterns, moments, and
what may be asked at all. May not do: ask, know what a criterion means (audit.query).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from audit import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRAIL: Final = "trail"
"""The parameter that says of which trail a query is asked."""

_TABLES: Final = frozenset({"records", "statements", "uses"})
_MOMENTS: Final = "Nullable(DateTime64(6, 'UTC'))"
_TIMESTAMPS: Final = frozenset(getattr(exp.DataType.Type, f"TIMESTAMP{zone}") for zone in ("", "NTZ", "TZ", "LTZ"))
_ELSEWHERE: Final = (
    "dict",
    "join",
    "file",
    "catboost",
    "getmacro",
    "getserver",
    "hascolumn",
    "regiontoname",
    "flattentuple",
    "modelevaluate",
)
"""How functions begin that read something other than the row before them."""


def translated(query: str, kinds: Mapping[str, str] | None = None, *, narrow: bool = False) -> str:
    """Return a query of ours in ClickHouse's SQL; `kinds` are the types of its parameters there, by name.

    `narrow`: it is asked of one trail alone, the parameter TRAIL.
    """
    return _printed(_narrowed(_tree(query)) if narrow else _tree(query), kinds or {})


def translated_view(query: str, *, anew: bool) -> str:
    """Return the statement that makes one of our views there, with the name of the trail as its first column; `anew` replaces one."""
    tree = _tree(query)
    tree.set("replace", anew)
    select = tree.find(exp.Select)
    assert select is not None
    first = select.expressions[0]
    select.set("expressions", [exp.column("trail", table=first.table or None), *select.expressions])
    return f"{_printed(tree, {})} SETTINGS join_use_nulls = 1"  # whoever asks need not know


def translated_query(query: str, *, narrow: bool = False) -> str:
    """Return somebody's query in ClickHouse's SQL, `narrow` as in `translated`.

    Raises audit.tables.QueryError when it is no SELECT of the trail's tables alone.
    """
    try:
        trees = [tree for tree in sqlglot.parse(query, dialect="duckdb") if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise tables.QueryError(f"the query cannot be read: {error}") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Query) or not trees[0].selects:
        raise tables.QueryError("give one SELECT")
    _check(trees[0])
    return _printed(_narrowed(trees[0]) if narrow else trees[0], {})


def _narrowed(tree: exp.Expr) -> exp.Expr:
    """Put what one trail has of each of the tables in its place. Raises QueryError where a name is not that of the table alone."""
    named = {with_.alias_or_name.lower() for with_ in tree.find_all(exp.CTE)} & _TABLES
    if named:
        raise tables.QueryError(f"call what stands behind WITH otherwise than {named.pop()}, to ask one trail")
    for table in list(tree.find_all(exp.Table)):
        if table.name.lower() in _TABLES:
            mine = exp.EQ(this=exp.column("trail"), expression=exp.Placeholder(this=TRAIL, kind="String"))
            part = exp.select("*").from_(exp.to_table(table.name)).where(mine)
            table.replace(part.subquery(table.alias_or_name))
    return tree


def _tree(query: str) -> exp.Expr:
    tree = sqlglot.parse_one(query, dialect="duckdb")
    assert isinstance(tree, exp.Expr)
    return tree


def _check(tree: exp.Expr) -> None:
    """See that a query reads the trail's tables and nothing else. Raises QueryError."""
    named = {with_.alias_or_name.lower() for with_ in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db or table.name.lower() not in _TABLES | named:
            raise tables.QueryError(f"there is no table {table.sql('duckdb')}; there are {', '.join(sorted(_TABLES))}")
    for function in tree.find_all(exp.Anonymous):
        if function.name.lower().startswith(_ELSEWHERE):
            raise tables.QueryError(f"the function {function.name} is not for the trail")
    for kind in (exp.Into, exp.Insert, exp.Command, exp.SettingsProperty):
        if tree.find(kind) is not None:
            raise tables.QueryError("give one SELECT")
    if tree.args.get("settings") or tree.args.get("format"):
        raise tables.QueryError("SETTINGS and FORMAT cannot be given")


def _printed(tree: exp.Expr, kinds: Mapping[str, str]) -> str:
    def step(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Placeholder) and node.name in kinds:
            return exp.Placeholder(this=node.name, kind=kinds[node.name])
        change = _CHANGES.get(type(node))
        return change(node) if change is not None else node

    # From the leaves on, so that what is put around a part does not hide it.
    for node in reversed(list(tree.bfs())):
        changed = step(node)
        if changed is not node:
            node.replace(changed)
    return tree.sql(dialect="clickhouse", identify=True)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _lower(node: exp.Expr) -> exp.Expr:
    return _call("lowerUTF8", node.this)


def _length(node: exp.Expr) -> exp.Expr:
    """Count what a list holds, or the characters of a text."""
    listed = isinstance(node.this, exp.Column) and isinstance(tables.COLUMNS.get(node.this.name), list)
    return _call("length" if listed else "lengthUTF8", node.this)


def _concat(node: exp.Expr) -> exp.Expr:
    """Join texts; a missing one is passed over."""
    return _call("concat", *(_call("ifNull", part, exp.Literal.string("")) for part in node.expressions))


def _contains(node: exp.Expr) -> exp.Expr:
    return exp.GT(this=_call("positionUTF8", node.this, node.expression), expression=exp.Literal.number(0))


def _matches(node: exp.Expr) -> exp.Expr:
    """Look for a pattern, with its flags in front: RE2 in both."""
    flags = node.args.get("flag")
    pattern = node.expression
    if flags is not None:
        pattern = _call("concat", exp.Literal.string(f"(?{flags.name})"), pattern)
    return _call("match", node.this, pattern)


def _replaced(node: exp.Expr) -> exp.Expr:
    """Replace the first match; all of them by the flag g."""
    flags = node.args.get("modifiers")
    every = flags is not None and "g" in flags.name
    return _call(
        "replaceRegexpAll" if every else "replaceRegexpOne", node.this, node.expression, node.args["replacement"]
    )


def _called(node: exp.Expr) -> exp.Expr:
    """Translate what sqlglot has no word for."""
    assert isinstance(node, exp.Anonymous)
    if node.name.lower() != "list_bool_or":
        return node
    (inner,) = node.expressions
    if not isinstance(inner, exp.Transform):
        return _call("arrayExists", _identity(), inner)
    lambda_ = inner.expression  # any element that meets a condition; unknown is no
    lambda_.set("this", _call("ifNull", lambda_.this, exp.false()))
    return _call("arrayExists", lambda_, inner.this)


def _identity() -> exp.Expr:
    return exp.Lambda(this=_call("ifNull", exp.column("x"), exp.false()), expressions=[exp.to_identifier("x")])


def _type(node: exp.Expr) -> exp.Expr:
    """Moments have microseconds."""
    return exp.Var(this=_MOMENTS) if node.this in _TIMESTAMPS else node


def _column(node: exp.Expr) -> exp.Expr:
    """`m.u.column`: the table, its tuple, and the tuple's part."""
    if node.args.get("db") is not None and isinstance(node, exp.Column):
        inner = exp.Column(this=node.args["table"].copy(), table=node.args["db"].copy())
        return _call("tupleElement", inner, exp.Literal.string(node.name))
    return node


def _dot(node: exp.Expr) -> exp.Expr:
    """`u.column` of a lambda's `u`."""
    if isinstance(node.expression, exp.Identifier):
        return _call("tupleElement", node.this, exp.Literal.string(node.expression.name))
    return node


def _selected(node: exp.Expr) -> exp.Expr:
    """Name what is selected: ClickHouse would call it by its table, too. `use.*` is written out."""
    made: list[exp.Expr] = []
    for each in node.expressions:
        if isinstance(each, exp.Column) and isinstance(each.this, exp.Star) and each.table == "use":
            inner = exp.column("use")
            parts = tables.COLUMNS["columns"][0]
            made += [exp.alias_(_call("tupleElement", inner.copy(), exp.Literal.string(name)), name) for name in parts]
        elif isinstance(each, exp.Column) and each.table and not isinstance(each.this, exp.Star):
            made.append(exp.alias_(each, each.name))
        else:
            made.append(each)
    order = node.args.get("order")
    if order is not None and len(made) == len(node.expressions):
        places = {each.alias: place for place, each in enumerate(made, 1) if each.alias}
        for each in order.expressions:  # what is selected under a name goes before a column that is called so
            if isinstance(each.this, exp.Column) and not each.this.table and each.this.name in places:
                each.set("this", exp.Literal.number(places[each.this.name]))
    node.set("expressions", made)
    return node


_CHANGES: Final[dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]]] = {
    exp.Lower: _lower,
    exp.Length: _length,
    exp.Concat: _concat,
    exp.Contains: _contains,
    exp.RegexpLike: _matches,
    exp.RegexpReplace: _replaced,
    exp.Anonymous: _called,
    exp.DataType: _type,
    exp.Column: _column,
    exp.Dot: _dot,
    exp.Select: _selected,
}
