"""The gate for MySQL and MariaDB: how their statements are rewritten, and how a refusal is told in their errors.

Owns the way from the gate to the rewriter of MySQL, and the error numbers of refusals. May not do: I/O.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from audit.record import Judgement
from proxy.changes import ANYTHING, Near, changed_names, defines, neighbours, reached
from proxy.code import Code, code_of, standing
from proxy.gate import Gate
from proxy.mysql.wire.messages import error
from proxy.plans import Plan, Ruling
from proxy.seen import READ_AGAIN, Reading
from proxy.witness import Witness
from proxy.world import Effects, World
from rewriter.kept import Kept
from rewriter.model import Description, Refusal, UnknownNames
from rewriter.mysql.catalog import Catalog, Facts
from rewriter.mysql.lineage import BEGINNING, Inheritance, Made, inheritances
from rewriter.mysql.outermost import kind_of
from rewriter.mysql.rewrite import describe, rewrite

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from policies.model import ColumnName, Decision, Label
    from policies.statements import Kind
    from proxy.declaring import Family
    from rewriter.model import Name, Rewritten, Use, WrittenName

MySQLWorld = World[Catalog, Facts]

_NO_FACTS: Final = Facts(None)

_ERRORS: Final = {
    "42501": (1142, "42000"),  # ER_TABLEACCESS_DENIED_ERROR
    "42000": (1142, "42000"),
    "42601": (1064, "42000"),  # ER_PARSE_ERROR
    "3D000": (1046, "3D000"),  # ER_NO_DB_ERROR
    "0A000": (1235, "42000"),  # ER_NOT_SUPPORTED_YET
    "28000": (1045, "28000"),  # ER_ACCESS_DENIED_ERROR
    "22021": (1300, "HY000"),  # ER_INVALID_CHARACTER_STRING
    "53400": (1226, "42000"),  # ER_USER_LIMIT_REACHED
    "54000": (1153, "08S01"),  # ER_NET_PACKET_TOO_LARGE
    "54001": (1436, "HY000"),  # ER_STACK_OVERRUN_NEED_MORE
    "57P01": (1053, "08S01"),  # ER_SERVER_SHUTDOWN: drivers know that they have to connect again
}
_OTHER: Final = (1105, "HY000")  # ER_UNKNOWN_ERROR
_SCHEMAS: Final = 4
"""In how many schemas a text is read to see what it shows, when nobody knows in which its session is."""
_LONGEST: Final = 500
"""Bytes of a message: MYSQL_ERRMSG_SIZE is 512 with its final zero, and clients copy it into as many."""


class MySQLGate(Gate[Catalog, Facts]):
    """Decides for every caller of one MySQL or MariaDB."""

    _odd_bytes = "surrogateescape"  # drivers put binary values into strings; the lexer lets them stand nowhere else

    _family: Family = "mysql"
    _declaring: tuple[str, ...] = ("SET",)
    _steering: tuple[str, ...] = (
        "SET",
        "USE",
        "SHOW",
        "BEGIN",
        "START TRANSACTION",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE SAVEPOINT",
        "XA",
        "LOCK TABLES",
        "UNLOCK TABLES",
        "DEALLOCATE PREPARE",
        "GET DIAGNOSTICS",
        "HELP",
    )

    def error(self, refusal: Refusal) -> bytes:
        """The payload of the ERR packet that tells a refusal."""
        return error_payload(refusal)

    def _kind(self, world: MySQLWorld, text: str) -> Kind | None:
        assert world.names is not None
        return kind_of(text, world.catalog, world.names)

    def _rewrite(self, world: MySQLWorld, decision: Decision, text: str) -> Rewritten:
        assert world.names is not None
        return rewrite(
            text,
            catalog=world.catalog,
            facts=world.names,
            decision=decision,
            key=world.key,
            listed_functions=self.listed_functions(),
            limit=self.analysed_bytes,
            whole=decision is world.decision,
        )

    def _reads(self, world: MySQLWorld, decision: Decision, text: str) -> Reading:
        if world.names is not None:
            return self._reading_in(world, decision, text, world.names)
        # nobody has asked in which schema the session is: it is read in each that has labelled columns
        schemas = sorted({column.schema for column in decision.treatments})[:_SCHEMAS]
        uses: dict[Use, None] = {}
        relations: dict[WrittenName, None] = {}
        failed: Exception | None = None
        for schema in schemas:
            try:
                found = self._reading_in(world, decision, text, Facts(schema))
                uses.update(dict.fromkeys(found.uses))
                relations.update(dict.fromkeys(found.relations))
            except (Refusal, UnknownNames) as error:
                failed = error
        if failed is not None and not uses:
            raise failed
        return Reading(list(uses), list(relations))

    def _reading_in(self, world: MySQLWorld, decision: Decision, text: str, facts: Facts) -> Reading:
        found = rewrite(
            text,
            catalog=world.catalog,
            facts=facts,
            decision=decision,
            listed_functions=self.listed_functions(),
            limit=min(self.analysed_bytes, READ_AGAIN),
        )
        return Reading(found.uses, found.relations)

    def _behind(self, catalog: Catalog, schema: str | None, name: str) -> Iterable[tuple[str | None, str]]:
        for within, definition in _views(catalog).get(name, ()):
            if schema is None or schema == within:
                yield from describe(definition, _NO_FACTS).relations
                yield from ((None, each) for each in standing(definition, _code(catalog)))

    def _code(self, catalog: Catalog) -> Code:
        return _code(catalog)

    def _describe(self, text: bytes) -> Description:
        found = describe(text.decode(errors="replace"), _NO_FACTS)
        return Description(
            found.kinds, found.relations, changes_names=False, changes_catalog=found.changes_catalog, calls=found.calls
        )

    def _effects(self, kinds: tuple[str, ...], text: bytes, *, changes_names: bool) -> Effects:  # noqa: ARG002
        # what a statement changes for those that follow is told by session tracking
        return Effects()

    def _notice(self, use: Use) -> tuple[str, bytes]:
        # a warning would be one that the masked database does not give
        return str(use.column), b""

    def _witness_of(self, catalog: Catalog, decision: Decision) -> Witness:  # noqa: ARG002  see `Origins`
        return Witness({})

    def reached(self, catalog: Catalog, text: bytes) -> frozenset[str] | None:
        """The names that a text reads; None when it runs routines."""
        return reached(text, _near(catalog))

    def changes(self, catalog: Catalog, kinds: tuple[str, ...], text: bytes) -> frozenset[str] | None:
        """The names that a text which may change definitions gives another meaning; none when it calls what defines nothing."""
        if kinds == ("CALL",):
            called = [routine for name, routine in catalog.routines.items() if name[1].encode() in text.lower()]
            return None if not called or any(defines(routine.body) for routine in called) else frozenset()
        return changed_names(text)

    def stand_in(self, world: MySQLWorld, text: bytes, kind: str, instead: bytes) -> Ruling:
        """The ruling by which another statement leaves in place of a caller's, whatever the caller may see."""
        recorded, shape = self._recorded(text)
        judgement = Judgement(
            kinds=(kind,),
            text=recorded,
            fingerprint=shape,
            rewritten=instead.decode(),
            relations=(),
            columns=(),
            ruling="rewrite",
            policy=world.decision.policy,
            catalog=world.catalog.revision,
        )
        return Ruling(Plan("rewrite", world.epoch, world.decision, judgement), instead)

    def origins(self, world: MySQLWorld) -> Origins | None:
        """What no result column may have for its origin in a world; None when nothing is hidden there."""
        return Origins(world.decision) if world.guarded else None

    def origins_of(self, plan: Plan) -> Origins | None:
        """The same for a statement that is ruled for its kind; None for one that is ruled as its world says."""
        return None if plan.by_kind is None else _by_kind(plan.by_kind)

    def _key_of(self, names: Facts) -> Hashable:
        return names


def _views_of(catalog: Catalog) -> dict[str, list[tuple[str, str]]]:
    """By the name of a view in lower case: its schema, and its definition."""
    found: dict[str, list[tuple[str, str]]] = {}
    for table in catalog.tables.values():
        if table.definition is not None:
            found.setdefault(table.name.lower(), []).append((table.schema.lower(), table.definition))
    return found


def _code_of(catalog: Catalog) -> Code:
    texts = [(name, routine.body) for (_, name), routine in catalog.routines.items()]
    return code_of(texts, (table.name for table in catalog.tables.values()))


_code: Kept[Code] = Kept(_code_of, 16)
_views: Kept[dict[str, list[tuple[str, str]]]] = Kept(_views_of, 16)


def _near_of(catalog: Catalog) -> Near:
    """By the name of a table: the words of a view's definition; what runs a routine reads anything."""
    pairs: list[tuple[str, Iterable[str]]] = [(name, (ANYTHING,)) for _, name in catalog.routines]
    pairs += [(table.name, (table.definition or "",)) for table in catalog.tables.values()]
    return neighbours(pairs)


_near: Kept[Near] = Kept(_near_of, 16)


class Origins:
    """The columns that are hidden in one world, as the server names the origins of result columns."""

    def __init__(self, decision: Decision) -> None:
        self._hidden = frozenset(
            (name.schema.lower(), name.relation.lower(), name.column)
            for name, treatment in decision.treatments.items()
            if treatment.hides
        )

    def forbids(self, schema: str, table: str, column: str) -> bool:
        """Whether the values of this column are hidden from the caller."""
        return (schema.lower(), table.lower(), column.lower()) in self._hidden


_by_kind: Kept[Origins] = Kept(Origins, 256)


def may_make(text: bytes) -> bool:
    """Whether a text can make, rename or alter a table, or drop one."""
    return _MAKING.search(text) is not None


_MAKING: Final = re.compile(BEGINNING.encode(), re.IGNORECASE)


def what_it_makes(
    world: MySQLWorld,
    text: str,
    facts: Facts,
    labels: Mapping[ColumnName, Label],
    passing: Mapping[Name, Label | None],
) -> Made:
    """What the tables of a text inherit, of columns that the caller sees clear on any row.

    `labels` are those of all columns, `passing` those of what is in temporary tables of the session.
    """
    decision = world.decision
    hidden = {c: label for c, label in labels.items() if c in decision.treatments and not decision.shows(c)}
    return inheritances(text, world.catalog, facts, labels, hidden, passing)


def what_it_moves(
    world: MySQLWorld,
    text: str,
    facts: Facts,
    followed: Mapping[ColumnName, Label],
    passing: Mapping[Name, Label | None],
) -> tuple[Inheritance, ...]:
    """Which columns that filters follow have other names once a text has run; copies are not followed."""
    temporary = dict.fromkeys(passing)
    return inheritances(text, world.catalog, facts, followed, followed, temporary).inheritances


def error_payload(refusal: Refusal) -> bytes:
    """The ERR packet of a refusal: number, SQLSTATE, message and hint in one."""
    number, sqlstate = _ERRORS.get(refusal.sqlstate, _OTHER)
    message = refusal.message if refusal.hint is None else f"{refusal.message}. {refusal.hint}"
    return error(number, sqlstate, message.encode()[:_LONGEST].decode(errors="ignore"))
