"""The gate: from a statement's text to its ruling, for one caller.

Owns the worlds that are in use (proxy.world: one decision, one catalog, one meaning of names, and the plans made under them) and the walk
text -> rewrite -> plan. What differs between databases stands in a gate of each, such as `postgres.gate`.
Any fault on this walk is a refusal.
May not do: I/O; the relay fetches what is missing (catalog, names) and asks again.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import TYPE_CHECKING

from audit.fingerprint import fingerprint
from audit.record import Judgement
from audit.scrub import scrub
from policies.masks import SCHEMAS
from policies.model import ColumnName
from proxy.budgets import Budgets
from proxy.declaring import Declaration, Family, declaration, declaring
from proxy.grants.granted import BYTES_A_ROW, Granted
from proxy.measures.inforce import InForce
from proxy.observer import Observer
from proxy.plans import Plan, PlanCache, Ruling, Tally
from proxy.positions import moves_of
from proxy.seen import ATTEMPTED, column_use, grants_of, refused_use
from proxy.witness import Witness
from proxy.world import COPYING, C, Effects, N, World
from rewriter.kept import Kept
from rewriter.model import MAX_BYTES, Probe, Refusal, Rewritten, UnknownNames, Use

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from policies.decide import PolicySet
    from policies.model import Decision, Label, Principal, Session
    from rewriter.keys import KeyMaterial

log = logging.getLogger(__name__)

_NOT_UTF8 = Refusal("22021", "the statement is not valid UTF-8", hint="Send statements in UTF-8.")
_FAULT = Refusal(
    "XX000",
    "louver could not rule this statement",
    hint="This is a fault in Louver, reported in its log; nothing was sent to the database.",
)


class Gate(Observer[C, N]):
    """Decides for every caller of one upstream.

    `key` is that of keyed masks. `analysed_bytes`: a masked caller's longer statement is refused, for reading it would
    hold up every other session. `whole_text`: the audit keeps texts with their literals. `notices`: callers are told when
    they compare what they see masked. `grants` and `measures` are those in force. `tally` counts how often plans are found again.
    """

    def __init__(  # noqa: PLR0913  its parts, and one setting each
        self,
        policies: PolicySet,
        key: KeyMaterial | None,
        *,
        analysed_bytes: int = MAX_BYTES,
        whole_text: bool = False,
        notices: bool = True,
        grants: Granted | None = None,
        measures: InForce | None = None,
    ) -> None:
        self.policies = policies
        self.grants = Granted() if grants is None else grants
        self._measures = InForce() if measures is None else measures
        self._key = key
        self.analysed_bytes = analysed_bytes
        self._whole_text = whole_text
        self.tally = Tally()
        self._notices = notices
        self._shapes: dict[str, str | None] = {}  # fingerprints by scrubbed text, where texts differ in comments alone
        self._budgets = Budgets()
        self._witness = Kept[Witness](self._witness_of, _WITNESSES)
        self._needs_key = Kept[bool](_needs_key, _KEYED)
        self._worlds: dict[tuple[object, ...], World[C, N]] = {}
        # the same by the identity of a decision, which is held here so that it stays its own: its treatments may be thousands
        self._near: dict[tuple[object, ...], tuple[Decision, World[C, N]]] = {}
        self._revisions: dict[str, int] = {}
        self._listed: tuple[object, frozenset[str]] = ((), frozenset())

    _family: Family
    """In whose words clients declare."""

    _declaring: tuple[str, ...]
    """The kinds of a statement that does."""

    _steering: tuple[str, ...]
    """The kinds of statements that steer the session and its transactions, and read nothing."""

    @abstractmethod
    def error(self, refusal: Refusal) -> bytes:
        """The payload of the error message that tells a refusal."""

    @abstractmethod
    def _rewrite(self, world: World[C, N], decision: Decision, text: str) -> Rewritten:
        """Rule a text in a world that is guarded, by the decision for its kind. Raises Refusal, and UnknownNames when the catalog does not know a name."""

    @abstractmethod
    def _effects(self, kinds: tuple[str, ...], text: bytes, *, changes_names: bool) -> Effects:
        """What running a text changes for those that follow it."""

    @abstractmethod
    def _notice(self, use: Use) -> tuple[str, bytes]:
        """The column that a statement compares as it is shown, and the message that tells the caller so: never a value."""

    @abstractmethod
    def _witness_of(self, catalog: C, decision: Decision) -> Witness:
        """What answers are checked against under a decision."""

    @abstractmethod
    def reached(self, catalog: C, text: bytes) -> frozenset[str] | None:
        """The names in lower case that a text reads, and what is behind them; None when that cannot be told before it runs."""

    @abstractmethod
    def _key_of(self, names: N) -> Hashable:
        """What tells two meanings of names apart."""

    def decide(self, principal: Principal, session: Session, labels: Mapping[ColumnName, Label]) -> Decision:
        """The caller's decision at this moment, with the grants that the caller has, and the measures against him."""
        decision = self.policies.decide(principal, session, labels)
        if self.grants.any_for(principal.name):
            local = self.policies.vocabulary.calendar.local(session)
            decision = self.grants.lay_over(decision, principal, local)
        return self._measures.lay_over(decision, principal.name)

    def world(
        self,
        decision: Decision,
        catalog: C,
        names: N | None,
        held: KeyMaterial | None,
        *,
        shared: bool = True,
    ) -> World[C, N]:
        """The world of a decision in a session that holds a key or not, shared by all sessions that are in it.

        One over a catalog that one open transaction has of its own is not `shared`: nobody else comes into it, and it
        would be kept, with its catalog, long after the transaction.
        """
        meaning = None if names is None else self._key_of(names)
        near = (id(catalog), id(decision), held, meaning)
        found = self._near.get(near)
        if found is not None:
            return found[1]
        key = (
            id(catalog),  # the worlds hold their catalogs, so it stays this one's
            decision.policy,
            held,
            frozenset(decision.treatments.items()),
            decision.filters,
            decision.limit,
            tuple((kind, frozenset(each.treatments.items())) for kind, each in decision.kinds),
            meaning,
        )
        world = self._worlds.get(key)
        if world is None:
            if self._revisions.get(catalog.database) != catalog.revision:
                self._revisions[catalog.database] = catalog.revision
                self._forget_others(catalog)
            if len(self._worlds) >= _WORLDS:
                self._worlds.clear()  # sessions keep the ones they are in
                self._near.clear()
            witness = self._witness(catalog, decision) if names is not None else None
            world = World(decision, catalog, names, held, witness, plans=PlanCache(tally=self.tally))
            if not shared:
                return world
            self._worlds[key] = world
        if len(self._near) >= _NEAR:
            self._near.clear()
        self._near[near] = (decision, world)
        return world

    def _forget_others(self, catalog: C) -> None:
        """Drop the worlds of other snapshots of a database: each holds a whole catalog, and DDL makes many of them."""
        self._worlds = {
            key: world
            for key, world in self._worlds.items()
            if world.catalog.database != catalog.database or world.catalog.revision == catalog.revision
        }
        self._near.clear()

    def key_for(self, decision: Decision) -> KeyMaterial | None:
        """The key, when any mask of the decision is keyed, or a column may be joined by its real values."""
        return self._key if self._needs_key(decision) else None

    def rule(self, world: World[C, N], text: bytes) -> Ruling:
        """Rule a statement in full and remember it. Raises UnknownNames when the catalog does not know a name."""
        try:
            declared = (
                declaration(text.decode(errors=self._odd_bytes), self._family) if b"louver" in text.lower() else None
            )
            if declared is not None:
                return self._declares(world, text, declared)
            if world.names is None:
                return self._pass(world, text)
            written = text.decode(errors=self._odd_bytes)
            decision = world.decision
            if decision.kinds:
                decision = decision.of_kind(self._kind(world, written) or "")
            rewritten = self._rewrite(world, decision, written)
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
            return self._remember(world, decision, text, rewritten)
        world.plans.keep(text, ruling, literal_free=False)
        return ruling

    def _declares(self, world: World[C, N], text: bytes, declared: Declaration) -> Ruling:
        """The ruling of a statement that declares something of its session, which the server is told as well."""
        instead = declaring(declared, self._family)
        recorded, shape = self._recorded(text)
        judgement = Judgement(
            kinds=self._declaring,
            text=recorded,
            fingerprint=shape,
            rewritten=None,
            relations=(),
            columns=(),
            ruling="pass",
            policy=world.decision.policy,
            catalog=world.catalog.revision,
        )
        plan = Plan("pass", COPYING, world.decision, judgement, declares=declared)
        ruling = Ruling(plan, None if instead is None else instead.encode())
        world.plans.keep(text, ruling, literal_free=False)
        return ruling

    def charge(self, principal: str, probes: Sequence[Probe], now: float) -> bytes:
        """Count what is compared with real values; the payload of the error when the budget is used up, else b""."""
        refusal = self._budgets.charge(principal, probes, now)
        return b"" if refusal is None else self.error(refusal)

    async def claim(self, grants: tuple[int, ...]) -> None:
        """Have an execution counted where all proxies see it, for `spend`."""
        await self.grants.claim(grants)

    def spend(self, grants: tuple[int, ...]) -> bytes:
        """Count an execution under grants; the payload of the error when it may not run, else b""."""
        refusal = self.grants.spend(grants)
        return b"" if refusal is None else self.error(refusal)

    def listed_functions(self) -> frozenset[str]:
        """The functions that the policies allow; the same object as long as it is the same list."""
        functions = self.policies.functions
        if functions is not self._listed[0]:
            listed = frozenset(f"{schema}.{name}" for schema, name in functions)
            self._listed = (functions, self._listed[1] if listed == self._listed[1] else listed)
        return self._listed[1]

    def deny(self, world: World[C, N], text: bytes, refusal: Refusal) -> Ruling:
        """The ruling that refuses `text`; the audit is told what it would have read."""
        recorded, shape = self._recorded(text)
        decision, attempt = self._attempted(world, text[:ATTEMPTED])
        judgement = Judgement(
            kinds=(),
            text=recorded,
            fingerprint=shape,
            rewritten=None,
            relations=tuple(".".join(filter(None, relation)) for relation in attempt.relations),
            columns=tuple(refused_use(column, decision) for column in attempt.columns),
            ruling="deny",
            policy=world.decision.policy,
            catalog=world.catalog.revision,
            reason=refusal.message if refusal.rule is None else f"{refusal.message} (rule: {refusal.rule})",
            sqlstate=refusal.sqlstate,
        )
        return Ruling(Plan("deny", world.epoch, world.decision, judgement, error=self.error(refusal)))

    def _pass(self, world: World[C, N], text: bytes) -> Ruling:
        """The ruling for a caller from whom nothing is hidden: the statement leaves as it is."""
        description = self._describe(text)
        effects = self._effects(description.kinds, text, changes_names=False)
        uses = self._uses(world, text, (), self._names(text, description))
        recorded, shape = self._recorded(text)
        judgement = Judgement(
            kinds=description.kinds,
            text=recorded,
            fingerprint=shape,
            rewritten=None,
            relations=tuple(".".join(filter(None, relation)) for relation in description.relations),
            columns=tuple(column_use(use, world.decision) for use in uses),
            ruling="pass",
            policy=world.decision.policy,
            catalog=world.catalog.revision,
        )
        ruling = Ruling(
            Plan(
                "pass",
                COPYING if description.changes_catalog or effects.declares else world.epoch,
                world.decision,
                judgement,
                declares=effects.declares,
                changes_catalog=description.changes_catalog,
                copies=description.changes_catalog,
                makes=effects.makes,
                uses_made=effects.uses_made,
                probes=self._limited(world.decision, description.kinds),
                most_rows=_most_rows(world.decision),
            )
        )
        world.plans.keep(text, ruling, literal_free=not self._whole_text)
        return ruling

    def _limited(self, decision: Decision, kinds: tuple[str, ...]) -> tuple[Probe, ...]:
        """What a statement counts under the caller's limit; nothing when it does no more than steer the session."""
        limit = decision.limit
        if limit is None or (kinds and all(kind in self._steering for kind in kinds)):
            return ()
        counted = (("statement", limit.statements_per_hour), ("rows", limit.rows_per_hour))
        name = ColumnName("", "", limit.rule)
        return tuple(Probe(name, most, 1, kind=kind) for kind, most in counted if most is not None)  # type: ignore[arg-type]  # of the literals above

    def had(self, principal: str, decision: Decision, status: str, rows: int, sent: int, now: float) -> None:  # noqa: PLR0913, PLR0917
        """Count the rows of a statement that has ended. One that does not end well has no count: then its bytes tell it."""
        limit = decision.limit
        if limit is not None and limit.rows_per_hour is not None:
            estimated = sent // BYTES_A_ROW if status not in {"ok", "denied"} else 0
            self._budgets.had(principal, limit.rule, rows or estimated, now)

    def _remember(self, world: World[C, N], decision: Decision, text: bytes, rewritten: Rewritten) -> Ruling:
        changed = bool(rewritten.edits)
        effects = self._effects(rewritten.kinds, text, changes_names=rewritten.changes_names)
        new_text = rewritten.text.encode(errors=self._odd_bytes)
        uses = self._uses(world, text, rewritten.uses, rewritten.relations)
        recorded, shape = self._recorded(text)
        judgement = Judgement(
            kinds=rewritten.kinds,
            text=recorded,
            fingerprint=shape,
            rewritten=self._written(new_text) if changed else None,
            relations=tuple(f"{schema}.{name}" for schema, name in rewritten.relations),
            columns=tuple(column_use(use, world.decision) for use in uses),
            ruling="rewrite" if changed else "pass",
            policy=world.decision.policy,
            catalog=world.catalog.revision,
            grants=grants_of(rewritten.uses, world.decision, made=effects.uses_made),
            filters=tuple((f"{each.schema}.{each.relation}", each.rule) for each in rewritten.filters),
        )
        plan = Plan(
            "rewrite" if changed else "pass",
            COPYING if rewritten.changes_catalog or effects.declares else world.epoch,
            world.decision,
            judgement,
            declares=effects.declares,
            names_effect=effects.names,
            copies=rewritten.changes_catalog,
            changes_catalog=rewritten.changes_catalog,
            makes=effects.makes,
            uses_made=effects.uses_made,
            moves=moves_of(text, rewritten.edits) if changed else (),
            witness=world.witness if decision is world.decision else self._witness(world.catalog, decision),
            by_kind=None if decision is world.decision else decision,
            probes=(
                *(probe for probe in rewritten.probes if not probe.parameter),
                *self._limited(world.decision, rewritten.kinds),
            ),
            most_rows=_most_rows(world.decision),
            array_probes=tuple(probe for probe in rewritten.probes if probe.parameter),
            notices=tuple(self._notice(use) for use in rewritten.compared) if self._notices else (),
            masked=tuple(
                None
                if each is None
                else (each.called.encode(), each.table.encode(), each.column.encode(), each.characters, each.length)
                for each in rewritten.masked
            ),
        )
        ruling = Ruling(plan, new_text if changed else None)
        literal_free = rewritten.literal_free and not self._whole_text
        world.plans.keep(text, ruling, rewritten.edits, literal_free=literal_free, constants=rewritten.constants)
        return ruling

    def _recorded(self, text: bytes) -> tuple[str | None, str | None]:
        """The text as the audit keeps it, None when each statement brings its own; and the fingerprint of its shape."""
        scrubbed = scrub(text.decode(errors="surrogateescape"), family=self._family)
        shape = self._shapes.get(scrubbed, "")
        if shape == "":
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            shape = self._shapes[scrubbed] = fingerprint(scrubbed, self._family)
        return None if self._whole_text else scrubbed, shape

    def _written(self, text: bytes) -> str | None:
        """A text that leaves in place of the caller's, as the audit keeps it."""
        return None if self._whole_text else scrub(text.decode(errors="surrogateescape"), family=self._family)


def _needs_key(decision: Decision) -> bool:
    """Whether any mask of a decision is keyed, or a column may be joined by its real values."""
    decisions = (decision, *(each for _, each in decision.kinds))
    treatments = [treatment for each in decisions for treatment in each.treatments.values()]
    masks = (mask for treatment in treatments for mask in (treatment.mask, treatment.fallback))
    keyed = any(mask is not None and SCHEMAS[mask.name].keyed for mask in masks)
    return keyed or any(treatment.join is not None for treatment in treatments)


def _most_rows(decision: Decision) -> int:
    most = None if decision.limit is None else decision.limit.rows_per_statement
    return -1 if most is None else most


_SHAPES = 512
"""Scrubbed texts whose fingerprint is remembered, of at most some 16 KB each."""

_WITNESSES = 64
"""Kept for worlds that differ in what names mean: each holds every hidden column of a catalog."""

_WORLDS = 1024
"""Worlds kept for sharing. Each has its plans; a bank has some dozen roles times regions, far below this."""

_NEAR = 64
"""Decisions by which a world is found at once: equal ones that were made apart lead to the same."""

_KEYED = 64
"""Decisions of which it is remembered whether a key belongs to them."""
