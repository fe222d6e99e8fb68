"""MySQL Connector/Python, aiomysql, asyncmy and SQLAlchemy through Louver, on a real MySQL and a real MariaDB."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiomysql
import asyncmy
import mysql.connector
import pytest
import sqlalchemy as sa
from fixtures.mysql_house import MASKED, SCHEMA
from sqlalchemy import orm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.mysql_house import MySQLHouse


@pytest.fixture(autouse=True)
def _anew(mysql_house: MySQLHouse) -> Iterator[None]:
    """Leave the bank as it was."""
    yield
    mysql_house.build()


# -- MySQL Connector/Python ----------------------------------------------------------------------------------------------


def test_connector_reads_in_text_and_prepared(mysql_house: MySQLHouse) -> None:
    """Its text protocol and its prepared statements give the masked values, with the types of the columns."""
    with mysql.connector.connect(**mysql_house.arguments("tina")) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, phone FROM customers ORDER BY id")
            assert tuple(cursor.fetchall()) == MASKED
        with connection.cursor(prepared=True) as cursor:
            query = "SELECT name, phone, balance, born FROM customers WHERE id = %s"
            for _ in range(2):  # prepared once, run twice
                cursor.execute(query, (2,))
                assert cursor.fetchall() == [("李娜", "139****4321", Decimal(100000), dt.date(1990, 5, 6))]
            cursor.execute(query, (3,))
            assert cursor.fetchall() == [("Tom", None, None, None)]


def test_connector_sends_texts_of_several_packets(mysql_house: MySQLHouse) -> None:
    """As a statement and prepared, for who sees everything."""
    with mysql_house.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SET GLOBAL max_allowed_packet = {2**26}")
    size = 2**25
    with mysql.connector.connect(**mysql_house.arguments("anna")) as connection:
        for prepared in (False, True):
            with connection.cursor(prepared=prepared) as cursor:
                cursor.execute(f"SELECT length('{'x' * size}') + %s, phone FROM customers WHERE id = %s", (1, 1))
                assert [tuple(row) for row in cursor.fetchall()] == [(size + 1, "13812345678")]


def test_connector_writes_prepared(mysql_house: MySQLHouse) -> None:
    """A masked value that is written back by a prepared statement changes nothing, and what stands beside it is written."""
    with mysql.connector.connect(**mysql_house.arguments("tina")) as connection:
        with connection.cursor(prepared=True) as cursor:
            query = "UPDATE customers SET phone = %s, name = %s WHERE id = %s"
            cursor.executemany(query, [("138****5678", "a", 1), ("139****4321", "b", 2)])
        connection.commit()
    assert mysql_house.real("SELECT name, phone FROM customers WHERE id < 3 ORDER BY id") == (
        ("a", "13812345678"),
        ("b", "13987654321"),
    )


def test_connector_takes_several_results(mysql_house: MySQLHouse) -> None:
    """Each of several statements in one text is ruled, and each answer comes."""
    with (
        mysql.connector.connect(**mysql_house.arguments("tina")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT phone FROM customers WHERE id = 1; SELECT count(*) FROM customers", map_results=True)
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
        assert [rows for rows in found if rows] == [[("138****5678",)], [(3,)]]


def test_connector_resets_its_session(mysql_house: MySQLHouse) -> None:
    """After a reset the session is as new: variables are gone, and columns are masked all the same."""
    with mysql.connector.connect(**mysql_house.arguments("tina")) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET @x = 1")
        connection.reset_session()
        with connection.cursor() as cursor:
            cursor.execute("SELECT @x, phone FROM customers WHERE id = 1")
            assert cursor.fetchall() == [(None, "138****5678")]


# -- aiomysql and asyncmy ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", [aiomysql, asyncmy], ids=["aiomysql", "asyncmy"])
async def test_asynchronous_drivers_read(mysql_house: MySQLHouse, driver: Any) -> None:
    """A pool's sessions give the masked values to one, the real ones to the other."""
    seen = {}
    for user in ("tina", "anna"):
        given = mysql_house.arguments(user)
        given["db"] = given.pop("database")
        async with (
            driver.create_pool(**given, maxsize=2) as pool,
            pool.acquire() as connection,
            connection.cursor() as cursor,
        ):
            await cursor.execute("SELECT phone FROM customers WHERE id = %s", (1,))
            seen[user] = await cursor.fetchone()
    assert seen == {"tina": ("138****5678",), "anna": ("13812345678",)}


# -- SQLAlchemy ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["pymysql", "mysqlconnector"])
def engine(request: pytest.FixtureRequest, mysql_house: MySQLHouse) -> Iterator[sa.Engine]:
    """An engine of a masked caller."""
    port, password = mysql_house.louver.port, mysql_house.louver.passwords["tina"]
    url = sa.URL.create(f"mysql+{request.param}", "tina", password, "127.0.0.1", port, SCHEMA)
    made = sa.create_engine(url)
    yield made
    made.dispose()


def test_sqlalchemy_reflects_and_selects(engine: sa.Engine) -> None:
    """Tables and views are found with their columns, and queries over them are masked."""
    metadata = sa.MetaData()
    metadata.reflect(engine, views=True)
    assert {"customers", "callable"} <= set(metadata.tables)
    customers = metadata.tables["customers"]
    assert isinstance(customers.c.phone.type, sa.VARCHAR)
    assert [index.name for index in customers.indexes] == ["phone"]
    with engine.connect() as connection:
        rows = connection.execute(sa.select(customers.c.id, customers.c.phone).order_by(customers.c.id))
        assert tuple(map(tuple, rows)) == MASKED
        counted = sa.select(sa.func.count()).where(customers.c.phone.like("139%"))
        assert connection.scalar(counted) == 1


def test_sqlalchemy_saves_what_it_has_read(engine: sa.Engine, mysql_house: MySQLHouse) -> None:
    """An object that is read masked, changed elsewhere and saved whole leaves the hidden value as it was."""

    class Base(orm.DeclarativeBase):
        pass

    class Customer(Base):
        __tablename__ = "customers"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        name: orm.Mapped[str | None] = orm.mapped_column(sa.String(40))
        phone: orm.Mapped[str | None] = orm.mapped_column(sa.String(20))

    with orm.Session(engine) as session:
        customer = session.get_one(Customer, 1)
        assert customer.phone == "138****5678"
        customer.name = "Zhang"
        orm.attributes.flag_modified(customer, "phone")
        session.commit()
        session.add(Customer(id=9, name="new", phone="13000000000"))
        session.commit()
    assert mysql_house.real("SELECT id, name, phone FROM customers WHERE id IN (1, 9) ORDER BY id") == (
        (1, "Zhang", "13812345678"),
        (9, "new", "13000000000"),
    )
