"""Statement in, statement out: the client's text with every protected relation replaced by the caller's view of it.

Owns the order of the walk: read, rule on each statement, edit, prove. May not do: any of that by itself.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rewriter.model import MAX_BYTES, Edit, Filtered, Refusal, Rewritten, UnknownNames
from rewriter.postgres import explaining, proof
from rewriter.postgres.abridging import Abridged, abridge
from rewriter.postgres.catalog import Relation
from rewriter.postgres.code import judge_of
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.joining import join
from rewriter.postgres.kinds import changes
from rewriter.postgres.names import meaning_of
from rewriter.postgres.predicates import compared
from rewriter.postgres.reading import Reading, character, encode, kind, read, tokens
from rewriter.postgres.ruling import Circumstances, Ruling
from rewriter.postgres.rulings import rule
from rewriter.postgres.scopes import walk
from rewriter.postgres.searching import STATEMENTS, search
from rewriter.postgres.substitution import Splice, apply, requalify, splice_of
from rewriter.postgres.world import world_of

if TYPE_CHECKING:
    from policies.model import Decision
    from rewriter.model import Use, WrittenName
    from rewriter.postgres.catalog import Catalog, Names
    from rewriter.postgres.masks import KeyMaterial
    from rewriter.postgres.sites import Exact


def rewrite(  # noqa: PLR0913, PLR0917  the six things a ruling depends on, and a limit
    text: str,
    catalog: Catalog,
    names: Names,
    decision: Decision,
    key: KeyMaterial | None = None,
    listed_functions: frozenset[str] = frozenset(),
    *,
    limit: int = MAX_BYTES,
    whole: bool = True,
) -> Rewritten:
    """Rewrite one text of a simple Query or a Parse message for a caller.

    `listed_functions` are user functions that the policies allow, as "schema.name". `limit` is the longest text in
    bytes. `whole`: the decision is that for all the caller's statements, so that one who sees everything needs no name resolved. Raises Refusal with what the caller is told, UnknownNames with the names that must be looked up on the session's
    own connection first. Pass the same catalog, names, decision and list again while they are current.
    """
    try:
        data = encode(text, limit)
        world = world_of(catalog, decision)
        judge = judge_of(catalog, names, world, key, listed_functions)
        where = Circumstances(data, catalog, names, world, key, judge)
        try:
            return _read(text, abridge(data) or Abridged(data), where, limit, unchanged=whole and decision.all_clear)
        except _InFull:
            return _read(text, Abridged(data), where, limit, unchanged=whole and decision.all_clear)
    except (Refusal, UnknownNames):
        raise
    except RecursionError:
        raise Refusal("54001", "the statement is nested too deeply", hint="Use fewer nested expressions.") from None
    except Exception as error:
        # whatever goes wrong on this way must not let the statement pass
        message = f"the statement could not be analysed ({type(error).__name__})"
        raise Refusal("XX000", message, hint="Write it in a simpler form, and report this message.") from error


class _InFull(Exception):  # noqa: N818  not a fault
    """The ruling looked at constants or edits among them, so that none may be left out."""


def _read(text: str, short: Abridged, where: Circumstances, limit: int, *, unchanged: bool) -> Rewritten:
    """Rewrite a text by what is read of it. Raises _InFull when more of it must be read."""
    try:
        reading = read(short.data)
        if unchanged:
            return _unchanged(text, reading, where.catalog, where.names)
        if short.lists:
            where = dataclasses.replace(where, data=short.data)
        return _rewrite(text, reading, short, where, limit)
    except Refusal as refusal:
        if refusal.position is not None and short.lists:
            place = len(short.data.decode()[: refusal.position - 1].encode())
            refusal.position = character(text.encode(), short.place(place)) + 1
        raise


def _rewrite(text: str, reading: Reading, short: Abridged, where: Circumstances, limit: int) -> Rewritten:
    rulings = [rule(statement["stmt"], where) for statement in reading.statements]
    _check_order(rulings)
    _check_names(rulings, reading.relations)
    exact: list[Exact] = []
    touched: list[Use] = []
    for ruling in rulings:
        mine = [*_searched(ruling, where), *_joined(ruling, where)]
        touched += _compared(ruling, mine)
        exact += mine
    splices = _splices(rulings, exact, where)
    if any(ruling.kind == "ExplainStmt" for ruling in rulings):
        explaining.check_edits(splices, where.key)
    counts_values = False
    literal_free = not (any(found.literal for found in exact) or _cover_literal(where.data, splices))
    for ruling in rulings:
        literal_free = literal_free and ruling.literal_free
        counts_values = counts_values or ruling.counts_values
    looked = counts_values or not literal_free
    if short.lists and (looked or any(short.among(splice.start, splice.end) for splice in splices)):
        raise _InFull
    edited = apply(where.data, splices)
    if edited is not None:
        proof.prove(reading.statements, edited, limit + len(edited))
    data = where.data
    if short.lists:
        data = text.encode()
        splices = [Splice(short.place(s.start), short.place(s.end), s.replacement) for s in splices]
        edited = apply(data, splices)
    relations: list[tuple[str, str]] = []
    uses: list[Use] = []
    probes = [probe for found in exact for probe in found.probes]
    changes_names = changes_catalog = False
    for ruling in rulings:
        relations += ruling.relations
        probes += ruling.probes
        changes_names = changes_names or ruling.changes_names
        changes_catalog = changes_catalog or ruling.changes_catalog
        for made in (*ruling.substitutes, *([ruling.copied[0]] if ruling.copied else ()), *ruling.written):
            uses += made.uses
    return Rewritten(
        text=text if edited is None else edited,
        edits=_edits(data, splices),
        kinds=tuple([ruling.kind for ruling in rulings]),
        relations=tuple(dict.fromkeys(relations)),
        uses=tuple(dict.fromkeys(uses)),
        probes=tuple(probes),
        compared=tuple(dict.fromkeys(touched)),
        changes_names=changes_names,
        changes_catalog=changes_catalog,
        literal_free=literal_free and not short.lists,
        constants=frozenset().union(*[ruling.found.constants for ruling in rulings]),
        filters=_filtered(rulings),
    )


def _filtered(rulings: list[Ruling]) -> tuple[Filtered, ...]:
    """What leaves out rows of the statements' relations, once each."""
    found = [each for ruling in rulings for each in ruling.filtered]
    return tuple(dict.fromkeys(Filtered(table.schema, table.name, filtered.rule) for table, filtered in found))


def _unchanged(text: str, reading: Reading, catalog: Catalog, names: Names) -> Rewritten:
    """The statement of a caller who sees every column as it is."""
    relations = []
    for statement in reading.statements:
        for reference in walk(statement["stmt"]).references:
            try:
                meaning = meaning_of(reference.node, names, catalog)
            except Refusal:
                continue  # the server says the same in its own words
            schema, name = reference.written
            relations.append((meaning.schema, meaning.name) if isinstance(meaning, Relation) else (schema or "", name))
    flags = [changes(statement["stmt"]) for statement in reading.statements]
    configures = "set_config" in text.lower()
    return Rewritten(
        text=text,
        edits=(),
        kinds=tuple(kind(statement) for statement in reading.statements),
        relations=tuple(dict.fromkeys(relations)),
        uses=(),
        probes=(),
        compared=(),
        changes_names=configures or any(names for names, _ in flags),
        changes_catalog=any(catalog for _, catalog in flags),
        literal_free=not configures,
        constants=frozenset(),
    )


def _check_order(rulings: list[Ruling]) -> None:
    """Refuse a text whose later statements would be read under names that its earlier ones change."""
    changed = False
    for ruling in rulings:
        if changed and (ruling.found.references or ruling.found.functions):
            message = "this text changes what names mean and then uses names"
            raise Refusal("0A000", message, hint="Send its statements one by one.")
        changed = changed or ruling.changes_names or ruling.changes_catalog


def _check_names(rulings: list[Ruling], relations: int) -> None:
    """Every name is known, and each of the `relations` names of relations in the text has been ruled upon."""
    unknown: set[WrittenName] = set()
    functions: set[WrittenName] = set()
    for ruling in rulings:
        unknown |= ruling.unknown
        functions |= ruling.unknown_functions
        relations -= len(ruling.found.references) + ruling.found.item_references
    if unknown or functions:
        raise UnknownNames(frozenset(unknown), frozenset(functions))
    if relations:
        raise proof.unproved()


def _searched(ruling: Ruling, where: Circumstances) -> list[Exact]:
    """The conditions of a statement that are answered on real values, moved to where these are."""
    world = where.world
    if ruling.kind not in STATEMENTS or not world.searchable:
        return []
    return search(ruling.node, ruling.substitutes, world.treatments, world.views, tokens(where.data))


def _joined(ruling: Ruling, where: Circumstances) -> list[Exact]:
    """The conditions of a statement that compare the real values of two columns."""
    if ruling.kind not in STATEMENTS or not where.world.joinable or where.key is None:
        return []
    return join(ruling.node, ruling.found, ruling.substitutes, where.world, where.key, tokens(where.data))


def _compared(ruling: Ruling, answered: list[Exact]) -> tuple[Use, ...]:
    """What the conditions compare that is not shown as it is, but for those `answered` on real values."""
    exact = {id(column) for found in answered for column in found.columns}
    for target in ruling.written:
        exact |= target.exact
    return compared(ruling.found, [*ruling.substitutes, *ruling.written], exact)


def _splices(rulings: list[Ruling], exact: list[Exact], where: Circumstances) -> list[Splice]:
    """All edits of the text; the trees are changed into what the edited text must read as."""
    if not (exact or any(r.substitutes or r.copied or r.qualified or r.patches for r in rulings)):
        return []
    lexed = tokens(where.data)
    splices = [found.splice for found in exact]
    for ruling in rulings:
        edited = frozenset[int]().union(*(target.replaced for target in ruling.written))
        for column, splice in requalify(where.data, ruling.found, ruling.substitutes, lexed, edited):
            proof.expect_unqualified(column)
            splices.append(splice)
        for substitute in ruling.substitutes:
            splices.append(splice_of(substitute, lexed))
            proof.expect_subquery(substitute)
        if ruling.copied is not None:
            substitute, splice = ruling.copied
            proof.expect_copied_query(ruling.node["CopyStmt"], substitute)
            splices.append(splice)
        for node, schema in ruling.qualified:
            start = node.get("location", 0)
            splices.append(Splice(start, start, f"{quote_identifier(schema)}."))
            proof.expect_schema(node, schema)
        for patch in ruling.patches:
            splices += patch.splices
            patch.expect()
    # the parser gives each column of SET (a, b) = ... a copy of what stands behind it, so that some edits come twice
    return sorted(dict.fromkeys(splices), key=_start)


def _start(splice: Splice) -> tuple[int, int]:
    return splice.start, splice.end


def _edits(data: bytes, splices: list[Splice]) -> tuple[Edit, ...]:
    if data.isascii():
        return tuple(Edit(splice.start, splice.end, splice.replacement) for splice in splices)
    return tuple(Edit(character(data, s.start), character(data, s.end), s.replacement) for s in splices)


def _cover_literal(data: bytes, splices: list[Splice]) -> bool:
    """An edit covers a literal only in U&"..." UESCAPE '!'."""
    return any(b"'" in data[splice.start : splice.end] for splice in splices)
