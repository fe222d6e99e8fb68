"""What stands in place of a relation that is read: the caller's view of a table, or the expanded definition of a view.

Owns the expansion of views, to any depth: a definition's protected references are substituted and its names made the
server's own, in its own text, and the result is proved like a client's statement. May not do: decide what is protected, or
edit a statement of the client.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewriter.model import MAX_BYTES, Refusal, Use
from rewriter.postgres import grouping, proof, system
from rewriter.postgres.catalog import Names, Relation
from rewriter.postgres.definitions import is_written
from rewriter.postgres.names import meaning_of
from rewriter.postgres.reading import encode, position, read, tokens
from rewriter.postgres.scopes import walk
from rewriter.postgres.substitution import Splice, Substitute, apply, needed_columns, requalify, splice_of, unedited
from rewriter.postgres.tableoid import TABLEOID, carries
from rewriter.postgres.views import CallerView

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Catalog
    from rewriter.postgres.masks import KeyMaterial
    from rewriter.postgres.reading import Tokens
    from rewriter.postgres.scopes import Findings, Reference
    from rewriter.postgres.world import World

Node = dict[str, Any]

_QUERIES = 1024
"""What takes the place of references, kept in a world; each is as long as a list of a relation's columns."""

_SERVER = Names(("pg_catalog",))
"""How a definition is to be read: the snapshot has it with every name qualified but for the server's own."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """A view's definition as the caller may read it. `reads` are the relations it names, views expanded included."""

    text: str
    uses: tuple[Use, ...]
    reads: tuple[tuple[str, str], ...]


def substitute_for(  # noqa: PLR0913, PLR0917  a reference, what it means, and all that its view depends on
    found: Findings,
    reference: Reference,
    relation: Relation,
    world: World,
    catalog: Catalog,
    key: KeyMaterial | None,
    where: int | None,
    *,
    explained: bool = False,
    plain: bool = False,
) -> Substitute:
    """What takes the place of a reference that `world` protects. `where` is its character in the client's text.

    `explained`: a plan will name the relation, so that it is called as the client calls it. `plain`: the statement computes nothing
    that could tell of a row that is filtered away.
    Raises Refusal: TABLESAMPLE, a denied column, a rule that cannot be applied, a definition that cannot be expanded.
    """
    if reference.sampled:
        raise _sampled(relation, where)
    known_as = reference.alias if explained and reference.alias != relation.name else ""
    tableoid = carries(found, reference, relation)
    columns = needed_columns(found, reference, relation)
    only = not reference.node.get("inh")
    filters = world.filters.get(relation.oid, ())
    fenced = bool(filters) and not plain
    what = (*place(relation, key), known_as, only, tableoid, fenced, *[column.number for column in columns])
    kept = world.queries.get(what)
    if kept is None:
        view = caller_view(relation, world, catalog, key, where)
        if known_as or not fenced:
            view = dataclasses.replace(view, known_as=known_as, fenced=fenced)
        query, uses = view.query(columns, only=only, tableoid=tableoid)
        behind = world.expansions[place(relation, key)] if view.body is not None else Expansion("", (), ())
        if len(world.queries) >= _QUERIES:  # a client may ask for any columns, under any name
            world.queries.clear()
        kept = world.queries[what] = (query, (*uses, *behind.uses), behind.reads)
    query, uses, reads = kept
    return Substitute(reference, relation, query, uses, reads, known_as=known_as, filters=filters, fenced=fenced)


def replaceable(found: Findings, reference: Reference) -> bool:
    """Whether a subquery can stand for a reference: it has no pages to sample, and no ctid."""
    return not reference.sampled and found.names.isdisjoint(system.SYSTEM_COLUMNS)


def caller_view(
    relation: Relation, world: World, catalog: Catalog, key: KeyMaterial | None, where: int | None
) -> CallerView:
    """The caller's view of a protected relation, the definition expanded when it is a view over protected ones."""
    body = expand(relation, world, catalog, key).text if relation.oid in world.views else None
    treatments, filters = world.treatments.get(relation.oid, {}), world.filters.get(relation.oid, ())
    return CallerView(relation, treatments, key, where, world.shown, body, filters=filters)


def place(relation: Relation, key: KeyMaterial | None) -> tuple[int, str]:
    """Where a world keeps the expansion of a view."""
    return relation.oid, key.fingerprint if key else ""


def expand(view: Relation, world: World, catalog: Catalog, key: KeyMaterial | None) -> Expansion:
    """The definition of a view with every protected relation substituted; made once in a world."""
    kept = world.expansions.get(place(view, key))
    if kept is None:
        try:
            kept = _expand(view, world, catalog, key)
        except Refusal as refusal:
            if refusal.sqlstate == "42501":
                raise
            message = f"the definition of {view.schema}.{view.name} cannot be expanded: {refusal.message}"
            hint = "Query the tables themselves."
            raise Refusal(refusal.sqlstate, message, detail=refusal.detail, hint=hint) from None
        world.expansions[place(view, key)] = kept
    return kept


def check_system_columns(found: Findings, substitutes: list[Substitute], data: bytes) -> None:
    """Refuse ctid and its like: a subquery has none, and the name could come to mean another relation's.

    tableoid passes where the subqueries that it may mean carry it, or stand for views, which have none.
    """
    if not substitutes:
        return
    if found.names.isdisjoint(system.SYSTEM_COLUMNS):
        return
    carrying = {id(one) for one in substitutes if carries(found, one.reference, one.relation)}
    for column in found.columns:
        fields = [part.get("String", {}).get("sval") for part in column["fields"]]
        if fields[-1] not in system.SYSTEM_COLUMNS:
            continue
        meant = [one for one in substitutes if len(fields) == 1 or fields[-2] == one.reference.alias]
        if fields[-1] == TABLEOID:
            meant = [one for one in meant if not (id(one) in carrying or _is_plain_view(one, fields))]
        if meant:
            full = f"{meant[0].relation.schema}.{meant[0].relation.name}"
            message = f"system column {fields[-1]} is not available, because columns of {full} are masked"
            hint = "Use the primary key, or qualify the column when another table is meant."
            raise Refusal("0A000", message, hint=hint, position=position(data, column))


def _is_plain_view(substitute: Substitute, fields: list[str | None]) -> bool:
    """Whether a bare tableoid cannot mean a substitute, because it is a view's."""
    return len(fields) == 1 and substitute.relation.kind == "v"


def check_same_names(found: Findings, substitutes: list[Substitute], data: bytes) -> None:
    """Refuse a.t, b.t without aliases in one FROM: their subqueries would have the same name."""
    if len(found.references) < 2:
        return
    hidden = {id(substitute.reference) for substitute in substitutes}
    alike: dict[tuple[int, str], list[Reference]] = {}
    for reference in found.references:
        if "alias" not in reference.node:
            alike.setdefault((id(reference.level), reference.alias), []).append(reference)
    for references in alike.values():
        mine = next((reference for reference in references if id(reference) in hidden), None)
        if mine is not None and len({reference.written for reference in references}) > 1:
            message = f'table name "{mine.alias}" specified more than once'
            hint = "Give each of them an alias."
            raise Refusal("42712", message, hint=hint, position=position(data, mine.node))


def _expand(view: Relation, world: World, catalog: Catalog, key: KeyMaterial | None) -> Expansion:
    definition = (view.definition or "").rstrip().removesuffix(";")
    data = encode(definition)
    reading = read(data)
    if len(reading.statements) != 1 or "SelectStmt" not in reading.statements[0]["stmt"]:
        raise proof.unproved()
    found = walk(reading.statements[0]["stmt"])
    if len(found.references) + found.item_references != reading.relations:
        raise proof.unproved()
    lexed = tokens(data)
    substitutes: list[Substitute] = []
    splices: list[Splice] = []
    reads: list[tuple[str, str]] = []
    for reference in found.references:
        meaning = meaning_of(reference.node, _SERVER, catalog)
        if not isinstance(meaning, Relation) or reference.role != "read" or meaning.oid in world.barred:
            raise proof.unproved()  # the world would have barred the view
        reads.append((meaning.schema, meaning.name))
        if world.protects(meaning.oid):
            substitutes.append(substitute_for(found, reference, meaning, world, catalog, key, None, explained=True))
            reads.extend(substitutes[-1].reads)
        elif "schemaname" not in reference.node:
            splices.append(_prefix(reference.node, lexed))
            proof.expect_schema(reference.node, "pg_catalog")
    check_system_columns(found, substitutes, data)
    for column, splice in requalify(data, found, substitutes, lexed):
        proof.expect_unqualified(column)
        splices.append(splice)
    for substitute in substitutes:
        splices.append(splice_of(substitute, lexed))
        proof.expect_subquery(substitute)
    for patch in grouping.patches(substitutes, world, catalog, data):
        splices += patch.splices
        patch.expect()
    splices += _own_names(found, catalog, lexed)
    text = apply(data, sorted(splices, key=lambda splice: splice.start)) or definition
    proof.prove(reading.statements, text, MAX_BYTES + len(text))
    uses = tuple(dict.fromkeys(use for substitute in substitutes for use in substitute.uses))
    return Expansion(text, uses, tuple(dict.fromkeys(reads)))


def _own_names(found: Findings, catalog: Catalog, lexed: Tokens) -> list[Splice]:
    """Edits that name functions, types and operators of pg_catalog in full, for the caller's path may find others first."""
    splices: list[Splice] = []
    for call in found.functions:
        # unnest of several arrays is special by its bare name (parse_clause.c, transformRangeFunction), and so nobody else's
        bare = len(call["funcname"]) == 1
        if bare and not (call["funcname"][0]["String"]["sval"] == "unnest" and len(call.get("args", [])) > 1):
            splices.append(_prefix(call, lexed))
            proof.expect_qualified(call["funcname"])
    for type_name in found.types:
        if len(type_name.get("names", [])) == 1:
            splices.append(_prefix(type_name, lexed))
            proof.expect_qualified(type_name["names"])
    for holder, parts in found.operators:
        name = parts[0]["String"]["sval"]
        if len(parts) > 1 or name not in catalog.operator_names:
            continue
        if is_written(holder):
            splices.append(_operator(holder, name, lexed))
            proof.expect_qualified(parts)
        elif name != "=" or catalog.operators.get(name):  # = that is not written: the server's own fits best
            message = f"it uses operator {name} in a form that cannot be told from operators of users"
            raise Refusal("0A000", message)
    return splices


def _prefix(node: Node, lexed: Tokens) -> Splice:
    start = lexed.starts[lexed.at(node.get("location", 0))]
    return Splice(start, start, "pg_catalog.")


def _operator(holder: Node, name: str, lexed: Tokens) -> Splice:
    index = lexed.at(holder.get("location", 0))
    if lexed.word(index) != name:
        raise unedited()
    return Splice(lexed.starts[index], lexed.ends[index], f"OPERATOR(pg_catalog.{name})")


def _sampled(relation: Relation, where: int | None) -> Refusal:
    if relation.kind == "v":
        message = "TABLESAMPLE clause can only be applied to tables and materialized views"
        return Refusal("42809", message, position=where)
    message = f"TABLESAMPLE on {relation.schema}.{relation.name} is not supported, because columns of it are masked"
    return Refusal("0A000", message, hint="Use LIMIT, or a condition on random().", position=where)
