"""TLS contexts and channel bindings."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from louver.demo.certificate import make_certificate
from proxy.tls import MODES, TLSError, end_point, server_tls, upstream_tls

if TYPE_CHECKING:
    from pathlib import Path


def certificate(key, algorithm) -> bytes:
    """A certificate (DER) signed by `key` with `algorithm`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


def test_end_point_hashes_by_the_signature() -> None:
    """The binding is the certificate hashed as its signature is."""
    der = certificate(ec.generate_private_key(ec.SECP256R1()), hashes.SHA384())
    assert end_point(der) == hashlib.sha384(der).digest()


def test_end_point_is_undefined_without_a_hash() -> None:
    """An Ed25519 certificate, no certificate and garbage have no binding."""
    assert end_point(certificate(ed25519.Ed25519PrivateKey.generate(), None)) is None
    assert end_point(None) is None
    assert end_point(b"garbage") is None


def test_server_context(tmp_path: Path) -> None:
    """The client leg speaks TLS 1.2 at least and shows the certificate of the file."""
    files = make_certificate(tmp_path)
    made = server_tls(files.certificate, files.key)
    assert made.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert made.certificate == ssl.PEM_cert_to_DER_cert(files.certificate.read_text())


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    """A missing file, a key of another certificate, an encrypted key and garbage are told by name, without a prompt."""
    files = make_certificate(tmp_path)
    other = make_certificate(tmp_path, "other")
    locked = tmp_path / "locked.key"
    loaded = serialization.load_pem_private_key(files.key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"x")
    form = serialization.PrivateFormat.PKCS8
    locked.write_bytes(loaded.private_bytes(serialization.Encoding.PEM, form, encryption))
    for bad, key in (
        (tmp_path / "none.crt", files.key),
        (files.certificate, tmp_path / "none.key"),
        (files.certificate, other.key),
        (files.certificate, locked),
        (files.key, files.key),
    ):
        with pytest.raises(TLSError, match=str(bad)):
            server_tls(bad, key)
    with pytest.raises(TLSError, match=r"none\.pem"):
        upstream_tls("verify-ca", tmp_path / "none.pem")


@pytest.mark.parametrize("mode", MODES)
def test_upstream_modes(mode, tmp_path: Path) -> None:
    """The modes check what libpq's sslmode of the same name checks."""
    made = upstream_tls(mode, make_certificate(tmp_path).certificate)
    assert made.required == (mode in ("require", "verify-ca", "verify-full"))
    if mode == "disable":
        assert made.context is None
        return
    assert made.context is not None
    assert made.context.check_hostname == (mode == "verify-full")
    assert (made.context.verify_mode == ssl.CERT_REQUIRED) == mode.startswith("verify")
    assert made.context.minimum_version == ssl.TLSVersion.TLSv1_2
