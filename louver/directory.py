"""The LDAP directory, from the settings.

Owns the building of what is asked there. May not do: ask.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from proxy.ldap.connection import Place
from proxy.ldap.filters import read_filter
from proxy.ldap.people import Groups, Search, Taken
from proxy.tls import TLSError

if TYPE_CHECKING:
    from louver.knowing import LdapSettings, LdapSource

_PORTS: Final = {"ldaps": 636, "starttls": 389, "none": 389}


def search(settings: LdapSettings) -> Search:
    """Build how a person is found. Raises proxy.tls.TLSError."""
    context = None
    if settings.encryption != "none":
        try:
            context = ssl.create_default_context(cafile=settings.ca)
        except OSError as error:
            raise TLSError(f"cannot use {settings.ca}: {error}") from None
    place = Place(
        settings.host,
        settings.port or _PORTS[settings.encryption],
        settings.encryption,
        context,
        settings.answer_seconds,
    )
    account, password = settings.user or "", (settings.password or "").encode()
    return Search(place, account, password, settings.base, read_filter(settings.filter), settings.name_attribute)


def taken(source: LdapSource) -> Taken:
    """Build what becomes of an entry."""
    groups = None
    if source.groups_to is not None and source.groups_base is not None:
        asked = read_filter(source.groups_filter) if source.groups_filter else None
        groups = Groups(source.groups_to, source.groups_base, source.groups_from, asked, source.groups_name)
    return Taken({ours: theirs[0] for ours, theirs in source.attributes.items()}, frozenset(source.lists), groups)
