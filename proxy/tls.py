"""TLS contexts of both legs, and the channel binding data of their certificates.

Owns what the settings' modes mean for the `ssl` module: TLS 1.2 at least, the system's cipher defaults. May not do:
open connections, know the wire protocol beyond the name it has in ALPN.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from proxy import scram

Mode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
MODES: tuple[Mode, ...] = get_args(Mode)


class TLSError(Exception):
    """TLS cannot be set up as the settings say; the text names the file or setting."""


POSTGRESQL: Final = "postgresql"
"""The name of PostgreSQL's protocol in ALPN; MySQL's has none."""


@dataclass(slots=True)
class ServerTLS:
    """What the client leg's TLS needs: the context and the certificate (DER) that it shows. Each handshake takes both at once."""

    context: ssl.SSLContext = field(repr=False)
    certificate: bytes = field(repr=False)

    def become(self, newer: ServerTLS) -> None:
        """From the next handshake on, be another one."""
        self.context, self.certificate = newer.context, newer.certificate


@dataclass(frozen=True, slots=True)
class UpstreamTLS:
    """How the database leg is encrypted: the mode as in libpq's sslmode, and the context unless it is `disable`."""

    mode: Mode = "prefer"
    context: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def required(self) -> bool:
        """Whether the connection is given up when the database has no TLS."""
        return self.mode not in ("disable", "prefer")


@dataclass(frozen=True, slots=True)
class ClientAuthorities:
    """Who may have signed the certificates of clients (PEM), and which of these are revoked (PEM, lists of all of them)."""

    ca: Path
    crl: Path | None = None


def server_tls(
    certificate: Path, key: Path, alpn: str | None = POSTGRESQL, clients: ClientAuthorities | None = None
) -> ServerTLS:
    """Load the certificate chain (PEM, Louver's own first) and its key; raises TLSError.

    `alpn` is the protocol's name where clients agree on it within TLS, as those of PostgreSQL do. With `clients` they are asked for
    a certificate: who shows one that is not signed so does not get in, who shows none gets as far as the login.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
        shown = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise TLSError(f"cannot use the certificate {certificate} with the key {key}: {error}") from None
    if clients is not None:
        _ask_for_certificates(context, clients)
    return ServerTLS(context, shown.public_bytes(Encoding.DER))


def _ask_for_certificates(context: ssl.SSLContext, clients: ClientAuthorities) -> None:
    """Verify what clients show of themselves. Raises TLSError."""
    try:
        context.load_verify_locations(clients.ca)
        if clients.crl is not None:
            context.load_verify_locations(clients.crl)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        if clients.crl is not None and not context.cert_store_stats()["crl"]:
            raise ssl.SSLError("there is no revocation list in it")
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(file) for file in (clients.ca, clients.crl) if file is not None)
        raise TLSError(f"cannot use {files} for the certificates of clients: {error}") from None
    context.verify_mode = ssl.CERT_OPTIONAL
    # a session that is taken up again would bring a certificate that was verified when it began, and may be revoked by now
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0


def upstream_tls(
    mode: Mode,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    alpn: str | None = POSTGRESQL,
) -> UpstreamTLS:
    """The context for a mode; `ca` defaults to the system's authorities. Raises TLSError."""
    if mode == "disable":
        return UpstreamTLS(mode)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if mode in ("verify-ca", "verify-full") else ssl.CERT_NONE
    try:
        if ca is not None:
            context.load_verify_locations(ca)
        else:
            context.load_default_certs()
        if certificate is not None:
            context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        files = ", ".join(str(file) for file in (ca, certificate, key) if file is not None)
        raise TLSError(f"cannot use {files}: {error}") from None
    return UpstreamTLS(mode, context)


def end_point(certificate: bytes | None) -> bytes | None:
    """The tls-server-end-point binding of a DER certificate; None without a certificate.

    None, too, for a signature without a hash of its own (Ed25519), where the binding is undefined and libpq gives up.
    """
    if certificate is None:
        return None
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
        return scram.channel_binding(certificate, algorithm.name) if algorithm else None
    except (ValueError, UnsupportedAlgorithm):
        return None


def _no_password() -> str:
    """In place of a prompt on the terminal, which a service does not have."""
    raise ValueError("the key is encrypted; give one without a password")
