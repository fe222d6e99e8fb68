"""Walking a statement's tree: every relation, column, function and operator it names, with the scope it stands in.

Owns the scoping of WITH items and the levels of queries (whose `*` covers what). A name is only taken down here, never
looked up. May not do: know a catalog, a caller or a treatment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rewriter.system import SYSTEM_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Node = dict[str, Any]
Role = Literal["read", "target", "mention"]
"""read: stands in FROM and may be substituted. target: INSERT, UPDATE, DELETE or MERGE writes it. mention: anything else."""


@dataclass(slots=True, eq=False)
class Level:
    """One SELECT or DML statement: what is said of all the relations of its FROM at once."""

    star: bool = False  # an unqualified * stands in its target or RETURNING list
    positional: bool = False  # NATURAL, or a join with a column alias list: every column counts
    selects: bool = False  # it is a SELECT
    query: Node = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Reference:
    """A RangeVar that is not a WITH item. `holder` is the dict {"RangeVar": node} when it stands where a subquery may."""

    node: Node
    role: Role
    level: Level | None
    holder: Node | None = None
    sampled: bool = False  # under TABLESAMPLE
    statement: str = ""  # kind of the statement whose target it is
    fields: Node = field(default_factory=dict)  # of that statement

    @property
    def written(self) -> tuple[str | None, str]:
        """(schema or None, name) as written."""
        return self.node.get("schemaname"), self.node["relname"]

    @property
    def alias(self) -> str:
        """The name under which the rest of the query knows it."""
        alias = self.node.get("alias")
        return str(alias["aliasname"] if alias else self.node["relname"])


@dataclass(slots=True, eq=False)
class Findings:
    """All that one statement names. Names are as the parser gives them: folded, unquoted, cut to 63 bytes."""

    references: list[Reference] = field(default_factory=list)
    columns: list[Node] = field(default_factory=list)  # ColumnRef fields
    names: set[str] = field(default_factory=set)  # every name in a ColumnRef or USING
    starred: set[str] = field(default_factory=set)  # qualifiers of q.*
    alone: set[str] = field(default_factory=set)  # names that stand alone in a ColumnRef; q of f(q.*) and (q.*).x
    functions: list[Node] = field(default_factory=list)  # FuncCall fields
    attributes: list[str] = field(default_factory=list)  # x in (expression).x
    operators: list[tuple[Node, list[Node]]] = field(default_factory=list)  # (node that holds it, name)
    types: list[Node] = field(default_factory=list)  # TypeName fields
    ctes: set[str] = field(default_factory=set)
    item_references: int = 0  # RangeVars that mean a WITH item, or name a FROM item in FOR UPDATE OF
    aliases: set[str] = field(default_factory=set)  # of subqueries, functions and joins
    kinds: list[str] = field(default_factory=list)  # of nested queries
    strings: set[str] = field(default_factory=set)  # every bare name list entry, for definitions
    stores: bool = False  # SELECT ... INTO
    constants: list[int] = field(default_factory=list)  # where each begins, in bytes
    parameters: bool = False  # $1 stands in it


def walk(root: Node) -> Findings:
    """Take down everything that a statement node ({"SelectStmt": {...}}) names.

    Source of the WITH rules: PostgreSQL, parse_cte.c: a qualified name is never a WITH item, an item sees the earlier
    ones, under RECURSIVE all of them; the target of a data-modifying statement is never one.
    """
    walker = _Walker()
    walker.stack.append((root, frozenset(), None))
    walker.run()
    walker.found.references.sort(key=lambda reference: int(reference.node.get("location", 0)))
    return walker.found


_EQUAL: list[Node] = [{"String": {"sval": "="}}]
_Scope = frozenset[str]
_Task = tuple[Any, _Scope, Level | None]


class _Walker:
    """An explicit stack in place of recursion, so that deep expressions cost memory and nothing else."""

    __slots__ = ("found", "stack")

    def __init__(self) -> None:
        self.found = Findings()
        self.stack: list[_Task] = []

    def run(self) -> None:
        stack = self.stack
        while stack:
            node, scope, level = stack.pop()
            if type(node) is list:
                stack.extend([(item, scope, level) for item in node if type(item) is dict])
            elif "relname" in node:  # a bare RangeVar
                self.found.references.append(Reference(node, "mention", level))
            else:
                self.fields(node, scope, level)

    def fields(self, node: Node, scope: _Scope, level: Level | None) -> None:
        for key, value in node.items():
            if type(value) is dict:
                handler = _HANDLERS.get(key)
                if handler is None:
                    self.stack.append((value, scope, level))
                else:
                    handler(self, node, scope, level)
            elif type(value) is list:
                if key == "lockedRels":  # FOR UPDATE OF names FROM items, not relations
                    self.found.item_references += len(value)
                else:
                    self.stack.append((value, scope, level))

    def query(self, name: str, query: Node, scope: _Scope) -> None:
        """Open a level for a query: its WITH first, then everything else with the WITH items in scope."""
        level = Level(selects=name == "SelectStmt", query=query)
        self.found.kinds.append(name)
        if "withClause" in query:
            scope = self.with_items(query["withClause"], scope)
        for key, value in query.items():
            if key == "relation":
                self.found.references.append(Reference(value, "target", level, statement=name, fields=query))
            elif key == "intoClause":
                self.found.stores = True
                self.found.references.append(Reference(value["rel"], "mention", level))
            elif key != "withClause" and type(value) in {dict, list}:
                self.fields({key: value}, scope, level)

    def with_items(self, clause: Node, scope: _Scope) -> _Scope:
        """Walk the items of a WITH; returns the scope of the query it belongs to."""
        items = [item["CommonTableExpr"] for item in clause["ctes"]]
        names = [item["ctename"] for item in items]
        self.found.ctes.update(names)
        recursive = bool(clause.get("recursive"))
        seen = scope.union(names) if recursive else scope
        for item in items:
            self.stack.append((item, seen, None))
            if not recursive:
                seen |= {item["ctename"]}
        return seen

    def arm(self, key: str, node: Node, scope: _Scope, level: Level | None) -> None:
        """An arm of a set operation is a bare SelectStmt; an arm of a join is a wrapped node."""
        value = node[key]
        self.stack.append(({"SelectStmt": value} if "op" in value else value, scope, level))

    def relation(self, holder: Node, scope: _Scope, level: Level | None) -> None:
        node = holder["RangeVar"]
        reference = Reference(node, "mention" if level is None else "read", level, holder)
        if "schemaname" not in node and node["relname"] in scope:
            self.found.aliases.add(reference.alias)
            self.found.item_references += 1
        else:
            self.found.references.append(reference)

    def sample(self, node: Node, scope: _Scope, level: Level | None) -> None:
        sample = node["RangeTableSample"]
        before = len(self.found.references)
        self.relation(sample["relation"], scope, level)
        for reference in self.found.references[before:]:
            reference.sampled = True
        self.fields({key: value for key, value in sample.items() if key != "relation"}, scope, level)

    def column(self, node: Node, _: _Scope, level: Level | None) -> None:
        found, column = self.found, node["ColumnRef"]
        found.columns.append(column)
        names = [part["String"]["sval"] for part in column["fields"] if "String" in part]
        found.names.update(names)
        if "A_Star" in column["fields"][-1]:
            if names:
                found.starred.add(names[-1])
            elif level is not None:
                level.star = True
        elif len(names) == 1:
            found.alone.add(names[0])

    def join(self, node: Node, scope: _Scope, level: Level | None) -> None:
        join = node["JoinExpr"]
        using = [item["String"]["sval"] for item in join.get("usingClause", [])]
        self.found.names.update(using)
        if using or join.get("isNatural"):
            self.found.operators.append((join, _EQUAL))
        if level is not None and (join.get("isNatural") or "alias" in join or not SYSTEM_COLUMNS.isdisjoint(using)):
            level.positional = True
        self.stack.append((join, scope, level))

    def call(self, node: Node, scope: _Scope, level: Level | None) -> None:
        self.found.functions.append(node["FuncCall"])
        self.found.alone.update(_whole_rows(node["FuncCall"].get("args", ())))
        self.stack.append((node["FuncCall"], scope, level))

    def called(self, node: Node, scope: _Scope, level: Level | None) -> None:
        """The function call of a CALL is a bare one."""
        self.found.functions.append(node["funccall"])
        self.stack.append((node["funccall"], scope, level))

    def parameter(self, *_: object) -> None:
        self.found.parameters = True

    def operator(self, key: str, part: str, node: Node, scope: _Scope, level: Level | None) -> None:
        """A node that may name an operator in its field `part`."""
        holder = node[key]
        if part in holder:
            self.found.operators.append((holder, holder[part]))
        self.stack.append((holder, scope, level))

    def case(self, node: Node, scope: _Scope, level: Level | None) -> None:
        """CASE x WHEN y compares by an operator that is not written."""
        if "arg" in node["CaseExpr"]:
            self.found.operators.append((node["CaseExpr"], _EQUAL))
        self.stack.append((node["CaseExpr"], scope, level))

    def type(self, key: str, node: Node, scope: _Scope, level: Level | None) -> None:
        self.found.types.append(node[key])
        self.stack.append((node[key], scope, level))

    def indirection(self, node: Node, scope: _Scope, level: Level | None) -> None:
        expression = node["A_Indirection"]
        self.found.attributes.extend(i["String"]["sval"] for i in expression["indirection"] if "String" in i)
        self.found.alone.update(_whole_rows([expression["arg"]]))
        self.stack.append((expression, scope, level))

    def alias(self, node: Node, _: _Scope, __: Level | None) -> None:
        self.found.aliases.add(node["alias"]["aliasname"])

    def constant(self, node: Node, _: _Scope, __: Level | None) -> None:
        self.found.constants.append(node["A_Const"].get("location", 0))

    def string(self, node: Node, _: _Scope, __: Level | None) -> None:
        self.found.strings.add(node["String"].get("sval", ""))


def _whole_rows(nodes: Iterable[Node]) -> list[str]:
    """The qualifiers of q.* among expressions, where it means a whole row and not its columns."""
    stars = [node["ColumnRef"]["fields"] for node in nodes if "ColumnRef" in node]
    return [fields[-2]["String"]["sval"] for fields in stars if "A_Star" in fields[-1] and len(fields) > 1]


_HANDLERS: dict[str, Callable[[_Walker, Node, _Scope, Level | None], None]] = {
    "SelectStmt": lambda w, n, s, _: w.query("SelectStmt", n["SelectStmt"], s),
    "InsertStmt": lambda w, n, s, _: w.query("InsertStmt", n["InsertStmt"], s),
    "UpdateStmt": lambda w, n, s, _: w.query("UpdateStmt", n["UpdateStmt"], s),
    "DeleteStmt": lambda w, n, s, _: w.query("DeleteStmt", n["DeleteStmt"], s),
    "MergeStmt": lambda w, n, s, _: w.query("MergeStmt", n["MergeStmt"], s),
    "larg": lambda w, n, s, x: w.arm("larg", n, s, x),
    "rarg": lambda w, n, s, x: w.arm("rarg", n, s, x),
    "RangeVar": _Walker.relation,
    "RangeTableSample": _Walker.sample,
    "ColumnRef": _Walker.column,
    "JoinExpr": _Walker.join,
    "FuncCall": _Walker.call,
    "CaseExpr": _Walker.case,
    "funccall": _Walker.called,
    "A_Expr": lambda w, n, s, x: w.operator("A_Expr", "name", n, s, x),
    "SubLink": lambda w, n, s, x: w.operator("SubLink", "operName", n, s, x),
    "SortBy": lambda w, n, s, x: w.operator("SortBy", "useOp", n, s, x),
    "TypeName": lambda w, n, s, x: w.type("TypeName", n, s, x),
    "typeName": lambda w, n, s, x: w.type("typeName", n, s, x),
    "A_Indirection": _Walker.indirection,
    "alias": _Walker.alias,
    "String": _Walker.string,
    "A_Const": _Walker.constant,
    "ParamRef": _Walker.parameter,
}
