"""The users file: reading, mistakes, reading again, adding users."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from policies.positions import DocumentError
from proxy.identity import User, UserExists, Users, add_user
from proxy.scram import make_verifier

if TYPE_CHECKING:
    from pathlib import Path

VERIFIER = make_verifier("secret", b"0123456789abcdef")
FILE = f"""\
# the bank's people
users:
  wang:   # the teller
    password: "{VERIFIER}"
    roles: [teller, cashier]
    clearance: 2
    active: true
  reporting:
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A users file of two."""
    file = tmp_path / "users.yaml"
    file.write_text(FILE)
    return file


def write(path: Path, text: str) -> None:
    """Change the file so that its time differs, whatever the clock's grain."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000, before + 1_000_000))


def test_users_have_attributes_and_verifiers(path: Path) -> None:
    """Lists become tuples, numbers and truth values stay; a user may have neither password nor attributes."""
    users = Users.load(path)
    assert users.names() == ("wang", "reporting")
    wang = users.find("wang")
    assert wang is not None
    assert wang.verifier == VERIFIER
    assert wang.attributes == {"roles": ("teller", "cashier"), "clearance": 2, "active": True}
    assert users.find("reporting") == User("reporting")
    assert users.find("Wang") is None


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("users:\n  wang:\n    password: secret\n", "3:15", "not a SCRAM-SHA-256 verifier"),
        ("users:\n  wang:\n    password: 7\n", "3:15", "must be text"),
        ("users:\n  wang:\n    name: li\n", "3:5", "`name`"),
        ("users:\n  wang:\n    a-b: li\n", "3:5", "attribute `a-b`"),
        ("users:\n  wang:\n    a: {b: 1}\n", "3:8", "not a mapping"),
        ("users:\n  wang: teller\n", "2:9", "must be a mapping"),
        ("users:\n  '': {}\n", "2:3", "1 to 63 bytes"),
        (f"users:\n  {'w' * 64}: {{}}\n", "2:3", "1 to 63 bytes"),
        ("users: [wang]\n", "1:8", "must be a mapping"),
        ("user:\n  wang:\n", "1:1", "did you mean `users`"),
        ("users:\n  wang:\n  wang:\n", "3:3", "stands twice"),
        ("users: {}\ndecoy: short\n", "2:8", "`decoy`"),
        ("users:\n\twang:\n", "2:1", "tab"),
    ],
)
def test_mistakes_have_a_place(path: Path, text: str, place: str, words: str) -> None:
    """Each mistake is told with file, line and column."""
    path.write_text(text)
    with pytest.raises(DocumentError) as error:
        Users.load(path)
    assert f"{path}:{place}: " in str(error.value)
    assert words in str(error.value)


def test_a_password_in_the_file_is_not_repeated(path: Path) -> None:
    """Who wrote a password in place of a verifier does not find it in the error."""
    path.write_text("users:\n  wang:\n    password: hunter2\n")
    with pytest.raises(DocumentError) as error:
        Users.load(path)
    assert "hunter2" not in str(error.value)


def test_text_that_is_not_utf8(path: Path) -> None:
    """Bytes that are no UTF-8 are a mistake with a line."""
    path.write_bytes(b"users:\n  w\xff:\n")
    with pytest.raises(DocumentError, match="2:1: the file is not UTF-8"):
        Users.load(path)


@pytest.mark.parametrize("text", ["", "# nobody yet\n", "users:\n", "users: {}\n"])
def test_an_empty_file_has_no_users(path: Path, text: str) -> None:
    """A file without users is none's fault."""
    path.write_text(text)
    assert Users.load(path).names() == ()


def test_a_changed_file_is_read_again(path: Path) -> None:
    """New attributes hold for the next look-up, without a restart."""
    users = Users.load(path)
    write(path, "users:\n  li: {region: north}\n")
    assert users.find("li") == User("li", {"region": "north"})
    assert users.find("wang") is None


def test_a_broken_change_keeps_the_last_good_state(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake, or a file that has gone, is logged once and changes nothing; the next good state holds again."""
    users = Users.load(path)
    write(path, "users: [\n")
    for _ in range(3):
        assert users.find("wang") is not None
    assert len(caplog.records) == 1
    write(path, "users:\n  li:\n")
    assert users.names() == ("li",)
    path.unlink()
    assert users.names() == ("li",)


def test_decoys_are_steady_and_shaped_like_the_others(path: Path) -> None:
    """An unknown name always gets the same salt, of the size and iterations that the file's verifiers have."""
    salt = b"0123456789" * 4
    path.write_text(f"users:\n  a:\n    password: {make_verifier('x', salt, 5000)}\ndecoy: {'A' * 44}\n")
    first, second = Users.load(path).decoy("nobody"), Users.load(path).decoy("nobody")
    assert first == second
    assert (first.iterations, len(first.salt)) == (5000, 40)
    assert Users.load(path).decoy("somebody").salt != first.salt


def test_decoys_survive_a_change_of_the_file(path: Path) -> None:
    """Without a secret in the file, the one made at the start stays while the process lives."""
    users = Users.load(path)
    before = users.decoy("nobody")
    write(path, FILE + "  li:\n")
    assert users.names() == ("wang", "reporting", "li")
    assert users.decoy("nobody") == before


def test_no_file_has_no_users() -> None:
    """Without a users file nobody is known."""
    users = Users.none()
    assert users.find("wang") is None
    assert users.decoy("wang").iterations == 4096


def test_adding_makes_the_file_for_its_owner_only(tmp_path: Path) -> None:
    """The first user makes the file, with a decoy secret, mode 0600, and no other file is left behind."""
    path = tmp_path / "users.yaml"
    add_user(path, "wang", "secret", {"roles": ("teller",), "region": "north", "clearance": 3, "on": True})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["users.yaml"]
    wang = Users.load(path).find("wang")
    assert wang is not None
    assert wang.verifier is not None
    assert wang.verifier == make_verifier("secret", wang.verifier.salt)
    assert wang.attributes == {"roles": ("teller",), "region": "north", "clearance": 3, "on": True}
    assert "secret\n" not in path.read_text()
    assert Users.load(path).decoy("x") == Users.load(path).decoy("x")


def test_adding_keeps_comments_and_order(path: Path) -> None:
    """Everything that stood in the file stays as it was; the new user comes last."""
    add_user(path, "li", None, {"region": "yes"})
    text = path.read_text()
    assert text.startswith("# the bank's people\nusers:\n  wang:   # the teller\n")
    assert "roles: [teller, cashier]" in text
    users = Users.load(path)
    assert users.names() == ("wang", "reporting", "li")
    assert users.find("li") == User("li", {"region": "yes"})


def test_replacing_changes_what_is_given(path: Path) -> None:
    """An existing user is changed only on demand; attributes not named stay, and so does the password if none is given."""
    with pytest.raises(UserExists):
        add_user(path, "wang", "other", {})
    assert path.read_text() == FILE
    add_user(path, "wang", None, {"clearance": 5}, replace=True)
    wang = Users.load(path).find("wang")
    assert wang is not None
    assert wang.verifier == VERIFIER
    assert wang.attributes["clearance"] == 5
    assert wang.attributes["roles"] == ("teller", "cashier")
    add_user(path, "reporting", "new", {}, replace=True)
    reporting = Users.load(path).find("reporting")
    assert reporting is not None
    assert reporting.verifier


@pytest.mark.parametrize("name", ["", "w" * 64])
def test_adding_what_cannot_be_read_changes_nothing(path: Path, name: str) -> None:
    """A name that is not right is refused before the file is touched."""
    with pytest.raises(DocumentError):
        add_user(path, name, "secret", {})
    assert path.read_text() == FILE


@pytest.mark.parametrize("attributes", [{"name": "li"}, {"a b": 1}, {"password": "hunter2"}])
def test_adding_wrong_attributes_changes_nothing(path: Path, attributes: dict[str, str]) -> None:
    """An attribute that no rule could name, or that is no attribute, is refused before the file is touched."""
    with pytest.raises(DocumentError):
        add_user(path, "li", "secret", attributes)
    assert path.read_text() == FILE


def test_adding_to_a_broken_file_changes_nothing(path: Path) -> None:
    """A file with mistakes is not written over."""
    path.write_text("users: [\n")
    with pytest.raises(DocumentError):
        add_user(path, "li", "secret", {})
    assert path.read_text() == "users: [\n"


def test_an_empty_password_is_refused(path: Path) -> None:
    """Clients send no empty password, so nobody could log in with it."""
    with pytest.raises(ValueError, match="empty"):
        add_user(path, "li", "", {})


def test_odd_names_come_back(path: Path) -> None:
    """Names that YAML would read as something else are written so that they come back."""
    for name in ("yes", "null", "123", "a: b", "- x", "张三", "'q'", "#c", "1.5", "true"):
        add_user(path, name, None, {"region": name})
        assert Users.load(path).find(name) == User(name, {"region": name})
