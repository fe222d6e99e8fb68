"""The arithmetic of MySQL's authentication methods, both sides.

Owns the scrambles of mysql_native_password and caching_sha2_password, the signature of MariaDB's client_ed25519, and the encryption of a password with RSA for a leg
without TLS (MySQL's developer documentation, "Authentication Methods"). Pure but for the padding, which the library draws.
May not do: look up users, read or write packets.
"""

from __future__ import annotations

import hashlib
import hmac
from itertools import cycle
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from nacl.bindings import (
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519_base_noclamp,
)

KEY_BITS: Final = 2048  # as the key pairs that MySQL makes for itself
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303  the protocol says so


class UnusableKey(Exception):  # noqa: N818  the peer's fault
    """A public key or an encrypted password of a peer's that cannot be used."""


def native_scramble(password: bytes, nonce: bytes) -> bytes:
    """The answer of mysql_native_password: SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))), 20 bytes; b"" for none."""
    if not password:
        return b""
    once = hashlib.sha1(password, usedforsecurity=False).digest()
    twice = hashlib.sha1(once, usedforsecurity=False).digest()
    return _xor(once, hashlib.sha1(nonce + twice, usedforsecurity=False).digest())


def sha2_scramble(password: bytes, nonce: bytes) -> bytes:
    """The answer of caching_sha2_password: SHA256(password) XOR SHA256(twice hashed + nonce), 32 bytes; b"" for none."""
    if not password:
        return b""
    return _xor(hashlib.sha256(password).digest(), hashlib.sha256(sha2_digest(password) + nonce).digest())


def sha2_digest(password: bytes) -> bytes:
    """SHA256(SHA256(password)): what a server keeps in memory to check later logins fast."""
    return hashlib.sha256(hashlib.sha256(password).digest()).digest()


def sha2_matches(answer: bytes, nonce: bytes, digest: bytes) -> bool:
    """Whether an answer of caching_sha2_password is that of the password with this `sha2_digest`."""
    if len(answer) != len(digest):
        return False
    once = _xor(answer, hashlib.sha256(digest + nonce).digest())
    return hmac.compare_digest(hashlib.sha256(once).digest(), digest)


def ed25519_signature(password: bytes, nonce: bytes) -> bytes:
    """The answer of client_ed25519: an Ed25519 signature of the nonce, 64 bytes.

    As in RFC 8032, section 5.1.6, but with the password itself in the place of the 32 random bytes of a private key, and with
    none for a password that is empty.
    """
    if not password:
        return b""
    digest = hashlib.sha512(password).digest()
    scalar = bytes((digest[0] & 0xF8, *digest[1:31], digest[31] & 0x7F | 0x40))
    public = crypto_scalarmult_ed25519_base_noclamp(scalar)
    once = crypto_core_ed25519_scalar_reduce(hashlib.sha512(digest[32:] + nonce).digest())
    point = crypto_scalarmult_ed25519_base_noclamp(once)
    challenge = crypto_core_ed25519_scalar_reduce(hashlib.sha512(point + public + nonce).digest())
    return point + crypto_core_ed25519_scalar_add(once, crypto_core_ed25519_scalar_mul(challenge, scalar))


def encrypt_password(password: bytes, nonce: bytes, public_key: bytes) -> bytes:
    """A password for the owner of a public key (PEM), bound to the nonce. Raises UnusableKey."""
    try:
        key = serialization.load_pem_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey("what the server sent as its public key is none") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise UnusableKey("the server's public key is not an RSA key")
    try:
        return key.encrypt(_obscured(password + b"\0", nonce), _OAEP)
    except ValueError:
        raise UnusableKey("the password is too long for the server's public key") from None


class LoginKey:
    """The key pair by which clients without TLS send their passwords to the proxy."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @classmethod
    def generate(cls) -> LoginKey:
        """A new pair; takes some 0.1 s."""
        return cls(rsa.generate_private_key(65537, KEY_BITS))

    def decrypt_password(self, data: bytes, nonce: bytes) -> bytes | None:
        """The password that was encrypted for this key and nonce, None when it was not."""
        try:
            found = _obscured(self._key.decrypt(data, _OAEP), nonce)
        except ValueError:
            return None
        return found[:-1] if found.endswith(b"\0") else None


def _obscured(data: bytes, nonce: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(data, cycle(nonce), strict=False)) if nonce else data


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
