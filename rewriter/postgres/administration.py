"""Definitions that name a protected relation: what a caller with masked columns may change of its structure.

The database checks rights; here only what is hidden is guarded. A change is refused when the server would try hidden values
for it, so that success or failure tells them (constraints, conversions, unique indexes, the order of rows), when it would copy
them to a column without a label, when a rule's row condition would look at another column than before, or when a label would
be lost with a name. What destroys values tells none. May not do: resolve a name, or judge functions that a definition calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewriter.conditions import ConditionError, condition_columns
from rewriter.postgres.catalog import Relation
from rewriter.postgres.scopes import walk
from rewriter.postgres.telling import Effect, family_of, faults, hidden_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rewriter.postgres.catalog import Catalog
    from rewriter.postgres.world import World

Node = dict[str, Any]

_NOTHING_TOLD = frozenset({"TruncateStmt", "VacuumStmt", "ReindexStmt"})
_KEEPING_ROWS = frozenset({"VacuumStmt", "ReindexStmt"})
ROWS_HIDDEN = "rows of it are hidden from you"
"""Why a definition of a filtered relation is refused."""
_HARMLESS_COMMANDS = frozenset(
    {"AT_ChangeOwner", "AT_DropConstraint", "AT_DropNotNull", "AT_SetStatistics", "AT_SetStorage", "AT_SetCompression"}
    | {"AT_SetRelOptions", "AT_ResetRelOptions", "AT_SetLogged", "AT_SetUnLogged", "AT_SetTableSpace"}
)
"""Parts of ALTER TABLE that look at no value and leave every column what it is."""
_COMPUTING_NOTHING = _HARMLESS_COMMANDS | {"AT_SetNotNull", "AT_ColumnDefault", "AT_DropColumn", "AT_DropIdentity"}
_OF_VISIBLE = frozenset({"AT_AddConstraint", "AT_AddIdentity", "AT_SetIdentity", "AT_SetNotNull", "AT_SetExpression"})
"""Parts of ALTER TABLE that may look at values: of columns that are not hidden only."""
_OF_UNDECIDING = frozenset(
    {"AT_ColumnDefault", "AT_DropColumn", "AT_DropIdentity", "AT_DropExpression", "AT_AlterColumnType"}
)
"""Parts of ALTER TABLE that change what a column holds, now or in new rows."""
_COLUMN_LISTS = frozenset({"keys", "including", "fk_attrs", "fk_del_set_cols"})
_ELEMENTS = frozenset({"IndexElem", "PartitionElem"})
_RENAMED = frozenset({"OBJECT_TABCONSTRAINT", "OBJECT_TRIGGER", "OBJECT_POLICY"})
_LABELS_LOST = "its labels would be lost when the proxy is started again"


@dataclass(frozen=True, slots=True)
class Guarded:
    """What has to be guarded of one relation, its partitions and children included, by names of columns.

    `visible`: those that hold nothing hidden; `labelled`: those that somebody may not see, although this caller may;
    `deciding`: those that a rule's row condition looks at, None when a condition cannot be read.
    """

    relation: Relation
    hidden: frozenset[str]
    visible: frozenset[str]
    labelled: frozenset[str]
    deciding: frozenset[str] | None


def guarded(relation: Relation, world: World, catalog: Catalog) -> Guarded | None:
    """What has to be guarded of a relation; None when it and what inherits from it hide nothing."""
    hidden: set[str] = set()
    labelled: set[str] = set()
    deciding: set[str] | None = set()
    for member in family_of(relation, catalog):
        hidden |= hidden_columns(member.oid, world)
        for name, treatment in world.treatments.get(member.oid, {}).items():
            labelled.add(name)
            if treatment.rows is not None and deciding is not None:
                try:
                    deciding |= condition_columns(treatment.rows)
                except ConditionError:
                    deciding = None
    if not hidden:
        return None
    if deciding is not None:
        made = [c.columns for c in relation.constraints if c.kind == "expression" and c.name in deciding]
        deciding = deciding.union(*made)
    visible = frozenset(column.name for column in relation.columns) - hidden
    return Guarded(
        relation,
        frozenset(hidden),
        visible,
        frozenset(labelled),
        None if deciding is None else frozenset(deciding),
    )


def reason_against(  # noqa: C901, PLR0911, PLR0913, PLR0917  one for each kind, and all that it depends on
    kind: str, fields: Node, mention: Node, relation: Relation, world: World, catalog: Catalog
) -> str | None:
    """Why a definition may not name `relation`, which hides something, as it does in `mention`; None when it may."""
    if any(member.oid in world.filters for member in family_of(relation, catalog)):
        return None if kind in _KEEPING_ROWS else ROWS_HIDDEN
    found = guarded(relation, world, catalog)
    if found is None:
        return "it holds what you may not read"
    if kind in _NOTHING_TOLD:
        return None
    if kind == "CreateStmt":
        return _in_create(fields, mention, found, world, catalog)
    if kind == "AlterTableStmt":
        if mention is fields["relation"]:
            return _altered(fields, found, world, catalog)
        return _elsewhere_in_alter(fields, mention, found)
    if kind == "IndexStmt":
        return _unseen(fields, found, "an index over a hidden column would tell by its order, and by what it refuses")
    if kind == "RenameStmt":
        return _renamed(fields, found)
    if kind == "ClusterStmt":
        return "rows would then lie in the order of hidden values"
    if kind == "RefreshMatViewStmt":
        return "its query would run on hidden values, and success or failure would tell them"
    return "columns of it are masked for you"


def reason_against_type(kind: str, fields: Node, world: World, catalog: Catalog) -> str | None:
    """Why a change of a type is refused that reaches into columns of this type; None when it is not."""
    if kind == "AlterDomainStmt" and fields["subtype"] in "COVT":  # constraints, NOT NULL, VALIDATE, SET DEFAULT
        name = _user_typed(world, catalog)
        return name and f"{name} may be of this type, and its values would be checked or filled by it"
    if kind == "AlterEnumStmt" and "oldVal" in fields:
        name = _user_typed(world, catalog)
        return name and f"{name} may be of this type, and would be shown under other labels"
    attribute = (kind, fields.get("renameType")) == ("RenameStmt", "OBJECT_ATTRIBUTE")
    composite = (kind, fields.get("objtype")) == ("AlterTableStmt", "OBJECT_TYPE")
    if not attribute and not composite:
        return None
    commands = [fields] if attribute else [each["AlterTableCmd"] for each in fields["cmds"]]
    if world.hiding and any(each.get("behavior") == "DROP_CASCADE" for each in commands):
        return "CASCADE reaches into tables of this type, and columns are masked for you"
    return None


def idle(kind: str, fields: Node, mention: Node) -> bool:
    """Whether a definition runs no code of a relation it names: a foreign key to it, a change that computes nothing."""
    if any(constraint.get("pktable") is mention for constraint in _constraints(fields)):
        return True
    return kind == "AlterTableStmt" and mention is fields["relation"] and not _computes(fields)


def _computes(fields: Node) -> bool:
    """Whether an ALTER TABLE may run defaults, conversions, constraints or triggers of its table."""
    for each in fields["cmds"]:
        command = each["AlterTableCmd"]
        column = command.get("def", {}).get("ColumnDef", {})
        if command["subtype"] == "AT_AddColumn":
            if column.get("constraints") or not _server_type(column.get("typeName", {})):
                return True
        elif command["subtype"] not in _COMPUTING_NOTHING:
            return True
    return False


def truncated_with(relation: Relation, catalog: Catalog) -> list[Relation]:
    """All that TRUNCATE ... CASCADE of a relation empties, itself included."""
    found, seen = [relation], {relation.oid}
    for each in found:
        others = [link.other for link in each.links if not link.refers] + [m.oid for m in family_of(each, catalog)]
        for oid in others:
            if oid not in seen and oid in catalog.relations:
                seen.add(oid)
                found.append(catalog.relations[oid])
    return found


def relation_names(kind: str, node: Node) -> set[str] | None:
    """Names written in a definition that may be relations and are not written as such: types. None: all its strings are."""
    if kind in {"DropStmt", "CreateSeqStmt", "AlterSeqStmt"}:  # to drop tells nothing; OWNED BY names a column
        return set()
    if kind in {"CreateStmt", "AlterTableStmt", "IndexStmt", "VacuumStmt"}:
        return set(strings_of(node))
    return None


def _altered(fields: Node, found: Guarded, world: World, catalog: Catalog) -> str | None:
    if fields.get("objtype") not in {"OBJECT_TABLE", "OBJECT_FOREIGN_TABLE"}:
        return "columns of it are masked for you"
    new = frozenset(
        each["AlterTableCmd"]["def"]["ColumnDef"]["colname"]
        for each in fields["cmds"]
        if each["AlterTableCmd"]["subtype"] == "AT_AddColumn"
    )
    for each in fields["cmds"]:
        reason = _command(each["AlterTableCmd"], found, new, world, catalog)
        if reason is not None:
            return reason
    return None


def _command(  # noqa: PLR0911  one for each kind of command
    command: Node, found: Guarded, new: frozenset[str], world: World, catalog: Catalog
) -> str | None:
    kind, name = command["subtype"], command.get("name", "")
    if kind in _HARMLESS_COMMANDS:
        return None
    if kind == "AT_AddColumn":
        column = command["def"]["ColumnDef"]
        own = column["colname"]
        if own in found.hidden:  # of a child, which it would be merged with
            return f"{own} is hidden there"
        return _decides(own, found) or _unseen(column, found, f"{own} would depend on it", new, keeps=True)
    if kind == "AT_ValidateConstraint":
        return _validated(name, found, world)
    if kind in _OF_VISIBLE:
        return _looked_at(command, found, new)
    if kind not in _OF_UNDECIDING:
        return "columns of it are masked for you"
    reason = _decides(name, found)
    if reason is None and name in found.hidden and kind in {"AT_ColumnDefault", "AT_DropColumn"}:
        treatments = world.treatments.get(found.relation.oid, {})
        denied = name in treatments and treatments[name].on_write == "deny"
        return f"{name} is closed to your writes" if denied else None
    if reason is None and kind == "AT_AlterColumnType":
        return _converted(name, command["def"]["ColumnDef"], found, world, catalog)
    return reason


def _looked_at(command: Node, found: Guarded, new: frozenset[str]) -> str | None:
    """A part of ALTER TABLE that looks at values."""
    kind, name = command["subtype"], command.get("name", "")
    definition = command.get("def", {})
    if definition.get("Constraint", {}).get("indexname"):
        return "what the index is over is not looked at; name the columns"
    if kind != "AT_AddConstraint" and name not in found.visible:
        return f"whether that works would tell values of {name}"
    keeps = kind == "AT_SetExpression"
    if keeps or kind == "AT_AddIdentity":
        reason = _decides(name, found)
        if reason is not None:
            return reason
    return _unseen(definition, found, "whether it holds would tell hidden values", new, keeps=keeps)


def _converted(name: str, column: Node, found: Guarded, world: World, catalog: Catalog) -> str | None:
    """ALTER COLUMN ... TYPE: computes all values anew, and what depends on them."""
    if name not in found.visible:
        return f"whether the values of {name} can be converted would tell them"
    told = faults(found.relation, Effect(updated=frozenset({name})), world, catalog)
    if told:
        return told[0].reason
    return _unseen(column, found, "the values of other columns would be computed from them")


def _validated(name: str, found: Guarded, world: World) -> str | None:
    relation = found.relation
    for constraint in relation.constraints:
        if constraint.name == name and not constraint.columns & found.hidden:
            return None
    for link in relation.links:
        mine = frozenset(link.columns) & found.hidden
        if link.name == name and link.refers and not mine | (frozenset(link.there) & hidden_columns(link.other, world)):
            return None
    return "whether it holds would tell hidden values"


def _renamed(fields: Node, found: Guarded) -> str | None:
    kind = fields["renameType"]
    if kind in _RENAMED:
        return None
    if kind != "OBJECT_COLUMN":
        return _LABELS_LOST
    old, new = fields["subname"], fields["newname"]
    if old not in found.visible or {old, new} & found.labelled:
        return _LABELS_LOST
    return _decides(old, found) or _decides(new, found)


def _in_create(fields: Node, mention: Node, found: Guarded, world: World, catalog: Catalog) -> str | None:
    """CREATE TABLE: what it is made like, refers to, inherits from or is a partition of."""
    if mention is fields["relation"]:
        return "a table with columns that are masked for you has this name"
    if any(part["TableLikeClause"]["relation"] is mention for part in _elements(fields, "TableLikeClause")):
        return None
    if all(parent["RangeVar"] is not mention for parent in fields.get("inhRelations", [])):
        return _referred(fields, mention, found)
    if len(fields["inhRelations"]) > 1:
        return "the columns of its other parents would be masked with it"
    new = frozenset(part["ColumnDef"]["colname"] for part in _elements(fields, "ColumnDef"))
    parts = {key: value for key, value in fields.items() if key in {"tableElts", "partspec"}}
    reason = _unseen(parts, found, "its rows would be checked or placed by them", new, keeps=True)
    if reason is None and "partbound" in fields:
        return _placed(found, world, catalog)
    return reason


def _placed(found: Guarded, world: World, catalog: Catalog) -> str | None:
    """A new partition: rows that stand in the default partition are looked at, by the key."""
    stack, seen = [found.relation], {found.relation.oid}
    while stack:
        relation = stack.pop()
        for constraint in relation.constraints:
            if constraint.kind == "partition" and constraint.columns & (
                found.hidden | hidden_columns(relation.oid, world)
            ):
                return "its rows are placed by a hidden column"
        parents = [oid for oid in relation.parents if oid in catalog.relations and oid not in seen]
        seen.update(parents)
        stack += [catalog.relations[oid] for oid in parents]
    return None


def _elsewhere_in_alter(fields: Node, mention: Node, found: Guarded) -> str | None:
    """A protected relation that another one shall refer to, or be joined with."""
    for each in fields["cmds"]:
        if _holds(each, mention) and each["AlterTableCmd"]["subtype"] in {"AT_AddColumn", "AT_AddConstraint"}:
            return _referred(fields, mention, found)
    return "columns of it are masked for you"


def _referred(node: Node, mention: Node, found: Guarded) -> str | None:
    """A foreign key to a protected relation: success tells which values stand there."""
    for constraint in _constraints(node):
        if constraint.get("pktable") is not mention:
            continue
        listed = [part["String"]["sval"] for part in constraint.get("pk_attrs", [])] or found.relation.primary_key
        told = [name for name in listed if name not in found.visible]
        if told:
            return f"a foreign key to {told[0]} would tell its values"
        return None
    return "columns of it are masked for you"


def _decides(name: str, found: Guarded) -> str | None:
    if found.deciding is None:
        return "a row condition of its rules cannot be read"
    return f"a rule shows rows by {name}" if name in found.deciding else None


def _unseen(
    node: Node, found: Guarded, otherwise: str, new: frozenset[str] = frozenset(), *, keeps: bool = False
) -> str | None:
    """`otherwise`, when expressions and lists in a definition name anything but visible columns.

    `keeps`: what is computed is stored, where others read it, so that labelled columns that this caller sees do not count.
    """
    allowed = (found.visible - found.labelled if keeps else found.visible) | (new - found.hidden)
    told = next((name for name in _named(node) if name not in allowed), None)
    return None if told is None else f"it names {told}, and {otherwise}"


def _named(node: Node) -> Iterator[str]:
    """The columns that a definition names: in expressions, in lists of keys, as elements of indexes and partition keys."""
    for column in walk(node).columns:
        yield column["fields"][-1].get("String", {}).get("sval", "*")
    for holder in _dicts(node):
        for key in _COLUMN_LISTS & holder.keys():
            for part in holder[key] if isinstance(holder[key], list) else ():
                if "String" in part:
                    yield part["String"]["sval"]
        for key in _ELEMENTS & holder.keys():
            if "name" in holder[key]:
                yield holder[key]["name"]


def _user_typed(world: World, catalog: Catalog) -> str | None:
    """A column with values to guard whose type is user-made."""
    for oid in sorted(world.treatments):
        found = guarded(catalog.relations[oid], world, catalog)
        if found is None:
            continue
        for column in found.relation.columns:
            seen = column.name in found.visible and found.deciding is not None and column.name not in found.deciding
            if not seen and not column.type_name.startswith("pg_catalog."):
                return f"{found.relation.name}.{column.name}"
    return None


def _server_type(type_name: Node) -> bool:
    names = type_name.get("names", [])
    return len(names) == 1 or (len(names) > 1 and names[0]["String"]["sval"] == "pg_catalog")


def _elements(fields: Node, kind: str) -> list[Node]:
    return [element for element in fields.get("tableElts", []) if kind in element]


def _constraints(node: Node) -> Iterator[Node]:
    return (holder["Constraint"] for holder in _dicts(node) if "Constraint" in holder)


def strings_of(node: Node) -> Iterator[str]:
    """Every String of a definition that is no column's name."""
    for holder in _dicts(node, _COLUMN_LISTS | {"ColumnRef", "pk_attrs", "va_cols"}):
        if "String" in holder:
            yield holder["String"].get("sval", "")


def _holds(node: Node, wanted: Node) -> bool:
    return any(holder is wanted for holder in _dicts(node))


def _dicts(node: Node, without: frozenset[str] = frozenset()) -> Iterator[Node]:
    """Every dict of a tree, but for those under the keys `without`."""
    stack: list[Any] = [node]
    while stack:
        each = stack.pop()
        if type(each) is dict:
            yield each
            stack.extend(value for key, value in each.items() if key not in without)
        elif type(each) is list:
            stack.extend(each)
