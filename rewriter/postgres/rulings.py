"""One statement's ruling: what it touches, what takes the place of what, or why it is refused.

Owns the handling of each way of `rewriter.postgres.kinds` for a caller with masked columns. May not do: edit text; it leaves
substitutes and splices for `rewriter.postgres.rewrite`, which proves them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres import administration, explaining, filtering, grouping, inventory, rows, settings, tableoid
from rewriter.postgres.attachments import check_read
from rewriter.postgres.bodies import written_body
from rewriter.postgres.catalog import Relation
from rewriter.postgres.copying import copied
from rewriter.postgres.creations import created_function, used_by_definition
from rewriter.postgres.examination import block_of
from rewriter.postgres.expansion import (
    caller_view,
    check_same_names,
    check_system_columns,
    replaceable,
    substitute_for,
)
from rewriter.postgres.functions import ANY_TYPES, Uses, names_types, types_in, uses_of
from rewriter.postgres.kinds import KINDS, changes, way_of
from rewriter.postgres.mentions import check_mentions, refuse_definition
from rewriter.postgres.names import Elsewhere, absent, meaning_of, written_name
from rewriter.postgres.plpgsql_words import Unreadable
from rewriter.postgres.reading import position
from rewriter.postgres.ruling import Circumstances, Ruling
from rewriter.postgres.scopes import walk
from rewriter.postgres.storing import check_stored_view, check_view, check_view_functions, is_temporary
from rewriter.postgres.targets import check_temporary, target_of
from rewriter.postgres.world import reason_against

if TYPE_CHECKING:
    from rewriter.postgres.names import Meaning
    from rewriter.postgres.scopes import Reference
    from rewriter.postgres.writes import Target

Node = dict[str, Any]

_KEPT = frozenset({"PrepareStmt", "DeclareCursorStmt"})
"""Statements that keep another one, to run it later."""
_RUNNING = frozenset({"ExecuteStmt", "FetchStmt", "DoStmt"})
"""Statements that run what was kept, or code: where nothing is hidden, any code that may change what names mean."""


def rule(statement: Node, where: Circumstances) -> Ruling:
    """Rule on a statement node such as {"SelectStmt": {...}}; raises Refusal.

    Names that must be looked up first are left in `unknown`; then the ruling is not complete.
    """
    name, fields = next(iter(statement.items()))
    known = KINDS.get(name)
    is_open = where.judge.is_open
    way = way_of(name, is_open=is_open)
    if way == "refuse":
        label = known.label if known else name.removesuffix("Stmt")
        hint = known.hint if known else "Ask an administrator to do this with an account that no policy masks."
        raise Refusal("0A000", f"{label} is not available to you, because columns are masked for you", hint=hint)
    ruling = Ruling(statement, name, walk(statement), *changes(statement))
    calls, renames = settings.check_calls(where.data, ruling.found, keyed=where.key is not None, is_open=is_open)
    ruling.changes_names |= renames or (is_open and name in _RUNNING)
    by_text = names_types(ruling.found)
    own_way = known.way if known else way
    ruling.literal_free = own_way in {"query", "declare", "explain", "execute", "pass"} and not (calls or by_text)
    judged, opaque = where.judge.asked, where.judge.opaque
    _WAYS[way](ruling, fields, where)
    if is_open:
        ruling.changes_catalog |= name == "DoStmt" or where.judge.opaque != opaque
    elif name in _KEPT and (by_text or where.judge.asked != judged):
        # what the code's names mean may change before it runs
        message = f"{KINDS[name].label} of a statement that runs functions of users is not available to you"
        hint = "Run the statement itself; drivers may prepare it by the protocol."
        raise Refusal("0A000", message, hint=hint)
    return ruling


def _query(ruling: Ruling, _: Node, where: Circumstances) -> None:
    """Substitute what is read, refuse protected targets; SELECT INTO stores what the caller sees."""
    _references(ruling, where)
    if ruling.found.stores:
        check_mentions(ruling, where)
    elif ruling.kind == "DeclareCursorStmt" and ruling.changes_names:
        raise Refusal("0A000", "DECLARE of a statement that changes what names mean is not available to you")


def _block(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    """DO: everything in the block is examined, nothing is rewritten."""
    try:
        verdict = where.judge.verdict_on(where.judge.examiner.examine(written_body(*block_of(fields))))
    except Unreadable as unreadable:
        reason: str | None = str(unreadable)
    else:
        reason = verdict.reason
        ruling.changes_names |= verdict.changes_names
        ruling.unknown |= verdict.unknown
        ruling.unknown_functions |= verdict.unknown_functions
    if reason is not None:
        hint = "Send the statements of the block one by one."
        raise Refusal("42501", f"this block may not run: {reason}", hint=hint)


def _explain(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    """EXPLAIN of a statement is the statement itself, ruled and edited as ever, where its plan may be seen."""
    inlined = where.judge.inlined
    inner = rule(fields["query"], dataclasses.replace(where, explained=True))
    for each in dataclasses.fields(inner):
        if each.name not in {"node", "kind"}:
            setattr(ruling, each.name, getattr(inner, each.name))
    if not ruling.unknown:
        everything = inner.kind == "ExecuteStmt" or where.judge.inlined != inlined
        explaining.check(
            inner.relations, where.world, where.catalog, keyed=where.key is not None, everything=everything
        )


def _prepare(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    """PREPARE: every name gets its schema, for the server reads them again when the search path has changed."""
    if next(iter(fields["query"])) not in {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}:
        raise Refusal("0A000", "only queries can be prepared")
    _query(ruling, fields, where)
    if ruling.changes_names:
        raise Refusal("0A000", "PREPARE of a statement that changes what names mean is not available to you")
    for reference in ruling.found.references:
        _qualify(ruling, reference, where)


def _copy(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    if (fields.get("is_program") or "filename" in fields) and not where.judge.is_open:
        hint = "Use COPY ... TO STDOUT or FROM STDIN (in psql: \\copy)."
        raise Refusal("42501", "COPY to or from files and programs of the server is not available to you", hint=hint)
    _references(ruling, where, mentions=False)
    for reference in ruling.found.references:
        if reference.node is not fields.get("relation"):
            continue
        if fields.get("is_from"):
            targets: list[Target] = []
            _target(ruling, reference, "CopyStmt", fields, where, targets)
            _write(ruling, targets)
        else:
            meaning = _meaning(ruling, reference, where)
            if isinstance(meaning, Relation) and where.world.protects(meaning.oid):
                at = position(where.data, reference.node)
                view = caller_view(meaning, where.world, where.catalog, where.key, at)
                ruling.filtered += [(meaning, each) for each in view.filters]
                ruling.copied = copied(fields, reference, view, where.data)


def _store(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    if "ExecuteStmt" in fields["query"] and not where.judge.is_open:
        raise Refusal("0A000", "CREATE TABLE AS EXECUTE is not available to you", hint="Write the query out.")
    _references(ruling, where, mentions=False)
    check_mentions(ruling, where)
    if fields.get("objtype") == "OBJECT_MATVIEW" and where.world.filters:
        inventory.check_counts(ruling)  # nothing of it is edited for the one who makes it alone
    if fields.get("objtype") == "OBJECT_MATVIEW" and ruling.substitutes and not ruling.unknown:
        meant = {id(each.reference): each.relation for each in ruling.substitutes}
        if any(where.world.filters_behind(each.relation) for each in ruling.substitutes):
            reason = "rows are hidden from you that it would hold"
            refuse_definition(ruling, _first(ruling), reason=reason)
        if not where.judge.is_open:
            check_stored_view(fields["query"].get("SelectStmt", {}), ruling.found, meant, where.world)
        ruling.substitutes.clear()  # real values are stored, and masked again when they are read


def _view(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    """CREATE VIEW passes as it is: what is masked is decided for each reader, when it is read."""
    columns: set[str] = set()
    protected = temporary = None
    for reference in ruling.found.references:
        if reference.role != "read":
            continue
        meaning = _meaning(ruling, reference, where)
        if isinstance(meaning, Relation):
            columns.update(column.name for column in meaning.columns)
            if where.world.hides(meaning.oid):
                protected = f"{meaning.schema}.{meaning.name}"
        elif meaning is Elsewhere.TEMPORARY:
            temporary = written_name(reference)
    check_mentions(ruling, where)
    if ruling.unknown:
        return
    if where.world.filters:
        inventory.check_counts(ruling)
    uses = _functions(ruling, columns, where)
    if protected is not None:
        if temporary is not None or is_temporary(fields["view"]):
            message = f"a temporary view over protected {protected} is not available to you"
            raise Refusal("0A000", message, hint="Create it as a lasting view, or use WITH in the query.")
        check_view(fields, ruling.found, protected, where.catalog, where.data)
        check_view_functions(uses, protected, where.judge.listed)


def _definition(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    if ruling.kind == "CreateSchemaStmt":  # CREATE SCHEMA ... CREATE VIEW ...
        for element in fields.get("schemaElts", []):
            part = rule(element, where)
            ruling.unknown |= part.unknown
            ruling.relations += part.relations
        return
    verbose = any(
        option["DefElem"].get("defname") == "verbose" for option in fields.get("options", []) if "DefElem" in option
    )
    if ruling.kind == "VacuumStmt" and verbose:
        raise Refusal(
            "42501", "VERBOSE is not available to you", detail="It shows sizes of hidden values.", hint="Leave it out."
        )
    if ruling.kind == "ClusterStmt" and "relation" not in fields:
        raise Refusal("42501", "CLUSTER of every table is not available to you", hint="Name the table.")
    reason = administration.reason_against_type(ruling.kind, fields, where.world, where.catalog)
    if reason is not None:
        message = f"{KINDS[ruling.kind].label} is not available to you: {reason}"
        raise Refusal("42501", message, hint="Ask an administrator to do this.")
    inventory.check_definition(ruling, fields, where)
    used_by_definition(ruling.kind, fields, ruling.found, where.judge)
    for reference in ruling.found.references:  # a table's own rows are converted, checked and indexed
        if reference.node is fields.get("relation"):
            meaning = meaning_of(reference.node, where.names, where.catalog)
            ruling.oids |= types_in(meaning, where.catalog) if isinstance(meaning, Relation) else {ANY_TYPES}
    _references(ruling, where, mentions=False)
    check_mentions(ruling, where)
    names = administration.relation_names(ruling.kind, fields)
    strings = (ruling.found.strings if names is None else names) & where.world.guarded
    if fields.get("renameType") == "OBJECT_SCHEMA":
        strings |= {fields.get("subname", "")} & where.world.schemas
    if ruling.substitutes or strings:
        refuse_definition(ruling, min(strings) if strings else _first(ruling))


def _code(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    """CREATE FUNCTION: its body has to be harmless for the one who creates it."""
    verdict = created_function(fields, where.data, where.judge)
    if verdict.reason is not None:
        message = f"creating {fields['funcname'][-1]['String']['sval']} is not available to you: {verdict.reason}"
        raise Refusal("42501", message, hint="Ask an administrator to create it.")
    ruling.unknown |= verdict.unknown
    ruling.unknown_functions |= verdict.unknown_functions


def _setting(_: Ruling, fields: Node, where: Circumstances) -> None:
    settings.check_set(fields, is_open=where.judge.is_open)


def _show(_: Ruling, fields: Node, __: Circumstances) -> None:
    settings.check_show(fields)


def _pass(_: Ruling, __: Node, ___: Circumstances) -> None:
    """Nothing of a relation is read or written."""


_WAYS = {
    "query": _query,
    "block": _block,
    "declare": _query,
    "explain": _explain,
    "prepare": _prepare,
    "execute": _query,
    "copy": _copy,
    "store": _store,
    "view": _view,
    "definition": _definition,
    "code": _code,
    "setting": _setting,
    "show": _show,
    "pass": _pass,
}


def _references(ruling: Ruling, where: Circumstances, *, mentions: bool = True) -> None:
    """Account for every reference of a statement: substituted, an allowed target, or refused.

    `mentions`: whether anything else than SELECT INTO's new table may be left over, which is then refused.
    """
    found = ruling.found
    columns: set[str] = set()
    targets: list[Target] = []
    for reference in found.references:
        if reference.role == "target":
            columns |= _target(ruling, reference, reference.statement, reference.fields, where, targets)
        elif reference.role == "read":
            columns |= _read(ruling, reference, where)
        elif mentions and not found.stores:
            raise Refusal("0A000", f"{written_name(reference)} stands where a relation is not expected")
        # the server may read the text again under another search path, where the name is a protected relation's
        if reference.role != "mention" and reference.node["relname"] in where.world.names:
            _qualify(ruling, reference, where)
    if not ruling.unknown:
        _functions(ruling, columns, where)
        check_system_columns(found, ruling.substitutes, where.data)
        if where.world.filters:
            inventory.check(ruling, where)
        ruling.patches += tableoid.patches(found, ruling.substitutes, where.data)
        ruling.patches += grouping.patches(ruling.substitutes, where.world, where.catalog, where.data)
        ruling.literal_free &= not grouping.keyed_by_place(ruling.substitutes)
        check_same_names(found, ruling.substitutes, where.data)
        certain = None if ANY_TYPES in ruling.oids else columns  # of temporary relations they are not known
        ruling.patches += rows.patches(found, ruling.substitutes, certain, ruling.node, where.data)
        _write(ruling, targets)


def _write(ruling: Ruling, targets: list[Target]) -> None:
    """Edit the statement for what it writes, once every name in it is known."""
    for target in targets:
        target.rule()
        ruling.patches += target.patches
        ruling.counts_values |= target.counts_values
        ruling.literal_free &= target.literal_free
        ruling.probes += target.probes
        ruling.filtered += [(target.relation, each) for each in target.filters]
        if target.hidden:
            ruling.written.append(target)


def _functions(ruling: Ruling, columns: set[str], where: Circumstances) -> Uses:
    """Refuse functions that may not run; returns the user functions that the statement uses."""
    try:
        uses = uses_of(where.data, ruling.found, where.catalog, where.names, columns, ruling.oids)
    except Refusal:
        if not where.judge.is_open:
            raise
        ruling.changes_names = ruling.changes_catalog = True
        return Uses()
    ruling.changes_names |= where.judge.check(uses, ruling.unknown)
    ruling.unknown_functions |= uses.unknown
    return uses


def _read(ruling: Ruling, reference: Reference, where: Circumstances) -> set[str]:
    meaning = _meaning(ruling, reference, where)
    if not isinstance(meaning, Relation):
        return set()
    # what hides nothing stays as it is where a subquery could not stand for it
    if where.world.protects(meaning.oid) and (where.world.hides(meaning.oid) or replaceable(ruling.found, reference)):
        at = position(where.data, reference.node)
        plain = meaning.oid in where.world.filters and filtering.is_plain(
            ruling.found, reference, meaning, ruling.node, where.catalog
        )
        made = substitute_for(
            *(ruling.found, reference, meaning, where.world, where.catalog, where.key, at),
            explained=where.explained,
            plain=plain,
        )
        ruling.substitutes.append(made)
        ruling.filtered += [(meaning, each) for each in made.filters]
        ruling.settled.add(id(reference.node))
        ruling.relations.extend(made.reads)
    return {column.name for column in meaning.columns}


def _target(  # noqa: PLR0913, PLR0917  a statement is named by its kind and its fields
    ruling: Ruling, reference: Reference, kind: str, fields: Node, where: Circumstances, targets: list[Target]
) -> set[str]:
    """Refuse what may not be written at all; the rest is ruled when every name of the statement is known."""
    meaning = _meaning(ruling, reference, where)
    if isinstance(meaning, Relation):
        targets.append(target_of(ruling, reference, meaning, (kind, fields), where))
        return {column.name for column in meaning.columns}
    if meaning is Elsewhere.TEMPORARY:
        check_temporary(ruling, reference, where)
    return set()


def _meaning(ruling: Ruling, reference: Reference, where: Circumstances) -> Meaning:
    """Resolve a reference; what the caller may not touch in any way is refused here."""
    meaning = meaning_of(reference.node, where.names, where.catalog)
    if isinstance(meaning, Relation):
        ruling.relations.append((meaning.schema, meaning.name))
        ruling.oids |= types_in(meaning, where.catalog)
        reason = reason_against(meaning, where.world, where.catalog)
        if reason is not None:
            message = f"reading {meaning.schema}.{meaning.name} is not allowed: {reason}"
            raise Refusal(
                "42501", message, hint="Query the tables themselves.", position=position(where.data, reference.node)
            )
        ruling.changes_names |= check_read(where.judge, meaning, ruling.unknown, ruling.unknown_functions)
    elif meaning is Elsewhere.UNKNOWN:
        ruling.unknown.add(reference.written)
    elif meaning is Elsewhere.ABSENT:
        raise absent(where.data, reference.node)
    else:
        _check_temporary(reference, where)
        ruling.relations.append(("pg_temp", reference.node["relname"]))
        ruling.oids.add(ANY_TYPES)
    return meaning


def _check_temporary(reference: Reference, where: Circumstances) -> None:
    """Refuse a temporary view over what is protected, or over what the snapshot does not hold."""
    name = reference.node["relname"]
    for oid in () if where.judge.is_open else where.names.temporary_views.get(name, ()):
        if where.world.hides(oid) or oid in where.world.barred or oid not in where.catalog.relations:
            message = f"reading temporary view {name} is not allowed: it reads what is protected"
            hint = "Create it as a lasting view, or query the tables themselves."
            raise Refusal("42501", message, hint=hint, position=position(where.data, reference.node))


def _qualify(ruling: Ruling, reference: Reference, where: Circumstances) -> None:
    """Give a name that stays in the text the schema that it is found in now."""
    node = reference.node
    if id(node) in ruling.settled or "schemaname" in node:
        return
    ruling.settled.add(id(node))
    meaning = meaning_of(node, where.names, where.catalog)
    if isinstance(meaning, Relation):
        if not where.world.protects(meaning.oid) or reference.role != "mention":
            ruling.qualified.append((node, meaning.schema))
    elif meaning is Elsewhere.TEMPORARY:
        ruling.qualified.append((node, "pg_temp"))


def _first(ruling: Ruling) -> str:
    relation = (ruling.substitutes[0] if ruling.substitutes else ruling.written[0]).relation
    return f"{relation.schema}.{relation.name}"
