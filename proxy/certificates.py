"""Certificates of clients: whom one is about, and which of its fields become attributes.

Owns the reading of a certificate that TLS has verified already: who signed it, its time and its revocation are settled by then. May
not do: verify, know a protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, get_args

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from proxy.proof import Proof

if TYPE_CHECKING:
    from policies.model import AttributeValue

UserFrom = Literal["common_name", "user_id", "email", "dns_name", "uri", "principal_name", "distinguished_name"]
USERS_FROM: Final[tuple[UserFrom, ...]] = get_args(UserFrom)
"""Where a certificate may have the user's name: the subject, or one of its alternative names (RFC 5280, 4.2.1.6)."""

_UPN: Final = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")  # the user principal name of Active Directory, an otherName
_UTF8_STRING: Final = 0x0C  # DER
_RENEW: Final = "Get a new certificate and connect again."

_SUBJECT: Final[Mapping[str, ObjectIdentifier]] = {
    "common_name": NameOID.COMMON_NAME,
    "country": NameOID.COUNTRY_NAME,
    "domain_component": NameOID.DOMAIN_COMPONENT,
    "given_name": NameOID.GIVEN_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizational_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "serial_number": NameOID.SERIAL_NUMBER,
    "state": NameOID.STATE_OR_PROVINCE_NAME,
    "surname": NameOID.SURNAME,
    "title": NameOID.TITLE,
    "user_id": NameOID.USER_ID,
}


class CertificateRefused(Exception):  # noqa: N818  an outcome, not a fault
    """A certificate proves nothing; the text says why, and is for the client as well."""


@dataclass(frozen=True, slots=True)
class CertificateRules:
    """Where the user's name stands, and which fields become attributes.

    `match`: the name must fit this pattern as a whole, whose first group, where it has one, is the user.
    """

    user_from: UserFrom = "common_name"
    match: re.Pattern[str] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def check(der: bytes | None, user: str, rules: CertificateRules) -> Proof:
    """What a verified certificate (DER) proves of the user who logs in. Raises CertificateRefused."""
    if der is None:
        raise CertificateRefused("there is none")
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _FIELDS[rules.user_from](certificate)
        found = {attribute: _FIELDS[each](certificate) for attribute, each in rules.attributes.items()}
    except ValueError:
        raise CertificateRefused("it cannot be read") from None
    if rules.user_from in _SUBJECT and len(names) > 1:
        raise CertificateRefused(f"it has more than one {rules.user_from}")
    if user not in {_user(name, rules.match) for name in names}:
        raise CertificateRefused(f"its {rules.user_from} is not that of the user")
    attributes: dict[str, AttributeValue] = {}
    for attribute, values in found.items():
        if values:
            attributes[attribute] = values[0] if len(values) == 1 else values
    return Proof(
        "certificate", MappingProxyType(attributes), certificate.not_valid_after_utc.timestamp(), _RENEW, "certificate"
    )


def _user(name: str, match: re.Pattern[str] | None) -> str | None:
    """Whom a name in a certificate means."""
    if match is None:
        return name
    found = match.fullmatch(name)
    if found is None:
        return None
    group: str | None = found[1] if match.groups else found[0]
    return group


def _of_subject(kind: ObjectIdentifier) -> Callable[[x509.Certificate], tuple[str, ...]]:
    return lambda certificate: tuple(
        each.value if isinstance(each.value, str) else each.value.decode("latin-1")
        for each in certificate.subject.get_attributes_for_oid(kind)
    )


def _alternatives(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _of_alternatives(
    kind: type[x509.RFC822Name | x509.DNSName | x509.UniformResourceIdentifier],
) -> Callable[[x509.Certificate], tuple[str, ...]]:
    def read(certificate: x509.Certificate) -> tuple[str, ...]:
        names = _alternatives(certificate)
        return () if names is None else tuple(names.get_values_for_type(kind))

    return read


def _principal_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The user principal names. Raises ValueError for one that cannot be read."""
    names = _alternatives(certificate)
    found = []
    for each in () if names is None else names.get_values_for_type(x509.OtherName):
        if each.type_id == _UPN:
            kind, size, text = each.value[0], each.value[1], each.value[2:]
            if kind != _UTF8_STRING or size > 0x7F or size != len(text):  # a longer name than 127 bytes is none of ours
                raise ValueError("a principal name")
            found.append(text.decode())
    return tuple(found)


_FIELDS: Final[Mapping[str, Callable[[x509.Certificate], tuple[str, ...]]]] = {
    **{name: _of_subject(kind) for name, kind in _SUBJECT.items()},
    "email": _of_alternatives(x509.RFC822Name),
    "dns_name": _of_alternatives(x509.DNSName),
    "uri": _of_alternatives(x509.UniformResourceIdentifier),
    "principal_name": _principal_names,
    "distinguished_name": lambda certificate: (certificate.subject.rfc4514_string(),),
    "issuer": lambda certificate: (certificate.issuer.rfc4514_string(),),
}
FIELDS: Final = tuple(sorted(_FIELDS))
"""What can become an attribute."""
