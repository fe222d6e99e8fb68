"""Which columns of a statement are those of the relation that it writes.

Owns name binding for the parts of INSERT, UPDATE, DELETE and MERGE that see the target: levels of queries, FROM items, WITH
items. Source: PostgreSQL, parse_relation.c, colNameToVar and refnameNamespaceItem; parse_expr.c, transformColumnRef.
What could be the target's and cannot be known is refused, never guessed. May not do: know a treatment or edit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rewriter.model import Refusal
from rewriter.postgres.from_items import Item, Scope, from_clause, of_alias
from rewriter.postgres.labels import label_of, source_of
from rewriter.postgres.reading import position
from rewriter.postgres.system import SYSTEM_COLUMNS

Node = dict[str, Any]

_QUALIFY = "Write the relation's name or alias before the column."


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A ColumnRef that means the target: `holder` is {"ColumnRef": ...}.

    `column` None: the whole row, or with `star` all its columns. `item`: the name under which it is meant (the target's alias,
    OLD or NEW). `label`: a result column is named after it, and it is the whole of that column or a part (`direct`).
    """

    holder: Node
    item: Item
    column: str | None
    star: bool = False
    label: str | None = None
    target: Node | None = None  # the ResTarget that it is the whole of
    among: list[Node] | None = None  # the list of expressions or result columns that a star stands in


@dataclass(slots=True)
class Binder:
    """Finds the references to `target` in whatever it is shown.

    `columns_of` gives the columns of a RangeVar that is no WITH item, None when they cannot be known, and its real
    (schema, name).
    """

    data: bytes
    target: Item
    columns_of: Callable[[Node], tuple[tuple[str, ...] | None, tuple[str, str] | None]]
    hidden: frozenset[str]  # columns for which a doubt matters
    found: list[Bound] = field(default_factory=list)
    _named: dict[int, tuple[Node, bool]] = field(default_factory=dict)  # by id of a ColumnRef node: see `targets`
    _lists: dict[int, list[Node]] = field(default_factory=dict)

    def expression(self, root: Any, scope: Scope) -> None:  # noqa: ANN401, C901  any part of a tree; a table
        """Bind every column of an expression, or of a list of them."""
        stack: list[Any] = [root]
        while stack:
            node = stack.pop()
            if type(node) is list:
                stack.extend(item for item in node if type(item) is dict)
                continue
            for kind, value in node.items():
                if kind == "ColumnRef":
                    self._column(node, scope)
                elif kind == "SelectStmt":
                    self.select(value, scope)
                elif kind == "FuncCall":
                    self._call(value, scope)
                    stack.append(value)
                elif kind == "A_Indirection":
                    stack.append(value["indirection"] if self._attribute(value, scope) else value)
                elif kind == "RowExpr":
                    self._listed(value.get("args", []))
                    stack.append(value)
                elif kind == "XmlExpr":
                    self._results(value.get("named_args", []))
                    stack.append(value)
                elif type(value) is dict or type(value) is list:
                    stack.append(value)

    def targets(self, targets: list[Node], scope: Scope) -> None:
        """Bind a list of result columns ({"ResTarget": ...}), which take their names from columns."""
        self._results(targets)
        for target in targets:
            value = target["ResTarget"]["val"]
            if "ColumnRef" in value and "A_Star" in value["ColumnRef"]["fields"][-1]:
                self._lists[id(value)] = targets
        self.expression(targets, scope)

    def select(self, query: Node, scope: Scope) -> tuple[str, ...] | None:
        """Bind a query's references to the target, which is outside of it; gives the names of its columns."""
        scope = self.with_items(query.get("withClause"), scope)
        if query.get("op", "SETOP_NONE") != "SETOP_NONE":
            left = self.select(query["larg"], scope)
            self.select(query["rarg"], scope)
            self.expression(query.get("sortClause", []), scope.inside([Item(None, left)]))
            self._limits(query, scope)
            return left
        if "valuesLists" in query:
            for row in query["valuesLists"]:
                self._listed(row["List"]["items"])
            self.expression(query["valuesLists"], scope)
            names = tuple(f"column{n}" for n in range(1, len(query["valuesLists"][0]["List"]["items"]) + 1))
            self.expression(query.get("sortClause", []), scope.inside([Item(None, names)]))
            self._limits(query, scope)
            return names
        items = from_clause(query.get("fromClause", []), scope, self)
        here = scope.inside(items)
        targets = query.get("targetList", [])
        self.targets(targets, here)
        names_out = self._outputs(targets, items, here)
        # a bare name in these may be that of a result column
        ordered = scope.inside([*items, Item(None, names_out)])
        for key in ("sortClause", "groupClause", "distinctClause"):
            for node in query.get(key, []):
                expression = node["SortBy"]["node"] if "SortBy" in node else node
                bare = "ColumnRef" in expression and len(expression["ColumnRef"]["fields"]) == 1
                self.expression(node, ordered if bare else here)
        for key in ("whereClause", "havingClause", "windowClause"):
            if key in query:
                self.expression(query[key], here)
        self._limits(query, here)
        return names_out

    def named(self, name: str, scope: Scope) -> Item | None:
        """The FROM item that a qualifier means: the innermost of that name. Raises Refusal when there are two."""
        for level in scope.levels:
            items = [item for item in level if item.name == name]
            if len(items) > 1 and any(item.target for item in items):
                raise Refusal("42712", f'table name "{name}" specified more than once', hint="Give each an alias.")
            if items:
                return items[0]
        return None

    # -- columns -------------------------------------------------------------------------------------------------

    def _column(self, holder: Node, scope: Scope) -> None:
        fields = holder["ColumnRef"]["fields"]
        names = [part["String"]["sval"] for part in fields if "String" in part]
        if "A_Star" in fields[-1]:
            if names and (item := self._qualified(names, scope)) is not None and item.target:
                self._bind(holder, item, None, scope, star=True)
        elif len(names) == 1:
            self._bare(holder, names[0], scope)
        elif (item := self._qualified(names[:-1], scope)) is not None and item.target:
            self._known(holder, item, names[-1])
            if names[-1] not in SYSTEM_COLUMNS:
                self._bind(holder, item, names[-1], scope)

    def _bare(self, holder: Node, name: str, scope: Scope) -> None:
        """A name alone: a column of the innermost level that has it, else the row of a FROM item."""
        doubtful = False
        for level in scope.levels:
            seen = [item for item in level if item.plain]
            having = [item for item in seen if item.columns is not None and name in item.columns]
            unknown = any(item.columns is None for item in seen)
            mine = next((item for item in having if item.target), None)
            if mine is not None:
                if len(having) > 1:
                    where = position(self.data, holder["ColumnRef"])
                    raise Refusal("42702", f'column reference "{name}" is ambiguous', hint=_QUALIFY, position=where)
                if doubtful or unknown:
                    self._doubt(holder, name)
                self._bind(holder, mine, name, scope)
                return
            if having:
                return
            if name in SYSTEM_COLUMNS and any(item.target for item in seen):
                self._known(holder, self.target, name)
                return
            doubtful = doubtful or unknown
        item = self.named(name, scope)
        if item is not None and item.target:
            if doubtful:
                self._doubt(holder, name, always=True)
            self._bind(holder, item, None, scope)

    def _qualified(self, names: list[str], scope: Scope) -> Item | None:
        if len(names) == 1:
            return self.named(names[0], scope)
        schema, name = names[-2:]
        for level in scope.levels:
            for item in level:
                if item.relation == (schema, name):
                    return item
        return None

    def _known(self, holder: Node, item: Item, name: str) -> None:
        """Refuse what is no column of the target (a function of its row), and where its rows lie."""
        where = position(self.data, holder["ColumnRef"])
        if name == "ctid":
            message = "system column ctid is not available, because columns of the relation are masked"
            raise Refusal("0A000", message, hint="Use the primary key.", position=where)
        if name not in SYSTEM_COLUMNS and (item.columns is None or name not in item.columns):
            raise Refusal("42703", f"column {item.name}.{name} does not exist", position=where)

    def _bind(self, holder: Node, item: Item, column: str | None, scope: Scope, *, star: bool = False) -> None:
        if (column is None or column in self.hidden) and self.named(item.name or "", scope) is not item:
            where = position(self.data, holder["ColumnRef"])
            message = f'"{item.name}" means another FROM item here, so that a masked column cannot be put in place'
            raise Refusal("0A000", message, hint="Give the relation that is written another alias.", position=where)
        target, direct = self._named.get(id(holder), (None, False))
        label = label_of(target["ResTarget"]) if target is not None and not star else None
        whole = target if direct else None
        self.found.append(Bound(holder, item, column, star, label, whole, self._lists.get(id(holder))))

    def _doubt(self, holder: Node, name: str, *, always: bool = False) -> None:
        if always or name in self.hidden:
            where = position(self.data, holder["ColumnRef"])
            raise Refusal("0A000", f'it cannot be known which "{name}" is meant here', hint=_QUALIFY, position=where)

    # -- other dress ---------------------------------------------------------------------------------------------

    def _attribute(self, fields: Node, scope: Scope) -> bool:
        """(t).column: True when it is left as it is, a column that is not hidden."""
        column = fields["arg"].get("ColumnRef")
        part = fields["indirection"][0]
        if column is None or "A_Indices" in part:
            return False
        count = len(self.found)
        self._column(fields["arg"], scope)
        rows = [bound for bound in self.found[count:] if bound.column is None]
        del self.found[count:]
        if not rows:
            return False
        name = part["String"]["sval"] if "String" in part else "*"
        if name in (self.target.columns or ()) and name not in self.hidden:
            return True
        message = f"({self.target.name}).{name} is not available where the relation is written"
        raise Refusal("0A000", message, hint=f"Write {self.target.name}.{name}.", position=position(self.data, column))

    def _call(self, fields: Node, scope: Scope) -> None:
        """Refuse column(t), which means t.column, and a row given to a function as t.*, which is the same as t."""
        name = fields["funcname"][-1]["String"]["sval"]
        arguments = fields.get("args", [])
        if name not in (self.target.columns or ()) or len(arguments) != 1 or "ColumnRef" not in arguments[0]:
            return
        count = len(self.found)
        self._column(arguments[0], scope)
        rows = [bound for bound in self.found[count:] if bound.column is None]
        del self.found[count:]
        if rows:
            message = f"{name}({self.target.name}) is not available where the relation is written"
            hint = f"Write {self.target.name}.{name}."
            raise Refusal("0A000", message, hint=hint, position=position(self.data, fields))

    def _results(self, targets: list[Node]) -> None:
        for target in targets:
            source = source_of(target["ResTarget"]) if "ResTarget" in target else None
            if source is not None:
                self._named[id(source)] = (target, source is target["ResTarget"]["val"])

    def _listed(self, expressions: list[Node]) -> None:
        """Stars that become several expressions: in ROW(...) and VALUES."""
        for node in expressions:
            if "ColumnRef" in node:
                self._lists[id(node)] = expressions

    # -- parts of queries ----------------------------------------------------------------------------------------

    def with_items(self, clause: Node | None, scope: Scope) -> Scope:
        """The scope with the items of a WITH clause, which is bound on the way."""
        if clause is None:
            return scope
        recursive = bool(clause.get("recursive"))
        items = [item["CommonTableExpr"] for item in clause["ctes"]]
        if recursive:  # an item's own columns are needed within it
            scope = scope.naming({item["ctename"]: None for item in items})
        for item in items:
            kind, query = next(iter(item["ctequery"].items()))
            names = self.select(query, scope) if kind == "SelectStmt" else None
            extra = [item[key] for key in ("search_clause", "cycle_clause") if key in item]
            listed = {"colnames": item["aliascolnames"]} if "aliascolnames" in item else {}
            scope = scope.naming({item["ctename"]: None if extra else of_alias(names, listed)})
        return scope

    def _limits(self, query: Node, scope: Scope) -> None:
        for key in ("limitCount", "limitOffset"):
            if key in query:
                self.expression(query[key], scope)

    def _outputs(self, targets: list[Node], items: list[Item], scope: Scope) -> tuple[str, ...] | None:
        names: list[str] = []
        for target in targets:
            fields = target["ResTarget"]
            column = fields["val"].get("ColumnRef")
            if "A_Indirection" in fields["val"] and "A_Star" in fields["val"]["A_Indirection"]["indirection"][-1]:
                return None
            if column is None or "A_Star" not in column["fields"][-1]:
                names.append(label_of(fields))
                continue
            qualifier = [part["String"]["sval"] for part in column["fields"][:-1]]
            starred = [item for item in items if item.plain] if not qualifier else [self._qualified(qualifier, scope)]
            for item in starred:
                if item is None or item.columns is None or item.merged:
                    return None
                names.extend(item.columns)
        return tuple(names)
