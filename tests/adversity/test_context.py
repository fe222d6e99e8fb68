"""What sessions say of themselves on PostgreSQL: declared attributes, and applications that speak for their users."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLICIES = """
version: 1
session:
  purpose: {values: [care, marketing]}
  case: {type: integer, minimum: 1}
dictionary:
  - {column: "speaking.public.people.phone", category: phone, level: 3}
  - {column: "speaking.public.people.card", category: id_card, level: 4}
rules:
  - {name: care calls people, columns: {category: phone}, when: session.purpose == "care", treatment: clear}
  - {name: their own region, columns: {category: phone}, when: has(principal.region), rows: "region = {principal.region}", treatment: clear}
  - {name: one case, columns: {category: id_card}, when: session.case != null, rows: "id = {session.case}", treatment: clear}
  - {name: auditors, columns: {level: ">=3"}, when: 'has(principal.role) && principal.role == "auditor"', treatment: clear}
  - {name: cards are told apart, columns: {category: id_card}, treatment: {mask: hash}}
"""
USERS = {
    "app": {"speaks_for": ["t*", "anna"]},
    "tina": {"region": "east"},
    "theo": {"region": "west"},
    "anna": {"role": "auditor"},
    "bob": {"region": "north"},
}
TABLE = """
CREATE TABLE people (id int PRIMARY KEY, region text, phone text, card text);
INSERT INTO people VALUES (1, 'east', '13812345601', 'C1'), (2, 'west', '13899999902', 'C2');
GRANT ALL ON ALL TABLES IN SCHEMA public TO public
"""
PHONES = "SELECT phone FROM people ORDER BY id"
EAST, WEST = ["13812345601", "138****9902"], ["138****5601", "13899999902"]
CLEAR = ["13812345601", "13899999902"]
MASKED = ["138****5601", "138****9902"]


def by(user: str, text: str = PHONES, **said: str) -> str:
    """A statement that an application sends for somebody."""
    pairs = {"db_driver": "x%20y", "louver_user": user, **{f"louver_{name}": value for name, value in said.items()}}
    return f"{text} /*" + ",".join(f"{key}='{value}'" for key, value in pairs.items()) + "*/"


@pytest.fixture(scope="module")
def louver(louver_factory: Callable[..., Any], postgres: Any) -> Iterator[Any]:
    """A proxy before a database of two people."""
    postgres.create_database("speaking")
    postgres.run_sql(TABLE, "speaking")
    with louver_factory(policies=POLICIES, users=USERS, notices=False) as running:
        yield running


@pytest.fixture
def app(louver: Any) -> Iterator[psycopg.Connection[Any]]:
    """The application's session."""
    with psycopg.connect(louver.dsn("app", database="speaking"), autocommit=True) as connection:
        yield connection


def column(connection: psycopg.Connection[Any], text: str, **how: Any) -> list[Any]:
    """The first column of an answer."""
    return [row[0] for row in connection.execute(text, **how).fetchall()]


def test_a_purpose_is_declared_and_taken_back(louver: Any) -> None:
    """What SET declares holds from the next statement on, until it is set again or reset."""
    with psycopg.connect(louver.dsn("bob", database="speaking"), autocommit=True) as bob:
        assert column(bob, PHONES) == MASKED
        for declare, expected in (
            ("SET louver.purpose = 'care'", CLEAR),
            ("set session louver.purpose to 'marketing';", MASKED),
            ("SET LOUVER.PURPOSE TO 'care'", CLEAR),
            ("RESET louver.purpose", MASKED),
            ("SET louver.purpose = 'care'", CLEAR),
            ("SET louver.purpose TO DEFAULT", MASKED),
            ("SET louver.purpose = 'care'", CLEAR),
            ("DISCARD ALL", MASKED),
            ("SET louver.purpose = 'care'", CLEAR),
            ("RESET ALL", MASKED),
            ("SET louver.purpose = 'care'", CLEAR),
            ("SELECT 1; RESET ALL", MASKED),
        ):
            bob.execute(declare)
            assert column(bob, PHONES) == expected, declare
            assert column(bob, PHONES, prepare=True) == expected, declare


@pytest.mark.parametrize(
    ("text", "sqlstate", "message"),
    [
        ("SET louver.purpose = 'profit'", "22023", "louver: `purpose` takes one of care, marketing"),
        ("SET louver.porpose = 'care'", "42704", "there is no attribute porpose to declare"),
        ("SET louver.user = 'tina'", "42501", "bob may not speak for others"),
        ("SET LOCAL louver.purpose = 'care'", "42601", "this form of declaring is not understood"),
        ("SET louver.purpose = E'ca\\162e'", "42601", "this form of declaring is not understood"),
        ("SET louver.purpose = 'care'; SELECT 1", "42601", "this form of declaring is not understood"),
        ("SET \"louver\".purpose = 'care'", "42501", "SET of louver.* is not allowed"),
        ("SELECT set_config('louver.purpose', 'care', false)", "42501", "set_config of louver.* is not allowed"),
    ],
)
def test_what_may_not_be_declared_is_refused(louver: Any, text: str, sqlstate: str, message: str) -> None:
    """The reason says what the policies allow, and nothing is shown by it."""
    with psycopg.connect(louver.dsn("bob", database="speaking"), autocommit=True) as bob:
        with pytest.raises(psycopg.Error) as refused:
            bob.execute(text)
        assert (refused.value.sqlstate, refused.value.diag.message_primary) == (sqlstate, message)
        assert column(bob, PHONES) == MASKED


def test_rows_go_by_what_is_declared(louver: Any) -> None:
    """A case opens one row; a caller without one gets none of them."""
    with psycopg.connect(louver.dsn("bob", database="speaking"), autocommit=True) as bob:
        hidden = column(bob, "SELECT card FROM people ORDER BY id")
        assert not {"C1", "C2"} & set(hidden)
        bob.execute("SET louver.case = '2'")
        (first, second) = column(bob, "SELECT card FROM people ORDER BY id")
        assert (first != "C1", second) == (True, "C2")


def test_each_statement_may_be_another_ones(app: psycopg.Connection[Any], louver: Any) -> None:
    """The comment behind a statement says whose it is; without one it is the application's own."""
    for _ in range(2):
        for text, expected in (
            (by("tina"), EAST),
            (by("theo"), WEST),
            (by("anna"), CLEAR),
            (PHONES, MASKED),
            (by("tina", purpose="care"), CLEAR),
            (by("tina") + ";", EAST),
        ):
            assert column(app, text) == expected, text
            assert column(app, text, prepare=True) == expected, text
    statements = [
        r for r in records(louver.audit_directory) if r["event"] == "statement" and r.get("principal") == "app"
    ]
    assert {r["on_behalf_of"] for r in statements} >= {"tina", "theo", "anna", None}
    tina = next(r for r in statements if r["on_behalf_of"] == "tina" and r["declared"])
    assert (tina["attributes"], tina["declared"]) == ({"region": "east"}, {"purpose": "care"})


def test_a_session_speaks_for_one_until_it_says_otherwise(app: psycopg.Connection[Any]) -> None:
    """SET louver.user holds for the session, a comment for its statement, and a pool's reset ends both."""
    app.execute("SET louver.user = 'tina'")
    assert column(app, PHONES) == EAST
    assert column(app, by("theo")) == WEST
    assert column(app, PHONES) == EAST
    app.execute("DISCARD ALL")
    assert column(app, PHONES) == MASKED


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        (by("bob"), "42501"),  # for whom the account may not speak
        (by("tom"), "28000"),  # of whom nothing is known
        (by("tina", porpose="care"), "42704"),
        (by("tina", purpose="profit"), "22023"),
        (by("anna", PHONES + " /*louver_user='tina'*/"), "42601"),
        (f"SELECT '/*louver_user=''anna''*/', phone FROM people {by('tina', '')}", "42601"),
        (PHONES + " /*louver_user='tina'*/ -- more", "42601"),
        (PHONES + " /*louver_user='ti' 'na'*/", "42601"),
        (by("tina").replace("*/", ",louver%5Fuser='anna'*/"), "42601"),
    ],
)
def test_who_asks_must_be_plain(app: psycopg.Connection[Any], text: str, sqlstate: str) -> None:
    """A text that says it twice, or not at its end, may hold what somebody typed: it is refused."""
    with pytest.raises(psycopg.Error) as refused:
        app.execute(text)
    assert refused.value.sqlstate == sqlstate
    assert column(app, PHONES) == MASKED


def test_nobody_else_speaks_by_a_comment(louver: Any) -> None:
    """To an account that may speak for nobody a comment is a comment."""
    with psycopg.connect(louver.dsn("bob", database="speaking"), autocommit=True) as bob:
        assert column(bob, by("anna")) == MASKED


def test_prepared_statements_and_portals_stay_their_users(louver: Any) -> None:
    """Statements that are prepared for several run for each; a cursor gives no rows to another one."""

    async def play() -> None:
        app = await asyncpg.connect(louver.dsn("app", database="speaking"))
        try:
            tina, theo = await app.prepare(by("tina")), await app.prepare(by("theo"))
            plain = await app.prepare(PHONES)
            for _ in range(3):
                assert [r[0] for r in await tina.fetch()] == EAST
                assert [r[0] for r in await theo.fetch()] == WEST
                assert [r[0] for r in await plain.fetch()] == MASKED
            async with app.transaction():
                cursor = await tina.cursor()
                assert (await cursor.fetchrow())[0] == EAST[0]
                assert [r[0] for r in await theo.fetch()] == WEST
                assert (await cursor.fetchrow())[0] == EAST[1]  # its text says whose it is
            await app.execute("SET louver.user = 'tina'")
            with contextlib.suppress(asyncpg.PostgresError):
                async with app.transaction():
                    cursor = await plain.cursor()
                    assert (await cursor.fetchrow())[0] == EAST[0]
                    await app.execute("SET louver.user = 'theo'")
                    with pytest.raises(asyncpg.PostgresError) as refused:
                        await cursor.fetchrow()
                    assert refused.value.sqlstate == "0A000"
                    raise refused.value
        finally:
            await app.close()

    asyncio.run(play())


def test_running_sessions_follow_the_users_file(louver: Any) -> None:
    """Who gets another region sees another one within a second or two, in a session that is open."""
    users = louver.directory / "users.yaml"
    before = users.read_text()
    with psycopg.connect(louver.dsn("app", database="speaking"), autocommit=True) as app:
        assert column(app, by("tina")) == EAST
        try:
            users.write_text(before.replace("region: east", "region: west"))
            louver.wait_for_log(lambda text: "read the users file" in text)
            for _ in range(100):
                if column(app, by("tina")) == WEST:
                    break
            assert column(app, by("tina")) == WEST
        finally:
            users.write_text(before)


def test_each_session_has_what_is_decided_for_its_like(louver: Any) -> None:
    """What was decided for a session is found again for those of the same person and purpose, and for no other."""
    meant = [
        ("bob", None, MASKED),
        ("bob", "care", CLEAR),
        ("bob", "marketing", MASKED),
        ("tina", None, EAST),
        ("theo", "marketing", WEST),
        ("anna", None, CLEAR),
    ]
    chance = random.Random(5)
    users = louver.directory / "users.yaml"
    before = users.read_text()
    reading = louver.log.count("read the users file")
    for user, purpose, expected in chance.sample(meant * 4, 24):
        with psycopg.connect(louver.dsn(user, database="speaking"), autocommit=True) as session:
            if purpose is not None:
                session.execute(f"SET louver.purpose = '{purpose}'")
            assert column(session, PHONES) == expected, (user, purpose)
    try:
        users.write_text(before.replace("region: east", "region: west"))
        louver.wait_for_log(lambda text: text.count("read the users file") > reading)
        with psycopg.connect(louver.dsn("tina", database="speaking"), autocommit=True) as session:
            assert column(session, PHONES) == WEST
    finally:
        users.write_text(before)
