"""What a statement assigns: its columns, and where in the tree and the text each assigned expression stands.

Owns the forms of INSERT lists, SET clauses, ON CONFLICT and MERGE actions. May not do: judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres import proof
from rewriter.postgres.reading import position
from rewriter.postgres.substitution import end_of_name, unedited
from rewriter.postgres.telling import Effect

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Relation
    from rewriter.postgres.preserving import Around
    from rewriter.postgres.reading import Tokens

Node = dict[str, Any]

_STOPS = frozenset({"from", "where", "returning", "when"})
_OPENS, _CLOSES = frozenset({"(", "[", "case"}), frozenset({")", "]", "end"})


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """One column of a SET clause. `target` is its ResTarget's fields, `place` its position in a (a, b) = ... list."""

    column: str
    target: Node
    place: int = 0

    @property
    def source(self) -> Node | None:
        """What stands behind (a, b) =, or None for a plain assignment."""
        reference: Node | None = self.target["val"].get("MultiAssignRef")
        return None if reference is None else reference["source"]

    @property
    def value(self) -> Node | None:
        """The assigned expression; None when it is a column of a subquery."""
        source = self.source
        if source is None:
            return dict(self.target["val"])
        if "RowExpr" not in source:
            return None
        arguments = source["RowExpr"].get("args", [])
        return arguments[self.place] if self.place < len(arguments) else None


@dataclass(slots=True)
class Assigned:
    """Everything that one statement assigns to its target. `inserted` is None when it inserts nothing."""

    inserted: set[str] | None = None
    nulls: set[str] = field(default_factory=set)
    updates: list[Assignment] = field(default_factory=list)
    deletes: bool = False

    @property
    def updated(self) -> frozenset[str]:
        """The columns assigned in rows that exist."""
        return frozenset(assignment.column for assignment in self.updates)

    @property
    def effect(self) -> Effect:
        """What constraints see of it."""
        inserted = None if self.inserted is None else frozenset(self.inserted)
        return Effect(inserted, frozenset(self.nulls), self.updated, self.deletes)


def assigned(kind: str, fields: Node, relation: Relation) -> Assigned:
    """What a statement of `kind` (InsertStmt, ...) assigns to `relation`."""
    made = Assigned()
    if kind == "InsertStmt":
        _insert(made, fields.get("cols"), _values(fields.get("selectStmt")), relation)
        conflict = fields.get("onConflictClause", {})
        made.updates += _set(conflict.get("targetList", []))
    elif kind == "UpdateStmt":
        made.updates += _set(fields.get("targetList", []))
    elif kind == "DeleteStmt":
        made.deletes = True
    elif kind == "CopyStmt":
        _insert(made, fields.get("attlist"), None, relation)
    else:
        for clause in fields.get("mergeWhenClauses", []):
            action = clause["MergeWhenClause"]
            if action["commandType"] == "CMD_INSERT":
                rows = [action["values"]] if "values" in action else []
                _insert(made, action.get("targetList"), rows, relation)
            elif action["commandType"] == "CMD_UPDATE":
                made.updates += _set(action.get("targetList", []))
            made.deletes |= action["commandType"] == "CMD_DELETE"
    return made


def _insert(made: Assigned, columns: list[Node] | None, rows: list[list[Node]] | None, relation: Relation) -> None:
    """Columns that get a value. `rows` are those of VALUES, [] for DEFAULT VALUES, None when only the server knows."""
    if columns is not None:
        names = [item["ResTarget"]["name"] if "ResTarget" in item else item["String"]["sval"] for item in columns]
    else:
        names = [column.name for column in relation.columns if rows is not None or not column.generated]
        if rows is not None:
            names = names[: max((len(row) for row in rows), default=0)]
    given, nulls = set(), set()
    for place, name in enumerate(names):
        values = [row[place] for row in rows if place < len(row)] if rows is not None else [{}]
        if any("SetToDefault" not in value for value in values):
            given.add(name)
            if all(value.get("A_Const", {}).get("isnull") for value in values):
                nulls.add(name)
    made.nulls = nulls if made.inserted is None else made.nulls & nulls
    made.inserted = given | (made.inserted or set())


def _values(source: Node | None) -> list[list[Node]] | None:
    if source is None:
        return []
    rows = source["SelectStmt"].get("valuesLists")
    return None if rows is None else [row["List"]["items"] for row in rows]


def _set(targets: list[Node]) -> list[Assignment]:
    made = []
    for item in targets:
        fields = item["ResTarget"]
        place = fields["val"].get("MultiAssignRef", {}).get("colno", 1) - 1
        made.append(Assignment(fields["name"], fields, place))
    return made


def span_of(assignment: Assignment, data: bytes, tokens: Tokens) -> tuple[int, int]:
    """First and last token of an assigned expression, or of the subquery that gives it. Raises Refusal."""
    source = assignment.source
    if source is None:
        first = end_of_name(tokens.at(assignment.target["location"]), tokens) + 2
        if tokens.word(first - 1) != "=":
            raise unedited()
        return first, _end(first, tokens)
    form, fields = next(iter(source.items()))
    first = tokens.at(fields.get("location", 0))
    if form == "SubLink":
        return first, _closing(first, tokens)
    if form != "RowExpr" or any(_is_star(argument) for argument in fields.get("args", [])):
        message = f"{assignment.column} cannot be assigned in this way, because it is masked for you"
        where = position(data, assignment.target)
        raise Refusal("0A000", message, hint="Assign it on its own: SET column = value.", position=where)
    first += 2 if tokens.word(first) == "row" else 1
    for _ in range(assignment.place):
        first = _end(first, tokens) + 2
    return first, _end(first, tokens)


def _is_star(node: Node) -> bool:
    return "ColumnRef" in node and "A_Star" in node["ColumnRef"]["fields"][-1]


def _end(first: int, tokens: Tokens) -> int:
    """The last token of the expression that begins at token `first`, in a list or a SET clause."""
    depth, index = 0, first
    while index < len(tokens.starts):
        word = tokens.word(index)
        if tokens.word(index - 1) != ".":  # a name behind a dot may be any word
            if depth == 0 and (word in {",", ";"} or word in _CLOSES):
                break
            if depth == 0 and word in _STOPS and not (word == "from" and tokens.word(index - 1) == "distinct"):
                break
            depth += (word in _OPENS) - (word in _CLOSES)
        index += 1
    if index == first:
        raise unedited()
    return index - 1


def _closing(first: int, tokens: Tokens) -> int:
    """The parenthesis that closes the one at token `first`."""
    depth = 0
    for index in range(first, len(tokens.starts)):
        depth += (tokens.word(index) == "(") - (tokens.word(index) == ")")
        if depth == 0 and index > first:
            return index
    raise unedited()


def expect_value(assignment: Assignment, same: list[Assignment], parts: Around) -> None:
    """Put what surrounds an assigned value around it in the old tree; `same` are all that come from one row."""
    if assignment.source is None:
        assignment.target["val"] = proof.around(parts.whole, assignment.target["val"])
        return
    for copy in same:  # the parser gives each column of the list a copy of the whole
        source = copy.source
        assert source is not None
        arguments = source["RowExpr"]["args"]
        arguments[assignment.place] = proof.around(parts.whole, arguments[assignment.place])


def expect_query(same: list[Assignment], parts: Around) -> None:
    """Put what surrounds a query that is assigned to several columns around it in the old tree."""
    for copy in same:
        link = copy.target["val"]["MultiAssignRef"]["source"]["SubLink"]
        made = proof.around_query(f"{parts.before}(SELECT $1){parts.after}", link["subselect"])
        copy.target["val"]["MultiAssignRef"]["source"] = made
