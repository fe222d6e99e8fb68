"""Migrations through Louver: what a transaction has defined is known to its next statement, and to everybody after it."""

from __future__ import annotations

import psycopg
import pytest

POLICIES = """
version: 1
dictionary:
  - {column: "*.*.*.phone", category: phone, level: 3}
  - {column: "*.*.later.code", category: code, level: 3}
categories: {phone: full, code: full}
rules:
  - {name: bosses see phones, columns: {category: [phone, derived]}, when: principal.role == "boss", treatment: clear}
"""
SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, phone text);
INSERT INTO people VALUES (1, 'Ann', '13800000001'), (2, 'Bo', '13800000002');
CREATE TABLE orders (id int, memo text);
INSERT INTO orders VALUES (1, 'first');
"""


@pytest.fixture(scope="module")
def house(louver_factory, postgres):
    """A database of its own behind Louver, with a clerk for whom phones are masked and a boss who sees them."""
    postgres.create_database("migrations")
    postgres.run_sql(SCHEMA, "migrations")
    with louver_factory(users={"clerk": {"role": "clerk"}, "boss": {"role": "boss"}}, policies=POLICIES) as louver:
        yield louver


@pytest.fixture
def clerk(house):
    with psycopg.connect(house.dsn("clerk", database="migrations"), prepare_threshold=None) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def boss(house):
    with psycopg.connect(house.dsn("boss", database="migrations"), prepare_threshold=None) as connection:
        yield connection
        connection.rollback()


def one(connection, sql):
    """The only value of a statement's first row."""
    return connection.execute(sql).fetchone()[0]


def test_a_labelled_table_made_in_an_open_transaction_is_masked_at_once(clerk):
    """The dictionary names its column, so that its maker reads it masked before COMMIT, too."""
    clerk.execute("CREATE TABLE contacts AS SELECT 1 AS id, '13800000009'::text AS phone")
    assert one(clerk, "SELECT phone FROM contacts") == "****"
    assert one(clerk, "SELECT c::text FROM contacts c") == "(1,****)"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        clerk.execute("ALTER TABLE contacts RENAME COLUMN phone TO line")


def test_a_caller_who_saw_everything_is_masked_in_what_is_labelled_now(boss):
    """The first labelled column that is not clear for him comes into being in his own transaction."""
    boss.execute("CREATE TABLE later AS SELECT 1 AS id, 'HIDDEN'::text AS code")
    assert one(boss, "SELECT code FROM later") == "****"
    assert one(boss, "SELECT phone FROM people WHERE id = 1") == "13800000001"
    boss.rollback()
    assert one(boss, "SELECT count(*) FROM people") == 2


def test_a_column_added_in_an_open_transaction(clerk):
    """It is known to the next statement, and labelled when the dictionary names it."""
    clerk.execute("ALTER TABLE orders ADD COLUMN total int DEFAULT 7, ADD COLUMN phone text DEFAULT '13800000005'")
    assert clerk.execute("SELECT total, phone FROM orders").fetchall() == [(7, "****")]
    assert clerk.execute("SELECT * FROM orders").fetchall() == [(1, "first", 7, "****")]


def test_a_view_made_in_an_open_transaction(clerk):
    """It is expanded as its maker's transaction has it, replaced, renamed and stacked."""
    clerk.execute("CREATE VIEW lines AS SELECT id, phone AS line FROM people")
    assert one(clerk, "SELECT line FROM lines WHERE id = 1") == "****"
    clerk.execute("CREATE OR REPLACE VIEW lines AS SELECT id, upper(phone) AS line FROM people")
    clerk.execute("CREATE VIEW over AS SELECT line AS p FROM lines")
    clerk.execute("ALTER VIEW over RENAME COLUMN p TO q")
    assert one(clerk, "SELECT q FROM over") == "****"
    clerk.execute("CREATE VIEW plain AS SELECT memo FROM orders")
    assert one(clerk, "SELECT memo FROM plain") == "first"


def test_savepoints_undo_what_was_defined(clerk):
    """After ROLLBACK TO the older definition is the one that is read, after an error as well."""
    clerk.execute("CREATE VIEW v AS SELECT memo FROM orders")
    clerk.execute("SAVEPOINT s")
    clerk.execute("DROP VIEW v")
    clerk.execute("CREATE VIEW v AS SELECT phone AS memo FROM people")
    assert one(clerk, "SELECT memo FROM v") == "****"
    clerk.execute("ROLLBACK TO s")
    assert one(clerk, "SELECT memo FROM v") == "first"
    clerk.execute("CREATE OR REPLACE VIEW v AS SELECT name AS memo FROM people")
    with pytest.raises(psycopg.errors.DivisionByZero):
        clerk.execute("SELECT 1 / 0")
    clerk.execute("ROLLBACK TO s")
    assert one(clerk, "SELECT memo FROM v") == "first"


def test_settings_are_the_sessions_own_after_looking(clerk):
    """What is changed to read definitions is as before, in the transaction and after it."""
    clerk.execute("SET datestyle = German")
    clerk.commit()
    clerk.execute("SET search_path = pg_catalog, public")
    clerk.execute("CREATE TABLE public.scratch (id int)")
    assert one(clerk, "SELECT count(*) FROM scratch") == 0
    shown = [one(clerk, "SHOW search_path"), one(clerk, "SHOW datestyle"), one(clerk, "SELECT date '2026-02-01'::text")]
    assert shown == ["pg_catalog, public", "German, DMY", "01.02.2026"]
    clerk.execute("DROP TABLE public.scratch")
    clerk.commit()
    assert [one(clerk, "SHOW search_path"), one(clerk, "SHOW datestyle")] == ["pg_catalog, public", "German, DMY"]


def test_renames_by_a_caller_who_may(clerk, boss):
    """Within his transaction he reads the new names; after it, they are as protected for others as the old ones."""
    boss.execute("ALTER TABLE people RENAME TO folks")
    boss.execute("ALTER TABLE folks RENAME COLUMN phone TO line")
    assert one(boss, "SELECT line FROM folks WHERE id = 1") == "13800000001"
    boss.commit()
    try:
        assert one(clerk, "SELECT line FROM folks WHERE id = 1") == "****"
        clerk.commit()
    finally:
        boss.execute("ALTER TABLE folks RENAME COLUMN line TO phone")
        boss.execute("ALTER TABLE folks RENAME TO people")
        boss.commit()
    assert one(clerk, "SELECT phone FROM people WHERE id = 1") == "****"


def test_a_partition_or_child_made_in_an_open_transaction(clerk, boss):
    """A child of a protected table is protected like it for whoever reads it."""
    boss.execute("CREATE TABLE more_people () INHERITS (people)")
    boss.execute("INSERT INTO more_people VALUES (3, 'Cy', '13800000003')")
    boss.commit()
    assert one(clerk, "SELECT phone FROM more_people") == "****"
    clerk.commit()
    boss.execute("DROP TABLE more_people")
    boss.commit()


COPIES = {
    "CREATE TABLE copied AS SELECT id, phone AS line, name FROM people": ("1", "****", "Ann"),
    "CREATE TABLE copied AS SELECT id, left(phone, 20) AS line, name FROM people": ("1", "****", "Ann"),
    "SELECT id, p.phone AS line, name INTO copied FROM people p": ("1", "****", "Ann"),
    "CREATE TABLE copied AS SELECT id, id AS line, name FROM people WHERE phone LIKE '1%'": ("0", "0", "****"),
    "CREATE TABLE copied AS SELECT id, id + 1 AS line, name FROM people": ("1", "2", "Ann"),
    "CREATE TABLE copied (id, line, name) AS SELECT id, phone, name FROM people": ("0", "****", "****"),
    "CREATE TABLE copied AS SELECT id, line, name FROM (SELECT id, phone AS line, name FROM people) x": (
        "0",
        "****",
        "****",
    ),
    "CREATE TABLE copied AS SELECT id, line, 'x' AS name FROM hotlines": ("0", "****", "x"),
}


@pytest.mark.parametrize("sql", COPIES)
def test_a_table_made_from_labelled_columns_inherits_them(boss, clerk, sql):
    """Made by a caller who sees them clear, it is masked for others from its commit on, and before that in what is derived."""
    boss.execute("CREATE VIEW hotlines AS SELECT id, phone AS line FROM people")
    boss.commit()
    try:
        boss.execute(sql)
        boss.commit()
        found = clerk.execute("SELECT id::text, line::text, name FROM copied ORDER BY id").fetchall()
        assert found[0] == COPIES[sql]
        clerk.commit()
    finally:
        clerk.rollback()
        boss.rollback()
        boss.execute("DROP TABLE IF EXISTS copied")
        boss.execute("DROP VIEW hotlines")
        boss.commit()


def test_a_copy_is_hidden_from_others_the_moment_it_is_committed(boss, clerk):
    """No statement of another session reads it clear, not even one that waits for the commit on its own connection."""
    for _ in range(5):
        boss.execute("CREATE TABLE mine AS SELECT phone AS line, upper(phone) AS more FROM people WHERE id = 1")
        assert boss.execute("SELECT line, more FROM mine").fetchone() == ("13800000001", "13800000001")
        boss.commit()
        assert clerk.execute("SELECT line, more FROM mine").fetchone() == ("****", "****")
        clerk.commit()
        boss.execute("DROP TABLE mine")
        boss.commit()


def test_a_table_like_a_labelled_one_inherits_its_labels(house, boss, clerk):
    """LIKE copies the columns' labels, whatever fills the table later, and a rename keeps them."""
    boss.execute("CREATE TABLE alike (LIKE people)")
    boss.execute("INSERT INTO alike SELECT * FROM people WHERE id = 1")
    boss.execute("ALTER TABLE alike RENAME COLUMN phone TO line")
    boss.commit()
    assert one(clerk, "SELECT line FROM alike") == "****"
    clerk.commit()
    boss.execute("DROP TABLE alike")
    boss.commit()


def test_definitions_in_a_row_by_the_extended_protocol(house):
    """Statements with parameters go by Parse, Bind and Execute: those between definitions are not taken for outdated."""
    with psycopg.connect(house.dsn("clerk", database="migrations"), autocommit=True) as connection:
        for number in range(5):
            connection.execute(f"CREATE TABLE row_{number} (id int)", binary=True)
            connection.execute("BEGIN", binary=True)
            connection.execute("COMMIT", binary=True)
        for number in range(5):
            connection.execute(f"DROP TABLE row_{number}", binary=True)
        assert one(connection, "SELECT count(*) FROM people") == 2


def test_the_structure_of_a_protected_table_is_changed_by_a_masked_caller(clerk):
    """What tells no hidden value works: columns, constraints, indexes, foreign keys, children, TRUNCATE, DROP."""
    for sql in (
        "LOCK TABLE people IN ACCESS EXCLUSIVE MODE",
        "COMMENT ON TABLE people IS 'customers'",
        "ALTER TABLE people ADD COLUMN made date NOT NULL DEFAULT current_date, ADD COLUMN kind text CHECK (kind <> '')",
        "ALTER TABLE people ALTER name SET NOT NULL, ALTER kind SET DEFAULT 'plain', ADD UNIQUE (name, made)",
        "ALTER TABLE people RENAME COLUMN kind TO sort",
        "CREATE INDEX people_sort ON people (sort, lower(name)) WHERE id > 0",
        "CREATE TABLE visits (id serial PRIMARY KEY, person int REFERENCES people (id) ON DELETE CASCADE)",
        "CREATE TABLE guests () INHERITS (people)",
        "CREATE TABLE draft (LIKE people INCLUDING ALL)",
        "GRANT SELECT ON people TO PUBLIC",
        "ANALYZE people",
        "REINDEX TABLE people",
    ):
        clerk.execute(sql)
    assert clerk.execute("SELECT name, phone, sort FROM people ORDER BY id").fetchall() == [
        ("Ann", "****", None),
        ("Bo", "****", None),
    ]
    clerk.execute("INSERT INTO guests (id, name, phone) VALUES (9, 'Guest', '13800000009')")
    assert one(clerk, "SELECT phone FROM guests") == "****"
    clerk.execute("ALTER TABLE people DROP COLUMN phone")
    clerk.execute("TRUNCATE people CASCADE")
    clerk.execute("DROP TABLE visits, guests, people")


def test_vacuum_of_a_protected_table_by_a_masked_caller(house):
    """VACUUM tells nothing, VACUUM VERBOSE tells sizes."""
    with psycopg.connect(house.dsn("clerk", database="migrations"), autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) people")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("VACUUM VERBOSE people")


def test_a_protected_table_is_dropped_and_made_anew(house):
    """What stood in the way of the name is gone when its successor is ruled on, which is masked, too."""
    with psycopg.connect(house.dsn("clerk", database="migrations"), autocommit=True, prepare_threshold=None) as clerk:
        clerk.execute("CREATE TABLE callers (id int, phone text)")
        clerk.execute("DROP TABLE callers")
        clerk.execute("CREATE TABLE callers (id int, phone text, note text)")
        clerk.execute("INSERT INTO callers VALUES (1, '13800000001', 'x')")
        assert one(clerk, "SELECT phone FROM callers") == "****"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            clerk.execute("CREATE TABLE callers (phone text)")
        clerk.execute("DROP TABLE callers")
