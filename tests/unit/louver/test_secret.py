"""The secret file: random, private, and refused when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from louver.secret import SecretError, create_secret, load_secret

if TYPE_CHECKING:
    from pathlib import Path


def test_a_created_secret_is_private_and_comes_back(tmp_path: Path) -> None:
    """Two secrets differ, have 32 bytes, and their files are readable by the owner alone."""
    for name in ("one", "two"):
        create_secret(tmp_path / name)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert len(load_secret(tmp_path / "one")) == 32
    assert load_secret(tmp_path / "one") != load_secret(tmp_path / "two")


def test_an_existing_secret_is_never_overwritten(tmp_path: Path) -> None:
    """Losing a secret changes every keyed image, so making one refuses to replace a file."""
    create_secret(tmp_path / "secret")
    with pytest.raises(SecretError, match="exists"):
        create_secret(tmp_path / "secret")


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0, "make one by"),
        (b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=", 0o644, "open to others"),
        (b"QUJD", 0o600, "has 3 bytes"),
        (b"not base64!", 0o600, "not base64"),
    ],
)
def test_a_bad_secret_is_refused(tmp_path: Path, content: bytes | None, mode: int, message: str) -> None:
    """A missing, open, short or malformed secret is refused with what to do."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(SecretError, match=message):
        load_secret(path)
