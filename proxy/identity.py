"""The users file: who Louver knows, their password verifiers and their attributes.

Owns its reading (with file, line and column for every mistake), its re-reading when it changes, and adding a user
without losing the author's comments. No password is ever kept, only SCRAM verifiers. May not do: authenticate.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import os
import re
import secrets
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from policies.model import AttributeValue
from policies.patterns import NamePattern
from policies.positions import Checker, DocumentError, Node, Problem, compose
from proxy.scram import DEFAULT_ITERATIONS, ScramError, Verifier, make_verifier, parse_verifier

log = logging.getLogger(__name__)

SALT_BYTES = 16  # as PostgreSQL's own verifiers
DECOY_BYTES = 32
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # what a condition can name after `principal.`
_NEW_FILE = """\
# Louver's users: password verifiers and the attributes that policies ask for.
# `decoy` makes unknown users look like known ones at the login; keep it secret and unchanged.
"""


_NAME_BYTES: Final = 63
"""What PostgreSQL cuts names to; MySQL and MariaDB take 32 and 80 characters, and refuse more by themselves."""


@dataclass(frozen=True, slots=True)
class User:
    """One user. Without a `verifier` he cannot log in to Louver itself (login `own`).

    `speaks_for`: an application, which says on whose behalf it sends each statement, may name these.
    """

    name: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    verifier: Verifier | None = None
    speaks_for: tuple[NamePattern, ...] = ()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The file as read last; `stamp` tells whether it has changed since."""

    users: Mapping[str, User]
    decoy: bytes = field(repr=False)
    shape: tuple[int, int] = (DEFAULT_ITERATIONS, SALT_BYTES)  # iterations and salt size of most verifiers
    stamp: tuple[int, int, int] | None = None


class Users:
    """The users of a file, read again when it changes."""

    def __init__(self, path: Path | None, snapshot: _Snapshot) -> None:
        self._path = path
        self._snapshot = snapshot
        self._broken: tuple[int, int, int] | None = None  # the stamp of a change that could not be read
        self.revision = 0

    @classmethod
    def load(cls, path: Path) -> Users:
        """Read the file; raises DocumentError with all its problems, OSError when it cannot be read."""
        stamp = _stamp(path)
        return cls(path, _read(path.read_bytes(), str(path), stamp))

    @classmethod
    def none(cls) -> Users:
        """No users file: in the login mode `relay` nobody has attributes, in `own` nobody can log in."""
        return cls(None, _Snapshot({}, secrets.token_bytes(DECOY_BYTES)))

    def find(self, name: str) -> User | None:
        """The user of that name, None when there is none."""
        self.refresh()
        return self._snapshot.users.get(name)

    def attributes(self, name: str) -> Mapping[str, AttributeValue] | None:
        """What the file, as it was read last, says of a user; None of nobody."""
        user = self._snapshot.users.get(name)
        return None if user is None else user.attributes

    def speaks_for(self, account: str) -> tuple[NamePattern, ...]:
        """The users for whom an account may speak, by the file as it was read last."""
        user = self._snapshot.users.get(account)
        return () if user is None else user.speaks_for

    def names(self) -> tuple[str, ...]:
        """All names, in the file's order."""
        self.refresh()
        return tuple(self._snapshot.users)

    def decoy(self, name: str) -> Verifier:
        """A verifier that no password fits, always the same for a name and shaped like the users' own."""
        iterations, size = self._snapshot.shape
        blocks = (self._made_up(f"salt {block}", name) for block in range(size // DECOY_BYTES + 1))
        return Verifier(
            iterations, b"".join(blocks)[:size], self._made_up("stored", name), self._made_up("server", name)
        )

    def _made_up(self, what: str, name: str) -> bytes:
        return hmac.digest(self._snapshot.decoy, f"{what}\0{name}".encode(), hashlib.sha256)

    def refresh(self) -> None:
        """Read the file again when it has changed; keep what is known when it cannot be read, and say so once."""
        if self._path is None:
            return
        stamp: tuple[int, int, int] | None = None
        try:
            stamp = _stamp(self._path)
            if stamp in (self._snapshot.stamp, self._broken):
                return
            self._snapshot = _read(self._path.read_bytes(), str(self._path), stamp, self._snapshot.decoy)
            self._broken = None
            self.revision += 1
            log.info("read the users file %s again: %d users", self._path, len(self._snapshot.users))
        except (OSError, DocumentError) as error:
            if self._broken is None or self._broken != stamp:
                log.error("the users file %s cannot be read, its last good state stays in force: %s", self._path, error)  # noqa: TRY400  the text says it all
            self._broken = stamp


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(data: bytes, file: str, stamp: tuple[int, int, int], decoy: bytes | None = None) -> _Snapshot:
    """Read the text of a users file; raises DocumentError. `decoy` serves when the file has none of its own."""
    try:
        root, found = compose(data.decode(), file)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError((Problem(file, line, 1, "the file is not UTF-8"),)) from None
    check = Checker(found)
    users: dict[str, User] = {}
    own_decoy: bytes | None = None
    if root is not None and root.value is not None:
        top = check.fields(root, "the users file", ("users", "decoy"))
        if "users" in top and top["users"].value is not None:
            for name, entry in check.mapping(top["users"], "`users`").items():
                users[name] = _user(check, name, entry.key, entry.value)
        if "decoy" in top:
            own_decoy = _decoy(check, top["decoy"])
    if check.problems:
        raise DocumentError(check.problems)
    shapes = Counter((user.verifier.iterations, len(user.verifier.salt)) for user in users.values() if user.verifier)
    shape = shapes.most_common(1)[0][0] if shapes else (DEFAULT_ITERATIONS, SALT_BYTES)
    return _Snapshot(MappingProxyType(users), own_decoy or decoy or secrets.token_bytes(DECOY_BYTES), shape, stamp)


def _user(check: Checker, name: str, key: Node, node: Node) -> User:
    if not 0 < len(name.encode()) <= _NAME_BYTES or "\0" in name:
        check.problem(key, f"a user name has 1 to {_NAME_BYTES} bytes")
    entries = {} if node.value is None else check.mapping(node, f"user `{name}`")
    verifier: Verifier | None = None
    attributes: dict[str, AttributeValue] = {}
    speaks_for: tuple[NamePattern, ...] = ()
    for attribute, entry in entries.items():
        if attribute == "password":
            verifier = _verifier(check, entry.value)
        elif attribute == "speaks_for":
            speaks_for = _speaks_for(check, entry.value)
        elif attribute == "name":
            check.problem(entry.key, "`name` is the user's own name and cannot be set")
        elif not _ATTRIBUTE.fullmatch(attribute):
            check.problem(
                entry.key, f"attribute `{attribute}` must be letters, digits and `_`, so that rules can name it"
            )
        else:
            attributes[attribute] = _value(check, entry.value)
    return User(name, MappingProxyType(attributes), verifier, speaks_for)


def _speaks_for(check: Checker, node: Node) -> tuple[NamePattern, ...]:
    """The names for whom an application may speak: exact, or with `*` and `?`."""
    found = []
    for item in check.one_or_more(node):
        text = check.text(item, "`speaks_for`")
        if text is not None:
            wild = "*" in text or "?" in text
            found.append(NamePattern(None, text) if wild else NamePattern(text, ""))
    return tuple(found)


def _verifier(check: Checker, node: Node) -> Verifier | None:
    text = check.text(node, "`password`")
    if text is None:
        return None
    try:
        return parse_verifier(text)
    except ScramError:  # the text may be somebody's password, so it is not shown
        check.problem(node, "`password` is not a SCRAM-SHA-256 verifier", "make one by `louver user add`")
        return None


def _decoy(check: Checker, node: Node) -> bytes | None:
    text = check.text(node, "`decoy`")
    try:
        found = base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if text is not None and len(found) < SALT_BYTES:
        check.problem(node, f"`decoy` must be at least {SALT_BYTES} random bytes in base64")
    return found


def _value(check: Checker, node: Node) -> AttributeValue:
    if isinstance(node.value, tuple):
        return tuple(_value(check, item) for item in node.value)
    if isinstance(node.value, Mapping):
        check.problem(node, "an attribute is text, a number, true, false, or a list of these, not a mapping")
        return None
    return node.value


# ---- adding a user --------------------------------------------------------------------------------------------------


class UserExists(Exception):  # noqa: N818  told to the operator as it is
    """The file has that user already."""


def add_user(
    path: Path, name: str, password: str | None, attributes: Mapping[str, AttributeValue], *, replace: bool = False
) -> None:
    """Write a user into the file, which is made when it is not there; comments and order stay.

    With `replace` an existing user gets the new password (if one is given) and these attributes besides his others;
    without, UserExists is raised. Raises DocumentError when the file or the new user is not right, ValueError for an
    empty password, OSError.
    The file is replaced in one step, readable by its owner only.
    """
    if password == "":  # libpq sends no empty password, so nobody could log in with it
        raise ValueError("the password is empty")
    yaml = YAML()
    yaml.width = 10_000  # a verifier must not be folded
    old = path.read_text(encoding="utf-8") if path.exists() else f"{_NEW_FILE}decoy: {_random_decoy()}\nusers: {{}}\n"
    _read(old.encode(), str(path), (0, 0, 0))
    try:
        document = yaml.load(old) or CommentedMap()
    except YAMLError as error:
        raise DocumentError((Problem(str(path), 1, 1, f"cannot be edited: {error}"),)) from None
    if not document.get("users"):
        document["users"] = CommentedMap()  # in block style; the empty one was `{}`
    users = document["users"]
    if name in users and not replace:
        raise UserExists(f"user `{name}` is in {path} already")
    if users.get(name) is None:
        users[name] = CommentedMap()
    if password is not None:
        users[name]["password"] = str(make_verifier(password, secrets.token_bytes(SALT_BYTES)))
    for attribute, value in attributes.items():
        users[name][attribute] = _plain(value)
    out = StringIO()
    yaml.dump(document, out)
    _read(out.getvalue().encode(), str(path), (0, 0, 0))
    _replace(path, out.getvalue())


def _random_decoy() -> str:
    return base64.b64encode(secrets.token_bytes(DECOY_BYTES)).decode()


def _plain(value: AttributeValue) -> object:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _replace(path: Path, text: str) -> None:
    """Write beside the file and rename, so that a reader sees the old or the new one, and a crash leaves one of them."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
