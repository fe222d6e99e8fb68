"""The annex of the demo: the same bank on a MySQL or a MariaDB of this machine, and a second Louver in front of it.

Owns its stage and its scene. Where neither server is installed there is no annex, and the demo says so.
May not do: print.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import tempfile
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import pymysql

from louver.demo import supervise
from louver.demo.configuration import DATABASE, Place, mysql_service_account_sql, write_configuration
from louver.demo.host import free_port
from louver.demo.mysql import TITLES, Flavour, LocalMySQL, find
from louver.demo.stage import private_directory, wait_for
from louver.demo.tour import Answer, Scene, Step, faults, same_question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from louver.demo.bank import Bank

_TABLES = ("employees", "customers", "accounts")
_SECONDS = 10  # each step takes a fraction of a second


@dataclass(frozen=True, slots=True)
class Annex:
    """The running annex. `passwords` are the people's, by user."""

    server: LocalMySQL
    directory: Path
    port: int
    passwords: Mapping[str, str]

    @property
    def title(self) -> str:
        """The name and the version of the server."""
        return f"{TITLES[self.server.flavour]} {'.'.join(map(str, self.server.version))}"

    def command(self, user: str) -> str:
        """What `user` types to come in through Louver."""
        return f"mysql -h 127.0.0.1 -P {self.port} -u {user} --password='{self.passwords[user]}' {DATABASE}"


def installed() -> tuple[Flavour, Path] | None:
    """Return which server there is on this machine, and its program."""
    flavours: tuple[Flavour, ...] = ("mariadb", "mysql")
    return next(((flavour, found) for flavour in flavours if (found := find(flavour)) is not None), None)


@contextlib.contextmanager
def open_annex(bank: Bank, flavour: Flavour, program: Path) -> Iterator[Annex]:
    """Start the server, fill the bank, start a Louver in front of it.

    Raises louver.demo.host.ServerUnavailable, louver.demo.stage.StageError and pymysql.MySQLError.
    """
    with (
        LocalMySQL.start(flavour, program) as server,
        private_directory() as directory,
        tempfile.TemporaryFile() as log,
    ):
        service_password = secrets.token_urlsafe(16)
        _fill(server, bank, service_password)
        port = free_port()
        tls = f"{{mode: verify-full, ca: {server.certificate}}}"
        place = Place("127.0.0.1", port, server.host, server.port, tls, protocol="mysql")
        passwords = write_configuration(directory, place, service_password)
        process = supervise.start(
            [sys.executable, "-m", "louver", "serve", "--config", directory / "louver.yaml"],
            stop_signal="TERM",
            directory=directory,
            remove_directory=True,
            log=log,
        )
        try:
            wait_for(process, port, log)
            yield Annex(server, directory, port, passwords)
        finally:
            supervise.end(process)


def _fill(server: LocalMySQL, bank: Bank, service_password: str) -> None:
    """Make the tables and the account of Louver itself, and fill the rows in."""
    server.create_schema(DATABASE)
    script = resources.files("louver.demo").joinpath("bank_mysql.sql").read_text(encoding="utf-8")
    with server.connect(DATABASE, charset="utf8mb4") as connection, connection.cursor() as cursor:
        for statement in (*script.split(";\n"), *mysql_service_account_sql(service_password)):
            if statement.strip():
                cursor.execute(statement)
        for table in _TABLES:
            rows = getattr(bank, table)
            cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)  # noqa: S608  our own bank


def scene(bank: Bank, annex: Annex) -> Scene:
    """Return the annex's scene: the question of the tour, on the other database."""
    question = same_question(bank)
    return Scene(
        f"The same bank on {annex.title}",
        "Another database, another protocol, the same policies: each person sees what they saw before.",
        question.steps,
        question.sql,
    )


def perform(annex: Annex, scene: Scene) -> Iterator[Answer]:
    """Run the steps of a scene one after the other."""
    for step in scene.steps:
        status, text = _run(annex, step)
        yield Answer(step, f"mysql as {step.user}", text, tuple(faults(step, text, status)))


def _run(annex: Annex, step: Step) -> tuple[int, str]:
    """Run a statement as a person; return 0 with the rows, or 1 with the error."""
    place: dict[str, Any] = {"host": "127.0.0.1", "port": annex.port, "database": DATABASE, "charset": "utf8mb4"}
    try:
        with (
            pymysql.connect(
                user=step.user, password=annex.passwords[step.user], read_timeout=_SECONDS, **place
            ) as session,
            session.cursor() as cursor,
        ):
            cursor.execute(step.sql)
            names = [str(column[0]) for column in cursor.description or ()]
            return 0, _records(names, list(cursor.fetchall()))
    except pymysql.MySQLError as error:
        return 1, f"ERROR {error.args[0]}: {error.args[-1]}"


def _records(names: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Write rows one below the other, as clients do with rows that are too wide."""
    width = max(map(len, names), default=0)
    blocks = (
        [f"{f' {number}. row ':*^40}", *(f"{name:>{width}}: {value}" for name, value in zip(names, row, strict=True))]
        for number, row in enumerate(rows, 1)
    )
    return "\n".join(line for block in blocks for line in block)
