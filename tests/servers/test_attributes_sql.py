"""Attributes from a query to a real PostgreSQL, MySQL or MariaDB, through the wire: who logs in is seen as the source knows him."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.louver import running_louver
from fixtures.waiting import recorded
from fixtures.waiting import until as wait_until

from audit.reader import records
from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = f"attributes_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
POLICIES = """
version: 1
dictionary:
  - {column: "*.*.customers.phone", category: phone, level: 3}
rules:
  - name: the east sees the east
    columns: {category: phone}
    when: has(principal.region) && principal.region == "east" && "teller" in principal.roles
    treatment: clear
"""
TABLES = (
    "CREATE TABLE people (login varchar(40), region varchar(20), role varchar(20))",
    "INSERT INTO people VALUES ('tina', 'east', 'teller'), ('tina', 'east', 'clerk'), ('TINA', 'west', 'teller')",
    "INSERT INTO people VALUES ('tína', 'east', 'teller'), ('bob', 'west', 'teller')",
    "CREATE TABLE customers (id int, phone varchar(20))",
    "INSERT INTO customers VALUES (1, '13812345601')",
)
QUERY = "SELECT login AS name, region, role AS roles FROM people WHERE login = {name}"
CLEAR, MASKED = "13812345601", "138****5601"


def server_of(server: Any) -> dict[str, Any]:
    """The settings by which Louver reaches a server."""
    place = {"host": server.host, "port": server.port, "user": server.user, "tls": {"mode": "disable"}}
    return place | ({"password": server.password} if server.password else {})


def source(protocol: str, database: str = NAME, **more: Any) -> dict[str, Any]:
    """A source of attributes."""
    sql = {"query": QUERY, "protocol": protocol, "database": database, "lists": "roles", **more.pop("sql", {})}
    return {"name": "hr", "sql": sql, "lifetime_seconds": 1, "grace_seconds": 30, "answer_seconds": 20, **more}


@pytest.fixture(scope="module")
def postgres_bank(postgres: LocalPostgres) -> LocalPostgres:
    """A PostgreSQL with people and customers."""
    postgres.create_database(NAME)
    postgres.run_sql(";".join(TABLES), NAME)
    return postgres


@pytest.fixture(scope="module")
def mysql_bank(either: Any) -> Any:
    """The same on MariaDB and MySQL."""
    either.create_schema(NAME)
    with either.connect(NAME) as connection, connection.cursor() as cursor:
        for statement in TABLES:
            cursor.execute(statement)
        connection.commit()
    return either


def ask_postgres(louver: Any, user: str, query: str = "SELECT phone FROM customers") -> str:
    """What somebody sees."""
    with psycopg.connect(louver.dsn(user, database=NAME), autocommit=True) as client:
        return str(client.execute(query).fetchone()[0])


def ask_mysql(louver: Any, user: str, query: str = "SELECT phone FROM customers") -> str:
    """The same on the other wire."""
    who = {"user": user, "password": louver.passwords[user].encode(), "database": NAME}
    with pymysql.connect(host="127.0.0.1", port=louver.port, **who) as client, client.cursor() as cursor:
        cursor.execute(query)
        return str(cursor.fetchone()[0])


def until(found: Callable[[], Any], expected: Any) -> None:
    """Wait for an answer."""
    wait_until(lambda: found() == expected, found)


USERS: dict[str, dict[str, Any]] = {name: {} for name in ("tina", "TINA", "tína", "bob", "nora", "x' OR 'a'='a")}
SEEN = {"tina": CLEAR, "TINA": MASKED, "tína": CLEAR, "bob": MASKED, "nora": MASKED, "x' OR 'a'='a": MASKED}


def test_postgres_knows_people_by_postgres(postgres_bank: LocalPostgres) -> None:
    """Each is known by exactly his name; one whom the source does not know has no attributes. The audit says from where they are."""
    with running_louver(postgres_bank, policies=POLICIES, users=USERS, attributes=[source("postgresql")]) as louver:
        assert {name: ask_postgres(louver, name) for name in USERS} == SEEN
        opened = next(r for r in records(louver.audit_directory) if r["event"] == "session_opened")
    assert (opened["principal"], opened["proof"]) == ("tina", "password")
    assert opened["attributes"] == {"region": "east", "roles": ["teller", "clerk"]}
    assert opened["origins"] == {"region": "hr", "roles": "hr"}


def test_check_asks_the_sources(postgres_bank: LocalPostgres) -> None:
    """For an operator, before anybody logs in: what each says, or why it says nothing."""
    broken = source("postgresql", name="old", sql={"query": "SELECT a AS name FROM gone WHERE a = {name}", "lists": []})
    shown = {"policies": POLICIES, "users": {"tina": {"role": "teller"}}, "attributes": [source("postgresql"), broken]}
    with running_louver(postgres_bank, **shown) as louver:
        command = [
            sys.executable,
            "-m",
            "louver",
            "check",
            "--config",
            louver.directory / "louver.yaml",
            "--ask",
            "tina",
        ]
        for form in ("text", "json"):
            done = subprocess.run([*command, "--format", form], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 1
            if form == "text":
                assert 'users file: role = "teller"' in done.stdout
                assert 'hr: region = "east", roles = ["teller", "clerk"]' in done.stdout
                assert "old has no answer: the query failed with SQLSTATE 42P01" in done.stderr
            else:
                answers = json.loads(done.stdout)["answers"]
                assert answers[1] == {
                    "source": "hr",
                    "attributes": {"region": "east", "roles": ["teller", "clerk"]},
                    "failure": None,
                }


def test_grants_are_decided_by_what_the_sources_know(postgres_bank: LocalPostgres) -> None:
    """Who may agree is asked by attributes, wherever they come from; and a password counts for whom it lets in."""
    approvals = (
        "approvals: [{name: the west, when: 'has(principal.region) && principal.region == \"west\"', persons: 1}]\n"
    )
    users: dict[str, dict[str, Any]] = {"tina": {}, "bob": {}, "nora": {}, "tok": {}}
    with running_louver(
        postgres_bank,
        policies=POLICIES + approvals,
        users=users,
        attributes=[source("postgresql")],
        grants={"file": "grants.db"},
    ) as louver:

        def grant(person: str, *words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "louver", "grant", *words, "--as", person, "--format", "json"]
            environment = {**os.environ, "LOUVER_CONFIG": str(louver.directory / "louver.yaml")}
            told = {"input": f"{louver.passwords[person]}\n", "env": environment, "timeout": 60}
            return subprocess.run(command, capture_output=True, text=True, check=False, **told)

        wish = ("--for", "tina", "--columns", "category=phone", "--reason", "calls", "--minutes", "5")
        number = str(json.loads(grant("tina", "request", *wish).stdout)["grant"])
        assert grant("nora", "approve", number).returncode != 0
        agreed = grant("bob", "approve", number)
        assert agreed.returncode == 0, agreed.stderr
        path = louver.directory / "louver.yaml"
        tls = (
            f"tls: {{certificate: {postgres_bank.certificate}, key: {postgres_bank.certificate.with_suffix('.key')}}}\n"
        )
        path.write_text(
            path.read_text()
            + tls
            + "certificates: {ca: "
            + str(postgres_bank.certificate)
            + "}\n"
            + "logins: [{users: bob, by: certificate}, {by: password}]\n"
        )
        refused = grant("bob", "revoke", number)
        assert refused.returncode != 0
        assert "password" in refused.stderr


def test_mysql_knows_people_by_mysql(mysql_bank: Any) -> None:
    """The same, before a MySQL whose collation takes TINA for tina: the server of the bank itself is asked."""
    shown = {**source("mysql"), "sql": {"query": QUERY, "database": NAME, "lists": ["roles"]}}
    with running_louver(mysql_bank, policies=POLICIES, users=USERS, protocol="mysql", attributes=[shown]) as louver:
        assert {name: ask_mysql(louver, name) for name in USERS} == SEEN


ROLE = f"tina_{NAME}"[:32]
FOR_ROLE = f"SELECT '{ROLE}' AS name, 'east' AS region, 'teller' AS roles WHERE {{name}} = '{ROLE}'"


def test_postgresqls_own_users_have_attributes(postgres_bank: LocalPostgres) -> None:
    """In the login mode `relay`, too: the database checks the password, the source says the rest."""
    making = f"CREATE ROLE {ROLE} LOGIN PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}"
    postgres_bank.run_sql(making, NAME)
    hr = source("postgresql", sql={"query": FOR_ROLE})
    with running_louver(postgres_bank, policies=POLICIES, attributes=[hr]) as louver:
        with psycopg.connect(louver.dsn(ROLE, "x", NAME), autocommit=True) as client:
            assert client.execute("SELECT phone FROM customers").fetchone() == (CLEAR,)
        opened = next(r for r in records(louver.audit_directory) if r["event"] == "session_opened")
    assert (opened["proof"], opened["origins"]) == ("database", {"region": "hr", "roles": "hr"})


def test_mysqls_own_users_have_attributes(mysql_bank: Any) -> None:
    """The same."""
    with mysql_bank.connect(NAME) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER IF EXISTS {ROLE}")
        cursor.execute(f"CREATE USER {ROLE} IDENTIFIED BY 'x'")
        cursor.execute(f"GRANT SELECT ON {NAME}.* TO {ROLE}")
    hr = source("mysql", sql={"query": FOR_ROLE})
    with (
        running_louver(mysql_bank, policies=POLICIES, protocol="mysql", attributes=[hr]) as louver,
        pymysql.connect(host="127.0.0.1", port=louver.port, user=ROLE, password="x", database=NAME) as client,
        client.cursor() as cursor,
    ):
        cursor.execute("SELECT phone FROM customers")
        assert cursor.fetchone() == (CLEAR,)


def test_connections_that_were_cut_are_made_again(postgres_bank: LocalPostgres, mysql_bank: Any) -> None:
    """After a restart of the source nobody is refused for what is left of the old connections."""
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{NAME}' AND query LIKE '%FROM people%'"
    with running_louver(postgres_bank, policies=POLICIES, users=USERS, attributes=[source("postgresql")]) as louver:
        assert ask_postgres(louver, "tina") == CLEAR
        postgres_bank.run_sql(cut.replace("people%'", "people%' AND pid <> pg_backend_pid()"), NAME)
        assert ask_postgres(louver, "bob") == MASKED
        assert "has no answer" not in louver.log
    hr = source("mysql")
    with running_louver(mysql_bank, policies=POLICIES, users=USERS, protocol="mysql", attributes=[hr]) as louver:
        assert ask_mysql(louver, "tina") == CLEAR
        with mysql_bank.connect(NAME) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s AND command = 'Sleep'", (NAME,))
            for (number,) in cursor.fetchall():
                cursor.execute(f"KILL {number}")
        assert ask_mysql(louver, "bob") == MASKED
        assert "has no answer" not in louver.log


def test_each_asks_the_other(postgres_bank: LocalPostgres, mysql: Any) -> None:
    """PostgreSQL's people stand in a MySQL, with an account and a place of its own."""
    mysql.create_schema(NAME)
    with mysql.connect(NAME) as connection, connection.cursor() as cursor:
        for statement in TABLES[:3]:
            cursor.execute(statement)
        connection.commit()
    hr = source("mysql", sql={"server": server_of(mysql)})
    with running_louver(postgres_bank, policies=POLICIES, users=USERS, attributes=[hr]) as louver:
        assert {name: ask_postgres(louver, name) for name in USERS} == SEEN


def test_an_application_speaks_for_those_whom_a_source_knows(postgres_bank: LocalPostgres, mysql_bank: Any) -> None:
    """A statement waits for what is known of its person, prepared or not, on either wire; nobody's person is anybody."""
    users = {"app": {"speaks_for": ["*"]}}
    hr = source("postgresql", sql={"server": server_of(postgres_bank)}, required=False)
    with (
        running_louver(postgres_bank, policies=POLICIES, users=users, attributes=[hr]) as louver,
        psycopg.connect(louver.dsn("app", database=NAME), autocommit=True) as client,
    ):
        for name, seen in [("tina", CLEAR), ("bob", MASKED), ("TINA", MASKED), ("tina", CLEAR)]:
            for prepare in (False, True):
                found = client.execute(f"SELECT phone FROM customers /*louver_user='{name}'*/", prepare=prepare)
                assert found.fetchone() == (seen,)
        client.execute("SET louver.user = 'tína'")
        assert client.execute("SELECT phone FROM customers").fetchone() == (CLEAR,)
        with pytest.raises(psycopg.Error, match="app speaks for nobody, of whom nothing is known"):
            client.execute("SELECT phone FROM customers /*louver_user='nobody'*/")
    with (
        running_louver(mysql_bank, policies=POLICIES, users=users, protocol="mysql", attributes=[hr]) as louver,
        pymysql.connect(
            host="127.0.0.1", port=louver.port, user="app", password=louver.passwords["app"], database=NAME
        ) as client,
        client.cursor() as cursor,
    ):
        for name, seen in [("tina", CLEAR), ("bob", MASKED), ("tina", CLEAR)]:
            cursor.execute(f"SELECT phone FROM customers /*louver_user='{name}'*/")
            assert cursor.fetchone() == (seen,)
        cursor.execute("SET @louver_user = 'TINA'")
        cursor.execute("SELECT phone FROM customers")
        assert cursor.fetchone() == (MASKED,)


def test_sessions_follow_the_source(postgres_bank: LocalPostgres) -> None:
    """What the source says otherwise holds in open sessions at the end of the lifetime, and whom it must know has to stay in it."""
    with contextlib.ExitStack() as stack:
        hr = source("postgresql", required=True)
        louver = stack.enter_context(running_louver(postgres_bank, policies=POLICIES, users=USERS, attributes=[hr]))
        with pytest.raises(psycopg.OperationalError, match="nora is not known where everybody has to be"):
            ask_postgres(louver, "nora")
        client = stack.enter_context(psycopg.connect(louver.dsn("bob", database=NAME), autocommit=True))
        asking = client.cursor()
        read = lambda: asking.execute("SELECT phone FROM customers", prepare=True).fetchone()[0]  # noqa: E731
        assert read() == MASKED
        stack.callback(postgres_bank.run_sql, "DELETE FROM people WHERE login = 'bob'", NAME)
        postgres_bank.run_sql("UPDATE people SET region = 'east' WHERE login = 'bob'", NAME)
        until(read, CLEAR)
        postgres_bank.run_sql("DELETE FROM people WHERE login = 'bob'", NAME)

        def ended() -> str:
            try:
                read()
            except psycopg.OperationalError as error:
                return str(error)
            return ""

        until(lambda: "hr does not know bob any more" in ended() or client.closed, True)
        postgres_bank.run_sql("INSERT INTO people VALUES ('bob', 'west', 'teller')", NAME)
        closed = [record["reason"] for record in recorded(louver, "session_closed")]
        assert closed == ["louver: hr does not know bob any more"]


@pytest.fixture
def hr_server() -> Iterator[Callable[[], LocalPostgres]]:
    """A PostgreSQL with people alone, to be stopped and started again."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(LocalPostgres.start())


def test_a_source_that_goes_away(postgres_bank: LocalPostgres, hr_server: Callable[[], LocalPostgres]) -> None:
    """What it has said holds for the grace; then sessions end and logins are refused, with the reason, and others go on meanwhile."""
    hr = hr_server()
    hr.create_database(NAME)
    hr.run_sql(";".join(TABLES[:3]), NAME)
    shown = source("postgresql", sql={"server": server_of(hr)}, grace_seconds=8)
    with (
        running_louver(postgres_bank, policies=POLICIES, users=USERS, attributes=[shown]) as louver,
        psycopg.connect(louver.dsn("tina", database=NAME), autocommit=True) as client,
    ):
        hr.stop()
        end = time.monotonic() + 1.5  # longer than the lifetime
        while time.monotonic() < end:
            assert client.execute("SELECT phone FROM customers").fetchone() == (CLEAR,)
            time.sleep(0.1)
        assert ask_postgres(louver, "tina") == CLEAR
        with pytest.raises(psycopg.OperationalError, match="what hr knows of bob cannot be looked up at this time"):
            ask_postgres(louver, "bob")

        def told() -> str:
            try:
                return str(client.execute("SELECT phone FROM customers").fetchone())
            except psycopg.OperationalError as error:
                return str(error)

        until(
            lambda: CLEAR not in told() and client.closed, True
        )  # its last words may be lost behind what it had just sent
        reason = "louver: what hr knows of tina is too old, and it gives no answer"
        recorded(louver, "session_closed", lambda record: record["reason"] == reason)
        with pytest.raises(psycopg.OperationalError, match="what hr knows of tina cannot be looked up at this time"):
            ask_postgres(louver, "tina")
        said = louver.log
    assert "attributes: hr has no answer: it cannot be reached" in said
    assert said.count("attributes: hr has no answer") == 1


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT login AS name, phone FROM people WHERE login = {name}", "the query failed with SQLSTATE 42703"),
        ("SELECT login, region FROM people WHERE login = {name}", "the query must give one column `name`"),
        ("SELECT {name} AS name, pg_sleep(60)::text AS nap", "no answer within 3 s"),
        ("DELETE FROM people WHERE login = {name} RETURNING login AS name", "the query failed with SQLSTATE"),
        ("SELECT {name} AS name, (1/0)::text AS a", "the query failed with SQLSTATE 22012"),
    ],
)
def test_a_query_that_cannot_be_used_lets_nobody_in(postgres_bank: LocalPostgres, query: str, told: str) -> None:
    """The client is told where the reason stands, the log which it is."""
    hr = source("postgresql", sql={"query": query, "lists": []}, answer_seconds=3)
    with running_louver(postgres_bank, policies=POLICIES, users={"tina": {}}, attributes=[hr]) as louver:
        with pytest.raises(psycopg.OperationalError, match="what hr knows of tina cannot be looked up"):
            ask_postgres(louver, "tina")
        louver.wait_for_said(told)


@pytest.mark.parametrize(
    "query", ["SELECT {name} AS name, SLEEP(60) AS nap", "SELECT login AS name FROM nowhere WHERE login = {name}"]
)
def test_a_query_that_mysql_cannot_answer_lets_nobody_in(mysql_bank: Any, query: str) -> None:
    """The same where the driver waits in a thread of its own; the proxy ends as quickly as ever."""
    hr = source("mysql", sql={"query": query, "lists": []}, answer_seconds=3)
    with running_louver(mysql_bank, policies=POLICIES, users={"tina": {}}, protocol="mysql", attributes=[hr]) as louver:
        with pytest.raises(pymysql.MySQLError, match="what hr knows of tina cannot be looked up"):
            ask_mysql(louver, "tina")
        begun = time.monotonic()
        assert louver.stop() == 0
        assert time.monotonic() - begun < 30
