"""How people come in and are known: the sections of the settings file about logins, tokens, certificates and sources of attributes.

Owns their keys with defaults and units. May not do: read a file, open a socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from louver import keys
from louver.places import Upstream
from proxy.certificates import USERS_FROM, UserFrom
from proxy.ldap.connection import Encryption
from proxy.tokens import ALGORITHMS, Algorithm

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class LoginWay:
    """By what users prove who they are; of several entries that match a name the first holds."""

    by: Literal["password", "token", "certificate", "ldap"] = field(
        metadata=keys.choice("password", "token", "certificate", "ldap")
    )
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
class LdapSettings:
    """A directory, and how a person is found in it."""

    host: str = field(metadata=keys.text("host name"))
    base: str = field(metadata=keys.text("distinguished name"))
    port: int = field(default=0, metadata=keys.integer("TCP port; 0 is the protocol's own", 0, 65535))
    encryption: Encryption = field(default="ldaps", metadata=keys.choice("ldaps", "starttls", "none"))
    ca: Path | None = field(default=None, metadata=keys.file("PEM file of trusted authorities; none: the system's"))
    user: str | None = field(default=None, metadata=keys.text("distinguished name"))
    password: str | None = field(default=None, repr=False, metadata=keys.secret())
    password_file: Path | None = field(default=None, metadata=keys.file("file of one line"))
    password_env: str | None = field(default=None, metadata=keys.text("name of an environment variable"))
    filter: str = field(default="(uid={name})", metadata=keys.text("search filter with `{name}`"))
    name_attribute: str = field(default="uid", metadata=keys.text("attribute of the directory"))
    answer_seconds: float = field(default=5.0, metadata=keys.number("seconds", 0.1, 60))


@dataclass(frozen=True, slots=True)
class LdapSource:
    """What of a person's entry in the directory `ldap`, and which groups, become attributes."""

    attributes: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict, metadata=keys.mapping("attribute: attribute of the directory")
    )
    lists: tuple[str, ...] = field(default=(), metadata=keys.texts("attribute, or a list"))
    groups_to: str | None = field(default=None, metadata=keys.text("attribute"))
    groups_base: str | None = field(default=None, metadata=keys.text("distinguished name"))
    groups_from: str | None = field(default=None, metadata=keys.text("attribute of the directory"))
    groups_filter: str | None = field(default=None, metadata=keys.text("search filter with `{dn}` or `{name}`"))
    groups_name: str = field(default="cn", metadata=keys.text("attribute of the directory"))


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
    ldap: LdapSource | None = field(default=None, metadata=keys.section(LdapSource))
    lifetime_seconds: float = field(default=300.0, metadata=keys.number("seconds", 1, 86_400))
    grace_seconds: float = field(default=900.0, metadata=keys.number("seconds", 0, 604_800))
    answer_seconds: float = field(default=5.0, metadata=keys.number("seconds", 0.1, 60))
    required: bool = field(default=False, metadata=keys.boolean())
