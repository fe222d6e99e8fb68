"""Whatever the server brings is classified: every built-in function and system relation is known or refused, by name."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest

from proxy.postgres.introspection import read_catalog
from rewriter.model import Refusal
from rewriter.postgres.catalog import Names
from rewriter.postgres.functions import refused_builtin, unjudged
from rewriter.postgres.known import KNOWN_FUNCTIONS, KNOWN_RELATIONS
from rewriter.postgres.rewrite import rewrite
from rewriter.postgres.system import SYSTEM_SCHEMAS, refusal_of

SYSTEM = "n.nspname IN ('pg_catalog', 'information_schema')"


def names(postgres, sql):
    """The first column of a query on the server under test."""
    with psycopg.connect(postgres.dsn("postgres")) as connection:
        return {name for (name,) in connection.execute(sql)}


def test_every_function_of_the_server_is_classified(postgres):
    """A later server's new function shows here: look at it, then put it on the list of the known or the refused."""
    sql = (
        f"SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {SYSTEM} AND p.oid < 16384"
    )
    assert {name for name in names(postgres, sql) if unjudged(name)} == set()


def test_every_relation_of_the_server_is_classified(postgres):
    """A later server's new catalog or view shows here."""
    sql = f"SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {SYSTEM} AND relkind IN ('r', 'v', 'm', 'f')"
    refused = {name for name in names(postgres, sql) if refusal_of("pg_catalog", name) is not None}
    assert not {name for name in refused if "does not know" in str(refusal_of("pg_catalog", name))}


def test_no_name_is_known_and_refused():
    """The two lists do not meet."""
    assert not {name for name in KNOWN_FUNCTIONS if refused_builtin(name) is not None}
    assert not {name for name in KNOWN_RELATIONS if refusal_of("pg_catalog", name) is not None}


@pytest.fixture(scope="module")
def later(postgres, rewriter_world):
    """The cases' catalog as of a server that has a function and a view which nobody has looked at."""
    postgres.create_database("later_server")
    settings = {
        "host": postgres.host,
        "port": postgres.port,
        "user": postgres.user,
        "password": postgres.password,
        "database": "later_server",
    }
    catalog = asyncio.run(read_catalog(settings, 1))
    assert catalog.unjudged == frozenset()
    known = rewriter_world.catalog
    view = next(relation for relation in known.relations.values() if relation.schema == "pg_catalog")
    new = replace(view, oid=9999, name="pg_stat_everything")
    return replace(
        known,
        builtins=known.builtins | {"pg_get_everything"},
        unjudged=frozenset({"pg_get_everything"}),
        relations={**known.relations, new.oid: new},
        names={**known.names, (new.schema, new.name): new.oid},
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_get_everything()",
        "SELECT pg_catalog.pg_get_everything(1)",
        "SELECT x.pg_get_everything FROM orders x",
        "SELECT (x).pg_get_everything FROM orders x",
        "SELECT * FROM pg_get_everything()",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT pg_get_everything()'",
        "SELECT * FROM pg_stat_everything",
        "SELECT * FROM pg_catalog.pg_stat_everything",
        "CREATE VIEW v AS TABLE pg_stat_everything",
    ],
)
def test_what_nobody_has_looked_at_is_refused(later, rewriter_world, sql):
    """Under any way of naming it."""
    with pytest.raises(Refusal, match="everything") as caught:
        rewrite(sql, later, Names(("pg_catalog", "public")), rewriter_world.decision)
    assert caught.value.sqlstate == "42501"


def test_a_users_relation_may_have_any_name():
    """Only the server's own are looked up on the lists."""
    assert refusal_of("public", "pg_stat_everything") is None
    assert all(refusal_of(schema, "pg_stat_everything") is not None for schema in SYSTEM_SCHEMAS)
