"""One caller within a MySQL session: who it is, and the world it is in at this moment.

Owns finding the world again after anything that it rests on has changed: policies, time, catalog, the facts of the session.
May not do: touch a transport; what the session's own server has to be told goes through `ask`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policies.model import Decision
from proxy.gate import Outgrown, Unsettled, World
from proxy.mysql.catalogs import SERVER
from rewriter.model import Refusal, UnknownNames
from rewriter.mysql.masks import key_statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policies.model import Principal, Session, Treatment
    from proxy.mysql.catalogs import MySQLCatalogs
    from proxy.mysql.gate import MySQLGate, MySQLWorld
    from proxy.plans import Ruling
    from rewriter.keys import KeyMaterial
    from rewriter.model import Name
    from rewriter.mysql.catalog import Facts

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

_SETTLINGS: Final = 8
"""How often a world is looked for that holds still while it is looked at."""


class MySQLCaller:
    """The caller of one session. `moment` gives what its conditions may look at, time included.

    `world` is where it is now; it may be ruled by only while `current`, and for the facts it was entered with.
    """

    def __init__(
        self,
        principal: Principal,
        moment: Callable[[], Session],
        gate: MySQLGate,
        catalogs: MySQLCatalogs,
        facts: Facts,
    ) -> None:
        self._principal = principal
        self.name = principal.name
        self._moment = moment
        self._gate = gate
        self._catalogs = catalogs
        self._known = catalogs.known(SERVER)
        self._generation = -1
        self._facts = facts
        self._absent: frozenset[Name] = frozenset()  # names that the snapshot of this generation surely lacks
        self._decision = Decision("", {}, {})
        self._entered = False
        self._held: KeyMaterial | None = None  # what the session's server holds
        self.world: MySQLWorld = World(self._decision, self._known.catalog, None)

    @property
    def current(self) -> bool:
        """True while nothing that the decision rests on has changed."""
        return self._generation == self._known.generation and not self._known.stale

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
        found = self.world.plans.find(text)
        if found is not None:
            return found
        try:
            return self._gate.rule(self.world, text)
        except UnknownNames:
            return None

    def renew(self) -> bool:
        """Decide again by what is known already; False when the catalog or the session's server has to be asked first."""
        if self._known.stale:
            return False
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
        for _ in range(_SETTLINGS):
            if self._known.stale:
                await self._catalogs.refresh(self._known)
            generation, decision = self._known.generation, self._decide()
            if self._changes(decision):
                raise Outgrown
            key = self._gate.key_for(decision)
            if key is not None and key is not self._held:
                await ask(key_statement(key))
                self._held = key
            if generation == self._known.generation:
                self._decision = decision
                self._enter()
                return
        raise Unsettled

    async def look_up(self, ask: Ask, text: bytes) -> Ruling:
        """Rule a statement with names that the snapshot does not know, by a snapshot that was read after it came.

        What that lacks, too, is a temporary table of the session's own, or nothing. Raises what `settle` raises.
        """
        for _ in range(_LOOK_UPS):
            try:
                return self._gate.rule(self.world, text)
            except UnknownNames as unknown:
                missing = unknown.names | unknown.functions
            await self._catalogs.catch_up(self._known)
            await self.settle(ask)
            tables, routines = self._known.catalog.tables, self._known.catalog.routines
            names = {(schema or "", name) for schema, name in missing}
            self._absent |= {name for name in names if name not in tables and name not in routines}
            self._enter()
        return self._gate.deny(self.world, text, _ENDLESS)

    def _decide(self) -> Decision:
        return self._gate.decide(self._principal, self._moment(), self._known.labels)

    def _changes(self, decision: Decision) -> bool:
        """Whether less is shown of a column than this session may have seen of it."""
        if not self._entered:
            return False
        before, tables = self._decision.treatments, self.world.catalog.tables
        for column, treatment in decision.treatments.items():
            shown = _essence(treatment)
            if shown is None or shown == _essence(before.get(column)):
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
        self._generation = self._known.generation
        self._entered = True
        facts = replace(self._facts, absent=self._absent) if self._absent else self._facts
        names = None if self._decision.all_clear else facts
        self.world = self._gate.world(self._decision, self._known.catalog, names, self._held, shared=not self._absent)


def _essence(treatment: Treatment | None) -> object:
    """What a treatment shows, whatever rule says so."""
    if treatment is None or not treatment.hides:
        return None
    return (treatment.kind, treatment.mask, treatment.rows, treatment.fallback)
