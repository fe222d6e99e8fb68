"""The arithmetic of the authentication methods."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql import _auth

from proxy.mysql.wire import scrambles
from proxy.mysql.wire.scrambles import LoginKey, UnusableKey

NONCE = bytes(range(1, 21))


@pytest.fixture(scope="module")
def key() -> LoginKey:
    """A key pair; making one takes its time."""
    return LoginKey.generate()


@given(st.binary(min_size=1, max_size=40), st.binary(min_size=20, max_size=20))
def test_sha2_answers_match_their_digest_only(password: bytes, nonce: bytes) -> None:
    """The answer fits the digest of its password with its nonce, and no other."""
    answer, digest = scrambles.sha2_scramble(password, nonce), scrambles.sha2_digest(password)
    assert scrambles.sha2_matches(answer, nonce, digest)
    assert not scrambles.sha2_matches(answer, nonce, scrambles.sha2_digest(password + b"x"))
    assert not scrambles.sha2_matches(answer, b"y" + nonce, digest)
    assert not scrambles.sha2_matches(answer[:-1], nonce, digest)


def test_native_answer() -> None:
    """As a server checks it: what is left after XOR hashes to what it has stored."""
    answer = scrambles.native_scramble(b"secret", NONCE)
    stored = hashlib.sha1(hashlib.sha1(b"secret").digest()).digest()
    mask = hashlib.sha1(NONCE + stored).digest()
    assert hashlib.sha1(bytes(a ^ b for a, b in zip(answer, mask, strict=True))).digest() == stored


def test_no_password_is_no_answer() -> None:
    """Both methods send nothing then."""
    assert scrambles.native_scramble(b"", NONCE) == scrambles.sha2_scramble(b"", NONCE) == b""


def test_a_password_for_the_key(key: LoginKey) -> None:
    """It comes back with the same nonce; never with another, from other bytes, or without its end."""
    data = scrambles.encrypt_password("pä55".encode(), NONCE, key.public)
    assert key.decrypt_password(data, NONCE) == "pä55".encode()
    assert key.decrypt_password(data, NONCE[::-1]) != "pä55".encode()
    assert key.decrypt_password(b"x" * 256, NONCE) is None
    assert key.decrypt_password(b"", NONCE) is None


def test_bad_keys(key: LoginKey) -> None:
    """What is no RSA key, or too small for the password, is refused."""
    with pytest.raises(UnusableKey):
        scrambles.encrypt_password(b"p", NONCE, b"no key")
    with pytest.raises(UnusableKey):
        scrambles.encrypt_password(b"p" * 300, NONCE, key.public)


@pytest.mark.parametrize("password", [b"s3cret", "密码".encode(), b"x" * 300])
def test_the_signature_is_that_of_another_implementation(password: bytes) -> None:
    """PyMySQL's, and of the nonce that the server gives."""
    nonce = bytes(range(32))
    assert scrambles.ed25519_signature(password, nonce) == _auth.ed25519_password(password, nonce)
    assert scrambles.ed25519_signature(password, nonce[::-1]) != scrambles.ed25519_signature(password, nonce)
    assert scrambles.ed25519_signature(b"", nonce) == b""
