"""JDBC with MariaDB's driver through Louver, on a real MySQL and a real MariaDB.

What it does is written in programs/Jdbc.java, which runs once for each server; the tests look at the parts of its answer.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from brought import drivers

if TYPE_CHECKING:
    from fixtures.mysql_house import MySQLHouse

PROGRAM = Path(__file__).parent / "programs/Jdbc.java"
FIRST = '1, 138****5678, 1000.00, -7, 18446744073709551615, 1.5, naïve 李, 00ff27, {"a": [1, null]}, b, x,y, '
ROWS = f"[[{FIRST}2026-11-22 01:02:03.000456, 1980-01-02, 12:34:56, 1999-01-01, 02aa], [2{', null' * 15}]]"
MASKED = "[[1, 138****5678], [2, 139****4321], [3, null]]"


@pytest.fixture(scope="module")
def answer(java: str, mysql_bank: MySQLHouse) -> dict[str, str]:
    """Give the result of each part, as a masked caller over TLS."""
    mysql_bank.ask("tina", "SELECT 1 FROM customers")  # has the catalog read before the driver's time runs
    given = mysql_bank.arguments("tina")
    target = [str(given[name]) for name in ("host", "port", "user", "password", "database")]
    command = [java, "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", str(drivers.JAVA), str(PROGRAM), *target]
    # a machine with other work to do may take longer than the driver's half minute for a connection
    tls = f"useSsl=true&serverSslCert={mysql_bank.certificate}&connectTimeout=90000"
    done = subprocess.run([*command, tls], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


_FOUND = "[], [[1]], [], [[00FF27, 1.50, q'\\]]"
PARTS = {
    "tls": "[[138****5678]]",
    "wrong password": "1045/28000/SQLInvalidAuthorizationSpecException",
    "types": ROWS,
    "types, prepared": ROWS,
    "parameters": f"[{_FOUND}, {_FOUND}]",
    "transactions": "[[first], [0], true]",
    "keys": "[1, 1, 1]",
    "several": "[[[138****5678]], 0, [[2]]]",
    "procedure": "[[[21]], 42]",
    "large": "[1, true, 138****5678]",
    "streamed": f"[{MASKED}, 2, {MASKED}, 2]",
    "limits": "[[138****5678], [[1, 138****5678]]]",
    "cancelled": "[true, [[1]], true]",
    "files": "[2, 1142]",
    "scrolled": "[3, 138****5678]",
    "tables": "[customers, kinds, notes, callable]",
    "columns": "[id INT 10 NO, name VARCHAR 40 YES, phone VARCHAR 20 YES, balance DECIMAL 12 YES, born DATE 10 YES]",
    "constraints": "[id, PRIMARY id, phone phone, of_customer customers, notes, twice, n, doubled]",
    "server": "[here, words]",
    "session": "[information_schema, true, 1292]",
}
"""What each part answers; the text of Java."""


@pytest.mark.parametrize("part", PARTS)
def test_parts(answer: dict[str, str], part: str) -> None:
    """Statements, values, results, sessions and metadata, in the ways that the driver has for them."""
    assert answer[part] == PARTS[part]


@pytest.mark.parametrize(
    "way",
    [
        "rewriteBatchedStatements=true",
        "useBatchMultiSend=true",
        "useBulkStmts=true&useServerPrepStmts=true",
        "useServerPrepStmts=true",
    ],
)
def test_batches(answer: dict[str, str], way: str) -> None:
    """Many rows at once: written into one text, sent ahead, by MariaDB's bulk command, one by one."""
    assert answer[f"batch, {way}"] == "[[[300, 138****1000, name 98]], [[3]], 300]"


def test_errors(answer: dict[str, str]) -> None:
    """Mistakes and refusals have their numbers and classes, as text and prepared."""
    expected = ["1054/42S22/SQLSyntaxErrorException", "1064/42000/SQLSyntaxErrorException"]
    expected += ["1062/23000/SQLIntegrityConstraintViolationException", "1142/42000/SQLSyntaxErrorException"]
    expected += ["1690/22003/SQLSyntaxErrorException"]
    assert answer["errors"] == f"[{', '.join(each for each in expected for _ in range(2))}]"


def test_columns_are_described(answer: dict[str, str]) -> None:
    """Names, types and sizes of a result's columns are those of the table's."""
    described = answer["described"]
    assert described.startswith("[id id customers, p phone customers, id INTEGER 11 kinds, phone VARCHAR 20 ")
    assert "balance DECIMAL 12 " in described
    assert described.endswith("clock TIME 14 kinds, yr YEAR 4 kinds, bits BIT 10 kinds]")


def test_pools(answer: dict[str, str], mysql_bank: MySQLHouse) -> None:
    """A session comes back from the pool as new on MariaDB, where the driver resets it."""
    held = "null" if mysql_bank.server.flavour == "mariadb" else "1"
    assert answer["pool"] == f"[[[null, 138****5678]], [[{held}, 138****5678]], [[{held}, 138****5678]]]"
