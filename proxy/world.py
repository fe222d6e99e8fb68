"""The world of a caller: what it may see, and how the server understands it, at this moment.

Owns the world, what every catalog has, and the states in which there is none. May not do: make one (the gate), decide, I/O.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from proxy.declaring import Declaration  # noqa: TC001  native code looks it up
from proxy.plans import Makes, NamesEffect, PlanCache

if TYPE_CHECKING:
    from policies.model import Decision
    from proxy.witness import Witness
    from rewriter.keys import KeyMaterial

COPYING = -2
"""The epoch of no world, of a statement that is ruled again each time it is bound."""

_epochs = itertools.count(1)
"""Every world gets a number of its own, so that an epoch never means two things. 0 is no world."""


class Unsettled(Exception):  # noqa: N818  a state of the database, not a fault of ours
    """Policies or definitions change faster than they can be looked at, so nothing can be ruled now."""


class Outgrown(Exception):  # noqa: N818  an end, not a fault
    """What the caller may see has changed so that the session cannot go on.

    It may hold what must not be seen any more: the key of keyed masks, or values that it was shown before, in variables and
    temporary tables that nobody else can look into.
    """


class Snapshot(Protocol):
    """What every catalog has; `revision` tells snapshots of one database apart."""

    @property
    def database(self) -> str:
        """The database that it describes, or "" for a whole server."""
        ...

    @property
    def revision(self) -> int:
        """Grows with each snapshot that differs."""
        ...


C = TypeVar("C", bound=Snapshot)
N = TypeVar("N")


class Effects(NamedTuple):
    """What running a statement changes for those that follow it, as `proxy.plans.Plan` has it."""

    names: NamesEffect = "none"
    makes: Makes = "none"
    uses_made: bool = False
    declares: Declaration | None = None


class World(Generic[C, N]):
    """What one caller may see and how the server understands them, at this moment, with the plans made so far.

    `names` is None for callers who see everything as it is: they need no name resolved. `key` is what the session holds
    or has held, for a mask that is keyed; there, and only there, settings that could show or replace it are guarded.
    `witness` is what answers are checked against. `epoch` is the world's own number.
    """

    # a plain class, for a generic dataclass cannot be native

    def __init__(  # noqa: PLR0913, PLR0917  what a ruling rests on
        self,
        decision: Decision,
        catalog: C,
        names: N | None,
        key: KeyMaterial | None = None,
        witness: Witness | None = None,
        plans: PlanCache | None = None,
    ) -> None:
        self.decision = decision
        self.catalog = catalog
        self.names = names
        self.key = key
        self.witness = witness
        self.plans = PlanCache() if plans is None else plans
        self.epoch = next(_epochs)

    @property
    def guarded(self) -> bool:
        """True when something is hidden from this caller."""
        return self.names is not None
