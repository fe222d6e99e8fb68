"""The ways in, from the settings.

Owns their building. May not do: check anybody.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

from louver import directory
from policies.patterns import NamePattern
from proxy.certificates import CertificateRules
from proxy.keyring import KeyAddress, KeyFile
from proxy.ldap.people import LdapPasswords
from proxy.tls import TLSError
from proxy.tokens import TokenRules, UnusableKeys
from proxy.ways import BY_PASSWORD, Tokens, Way, Ways

if TYPE_CHECKING:
    from louver.knowing import CertificateSettings, LoginWay, TokenSettings
    from louver.settings import Settings
    from proxy.keyring import KeyRing


class CannotArriveError(Exception):
    """What the ways in rest on cannot be used; the text names the file."""


def ways(settings: Settings) -> Ways:
    """Build the ways in. Raises CannotArriveError and proxy.tls.TLSError."""
    return Ways(
        _all_ways(settings),
        _tokens(settings.tokens) if settings.tokens is not None else None,
        _certificates(settings.certificates) if settings.certificates is not None else None,
        LdapPasswords(directory.search(settings.ldap), settings.ldap.answer_seconds)
        if settings.ldap is not None
        else None,
    )


def by_password(settings: Settings, user: str) -> bool:
    """Whether a user proves who he is by a password of the users file."""
    return Ways(_all_ways(settings)).of(user).by == "password"


def _all_ways(settings: Settings) -> tuple[Way, ...]:
    return tuple(way for each in settings.logins for way in _ways(each)) or (BY_PASSWORD,)


def _ways(login: LoginWay) -> list[Way]:
    return [
        Way(
            NamePattern(None, name) if "*" in name or "?" in name else NamePattern(name, ""),
            login.by,
            login.certificate,
        )
        for name in login.users
    ]


def _certificates(settings: CertificateSettings) -> CertificateRules:
    attributes = {attribute: names[0] for attribute, names in settings.attributes.items()}
    return CertificateRules(settings.user_from, re.compile(settings.match) if settings.match else None, attributes)


def _tokens(settings: TokenSettings) -> Tokens:
    rules = TokenRules(
        settings.algorithms,
        settings.issuer,
        settings.audience,
        settings.user_claim,
        settings.claims,
        settings.leeway_seconds,
    )
    return Tokens(rules, _ring(settings))


def _ring(settings: TokenSettings) -> KeyRing:
    if settings.keys_file is not None:
        try:
            return KeyFile(settings.keys_file)
        except (OSError, UnusableKeys) as error:
            raise CannotArriveError(f"cannot use the keys of tokens in {settings.keys_file}: {error}") from None
    assert settings.keys_url is not None
    try:
        context = ssl.create_default_context(cafile=settings.keys_ca)
    except OSError as error:
        raise TLSError(f"cannot use {settings.keys_ca}: {error}") from None
    return KeyAddress(settings.keys_url, settings.keys_seconds, settings.keys_grace_seconds, context)
