"""The twins and the masked world on one server, with a Louver before it for the clerk.

Owns the making of the three schemas and the ways into them. The rows and the policies are those of the fixed statements' twins.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
from fixtures.louver import running_louver
from fixtures.mysql_twins import FOLDER, WORLDS, fill
from noninterference.generated.mysql.check import Caller
from noninterference.generated.mysql.wire import Wire

from louver.demo.mysql import LocalMySQL
from louver.secret import load_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import Flavour

SCHEMAS = {world: f"twin_{world}" for world in WORLDS}
_SECONDS = 2
_TIMEOUT = 8.0
SETTINGS: dict[Flavour, dict[str, str]] = {
    "mysql": {"max-execution-time": f"{_SECONDS}000"},
    "mariadb": {"max-statement-time": f"{_SECONDS}"},
}
"""Of the servers: no statement takes longer, and no statistics are gathered meanwhile, for plans follow them."""
_UNLIMITED: dict[Flavour, str] = {
    "mysql": "SET SESSION max_execution_time = 0",
    "mariadb": "SET SESSION max_statement_time = 0",
}

_COMMON = {"default-time-zone": "+00:00", "innodb-stats-auto-recalc": "OFF", "innodb-lock-wait-timeout": "2"}
_CLIENT_MULTI_STATEMENTS = 1 << 16
_MODE = "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION"


@contextlib.contextmanager
def worlds(flavour: Flavour, program: Path) -> Iterator[Caller]:
    """Start a server of `program` with all worlds and a Louver; give the clerk, who comes into each of them."""
    with (
        LocalMySQL.start(flavour, program, settings={**_COMMON, **SETTINGS[flavour], "sql-mode": _MODE}) as server,
        _louver(server) as louver,
    ):
        secret = load_secret(louver.directory / "secret")
        for world, schema in SCHEMAS.items():
            fill(server, schema, world, secret)
        _tidy(server)
        caller = Caller("clerk", lambda world: _wire(server, louver, world), lambda: _tidy(server), flavour)
        try:
            yield caller
        finally:
            caller.close()


def _louver(server: LocalMySQL) -> contextlib.AbstractContextManager[RunningLouver]:
    policies = (FOLDER / "policies.yaml").read_text()
    users = {"clerk": {"role": "clerk", "city": "Oslo"}}
    return running_louver(server, policies=policies, users=users, protocol="mysql")


def _wire(server: LocalMySQL, louver: RunningLouver, world: str) -> Wire:
    """The masked world is asked directly, by somebody who may do everything."""
    place = (server.port, server.user, server.password)
    port, user, password = place if world == "m" else (louver.port, "clerk", louver.passwords["clerk"])
    return Wire(
        pymysql.connect(
            host="127.0.0.1", port=port, user=user, password=password, database=SCHEMAS[world], charset="utf8mb4",
            client_flag=_CLIENT_MULTI_STATEMENTS, autocommit=None, read_timeout=_TIMEOUT,
        )
    )  # fmt: skip


def _tidy(server: LocalMySQL) -> None:
    """Make alike what a rollback leaves behind, the number of the next row, and the number of pages that plans are made for.

    A plan decides how often a warning comes, and it follows the size of what is hidden; plans are not what is tested here.
    """
    for schema in SCHEMAS.values():
        with server.connect(schema) as connection, connection.cursor() as cursor:
            cursor.execute(_UNLIMITED[server.flavour])
            cursor.execute("UPDATE people SET note = left(note, 20 + id)")
            cursor.execute("ALTER TABLE log AUTO_INCREMENT = 1")
            cursor.execute("DROP VIEW IF EXISTS seen")
            for table in ("people", "accounts", "events", "cards", "members", "orders", "log", "guess", "secrets"):
                cursor.execute(f"ALTER TABLE {table} ENGINE=InnoDB")
