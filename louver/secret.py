"""The secret of keyed masks: a file of random bytes that never leaves the proxy in clear.

Owns its making and its reading. Whoever has the secret can recompute the images of guessed values, and with another
secret the same value gets another image: keep it private, and keep it.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES = 32  # as long as the output of SHA-256: more adds nothing, less weakens the HMAC


class SecretError(Exception):
    """The secret file cannot be used; the message says why and what to do."""


def create_secret(path: Path) -> None:
    """Write a new random secret, base64, mode 0600. Raises SecretError when the file exists or cannot be made."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SecretError(f"cannot create the secret file {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(SECRET_BYTES)) + b"\n")


def load_secret(path: Path) -> bytes:
    """Read the secret. Raises SecretError when it is missing, open to others, too short or not base64."""
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except OSError as error:
        raise SecretError(
            f"cannot read the secret file {path}: {error.strerror}; make one by `louver secret {path}`"
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(f"the secret file {path} is open to others; close it by `chmod 600 {path}`")
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raise SecretError(f"the secret file {path} is not base64; make one by `louver secret FILE`") from None
    if len(secret) < SECRET_BYTES:
        raise SecretError(f"the secret in {path} has {len(secret)} bytes; {SECRET_BYTES} are needed")
    return secret
