"""The gate for PostgreSQL: how its statements are rewritten, what they change for those that follow, how it tells a refusal.

Owns the way from the gate to the rewriter of PostgreSQL, and what the session asks of a text besides its ruling.
May not do: I/O.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from proxy.changes import ANYTHING, Near, changed_names, defines, neighbours, reached
from proxy.code import Code, code_of
from proxy.declaring import Declaration, Family, forgets
from proxy.gate import Gate
from proxy.postgres.wire.messages import notice_response, report_fields
from proxy.seen import EVERYTHING, READ_AGAIN, Reading
from proxy.witness import Witness
from proxy.world import Effects, World
from rewriter.kept import Kept
from rewriter.model import Description, Refusal, Rewritten, Use
from rewriter.postgres.catalog import Catalog, Function, Names
from rewriter.postgres.functions import READERS
from rewriter.postgres.kinds import reads_nothing
from rewriter.postgres.lineage import Inheritance, inheritances, renamed
from rewriter.postgres.outermost import kind_of
from rewriter.postgres.reading import describe, encode, parse
from rewriter.postgres.rewrite import rewrite
from rewriter.postgres.system import STATISTICS
from rewriter.postgres.world import hidden_columns

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from policies.model import Decision, Label
    from policies.statements import Kind
    from proxy.plans import Makes, NamesEffect
    from rewriter.model import Name

_MASKED_CONDITION = "01000"
"""The SQLSTATE of a notice about masked conditions: a warning of no particular kind."""

_SYSTEM = frozenset(("pg_catalog", "information_schema"))
_COMPILED = frozenset(("c", "internal"))
"""Languages of functions that read nothing by names which somebody could change."""

_SAMPLES: Final = re.compile(rb"most_common|histogram|stavalues|stxd|\*", re.IGNORECASE)
"""The columns of statistics that hold values."""

PostgresWorld = World[Catalog, Names]


class PostgresGate(Gate[Catalog, Names]):
    """Decides for every caller of one PostgreSQL."""

    _family: Family = "postgresql"
    _readers: frozenset[str] = READERS
    _declaring: tuple[str, ...] = ("VariableSetStmt",)
    _steering: tuple[str, ...] = (
        "VariableSetStmt",
        "VariableShowStmt",
        "TransactionStmt",
        "DiscardStmt",
        "DeallocateStmt",
        "ClosePortalStmt",
        "ListenStmt",
        "UnlistenStmt",
        "NotifyStmt",
        "ConstraintsSetStmt",
        "LockStmt",
    )

    def error(self, refusal: Refusal) -> bytes:
        """The payload of the ErrorResponse that tells a refusal."""
        return error_payload(refusal)

    def _kind(self, world: PostgresWorld, text: str) -> Kind | None:  # noqa: ARG002  here a text tells it by itself
        return kind_of(text)

    def _rewrite(self, world: PostgresWorld, decision: Decision, text: str) -> Rewritten:
        assert world.names is not None
        return rewrite(
            text,
            catalog=world.catalog,
            names=world.names,
            decision=decision,
            key=world.key,
            listed_functions=self.listed_functions(),
            limit=self.analysed_bytes,
            whole=decision is world.decision,
        )

    def _reads(self, world: PostgresWorld, decision: Decision, text: str) -> Reading:
        found = rewrite(
            text,
            catalog=world.catalog,
            names=_likely_names(world) if world.names is None else world.names,
            decision=decision,
            listed_functions=self.listed_functions(),
            limit=min(self.analysed_bytes, READ_AGAIN),
        )
        return Reading(found.uses, found.relations)

    def _names(self, text: bytes, description: Description) -> Iterable[tuple[str | None, str]]:
        if not description.kinds or "DoStmt" in description.kinds:
            return super()._names(text, description)
        samples = any(name in STATISTICS for _, name in description.relations) and _SAMPLES.search(text)
        return (*description.relations, EVERYTHING) if samples else description.relations  # read whole, or not at all

    def _behind(self, catalog: Catalog, schema: str | None, name: str) -> Iterable[tuple[str | None, str]]:
        for within, kin in _kin(catalog).get(name, ()):
            if schema is None or schema == within:
                yield from kin

    def _code(self, catalog: Catalog) -> Code:
        return _code(catalog)

    def _describe(self, text: bytes) -> Description:
        return describe(text.decode(errors="replace"))

    def _effects(self, kinds: tuple[str, ...], text: bytes, *, changes_names: bool) -> Effects:
        names: NamesEffect = "none"
        if changes_names:
            names = "transaction" if kinds == ("TransactionStmt",) else "changes"
        forgotten = Declaration("", None) if forgets(kinds, text.decode(errors="replace")) else None
        return Effects(names, _makes(kinds, text), _uses_made(kinds, text), forgotten)

    def _notice(self, use: Use) -> tuple[str, bytes]:
        column = str(use.column)
        message = f'conditions, orders and groups see {column} as rule "{use.treatment.rule}" shows it'
        hint = "Compare with what you are shown. This is said once in a session."
        return column, notice_response("NOTICE", _MASKED_CONDITION, message, hint=hint)

    def _witness_of(self, catalog: Catalog, decision: Decision) -> Witness:
        return Witness(hidden_columns(catalog, decision))

    def reached(self, catalog: Catalog, text: bytes) -> frozenset[str] | None:
        """The names that a text reads; None when it runs code of users or has their operators."""
        operators, near = _near(catalog)
        return None if any(each in text for each in operators) else reached(text, near)

    def changes(self, text: bytes) -> frozenset[str] | None:
        """The names that a text which may change definitions gives another meaning; none when its code defines nothing."""
        if only_kind(text) == "DoStmt" and not defines(text.decode(errors="replace")):
            return frozenset()
        return changed_names(text)

    def _key_of(self, names: Names) -> Hashable:
        mappings = (names.looked_up, names.temporary_views, names.functions)
        return (names.path, names.temporary, *(tuple(mapping.items()) for mapping in mappings))


def _kin_of(catalog: Catalog) -> dict[str, list[tuple[str, list[Name]]]]:
    """By the name of a relation in lower case: its schema, and what a view reads and runs, or the parents and children of a table."""
    children: dict[int, list[int]] = {}
    for relation in catalog.relations.values():
        for parent in relation.parents:
            children.setdefault(parent, []).append(relation.oid)
    found: dict[str, list[tuple[str, list[Name]]]] = {}
    for relation in catalog.relations.values():
        near = [*relation.sources, *relation.parents, *children.get(relation.oid, ())]
        kin = [(each.schema, each.name) for oid in near if (each := catalog.relations.get(oid)) is not None]
        kin += relation.functions
        if kin:
            found.setdefault(relation.name.lower(), []).append((relation.schema.lower(), kin))
    return found


_kin: Kept[dict[str, list[tuple[str, list[Name]]]]] = Kept(_kin_of, 16)


def _code_of(catalog: Catalog) -> Code:
    """The functions of users and, by their symbols, what runs the operators of users."""
    texts: list[tuple[str, str | None]] = [
        (name, None if each.body is None and not each.support else " ".join(_texts(each)))
        for (_, name), found in catalog.code.items()
        for each in found
        if each.language not in _COMPILED and not each.harmless
    ]
    texts += [(name, " ".join(function for _, function in found)) for name, found in catalog.operators.items()]
    texts += [(name, None) for name in READERS]
    return code_of(texts, (relation.name for relation in catalog.relations.values()))


def _texts(function: Function) -> list[str]:
    return [function.body or "", function.defaults or "", *(name for _, name in function.support)]


_code: Kept[Code] = Kept(_code_of, 16)


def _near_of(catalog: Catalog) -> tuple[tuple[bytes, ...], Near]:
    """The operators that run code of users; and what is near a name: what a view reads, the parents and children of a table.

    Code reads anything, and so does a relation whose reading runs code.
    """
    code = {name for name, found in catalog.code.items() if any(each.language not in _COMPILED for each in found)}
    pairs: list[tuple[str, Iterable[str]]] = [(name, (ANYTHING,)) for _, name in code]
    for relation in catalog.relations.values():
        if relation.schema in _SYSTEM:
            continue
        near = [
            catalog.relations[oid].name for oid in (*relation.sources, *relation.parents) if oid in catalog.relations
        ]
        pairs += [(each, (relation.name,)) for each in near if relation.parents]
        pairs.append((relation.name, near if code.isdisjoint(relation.functions) else [*near, ANYTHING]))
    operators = tuple(name.encode() for name, functions in catalog.operators.items() if not code.isdisjoint(functions))
    return operators, neighbours(pairs)


_near: Kept[tuple[tuple[bytes, ...], Near]] = Kept(_near_of, 16)


def _likely_names(world: PostgresWorld) -> Names:
    """What names mean to somebody whose search path nobody has asked for: public, then every schema with labelled columns."""
    labelled = dict.fromkeys(["pg_catalog", "public", *sorted({column.schema for column in world.decision.treatments})])
    return Names(path=tuple(labelled))


def needs_nothing(world: PostgresWorld, text: bytes) -> bool:
    """Whether a text is ruled in `world` as in any that follows from definitions made since it was found."""
    try:
        statements = parse(encode(text.decode()))
    except (Refusal, UnicodeDecodeError):
        return False
    return all(reads_nothing(statement["stmt"], guarded=world.guarded) for statement in statements)


def only_kind(text: bytes) -> str:
    """The kind of the one statement that a text is, of transaction control what it does; "" when it is several."""
    try:
        statements = parse(encode(text.decode()))
    except (Refusal, UnicodeDecodeError):
        return ""
    if len(statements) != 1:
        return ""
    kind, fields = next(iter(statements[0]["stmt"].items()))
    return str(fields.get("kind", "TRANS_STMT_BEGIN")) if kind == "TransactionStmt" else str(kind)


def what_it_makes(world: PostgresWorld, text: bytes, passing: Mapping[str, Label]) -> list[Inheritance]:
    """What the tables inherit that a text makes, of columns that the caller sees clear on any row.

    `passing` are the labels of what is in tables of the session's own. A text that does not parse makes none, for the
    server reads it alike.
    """
    try:
        statements = [statement["stmt"] for statement in parse(encode(text.decode()))]
    except (Refusal, UnicodeDecodeError):
        return []
    decision = world.decision
    labels = {column: label for column, label in decision.labels.items() if decision.shows(column)}
    made: list[Inheritance] = []
    for statement in statements:
        made += [new for new in (renamed(statement, each) for each in made) if new is not None]
        here = {each.name: each.whole for each in made}
        through = {**passing, **{name: label for name, label in here.items() if label is not None}}
        made += inheritances(statement, world.catalog, labels, through)
    return made


def error_payload(refusal: Refusal) -> bytes:
    """The ErrorResponse payload (without type and length) of a refusal."""
    return report_fields(
        "ERROR",
        refusal.sqlstate,
        refusal.message,
        detail=refusal.detail,
        hint=refusal.hint,
        position=refusal.position,
    )


def _makes(kinds: tuple[str, ...], text: bytes) -> Makes:
    """What a statement leaves behind that was ruled with it: by PREPARE, by DECLARE with or without HOLD."""
    if "PrepareStmt" in kinds or ("DeclareCursorStmt" in kinds and b"hold" in text.lower()):
        return "session"
    return "transaction" if "DeclareCursorStmt" in kinds else "none"


def _uses_made(kinds: tuple[str, ...], text: bytes) -> bool:
    """Whether a statement runs what an earlier one left behind; CREATE TABLE AS and EXPLAIN can, by EXECUTE."""
    if "ExecuteStmt" in kinds or "FetchStmt" in kinds:
        return True
    return ("CreateTableAsStmt" in kinds or "ExplainStmt" in kinds) and b"execute" in text.lower()
