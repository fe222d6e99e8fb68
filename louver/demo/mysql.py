"""A throw-away MySQL or MariaDB from the programs of this machine, for the demo and the tests.

Owns the finding of the programs and the life of one server: its private directory, its unprivileged account, its start
and its end. Loopback only, TLS on. The data is gone with the server, and the server with the process that started it
(see supervise.py).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import pymysql

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
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

Flavour = Literal["mysql", "mariadb"]

TITLES: Final[Mapping[Flavour, str]] = {"mysql": "MySQL", "mariadb": "MariaDB"}
VARIABLES: Final[Mapping[Flavour, str]] = {"mysql": "LOUVER_MYSQL", "mariadb": "LOUVER_MARIADB"}
"""Variables of the environment that name the server's program."""

_PROGRAMS: Final[Mapping[Flavour, tuple[str, ...]]] = {"mysql": ("mysqld",), "mariadb": ("mariadbd", "mysqld")}
_CLIENTS: Final[Mapping[Flavour, tuple[str, ...]]] = {"mysql": ("mysql",), "mariadb": ("mariadb", "mysql")}
_PLACES = (*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin", "/usr/local/mysql/bin", "/opt/homebrew/bin")
_ACCOUNTS = ("mysql", "nobody")  # accounts to run as when root, for neither server runs as root
_PORT_ATTEMPTS = 5  # another process may take the free port between our look and the server's bind
_SQL = (  # what mariadb-install-db feeds to a bootstrap, without the texts of HELP
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
)
_OPTIONS: Final[Mapping[str, str]] = {
    "bind-address": "127.0.0.1",
    "skip-name-resolve": "ON",
    "local-infile": "ON",
    "character-set-server": "utf8mb4",
    "event-scheduler": "OFF",
    "max-connections": "200",
    "innodb-buffer-pool-size": "64M",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "OFF",
    "innodb-flush-method": "nosync",  # nothing outlives the process, so nothing need outlive the machine
}
_OWN_OPTIONS: Final[Mapping[Flavour, Mapping[str, str]]] = {
    "mysql": {"mysqlx": "OFF", "disable-log-bin": "ON", "innodb-redo-log-capacity": "16M"},
    # a statement that joins everything with everything would fill the disk, and MariaDB then waits for somebody to make room
    "mariadb": {"innodb-log-file-size": "16M", "tmp-disk-table-size": "1G"},
}


def find(flavour: Flavour, brought: Path | None = None) -> Path | None:
    """Give the server's program: the one that the environment names, one in `brought`/`flavour`, or an installed one.

    None when there is none. A program of the right name is asked which of the two it is.
    """
    named = os.environ.get(VARIABLES[flavour])
    return Path(named) if named else _find(flavour, _PROGRAMS[flavour], brought)


def find_client(flavour: Flavour, brought: Path | None = None) -> Path | None:
    """Give the command line client of a server: one in `brought`/`flavour`, or an installed one. None when there is none."""
    return _find(flavour, _CLIENTS[flavour], brought)


def _find(flavour: Flavour, names: Sequence[str], brought: Path | None) -> Path | None:
    places = [Path(place) for place in _PLACES]
    if brought is not None:
        places.insert(0, brought / flavour)
    candidates = (place / name for name in names for place in places)
    return next((path for path in candidates if os.access(path, os.X_OK) and flavour_of(path) == flavour), None)


def flavour_of(program: Path) -> Flavour | None:
    """Tell which server a program is by what it says of its version; None when it does not run."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=START_SECONDS)  # noqa: S603  a server's program
    except (OSError, subprocess.SubprocessError):
        return None
    return "mariadb" if "MariaDB" in done.stdout else "mysql"


@dataclass(slots=True)
class LocalMySQL:
    """A running server of either kind. Make one with `LocalMySQL.start()`, end it with `stop()` or by `with`.

    `user` may do everything; `certificate` is the PEM file to trust for TLS; `version` is (major, minor, patch).
    """

    flavour: Flavour
    version: tuple[int, int, int]
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    socket: Path
    certificate: Path
    directory: Path
    _process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(cls, flavour: Flavour, program: Path, *, settings: Mapping[str, str] | None = None) -> Self:
        """Make an empty server of `program` in a private directory and start it on a free port of 127.0.0.1.

        `settings` are options by name, as on its command line. Raises ServerUnavailable.
        """
        identity = unprivileged(_ACCOUNTS, TITLES[flavour])
        directory = private_directory(identity, f"louver-{flavour}-")
        password = secrets.token_urlsafe(16)
        try:
            program = reachable(program.parent, program.name, directory, identity) / program.name
            making = _Making(flavour, program, directory, identity, dict(settings or {}))
            files = making.make(password)
            for attempt in range(_PORT_ATTEMPTS):
                port = free_port()
                try:
                    process, version = making.launch(port, password, files)
                    break
                except ServerUnavailable:
                    if attempt == _PORT_ATTEMPTS - 1 or not port_taken(port):
                        raise
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return cls(
            flavour, version, "127.0.0.1", port, "root", password, directory / "socket", files.certificate, directory,
            process,
        )  # fmt: skip

    def connect(self, schema: str | None = None, **options: Any) -> pymysql.Connection[Any]:  # noqa: ANN401  PyMySQL's
        """Log in as `user` over TCP, autocommit on; `options` are PyMySQL's. Raises pymysql.MySQLError."""
        given = {"host": self.host, "port": self.port, "user": self.user, "password": self.password, **options}
        return pymysql.connect(database=schema, autocommit=True, **given)

    def create_schema(self, name: str) -> str:
        """Create an empty schema, in place of one of this name, and give its name. Raises pymysql.MySQLError."""
        quoted = name.replace("`", "``")
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{quoted}`")
            cursor.execute(f"CREATE DATABASE `{quoted}` CHARACTER SET utf8mb4")
        return name

    def stop(self) -> None:
        """End the server and remove its data. A second call does nothing."""
        supervise.end(self._process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class _Making:
    """What the making of a server needs: which, of what program, where, as whom, with which options."""

    flavour: Flavour
    program: Path
    directory: Path
    identity: Identity
    settings: dict[str, str]

    @property
    def _command(self) -> list[str | Path]:
        options = {**_OPTIONS, **_OWN_OPTIONS[self.flavour], **self.settings}
        return [
            self.program,
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--secure-file-priv={self.directory}",
            f"--tmpdir={self.directory / 'tmp'}",  # two servers of one machine may give files the same names
            *(f"--{name}={value}" for name, value in options.items()),
        ]

    def make(self, password: str) -> CertificateFiles:
        """Make the system tables, the first statements and the certificate. Raises ServerUnavailable."""
        for name in ("data", "tmp"):
            (self.directory / name).mkdir(mode=0o750)
            self.identity.take(self.directory / name)
        if self.flavour == "mysql":
            self._run([*self._command, "--initialize-insecure"])
        else:
            statements = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n"
            scripts = [path.read_text(encoding="utf-8") for path in self._scripts()]
            lines = "\n".join([statements, *scripts]).splitlines()
            text = "\n".join(line for line in lines if "@current_hostname" not in line)
            self._run([*self._command, "--bootstrap", "--max-allowed-packet=8M"], text)
        first = self.directory / "first.sql"
        first.touch(mode=0o600)
        first.write_text(
            f"ALTER USER root@localhost IDENTIFIED BY '{password}';\n"
            "DROP USER IF EXISTS root@'127.0.0.1', root@'::1';\n"
            f"CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n",
            encoding="ascii",
        )
        files = make_certificate(self.directory)
        for path in (first, files.certificate, files.key):
            self.identity.take(path)
        return files

    def _scripts(self) -> Iterator[Path]:
        told = self._run([self.program, "--no-defaults", "--verbose", "--help"])
        found = re.search(r"^character-sets-dir +(\S+)", told, re.MULTILINE)
        share = Path(found[1]).parent if found else Path("/usr/share/mysql")
        places = (share, share.parent / "mariadb", share.parent / "mysql")
        for name in _SQL:
            path = next((place / name for place in places if (place / name).is_file()), None)
            if path is None:
                raise ServerUnavailable(f"{name} of MariaDB is not in {share}; is its server package whole?")
            yield path

    def _run(self, command: Sequence[str | Path], text: str = "") -> str:
        try:
            done = subprocess.run(  # noqa: S603  our own arguments, no shell
                command,
                input=text,
                text=True,
                cwd=self.directory,
                env=_environment(self.directory),
                capture_output=True,
                check=True,
                timeout=START_SECONDS,
                user=self.identity.user,
                group=self.identity.group,
                extra_groups=self.identity.groups,
            )
        except (OSError, subprocess.SubprocessError) as error:
            told = (getattr(error, "stderr", None) or "").strip() or str(error)
            raise ServerUnavailable(f"{TITLES[self.flavour]} could not make its tables: {told[-2000:]}") from None
        return done.stdout

    def launch(
        self, port: int, password: str, files: CertificateFiles
    ) -> tuple[subprocess.Popen[bytes], tuple[int, int, int]]:
        """Start the server under its supervisor, wait for its first login, and read its version."""
        command = [
            *self._command,
            f"--port={port}",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            f"--init-file={self.directory / 'first.sql'}",
            f"--ssl-cert={files.certificate}",
            f"--ssl-key={files.key}",
        ]
        with tempfile.TemporaryFile() as log:
            process = supervise.start(
                command,
                stop_signal="TERM",  # an orderly shutdown of either server
                directory=self.directory,
                remove_directory=True,
                log=log,
                environment=_environment(self.directory),
                user=self.identity.user,
                group=self.identity.group,
            )
            for _ in ticks(START_SECONDS):
                if process.poll() is not None:
                    break
                version = _version(port, password)
                if version is not None:
                    return process, version
            supervise.end(process)
            raise ServerUnavailable(f"{TITLES[self.flavour]} did not start:\n{supervise.tail(log)}")


def _environment(directory: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": str(directory)}


def _version(port: int, password: str) -> tuple[int, int, int] | None:
    """Log in and give the server's version; None while nobody answers."""
    if not port_taken(port):
        return None
    try:
        with (
            pymysql.connect(host="127.0.0.1", port=port, user="root", password=password) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT VERSION()")
            numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", str((cursor.fetchone() or ("",))[0]))
    except pymysql.MySQLError:
        return None
    return (int(numbers[1]), int(numbers[2]), int(numbers[3])) if numbers else None
