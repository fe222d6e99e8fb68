"""One caller within a MySQL session: who it is, and the world it is in at this moment.

Owns finding the world again after anything that it rests on has changed: policies, time, catalog, the facts of the session.
May not do: touch a transport; what the session's own server has to be told goes through `ask`.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from policies.model import Decision
from proxy.mysql.catalogs import SERVER
from proxy.mysql.gate import MySQLWorld, what_it_makes, what_it_moves
from proxy.plans import commented
from proxy.world import Outgrown, Unsettled, World
from rewriter.model import Refusal, UnknownNames
from rewriter.mysql.catalog import Facts  # noqa: TC001  native code looks it up
from rewriter.mysql.lineage import Made
from rewriter.mysql.masks import key_statement
from rewriter.mysql.names import index_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policies.model import Label, Treatment
    from proxy.context import Context, Identity
    from proxy.mysql.catalogs import MySQLCatalogs
    from proxy.mysql.gate import MySQLGate
    from proxy.plans import Ruling
    from rewriter.keys import KeyMaterial
    from rewriter.model import Name

    Ask = Callable[[str], Awaitable[None]]


_LOOK_UPS: Final = 16
"""Look-ups for one statement: what is found can name more, as views and routines do."""

_MAX_ABSENT: Final = 1000
"""Names of temporary tables that a session is known by; beyond that they are looked up again when definitions change."""

_ENDLESS: Final = Refusal(
    "54001",
    "the names in this statement lead to too many others",
    hint="Use views and functions that use fewer others.",
)

_ENTERED: Final = 1000
"""Worlds that are known for one session, by the identity that it has in them."""

_serials = itertools.count(1)

_SETTLINGS: Final = 8
"""How often a world is looked for that holds still while it is looked at."""

_STEADY: Final = _SETTLINGS - 1
"""Definitions that change all the time are waited for once: what a statement may meet of them is seen when it is answered."""


class _Entered(NamedTuple):
    """A world as it was entered: by which facts of the session, with which key held, under which decision."""

    facts: Facts
    absent: frozenset[Name]
    held: KeyMaterial | None
    decision: Decision
    world: MySQLWorld


class MySQLCaller:
    """The caller of one session. `context` gives who it is and what its conditions may look at, time included.

    `world` is where it is now; it may be ruled by only while `current`, and for the facts it was entered with.
    """

    def __init__(
        self,
        context: Context,
        gate: MySQLGate,
        catalogs: MySQLCatalogs,
        facts: Facts,
    ) -> None:
        self._context = context
        self.name = context.account
        self._identity = context.identity
        self._worlds: dict[Identity, _Entered] = {}  # in this generation
        self._gate = gate
        self._catalogs = catalogs
        self._known = self.known = catalogs.known(SERVER)
        self._serial = next(_serials)
        self._generation = -1
        self._facts = facts
        self._absent: frozenset[Name] = frozenset()  # names that the snapshot of this generation surely lacks
        self._decision = Decision("", {}, {})
        self._entered = False
        self._held: KeyMaterial | None = None  # what the session's server holds
        self._passing: dict[Name, Label | None] = {}  # of what is in temporary tables of the session
        self._made: tuple[int, Made] = (-1, Made())  # what the statement of this number makes
        self.world: MySQLWorld = World(self._decision, self._known.catalog, None)

    @property
    def current(self) -> bool:
        """True while nothing that the decision rests on has changed."""
        return (
            self._generation == self._known.generation
            and self._identity is self._context.identity
            and not self._known.stale
        )

    @property
    def guarded(self) -> bool:
        """True when something is hidden from this caller, as far as is known."""
        return self.world.guarded

    def note(self, facts: Facts) -> None:
        """The facts of the session, as the server has told them last."""
        if facts != self._facts:
            self._facts = facts
            if self._entered:
                self._enter()

    def reset(self) -> None:
        """The session may be as new: what its server was told has to be told again."""
        self._held = None

    def find(self, text: bytes) -> Ruling | None:
        """The ruling of `text` in the current world; None when it has names that the catalog does not know."""
        bare = self._context.bare(text)
        found = self.world.plans.find(bare)
        if found is None:
            try:
                found = self._gate.rule(self.world, bare)
            except UnknownNames:
                return None
        return found if bare is text else commented(found, text[len(bare) :])

    def renew(self) -> bool:
        """Decide again by what is known already; False when the catalog or the session's server has to be asked first."""
        if self._known.stale:
            return False
        before = self._worlds.get(self._context.identity)
        if before is not None and self._stands(before):
            self._identity, self._decision, self.world = self._context.identity, before.decision, before.world
            return True
        decision = self._decide()
        if self._changes(decision) or (self._gate.key_for(decision) or self._held) is not self._held:
            return False
        self._decision = decision
        self._enter()
        return True

    async def settle(self, ask: Ask) -> None:
        """Find the world that the caller is in now. Raises CatalogUnavailable, Unsettled and Outgrown.

        Policies and catalog may move on while the server is asked; then it is found again, for nothing may be ruled by half
        of each.
        """
        for left in reversed(range(_SETTLINGS)):
            if self._known.stale:
                await self._catalogs.refresh(self._known)
            generation, decision = self._known.generation, self._decide()
            if self._changes(decision):
                raise Outgrown
            key = self._gate.key_for(decision)
            if key is not None and key is not self._held:
                await ask(key_statement(key))
                self._held = key
            if generation == self._known.generation and (left < _STEADY or not self._known.stale):
                self._decision = decision
                self._enter()
                return
        raise Unsettled

    async def look_up(self, ask: Ask, text: bytes) -> Ruling:
        """Rule a statement with names that the snapshot does not know, by a snapshot that was read after it came.

        What that lacks, too, is a temporary table of the session's own, or nothing. Raises what `settle` raises.
        """
        bare = self._context.bare(text)
        for _ in range(_LOOK_UPS):
            try:
                return commented(self._gate.rule(self.world, bare), text[len(bare) :])
            except UnknownNames as unknown:
                missing = unknown.names | unknown.functions
            await self._catalogs.catch_up(self._known)
            await self.settle(ask)
            tables, routines = self._known.catalog.tables, self._known.catalog.routines
            names = {(schema or "", name) for schema, name in missing}
            self._absent |= {name for name in names if name not in tables and name not in routines}
            self._enter()
        return self._gate.deny(self.world, text, _ENDLESS)

    def stands(self, text: bytes, sent: bytes | None, identity: Identity) -> bool:
        """Whether a statement that has left, as `sent` or as it came, would leave so by what is known now."""
        decision = self._gate.decide(identity.principal, self._context.session(), self._known.labels)
        if not self.world.guarded:
            return decision.all_clear
        facts = replace(self._facts, absent=self._absent) if self._absent else self._facts
        world = self._gate.world(decision, self._known.catalog, facts, self._held, shared=not self._absent)
        try:
            ruling = self._gate.rule(world, text)
        except UnknownNames:
            return False
        return ruling.plan.verdict != "deny" and ruling.text == sent

    async def makes(self, text: str, facts: Facts, number: int) -> bool:
        """A statement is about to go off that may make or alter tables: have what they inherit on the disk first.

        `number` is how many this session has started before. False: the world has moved on meanwhile, so that the statement is to be
        ruled again. Raises CatalogUnavailable and LedgerUnavailable.
        """
        known = self._known
        if not known.held:  # nothing is labelled anywhere
            return True
        asker = self._serial, number
        self._catalogs.withdraw(known, asker)
        before = known.generation
        made = what_it_makes(self.world, text, facts, known.labels, self._passing)
        if made.unknown - index_of(known.catalog).tables.keys():  # of a moment ago, or there is none
            await self._catalogs.catch_up(known)
        still = known.generation == before
        by = self._context.identity.principal.name
        moved = what_it_moves(self.world, text, facts, known.followed, self._passing) if known.followed else ()
        self._catalogs.makes(known, made.inheritances, moved, by, asker)
        generation = known.generation
        self._made = number, made
        for each in made.inheritances:
            if each.temporary and each.whole is not None:
                self._passing[each.name] = each.whole
        await self._catalogs.remember()
        return still and generation == known.generation and not known.stale

    def ended(self, number: int, status: str) -> None:
        """A statement has ended as `proxy.mysql.wire.replies.Execution.status` tells, or was never sent: denied."""
        before, made = self._made
        if before != number:
            return
        self._made = -1, Made()
        asker = self._serial, number
        if status == "denied" or (status == "error" and made.single):
            self._catalogs.withdraw(self._known, asker)
            return
        self._catalogs.ended(self._known, asker, "done" if status == "ok" else "doubtful")
        if status == "ok":
            clean = (each for each in made.inheritances if each.temporary and each.sure and each.whole is None)
            self._passing.update(dict.fromkeys(each.name for each in clean))
            for name in made.dropped:
                self._passing.pop(name, None)

    def left(self) -> None:
        """The session ends, and so does what was to go off and has not."""
        self.ended(self._made[0], "denied")

    def _decide(self) -> Decision:
        if self._context.outdated:
            self._context.refresh()
        return self._gate.decide(self._context.identity.principal, self._context.session(), self._known.labels)

    def _stands(self, entered: _Entered) -> bool:
        """Whether a world that was entered for an identity is its world still."""
        return (
            self._generation == self._known.generation
            and entered.facts is self._facts
            and entered.absent is self._absent
            and entered.held is self._held
        )

    def _changes(self, decision: Decision) -> bool:
        """Whether less is shown of a column than this session may have seen of it, or other rows of a table."""
        if decision is self._decision or not self._entered or self._context.speaking:
            return False  # who speaks for others is trusted with what each of them may see
        if self._identity is not self._context.identity:
            return False  # it has declared another purpose itself, and has seen what it holds
        if decision.filters_rows and decision.filters != self._decision.filters:
            return True
        before, after = dict(self._decision.kinds), dict(decision.kinds)
        kinds = before.keys() | after.keys()
        pairs = [(before.get(kind, self._decision), after.get(kind, decision)) for kind in kinds]
        return any(self._shows_less(*pair) for pair in [(self._decision, decision), *pairs])

    def _shows_less(self, before: Decision, after: Decision) -> bool:
        """Whether less is shown of a column that the session may have seen."""
        tables = self.world.catalog.tables
        for column, treatment in after.treatments.items():
            shown, known = _essence(treatment), before.treatments.get(column)
            if shown is None or shown == _essence(known) or _widens(known, treatment):
                continue
            if self.world.catalog.revision == 0:  # nothing was labelled, so nobody has looked what there was to be seen
                return True
            table = tables.get((column.schema, column.relation))
            if table is not None and any(each.name.lower() == column.column for each in table.columns):
                return True
        return False

    def _enter(self) -> None:
        if self._generation != self._known.generation:  # a later snapshot has them, or lacks them, too
            tables, routines = self._known.catalog.tables, self._known.catalog.routines
            still = (name for name in self._absent if name not in tables and name not in routines)
            self._absent = frozenset(still if len(self._absent) <= _MAX_ABSENT else ())
        if self._generation != self._known.generation or len(self._worlds) >= _ENTERED:
            self._worlds.clear()
        self._generation = self._known.generation
        self._identity = self._context.identity
        self._entered = True
        facts = replace(self._facts, absent=self._absent) if self._absent else self._facts
        names = None if self._decision.all_clear else facts
        self.world = self._gate.world(self._decision, self._known.catalog, names, self._held, shared=not self._absent)
        if self._context.speaking:
            self._worlds[self._identity] = _Entered(self._facts, self._absent, self._held, self._decision, self.world)


def _widens(before: Treatment | None, now: Treatment) -> bool:
    """Whether a grant has made a treatment of another, which shows all that the other did."""
    if before is None or not set(before.grants) < set(now.grants) or now.rows is None:
        return False
    match before.kind:
        case "clear":
            return before.rows is not None and now.rows.extends(before.rows) and now.fallback == before.fallback
        case "mask":
            return before.rows is None and now.fallback == before.mask
        case _:
            return True


def _essence(treatment: Treatment | None) -> object:
    """What a treatment shows, whatever rule says so."""
    if treatment is None or not treatment.hides:
        return None
    return (treatment.kind, treatment.mask, treatment.rows, treatment.fallback)
