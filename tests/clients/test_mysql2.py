"""mysql2, the driver of Node's applications, through Louver, on a real MySQL and a real MariaDB.

What it does is written in programs/mysql2.mjs, which runs once for each server; the tests look at the parts of its answer.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from brought import drivers
from fixtures.mysql_house import MASKED

if TYPE_CHECKING:
    from fixtures.mysql_house import MySQLHouse

PROGRAM = Path(__file__).parent / "programs/mysql2.mjs"


@pytest.fixture(scope="module")
def answer(node: str, mysql_bank: MySQLHouse) -> dict[str, Any]:
    """Give the result of each part, as a masked caller."""
    target = {
        **mysql_bank.arguments("tina"),
        "auditor": mysql_bank.arguments("anna"),
        "authority": str(mysql_bank.certificate),
        "modules": str(drivers.NODE),
    }
    environment = {**os.environ, "LOUVER_TARGET": json.dumps(target)}
    done = subprocess.run([node, PROGRAM], env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_logins(answer: dict[str, Any]) -> None:
    """It comes in with TLS and without, and not with a wrong password."""
    assert answer["logins"] == [True, False, "138****5678", "138****5678", 1045]


def test_values_of_every_type(answer: dict[str, Any]) -> None:
    """Text and prepared statements give the same, hidden columns masked, each with its type."""
    first = [
        *(
            1,
            "138****5678",
            "1000.00",
            -7,
            "18446744073709551615",
            1.5,
            "naïve 李",
            {"type": "Buffer", "data": [0, 255, 39]},
        ),
        *({"a": [1, None]}, "b", "x,y", "2026-11-22T01:02:03.000Z", "1980-01-02T00:00:00.000Z", "-12:34:56.789", 1999),
        {"type": "Buffer", "data": [2, 170]},
    ]
    assert answer["prepared"] == [first, [2, *[None] * 15]]
    text = answer["text"]
    assert text["rows"] == answer["prepared"]
    assert text["names"][:3] == ["id", "phone", "balance"]
    json_type = {245, 252}  # of MySQL, and of MariaDB, where it is a text
    assert text["types"].pop(8) in json_type
    assert text["types"] == [3, 253, 246, 1, 8, 5, 252, 253, 254, 254, 12, 10, 11, 13, 16]


def test_parameters(answer: dict[str, Any]) -> None:
    """Placeholders by place and by name, put into the text or sent beside it, meet what the caller sees."""
    assert answer["parameters"] == {
        "found": [[], [[1]], []],
        "named": [["x", 2, "x"]],
        "twice": [[["Zhang Wei", "138****5678"]], [["李娜", "139****4321"]]],
        "text": [["00FF27", "2026-11-22 01:02:03.456", 1, '{"a":1}', "q'\\"]],
        "nested": [{"c": {"id": 1, "p": "138****5678"}}],
    }


def test_transactions(answer: dict[str, Any]) -> None:
    """What is rolled back is gone; counts and ids of an insert are told."""
    assert answer["transactions"] == {"seen": [1, 0, 1], "affected": 1, "id": True}


def test_errors(answer: dict[str, Any]) -> None:
    """Mistakes and refusals have their numbers, as text and prepared, and the session goes on."""
    expected = [
        ["ER_BAD_FIELD_ERROR", 1054, "42S22"],
        ["ER_PARSE_ERROR", 1064, "42000"],
        ["ER_DUP_ENTRY", 1062, "23000"],
        ["ER_TABLEACCESS_DENIED_ERROR", 1142, "42000"],
        ["ER_DATA_OUT_OF_RANGE", 1690, "22003"],
    ]
    assert answer["errors"] == {"told": [each for each in expected for _ in range(2)], "after": [[1]]}


def test_several_results(answer: dict[str, Any]) -> None:
    """Several statements in one text, and a procedure."""
    assert answer["several"] == [[[["138****5678"]], 0, [[2]]], [[21]], [[42]]]


def test_values_larger_than_a_packet(answer: dict[str, Any]) -> None:
    """A parameter of more than 16 MiB is stored, and comes back, prepared and as text, beside a masked value."""
    assert answer["large"] == [0, True, "138****5678"] * 2


def test_texts_larger_than_a_packet(answer: dict[str, Any]) -> None:
    """A text of more than 16 MiB runs, and is prepared, for who sees everything; for who does not it is refused."""
    assert answer["long"] == [[[2**24 + 1000, "13812345678"]], [[2**24 + 1000, "13812345678"]], 1142, "138****5678"]


def test_streams(answer: dict[str, Any]) -> None:
    """Rows are taken one by one, of a text and of a prepared statement."""
    assert tuple(map(tuple, answer["streamed"])) == (*MASKED, *MASKED[1:])


def test_files_of_the_client(answer: dict[str, Any]) -> None:
    """A stream is loaded into a table that is not protected, and into none that is."""
    assert answer["files"] == [2, 1142]


def test_pools(answer: dict[str, Any]) -> None:
    """A pool's sessions serve one query after the other; a reset clears what a session held."""
    assert answer["pooled"] == {"found": ["138****5678", "139****4321"] * 2, "reset": [[None]]}


def test_many_rows_at_once(answer: dict[str, Any]) -> None:
    """Two hundred rows in one statement."""
    assert answer["many"] == [200, [[200, "138****1000"]], 200]
