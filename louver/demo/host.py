"""What a throw-away server needs of this machine: an unprivileged account, a private directory, a free port.

Owns those for the database servers of the demo and of the tests. May not do: start anything that stays.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PORTS = range(20_000, 32_000)
"""Below those that systems give to connections that go out (Linux from 32768, others from 49152), so that no such connection takes
a port between its choice and its use."""

_PORT_CHOICES = 100

_claims: list[socket.socket] = []
"""One for each port that this process was given: the UDP port of the same number, held until the process ends."""

START_SECONDS = 60.0  # making the files of a cluster included, a slow disk needs some 10 s


class ServerUnavailable(Exception):  # noqa: N818  reads as what it is: no server, and why
    """No server could be started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The account to run as: None stands for this process's own."""

    account: pwd.struct_passwd | None

    @property
    def user(self) -> int | None:
        """The user id for subprocess to become."""
        return self.account.pw_uid if self.account else None

    @property
    def group(self) -> int | None:
        """The group id for subprocess to become."""
        return self.account.pw_gid if self.account else None

    @property
    def groups(self) -> list[int] | None:
        """The supplementary groups for subprocess: none of root's."""
        return [] if self.account else None

    def take(self, path: Path) -> None:
        """Make this account the owner of `path`."""
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)


def unprivileged(names: Sequence[str], product: str) -> Identity:
    """Find the account to run as: our own, or when we are root the first of `names` that exists.

    Raises ServerUnavailable.
    """
    if os.geteuid() != 0:
        return Identity(None)
    for name in names:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            if found.pw_uid != 0:
                return Identity(found)
    raise ServerUnavailable(
        f"{product} does not run as root, and none of these accounts exists: {', '.join(names)}; "
        f"make one (useradd --system {names[0]}) or start the demo as an ordinary user"
    )


def runs(identity: Identity, *command: str | Path) -> bool:
    """Tell whether `command` runs with success under the account."""
    try:
        done = subprocess.run(  # noqa: S603  our own arguments, no shell
            command,
            cwd="/",
            capture_output=True,
            check=False,
            timeout=START_SECONDS,
            user=identity.user,
            group=identity.group,
            extra_groups=identity.groups,
        )
    except OSError:
        return False
    return done.returncode == 0


def private_directory(identity: Identity, prefix: str) -> Path:
    """Make a directory that only the account can enter, below one that it can reach. Raises ServerUnavailable."""
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108  mkdtemp makes it private
        try:
            directory = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
        except OSError:
            continue
        identity.take(directory)
        if runs(identity, "/bin/sh", "-c", 'cd "$0" && : >.probe && rm .probe', directory):
            return directory
        shutil.rmtree(directory, ignore_errors=True)
    raise ServerUnavailable("no temporary directory that the database's account can write to; set TMPDIR to one")


def reachable(install: Path, program: str, directory: Path, identity: Identity) -> Path:
    """Return an installation of which the account can run `program`: this one, or a copy of it in `directory`.

    The copy is needed when `install` lies below a directory closed to others, such as /root. Raises ServerUnavailable.
    """
    if runs(identity, install / program, "--version"):
        return install
    copy = directory / "install"
    shutil.copytree(install, copy, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            identity.take(path)
    if not runs(identity, copy / program, "--version"):
        raise ServerUnavailable(
            f"the programs in {directory} do not run; is it on a file system mounted noexec? set TMPDIR to another"
        )
    return copy


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on. Raises ServerUnavailable.

    As long as this process lives no other is given the same one here, so that two which start servers at the same time do not
    meet on it, and a server that has ended leaves a port where nobody answers.
    """
    for _ in range(_PORT_CHOICES):
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with socket.socket() as probe, contextlib.suppress(OSError):
            claim.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
            _claims.append(claim)
            return port
        claim.close()
    raise ServerUnavailable(f"no free port was found on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}")


def port_taken(port: int) -> bool:
    """Tell whether someone listens on the port now."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ticks(seconds: float) -> Iterator[None]:
    """Yield every 20 ms until `seconds` are over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.02)
