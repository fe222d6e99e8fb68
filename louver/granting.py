"""Asking for grants and deciding on them: the rules of the house, held against the policies and what is known of people.

Owns who somebody is at the command line, what may be asked for, and who may decide. May not do: print, prompt; keep grants.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from louver.arriving import by_password
from louver.asking import look_up
from policies.approvals import NotEntitled, People, check_break_glass, persons_needed
from policies.grants import MAX_MINUTES, PURPOSE, labels_meant
from policies.loader import PolicyError, read_columns
from policies.model import Principal, RowCondition
from policies.rows import RowsError, read_rows
from policies.vocabulary import NotAllowed
from proxy.context import NotKnown
from proxy.grants.records import Draft
from proxy.scram import matches
from rewriter.conditions import ConditionError, read_condition

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from louver.settings import Settings
    from policies.decide import PolicySet
    from policies.grants import Grant
    from proxy.grants.store import GrantStore
    from proxy.people import People as Everybody  # policies.approvals has its own People

_MAX_TEXT: Final = 1000
"""Characters of a reason or note: a sentence or two and the number of a case."""


class NotPossible(Exception):  # noqa: N818  told to the person as it is
    """What is asked for cannot be; `hint` says what to do, or is empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for: as in `policies.grants.Grant`, `columns` by key and `rows` as they were written."""

    principal: str
    columns: Mapping[str, list[str]]
    reason: str
    minutes: int
    rows: str | None = None
    database: str | None = None
    purpose: str | None = None
    statements: int | None = None
    row_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Office:
    """What decisions on grants rest on."""

    settings: Settings
    policies: PolicySet
    everybody: Everybody
    store: GrantStore

    # -- who somebody is -----------------------------------------------------------------------------------------

    def person(self, name: str) -> Principal:
        """Somebody with the attributes of the users file and all sources. Raises NotPossible for one whom nobody knows."""
        try:
            attributes = look_up(self.everybody, name)
        except NotKnown as reason:
            raise NotPossible(str(reason), reason.hint) from None
        if attributes is None and self.settings.login == "own":
            places = " nor a source of attributes" if self.everybody.sources else ""
            raise NotPossible(f"the users file{places} has no user `{name}`")
        return Principal(name, attributes or {})

    def has_password(self, name: str, password: str) -> bool:
        """Whether the password is that of a user who logs in by it, and not by a token or in another way."""
        users = self.everybody.users
        user = users.find(name)
        verifier = users.decoy(name) if user is None or user.verifier is None else user.verifier
        return matches(password.encode(), verifier) and user is not None and by_password(self.settings, name)

    # -- asking and deciding -------------------------------------------------------------------------------------

    def request(self, wish: Wish, by: str, at: dt.datetime, *, break_glass: bool = False) -> int:
        """Ask for a grant, or with `break_glass` begin it at once; gives its number. Raises NotPossible."""
        draft = self._draft(wish)
        grant = draft.grant(by, at, break_glass=break_glass)
        if not break_glass:
            self.person(by)
            return self.store.request(draft, by, at)
        try:
            check_break_glass(self.policies.approvals, self._people(by, grant), grant)
        except NotEntitled as error:
            raise NotPossible(str(error), "ask without --break-glass; somebody else approves") from None
        return self.store.break_glass(draft, by, at)

    def approve(self, number: int, by: str, at: dt.datetime) -> bool:
        """Agree to a grant; True when it begins by this. Raises NotPossible and WrongState."""
        return self.store.approve(number, by, self._needed(number, by), at)

    def deny(self, number: int, by: str, note: str | None, at: dt.datetime) -> None:
        """Refuse a grant, by somebody who could agree to it. Raises NotPossible and WrongState."""
        self._needed(number, by)
        self.store.deny(number, by, _text(note, "--note"), at)

    def revoke(self, number: int, by: str, note: str | None, at: dt.datetime) -> None:
        """End a grant: by whom it concerns, or by somebody who could agree to it. Raises NotPossible and WrongState."""
        grant = self.store.find(number).grant
        if by not in {grant.requested_by, grant.principal}:
            self._needed(number, by)
        self.store.revoke(number, by, _text(note, "--note"), at)

    def review(self, number: int, by: str, note: str, at: dt.datetime) -> None:
        """Look at a grant that began without approval, by somebody who could have agreed. Raises NotPossible and WrongState."""
        self._needed(number, by)
        self.store.review(number, by, _text(note, "--note") or "", at)

    # -- inside --------------------------------------------------------------------------------------------------

    def _needed(self, number: int, by: str) -> int:
        grant = self.store.find(number).grant
        try:
            return persons_needed(self.policies.approvals, self._people(by, grant), grant)
        except NotEntitled as error:
            hint = "" if self.policies.approvals else "the policy file says who may, under `approvals`"
            raise NotPossible(str(error), hint) from None

    def _people(self, by: str, grant: Grant) -> People:
        return People(self.person(by), self.person(grant.requested_by), self.person(grant.principal))

    def _draft(self, wish: Wish) -> Draft:
        """Check a wish and make the draft of it."""
        self.person(wish.principal)
        if not 0 < wish.minutes <= MAX_MINUTES:
            raise NotPossible(f"--minutes must be between 1 and {MAX_MINUTES}", "what is needed longer is a rule")
        for name, limit in (("--statements", wish.statements), ("--rows-limit", wish.row_limit)):
            if limit is not None and limit <= 0:
                raise NotPossible(f"{name} must be 1 or more")
        if wish.row_limit is not None and self.settings.protocol == "mysql":
            raise NotPossible(
                "--rows-limit needs PostgreSQL: MySQL does not say how many rows it has sent", "use --statements"
            )
        if wish.database is not None and self.settings.protocol == "mysql":
            raise NotPossible("--database needs PostgreSQL", "on MySQL write --columns schema=NAME")
        declared = tuple(self.policies.vocabulary.attributes)
        self._check_rows(wish, declared)
        self._check_purpose(wish.purpose)
        try:
            columns = read_columns(wish.columns, self.policies.dictionary.categories)
        except PolicyError as error:
            problem = error.problems[0]
            raise NotPossible(f"--columns: {problem.message}", problem.hint or "") from None
        labels = labels_meant(columns, self.policies.dictionary)
        if not labels:
            raise NotPossible("--columns means no column of the dictionary", "`louver explain --as USER` lists them")
        return Draft(
            principal=wish.principal,
            columns=wish.columns,
            labels=labels,
            reason=_text(wish.reason, "--reason") or "",
            minutes=wish.minutes,
            rows=wish.rows,
            declared=declared,
            database=wish.database,
            purpose=wish.purpose,
            statements=wish.statements,
            row_limit=wish.row_limit,
        )

    @staticmethod
    def _check_rows(wish: Wish, declared: tuple[str, ...]) -> None:
        """A condition is read, and said of tables that are named: `id = 4711` is somebody else in each."""
        if wish.rows is None:
            return
        if "table" not in wish.columns:
            hint = "add --columns table=public.customers: a row of another table may be somebody else's"
            raise NotPossible("--rows needs the tables that it is about", hint)
        try:
            template = read_rows(wish.rows, declared)
            read_condition(RowCondition(template.text, (None,) * len(template.placeholders)))
        except (RowsError, ConditionError) as error:
            raise NotPossible(f"--rows: {error}", getattr(error, "hint", None) or "") from None

    def _check_purpose(self, purpose: str | None) -> None:
        if purpose is not None:
            try:
                self.policies.vocabulary.read(PURPOSE, purpose)
            except NotAllowed as error:
                raise NotPossible(f"--purpose: {error}", "the policy file says so under `session`") from None


def system_account() -> str:
    """The account of the operating system that runs this; by sudo, the one that has called it."""
    caller = os.environ.get("SUDO_UID", "")
    number = int(caller) if caller.isdecimal() else os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        raise NotPossible(f"the operating system has no account of number {number}") from None


def _text(text: str | None, what: str) -> str | None:
    if text is not None and (not text.strip() or len(text) > _MAX_TEXT):
        raise NotPossible(f"{what} takes 1 to {_MAX_TEXT} characters")
    return text
