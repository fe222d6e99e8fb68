"""Django with mysqlclient through Louver, on a real MySQL and a real MariaDB.

What it does is written in programs/site_of_django.py, which runs once for each server; the tests look at the parts of its answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from brought import drivers

if TYPE_CHECKING:
    from fixtures.mysql_house import MySQLHouse

PROGRAM = Path(__file__).parent / "programs/site_of_django.py"


@pytest.fixture(scope="module")
def answer(mysqldb: ModuleType, mysql_bank: MySQLHouse) -> dict[str, Any]:
    """Give the result of each part, as a masked caller."""
    target = {**mysql_bank.arguments("tina"), "authority": str(mysql_bank.certificate)}
    environment = {**os.environ, "LOUVER_TARGET": json.dumps(target), "PYTHONPATH": str(drivers.MYSQLCLIENT)}
    done = subprocess.run(
        [sys.executable, PROGRAM], env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_reading(answer: dict[str, Any]) -> None:
    """Whatever the ORM makes of a query, it is answered over what the caller sees."""
    assert answer["reads"] == {
        "rows": [
            [1, "Zhang Wei", "138****5678", "1000.00", "1980-01-02"],
            [2, "李娜", "139****4321", "100000.00", "1990-05-06"],
            [3, "Tom", None, None, None],
        ],
        "object": ["138****5678", "1000.00", "1980-01-02"],
        "filtered": [0, 1, 1, 3, True, 2, 1],
        "computed": [
            [11, "138", "Zhang Wei/138****5678", "some", "1980-01-01", "139****4321"],
            [11, "139", "李娜/139****4321", "some", "1990-01-01", None],
            [None, None, "Tom/", "none", None, None],
        ],
        "counted": {"phone__count": 2, "phone__max": "139****4321", "balance__avg": "50500.000000"},
        "grouped": [[None, 1], ["138****5678", 1], ["139****4321", 1]],
        "ranked": [[1, "139****4321"], [2, "138****5678"], [3, None]],
        "distinct": 3,
        "united": [["138****5678"], ["139****4321"]],
        "raw": ["138****5678", "139****4321"],
        "streamed": ["138****5678", "139****4321", None],
        "bulk": ["", "138****5678", "139****4321"],
        "deferred": "139****4321",
    }


def test_writing(answer: dict[str, Any], mysql_bank: MySQLHouse) -> None:
    """Objects that were read masked are saved whole, and the hidden values stay as they are."""
    assert answer["writes"] == {
        "saved": [["Zhang", "138****5678", "1000.00"]],
        "joined": [["of 139****4321", "139****4321"]],
        "prefetched": [["139****4321", "of 139****4321"]],
        "many": 50,
        "made": {"id__count": 50, "phone__max": "138****1049"},
        "updated": 50,
        "got": [True, False, False],
        "rolled back": 2,
        "deleted": [2, 50],
    }
    (saved,) = mysql_bank.real("SELECT name, phone, balance FROM customers WHERE id = 1")
    assert saved == ("Zhang Wei", "13812345678", Decimal("1234.56"))


def test_errors(answer: dict[str, Any]) -> None:
    """Each has its class and its number, within a transaction that goes on."""
    assert answer["errors"] == [
        [
            ["IntegrityError", 1062],
            ["IntegrityError", 1452],
            ["IntegrityError", 1690],
            ["OperationalError", 1054],
            ["ProgrammingError", 1064],
        ],
        3,
    ]


def test_introspection(answer: dict[str, Any]) -> None:
    """`inspectdb` writes the models of the tables, with their keys."""
    found = answer["introspects"]
    assert found["models"] == [
        "class Customers(models.Model):",
        "id = models.IntegerField(primary_key=True)",
        "name = models.CharField(max_length=40, blank=True, null=True)",
        "phone = models.CharField(max_length=20, blank=True, null=True)",
        "balance = models.DecimalField(max_digits=12, decimal_places=2, blank=True, null=True)",
        "born = models.DateField(blank=True, null=True)",
        "class Notes(models.Model):",
        "customer = models.OneToOneField(Customers, models.DO_NOTHING, db_column='customer')",
        "body = models.TextField(blank=True, null=True)",
    ]
    assert found["names"] == ["callable", "customers", "kinds", "notes"]
    assert found["constraints"] == ["PRIMARY", "of_customer", "one_each"]
    assert found["relations"] == {"customer": ["id", "customers"]}
    assert found["columns"] == [["id", 3], ["name", 253], ["phone", 253], ["balance", 246], ["born", 10]]


def test_procedures(answer: dict[str, Any], mysql_bank: MySQLHouse) -> None:
    """A procedure gives its result and its parameter; the server is known for what it is."""
    assert answer["calls"] == [[[[21]], [[42]]], mysql_bank.server.flavour == "mariadb", True, True]


def test_migrations(answer: dict[str, Any]) -> None:
    """A masked caller may make tables of his own by migrations, and use them."""
    assert answer["migrates"] == [[["ann", "ann@example.org"]], True, False]
