"""What is measured: a PostgreSQL of its own, Louver twice in front of it, and PgBouncer when it is installed.

Owns the configuration of all of them and their life; everything is on loopback, without TLS on any leg, and gone at
the end. May not do: measure.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from louver.demo import supervise
from louver.demo.host import free_port
from louver.demo.postgres import LocalPostgres
from louver.secret import create_secret
from proxy.identity import add_user

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DATABASE = "bench"
CONNECTIONS = 600
"""What every leg takes; the memory is measured with 500."""
ROWS = 1_000_000
"""Rows of pgbench_accounts."""
PROOF = 1234
"""The one balance that is not zero, of account 1, so that a mask can be seen to work."""
MASKED_PROOF = 1200

COMPILED = Path(__file__).resolve().parents[1] / "build" / "compiled"
"""Where `make compiled` puts the native build."""

_SCALE = ROWS // 100_000
_START_SECONDS = 30.0
_USER = "bench"
POSTGRES = {
    "max_connections": str(CONNECTIONS + 50),
    "shared_buffers": "256MB",  # holds the whole table
    "autovacuum": "off",
    "max_wal_size": "4GB",  # no checkpoint while measuring
    "checkpoint_timeout": "1h",
}
_POLICIES = """\
version: 1
dictionary:
  - {{column: {database}.public.pgbench_accounts.abalance, category: balance, level: 3}}
rules:
  - name: {name}
    columns: {{category: balance}}
    treatment: {treatment}
"""
_LOUVER = """\
listen: {{host: 127.0.0.1, port: {port}}}
upstream: {{host: {host}, port: {upstream}, user: {user}, password_file: password, tls: {{mode: disable}}}}
login: own
users: users.yaml
policies: policies.yaml
limits: {{connections: {connections}, connections_per_user: {connections}}}
drain_seconds: 1
audit: {audit}
"""
_PGBOUNCER = """\
[databases]
{database} = host={host} port={upstream} dbname={database} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = session
server_lifetime = 0
max_client_conn = {connections}
default_pool_size = {connections}
client_tls_sslmode = disable
server_tls_sslmode = disable
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
"""
_NOT_INSTALLED = "PgBouncer is not installed, so the ratios are against a direct connection; apt install pgbouncer"


class BenchError(Exception):
    """Something could not be started or measured; the message says what, and what was told."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One way to the same database. `pid` is the proxy's supervisor, None on the direct way.

    `trail` is the directory of the audit records that the way leaves.
    """

    name: str
    title: str
    host: str
    port: int
    password: str
    pid: int | None = None
    trail: Path | None = None
    user: str = _USER

    def environment(self) -> dict[str, str]:
        """What libpq's programs need to come this way."""
        return {
            "PATH": os.defpath,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": DATABASE,
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
        }

    def conninfo(self) -> bytes:
        """The same as a connection string."""
        names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
        given = self.environment()
        pairs = [f"{name}='{given[key]}'" for key, name in names.items()]
        return " ".join([*pairs, "sslmode=disable", "gssencmode=disable"]).encode()

    def prune(self) -> None:
        """Remove audit segments that are closed: minutes at full load would fill the disk with them."""
        if self.trail is not None:
            for segment in sorted(self.trail.glob("*.jsonl"))[:-2]:
                segment.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """The running whole. `notes` are for the reader of the results."""

    pgbench: Path
    legs: tuple[Leg, ...]
    postgres_version: str
    pgbouncer_version: str | None
    notes: tuple[str, ...]


@contextlib.contextmanager
def open_stage() -> Iterator[Stage]:
    """Start everything and fill the database. Raises BenchError and louver.demo.host.ServerUnavailable."""
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(LocalPostgres.start(settings=POSTGRES))
        password = secrets.token_urlsafe(16)
        fill(postgres, password)
        legs = [Leg("direct", "direct", postgres.host, postgres.port, password)]
        notes: list[str] = []
        pgbouncer = _pgbouncer()
        if pgbouncer is None:
            notes.append(_NOT_INSTALLED)
        else:
            legs.append(stack.enter_context(_open_pgbouncer(pgbouncer, postgres, password)))
        legs.append(stack.enter_context(open_louver(postgres, password, masked=False)))
        legs.append(stack.enter_context(open_louver(postgres, password, masked=True)))
        pooler_version = _version(pgbouncer) if pgbouncer else None
        version = postgres.run_sql("SHOW server_version").split()[0]
        yield Stage(postgres.bin / "pgbench", tuple(legs), version, pooler_version, tuple(notes))


def is_compiled() -> bool:
    """Whether Louver's hot path has been built as native code (`make compiled`): then that is what is measured."""
    return (COMPILED / "done.stamp").exists()


def fill(postgres: LocalPostgres, password: str) -> None:
    """Make pgbench's tables, and the account that every leg ends at."""
    dsn = postgres.create_database(DATABASE)
    command: list[str | Path] = [postgres.bin / "pgbench", "--initialize", "--quiet", f"--scale={_SCALE}", dsn]
    _run(command, {"PATH": os.defpath, "PGSSLMODE": "disable"}, "filling the database")
    postgres.run_sql(
        f"UPDATE pgbench_accounts SET abalance = {PROOF} WHERE aid = 1;"
        f"CREATE ROLE {_USER} LOGIN PASSWORD '{password}';"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {_USER}; CHECKPOINT",
        DATABASE,
    )


@contextlib.contextmanager
def open_louver(  # noqa: PLR0913  what ways differ in
    postgres: LocalPostgres,
    password: str,
    *,
    masked: bool,
    name: str | None = None,
    audit: str = "{}",
    secret: bool = False,
) -> Iterator[Leg]:
    """Start `louver serve` with one user who sees balances as they are, or rounded to hundreds.

    `name` is that of the way; `audit` the section of the settings, in YAML's flow style. With a `secret` the trail has hashes of values.
    """
    name = name or ("masked" if masked else "allow_all")
    treatment = "{mask: round, step: 100}" if masked else "clear"
    port = free_port()
    with private_directory(None) as directory, tempfile.TemporaryFile() as log:
        (directory / "password").write_text(password + "\n", encoding="ascii")
        policies = _POLICIES.format(database=DATABASE, name=name.replace("_", " "), treatment=treatment)
        (directory / "policies.yaml").write_text(policies, encoding="utf-8")
        settings = _LOUVER.format(
            port=port,
            host=postgres.host,
            upstream=postgres.port,
            user=_USER,
            connections=CONNECTIONS,
            audit=audit,
        )
        if secret:
            create_secret(directory / "secret")
            settings += "secret_file: secret\n"
        (directory / "louver.yaml").write_text(settings, encoding="utf-8")
        add_user(directory / "users.yaml", _USER, password, {})
        process = supervise.start(
            [sys.executable, "-m", "louver", "serve", "--config", directory / "louver.yaml"],
            stop_signal="TERM",
            directory=directory,
            remove_directory=False,
            log=log,
            environment={**os.environ, "PYTHONPATH": str(COMPILED)} if is_compiled() else None,
        )
        try:
            wait_for("louver serve", process, port, log)
            title = "Louver, masked" if masked else "Louver, allow-all"
            yield Leg(name, title, "127.0.0.1", port, password, process.pid, directory / "audit")
        finally:
            supervise.end(process)


def _pgbouncer() -> Path | None:
    """Find the program; Debian keeps it where only root's PATH looks."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


@contextlib.contextmanager
def _open_pgbouncer(program: Path, postgres: LocalPostgres, password: str) -> Iterator[Leg]:
    """Start PgBouncer with one server connection for each client, as Louver has (session pooling)."""
    account = _unprivileged()
    port = free_port()
    with private_directory(account) as directory, tempfile.TemporaryFile() as log:
        settings = _PGBOUNCER.format(
            database=DATABASE,
            host=postgres.host,
            upstream=postgres.port,
            user=_USER,
            password=password,
            port=port,
            connections=CONNECTIONS,
        )
        path = directory / "pgbouncer.ini"
        path.touch(mode=0o600)
        path.write_text(settings, encoding="utf-8")
        if account is not None:
            os.chown(path, account.pw_uid, account.pw_gid)
        process = supervise.start(
            [program, "-q", path],
            stop_signal="INT",  # PgBouncer's shutdown once its clients have gone, in every version
            directory=directory,
            remove_directory=False,
            log=log,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
        )
        try:
            wait_for("pgbouncer", process, port, log)
            yield Leg("pgbouncer", "PgBouncer", "127.0.0.1", port, password, process.pid)
        finally:
            supervise.end(process)


def _unprivileged() -> pwd.struct_passwd | None:
    """The account for PgBouncer, which does not run as root; None is our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise BenchError("PgBouncer does not run as root, and there is no account postgres or nobody to run it as")


@contextlib.contextmanager
def private_directory(owner: pwd.struct_passwd | None) -> Iterator[Path]:
    """Give a private directory that is removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="louver-bench-"))
    try:
        if owner is not None:
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def wait_for(what: str, process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    """Wait until a program takes connections. Raises BenchError when it ends or takes too long."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise BenchError(f"{what} did not start:\n{supervise.tail(log)}")


def _version(program: Path) -> str:
    """The version number that `program --version` gives on its first line."""
    return _run([program, "--version"], {}, "asking PgBouncer's version").split("\n", maxsplit=1)[0].split()[-1]


def _run(command: Sequence[str | Path], environment: dict[str, str], what: str) -> str:
    """Run a program to its end and return its output. Raises BenchError."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{what} failed: {done.stderr.strip()[-800:]}")
    return done.stdout
