"""Walking a statement's tree: every relation, column, function and operator it names, with the scope it stands in.

Owns the scoping of WITH items and the levels of queries (whose `*` covers what). A name is only taken down here, never
looked up. May not do: know a catalog, a caller or a treatment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from rewriter.postgres.system import SYSTEM_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

Node = dict[str, Any]
Role = Literal["read", "target", "mention"]
"""read: stands in FROM and may be substituted. target: INSERT, UPDATE, DELETE or MERGE writes it. mention: anything else."""


class Level:
    """One SELECT or DML statement: what is said of all the relations of its FROM at once."""

    __slots__ = ("positional", "query", "selects", "star")

    def __init__(self, query: Node, *, selects: bool) -> None:
        self.query = query
        self.selects = selects  # it is a SELECT
        self.star = False  # an unqualified * stands in its target or RETURNING list
        self.positional = False  # NATURAL, or a join with a column alias list: every column counts


class Reference:
    """A RangeVar that is not a WITH item. `holder` is the dict {"RangeVar": node} when it stands where a subquery may.

    `statement` is the kind of the statement whose target it is, `fields` are that statement's.
    """

    __slots__ = ("fields", "holder", "level", "node", "role", "sampled", "statement")

    def __init__(  # noqa: PLR0913, PLR0917  a name and all that is said of where it stands
        self,
        node: Node,
        role: Role,
        level: Level | None,
        holder: Node | None = None,
        statement: str = "",
        fields: Node | None = None,
    ) -> None:
        self.node = node
        self.role: Role = role
        self.level = level
        self.holder = holder
        self.sampled = False  # under TABLESAMPLE
        self.statement = statement
        self.fields: Node = {} if fields is None else fields

    @property
    def written(self) -> tuple[str | None, str]:
        """(schema or None, name) as written."""
        return self.node.get("schemaname"), self.node["relname"]

    @property
    def alias(self) -> str:
        """The name under which the rest of the query knows it."""
        alias = self.node.get("alias")
        return str(alias["aliasname"] if alias else self.node["relname"])


class Findings:
    """All that one statement names. Names are as the parser gives them: folded, unquoted, cut to 63 bytes."""

    def __init__(self) -> None:
        self.references: list[Reference] = []
        self.columns: list[Node] = []  # ColumnRef fields
        self.names: set[str] = set()  # every name in a ColumnRef or USING
        self.deciding: list[Node] = []  # those in a clause that decides which rows come, how put together
        self.merged: set[str] = set()  # the names in USING
        self.natural = False  # a NATURAL join stands in it
        self.qualified: dict[str, set[str]] = {}  # by qualifier, each x of q.x
        self.stars: list[Node] = []  # those that end with a star
        self.starred: set[str] = set()  # qualifiers of q.*
        self.alone: set[str] = set()  # names that stand alone in a ColumnRef; q of f(q.*) and (q.*).x
        self.functions: list[Node] = []  # FuncCall fields
        self.attributes: list[str] = []  # x in (expression).x
        self.operators: list[tuple[Node, list[Node]]] = []  # (node that holds it, name)
        self.types: list[Node] = []  # TypeName fields
        self.ctes: set[str] = set()
        self.item_references = 0  # RangeVars that mean a WITH item, or name a FROM item in FOR UPDATE OF
        self.aliases: set[str] = set()  # of subqueries, functions and joins
        self.kinds: list[str] = []  # of nested queries
        self.strings: set[str] = set()  # every bare name list entry, for definitions
        self.stores = False  # SELECT ... INTO
        self.constants: list[int] = []  # where each begins, in bytes
        self.parameters = False  # $1 stands in it


def walk(root: Node) -> Findings:
    """Take down everything that a statement node ({"SelectStmt": {...}}) names.

    Source of the WITH rules: PostgreSQL, parse_cte.c: a qualified name is never a WITH item, an item sees the earlier
    ones, under RECURSIVE all of them; the target of a data-modifying statement is never one.
    """
    walker = _Walker()
    walker.stack.append((root, _Place(frozenset(), None)))
    walker.run()
    if len(walker.found.references) > 1:
        walker.found.references.sort(key=_location)
    return walker.found


def _location(reference: Reference) -> int:
    location: int = reference.node.get("location", 0)
    return location


_EQUAL: list[Node] = [{"String": {"sval": "="}}]


class _Place:
    """Where a node stands: the WITH items in scope, the query it belongs to, whether it is in a clause that decides."""

    __slots__ = ("decides", "level", "scope")

    def __init__(self, scope: frozenset[str], level: Level | None, *, decides: bool = False) -> None:
        self.scope = scope
        self.level = level
        self.decides = decides


class _Walker:
    """An explicit stack in place of recursion, so that deep expressions cost memory and nothing else.

    Each node is the dict that holds it; what a handler does not push is not walked.
    """

    __slots__ = ("found", "stack")

    def __init__(self) -> None:
        self.found = Findings()
        self.stack: list[tuple[Node, _Place]] = []

    def run(self) -> None:
        stack = self.stack
        push = stack.append
        while stack:
            node, place = stack.pop()
            if "relname" in node:  # a bare RangeVar
                self.found.references.append(Reference(node, "mention", place.level))
                continue
            for key, value in node.items():
                if type(value) is dict:
                    handler = _OF_NODES.get(key)
                    if handler is None:
                        push((value, place))
                    else:
                        handler(self, node, place)
                elif type(value) is list:
                    handler = _OF_LISTS.get(key)
                    if handler is not None:
                        handler(self, node, place)
                        continue
                    for item in value:
                        if type(item) is dict:
                            push((item, place))

    def query(self, name: str, query: Node, place: _Place) -> None:
        """Open a level for a query: its WITH first, then everything else with the WITH items in scope."""
        level = Level(query, selects=name == "SelectStmt")
        self.found.kinds.append(name)
        scope = place.scope
        if "withClause" in query:
            scope = self.with_items(query["withClause"], place)
        if "relation" in query:
            self.found.references.append(Reference(query["relation"], "target", level, statement=name, fields=query))
        if "intoClause" in query:
            self.found.stores = True
            self.found.references.append(Reference(query["intoClause"]["rel"], "mention", level))
        rest = query
        if not _APART.isdisjoint(query):
            rest = {key: value for key, value in query.items() if key not in _APART}
        self.stack.append((rest, _Place(scope, level, decides=place.decides)))

    def with_items(self, clause: Node, place: _Place) -> frozenset[str]:
        """Walk the items of a WITH; returns the scope of the query it belongs to."""
        items = [item["CommonTableExpr"] for item in clause["ctes"]]
        names = [item["ctename"] for item in items]
        self.found.ctes.update(names)
        recursive = bool(clause.get("recursive"))
        seen = place.scope.union(names) if recursive else place.scope
        for item in items:
            self.stack.append((item, _Place(seen, None, decides=place.decides)))
            if not recursive:
                seen |= {item["ctename"]}
        return seen

    def relation(self, holder: Node, place: _Place) -> None:
        node = holder["RangeVar"]
        reference = Reference(node, "mention" if place.level is None else "read", place.level, holder)
        if "schemaname" not in node and node["relname"] in place.scope:
            self.found.aliases.add(reference.alias)
            self.found.item_references += 1
        else:
            self.found.references.append(reference)

    def sample(self, node: Node, place: _Place) -> None:
        sample = node["RangeTableSample"]
        before = len(self.found.references)
        self.relation(sample["relation"], place)
        for reference in self.found.references[before:]:
            reference.sampled = True
        self.stack.append(({key: value for key, value in sample.items() if key != "relation"}, place))

    def locked(self, node: Node, _: _Place) -> None:
        """FOR UPDATE OF names FROM items, not relations."""
        self.found.item_references += len(node["lockedRels"])

    def column(self, node: Node, place: _Place) -> None:
        found, column = self.found, node["ColumnRef"]
        found.columns.append(column)
        if place.decides:
            found.deciding.append(column)
        names = [part["String"]["sval"] for part in column["fields"] if "String" in part]
        found.names.update(names)
        if len(names) < len(column["fields"]):  # a star, which comes last
            found.stars.append(column)
            if names:
                found.starred.add(names[-1])
            elif place.level is not None:
                place.level.star = True
        elif len(names) == 1:
            found.alone.add(names[0])
        else:
            found.qualified.setdefault(names[-2], set()).add(names[-1])

    def join(self, node: Node, place: _Place) -> None:
        join, level = node["JoinExpr"], place.level
        using = [item["String"]["sval"] for item in join.get("usingClause", [])]
        natural = bool(join.get("isNatural"))
        self.found.names.update(using)
        self.found.merged.update(using)
        self.found.natural |= natural
        if using or natural:
            self.found.operators.append((join, _EQUAL))
        if level is not None and (natural or "alias" in join or not SYSTEM_COLUMNS.isdisjoint(using)):
            level.positional = True
        self.stack.append((join, place))

    def call(self, node: Node, place: _Place) -> None:
        self.found.functions.append(node["FuncCall"])
        self.found.alone.update(_whole_rows(node["FuncCall"].get("args", ())))
        self.stack.append((node["FuncCall"], place))

    def called(self, node: Node, place: _Place) -> None:
        """The function call of a CALL is a bare one."""
        self.found.functions.append(node["funccall"])
        self.stack.append((node["funccall"], place))

    def parameter(self, *_: object) -> None:
        self.found.parameters = True

    def case(self, node: Node, place: _Place) -> None:
        """CASE x WHEN y compares by an operator that is not written."""
        if "arg" in node["CaseExpr"]:
            self.found.operators.append((node["CaseExpr"], _EQUAL))
        self.stack.append((node["CaseExpr"], place))

    def indirection(self, node: Node, place: _Place) -> None:
        expression = node["A_Indirection"]
        self.found.attributes.extend(i["String"]["sval"] for i in expression["indirection"] if "String" in i)
        self.found.alone.update(_whole_rows([expression["arg"]]))
        self.stack.append((expression, place))

    def alias(self, node: Node, _: _Place) -> None:
        self.found.aliases.add(node["alias"]["aliasname"])

    def constant(self, node: Node, _: _Place) -> None:
        self.found.constants.append(node["A_Const"].get("location", 0))

    def string(self, node: Node, _: _Place) -> None:
        self.found.strings.add(node["String"].get("sval", ""))


_Handler = Callable[[_Walker, Node, _Place], None]
_APART = frozenset({"withClause", "relation", "intoClause"})  # of a query


def _query(name: str) -> _Handler:
    return lambda walker, node, place: walker.query(name, node[name], place)


def _arm(key: str) -> _Handler:
    """An arm of a set operation is a bare SelectStmt; an arm of a join is a wrapped node."""

    def handle(walker: _Walker, node: Node, place: _Place) -> None:
        value = node[key]
        walker.stack.append(({"SelectStmt": value} if "op" in value else value, place))

    return handle


def _operator(key: str, part: str) -> _Handler:
    """A node that may name an operator in its field `part`."""

    def handle(walker: _Walker, node: Node, place: _Place) -> None:
        holder = node[key]
        if part in holder:
            walker.found.operators.append((holder, holder[part]))
        walker.stack.append((holder, place))

    return handle


def _type(key: str) -> _Handler:
    def handle(walker: _Walker, node: Node, place: _Place) -> None:
        walker.found.types.append(node[key])
        walker.stack.append((node[key], place))

    return handle


def _clause(key: str) -> _Handler:
    """A clause that decides which rows come, in what order and how they are put together."""

    def handle(walker: _Walker, node: Node, place: _Place) -> None:
        value, inside = node[key], place if place.decides else _Place(place.scope, place.level, decides=True)
        nodes = value if type(value) is list else [value]
        walker.stack.extend([(item, inside) for item in nodes if type(item) is dict])

    return handle


def _whole_rows(nodes: Iterable[Node]) -> list[str]:
    """The qualifiers of q.* among expressions, where it means a whole row and not its columns."""
    stars = [node["ColumnRef"]["fields"] for node in nodes if "ColumnRef" in node]
    return [fields[-2]["String"]["sval"] for fields in stars if "A_Star" in fields[-1] and len(fields) > 1]


_CLAUSES = {
    key: _clause(key)
    for key in (
        "whereClause",
        "joinCondition",  # of MERGE
        "condition",  # of its WHEN
        "quals",  # of JOIN ... ON
        "havingClause",
        "sortClause",
        "groupClause",
        "distinctClause",
        "windowClause",
        "over",
        "agg_order",
        "agg_filter",
    )
}
_OF_NODES: dict[str, _Handler] = {
    **_CLAUSES,
    **{name: _query(name) for name in ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")},
    "larg": _arm("larg"),
    "rarg": _arm("rarg"),
    "RangeVar": _Walker.relation,
    "RangeTableSample": _Walker.sample,
    "ColumnRef": _Walker.column,
    "JoinExpr": _Walker.join,
    "FuncCall": _Walker.call,
    "CaseExpr": _Walker.case,
    "funccall": _Walker.called,
    "A_Expr": _operator("A_Expr", "name"),
    "SubLink": _operator("SubLink", "operName"),
    "SortBy": _operator("SortBy", "useOp"),
    "TypeName": _type("TypeName"),
    "typeName": _type("typeName"),
    "A_Indirection": _Walker.indirection,
    "alias": _Walker.alias,
    "String": _Walker.string,
    "A_Const": _Walker.constant,
    "ParamRef": _Walker.parameter,
}
_OF_LISTS: dict[str, _Handler] = {**_CLAUSES, "lockedRels": _Walker.locked}
