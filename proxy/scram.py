"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, both sides.

Owns the exchange of RFC 5802 and RFC 7677 with PostgreSQL's two departures: the user name in the exchange is ignored
(the startup message has it), and a password that SASLprep rejects is taken as its bytes. Pure: nonces and salts come
from the caller. May not do: look up users, read or write messages' envelopes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import stringprep
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

SCRAM = "SCRAM-SHA-256"
SCRAM_PLUS = "SCRAM-SHA-256-PLUS"
BINDING = "tls-server-end-point"
DEFAULT_ITERATIONS = 4096  # PostgreSQL's scram_iterations
ITERATION_LIMIT = 1_000_000  # some 0.3 s of work: a hostile server must not be able to stop the proxy for longer


class ScramError(Exception):
    """The exchange cannot go on; the text says why, without a secret. `reason` "password": the proof is wrong."""

    def __init__(self, message: str, reason: str = "protocol") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Verifier:
    """What checks a password without being one: PostgreSQL's SCRAM secret.

    `salt` bytes, `stored_key` and `server_key` of 32 bytes each.
    """

    iterations: int
    salt: bytes = field(repr=False)
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    def __str__(self) -> str:
        """The form that PostgreSQL keeps in pg_authid.rolpassword."""
        return f"{SCRAM}${self.iterations}:{_b64(self.salt)}${_b64(self.stored_key)}:{_b64(self.server_key)}"


def parse_verifier(text: str) -> Verifier:
    """Read `SCRAM-SHA-256$iterations:salt$stored key:server key`; raises ScramError."""
    try:
        mechanism, parameters, keys = text.split("$")
        iterations, salt = parameters.split(":")
        stored, server = keys.split(":")
        verifier = Verifier(int(iterations), _unb64(salt), _unb64(stored), _unb64(server))
    except ValueError:
        raise ScramError("not a SCRAM verifier") from None
    if mechanism != SCRAM or verifier.iterations < 1 or not verifier.salt:
        raise ScramError("not a SCRAM-SHA-256 verifier")
    if len(verifier.stored_key) != 32 or len(verifier.server_key) != 32:
        raise ScramError("a SCRAM-SHA-256 key has 32 bytes")
    return verifier


def make_verifier(password: str, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> Verifier:
    """The verifier of a password; `salt` random, 16 bytes."""
    salted = salted_password(password, salt, iterations)
    stored = hashlib.sha256(_mac(salted, b"Client Key")).digest()
    return Verifier(iterations, salt, stored, _mac(salted, b"Server Key"))


def matches(password: bytes, verifier: Verifier) -> bool:
    """Whether a password that was sent itself is the verifier's; nothing of it is kept."""
    try:
        prepared = normalize(password.decode())
    except UnicodeDecodeError:
        prepared = password
    salted = hashlib.pbkdf2_hmac("sha256", prepared, verifier.salt, verifier.iterations)
    stored = hashlib.sha256(_mac(salted, b"Client Key")).digest()
    return hmac.compare_digest(stored, verifier.stored_key)


def channel_binding(certificate: bytes, signature_hash: str) -> bytes:
    """The tls-server-end-point data of a DER certificate (RFC 5929, section 4.1).

    `signature_hash` is the name of the hash in the certificate's signature algorithm.
    """
    name = "sha256" if signature_hash in ("md5", "sha1") else signature_hash
    return hashlib.new(name, certificate).digest()


# ---- the server's side ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerExchange:
    """The server's state between the client's first and final message."""

    verifier: Verifier
    header: bytes  # the gs2 header as sent, which the final message must repeat
    binding: bytes  # the binding data it must repeat after the header
    first_bare: bytes
    nonce: bytes
    server_first: bytes


def server_first(
    data: bytes, mechanism: str, verifier: Verifier, *, binding: bytes | None, server_nonce: bytes
) -> ServerExchange:
    """Answer a client-first-message; raises ScramError.

    `binding` is the channel binding data of the connection's certificate, None when there is no TLS (then PLUS was
    not offered). `server_nonce` printable ASCII without a comma.
    """
    parts = data.split(b",", 2)
    if len(parts) != 3:
        raise ScramError("malformed SCRAM message")
    flag, authorization, bare = parts
    if authorization:
        raise ScramError("an authorization identity other than the user is not supported")
    if mechanism == SCRAM_PLUS:
        if flag != b"p=" + BINDING.encode():
            raise ScramError(f"SCRAM-SHA-256-PLUS needs the channel binding type {BINDING}")
    elif flag == b"y":
        if binding is not None:
            raise ScramError(
                "the client thinks that the server does not support channel binding, but it does", "binding"
            )
    elif flag != b"n":
        raise ScramError("SCRAM-SHA-256 without -PLUS must not use channel binding")
    attributes = bare.split(b",")
    if len(attributes) < 2 or not attributes[0].startswith(b"n=") or not attributes[1].startswith(b"r="):
        raise ScramError("malformed SCRAM message")
    client_nonce = attributes[1][2:]
    if not client_nonce or not all(0x21 <= c <= 0x7E for c in client_nonce):
        raise ScramError("a SCRAM nonce with unprintable characters")
    nonce = client_nonce + server_nonce
    answer = b"r=%s,s=%s,i=%d" % (nonce, base64.b64encode(verifier.salt), verifier.iterations)
    bound = binding if mechanism == SCRAM_PLUS and binding is not None else b""
    return ServerExchange(verifier, flag + b",,", bound, bare, nonce, answer)


def server_final(exchange: ServerExchange, data: bytes) -> bytes:
    """Check a client-final-message and give the server-final-message; raises ScramError."""
    without_proof, found, proof_text = data.rpartition(b",p=")
    attributes = without_proof.split(b",")
    if not found or len(attributes) < 2 or not attributes[0].startswith(b"c=") or not attributes[1].startswith(b"r="):
        raise ScramError("malformed SCRAM message")
    expected = base64.b64encode(exchange.header + exchange.binding)
    if not hmac.compare_digest(attributes[0][2:], expected):
        raise ScramError("SCRAM channel binding check failed", "binding")
    if attributes[1][2:] != exchange.nonce:
        raise ScramError("a SCRAM nonce that is not this exchange's")
    try:
        proof = base64.b64decode(proof_text, validate=True)
    except (binascii.Error, ValueError):
        raise ScramError("malformed SCRAM proof") from None
    if len(proof) != 32:
        raise ScramError("malformed SCRAM proof")
    signed = b",".join((exchange.first_bare, exchange.server_first, without_proof))
    client_key = _xor(proof, _mac(exchange.verifier.stored_key, signed))
    if not hmac.compare_digest(hashlib.sha256(client_key).digest(), exchange.verifier.stored_key):
        raise ScramError("the proof does not match", "password")
    return b"v=" + base64.b64encode(_mac(exchange.verifier.server_key, signed))


# ---- the client's side ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClientExchange:
    """The client's state: what it said first and with which header."""

    mechanism: str
    header: bytes
    binding: bytes
    first_bare: bytes
    nonce: bytes

    @property
    def first(self) -> bytes:
        """The client-first-message."""
        return self.header + self.first_bare


def client_first(offered: tuple[str, ...], *, binding: bytes | None, nonce: bytes) -> ClientExchange:
    """Choose the mechanism, with channel binding where both can; raises ScramError when none of `offered` is ours."""
    bare = b"n=,r=" + nonce
    if SCRAM_PLUS in offered and binding is not None:
        return ClientExchange(SCRAM_PLUS, b"p=" + BINDING.encode() + b",,", binding, bare, nonce)
    if SCRAM not in offered:
        raise ScramError(f"no mechanism of the server's is known: {', '.join(offered)}")
    return ClientExchange(SCRAM, b"y,," if binding is not None else b"n,,", b"", bare, nonce)


def client_final(exchange: ClientExchange, server_first_: bytes, password: str) -> tuple[bytes, bytes]:
    """The client-final-message and the server-final-message to expect; raises ScramError."""
    attributes = server_first_.split(b",")
    if [a[:2] for a in attributes[:3]] != [b"r=", b"s=", b"i="]:
        raise ScramError("malformed SCRAM message from the server")
    nonce, salt_text, iterations_text = (a[2:] for a in attributes[:3])
    if not nonce.startswith(exchange.nonce) or len(nonce) <= len(exchange.nonce):
        raise ScramError("the server's SCRAM nonce does not continue ours")
    try:
        salt = base64.b64decode(salt_text, validate=True)
        iterations = int(iterations_text)
    except (binascii.Error, ValueError):
        raise ScramError("malformed SCRAM message from the server") from None
    if not salt or not 1 <= iterations <= ITERATION_LIMIT:
        raise ScramError(f"the server asks for more than {ITERATION_LIMIT} SCRAM iterations, or none")
    salted = salted_password(password, salt, iterations)
    client_key = _mac(salted, b"Client Key")
    without_proof = b"c=%s,r=%s" % (base64.b64encode(exchange.header + exchange.binding), nonce)
    signed = b",".join((exchange.first_bare, server_first_, without_proof))
    proof = _xor(client_key, _mac(hashlib.sha256(client_key).digest(), signed))
    expected = b"v=" + base64.b64encode(_mac(_mac(salted, b"Server Key"), signed))
    return without_proof + b",p=" + base64.b64encode(proof), expected


# ---- the arithmetic -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)  # the service account logs in with one salt over and over, and this is the dear step (1 to 2 ms)
def salted_password(password: str, salt: bytes, iterations: int) -> bytes:
    """Hi(Normalize(password), salt, i) of RFC 5802."""
    return hashlib.pbkdf2_hmac("sha256", normalize(password), salt, iterations)


def normalize(password: str) -> bytes:
    """SASLprep (RFC 4013) in UTF-8; the password as it is where that rejects it, as PostgreSQL does."""
    if password.isascii():
        return password.encode()
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    return (prepared if _allowed(prepared) else password).encode()


_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,  # unassigned in Unicode 3.2
)


def _allowed(text: str) -> bool:
    if not text or any(prohibited(c) for c in text for prohibited in _PROHIBITED):
        return False
    if not any(stringprep.in_table_d1(c) for c in text):
        return True
    # a text with right-to-left letters has no left-to-right ones and begins and ends with them (RFC 3454, section 6)
    has_left_to_right = any(stringprep.in_table_d2(c) for c in text)
    return not has_left_to_right and stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
