"""The gate: from a statement's text to its ruling, for one caller.

Owns the worlds (one decision, one catalog, one meaning of names, and the plans made under them) and the walk
text -> rewrite -> plan. Any fault on this walk is a refusal.
May not do: I/O; the relay fetches what is missing (catalog, names) and asks again.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit.record import ColumnUse, Judgement
from audit.scrub import scrub
from policies.masks import SCHEMAS
from policies.model import Decision
from proxy.budgets import Budgets
from proxy.plans import Makes, NamesEffect, Plan, PlanCache, Ruling, Tally
from proxy.positions import moves_of
from proxy.postgres.messages import notice_response, report_fields
from proxy.witness import Witness
from rewriter.kept import Kept
from rewriter.model import Refusal, Rewritten, UnknownNames, Use
from rewriter.postgres.catalog import Catalog, Names
from rewriter.postgres.kinds import reads_nothing
from rewriter.postgres.lineage import Inheritance, inheritances, renamed
from rewriter.postgres.masks.keys import KeyMaterial
from rewriter.postgres.reading import MAX_BYTES, describe, encode, parse
from rewriter.postgres.rewrite import rewrite
from rewriter.postgres.world import hidden_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.decide import PolicySet
    from policies.model import ColumnName, Label, Principal, Session
    from rewriter.model import Probe

log = logging.getLogger(__name__)

_NOT_UTF8 = Refusal("22021", "the statement is not valid UTF-8", hint="Send statements in UTF-8.")
_FAULT = Refusal(
    "XX000",
    "louver could not rule this statement",
    hint="This is a fault in Louver, reported in its log; nothing was sent to the database.",
)
_MASKED_CONDITION = "01000"
"""The SQLSTATE of a notice about masked conditions: a warning of no particular kind."""

COPYING = -2
"""The epoch of no world, of a statement that is ruled again each time it is bound."""

_epochs = itertools.count(1)
"""Every world gets a number of its own, so that an epoch never means two things. 0 is no world."""


@dataclass(slots=True, eq=False)
class World:
    """What one caller may see and how the server understands them, at this moment, with the plans made so far.

    `names` is None for callers who see everything as it is: they need no name resolved. `key` is what the session holds
    or has held, for a mask that is keyed; there, and only there, settings that could show or replace it are guarded.
    `witness` is what answers are checked against.
    """

    decision: Decision
    catalog: Catalog
    names: Names | None
    key: KeyMaterial | None = None
    witness: Witness | None = None
    plans: PlanCache = field(default_factory=PlanCache)
    epoch: int = field(default_factory=lambda: next(_epochs))

    @property
    def guarded(self) -> bool:
        """True when something is hidden from this caller."""
        return self.names is not None


class Gate:
    """Decides for every caller of one upstream.

    `key` is that of keyed masks. `analysed_bytes`: a masked caller's longer statement is refused, for reading it would
    hold up every other session. `whole_text`: the audit keeps texts with their literals. `notices`: callers are told when
    they compare what they see masked. `tally` counts how often plans are found again.
    """

    def __init__(
        self,
        policies: PolicySet,
        key: KeyMaterial | None,
        *,
        analysed_bytes: int = MAX_BYTES,
        whole_text: bool = False,
        notices: bool = True,
    ) -> None:
        self.policies = policies
        self._key = key
        self._analysed_bytes = analysed_bytes
        self._whole_text = whole_text
        self.tally = Tally()
        self._notices = notices
        self._budgets = Budgets()
        self._witness = Kept[Witness](lambda catalog, decision: Witness(hidden_columns(catalog, decision)), _WITNESSES)
        self._worlds: dict[tuple[object, ...], World] = {}
        self._revisions: dict[str, int] = {}
        self._listed: tuple[object, frozenset[str]] = ((), frozenset())

    def decide(self, principal: Principal, session: Session, labels: Mapping[ColumnName, Label]) -> Decision:
        """The caller's decision at this moment."""
        return self.policies.decide(principal, session, labels)

    def world(
        self,
        decision: Decision,
        catalog: Catalog,
        names: Names | None,
        held: KeyMaterial | None,
        *,
        shared: bool = True,
    ) -> World:
        """The world of a decision in a session that holds a key or not, shared by all sessions that are in it.

        One over a catalog that one open transaction has of its own is not `shared`: nobody else comes into it, and it
        would be kept, with its catalog, long after the transaction.
        """
        key = (
            id(catalog),  # the worlds hold their catalogs, so it stays this one's
            decision.policy,
            held,
            frozenset(decision.treatments.items()),
            names and _key_of(names),
        )
        world = self._worlds.get(key)
        if world is None:
            if self._revisions.get(catalog.database) != catalog.revision:
                self._revisions[catalog.database] = catalog.revision
                self._forget_others(catalog)
            if len(self._worlds) >= _WORLDS:
                self._worlds.clear()  # sessions keep the ones they are in
            witness = self._witness(catalog, decision) if names is not None else None
            world = World(decision, catalog, names, held, witness, plans=PlanCache(tally=self.tally))
            if shared:
                self._worlds[key] = world
        return world

    def _forget_others(self, catalog: Catalog) -> None:
        """Drop the worlds of other snapshots of a database: each holds a whole catalog, and DDL makes many of them."""
        self._worlds = {
            key: world
            for key, world in self._worlds.items()
            if world.catalog.database != catalog.database or world.catalog.revision == catalog.revision
        }

    def key_for(self, decision: Decision) -> KeyMaterial | None:
        """The key, when any mask of the decision is keyed, or a column may be joined by its real values."""
        treatments = decision.treatments.values()
        masks = (mask for treatment in treatments for mask in (treatment.mask, treatment.fallback))
        keyed = any(mask is not None and SCHEMAS[mask.name].keyed for mask in masks)
        return self._key if keyed or any(treatment.join is not None for treatment in treatments) else None

    @staticmethod
    def needs_nothing(world: World, text: bytes) -> bool:
        """Whether a text is ruled in `world` as in any that follows from definitions made since it was found."""
        try:
            statements = parse(encode(text.decode()))
        except (Refusal, UnicodeDecodeError):
            return False
        return all(reads_nothing(statement["stmt"], guarded=world.guarded) for statement in statements)

    @staticmethod
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

    @staticmethod
    def inheritances(world: World, text: bytes, passing: Mapping[str, Label]) -> list[Inheritance]:
        """What the tables inherit that a text makes, of columns that the caller sees clear on any row.

        `passing` are the labels of what is in tables of the session's own. A text that does not parse makes none, for the
        server reads it alike.
        """
        try:
            statements = [statement["stmt"] for statement in parse(encode(text.decode()))]
        except (Refusal, UnicodeDecodeError):
            return []
        decision = world.decision
        labels = {
            column: label for column, label in decision.labels.items() if decision.treatments[column].kind == "clear"
        }
        made: list[Inheritance] = []
        for statement in statements:
            made += [new for new in (renamed(statement, each) for each in made) if new is not None]
            here = {each.name: each.whole for each in made}
            through = {**passing, **{name: label for name, label in here.items() if label is not None}}
            made += inheritances(statement, world.catalog, labels, through)
        return made

    def rule(self, world: World, text: bytes) -> Ruling:
        """Rule a statement in full and remember it. Raises UnknownNames when the catalog does not know a name."""
        try:
            if world.names is None:
                return self._pass(world, text)
            rewritten = rewrite(
                text.decode(),
                catalog=world.catalog,
                names=world.names,
                decision=world.decision,
                key=world.key,
                listed_functions=self._listed_functions(),
                limit=self._analysed_bytes,
            )
        except Refusal as refusal:
            ruling = self.deny(world, text, refusal)
        except UnknownNames:
            raise
        except UnicodeDecodeError:
            ruling = self.deny(world, text, _NOT_UTF8)
        except Exception:
            # Fail closed: whatever goes wrong between statement and ruling ends here, as a refusal. The text is
            # not logged, it may hold values.
            log.exception("fault while ruling a statement of %d bytes", len(text))
            ruling = self.deny(world, text, _FAULT)
        else:
            return self._remember(world, text, rewritten)
        world.plans.keep(text, ruling, literal_free=False)
        return ruling

    def charge(self, principal: str, probes: Sequence[Probe], now: float) -> bytes:
        """Count what is compared with real values; the payload of the error when the budget is used up, else b""."""
        refusal = self._budgets.charge(principal, probes, now)
        return b"" if refusal is None else error_payload(refusal)

    def _listed_functions(self) -> frozenset[str]:
        """The functions that the policies allow; the same object as long as it is the same list."""
        functions = self.policies.functions
        if functions is not self._listed[0]:
            listed = frozenset(f"{schema}.{name}" for schema, name in functions)
            self._listed = (functions, self._listed[1] if listed == self._listed[1] else listed)
        return self._listed[1]

    def deny(self, world: World, text: bytes, refusal: Refusal) -> Ruling:
        """The ruling that refuses `text`."""
        judgement = Judgement(
            kinds=(),
            text=self._recorded(text),
            rewritten=None,
            relations=(),
            columns=(),
            ruling="deny",
            policy=world.decision.policy,
            catalog=world.catalog.revision,
            reason=refusal.message if refusal.rule is None else f"{refusal.message} (rule: {refusal.rule})",
            sqlstate=refusal.sqlstate,
        )
        return Ruling(Plan("deny", world.epoch, world.decision, judgement, error=error_payload(refusal)))

    def _pass(self, world: World, text: bytes) -> Ruling:
        """The ruling for a caller from whom nothing is hidden: the statement leaves as it is."""
        description = describe(text.decode(errors="replace"))
        judgement = Judgement(
            kinds=description.kinds,
            text=self._recorded(text),
            rewritten=None,
            relations=tuple(".".join(filter(None, relation)) for relation in description.relations),
            columns=(),
            ruling="pass",
            policy=world.decision.policy,
            catalog=world.catalog.revision,
        )
        ruling = Ruling(
            Plan(
                "pass",
                COPYING if description.changes_catalog else world.epoch,
                world.decision,
                judgement,
                changes_catalog=description.changes_catalog,
                copies=description.changes_catalog,
                makes=_makes(description.kinds, text),
                uses_made=_uses_made(description.kinds, text),
            )
        )
        world.plans.keep(text, ruling, literal_free=not self._whole_text)
        return ruling

    def _remember(self, world: World, text: bytes, rewritten: Rewritten) -> Ruling:
        changed = bool(rewritten.edits)
        effect: NamesEffect = "none"
        if rewritten.changes_names:
            effect = "transaction" if rewritten.kinds == ("TransactionStmt",) else "changes"
        new_text = rewritten.text.encode()
        judgement = Judgement(
            kinds=rewritten.kinds,
            text=self._recorded(text),
            rewritten=self._recorded(new_text) if changed else None,
            relations=tuple(f"{schema}.{name}" for schema, name in rewritten.relations),
            columns=tuple(_column_use(use, world.decision) for use in rewritten.uses),
            ruling="rewrite" if changed else "pass",
            policy=world.decision.policy,
            catalog=world.catalog.revision,
        )
        plan = Plan(
            "rewrite" if changed else "pass",
            COPYING if rewritten.changes_catalog else world.epoch,
            world.decision,
            judgement,
            names_effect=effect,
            copies=rewritten.changes_catalog,
            changes_catalog=rewritten.changes_catalog,
            makes=_makes(rewritten.kinds, text),
            uses_made=_uses_made(rewritten.kinds, text),
            moves=moves_of(text, rewritten.edits) if changed else (),
            witness=world.witness,
            probes=tuple(probe for probe in rewritten.probes if not probe.parameter),
            array_probes=tuple(probe for probe in rewritten.probes if probe.parameter),
            notices=tuple(_notice(use) for use in rewritten.compared) if self._notices else (),
        )
        ruling = Ruling(plan, new_text if changed else None)
        literal_free = rewritten.literal_free and not self._whole_text
        world.plans.keep(text, ruling, rewritten.edits, literal_free=literal_free, constants=rewritten.constants)
        return ruling

    def _recorded(self, text: bytes) -> str | None:
        """The text as the audit keeps it; None when each statement brings its own."""
        return None if self._whole_text else scrub(text.decode(errors="backslashreplace"))


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


def _notice(use: Use) -> tuple[str, bytes]:
    """What is told of a column whose masked values a statement compares: never a value."""
    column = str(use.column)
    message = f'conditions, orders and groups see {column} as rule "{use.treatment.rule}" shows it'
    hint = "Compare with what you are shown. This is said once in a session."
    return column, notice_response("NOTICE", _MASKED_CONDITION, message, hint=hint)


def _column_use(use: Use, decision: Decision) -> ColumnUse:
    label = decision.labels.get(use.column)
    treatment = use.treatment
    return ColumnUse(
        column=str(use.column),
        category=label.category if label else None,
        level=label.level if label else None,
        treatment=treatment.kind,
        mask=treatment.mask.name if treatment.mask else None,
        rule=treatment.rule,
        rows=treatment.rows.text if treatment.rows else None,
        search=use.search,
        join=use.join,
    )


def _key_of(names: Names) -> tuple[object, ...]:
    """What tells two meanings of names apart."""
    mappings = (names.looked_up, names.temporary_views, names.functions)
    return (names.path, names.temporary, *(tuple(mapping.items()) for mapping in mappings))


_WITNESSES = 64
"""Kept for worlds that differ in what names mean: each holds every hidden column of a catalog."""

_WORLDS = 1024
"""Worlds kept for sharing. Each has its plans; a bank has some dozen roles times regions, far below this."""


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
