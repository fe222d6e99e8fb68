"""Statement in, statement out: the client's text with every protected table replaced by the caller's view of it.

Owns the order of the walk: read, rule on each statement, edit, prove. May not do: any of that by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rewriter.kept import Kept
from rewriter.model import Edit, Filtered, Name, Refusal, Rewritten, UnknownNames
from rewriter.mysql import proof
from rewriter.mysql.code import Judge
from rewriter.mysql.constants import constants
from rewriter.mysql.editing import edited
from rewriter.mysql.kinds import KINDS, behind_limits, kind_of
from rewriter.mysql.lexer import MODES, apply, unwrap
from rewriter.mysql.reading import MAX_BYTES, Statement, parse, read
from rewriter.mysql.ruling import Circumstances, Ruling
from rewriter.mysql.rulings import rule
from rewriter.mysql.scopes import walk
from rewriter.mysql.settings import leaves_modes
from rewriter.mysql.world import World, world_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.model import Decision
    from rewriter.mysql.catalog import Catalog, Facts
    from rewriter.mysql.masks import KeyMaterial
    from rewriter.mysql.substitution import TextEdit


def rewrite(  # noqa: PLR0913  the six things a ruling depends on, and a limit
    text: str,
    *,
    catalog: Catalog,
    facts: Facts,
    decision: Decision,
    key: KeyMaterial | None = None,
    listed_functions: frozenset[str] = frozenset(),
    limit: int = MAX_BYTES,
    whole: bool = True,
) -> Rewritten:
    """Rewrite one text of a COM_QUERY or COM_STMT_PREPARE for a caller.

    `listed_functions` are stored functions that the policies allow, as "schema.name". `limit` is the longest text in bytes. `whole`: the
    decision is that for all the caller's statements. Raises
    Refusal with what the caller is told, UnknownNames with names to be looked up: read the catalog again, and where it still does
    not hold them, add them to `facts.absent`. Pass the same catalog, decision and list again while they are current.
    """
    if whole and decision.all_clear:
        return _unchanged(text, facts)
    if facts.modes - MODES and leaves_modes(text):
        return _passing(text, ("SET",))
    try:
        plain, unwrapped = unwrap(text, facts.modes, catalog)
        reading = read(plain, facts.modes, limit)
        world = world_of(catalog, decision)
        where = Circumstances(reading, catalog, facts, world, key, _judge(catalog, world, listed_functions))
        rulings = [rule(statement, where) for statement in reading.statements]
        _check_names(rulings)
        _check_order(rulings)
        return _rewritten(text, plain, unwrapped, rulings, where, limit)
    except (Refusal, UnknownNames):
        raise
    except RecursionError:
        raise Refusal("54001", "the statement is nested too deeply", hint="Use fewer nested expressions.") from None
    except Exception as error:
        # whatever goes wrong on this way must not let the statement pass
        message = f"the statement could not be analysed ({type(error).__name__})"
        raise Refusal("XX000", message, hint="Write it in a simpler form, and report this message.") from error


_RUNNING: Final = frozenset({"PREPARE", "EXECUTE IMMEDIATE", "BEGIN NOT ATOMIC"})
"""Kinds of statements with others in them."""


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a text of a caller from whom nothing is hidden, for the audit: kinds, and tables (schema, name).

    `calls` are the routines that it runs, in lower case; None when it may run any whose name stands in it.
    """

    kinds: tuple[str, ...]
    relations: tuple[Name, ...]
    changes_catalog: bool
    calls: frozenset[str] | None = None


def describe(text: str, facts: Facts) -> Description:
    """Describe a text that passes as it is; raises nothing. What cannot be read is of kind UNKNOWN and may change the catalog."""
    try:
        reading = read(text, facts.modes)
        kinds = tuple(kind_of(statement) for statement in reading.statements)
    except Exception:  # noqa: BLE001  the server says what is wrong with it
        return Description(("UNKNOWN",), (), changes_catalog=True)
    relations: dict[Name, None] = {}
    for statement, name in zip(reading.statements, kinds, strict=True):
        if name not in KINDS or KINDS[name].way != "query":
            continue
        try:
            found = walk(parse(reading, statement, behind_limits(statement)), text, statement, folds=False)
        except Exception:  # noqa: BLE001, S112  its tables stay unknown
            continue
        relations.update({(r.schema or facts.schema or "", r.name): None for r in found.references})
    hides = "/*!" in text or "/*M!" in text
    changes = any(name not in KINDS or KINDS[name].changes_catalog for name in kinds) or hides
    calls = None if hides or not KINDS.keys() - _RUNNING >= {*kinds} else _calls(reading.statements)
    return Description(tuple(n if n in KINDS else "UNKNOWN" for n in kinds), tuple(relations), changes, calls)


def _calls(statements: Iterable[Statement]) -> frozenset[str]:
    """What stands before a parenthesis and can be a name, in double quotes, too; in CALL, all that can."""
    return frozenset(
        token.text.strip('"').lower()
        for statement in statements
        for place, token in enumerate(statement.tokens)
        if (token.named or token.kind == "string") and (statement.word(place + 1) == "(" or statement.word(0) == "CALL")
    )


def _unchanged(text: str, facts: Facts) -> Rewritten:
    """The statement of a caller who sees every column as it is."""
    described = describe(text, facts)
    reading = all(kind in KINDS and KINDS[kind].way in {"query", "show", "explain"} for kind in described.kinds)
    return _passing(
        text,
        described.kinds,
        described.relations,
        changes_names=not reading,
        changes_catalog=described.changes_catalog,
    )


def _passing(
    text: str,
    kinds: tuple[str, ...],
    relations: tuple[Name, ...] = (),
    *,
    changes_names: bool = True,
    changes_catalog: bool = False,
) -> Rewritten:
    """A text that passes as it is."""
    return Rewritten(
        text=text,
        edits=(),
        kinds=kinds,
        relations=relations,
        uses=(),
        probes=(),
        compared=(),
        changes_names=changes_names,
        changes_catalog=changes_catalog,
        literal_free=False,
        constants=frozenset(),
    )


def _rewritten(  # noqa: PLR0913, PLR0917  what was read and ruled
    text: str,
    plain: str,
    unwrapped: tuple[TextEdit, ...],
    rulings: list[Ruling],
    where: Circumstances,
    limit: int,
) -> Rewritten:
    made, edits = edited(rulings, where, limit)
    merged = merge(unwrapped, edits) if unwrapped else edits
    if unwrapped and apply(text, merged) != made:
        raise proof.unproved()
    free = _constants(plain, unwrapped, rulings, where)
    return Rewritten(
        text=made if merged else text,
        edits=tuple(Edit(*edit) for edit in merged),
        kinds=tuple(ruling.kind for ruling in rulings),
        relations=tuple(dict.fromkeys(name for ruling in rulings for name in ruling.relations)),
        uses=tuple(dict.fromkeys(use for ruling in rulings for use in ruling.uses)),
        probes=tuple(probe for ruling in rulings for probe in ruling.probes),
        compared=tuple(dict.fromkeys(use for ruling in rulings for use in ruling.compared)),
        changes_names=any(ruling.changes_names for ruling in rulings),
        changes_catalog=any(ruling.changes_catalog for ruling in rulings),
        literal_free=free is not None,
        constants=free or frozenset(),
        masked=rulings[0].masked if len(rulings) == 1 else (),
        filters=tuple(
            dict.fromkeys(
                Filtered(table.schema, table.name, rule) for ruling in rulings for table, rule in ruling.filtered
            )
        ),
    )


def _constants(
    plain: str, unwrapped: tuple[TextEdit, ...], rulings: list[Ruling], where: Circumstances
) -> frozenset[int] | None:
    """Where the constants of a plain SELECT stand, when its ruling depends on none of their values; else None.

    A write's edits repeat what it writes, and so do a search and the names that are given to result columns.
    """
    if unwrapped or len(rulings) != 1 or rulings[0].kind != "SELECT" or rulings[0].labels or rulings[0].probes:
        return None
    if rulings[0].moved:
        return None
    return constants(where.reading.statements[0].tokens, plain)


def merge(first: tuple[TextEdit, ...], second: list[TextEdit]) -> list[TextEdit]:
    """The edits of a text that do what two rounds of edits do, the second of which was made on the result of the first.

    Edits of the first round within one of the second are gone with it. Raises ValueError when they overlap otherwise.
    """
    merged: list[TextEdit] = []
    waiting = list(first)
    shift = 0  # of a place after the first round against the same place before it
    for start, end, replacement in second:
        while waiting and waiting[0][0] + shift + len(waiting[0][2]) <= start:
            done = waiting.pop(0)
            merged.append(done)
            shift += len(done[2]) - (done[1] - done[0])
        begin = start - shift
        while waiting and waiting[0][0] + shift < end:
            done = waiting.pop(0)
            shift += len(done[2]) - (done[1] - done[0])
        merged.append((begin, end - shift, replacement))
    return [*merged, *waiting]


def _check_names(rulings: list[Ruling]) -> None:
    """Every name is known, or has been looked up and is nowhere."""
    unknown = frozenset(name for ruling in rulings for name in ruling.unknown)
    if unknown:
        raise UnknownNames(unknown)


def _check_order(rulings: list[Ruling]) -> None:
    """Refuse a text whose later statements would be read under names or modes that its earlier ones change.

    SELECT @a, @b reads the same under all of them: drivers send it behind CALL, for parameters that give something back.
    """
    named = [place for place, ruling in enumerate(rulings) if not _only_variables(ruling.statement)]
    for ruling in rulings[: named[-1] if named else 0]:
        if ruling.changes_names or ruling.changes_catalog:
            message = "this text changes what names mean and then goes on"
            raise Refusal("42000", message, hint="Send its statements one by one.")


def _only_variables(statement: Statement) -> bool:
    """Whether a statement is SELECT and user variables, each with a name for the result or without, and nothing else."""
    tokens = statement.tokens
    if statement.word(0) != "SELECT" or len(tokens) == 1:
        return False
    place = 1
    while place < len(tokens) and tokens[place].kind == "variable":
        place += 1
        if statement.word(place) == "AS":
            place += 1
            if place == len(tokens) or not tokens[place].named:
                return False
        place += place < len(tokens) and tokens[place].named
        if place == len(tokens):
            return True
        if statement.word(place) != ",":
            return False
        place += 1
    return False


def _judges(catalog: Catalog) -> Kept[Kept[Judge]]:
    return Kept(lambda world: Kept(lambda listed: Judge(catalog, world, listed), 4), 256)


_by_catalog: Kept[Kept[Kept[Judge]]] = Kept(_judges, 16)


def _judge(catalog: Catalog, world: World, listed: frozenset[str]) -> Judge:
    return _by_catalog(catalog)(world)(listed)
