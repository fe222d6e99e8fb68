"""What is done about somebody, over the real wire: sessions end, accounts are suspended, masks tightened, and all of it lifted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.alerting import alerts, following, until
from fixtures.louver import running_louver
from fixtures.mysql_house import SCHEMA, MySQLHouse, mysql_house_of

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

POLICIES = """
version: 1
dictionary:
  - {{column: "{database}.{schema}.people.phone", category: phone, level: 3}}
  - {{column: "{database}.{schema}.people.card", category: id_card, level: 4}}
rules:
  - {{name: cards, columns: {{category: id_card}}, treatment: deny}}
  - {{name: managers, columns: {{category: phone}}, when: 'has(principal.role) && principal.role == "manager"', treatment: clear}}
  - {{name: phones, columns: {{category: phone}}, treatment: {{mask: partial, keep_first: 3, keep_last: 4}}}}
"""
RULES = """
version: 1
spare: [theo]
rules:
  - {name: probing, description: guesses, events: [statement], when: {ruling: deny}, count: 3, within: 10m, respond: [end_session, suspend: 1h]}
  - {name: looks, events: [statement], when: {treatment: clear, principal: mona}, count: 5, within: 10m, respond: [tighten: 1h]}
"""
USERS = {
    "mona": {"role": "manager"},
    "tina": {"role": "teller"},
    "theo": {"role": "teller"},
    "app": {"speaks_for": ["t*"]},
}
PHONE = "SELECT phone FROM people WHERE id = 1"
CARD = "SELECT card FROM people"


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of rules."""
    path = tmp_path_factory.mktemp("rules") / "alerts.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def louver(postgres: Any, rules: Path) -> Iterator[RunningLouver]:
    """A proxy before two people."""
    postgres.create_database("measuring")
    table = "CREATE TABLE people (id int PRIMARY KEY, phone text, card text); INSERT INTO people VALUES (1, '13812345601', 'C1'), (2, '13899999902', 'C2')"
    postgres.run_sql(f"{table}; GRANT ALL ON people TO public", "measuring")
    policies = POLICIES.format(database="measuring", schema="public")
    with running_louver(
        postgres, policies=policies, users=USERS, notices=False, alerts={"rules": str(rules)}
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def lifted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing is in force after a test on PostgreSQL."""
    yield
    if "louver" in request.fixturenames:
        running: RunningLouver = request.getfixturevalue("louver")
        numbers = [each["measure"] for each in measures(running)]
        for number in numbers:
            alerts(config(running), "lift", str(number), "--reason", "the test is over")
        for number in numbers:  # the proxy has seen it when its trail has it
            until(
                lambda number=number: any(
                    each.get("response") == number and each["what"] == "lifted"
                    for each in records(running.audit_directory)
                )
            )


def config(louver: RunningLouver) -> Path:
    """Its settings."""
    return louver.directory / "louver.yaml"


def measures(louver: RunningLouver) -> list[dict[str, Any]]:
    """What is in force."""
    return [json.loads(line) for line in alerts(config(louver), "measures", "--format", "json").splitlines()]


def connect(louver: RunningLouver, user: str) -> psycopg.Connection[Any]:
    """A session by psycopg."""
    return psycopg.connect(louver.dsn(user, database="measuring"), autocommit=True)


def refused(louver: RunningLouver, user: str) -> str:
    """What somebody is told who is not let in; empty when he is."""
    try:
        connect(louver, user).close()
    except psycopg.OperationalError as error:
        return str(error)
    return ""


def ended(connection: Any) -> str:
    """What a session is told at its end; it waits for that.

    In a statement: a client that sends one when it has been told already may find its connection closed, and not read why.
    """
    try:
        if isinstance(connection, psycopg.Connection):
            connection.execute("SELECT pg_sleep(60)")
        else:
            with connection.cursor() as cursor:
                cursor.execute("SELECT sleep(60)")
    except (psycopg.OperationalError, pymysql.OperationalError) as error:
        return str(error)
    raise AssertionError("the session goes on")


def test_a_suspended_account_is_out_until_that_is_lifted(louver: RunningLouver) -> None:
    """By hand: its session ends with a clear word, it is not let in, nobody speaks for it; the trail has who did so and why."""
    with connect(louver, "tina") as tina, connect(louver, "app") as app:
        assert tina.execute(PHONE).fetchone() == ("138****5601",)
        assert app.execute(f"{PHONE} /*louver_user='tina'*/").fetchone() == ("138****5601",)
        said = alerts(config(louver), "suspend", "tina", "--for", "1h", "--reason", "case 81")
        number = re.search(r"measure (\d+)", said)
        assert number is not None
        assert "tina is suspended until" in ended(tina)
        assert "tina is suspended until" in refused(louver, "tina")
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="tina is suspended"):
            app.execute(f"{PHONE} /*louver_user='tina'*/")
        assert app.execute(f"{PHONE} /*louver_user='theo'*/").fetchone() == ("138****5601",)
    assert refused(louver, "theo") == ""
    alerts(config(louver), "lift", number[1], "--reason", "agreed")
    until(lambda: refused(louver, "tina") == "")
    told = until(
        lambda: [each for each in records(louver.audit_directory) if each.get("response") == int(number[1])][1:] or None
    )
    assert [(each["what"], each["kind"], each["principal"], each["reason"]) for each in told] == [
        ("lifted", "suspend", "tina", "agreed")
    ]
    assert told[0]["person"]


def test_misuse_is_answered_at_once(louver: RunningLouver) -> None:
    """Three refused reads, and the account is suspended by the rule; theo, whom the file spares, is told of and goes on."""
    with following(config(louver)), connect(louver, "theo") as theo, connect(louver, "tina") as tina:
        for who in (theo, tina):
            for _ in range(3):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    who.execute(CARD)
        assert "louver" in ended(tina)
        until(lambda: "suspended" in refused(louver, "tina"))
        assert theo.execute(PHONE).fetchone() == ("138****5601",)
    found = until(
        lambda: [
            each for each in records(louver.audit_directory) if each["event"] == "alert" and "tina" in each["reason"]
        ]
    )
    assert (found[0]["what"], found[0]["severity"], found[0]["channels"]) == ("probing", "medium", [])
    spared = [each for each in records(louver.audit_directory) if each["event"] == "alert" and "theo" in each["reason"]]
    assert "suspend spared" in spared[0]["reason"]

    def done() -> list[dict[str, Any]]:
        found = [each for each in records(louver.audit_directory) if each["event"] == "response"]
        return [each for each in found if each["rule"] == "probing"]

    wanted = {("begun", "end_session"), ("done", "end_session"), ("begun", "suspend")}
    until(lambda: {(each["what"], each["kind"]) for each in done()} >= wanted)
    assert {each["principal"] for each in done()} == {"tina"}


def test_tightened_masks_show_nothing(louver: RunningLouver) -> None:
    """A manager looks too often: her session ends, with what it holds; the next one sees full masks, and denied columns stay so."""
    with following(config(louver)):
        with connect(louver, "mona") as mona:
            for number in range(5):
                assert mona.execute(f"SELECT phone FROM people WHERE id = 1 OR id = {number + 7}").fetchone() == (
                    "13812345601",
                )
            assert "narrowed" in ended(mona)
        with connect(louver, "mona") as mona:
            assert mona.execute(PHONE).fetchone() != ("13812345601",)
            assert "138" not in str(mona.execute(PHONE).fetchone())
            assert mona.execute("SELECT count(*) FROM people WHERE phone = '13812345601'").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                mona.execute(CARD)
            (measure,) = measures(louver)
            assert (measure["what"], measure["principal"], measure["by"]) == ("tighten", "mona", "alerts")
            alerts(config(louver), "lift", str(measure["measure"]), "--reason", "agreed")
            until(lambda: mona.execute(PHONE).fetchone() == ("13812345601",))


def test_a_restart_lets_nobody_in(louver: RunningLouver) -> None:
    """Another proxy with the same settings, from its first connection on."""
    alerts(config(louver), "suspend", "tina", "--reason", "case 82")
    until(lambda: "suspended" in refused(louver, "tina"))
    other = louver.directory / "other.yaml"
    other.write_text(
        config(louver).read_text(encoding="utf-8") + "audit: {directory: other-audit}\nlabels_file: other.jsonl\n",
        encoding="utf-8",
    )
    with (louver.directory / "other.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "louver", "serve", "--config", str(other)], stderr=log, env=dict(os.environ)
        )
        try:
            read = (louver.directory / "other.log").read_text
            until(lambda: "listening on" in read(encoding="utf-8") or process.poll() is not None)
            port = re.search(r"listening on [\d.]+:(\d+)", read(encoding="utf-8"))
            assert port is not None, read(encoding="utf-8")
            dsn = louver.dsn("tina", database="measuring").replace(f":{louver.port}/", f":{port[1]}/")
            with pytest.raises(psycopg.OperationalError, match="tina is suspended until an administrator lifts that"):
                psycopg.connect(dsn)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def mysql_louver(either: LocalMySQL, rules: Path) -> Iterator[MySQLHouse]:
    """A proxy before the same two people, on each server."""
    statements = (
        "CREATE TABLE people (id int PRIMARY KEY, phone varchar(20), card varchar(20))",
        "INSERT INTO people VALUES (1, '13812345601', 'C1'), (2, '13899999902', 'C2')",
    )
    policies = POLICIES.format(database="*", schema=SCHEMA)
    with mysql_house_of(
        either, policies=policies, statements=statements, users=USERS, notices=False, alerts={"rules": str(rules)}
    ) as made:
        yield made


def test_on_mysql_and_mariadb(mysql_louver: MySQLHouse) -> None:
    """A rule suspends and another one tightens; sessions of PyMySQL end with a clear word; lifted, all is as before."""
    house, louver = mysql_louver, mysql_louver.louver
    with contextlib.ExitStack() as stack:
        stack.enter_context(following(config(louver)))
        tina = house.connect("tina")
        for _ in range(3):
            with pytest.raises(pymysql.MySQLError), tina.cursor() as cursor:
                cursor.execute(CARD)
        ended(tina)
        (error,) = until(lambda: _refused(house, "tina"))
        assert "tina is suspended until" in error
        with house.connect("app") as app, app.cursor() as cursor:
            with pytest.raises(pymysql.MySQLError, match="tina is suspended"):
                cursor.execute(f"{PHONE} /*louver_user='tina'*/")
            cursor.execute(f"{PHONE} /*louver_user='theo'*/")
            assert cursor.fetchall() == (("138****5601",),)
        mona = house.connect("mona")
        for _ in range(5):
            with mona.cursor() as cursor:
                cursor.execute(PHONE)
                assert cursor.fetchall() == (("13812345601",),)
        ended(mona)
        assert "138" not in str(house.ask("mona", PHONE))
        for each in measures(louver):
            alerts(config(louver), "lift", str(each["measure"]), "--reason", "agreed")
        until(lambda: not _refused(house, "tina"))
        until(lambda: house.ask("mona", PHONE) == (("13812345601",),))


def _refused(house: MySQLHouse, user: str) -> list[str]:
    """What somebody is told who is not let in; nothing when he is."""
    try:
        house.connect(user).close()
    except pymysql.OperationalError as error:
        return [str(error)]
    return []
