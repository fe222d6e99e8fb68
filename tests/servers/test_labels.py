"""Labels that last: what columns have inherited is known after a restart, a crash, a restored dump, until somebody drops it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import psycopg
import pytest
from typer.testing import CliRunner

from audit.reader import records
from louver.cli import app

POLICIES = """
version: 1
dictionary:
  - {column: "labels.*.people.phone", category: phone, level: 3}
  - {column: "labels.*.people.code", category: code, level: 3}
categories: {phone: full, code: full}
rules:
  - {name: bosses see everything, columns: {category: "*"}, when: principal.role == "boss", treatment: clear}
  - {name: agents see phones, columns: {category: phone}, when: principal.role == "agent", treatment: clear}
"""
SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, phone text, code text);
INSERT INTO people VALUES (1, 'Ann', '13800000001', 'c1'), (2, 'Bo', '13800000002', 'c2');
CREATE TABLE measures (id int, phone text) PARTITION BY LIST (id);
"""
USERS = {"clerk": {"role": "clerk"}, "boss": {"role": "boss"}, "agent": {"role": "agent"}}


@pytest.fixture
def house(louver_factory, postgres, tmp_path):
    """What starts a proxy in front of a fresh database: each has the same file of labels."""
    postgres.run_sql("DROP DATABASE IF EXISTS labels WITH (FORCE)")
    postgres.create_database("labels")
    postgres.run_sql(SCHEMA, "labels")
    return lambda: louver_factory(users=USERS, policies=POLICIES, labels_file=str(tmp_path / "labels.jsonl"))


@contextlib.contextmanager
def logged_in(louver, user):
    """A connection of a user's own, each statement by itself."""
    with psycopg.connect(louver.dsn(user, database="labels"), autocommit=True) as connection:
        yield connection


def run(louver, user, *statements):
    """The rows of the last of a user's statements."""
    with logged_in(louver, user) as connection:
        for sql in statements:
            cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def kill(louver):
    """End it without a word."""
    os.kill(louver.pid, signal.SIGKILL)
    louver.process.wait()


def labels(louver):
    """What `louver labels list` says: column -> (category, why, state)."""
    config = str(louver.directory / "louver.yaml")
    done = CliRunner().invoke(app, ["labels", "list", "-c", config, "-f", "json"], catch_exceptions=False)
    return {each["column"]: (each["category"], each["why"], each["state"]) for each in json.loads(done.stdout)}


WAYS = {
    "CREATE TABLE copied AS SELECT id, phone AS line FROM people": "****",
    "CREATE TABLE copied AS SELECT id, upper(phone) AS line FROM people": "****",
    "SELECT id, phone AS line INTO copied FROM people": "****",
    "CREATE TABLE copied AS SELECT id, name AS line FROM people": "Ann",
    "CREATE TABLE copied AS WITH w AS (UPDATE people SET name = name RETURNING *) SELECT id, phone AS line FROM w": "****",
    "CREATE TEMP TABLE t AS SELECT id, phone AS l FROM people; CREATE TABLE copied AS WITH w AS (DELETE FROM t RETURNING *) "
    "SELECT id, l AS line FROM w": "****",
    "CREATE TABLE copied AS WITH w AS (DELETE FROM people RETURNING id, phone) SELECT id, phone AS line FROM w": "****",
    "CREATE TABLE copied AS SELECT id, line FROM (VALUES (1, (SELECT min(phone) FROM people))) v(id, line)": "****",
    "CREATE TABLE copied AS SELECT id, phone(p) AS line FROM people p": "****",
    "EXPLAIN ANALYZE CREATE TABLE copied AS SELECT id, phone AS line FROM people": "****",
    "PREPARE q AS SELECT id, phone AS line FROM people; EXPLAIN ANALYZE CREATE TABLE copied AS EXECUTE q": "****",
    "CREATE TEMP TABLE t AS SELECT id, phone AS l FROM people; CREATE TABLE copied AS SELECT id, l AS line FROM t": "****",
    "CREATE TABLE c AS SELECT id, phone AS line FROM people; ALTER TABLE c RENAME TO copied": "****",
    "CREATE TABLE copied AS SELECT id, phone FROM people; ALTER TABLE copied RENAME phone TO line": "****",
    "CREATE TABLE c AS SELECT id, phone AS line FROM people; CREATE TABLE copied AS SELECT * FROM c": "****",
}


@pytest.fixture
def places(house, postgres):
    """Where each way is tried: in a schema of its own."""
    found = {way: f"SET search_path = s{number}" for number, way in enumerate(WAYS)}
    postgres.run_sql(
        ";".join(f"CREATE SCHEMA s{n}; {place}; {SCHEMA}" for n, place in enumerate(found.values())), "labels"
    )
    return found


def is_labelled(louver, way, place):
    """Look at a copy: who may not see phones does not see them there."""
    asked = "SELECT line FROM copied ORDER BY id LIMIT 1"
    assert run(louver, "clerk", place, asked) == [(WAYS[way],)]
    assert run(louver, "boss", place, asked) != [("****",)]


def test_copies_stay_labelled_after_a_crash(house, places, subtests):
    """Killed right after each of the statements."""
    before = []
    for way, place in places.items():
        with house() as louver:
            for each in before[-1:]:
                with subtests.test(each):
                    is_labelled(louver, each, places[each])
            run(louver, "boss", place, way)
            before.append(way)
            kill(louver)
    with house() as louver:
        is_labelled(louver, before[-1], places[before[-1]])


def test_copies_stay_labelled_after_a_restart(house, places, subtests):
    """The same after a stop as one is wished for, for all ways at once."""
    with house() as louver:
        for way, place in places.items():
            run(louver, "boss", place, way)
        assert louver.stop() == 0
    with house() as louver:
        for way, place in places.items():
            with subtests.test(way):
                is_labelled(louver, way, place)


def test_a_crash_between_the_statement_and_its_commit(house, postgres):
    """The label is on the disk before the statement leaves, and holds for the table that others have made meanwhile."""
    with house() as louver, contextlib.suppress(psycopg.OperationalError), logged_in(louver, "boss") as boss:
        boss.execute("BEGIN")
        boss.execute("CREATE TABLE copied AS SELECT phone AS line FROM people WHERE id = 1")
        kill(louver)
    postgres.run_sql("CREATE TABLE IF NOT EXISTS copied AS SELECT phone AS line FROM people WHERE id = 1", "labels")
    with house() as louver:
        assert run(louver, "clerk", "SELECT line FROM copied") == [("****",)]


@pytest.mark.parametrize("end", [lambda louver: louver.stop(), kill], ids=["stopped", "killed"])
def test_a_renamed_or_detached_column_stays_labelled(house, postgres, end):
    """Renamed through Louver or while it is down, the table or the column; a partition that has been detached, too."""
    with house() as louver:
        run(louver, "boss", "ALTER TABLE people RENAME COLUMN phone TO line")
        assert run(louver, "clerk", "SELECT line, code FROM people WHERE id = 1") == [("****", "****")]
        run(louver, "boss", "CREATE TABLE part () INHERITS (people)", "INSERT INTO part VALUES (3, 'Cy', '138', 'c3')")
        assert run(louver, "clerk", "SELECT line FROM part") == [("****",)]
        run(louver, "boss", "ALTER TABLE part NO INHERIT people")
        assert run(louver, "clerk", "SELECT line FROM part") == [("****",)]
        end(louver)
    postgres.run_sql("ALTER TABLE people RENAME TO folks; ALTER TABLE part RENAME COLUMN line TO l", "labels")
    with house() as louver:
        assert run(louver, "clerk", "SELECT line, code FROM folks WHERE id = 1") == [("****", "****")]
        assert run(louver, "clerk", "SELECT l, code FROM part") == [("****", "****")]
        assert labels(louver) == {
            "public.folks.line": ("phone", "renamed", "there"),
            "public.folks.code": ("code", "renamed", "there"),
            "public.part.l": ("phone", "detached", "there"),
            "public.part.code": ("code", "detached", "there"),
        }


@pytest.mark.parametrize(
    "failing",
    [
        "CREATE TABLE copied AS SELECT id / 0 AS id, phone AS line FROM people",
        "PREPARE q AS SELECT id / 0 AS id, phone AS line FROM people; CREATE TABLE copied AS EXECUTE q",
        "SELECT id / 0 AS id, phone AS line INTO copied FROM people",
    ],
)
def test_what_has_failed_leaves_no_labels_behind(house, failing):
    """A table that is made next under that name has those of its own statement."""
    with house() as louver, logged_in(louver, "boss") as boss:
        *before, last = failing.split(";")
        for sql in before:
            boss.execute(sql)
        with pytest.raises(psycopg.errors.DivisionByZero):
            boss.execute(last)
        boss.execute("CREATE TABLE copied AS SELECT id, name AS line FROM people")
        assert run(louver, "clerk", "SELECT line FROM copied ORDER BY id") == [("Ann",), ("Bo",)]


def test_what_is_rolled_back_leaves_no_labels_behind(house):
    """By whatever ends the transaction: ROLLBACK, or COMMIT of one that has failed."""
    with house() as louver, logged_in(louver, "boss") as boss:
        for end in ("ROLLBACK", "COMMIT"):
            boss.execute("BEGIN")
            boss.execute(COPIED)
            boss.execute("SAVEPOINT s")
            with pytest.raises(psycopg.errors.DivisionByZero):
                boss.execute("SELECT 1 / 0")
            boss.execute(end)
        boss.execute("CREATE TABLE copied AS SELECT id, name AS line FROM people")
        assert run(louver, "clerk", "SELECT line FROM copied ORDER BY id") == [("Ann",), ("Bo",)]


COPIED = "CREATE TABLE copied AS SELECT id, phone AS line FROM people"


@pytest.mark.parametrize(
    "texts",
    [("BEGIN", f"{COPIED}; COMMIT; SELECT 1 / 0"), (COPIED, COPIED)],
    ids=["committed before the error", "made before"],
)
def test_what_stays_of_what_fails_is_labelled(house, texts):
    """The first of several statements may have been committed; one that fails may do so because another has not."""
    with house() as louver:
        with logged_in(louver, "boss") as boss:
            boss.execute(texts[0])
            with pytest.raises(psycopg.Error):
                boss.execute(texts[1])
        assert run(louver, "clerk", "SELECT line FROM copied ORDER BY id") == [("****",), ("****",)]


GENERATED = "ALTER TABLE people ADD COLUMN tail text GENERATED ALWAYS AS (right(phone, 4) || name) STORED"
MIXED = "ALTER TABLE people ADD COLUMN mix text GENERATED ALWAYS AS (phone || code) STORED"


@pytest.mark.parametrize("where", ["through Louver", "elsewhere"])
def test_a_generated_column_has_the_label_of_what_it_is_computed_from(house, postgres, where):
    """Who sees all of that sees it; it stays labelled as a plain column; without labels there it has none."""
    with house() as louver:
        for sql in (GENERATED, MIXED):
            run(louver, "boss", sql) if where == "through Louver" else postgres.run_sql(sql, "labels")
        run(louver, "boss", "CREATE TABLE noticed ()")
        asked = "SELECT tail, mix FROM people WHERE id = 1"
        assert run(louver, "clerk", asked) == [("****", "****")]
        assert run(louver, "agent", asked) == [("0001Ann", "****")]
        assert run(louver, "boss", asked) == [("0001Ann", "13800000001c1")]
        assert labels(louver) == {
            "public.people.tail": ("derived", "generated", "there"),
            "public.people.mix": ("derived", "generated", "there"),
        }
        postgres.run_sql("ALTER TABLE people ALTER tail DROP EXPRESSION", "labels")
        run(louver, "boss", "DROP TABLE noticed")
        assert run(louver, "clerk", asked) == [("****", "****")]
        kill(louver)
    with house() as louver:
        assert run(louver, "clerk", asked) == [("****", "****")]
        louver.policies.write_text(POLICIES.replace("labels.*.people.", "labels.*.nobody."))
        louver.hang_up()
        run(louver, "boss", "CREATE TABLE noticed ()")
        assert run(louver, "clerk", asked) == [("****", "13800000001c1")]


def test_a_restored_dump_has_its_labels_again(house, postgres):
    """The tables have other OIDs than before, so that their names count; whether Louver was running or not."""
    dump = "DROP TABLE copied; CREATE TABLE copied AS SELECT phone AS line, name FROM people WHERE id = 1"
    with house() as louver:
        run(louver, "boss", "CREATE TABLE copied AS SELECT phone AS line, name FROM people WHERE id = 1")
        assert run(louver, "clerk", "SELECT line FROM copied") == [("****",)]
        louver.stop()
    postgres.run_sql(dump, "labels")
    with house() as louver:
        assert run(louver, "clerk", "SELECT line, name FROM copied") == [("****", "Ann")]
        postgres.run_sql("DROP TABLE copied", "labels")
        run(louver, "boss", "CREATE TABLE other (a int)", "SELECT * FROM people")
        assert labels(louver) == {"public.copied.line": ("phone", "copied", "gone")}
        postgres.run_sql("CREATE TABLE copied AS SELECT phone AS line, name FROM people WHERE id = 1", "labels")
        run(louver, "boss", "CREATE TABLE another (a int)")
        assert run(louver, "clerk", "SELECT line, name FROM copied") == [("****", "Ann")]


def test_a_table_made_anew_through_louver_has_nothing_of_the_old_one(house):
    """What it holds is known by the statement that makes it, now and after a restart."""
    with house() as louver:
        run(louver, "boss", "CREATE TABLE copied AS SELECT phone AS line FROM people")
        assert run(louver, "clerk", "SELECT line FROM copied LIMIT 1") == [("****",)]
        run(louver, "boss", "DROP TABLE copied")
        run(louver, "clerk", "SELECT id FROM people")
        run(louver, "boss", "CREATE TABLE copied AS SELECT name AS line FROM people WHERE id = 1")
        assert run(louver, "clerk", "SELECT line FROM copied") == [("Ann",)]
        louver.stop()
    with house() as louver:
        assert run(louver, "clerk", "SELECT line FROM copied") == [("Ann",)]
        assert labels(louver) == {}


def test_a_label_is_listed_recorded_and_dropped(house):
    """The compliance officer sees what copies there are, who made them from what, and settles them one by one."""
    with house() as louver:
        run(louver, "boss", "CREATE TABLE copied AS SELECT phone AS line, code AS c FROM people WHERE id = 1")
        assert run(louver, "clerk", "SELECT line, c FROM copied") == [("****", "****")]
        assert labels(louver) == {
            "public.copied.line": ("phone", "copied", "there"),
            "public.copied.c": ("code", "copied", "there"),
        }
        command = [sys.executable, "-m", "louver", "labels", "drop", "public.copied.line", "-c"]
        done = subprocess.run([*command, louver.directory / "louver.yaml"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        louver.hang_up()
        assert run(louver, "clerk", "SELECT line, c FROM copied") == [("13800000001", "****")]
        louver.stop()
        found = [each for each in records(louver.audit_directory) if each["event"] == "labelled"]
    told = {(each["column"], each["category"], each["why"], *each["sources"], each["principal"]) for each in found}
    assert told == {
        ("public.copied.line", "phone", "copied", "public.people.phone", "boss"),
        ("public.copied.c", "code", "copied", "public.people.code", "boss"),
    }
    with house() as louver:
        assert run(louver, "clerk", "SELECT line, c FROM copied") == [("13800000001", "****")]


def test_what_a_partly_masked_caller_copies_clear_is_labelled(house):
    """The agent sees phones and no codes: the copy's phones are hidden from the clerk, its codes are stored masked."""
    with house() as louver:
        run(louver, "agent", "CREATE TABLE copied AS SELECT phone AS line, code AS c, name FROM people WHERE id = 1")
        assert run(louver, "clerk", "SELECT line, c, name FROM copied") == [("****", "****", "Ann")]
        assert run(louver, "agent", "SELECT line, c, name FROM copied") == [("13800000001", "****", "Ann")]
        assert labels(louver) == {"public.copied.line": ("phone", "copied", "there")}


def test_what_goes_through_a_temporary_table_is_labelled(house):
    """The agent's copy of a copy that nobody else could see: as sensitive as what went into it, until it is made anew."""
    with house() as louver, logged_in(louver, "agent") as agent:
        agent.execute("CREATE TEMP TABLE scratch AS SELECT phone AS line FROM people WHERE id = 1")
        assert agent.execute("SELECT line FROM scratch").fetchall() == [("13800000001",)]
        agent.execute("CREATE TABLE copied AS SELECT line FROM scratch")
        assert run(louver, "clerk", "SELECT line FROM copied") == [("****",)]
        assert agent.execute("SELECT line FROM copied").fetchall() == [("13800000001",)]
        agent.execute("DROP TABLE scratch")
        agent.execute("CREATE TEMP TABLE scratch AS SELECT name AS line FROM people WHERE id = 1")
        agent.execute("CREATE TABLE clean AS SELECT line FROM scratch")
        assert run(louver, "clerk", "SELECT line FROM clean") == [("Ann",)]


def test_a_prepared_statement_labels_each_time_it_runs(house):
    """The table is dropped and made again by the same prepared statement, which is known before it is bound."""
    with house() as louver, logged_in(louver, "boss") as boss:
        boss.prepare_threshold = 0
        for _ in range(3):
            boss.execute("CREATE TABLE copied AS SELECT phone AS line FROM people WHERE id = 1", prepare=True)
            assert run(louver, "clerk", "SELECT line FROM copied") == [("****",)]
            boss.execute("DROP TABLE copied")


def test_without_a_place_for_labels_it_does_not_start(louver_factory, tmp_path):
    """A file that cannot be opened is found at the start."""
    with (
        pytest.raises(AssertionError, match="ledger of labels"),
        louver_factory(users=USERS, policies=POLICIES, labels_file=str(tmp_path)),
    ):
        pass
