"""How people come in and are known: the sections of the settings file about logins, tokens, certificates and sources of attributes.

Owns their keys with defaults and units, and what no key can know alone. May not do: read a file, open a socket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from louver import keys
from louver.places import Upstream
from proxy.certificates import FIELDS, USERS_FROM, UserFrom
from proxy.keyring import check_address
from proxy.sources.source import ATTRIBUTE, RESERVED
from proxy.tokens import ALGORITHMS, Algorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.settings import Settings

PLACEHOLDER: Final = "{name}"
"""Where the query of a source has the name of the person who is asked for."""

ORIGINS: Final = frozenset(("users file", "password", "database", "token", "certificate", "ldap"))
"""Names that the audit has for other origins of attributes."""

_QUOTED: Final = re.compile(r"""['"`]\{name\}|\{name\}['"`]""")


@dataclass(frozen=True, slots=True)
class LoginWay:
    """By what users prove who they are; of several entries that match a name the first holds."""

    by: Literal["password", "token", "certificate"] = field(metadata=keys.choice("password", "token", "certificate"))
    users: tuple[str, ...] = field(default=("*",), metadata=keys.texts("name or pattern, or a list"))
    certificate: bool = field(default=False, metadata=keys.boolean())


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """What a token (JWT) must say, and whose keys it must be signed by."""

    issuer: str = field(metadata=keys.text("the claim `iss`"))
    audience: str = field(metadata=keys.text("the claim `aud`"))
    keys_file: Path | None = field(default=None, metadata=keys.file("PEM file or JSON Web Key Set"))
    keys_url: str | None = field(default=None, metadata=keys.text("https address of a JSON Web Key Set"))
    keys_ca: Path | None = field(
        default=None, metadata=keys.file("PEM file of trusted authorities; none: the system's")
    )
    keys_seconds: float = field(default=300.0, metadata=keys.number("seconds", 1, 86_400))
    keys_grace_seconds: float = field(default=3600.0, metadata=keys.number("seconds", 0, 604_800))
    algorithms: tuple[Algorithm, ...] = field(default=("RS256", "ES256"), metadata=keys.choices(*ALGORITHMS))
    user_claim: str = field(default="sub", metadata=keys.text("name of a claim"))
    claims: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict, metadata=keys.mapping("attribute: claim, or the list of names that leads to it")
    )
    leeway_seconds: float = field(default=30.0, metadata=keys.number("seconds", 0, 300))


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """Who signs the certificates of clients, and what these say of whom they are about."""

    ca: Path = field(metadata=keys.file("PEM file of the authorities that sign for clients"))
    crl: Path | None = field(default=None, metadata=keys.file("PEM file of revocation lists"))
    user_from: UserFrom = field(default="common_name", metadata=keys.choice(*USERS_FROM))
    match: str | None = field(default=None, metadata=keys.text("regular expression"))
    attributes: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict, metadata=keys.mapping("attribute: field of a certificate")
    )


@dataclass(frozen=True, slots=True)
class SqlSource:
    """A query that gives attributes of one person; without `server` it is asked of `upstream`."""

    query: str = field(metadata=keys.text("SELECT with `{name}`"))
    server: Upstream | None = field(default=None, metadata=keys.section(Upstream))
    protocol: Literal["postgresql", "mysql"] | None = field(default=None, metadata=keys.choice("postgresql", "mysql"))
    database: str | None = field(default=None, metadata=keys.text("name"))
    lists: tuple[str, ...] = field(default=(), metadata=keys.texts("attribute, or a list"))


@dataclass(frozen=True, slots=True)
class AttributeSource:
    """One source of attributes of people, and how long what it says holds."""

    name: str = field(metadata=keys.text("name"))
    sql: SqlSource | None = field(default=None, metadata=keys.section(SqlSource))
    lifetime_seconds: float = field(default=300.0, metadata=keys.number("seconds", 1, 86_400))
    grace_seconds: float = field(default=900.0, metadata=keys.number("seconds", 0, 604_800))
    answer_seconds: float = field(default=5.0, metadata=keys.number("seconds", 0.1, 60))
    required: bool = field(default=False, metadata=keys.boolean())


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
    if settings.tokens is not None:
        for key, message in _mistakes_of_tokens(settings.tokens):
            yield f"tokens.{key}", message, None


def _mistakes_of_way(way: LoginWay, settings: Settings) -> Iterator[tuple[str, str | None]]:
    if way.by == "password" and settings.users is None:
        yield "who logs in by a password has it in the users file, and there is no `users`", None
    if way.by == "token" and settings.tokens is None:
        yield "who logs in by a token needs `tokens`", None
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


def mistakes(source: AttributeSource, protocol: str) -> Iterator[tuple[str, str, str | None]]:
    """Find what is wrong with a source: key, message and hint of each mistake. `protocol` is that of the upstream."""
    if source.name in ORIGINS:
        yield "name", f"the name `{source.name}` is taken", "the audit calls another origin of attributes so"
    if source.sql is None:
        yield "", "a source of attributes needs `sql`", None
    else:
        for key, message, hint in _mistakes_of_query(source.sql, protocol):
            yield f"sql.{key}", message, hint


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
