"""Under each example policy: twins of the bank answer alike to each person, on each server, and as the person's masked world does."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from brought.__main__ import PLACE
from fixtures.louver import RunningLouver, running_louver
from noninterference import examples
from noninterference.examples import BANK, COLUMNS, PEOPLE, Person, masked_rows, real_rows, twin_rows
from noninterference.generated.check import Caller as PostgresCaller
from noninterference.generated.choices import Choices
from noninterference.generated.mysql import scope as mysql_scope
from noninterference.generated.mysql.check import Caller as MySQLCaller
from noninterference.generated.mysql.queries import Queries
from noninterference.generated.mysql.statements import Statement as MySQLStatement
from noninterference.generated.mysql.statements import Step
from noninterference.generated.mysql.wire import Wire as MySQLWire
from noninterference.generated.mysql.worlds import SETTINGS as MYSQL_SETTINGS
from noninterference.generated.scope import EXAMPLES
from noninterference.generated.statements import Statement, draw
from noninterference.generated.worlds import SETTINGS
from noninterference.wire import Wire, query

from louver.demo.mysql import TITLES, LocalMySQL, find
from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noninterference.examples import Rows

    from louver.demo.mysql import Flavour

STATEMENTS = (Path(__file__).parent / "examples.sql").read_text(encoding="utf-8").splitlines()
AFTER = tuple(f"SELECT * FROM {table} ORDER BY id" for table in COLUMNS)
NUMBER, SEED = int(os.environ.get("LOUVER_FUZZ_N", "12")), os.environ.get("LOUVER_FUZZ_SEED", "3")
"""Statements generated for each person on each server."""
ANNA = Person("roles", "anna", PEOPLE[0].shown)
"""Sees everything, here in the twins of somebody who does not."""
SCENES = sorted({person.scene for person in PEOPLE})
MULTI = pymysql.constants.CLIENT.MULTI_STATEMENTS


def test_the_people_are_those_of_the_scenes() -> None:
    """Who is added to an example is added here, but for those who see what another does, or all, or have some rows only.

    Rows that are filtered away are those of tests/bypass/test_filters.py.
    """
    assert sorted(path.name.removesuffix(".test.yaml") for path in BANK.glob("*.test.yaml")) == SCENES
    known = {(person.scene, person.user) for person in PEOPLE}
    unheard = {(scene, name) for scene in SCENES for name in examples.users(scene)} - known
    filtered = {("regions", "tina"), ("regions", "wei"), ("regions", "temp")}
    assert unheard == {("roles", "anna"), ("approval", "carl"), ("speaking", "teller-23"), ("wealth", "sue")} | filtered


@pytest.mark.parametrize("person", PEOPLE, ids=str)
def test_twins_differ_in_what_is_hidden_only(person: Person) -> None:
    """The twin holds other values, and the same masked world."""
    rows = real_rows()
    twin = twin_rows(rows, person)
    assert masked_rows(twin, person) == masked_rows(rows, person)
    differ = {name for table in rows for one, two in zip(rows[table], twin[table], strict=True) for name in one if one[name] != two[name]}  # fmt: skip
    assert differ == {name for name, shown in person.shown.items() if shown.mask != "clear"}


def worlds(person: Person) -> dict[str, Rows]:
    """The rows of the three worlds."""
    rows = real_rows()
    return {"a": rows, "b": twin_rows(rows, person), "m": masked_rows(rows, person)}


def insertions(rows: Rows) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """What empties and fills the tables."""
    for table, each in rows.items():
        yield f"TRUNCATE TABLE {table}", []  # what is deleted leaves room, and where rows then go follows their sizes
        marks = ", ".join(["%s"] * len(COLUMNS[table]))
        yield f"INSERT INTO {table} VALUES ({marks})", [tuple(row[name] for name in COLUMNS[table]) for row in each]


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[LocalPostgres]:
    """Give a server with three databases of the bank."""
    with LocalPostgres.start(settings=SETTINGS) as server:
        server.create_database("bank_a")
        server.run_sql((BANK / "bank.sql").read_text(encoding="utf-8"), "bank_a")
        for world in "bm":  # copies have the same OIDs
            server.run_sql(f"CREATE DATABASE bank_{world} TEMPLATE bank_a")
        yield server


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def mysql_server(request: pytest.FixtureRequest) -> Iterator[LocalMySQL]:
    """Give one server after the other with three schemas of the bank."""
    flavour: Flavour = request.param
    program = find(flavour, PLACE)
    if program is None:
        pytest.fail(f"these tests need a {TITLES[flavour]} server: `make servers` fetches one", pytrace=False)
    with LocalMySQL.start(flavour, program, settings=MYSQL_SETTINGS[flavour]) as server:
        for world in "abm":
            server.create_schema(f"twin_{world}")
            with server.connect(f"twin_{world}", client_flag=MULTI) as connection, connection.cursor() as cursor:
                cursor.execute((BANK / "bank.sql").read_text(encoding="utf-8"))
        yield server


@pytest.mark.parametrize("scene", SCENES)
def test_twins_answer_alike_on_postgresql(
    postgres_server: LocalPostgres, scene: str, subtests: pytest.Subtests
) -> None:
    """Whatever a person sends, by whatever way, tells nothing of what the policies of the scene hide from him."""
    with running_louver(
        postgres_server, policies=examples.policies(scene), users=examples.users(scene), notices=False
    ) as louver:
        for person in (each for each in PEOPLE if each.scene == scene):
            with subtests.test(person=str(person)):
                fill_postgres(postgres_server, person)
                caller = postgres_caller(postgres_server, louver, person)
                try:
                    made = [draw(random.Random(f"{SEED}:{person}:{n}"), EXAMPLES)[0] for n in range(NUMBER)]
                    ask_all(caller, [*map(written, STATEMENTS), *made], person)
                finally:
                    caller.close()


def test_a_difference_is_noticed_on_postgresql(postgres_server: LocalPostgres) -> None:
    """The check is no formality: who sees everything is answered differently by the twins."""
    with running_louver(postgres_server, policies=examples.policies("roles"), users=examples.users("roles")) as louver:
        fill_postgres(postgres_server, ANNA)
        caller = postgres_caller(postgres_server, louver, ANNA)
        outcomes = {caller.ask(written(text)).outcome for text in STATEMENTS[:3]}
        caller.close()
    assert outcomes == {"differs"}


def written(text: str) -> Statement:
    """A fixed statement; what a write leaves is read after it, in one transaction."""
    if text.startswith(("SELECT", "WITH")):
        return Statement((text,), risky=True)
    return Statement((text, *AFTER), "twins", risky=True)


def fill_postgres(server: LocalPostgres, person: Person) -> None:
    """Make the worlds those of a person."""
    for world, rows in worlds(person).items():
        with psycopg.connect(server.dsn(f"bank_{world}")) as connection:
            for text, values in insertions(rows):
                connection.cursor().executemany(text, values) if values else connection.execute(text)


def postgres_caller(server: LocalPostgres, louver: RunningLouver, person: Person) -> PostgresCaller:
    """The person's way into the twins, and the way into the masked world."""

    def open_wire(world: str, user: str) -> Wire:
        wire = Wire(server.dsn("bank_m") if world == "m" else louver.dsn(user, database=f"bank_{world}"))
        if person.purpose and world != "m":
            assert not wire.ask(query(f"SET louver.purpose = '{person.purpose}'")).errors
        return wire

    def tidy(_: str) -> None:
        for world in "abm":
            server.run_sql("VACUUM FULL", f"bank_{world}")

    return PostgresCaller(person.user, open_wire, tidy)


@pytest.mark.parametrize("scene", SCENES)
def test_twins_answer_alike_on_mysql(mysql_server: LocalMySQL, scene: str, subtests: pytest.Subtests) -> None:
    """The same under the same policies on MySQL and MariaDB, by texts and prepared."""
    with running_louver(
        mysql_server, policies=examples.policies(scene), users=examples.users(scene), notices=False, protocol="mysql"
    ) as louver:
        for person in (each for each in PEOPLE if each.scene == scene):
            with subtests.test(person=str(person)):
                fill_mysql(mysql_server, person)
                caller = mysql_caller(mysql_server, louver, person)
                try:
                    made = [mysql_made(person, number, mysql_server.flavour) for number in range(NUMBER)]
                    ask_all(caller, [*map(mysql_written, STATEMENTS), *made], person)
                finally:
                    caller.close()


def test_a_difference_is_noticed_on_mysql(mysql_server: LocalMySQL) -> None:
    """The same on both servers."""
    users = examples.users("roles")
    with running_louver(mysql_server, policies=examples.policies("roles"), users=users, protocol="mysql") as louver:
        fill_mysql(mysql_server, ANNA)
        caller = mysql_caller(mysql_server, louver, ANNA)
        outcomes = {caller.ask(mysql_written(text)).outcome for text in STATEMENTS[:3]}
        caller.close()
    assert outcomes == {"differs"}


def mysql_written(text: str) -> MySQLStatement:
    """A fixed statement; what a write leaves is read after it, in one transaction."""
    if text.startswith(("SELECT", "WITH")):
        return MySQLStatement((Step(text),), risky=True)
    return MySQLStatement(tuple(Step(each, "twins") for each in (text, *AFTER)), risky=True)


def mysql_made(person: Person, number: int, flavour: Flavour) -> MySQLStatement:
    """A generated query; every third is prepared."""
    choices = Choices(random.Random(f"{SEED}:{person}:{number}"))
    risky = choices.chance(4)
    made = Queries(choices, flavour, risky=risky, schema=mysql_scope.EXAMPLES).query(depth=1 + number % 2, top=True)
    return MySQLStatement((Step(made.text),), alone=True, prepared=number % 3 == 0, risky=risky, ordered=made.ordered)


def fill_mysql(server: LocalMySQL, person: Person) -> None:
    """Make the worlds those of a person."""
    for world, rows in worlds(person).items():
        with server.connect(f"twin_{world}") as connection, connection.cursor() as cursor:
            for text, values in insertions(rows):
                cursor.executemany(text, values) if values else cursor.execute(text)
            connection.commit()


def mysql_caller(server: LocalMySQL, louver: RunningLouver, person: Person) -> MySQLCaller:
    """The person's way into the twins, and the way into the masked world."""

    def open_wire(world: str) -> MySQLWire:
        place = (server.port, server.user, server.password)
        if world != "m":
            place = (louver.port, person.user, louver.passwords[person.user])
        port, user, password = place
        connection = pymysql.connect(
            host="127.0.0.1", port=port, user=user, password=password, database=f"twin_{world}", charset="utf8mb4",
            client_flag=MULTI, autocommit=None, read_timeout=60,
        )  # fmt: skip
        if person.purpose and world != "m":
            connection.cursor().execute(f"SET @louver_purpose = '{person.purpose}'")
        return MySQLWire(connection)

    def tidy() -> None:
        for world in "abm":
            with server.connect(f"twin_{world}") as connection, connection.cursor() as cursor:
                for table in COLUMNS:
                    cursor.execute(f"ALTER TABLE {table} ENGINE=InnoDB")

    return MySQLCaller(person.user, open_wire, tidy, server.flavour)


def ask_all(caller: Any, statements: list[Any], person: Person) -> None:
    """Send all statements, of which most are answered; who may not see a thing is refused more often."""
    counts: Counter[str] = Counter()
    for statement in statements:
        verdict = caller.ask(statement)
        assert verdict.outcome != "differs", f"{person}: {statement}\n{verdict.said}"
        counts[verdict.outcome] += 1
    if all(shown.mask != "deny" for shown in person.shown.values()):
        assert counts["same"] > len(statements) * 2 // 3, counts
