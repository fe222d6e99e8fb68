"""A person in a directory: found by name, with attributes and groups, and whether a password is theirs.

Owns what an entry says of a person. A directory compares names as it likes (most do not tell Tina from tina), so an entry counts only
when one of its names is the one that was asked for, to the letter. May not do: keep answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from proxy.ldap.ber import BadEncoding
from proxy.ldap.connection import Connection, Place, Refused, connected
from proxy.ldap.filters import Filter
from proxy.ldap.names import BadName, Part, lies_under, read_name
from proxy.peer import PeerClosed
from proxy.sources.source import Attributes, SourceFailed
from proxy.upstream import Unreachable

if TYPE_CHECKING:
    from policies.model import AttributeValue
    from proxy.ldap.messages import Entry

log = logging.getLogger(__name__)

_AT_ONCE: Final = 8
"""Connections at a time; the others wait their turn."""

_ALIKE: Final = 20  # entries that a directory takes for the same name
_GROUPS: Final = 1000
_NOBODY: Final = "cn=louver asks for nobody"
"""Below the base: as whom a password is tried of somebody who is not there, so that it takes as long."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a person is found: below `base` by `filter` (with the placeholder `name`), by an account that may search there."""

    place: Place
    account: str
    password: bytes = field(repr=False)
    base: str
    filter: Filter
    name_attribute: str


@dataclass(frozen=True, slots=True)
class Groups:
    """Which groups become the attribute `to`: those below `base`, by the first step of their names or by `name`.

    They stand in the attribute `member_of` of the person, or are searched by `filter` (with the placeholders `dn` and `name`).
    """

    to: str
    base: str
    member_of: str | None = None
    filter: Filter | None = None
    name: str = "cn"


@dataclass(frozen=True, slots=True)
class Taken:
    """What of an entry becomes attributes. `attributes` maps ours to the directory's; those in `lists` may have many values."""

    attributes: Mapping[str, str]
    lists: frozenset[str] = frozenset()
    groups: Groups | None = None


class LdapSource:
    """A directory as a source of attributes. `seconds`: for one answer."""

    def __init__(self, search: Search, taken: Taken, seconds: float) -> None:
        self._search = search
        self._taken = taken
        self._seconds = seconds
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def find(self, person: str) -> Attributes | None:
        """Ask for somebody. Raises SourceFailed."""
        try:
            async with asyncio.timeout(self._seconds), self._turns, connected(self._search.place) as connection:
                return await self._find(connection, person)
        except TimeoutError:
            raise SourceFailed(f"no answer within {self._seconds:g} s") from None
        except (Refused, BadEncoding, BadName) as error:
            raise SourceFailed(str(error)) from None
        except Unreachable as error:
            raise SourceFailed(f"it cannot be reached: {error.why}") from None
        except (PeerClosed, OSError) as error:
            raise SourceFailed(f"it closed the connection ({type(error).__name__})") from None

    async def _find(self, connection: Connection, person: str) -> Attributes | None:
        taken, groups = self._taken, self._taken.groups
        wanted = [*taken.attributes.values(), *([groups.member_of] if groups and groups.member_of else [])]
        entry = await found(connection, self._search, person, wanted, self._seconds)
        if entry is None:
            return None
        said = attributes(entry, taken)
        if groups is None:
            return MappingProxyType(said)
        if groups.filter is None:
            said[groups.to] = group_names(entry.attributes.get((groups.member_of or "").lower(), ()), groups.base)
        else:
            values = {"dn": entry.name.encode(), "name": person.encode()}
            asked = groups.filter.encoded(values)
            entries = await connection.search(groups.base, asked, [groups.name], size=_GROUPS, seconds=self._seconds)
            names = (_texts(each, groups.name)[:1] for each in entries)
            said[groups.to] = tuple(sorted({name for first in names for name in first}))
        return MappingProxyType(said)

    async def close(self) -> None:
        """Nothing stays open."""


class CannotCheck(Exception):  # noqa: N818  a state, not a fault
    """The directory gives no answer; for the log."""


class LdapPasswords:
    """A directory that checks passwords. `seconds`: for one answer."""

    def __init__(self, search: Search, seconds: float) -> None:
        self._search = search
        self._seconds = seconds
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def fits(self, person: str, password: bytes) -> bool:
        """Whether a password is that of somebody, by a bind under his name. Raises CannotCheck, ValueError for an empty one."""
        if not password:
            raise ValueError("an empty password is none")
        try:
            async with asyncio.timeout(self._seconds), self._turns, connected(self._search.place) as connection:
                return await self._binds(connection, person, password)
        except TimeoutError:
            raise CannotCheck(f"no answer within {self._seconds:g} s") from None
        except (Refused, BadEncoding) as error:
            raise CannotCheck(str(error)) from None
        except Unreachable as error:
            raise CannotCheck(error.why) from None
        except (PeerClosed, OSError) as error:
            raise CannotCheck(f"it closed the connection ({type(error).__name__})") from None

    async def _binds(self, connection: Connection, person: str, password: bytes) -> bool:
        entry = await found(connection, self._search, person, [], self._seconds)
        name = f"{_NOBODY},{self._search.base}" if entry is None else entry.name
        try:
            await connection.bind(name, password)
        except Refused as refused:
            log.info("the directory refused the password of %r with result code %d", person, refused.code)
            return False
        return entry is not None


async def found(connection: Connection, search: Search, person: str, wanted: list[str], seconds: float) -> Entry | None:
    """The entry of somebody by exactly this name; None of nobody. Raises Refused, BadEncoding and PeerClosed."""
    await connection.bind(search.account, search.password)
    asked = search.filter.encoded({"name": person.encode()})
    listed = [search.name_attribute, *wanted]
    entries = await connection.search(search.base, asked, listed, size=_ALIKE, seconds=seconds)
    mine = [entry for entry in entries if person in _texts(entry, search.name_attribute)]
    if any(not entry.name for entry in mine):
        raise BadEncoding("an entry without a name")
    if len(mine) > 1:
        raise BadEncoding("two entries have the name that was asked for; make the filter or the base narrower")
    return mine[0] if mine else None


def attributes(entry: Entry, taken: Taken) -> dict[str, AttributeValue]:
    """What an entry says by its attributes. Raises BadEncoding for one that has many values and is no list."""
    said: dict[str, AttributeValue] = {}
    for ours, theirs in taken.attributes.items():
        values = _texts(entry, theirs)
        if ours in taken.lists:
            said[ours] = values
        elif len(values) > 1:
            raise BadEncoding(f"`{theirs}` has many values; list `{ours}` under `lists`")
        elif values:
            said[ours] = values[0]
    return said


def group_names(members_of: tuple[bytes, ...], base: str) -> tuple[str, ...]:
    """The names of groups that lie below `base`, by the first step of their distinguished names. Raises BadName.

    A group of the same name elsewhere is another group: who may make groups there must not be able to make himself a manager.
    """
    within = read_name(base)
    names: set[str] = set()
    for each in members_of:
        name: tuple[Part, ...] = read_name(each.decode("utf-8", "replace"))
        if lies_under(name, within):
            names.add(name[0][0][1])
    return tuple(sorted(names))


def _texts(entry: Entry, attribute: str) -> tuple[str, ...]:
    """The values of an attribute. Raises BadEncoding for one that is no text."""
    try:
        return tuple(value.decode() for value in entry.attributes.get(attribute.lower(), ()))
    except UnicodeDecodeError:
        raise BadEncoding(f"`{attribute}` is no text") from None
