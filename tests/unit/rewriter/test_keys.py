"""The key of keyed masks in its two forms."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.keys import key_material


@given(st.binary(min_size=16, max_size=200), st.binary(max_size=50))
def test_the_setting_is_enough_for_hmac(secret, message):
    """sha256(outer || sha256(inner || message)) with both halves of the setting is HMAC-SHA256 under the secret."""
    both = bytes.fromhex(key_material(secret).setting)
    inner, outer = both[:64], both[64:]
    digest = hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).digest()
    assert digest == hmac.new(secret, message, hashlib.sha256).digest()


def test_the_fingerprint_belongs_to_the_setting():
    """The fingerprint is the hash of the setting's text, so the server can check what it was given."""
    key = key_material(b"0123456789abcdef")
    assert key.fingerprint == hashlib.sha256(key.setting.encode()).hexdigest()
    assert key != key_material(b"0123456789abcdeg")


def test_a_key_is_not_shown():
    """What is printed or logged of a key does not hold it."""
    key = key_material(b"0123456789abcdef")
    assert key.setting not in repr(key)


def test_a_secret_that_can_be_guessed_is_refused():
    """The fingerprint can be read by callers, so a short secret would be found."""
    with pytest.raises(ValueError, match="at least 16 bytes, this one has 15"):
        key_material(b"x" * 15)
