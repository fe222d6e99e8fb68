"""Tools that look at the catalog work for a caller of whom rows are hidden, and tell nothing of how many there are."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.postgres import LocalPostgres

DATABASE = "introspected"
POLICIES = """
version: 1
filters:
  - {name: own region, tables: people, rows: "region = {principal.region}"}
"""
SCHEMA = """
CREATE TABLE teams (id int PRIMARY KEY, name text);
CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL, region text, team int REFERENCES teams, CHECK (id > 0));
CREATE INDEX people_region ON people (region);
CREATE VIEW named AS SELECT name FROM people;
INSERT INTO people (name, region) SELECT 'n' || i, 'north' FROM generate_series(1, 7321) i;
ANALYZE people;
"""


@pytest.fixture(scope="module")
def louver(louver_factory: Any, postgres: LocalPostgres) -> Iterator[RunningLouver]:
    """A proxy before a table of 7321 rows, of which the clerk has none."""
    postgres.create_database(DATABASE)
    postgres.run_sql(SCHEMA, DATABASE)
    with louver_factory(users={"clerk": {"region": "south"}}, policies=POLICIES) as running:
        yield running


@pytest.mark.parametrize(
    "command",
    [
        r"\d",
        r"\d people",
        r"\d+ people",
        r"\dt",
        r"\dt+",
        r"\di+",
        r"\dv+",
        r"\d named",
        r"\dn+",
        r"\df",
        r"\dp",
        r"\ds+",
        r"\l",
        r"\dT",
        r"\du",
        r"\dx",
        r"\dm+",
        r"\det",
        r"\dP+",
        r"\dd",
        r"\sv named",
    ],
)
def test_psql_shows_what_there_is(louver: RunningLouver, postgres: LocalPostgres, command: str) -> None:
    """Every list of psql's works, and none has the number of rows."""
    done = subprocess.run(
        [postgres.bin / "psql", "-X", "-A", "-d", louver.dsn("clerk", database=DATABASE), "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.replace("Did not find any relations.\n", "")) == (0, "")
    assert "7321" not in done.stdout


def test_sqlalchemy_inspects(louver: RunningLouver) -> None:
    """Tables, views, columns, keys and indexes are what they are."""
    engine = sqlalchemy.create_engine(
        louver.dsn("clerk", database=DATABASE).replace("postgresql://", "postgresql+psycopg://")
    )
    found = sqlalchemy.inspect(engine)
    assert set(found.get_table_names()) == {"teams", "people"}
    assert found.get_view_names() == ["named"]
    assert [c["name"] for c in found.get_columns("people")] == ["id", "name", "region", "team"]
    assert found.get_pk_constraint("people")["constrained_columns"] == ["id"]
    assert found.get_foreign_keys("people")[0]["referred_table"] == "teams"
    assert found.get_indexes("people")[0]["name"] == "people_region"
    assert found.get_check_constraints("people")
    assert found.get_table_comment("people") == {"text": None}
    assert len(found.get_multi_columns()) == 2
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine)
    assert set(metadata.tables) == {"teams", "people"}
    engine.dispose()


DJANGO = """
import django
from django.conf import settings
from django.core.management import call_command
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **%r}})
django.setup()
call_command("inspectdb")
"""


def test_django_makes_models(louver: RunningLouver) -> None:
    """With the keys and constraints of each table."""
    where = {"HOST": "127.0.0.1", "PORT": louver.port, "NAME": DATABASE, "USER": "clerk"}
    program = DJANGO % {**where, "PASSWORD": louver.passwords["clerk"]}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "Unable to inspect" in done.stdout) == (0, False), done.stderr
    assert "team = models.ForeignKey('Teams'" in done.stdout
