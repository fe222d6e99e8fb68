"""What the tests of policies share: callers, sessions and a small database."""

import datetime as dt

import pytest

from policies.model import ColumnName, Principal, Session


@pytest.fixture
def session():
    return Session("bank", "10.1.2.3", "psql", "app", False, dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC))


@pytest.fixture
def teller():
    return Principal("tina", {"roles": ("teller",), "region": "East", "clearance": 2})


@pytest.fixture
def manager():
    return Principal("mona", {"roles": ("manager",), "region": "East"})


@pytest.fixture
def columns():
    """The labelled columns of a bank, by the names of its tables and columns."""
    names = ("customers.name", "customers.phone", "customers.id_card", "employees.salary")
    return {name: ColumnName("public", *name.split(".")) for name in names}
