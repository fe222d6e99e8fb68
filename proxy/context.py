"""The context of one session: for whom its statements are ruled, and what is known of the circumstances, now.

Owns what the client says of itself: attributes that it declares, and, for an account that may speak for others, whom it speaks for.
An identity is one object for as long as nothing of it changes, so that comparing two costs nothing. May not do: decide, know a
protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from policies.model import AttributeValue, Principal
from policies.vocabulary import NotAllowed
from proxy.declaring import USER, Comment, Declaration, comment
from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from policies.model import Session
    from policies.patterns import NamePattern
    from policies.vocabulary import Vocabulary

_IDENTITIES: Final = 1000
"""Kept for one session, each with its decision: a pool of an application serves some hundred users."""

SUSPENDED_HINT: Final = "An administrator can lift that, by `louver alerts lift`."

_MEETINGS: Final = 3
"""How often somebody is looked up for one statement: what is known could grow too old in between."""

_RESTLESS: Final = Refusal(
    "57P03", "what is known of the person this statement is for does not hold still", hint="Try again."
)

_NOTHING: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class Unmet(Exception):  # noqa: N818  a state, not a fault
    """What is known of somebody is not at hand and has to be looked up: see `Directory.meet`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NotKnown(Exception):  # noqa: N818  a state, not a fault
    """What is known of somebody cannot be had; `gone`: not at this time only. `message` and `hint` are for the client."""

    def __init__(self, message: str, hint: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.sqlstate = "28000" if gone else "57P03"


class Directory(Protocol):
    """Where people are known. `revision` grows whenever anything is known otherwise."""

    @property
    def revision(self) -> int:
        """Grows with each change."""
        ...

    def refresh(self) -> None:
        """Look whether anything is known otherwise by now."""
        ...

    def attributes(self, name: str, brought: Mapping[str, AttributeValue] = ...) -> Mapping[str, AttributeValue] | None:
        """What is known of somebody, with what his login has brought; None of nobody. Raises Unmet."""
        ...

    async def meet(self, person: str) -> None:
        """Have at hand what is known of somebody. Raises NotKnown."""
        ...

    def hold(self, name: str) -> None:
        """Keep what is known of somebody up to date until `release`."""
        ...

    def release(self, name: str) -> None:
        """Somebody is asked for one time less."""
        ...

    def suspended(self, name: str) -> str | None:
        """What is told of somebody for whom nothing is answered for a time; None for all others."""
        ...

    def speaks_for(self, account: str) -> tuple[NamePattern, ...]:
        """The names for whom an account may speak."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """For whom a statement is ruled: the account that logged in, or the one that it speaks for, with what was declared."""

    account: str
    principal: Principal
    declared: Mapping[str, AttributeValue]

    @property
    def on_behalf_of(self) -> str | None:
        """Whom the account speaks for; None when it speaks for itself."""
        return None if self.principal.name == self.account else self.principal.name


class Context:
    """What conditions see of one session. `connection` tells the connection and the moment, `vocabulary` what may be declared.

    `account` is who logged in, with the attributes known then, `brought` those that his login proved; what the directory says
    takes their place when it changes. Whoever makes it calls `close` at the end.
    """

    def __init__(
        self,
        account: Principal,
        connection: Callable[[], Session],
        directory: Directory,
        vocabulary: Callable[[], Vocabulary],
        brought: Mapping[str, AttributeValue] = _NOTHING,
    ) -> None:
        self.account = account.name
        self._login = account
        self._brought = brought
        self._spoken_for: set[str] = set()  # held in the directory
        self._lost = False  # what was declared cannot be settled at this time
        self._connection = connection
        self._directory = directory
        self._vocabulary = vocabulary
        self._revision = directory.revision
        self._listens = bool(directory.speaks_for(self.account))
        self._set: dict[str, str] = {}  # what was declared for the session, as it was said
        self._heard: tuple[bytes, Comment] | None = None  # the statement at hand, and its comment
        self._identities: dict[tuple[tuple[str, str], ...], Identity] = {}
        self.identity = self._identity({})
        directory.hold(self.account)

    def close(self) -> None:
        """The session is over."""
        self._let_go()
        self._directory.release(self.account)

    @property
    def speaking(self) -> bool:
        """Whether the account may speak for others, so that each statement may be another one's."""
        return self._listens or self._lost

    async def heard(self, text: bytes) -> None:
        """`hear`, after whom the statement is for has been looked up. Raises Refusal."""
        for _ in range(_MEETINGS):
            try:
                self.hear(text)
            except Unmet as unmet:
                await self._meet(unmet.name)
            else:
                return
        raise _RESTLESS

    async def declared(self, declaration: Declaration) -> None:
        """`declare`, after whom it is about has been looked up. Raises Refusal."""
        for _ in range(_MEETINGS):
            try:
                self.declare(declaration)
            except Unmet as unmet:
                await self._meet(unmet.name)
            else:
                return
        raise _RESTLESS

    async def _meet(self, name: str) -> None:
        try:
            await self._directory.meet(name)
        except NotKnown as reason:
            raise Refusal(reason.sqlstate, reason.message, hint=reason.hint) from None

    def session(self) -> Session:
        """What conditions may look at, now."""
        session = self._connection()
        return replace(session, declared=self.identity.declared) if self.identity.declared else session

    def hear(self, text: bytes) -> None:
        """Take down what a statement says of itself, which holds for it alone. Raises Refusal, and Unmet to be called again.

        Only what an account that speaks for others says is listened to: for all others a comment is a comment.
        """
        if self.outdated:
            self._heard = None
            self.refresh()
        if self._listens or self._lost:
            self._heard = None
            found = comment(text)
            if found is not None:
                self._heard = text, found
            self.identity = self._identity(
                self._set if found is None or not found.said else {**self._set, **found.said}
            )
            self._lost = False

    def bare(self, text: bytes) -> bytes:
        """A text without its comment, when it is that of the statement at hand: it means the same, and is the same each time."""
        if self._heard is None or self._heard[0] != text:
            return text
        return text[: self._heard[1].start]

    def declare(self, declaration: Declaration) -> None:
        """Take down what a statement declares for the session. Raises Refusal, and Unmet to be called again."""
        if not declaration.name:
            self._set = {}
        elif declaration.value is None:
            self._check_name(declaration.name)
            self._set = {name: value for name, value in self._set.items() if name != declaration.name}
        else:
            said = {**self._set, declaration.name: declaration.value}
            self._identity(said)
            self._set = said
        self.identity = self._identity(self._set)
        self._lost = False

    def forget(self) -> None:
        """The session is as new: nothing is declared."""
        self.declare(Declaration("", None))

    def refresh(self) -> None:
        """Know people as the directory and the policies know them now."""
        self._revision = self._directory.revision
        self._listens = bool(self._directory.speaks_for(self.account))
        self._let_go()
        self._lost = False
        self._login = self._account_now()
        said = {**self._set, **self._heard[1].said} if self._heard is not None and self._listens else self._set
        user = said.get(USER)
        try:
            self.identity = self._identity(said)
        except (Refusal, Unmet):
            if user is None:  # what was declared is allowed no more
                self._set = {}
                self.identity = self._identity({})
            else:  # nothing is answered for the account itself in its place: `hear` says of each statement why
                self._lost = True
                self.identity = Identity(self.account, Principal(user), _NOTHING)

    @property
    def outdated(self) -> bool:
        """Whether people are known otherwise since the identity was found."""
        return self._revision != self._directory.revision

    # -- identities ----------------------------------------------------------------------------------------------

    def _identity(self, said: Mapping[str, str]) -> Identity:
        key = tuple(said.items())
        found = self._identities.get(key)
        if found is None:
            if len(self._identities) >= _IDENTITIES:
                self._let_go()
            found = self._identities[key] = Identity(
                self.account, self._principal(said.get(USER)), self._declared(said)
            )
        return found

    def _let_go(self) -> None:
        """Forget all identities; whoever speaks next is looked for again."""
        self._identities.clear()
        for name in self._spoken_for:
            self._directory.release(name)
        self._spoken_for.clear()

    def _account_now(self) -> Principal:
        """The account itself. The server ends the session of one who may not go on; until then he is who he was."""
        try:
            known = self._directory.attributes(self.account, self._brought)
        except Unmet:
            return self._login
        return Principal(self.account, self._brought if known is None else known)

    def _principal(self, user: str | None) -> Principal:
        if user is None or user == self.account:
            return self._login
        if not any(pattern.matches(user) for pattern in self._directory.speaks_for(self.account)):
            raise Refusal(
                "42501",
                f"{self.account} may not speak for others"
                if not self._listens
                else f"{self.account} may not speak for {user}",
                hint="An administrator allows it by `speaks_for` in the users file.",
            )
        suspended = self._directory.suspended(user)
        if suspended is not None:
            raise Refusal("28000", suspended, hint=SUSPENDED_HINT)
        known = self._directory.attributes(user)
        if known is None:
            raise Refusal("28000", f"{self.account} speaks for {user}, of whom nothing is known")
        if user not in self._spoken_for:
            self._spoken_for.add(user)
            self._directory.hold(user)
        return Principal(user, known)

    def _declared(self, said: Mapping[str, str]) -> Mapping[str, AttributeValue]:
        declared = {}
        for name, text in said.items():
            if name != USER:
                self._check_name(name)
                try:
                    declared[name] = self._vocabulary().read(name, text)
                except NotAllowed as reason:
                    raise Refusal("22023", f"louver: {reason}") from None
        return MappingProxyType(declared) if declared else _NOTHING

    def _check_name(self, name: str) -> None:
        if name != USER and name not in self._vocabulary().attributes:
            known = ", ".join(sorted(self._vocabulary().attributes)) or "none"
            raise Refusal("42704", f"there is no attribute {name} to declare", hint=f"The policies have: {known}.")
