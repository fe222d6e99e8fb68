"""Who people are: what the users file, the proof of their login and the sources say of them, put together and kept up to date.

Owns the order in which they are believed, how long an answer of a source holds, and what becomes of a session whose person is not
known any more. A look-up is a task of its own, so no session waits for another one's. May not do: know a protocol, a database or
LDAP, decide what anybody sees.

Of each attribute the first decides that says anything: the users file, then the proof (claims of a token, fields of a
certificate), then the sources in their order. Lists are not joined.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from policies.model import AttributeValue
from proxy.context import SUSPENDED_HINT, NotKnown, Unmet
from proxy.proof import BY_PASSWORD, NOTHING, Proof
from proxy.sources.source import Attributes, Keeping, SourceFailed

if TYPE_CHECKING:
    from policies.patterns import NamePattern
    from proxy.identity import Users

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5.0
"""How long a source that has failed is left in peace: a login in that time does not wait for it to fail again."""

_AT_ONCE: Final = 8
"""Look-ups of one source at a time, for people who have sessions; a login does not wait for them."""

USERS_FILE: Final = "users file"
"""How the audit names it among the sources."""


class Suspended(Protocol):
    """Who is suspended; `revision` grows with each change."""

    revision: int

    def suspended(self, name: str) -> str | None:
        """What somebody is told who is; None for all others."""
        ...


@dataclass(frozen=True, slots=True)
class Portrait:
    """What is known of somebody, and which source each attribute is from."""

    attributes: Mapping[str, AttributeValue]
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session may not go on: what its client is told."""

    sqlstate: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a source has said of somebody, and when (seconds of the clock)."""

    attributes: Attributes | None
    at: float


class _Asked:
    """One source with its answers. `clock` gives seconds that never go back."""

    def __init__(self, keeping: Keeping, clock: Callable[[], float]) -> None:
        self.keeping = keeping
        self.answers: dict[str, _Answer] = {}
        self._clock = clock
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._due: list[str] = []  # of those who have sessions, who is to be asked for next
        self._failed: float | None = None  # when it failed last, and has not answered since

    def fresh(self, person: str) -> bool:
        """Whether what is known of somebody need not be asked for."""
        known = self.answers.get(person)
        return known is not None and self._clock() < known.at + self.keeping.lifetime

    def lapsed(self, person: str) -> bool:
        """Whether what was known of somebody holds no more."""
        known = self.answers.get(person)
        return known is not None and self._clock() >= known.at + self.keeping.lifetime + self.keeping.grace

    @property
    def resting(self) -> bool:
        """Whether it has just failed."""
        return self._failed is not None and self._clock() < self._failed + RETRY_SECONDS

    async def know(self, person: str) -> None:
        """Have an answer that holds. Raises NotKnown."""
        if self.fresh(person):
            return
        if not self.resting:
            await asyncio.shield(self._ask(person))
        known = self.answers.get(person)
        if known is None or self.lapsed(person):
            raise NotKnown(
                f"louver: what {self.keeping.name} knows of {person} cannot be looked up at this time",
                "Try again later. The operator finds the reason in Louver's log.",
            )

    def renew(self, people: Iterable[str]) -> None:
        """Begin to ask for those of whom too little is known, some at a time, until all are asked for."""
        self._due = [person for person in people if person not in self._asking and not self.fresh(person)]
        self._go_on()

    def _go_on(self) -> None:
        while self._due and not self.resting and len(self._asking) < (1 if self._failed is not None else _AT_ONCE):
            person = self._due.pop()
            if person not in self._asking and not self.fresh(person):
                self._ask(person)

    def _ask(self, person: str) -> asyncio.Task[None]:
        """Ask for somebody, once at a time."""
        task = self._asking.get(person)
        if task is None:
            task = self._asking[person] = asyncio.get_running_loop().create_task(self._asked(person))
            task.add_done_callback(lambda _: self._answered(person))
        return task

    def _answered(self, person: str) -> None:
        self._asking.pop(person, None)
        self._go_on()

    async def _asked(self, person: str) -> None:
        try:
            found = await self.keeping.source.find(person)
        except SourceFailed as failed:
            if self._failed is None:
                log.error("attributes: %s has no answer: %s", self.keeping.name, failed)  # noqa: TRY400  it says it all
            self._failed = self._clock()
            return
        except Exception:
            log.exception("attributes: a fault while %s was asked", self.keeping.name)
            self._failed = self._clock()
            return
        if self._failed is not None:
            log.info("attributes: %s answers again", self.keeping.name)
            self._failed = None
        self.answers[person] = _Answer(found, self._clock())

    async def close(self) -> None:
        """Ask no more."""
        self._due.clear()
        for task in list(self._asking.values()):
            task.cancel()
        await self.keeping.source.close()


class People:
    """Everybody: the users of the file, and those whom sources know. A `Directory`.

    `own`: who logs in by a password must be in the users file, and be there still while his session lasts. `suspended` says who may
    not come in, whoever knows him.
    """

    def __init__(  # noqa: PLR0913  its parts, and one setting each
        self,
        users: Users,
        sources: Sequence[Keeping] = (),
        *,
        own: bool = False,
        suspended: Suspended | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.users = users
        self._own = own
        self._suspended = suspended
        self._now = now
        self._sources = tuple(_Asked(each, clock) for each in sources)
        self._held: Counter[str] = Counter()
        self._seen: dict[str, tuple[tuple[bool, Attributes | None], ...]] = {}  # of those held, as of the revision
        self._changes = 0

    @property
    def sources(self) -> tuple[Keeping, ...]:
        """The sources, in their order."""
        return tuple(source.keeping for source in self._sources)

    @property
    def revision(self) -> int:
        """Grows whenever anything is known otherwise of somebody who has a session."""
        return self.users.revision + self._changes + (0 if self._suspended is None else self._suspended.revision)

    # -- what is known -------------------------------------------------------------------------------------------

    async def meet(self, person: str) -> None:
        """Have everything at hand that is known of somebody. Raises NotKnown when a source has no answer."""
        if self._sources:
            await asyncio.gather(*(source.know(person) for source in self._sources))

    def suspended(self, name: str) -> str | None:
        """What somebody is told who may not go on for a time; None for all others."""
        return None if self._suspended is None else self._suspended.suspended(name)

    def attributes(self, name: str, brought: Attributes = NOTHING) -> Attributes | None:
        """What is known of somebody, with what the proof of his login has `brought`; None of nobody. Raises Unmet."""
        found = self.portrait(name, brought)
        return None if found is None else found.attributes

    def portrait(self, name: str, brought: Attributes = NOTHING, proof: str = "proof") -> Portrait | None:
        """What is known of somebody and from where; None of nobody, and of one whom a source must know. Raises Unmet.

        `proof` is how the origin of what was `brought` is named.
        """
        said = self.users.attributes(name)
        known: list[tuple[str, Attributes | None]] = [(USERS_FILE, said), (proof, brought or None)]
        for source in self._sources:
            answer = source.answers.get(name)
            if answer is None:
                raise Unmet(name)
            if answer.attributes is None and source.keeping.required:
                return None
            known.append((source.keeping.name, answer.attributes))
        if all(attributes is None for _, attributes in known):
            return None
        merged: dict[str, AttributeValue] = {}
        origins: dict[str, str] = {}
        for origin, attributes in known:
            for attribute, value in (attributes or NOTHING).items():
                if attribute not in merged:
                    merged[attribute], origins[attribute] = value, origin
        return Portrait(MappingProxyType(merged), MappingProxyType(origins))

    async def arrived(self, name: str, proof: Proof) -> Portrait:
        """Who has come in by a proof. Raises NotKnown for one who may not, or of whom a source has no answer."""
        self.users.refresh()
        suspended = self.suspended(name)
        if suspended is not None:
            raise NotKnown(suspended, SUSPENDED_HINT, gone=True)
        await self.meet(name)
        found = self.portrait(name, proof.attributes, proof.by)
        if found is not None:
            origins = {
                each: proof.origins.get(each, by) if by == proof.by else by for each, by in found.origins.items()
            }
            return Portrait(found.attributes, MappingProxyType(origins))
        if any(source.keeping.required for source in self._sources):
            raise NotKnown(
                f"louver: {name} is not known where everybody has to be",
                "An administrator adds people there.",
                gone=True,
            )
        return Portrait(NOTHING, MappingProxyType({}))

    def opening(self, name: str, proof: Proof, arrived: Portrait) -> Portrait:
        """Who opens a session, as he is known at this moment: since he arrived he may be known otherwise."""
        try:
            return self._who(name, proof) or arrived
        except Unmet:  # `ending` says why
            return arrived

    def _who(self, name: str, proof: Proof) -> Portrait | None:
        """What is known of who has come in by a proof. Raises Unmet."""
        found = self.portrait(name, proof.attributes, proof.by)
        if found is None:
            return None
        origins = {each: proof.origins.get(each, by) if by == proof.by else by for each, by in found.origins.items()}
        return Portrait(found.attributes, MappingProxyType(origins))

    def speaks_for(self, account: str) -> tuple[NamePattern, ...]:
        """The names for whom an account may speak: the users file alone says that."""
        return self.users.speaks_for(account)

    def ending(self, name: str, proof: Proof) -> Ending | None:
        """Why the session of somebody who came in by a proof may not go on; None when it may."""
        suspended = self.suspended(name)
        if suspended is not None:
            return Ending("28000", suspended, SUSPENDED_HINT)
        if proof.ends is not None and self._now() >= proof.ends:
            return Ending(
                "28000", f"louver: the {proof.expires} by which this session was opened has expired", proof.hint
            )
        if self._own and proof.by == BY_PASSWORD and self.users.attributes(name) is None:
            return Ending("28000", f"louver: the users file has no user {name} any more", "Ask an administrator.")
        for source in self._sources:
            answer, where = source.answers.get(name), source.keeping.name
            if answer is None:
                return Ending(
                    "57P03",
                    f"louver: what {where} knows of {name} is too old, and it gives no answer",
                    "Connect again later. The operator finds the reason in Louver's log.",
                )
            if answer.attributes is None and source.keeping.required:
                return Ending("28000", f"louver: {where} does not know {name} any more", "Ask an administrator.")
        return None

    # -- keeping it up to date -----------------------------------------------------------------------------------

    def hold(self, name: str) -> None:
        """Somebody has a session, or is spoken for in one: keep what is known of him up to date until `release`."""
        self._held[name] += 1
        if self._sources and name not in self._seen:
            self._seen[name] = self._answers(name)

    def release(self, name: str) -> None:
        """One session fewer."""
        self._held[name] -= 1
        if self._held[name] <= 0:
            del self._held[name]
            self._seen.pop(name, None)

    def refresh(self) -> None:
        """Look whether anything is known otherwise by now, and begin to ask for what is getting old. Once a second."""
        self.users.refresh()
        if not self._sources:
            return
        for source in self._sources:
            for person in [person for person in source.answers if source.lapsed(person)]:
                del source.answers[person]
            source.renew(self._held)
        for person, before in list(self._seen.items()):
            now = self._answers(person)
            if now != before:
                self._seen[person] = now
                self._changes += 1

    def _answers(self, person: str) -> tuple[tuple[bool, Attributes | None], ...]:
        """What each source has said; that it has said nothing is something else than that it knows nobody."""
        found = (source.answers.get(person) for source in self._sources)
        return tuple((False, None) if answer is None else (True, answer.attributes) for answer in found)

    async def close(self) -> None:
        """Ask nobody any more."""
        for source in self._sources:
            await source.close()
