"""What no key of the settings about people can know alone: how they fit together.

Owns these checks and their words. May not do: read a file, open a socket.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from proxy.certificates import FIELDS
from proxy.keyring import check_address
from proxy.ldap.filters import BadFilter, read_filter
from proxy.ldap.names import BadName, read_name
from proxy.sources.source import ATTRIBUTE, RESERVED
from proxy.upstream import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.knowing import (
        AttributeSource,
        CertificateSettings,
        LdapSettings,
        LdapSource,
        LoginWay,
        SqlSource,
        TokenSettings,
    )
    from louver.settings import Settings

PLACEHOLDER: Final = "{name}"
"""Where the query of a source has the name of the person who is asked for."""

ORIGINS: Final = frozenset(("users file", "password", "database", "token", "certificate", "ldap"))
"""Names that the audit has for other origins of attributes."""

_QUOTED: Final = re.compile(r"""['"`]\{name\}|\{name\}['"`]""")


def mistakes_of_logins(settings: Settings) -> Iterator[tuple[str, str, str | None]]:
    """Find what is wrong with the ways in: key, message and hint of each mistake."""
    if settings.logins and settings.login == "relay":
        yield "logins", "`logins` is for `login: own`; in `relay` the database asks for the proof", None
    for index, way in enumerate(settings.logins):
        for message, hint in _mistakes_of_way(way, settings):
            yield f"logins[{index}].by", message, hint
    if settings.certificates is not None:
        for key, message, hint in _mistakes_of_certificates(settings.certificates):
            yield f"certificates.{key}", message, hint
    if settings.ldap is not None:
        for key, message, hint in _mistakes_of_ldap(settings.ldap):
            yield f"ldap.{key}", message, hint
    if settings.tokens is not None:
        for key, message in _mistakes_of_tokens(settings.tokens):
            yield f"tokens.{key}", message, None


def _mistakes_of_way(way: LoginWay, settings: Settings) -> Iterator[tuple[str, str | None]]:
    if way.by == "password" and settings.users is None:
        yield "who logs in by a password has it in the users file, and there is no `users`", None
    if way.by == "token" and settings.tokens is None:
        yield "who logs in by a token needs `tokens`", None
    if way.by == "ldap" and settings.ldap is None:
        yield "whose password a directory checks needs `ldap`", None
    if (way.by == "certificate" or way.certificate) and settings.certificates is None:
        yield "who logs in with a certificate needs `certificates`", None
    if (way.by != "password" or way.certificate) and settings.tls is None:
        yield "who logs in so comes over TLS, and there is no `tls`", "give `tls` a certificate and a key"


def _mistakes_of_certificates(certificates: CertificateSettings) -> Iterator[tuple[str, str, str | None]]:
    try:
        if re.compile(certificates.match or "").groups > 1:
            yield "match", "`certificates.match` has more than one group; the first is the user", "(?:...) is none"
    except re.error as error:
        yield "match", f"`certificates.match` is no regular expression: {error}", None
    for attribute, names in certificates.attributes.items():
        if attribute in RESERVED or not ATTRIBUTE.fullmatch(attribute):
            yield "attributes", f"`{attribute}` cannot be an attribute", None
        if len(names) != 1 or names[0] not in FIELDS:
            known = f"fields are {', '.join(FIELDS)}"
            yield "attributes", f"`{attribute}` is from no field of a certificate", known


def _mistakes_of_ldap(ldap: LdapSettings) -> Iterator[tuple[str, str, str | None]]:
    if ldap.encryption == "none" and not is_loopback(ldap.host):
        yield "encryption", "`encryption: none` is for a directory on this machine", "use `ldaps` or `starttls`"
    if ldap.host.startswith("/"):
        yield "host", "`ldap.host` is a host name, not a path", None
    yield from _mistakes_of_filter(ldap.filter, "filter", {"name"})
    yield from _mistakes_of_name(ldap.base, "base")


def _mistakes_of_filter(text: str, key: str, wanted: set[str]) -> Iterator[tuple[str, str, None]]:
    try:
        found = read_filter(text).placeholders
    except BadFilter as error:
        yield key, str(error), None
        return
    if not found or not found <= wanted:
        yield (
            key,
            f"the filter has to ask for {' or '.join(f'`{{{each}}}`' for each in sorted(wanted))}, and nothing else",
            None,
        )


def _mistakes_of_name(text: str, key: str) -> Iterator[tuple[str, str, None]]:
    try:
        read_name(text)
    except BadName as error:
        yield key, str(error), None


def _mistakes_of_taken(ldap: LdapSource) -> Iterator[tuple[str, str]]:
    for attribute in (*ldap.attributes, *([ldap.groups_to] if ldap.groups_to else [])):
        if attribute in RESERVED or not ATTRIBUTE.fullmatch(attribute):
            yield "", f"`{attribute}` cannot be an attribute"
    for attribute, names in ldap.attributes.items():
        if len(names) != 1:
            yield "attributes", f"`{attribute}` is from one attribute of the directory"
    for attribute in ldap.lists:
        if attribute not in ldap.attributes:
            yield "lists", f"`lists` has `{attribute}`, which `attributes` does not give"
    yield from _mistakes_of_groups(ldap)


def _mistakes_of_groups(ldap: LdapSource) -> Iterator[tuple[str, str]]:
    given = (ldap.groups_to, ldap.groups_base, ldap.groups_from or ldap.groups_filter)
    if any(given) and (not all(given) or (ldap.groups_from and ldap.groups_filter)):
        yield "", "groups need `groups_to`, `groups_base`, and either `groups_from` or `groups_filter`"
    if ldap.groups_base is not None:
        for key, message, _ in _mistakes_of_name(ldap.groups_base, "groups_base"):
            yield key, message
    if ldap.groups_filter is not None:
        for key, message, _ in _mistakes_of_filter(ldap.groups_filter, "groups_filter", {"dn", "name"}):
            yield key, message


def _mistakes_of_tokens(tokens: TokenSettings) -> Iterator[tuple[str, str]]:
    if (tokens.keys_file is None) == (tokens.keys_url is None):
        yield "", "`tokens` needs either `keys_file` or `keys_url`"
    if not tokens.algorithms:
        yield "algorithms", "`tokens.algorithms` is empty"
    if tokens.keys_url is not None:
        try:
            check_address(tokens.keys_url)
        except ValueError as error:
            yield "keys_url", str(error)
    for attribute in tokens.claims:
        if attribute in RESERVED or not ATTRIBUTE.fullmatch(attribute):
            yield "claims", f"`{attribute}` cannot be an attribute"


def mistakes_of_source(source: AttributeSource, settings: Settings) -> Iterator[tuple[str, str, str | None]]:
    """Find what is wrong with a source: key, message and hint of each mistake."""
    if source.name in ORIGINS:
        yield "name", f"the name `{source.name}` is taken", "the audit calls another origin of attributes so"
    if (source.sql is None) == (source.ldap is None):
        yield "", "a source of attributes needs either `sql` or `ldap`", None
    if source.sql is not None:
        for key, message, hint in _mistakes_of_query(source.sql, settings.protocol):
            yield f"sql.{key}", message, hint
    if source.ldap is not None:
        if settings.ldap is None:
            yield "ldap.", "a source in a directory needs `ldap`, which says where it is", None
        for key, message in _mistakes_of_taken(source.ldap):
            yield f"ldap.{key}", message, None


def _mistakes_of_query(sql: SqlSource, protocol: str) -> Iterator[tuple[str, str, str | None]]:
    if PLACEHOLDER not in sql.query:
        hint = "such as SELECT login AS name, role FROM people WHERE login = {name}"
        yield "query", "the query does not ask for `{name}`", hint
    if _QUOTED.search(sql.query):
        yield "query", "`{name}` stands in quotes", "it is bound as a value: take the quotes away"
    if sql.server is None and (sql.protocol or protocol) != protocol:
        yield "protocol", "`protocol` is that of `upstream`, which is asked where `server` is left out", None
    if (sql.protocol or protocol) == "postgresql" and sql.database is None:
        yield "", "a query to PostgreSQL needs the key `database`", None
