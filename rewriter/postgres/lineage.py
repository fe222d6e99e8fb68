"""Lineage: which labels the columns of a table inherit that a statement makes from labelled columns.

Owns reading CREATE TABLE AS, SELECT INTO, CREATE TABLE (LIKE ...) and generated columns for what they hold. A plain copy of a column
inherits its label; whatever is computed from one, or cannot be told, is `derived`; labelled columns that decide which rows
there are make every column so. May not do: know a caller; names are resolved to all that they could mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from policies.masks import DERIVED
from policies.model import ColumnName, Label
from rewriter.postgres.catalog import column_name
from rewriter.postgres.definitions import DEFINED, definitions_of
from rewriter.postgres.labels import label_of
from rewriter.postgres.scopes import walk
from rewriter.postgres.storing import is_temporary
from rewriter.postgres.substitution import needed_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rewriter.postgres.catalog import Catalog, Relation
    from rewriter.postgres.scopes import Findings

Node = dict[str, Any]
Labels = Mapping[ColumnName, Label]
Passing = Mapping[str, Label]


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Labels of a table that is about to be made: by the names of its columns, and of all `rest`.

    `temporary`: nobody but the session will see it. `anew`: it is not made when there is one already, but by an error.
    """

    name: str
    columns: Mapping[str, Label] = field(default_factory=dict)
    rest: Label | None = None
    temporary: bool = False
    anew: bool = True

    @property
    def whole(self) -> Label | None:
        """The label of anything that is made of any column; None when nothing is inherited."""
        labels = [label for label in (*self.columns.values(), self.rest) if label is not None]
        return _derived(labels) if labels else None


def inheritances(
    statement: Node, catalog: Catalog, labels: Labels, passing: Passing = MappingProxyType({})
) -> list[Inheritance]:
    """What the tables inherit that a statement node makes of columns with these labels; none when it makes none.

    Each inherited label names the columns of the dictionary that it is from. `passing` are labels of everything in tables
    that the catalog does not know: made a moment ago, or temporary.
    """
    traced = {column: label if label.sources else replace(label, sources=(column,)) for column, label in labels.items()}
    made = _made(statement)
    anew = not any(fields.get("if_not_exists") for fields in statement.values())
    return [
        replace(each, temporary=made is not None and is_temporary(made), anew=anew)
        for each in _inheritances(statement, catalog, traced, passing)
    ]


def _made(statement: Node) -> Node | None:
    """The name of the table that a statement makes."""
    kind, fields = next(iter(statement.items()))
    if kind == "ExplainStmt":
        return _made(fields["query"])
    if kind == "SelectStmt":
        while "larg" in fields:
            fields = fields["larg"]
        fields = {"into": fields.get("intoClause", {})}
    made: Node | None = fields.get("into", {}).get("rel") if "into" in fields else fields.get("relation")
    return made


def renamed(statement: Node, made: Inheritance) -> Inheritance | None:
    """What a table made by an earlier statement of a text inherits under its new name, or with new names of its columns."""
    fields = statement.get("RenameStmt", {})
    if fields.get("relation", {}).get("relname") != made.name:
        return None
    if fields.get("renameType") == "OBJECT_COLUMN":
        label = made.columns.get(fields["subname"])
        return None if label is None else replace(made, columns={**made.columns, fields["newname"]: label})
    return replace(made, name=fields["newname"])


def _inheritances(statement: Node, catalog: Catalog, labels: Labels, passing: Passing) -> list[Inheritance]:
    kind, fields = next(iter(statement.items()))
    if kind == "CreateTableAsStmt":
        return _stored(fields["into"], fields["query"], catalog, labels, passing)
    if kind == "SelectStmt":
        leftmost = fields
        while "larg" in leftmost:
            leftmost = leftmost["larg"]
        return _stored(leftmost["intoClause"], statement, catalog, labels, passing) if "intoClause" in leftmost else []
    if kind == "CreateStmt":
        found: dict[str, Label] = {}
        for element in fields.get("tableElts", []):
            like = element.get("TableLikeClause", {}).get("relation")
            if like and like["relname"] in passing:
                return [Inheritance(fields["relation"]["relname"], {}, passing[like["relname"]])]
            for relation in _meant(like, catalog) if like else ():
                found.update(_labels_of(relation, catalog, labels))
        return [Inheritance(fields["relation"]["relname"], found)]
    if kind == "ExplainStmt":
        return _inheritances(fields["query"], catalog, labels, passing)
    return []


def _stored(into: Node, query: Node, catalog: Catalog, labels: Labels, passing: Passing) -> list[Inheritance]:
    name = into["rel"]["relname"]
    if "SelectStmt" not in query:  # EXECUTE: what it runs is not known here
        return [Inheritance(name, {}, _derived([*labels.values(), *passing.values()]) if labels else None)]
    found = walk(query)
    others = [each.node for each in found.references if each.node is not into["rel"]]
    through = [passing[node["relname"]] for node in others if node["relname"] in passing]
    values = _Values.of(found, catalog, labels)
    if through:
        return [Inheritance(name, {}, _derived([*through, *values.sensitive.values()]))]
    if not values.sensitive:
        return [Inheritance(name)]
    columns = None if "colNames" in into else _copies(query["SelectStmt"], found, values)
    if columns is None:
        return [Inheritance(name, {}, _derived(values.sensitive.values()))]
    return [Inheritance(name, columns)]


@dataclass(frozen=True, slots=True)
class _Values:
    """What the expressions of a query can hold: `sensitive` columns by name, under whatever FROM item.

    `aliases` are the names of FROM items, `columns` of all their columns: behind an alias, any other name may be a function of
    the whole row.
    """

    sensitive: Mapping[str, Label]
    aliases: frozenset[str]
    columns: frozenset[str]

    @classmethod
    def of(cls, found: Findings, catalog: Catalog, labels: Labels) -> _Values:
        sensitive: dict[str, Label] = {}
        columns: set[str] = set()
        for reference in found.references:
            for relation in _meant(reference.node, catalog):
                columns.update(column.name for column in relation.columns)
                labelled = _labels_of(relation, catalog, labels)
                reads = reference.role == "read"  # what is written may come back, by RETURNING
                for column in needed_columns(found, reference, relation) if reads else relation.columns:
                    if column.name in labelled:
                        sensitive[column.name] = _worst([labelled[column.name], sensitive.get(column.name)])
        return cls(sensitive, frozenset(each.alias for each in found.references), frozenset(columns))

    def within(self, found: Findings) -> list[Label]:
        """The labels of what expressions hold; of all columns where they hold a whole row."""
        if (found.alone | found.starred) & self.aliases or any(self._calls(column) for column in found.columns):
            return list(self.sensitive.values())
        return [self.sensitive[name] for name in sorted(found.names & self.sensitive.keys())]

    def label(self, value: Node) -> Label | None:
        """The label of an expression: that of a plain column, `derived` of what is computed from labelled ones."""
        behind = self.within(walk({"expression": value}))
        fields = value.get("ColumnRef", {}).get("fields", [{}])
        name = fields[-1].get("String", {}).get("sval")
        if name in self.sensitive and not (len(fields) == 1 and name in self.aliases):
            return self.sensitive[name]
        return _derived(behind) if behind else None

    def _calls(self, column: Node) -> bool:
        """Whether alias.name is a function of the row and not a column."""
        fields = [part["String"]["sval"] for part in column["fields"] if "String" in part]
        named = len(fields) == len(column["fields"]) > 1
        return named and fields[-2] in self.aliases and fields[-1] not in self.columns


def _copies(select: Node, found: Findings, values: _Values) -> dict[str, Label] | None:
    """Labels by column of a plain SELECT whose rows no labelled column decides; None when it is anything else."""
    rest = {key: value for key, value in select.items() if key not in {"targetList", "intoClause"}}
    plain = "targetList" in select and not select.keys() & {"larg", "withClause", "valuesLists", "distinctClause"}
    if not plain or len(found.kinds) > 1 or not all(map(_is_plain, rest.get("fromClause", []))):
        return None
    columns: dict[str, Label] = {}
    for target in select["targetList"]:
        value = target["ResTarget"]["val"]
        if "A_Star" in value.get("ColumnRef", {}).get("fields", [{}])[-1]:
            columns.update(values.sensitive)
            continue
        label = values.label(value)
        if label is not None and "A_Star" in value.get("A_Indirection", {}).get("indirection", [{}])[-1]:
            return None  # the columns of a row, whose names are not known here
        if label is not None:
            name = label_of(target["ResTarget"])
            columns[name] = _worst([label, columns.get(name)])
    outside = walk({"SelectStmt": rest})
    if values.within(outside) or outside.names & columns.keys() or _by_place(select, values):
        return None
    return columns


def _is_plain(item: Node) -> bool:
    """Whether an item of FROM is a relation, or a join of such, under whose names its columns are known."""
    if "JoinExpr" in item:
        join = item["JoinExpr"]
        return not join.keys() & {"alias", "isNatural"} and _is_plain(join["larg"]) and _is_plain(join["rarg"])
    return "RangeVar" in item and "colnames" not in item["RangeVar"].get("alias", {})


def _by_place(select: Node, values: _Values) -> bool:
    """Whether GROUP BY 2 or ORDER BY 2 means a column that holds something labelled, or any when that is not plain."""
    items = [*select.get("groupClause", []), *(each["SortBy"]["node"] for each in select.get("sortClause", []))]
    if not any("A_Const" in item for item in items):
        return False
    return any(values.label(target["ResTarget"]["val"]) is not None for target in select["targetList"])


def _labels_of(relation: Relation, catalog: Catalog, labels: Labels) -> dict[str, Label]:
    """The labels of a relation's columns, those of its parents included; a view over labelled columns is all derived."""
    found: dict[str, Label] = {}
    behind: list[Label] = []
    seen: set[int] = set()
    left = [relation]
    while left:
        each = left.pop()
        if each.oid in seen:
            continue
        seen.add(each.oid)
        own = {c.column: label for c, label in labels.items() if (c.schema, c.relation) == (each.schema, each.name)}
        if each is relation or relation.kind not in DEFINED:
            found.update(own)
        behind += own.values()
        sources = definitions_of(catalog)[each.oid].sources if each.oid in definitions_of(catalog) else ()
        left += [catalog.relations[oid] for oid in (*each.parents, *sources) if oid in catalog.relations]
    if relation.kind in DEFINED and behind:
        derived = _derived(behind)
        return {column.name: found.get(column.name, derived) for column in relation.columns}
    return found


def generated(relation: Relation, labels: Mapping[str, Label]) -> dict[str, Label]:
    """The labels of the generated columns of a table, by those of the columns that they are computed from.

    `labels` are by column; a column that has one there needs none.
    """
    computed = {column.name for column in relation.columns if column.generated} - labels.keys()
    found: dict[str, Label] = {}
    for each in relation.constraints:
        if each.kind == "expression" and each.name in computed and each.columns & labels.keys():
            behind = [
                label if label.sources else replace(label, sources=(column_name(relation, name),))
                for name, label in labels.items()
                if name in each.columns
            ]
            found[each.name] = _derived(behind)
    return found


def _meant(node: Node, catalog: Catalog) -> list[Relation]:
    """Every relation that a written name could mean, whatever the search path."""
    schema, name = node.get("schemaname"), node["relname"]
    return [r for r in catalog.relations.values() if r.name == name and schema in {None, r.schema}]


def _worst(labels: Iterable[Label | None]) -> Label:
    """The label of a column that holds values of all these."""
    found = [label for label in labels if label is not None]
    return replace(max(found, key=lambda label: label.level), sources=_sources(found))


def _derived(labels: Iterable[Label]) -> Label:
    found = list(labels)
    return Label(DERIVED, max((label.level for label in found), default=0), _sources(found))


def _sources(labels: list[Label]) -> tuple[ColumnName, ...]:
    return tuple(sorted({source for label in labels for source in label.sources}, key=str))
