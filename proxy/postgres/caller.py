"""One caller within a session: who it is, and the world it is in at this moment.

Owns finding the world again after anything that it rests on has changed: policies, time, catalog, what names mean.
May not do: touch a transport; what the session's own server has to be asked goes through `ask`.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, NamedTuple

from policies.model import ColumnName, Decision, Label
from proxy.plans import Ruling, commented
from proxy.postgres.gate import PostgresWorld, needs_nothing, what_it_makes
from proxy.postgres.introspection import look_up_sql, read_look_up
from proxy.postgres.own import read_own
from proxy.postgres.wire.spelling import fields
from proxy.postgres.wire.statements import DESCRIPTION
from proxy.world import Outgrown, Unsettled
from rewriter.model import Refusal, UnknownNames
from rewriter.postgres.catalog import Catalog, Names, Relation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.context import Context, Identity
    from proxy.postgres.catalogs import PostgresCatalogs
    from proxy.postgres.gate import PostgresGate
    from proxy.postgres.introspection import Ask
    from proxy.shown import Field
    from rewriter.keys import KeyMaterial
    from rewriter.postgres.lineage import Inheritance


_LOOK_UPS = 16
"""Look-ups for one statement: what is found can name more, as functions do in their bodies."""

_ENDLESS = Refusal(
    "54001", "the names in this statement lead to too many others", hint="Use functions that call fewer others."
)

_DESCRIPTIONS = 64
"""Descriptions of answers that are kept as they were read, each of at most DESCRIPTION bytes."""

_SETTLINGS = 8
"""How often a world is looked for that holds still while it is looked at."""

_STEADY = _SETTLINGS - 1
"""Definitions that change all the time are waited for once: what a statement may meet of them is seen when it is answered."""

_ENTERED = 1000
"""Worlds that are known for one session, by the identity that it has in them."""

_serials = itertools.count(1)

_SET_KEY = "SELECT pg_catalog.set_config($1, $2, false)"


class _Entered(NamedTuple):
    """A world as it was entered: by which names, with which key held and needed."""

    names: Names | None
    held: KeyMaterial | None
    key: KeyMaterial | None
    world: PostgresWorld


class Caller:
    """The caller of one session. `context` gives who it is and what its conditions may look at, time included.

    `world` is where it is now; it may be ruled by only while `current`.
    """

    def __init__(self, context: Context, gate: PostgresGate, catalogs: PostgresCatalogs) -> None:
        self._context = context
        self._identity = context.identity
        self._entered: dict[Identity, _Entered] = {}  # in this generation, over the snapshot alone
        self._gate = gate
        self._catalogs = catalogs
        database = context.session().database
        self._known = self.known = catalogs.known(database)
        self._serial = next(_serials)
        self._generation = -1
        self._names: Names | None = None
        self._named: Catalog | None = None  # the snapshot beside which they were asked for
        self._own: list[Relation] = []  # made or changed in the open transaction
        self._own_stale = False
        self._unseen = False  # something may have been defined when nothing was labelled yet
        self._passing: dict[str, Label] = {}  # of what is in temporary tables of the session
        self._catalog: Catalog | None = None  # with these, or None for the snapshot itself
        self._key: KeyMaterial | None = None  # what the session's server surely holds
        self._held: KeyMaterial | None = None  # what it may hold: a rollback can bring back what was taken away
        self._read: dict[bytes, list[Field] | None] = {}  # descriptions of answers that show something
        self._read_by: Catalog | None = None  # by which they were
        self.world = PostgresWorld(Decision("", {}, {}), Catalog(database, 0, {}, {}), None)

    @property
    def current(self) -> bool:
        """True while nothing that the world rests on has changed, the meaning of names apart."""
        return (
            self._generation == self._known.generation
            and self._identity is self._context.identity
            and not self._known.stale
            and not self._own_stale
        )

    @property
    def guarded(self) -> bool:
        """True when something is hidden from this caller, as far as is known."""
        return self._names is not None

    def fields(self, description: bytes) -> list[Field] | None:
        """What the payload of a RowDescription says of the columns, under the names of this moment; None: it cannot be read."""
        if len(description) > DESCRIPTION:
            return fields(description, self._origin)
        catalog = self._known.catalog
        if self._read_by is not catalog or len(self._read) >= _DESCRIPTIONS:
            self._read_by, self._read = catalog, {}
        if description not in self._read:
            self._read[description] = fields(description, self._origin)
        return self._read[description]

    def _origin(self, table: int, number: int) -> str:
        """The column of a table by its OID and its number there, as the audit names it; "" when the catalog lacks it."""
        relation = self._known.catalog.relations.get(table)
        column = None if relation is None else next((each for each in relation.columns if each.number == number), None)
        return f"{relation.schema}.{relation.name}.{column.name}" if relation is not None and column is not None else ""

    def defines(self) -> None:
        """A statement goes off that may define something in the open transaction, or undo that."""
        if self._known.held:
            self._own_stale = True
        else:
            self._unseen = True

    @property
    def defining(self) -> bool:
        """True when something may have been defined since the world was found."""
        return self._own_stale

    @property
    def has_own(self) -> bool:
        """True when the world rests on what the open transaction has defined."""
        return bool(self._own) or self._own_stale

    def makes(self, text: bytes, number: int) -> bool:
        """A statement is about to go off that may make tables: take down what they inherit.

        `number` is how many this session has started before. True: that has to be remembered before it goes, and the
        statement ruled again.
        """
        if self._known.held:
            for inheritance in what_it_makes(self.world, text, self._passing):
                if inheritance.temporary:
                    self._pass(inheritance)
                else:
                    by = self._context.identity.principal.name
                    self._catalogs.makes(self._known, inheritance, by, (self._serial, number))
        return self._catalogs.dirty or self._generation != self._known.generation

    def undone(self, numbers: range) -> None:
        """What `makes` was told of under these numbers has failed, or was rolled back."""
        self._known.labelling.undone(self._serial, numbers)

    def _pass(self, made: Inheritance) -> None:
        """Know what a temporary table holds, for what is copied from it; the catalog never knows it."""
        label = made.whole
        if label is not None:
            self._passing[made.name] = label
        elif made.anew:
            self._passing.pop(made.name, None)

    async def remember(self) -> None:
        """Bring to the disk what labels there are. Raises LedgerUnavailable."""
        await self._catalogs.remember()

    def find_early(self, text: bytes, number: int) -> Ruling | None:
        """The ruling of a statement for which what was defined lately makes no difference; None for all others."""
        if self._generation != self._known.generation or not needs_nothing(self.world, text):
            return None
        found = self.find(text)
        if found is None or found.plan.verdict == "deny":  # what is in its way may be gone
            return None
        return None if found.plan.copies and self.makes(text, number) else found

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
        """Decide again by what is known already; False when the catalog or names have to be asked for first."""
        if self._known.stale or self._own_stale:
            return False
        before = self._entered.get(self._context.identity)
        if before is not None and self._stands(before):
            self._identity, self.world = self._context.identity, before.world
            return True
        decision = self._decide()
        if decision.all_clear and not self._context.speaking:
            if self._held is not None:
                return False
            self._names = None
        elif (self._names is None and not decision.all_clear) or self._is_renamed():
            return False
        else:
            key = self._gate.key_for(decision)
            if key is not None and key is not self._key:
                return False
        self._enter(decision)
        return True

    async def settle(self, ask: Ask, *, names_stale: bool, status: bytes = b"I") -> None:
        """Find the world that the caller is in now. Raises CatalogUnavailable, LedgerUnavailable, Unsettled and Outgrown.

        Policies and catalog may move on while the server is asked; then it is found again, for nothing may be ruled by half of each.

        `status` is the transaction's as ReadyForQuery tells it. In a failed one nothing can be asked, so that the world
        stays behind until it is over.
        """
        for left in reversed(range(_SETTLINGS)):
            if self._known.stale:
                await self._catalogs.refresh(self._known)
            self._own_stale = self._own_stale or (self._unseen and self._known.held > 0)
            if self._own_stale and status != b"E":
                self._own = await read_own(ask) if status == b"T" else []
                self._own_stale = self._unseen = False
                names_stale = True
            self._catalog = self._catalogs.laid_over(self._known, self._own) if self._own else None
            generation, decision = self._known.generation, self._decide()
            if decision.all_clear and (self._names is None or not self._context.speaking):
                # who speaks for others is trusted with what each of them may see, this one's key included
                if self._held is not None and not self._context.speaking:  # unguarded, it could be read
                    raise Outgrown
                self._names = None
            elif self._names is None or names_stale or self._is_renamed():
                self._named = self._known.catalog
                self._names = read_look_up(await ask(look_up_sql()))
                names_stale = False
                self._key = None  # what may have changed the search path may have taken the key away
            if self._names is not None:
                key = self._gate.key_for(decision)
                if key is not None and key is not self._key:
                    self._held = key
                    await ask(_SET_KEY, key.name, key.setting)
                    self._key = key
            await self._catalogs.remember()
            if generation == self._known.generation and (left < _STEADY or not self._known.stale):
                self._enter(decision)
                return
        raise Unsettled

    def stands(self, text: bytes, sent: bytes | None, identity: Identity) -> bool:
        """Whether a statement that has left, as `sent` or as it came, would leave so by what is known now."""
        catalog = self._catalogs.laid_over(self._known, self._own) if self._own else self._known.catalog
        decision = self._gate.decide(identity.principal, self._context.session(), self._labels())
        names = None if decision.all_clear and self._names is None else self._names
        if names is None and not decision.all_clear:
            return False
        try:
            ruling = self._gate.rule(self._gate.world(decision, catalog, names, self._held, shared=not self._own), text)
        except UnknownNames:
            return False
        return ruling.plan.verdict != "deny" and ruling.text == sent

    async def look_up(self, ask: Ask, text: bytes) -> Ruling:
        """Rule a statement with names that the catalog does not know, by what the session's own server knows.

        A relation found there that the snapshot lacks is nobody else's only when a snapshot read after that lacks it,
        too: it was made in the open transaction. All others are ruled by the catalog, which knows more of them.
        """
        own: set[int] = set()
        bare = self._context.bare(text)
        # Somebody may create what is missing at any moment: that it is missing holds for this statement only.
        missing = Names(())
        for _ in range(_LOOK_UPS):
            world, names = self.world, self.world.names
            if names is not None and (missing.looked_up or missing.functions):
                world = PostgresWorld(world.decision, world.catalog, _joined(names, missing), self._held)
            try:
                return commented(self._gate.rule(world, bare), text[len(bare) :])
            except UnknownNames as unknown:
                rows = await ask(look_up_sql(unknown.names, unknown.functions))
                found = read_look_up(rows, unknown.functions)
            new = {r.oid for r in found.looked_up.values() if r is not None and self._known.lacks(r)} - own
            if new:
                await self._catalogs.catch_up(self._known)
                await self.settle(ask, names_stale=False, status=b"T" if self._own else b"I")
                own |= new
                missing = Names(())
            elif self._names is not None:
                self._names = _joined(self._names, _present(found))
                missing = _joined(missing, found)
                await self.settle(ask, names_stale=False, status=b"T" if self._own else b"I")
        return self._gate.deny(self.world, text, _ENDLESS)

    def nameless_world(self) -> PostgresWorld:
        """A world in which no name is known, for a transaction that has failed and can look nothing up."""
        return PostgresWorld(self.world.decision, Catalog(self._known.database, 0, {}, {}), Names(()), self._held)

    def _is_renamed(self) -> bool:
        """Whether names may mean something else by what others have defined: a schema in the search path that there was none of, or is none."""
        return self._names is not None and self._named is not self._known.catalog

    def _decide(self) -> Decision:
        """The decision of this moment."""
        if self._context.outdated:
            self._context.refresh()
        return self._gate.decide(self._context.identity.principal, self._context.session(), self._labels())

    def _labels(self) -> Mapping[ColumnName, Label]:
        """The labels of the catalog's columns, and of those looked up on the session.

        An object of its own wherever the session has relations of its own, labelled or not, so that the decision is another one than before them: by
        that a portal is known which was bound when names meant something else, and whose code may read by them still.
        """
        looked_up = () if self._names is None else self._names.looked_up.values()
        found = [each for each in (*looked_up, *self._own) if each is not None]
        if not found:
            return self._known.labels
        labels = dict(self._known.labels)
        for relation in found:
            labels |= self._catalogs.labels_of(self._known, relation)
        return labels

    def _stands(self, entered: _Entered) -> bool:
        """Whether a world that was entered for an identity is its world still."""
        return (
            self._generation == self._known.generation
            and self._catalog is None
            and entered.names is self._names
            and entered.held is self._held
            and (entered.key is None or entered.key is self._key)
        )

    def _enter(self, decision: Decision) -> None:
        if self._generation != self._known.generation or len(self._entered) >= _ENTERED:
            self._entered.clear()
        self._generation = self._known.generation
        self._identity = self._context.identity
        catalog = self._catalog or self._known.catalog
        names = None if decision.all_clear else self._names
        self.world = self._gate.world(decision, catalog, names, self._held, shared=self._catalog is None)
        if self._catalog is None and self._context.speaking:
            key = self._gate.key_for(decision)
            self._entered[self._identity] = _Entered(self._names, self._held, key, self.world)


def _present(found: Names) -> Names:
    """What a look-up has found, without what is missing."""
    relations = {name: relation for name, relation in found.looked_up.items() if relation is not None}
    return Names((), looked_up=relations, functions={name: code for name, code in found.functions.items() if code})


def _joined(names: Names, found: Names) -> Names:
    """Names with what a look-up has found in addition."""
    return dataclasses.replace(
        names, looked_up={**names.looked_up, **found.looked_up}, functions={**names.functions, **found.functions}
    )
