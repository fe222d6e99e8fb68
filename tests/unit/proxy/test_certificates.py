"""Certificates: whom each is about, by the rules that say where his name stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fixtures.authority import Authority

from proxy.certificates import CertificateRefused, CertificateRules, check
from proxy.proof import PASSWORD, Proof

UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def der(authority: Authority, *subject: tuple[str, str], **how: Any) -> bytes:
    """A certificate as TLS hands it over."""
    return authority.certificate(*subject, **how).public_bytes(Encoding.DER)


MAIL = x509.RFC822Name("tina@bank.example")
PRINCIPAL = x509.OtherName(UPN, b"\x0c\x11tina@bank.example")
AT_BANK = re.compile(r"([^@]+)@bank\.example")


@pytest.mark.parametrize(
    ("subject", "alternatives", "rules"),
    [
        ([("cn", "tina")], (), CertificateRules()),
        ([("cn", "Tina Teller"), ("uid", "tina")], (), CertificateRules("user_id")),
        ([("cn", "x")], (x509.RFC822Name("other@bank.example"), MAIL), CertificateRules("email", AT_BANK)),
        ([("cn", "x")], (PRINCIPAL,), CertificateRules("principal_name", AT_BANK)),
        ([("cn", "x")], (x509.DNSName("tina"),), CertificateRules("dns_name")),
        (
            [("cn", "x")],
            (x509.UniformResourceIdentifier("spiffe://bank/tina"),),
            CertificateRules("uri", re.compile("spiffe://bank/(.+)")),
        ),
        ([("o", "Bank"), ("cn", "tina")], (), CertificateRules("distinguished_name", re.compile("CN=([a-z]+),O=Bank"))),
        ([("cn", "tina")], (), CertificateRules(match=re.compile("[a-z]+"))),
    ],
)
def test_a_certificate_proves_whom_it_is_about(
    authority: Authority, subject: Any, alternatives: Any, rules: Any
) -> None:
    """By the subject or an alternative name, as it is or by a part of it; until the certificate is over."""
    made = authority.certificate(*subject, alternatives=alternatives)
    proof = check(made.public_bytes(Encoding.DER), "tina", rules)
    assert (proof.by, proof.ends) == ("certificate", made.not_valid_after_utc.timestamp())


@pytest.mark.parametrize(
    ("subject", "alternatives", "rules", "message"),
    [
        ([("cn", "TINA")], (), CertificateRules(), "its common_name is not that of the user"),
        ([("cn", "tina ")], (), CertificateRules(), "its common_name is not that of the user"),
        ([("cn", "tina"), ("cn", "anna")], (), CertificateRules(), "it has more than one common_name"),
        ([("o", "tina")], (), CertificateRules(), "its common_name is not that of the user"),
        ([("cn", "tina")], (), CertificateRules("email"), "its email is not that of the user"),
        ([("cn", "tina")], (x509.RFC822Name("tina@evil.example"),), CertificateRules("email", AT_BANK), "its email"),
        ([("cn", "x")], (x509.RFC822Name("tina@bank.example.evil"),), CertificateRules("email", AT_BANK), "its email"),
        ([("cn", "x\ntina")], (), CertificateRules(match=re.compile("tina")), "its common_name"),
        (
            [("cn", "x")],
            (x509.OtherName(UPN, b"\x0c\x81\x80" + b"t" * 128),),
            CertificateRules("principal_name"),
            "cannot be read",
        ),
        ([("cn", "x")], (x509.OtherName(UPN, b"\x16\x04tina"),), CertificateRules("principal_name"), "cannot be read"),
    ],
)
def test_a_certificate_of_another_proves_nothing(
    authority: Authority, subject: Any, alternatives: Any, rules: Any, message: str
) -> None:
    """To the letter, as a whole, and never one of two."""
    with pytest.raises(CertificateRefused, match=message):
        check(der(authority, *subject, alternatives=alternatives), "tina", rules)


def test_none_and_garbage_prove_nothing() -> None:
    """TLS without a certificate, too."""
    for shown in (None, b"", b"garbage"):
        with pytest.raises(CertificateRefused):
            check(shown, "tina", CertificateRules())


def test_fields_become_attributes(authority: Authority) -> None:
    """One value is a text, several are a list, and none says nothing."""
    shown = der(authority, ("cn", "tina"), ("o", "Bank"), ("ou", "Tellers"), ("ou", "East"))
    wanted = {
        "company": "organization",
        "units": "organizational_unit",
        "title": "title",
        "mail": "email",
        "by": "issuer",
    }
    assert check(shown, "tina", CertificateRules(attributes=wanted)).attributes == {
        "company": "Bank",
        "units": ("Tellers", "East"),
        "by": "CN=People's authority",
    }


def test_two_proofs_hold_as_long_as_both() -> None:
    """What the first brings comes before what the second does, and each is named after its own."""
    token = Proof("token", {"a": 1, "b": 2}, 200.0, "token hint", "token")
    certificate = Proof("certificate", {"b": 3, "c": 4}, 100.0, "certificate hint", "certificate")
    both = token.besides(certificate)
    assert (both.by, both.attributes, both.ends, both.expires, both.hint) == (
        "token",
        {"a": 1, "b": 2, "c": 4},
        100.0,
        "certificate",
        "certificate hint",
    )
    assert both.origins == {"c": "certificate"}
    assert (PASSWORD.besides(certificate).ends, PASSWORD.besides(PASSWORD).ends) == (100.0, None)
