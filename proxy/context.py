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

_NOTHING: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class Directory(Protocol):
    """Where people are known. `revision` grows whenever anything is known otherwise."""

    @property
    def revision(self) -> int:
        """Grows with each change."""
        ...

    def refresh(self) -> None:
        """Look whether anything is known otherwise by now."""
        ...

    def attributes(self, name: str) -> Mapping[str, AttributeValue] | None:
        """What is known of somebody; None of nobody."""
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

    `account` is who logged in, with the attributes that the login brought; the directory's take their place when it changes.
    """

    def __init__(
        self,
        account: Principal,
        connection: Callable[[], Session],
        directory: Directory,
        vocabulary: Callable[[], Vocabulary],
    ) -> None:
        self.account = account.name
        self._login = account
        self._connection = connection
        self._directory = directory
        self._vocabulary = vocabulary
        self._revision = directory.revision
        self._listens = bool(directory.speaks_for(self.account))
        self._set: dict[str, str] = {}  # what was declared for the session, as it was said
        self._heard: tuple[bytes, Comment] | None = None  # the statement at hand, and its comment
        self._identities: dict[tuple[tuple[str, str], ...], Identity] = {}
        self.identity = self._identity({})

    @property
    def speaking(self) -> bool:
        """Whether the account may speak for others, so that each statement may be another one's."""
        return self._listens

    def session(self) -> Session:
        """What conditions may look at, now."""
        session = self._connection()
        return replace(session, declared=self.identity.declared) if self.identity.declared else session

    def hear(self, text: bytes) -> None:
        """Take down what a statement says of itself, which holds for it alone. Raises Refusal.

        Only what an account that speaks for others says is listened to: for all others a comment is a comment.
        """
        if self._listens:
            self._heard = None
            found = comment(text)
            if found is not None:
                self._heard = text, found
            self.identity = self._identity(
                self._set if found is None or not found.said else {**self._set, **found.said}
            )

    def bare(self, text: bytes) -> bytes:
        """A text without its comment, when it is that of the statement at hand: it means the same, and is the same each time."""
        if self._heard is None or self._heard[0] != text:
            return text
        return text[: self._heard[1].start]

    def declare(self, declaration: Declaration) -> None:
        """Take down what a statement declares for the session. Raises Refusal."""
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

    def forget(self) -> None:
        """The session is as new: nothing is declared."""
        self.declare(Declaration("", None))

    def refresh(self) -> None:
        """Know people as the directory and the policies know them now."""
        self._revision = self._directory.revision
        self._listens = bool(self._directory.speaks_for(self.account))
        self._identities.clear()
        try:
            self.identity = self._identity(self._set)
        except Refusal:  # what was declared is allowed no more
            self._set = {}
            self.identity = self._identity({})

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
                self._identities.clear()
            found = self._identities[key] = Identity(
                self.account, self._principal(said.get(USER)), self._declared(said)
            )
        return found

    def _principal(self, user: str | None) -> Principal:
        if user is None or user == self.account:
            known = self._directory.attributes(self.account)
            return self._login if known is None or not self._revision else Principal(self.account, known)
        if not any(pattern.matches(user) for pattern in self._directory.speaks_for(self.account)):
            raise Refusal(
                "42501",
                f"{self.account} may not speak for others"
                if not self._listens
                else f"{self.account} may not speak for {user}",
                hint="An administrator allows it by `speaks_for` in the users file.",
            )
        known = self._directory.attributes(user)
        if known is None:
            raise Refusal("28000", f"{self.account} speaks for {user}, of whom nothing is known")
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
