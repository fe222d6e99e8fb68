"""Lineage: which labels the columns of a table inherit that a statement makes from labelled columns.

Owns reading CREATE TABLE AS, SELECT INTO and CREATE TABLE (LIKE ...) for what their columns hold. A plain copy of a column
inherits its label; whatever is computed from one, or cannot be told, is `derived`; labelled columns that decide which rows
there are make every column so. May not do: know a caller; names are resolved to all that they could mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from policies.masks import DERIVED
from policies.model import Label
from rewriter.definitions import DEFINED, definitions_of
from rewriter.scopes import walk
from rewriter.substitution import needed_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.model import ColumnName
    from rewriter.model import Catalog, Relation
    from rewriter.scopes import Findings

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Labels of a table that is about to be made: by the names of its columns, and of all `rest`."""

    name: str
    columns: Mapping[str, Label] = field(default_factory=dict)
    rest: Label | None = None


def inheritances(statement: Node, catalog: Catalog, labels: Mapping[ColumnName, Label]) -> list[Inheritance]:
    """What the tables that a statement node makes inherit from columns with these labels; none when it makes none.

    Each inherited label names the columns of the dictionary that it is from.
    """
    traced = {column: label if label.sources else replace(label, sources=(column,)) for column, label in labels.items()}
    return _inheritances(statement, catalog, traced)


def _inheritances(statement: Node, catalog: Catalog, labels: Mapping[ColumnName, Label]) -> list[Inheritance]:
    kind, fields = next(iter(statement.items()))
    if kind == "CreateTableAsStmt":
        return _stored(fields["into"], fields["query"], catalog, labels)
    if kind == "SelectStmt":
        leftmost = fields
        while "larg" in leftmost:
            leftmost = leftmost["larg"]
        return _stored(leftmost["intoClause"], statement, catalog, labels) if "intoClause" in leftmost else []
    if kind == "CreateStmt":
        found: dict[str, Label] = {}
        for element in fields.get("tableElts", []):
            like = element.get("TableLikeClause", {}).get("relation")
            for relation in _meant(like, catalog) if like else ():
                found.update(_labels_of(relation, catalog, labels))
        return [Inheritance(fields["relation"]["relname"], found)]
    if kind == "ExplainStmt":
        return _inheritances(fields["query"], catalog, labels)
    return []


def _stored(into: Node, query: Node, catalog: Catalog, labels: Mapping[ColumnName, Label]) -> list[Inheritance]:
    name = into["rel"]["relname"]
    if "SelectStmt" not in query:  # EXECUTE: what it runs is not known here
        return [Inheritance(name, {}, _derived(labels.values()) if labels else None)]
    found = walk(query)
    sensitive: dict[str, Label] = {}
    for reference in found.references:
        for relation in _meant(reference.node, catalog) if reference.role == "read" else ():
            labelled = _labels_of(relation, catalog, labels)
            for column in needed_columns(found, reference, relation):
                if column.name in labelled:
                    sensitive[column.name] = _worst([labelled[column.name], sensitive.get(column.name)])
    if not sensitive:
        return [Inheritance(name)]
    derived = _derived(sensitive.values())
    columns = _copies(query["SelectStmt"], into, found, sensitive, derived)
    return [Inheritance(name, columns, None) if columns is not None else Inheritance(name, {}, derived)]


def _copies(
    select: Node, into: Node, found: Findings, sensitive: Mapping[str, Label], derived: Label
) -> dict[str, Label] | None:
    """Labels by column of a plain SELECT whose rows no labelled column decides; None when it is anything else."""
    rest = {key: value for key, value in select.items() if key not in {"targetList", "intoClause"}}
    plain = "targetList" in select and not select.keys() & {"larg", "withClause", "valuesLists", "distinctClause"}
    outside = walk({"SelectStmt": rest})
    aliases = {reference.alias for reference in found.references}
    simple = all(
        "RangeVar" in item and "colnames" not in item["RangeVar"].get("alias", {})
        for item in rest.get("fromClause", [])
    )
    if (
        not plain
        or not simple
        or len(found.kinds) > 1
        or outside.names & (sensitive.keys() | aliases)
        or "colNames" in into
    ):
        return None
    columns: dict[str, Label] = {}
    for target in select["targetList"]:
        value, given = target["ResTarget"]["val"], target["ResTarget"].get("name")
        inner = walk({"expression": value})
        last = value.get("ColumnRef", {}).get("fields", [{}])[-1]
        if "A_Star" in last:
            columns.update(sensitive)
        elif "String" in last and last["String"]["sval"] not in aliases:
            own = last["String"]["sval"]
            if own in sensitive:
                columns[given or own] = sensitive[own]
        elif inner.names & (sensitive.keys() | aliases):
            if given is None:  # named by the server
                return None
            columns[given] = derived
    return columns


def _labels_of(relation: Relation, catalog: Catalog, labels: Mapping[ColumnName, Label]) -> dict[str, Label]:
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
