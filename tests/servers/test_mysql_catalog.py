"""The catalog of a real MySQL and a real MariaDB, as the snapshot holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from proxy.catalogs import CatalogUnavailable
from proxy.mysql.introspection import NEEDED, open_connection, read_catalog, read_fingerprint
from rewriter.mysql.catalog import Column, Link, Routine, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL
    from rewriter.mysql.catalog import Catalog, Table

# Fingerprints are server-wide: no other module may change definitions meanwhile.
DEFINITIONS = (
    (
        "CREATE TABLE parent (id int PRIMARY KEY, `name` varchar(20) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL, "
        "b int, doc json, twice int AS (b + b) STORED, at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, "
        "big bigint unsigned, kind enum('a','b''c'), UNIQUE KEY pair (name, b), KEY plain (big), CONSTRAINT sane CHECK (b > 0))"
    ),
    "CREATE TABLE child (id int, parent_id int, CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent (id))",
    "CREATE VIEW seen AS SELECT p.name AS n, '\u5f20\u4e09''s' AS s FROM parent p WHERE p.b > 1",
    "CREATE SQL SECURITY INVOKER VIEW outer_seen AS SELECT * FROM seen",
    "CREATE TRIGGER tidy BEFORE INSERT ON parent FOR EACH ROW SET NEW.name = UPPER(NEW.name)",
    "CREATE TRIGGER later AFTER INSERT ON parent FOR EACH ROW SET @x = 1",
    "CREATE FUNCTION Plus(x int) RETURNS int DETERMINISTIC RETURN x + 1",
    "CREATE PROCEDURE show_them() SELECT name FROM parent",
    "CREATE TABLE parts (id int, d int) PARTITION BY RANGE (id + 1) (PARTITION p0 VALUES LESS THAN (10))",
)


def settings(server: LocalMySQL, **given: object) -> dict[str, Any]:
    return {"host": server.host, "port": server.port, "user": server.user, "password": server.password, **given}


@pytest.fixture(scope="module", name="either")
def server(own_server: LocalMySQL) -> LocalMySQL:
    return own_server


@pytest.fixture(scope="module")
def schema(own_server: LocalMySQL) -> str:
    return own_server.create_schema("catalogs")


@pytest.fixture(scope="module")
def connection(either: LocalMySQL, schema: str) -> Iterator[pymysql.Connection[Any]]:
    with either.connect(schema) as connection:
        for statement in DEFINITIONS:
            run(connection, statement)
        invisible = "INVISIBLE" if either.flavour == "mysql" or either.version >= (10, 3, 0) else ""
        run(connection, f"ALTER TABLE child ADD COLUMN hidden int {invisible}")
        yield connection


def run(connection: pymysql.Connection[Any], text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text)


@pytest.fixture
async def catalog(either: LocalMySQL, connection: pymysql.Connection[Any]) -> Catalog:
    return await read_catalog(settings(either), 7)


def table(catalog: Catalog, schema: str, name: str) -> Table:
    return catalog.tables[schema, name]


async def test_columns_are_as_the_server_has_them(catalog: Catalog, schema: str, either: LocalMySQL) -> None:
    """Type, null, character set, invisibility and generation of each column, in order."""
    parent = table(catalog, schema, "parent")
    assert [column.name for column in parent.columns] == ["id", "name", "b", "doc", "twice", "at", "big", "kind"]
    by_name = {column.name: column for column in parent.columns}
    assert by_name["name"] == Column("name", 2, "varchar(20)", "varchar", True, "latin1", "latin1_german1_ci")
    assert by_name["twice"].generated
    assert not by_name["at"].generated
    assert by_name["kind"].type_name == "enum('a','b''c')"
    assert by_name["big"].type_name.endswith("unsigned")
    # JSON is known as such on both, though it is a checked text on one
    assert by_name["doc"].base_type == "json"
    assert (by_name["doc"].character_set is None) == (either.flavour == "mysql")
    assert [column.name for column in table(catalog, schema, "child").columns if column.invisible] == ["hidden"]
    assert (catalog.flavour, catalog.version, catalog.revision) == (either.flavour, either.version, 7)
    assert catalog.whole
    assert not catalog.folds_names


async def test_keys_links_and_checks(catalog: Catalog, schema: str) -> None:
    """Unique keys with the primary one first, foreign keys on both sides, what the server works out of a row."""
    parent, child = table(catalog, schema, "parent"), table(catalog, schema, "child")
    assert parent.unique == (("id",), ("name", "b"))
    assert {index.name: index.columns for index in parent.indexes} == {
        "PRIMARY": ("id",),
        "pair": ("name", "b"),
        "plain": ("big",),
    }
    assert child.links == (Link("fk", ("parent_id",), (schema, "parent"), ("id",), refers=True),)
    assert parent.links == (Link("fk", ("id",), (schema, "child"), ("parent_id",), refers=False),)
    found = [check.replace("(", "").replace(")", "") for check in parent.checks]
    assert sorted(found) == ["`b` + `b`", "`b` > 0"]
    assert any("id" in check for check in table(catalog, schema, "parts").checks)


async def test_views_have_their_qualified_definitions(catalog: Catalog, schema: str) -> None:
    """Every name in a definition has its schema, text in any script is whole, and whose rights a view has is known."""
    seen, outer = table(catalog, schema, "seen"), table(catalog, schema, "outer_seen")
    assert (seen.kind, seen.invoker, outer.invoker) == ("view", False, True)
    assert f"`{schema}`.`parent`" in str(seen.definition)
    assert "\u5f20\u4e09" in str(seen.definition)
    assert f"`{schema}`.`seen`" in str(outer.definition)
    assert [column.name for column in seen.columns] == ["n", "s"]


async def test_triggers_and_routines_have_their_bodies(catalog: Catalog, schema: str) -> None:
    """Triggers stand with their table, routines under their name in lower case."""
    assert set(table(catalog, schema, "parent").triggers) == {
        Trigger("tidy", "INSERT", "SET NEW.name = UPPER(NEW.name)"),
        Trigger("later", "INSERT", "SET @x = 1"),
    }
    assert catalog.routines[schema, "plus"] == Routine(schema, "Plus", "function", "RETURN x + 1")
    assert catalog.routines[schema, "show_them"].body == "SELECT name FROM parent"


async def test_the_servers_own_schemas_are_not_read(catalog: Catalog) -> None:
    """Nothing of the server's own schemas is in the snapshot: names there are judged by other rules, and reading them takes long."""
    names = {schema.lower() for schema, _ in (*catalog.tables, *catalog.routines)}
    assert not names & {"mysql", "information_schema", "performance_schema", "sys"}


CHANGES = (
    "ALTER TABLE child ADD COLUMN extra int",
    "ALTER TABLE child RENAME COLUMN extra TO other",
    "ALTER TABLE child DROP COLUMN other",
    "ALTER TABLE child ADD UNIQUE KEY u (id)",
    "ALTER TABLE child DROP KEY u",
    "CREATE OR REPLACE VIEW seen AS SELECT p.name AS n, 'x' AS s FROM parent p WHERE p.b > 2",
    "CREATE TRIGGER more BEFORE DELETE ON child FOR EACH ROW SET @y = 1",
    "DROP TRIGGER more",
    "CREATE FUNCTION two() RETURNS int DETERMINISTIC RETURN 2",
    "DROP FUNCTION two",
    "CREATE TABLE another (id int)",
    "RENAME TABLE another TO renamed",
    "ALTER TABLE renamed ADD CONSTRAINT c CHECK (id > 1)",
    "ALTER TABLE renamed MODIFY id varchar(10) COLLATE utf8mb4_bin",
    "DROP TABLE renamed",
)


def test_the_fingerprint_changes_with_definitions_alone(
    either: LocalMySQL, schema: str, connection: pymysql.Connection[Any]
) -> None:
    """Every kind of change gives another fingerprint, rows and readings give the same."""
    with open_connection(settings(either)) as watching:
        seen = [read_fingerprint(watching, either.flavour)]
        run(connection, "INSERT INTO child (id) VALUES (1)")
        assert read_fingerprint(watching, either.flavour) == seen[0]
        for change in CHANGES:
            run(connection, change)
            found = read_fingerprint(watching, either.flavour)
            assert found != seen[-1], change
            seen.append(found)


def test_no_default_of_the_server_changes_the_definitions(
    either: LocalMySQL, schema: str, connection: pymysql.Connection[Any]
) -> None:
    """With ANSI_QUOTES for all new sessions the definitions are read with backticks as before."""
    with open_connection(settings(either)) as watching:
        before = read_fingerprint(watching, either.flavour)
    with either.connect(init_command="SET SESSION sql_mode = 'ANSI_QUOTES'") as other:
        assert other.open
    given = settings(either, init_command="SET SESSION sql_mode = 'ANSI_QUOTES', character_set_results = latin1")
    with open_connection(given) as watching:
        assert read_fingerprint(watching, either.flavour) == before


async def test_an_account_that_does_not_see_all_is_refused(
    either: LocalMySQL, schema: str, connection: pymysql.Connection[Any]
) -> None:
    """Without a privilege that makes tables, definitions or triggers visible there is no snapshot; with all there is."""
    run(connection, "DROP USER IF EXISTS reader")
    run(connection, "CREATE USER reader IDENTIFIED BY 'a'")
    given = settings(either, user="reader", password="a")
    run(connection, f"GRANT SELECT ON `{schema}`.* TO reader")
    for missing in NEEDED:
        run(connection, f"GRANT {', '.join(set(NEEDED) - {missing})} ON *.* TO reader")
        with pytest.raises(CatalogUnavailable, match=f"lacks {missing} on"):
            await read_catalog(given, 1)
        run(connection, "REVOKE ALL, GRANT OPTION FROM reader")
    run(connection, f"GRANT {', '.join(NEEDED)} ON *.* TO reader")
    catalog = await read_catalog(given, 1)
    assert catalog == await read_catalog(settings(either), 1)
    assert catalog.whole
    assert all(routine.body for routine in catalog.routines.values())
    run(connection, "DROP USER reader")


async def test_a_server_that_does_not_answer_is_an_error() -> None:
    """Nobody listening is an OSError or an error of PyMySQL, as the caller expects."""
    with pytest.raises((OSError, pymysql.MySQLError)):
        await read_catalog({"host": "127.0.0.1", "port": 1, "user": "x", "password": "x"}, 1)
