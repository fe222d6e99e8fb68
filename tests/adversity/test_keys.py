"""The key of keyed masks stays hidden from callers, whatever becomes of their rules and whatever others have made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HASHED = """
version: 1
dictionary:
  - {column: "keys.public.people.phone", category: phone, level: 3}
rules:
  - {name: hashes, columns: {category: phone}, treatment: {mask: hash}}
"""
PARTIAL = HASHED.replace("{mask: hash}", "{mask: full}")
CLEAR = HASHED.replace("{mask: hash}", "clear")
TABLE = """
CREATE TABLE people (id int, phone text);
INSERT INTO people VALUES (1, '13800000001');
CREATE TABLE notes (id int, kept text DEFAULT current_setting('louver.key', true));
CREATE VIEW prying AS SELECT current_setting('louver.key', true) AS kept;
GRANT ALL ON ALL TABLES IN SCHEMA public TO public
"""
ATTEMPTS = (
    "SHOW louver.key",
    "SELECT current_setting('louver.key', true)",
    "SELECT kept FROM prying",
    "INSERT INTO notes (id) VALUES (1) RETURNING kept",
)


@pytest.fixture(scope="module")
def database(postgres: Any) -> str:
    """A database where somebody has prepared ways to the key."""
    direct = postgres.create_database("keys")
    postgres.run_sql(TABLE, "keys")
    return str(direct)


def told(client: psycopg.Connection[Any], attempt: str) -> str:
    """What the caller gets to see of an attempt: rows or error."""
    try:
        return str(client.execute(attempt).fetchall())
    except psycopg.Error as error:
        return str(error)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("later", [HASHED, PARTIAL, CLEAR], ids=["hashed", "masked", "clear"])
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_key_is_never_told(louver_factory: Callable[..., Any], tmp_path: Any, later: str, attempt: str) -> None:
    """Neither while a mask is keyed nor when the rules have changed since can the session's key be read."""
    secret = tmp_path / "secret"
    secret.write_text("00112233445566778899aabbccddeeff" * 2 + "\n")
    secret.chmod(0o600)
    with (
        louver_factory(users={"ann": {"role": "clerk"}}, policies=HASHED, secret_file=str(secret)) as louver,
        psycopg.connect(louver.dsn("ann", database="keys"), autocommit=True, prepare_threshold=None) as client,
    ):
        assert client.execute("SELECT phone FROM people").fetchone() not in {None, (None,), ("13800000001",)}
        if later is not HASHED:
            louver.policies.write_text(later)
            louver.hang_up()
        heard = told(client, attempt)
        assert "36363636" not in heard, "the padded key"
        assert len(heard) < 250, heard


TALKATIVE = {
    "client_min_messages": "debug5",
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_parser_stats": "on",
}
LOUD = """
CREATE FUNCTION loud() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'heard'; RAISE DEBUG 'heard, too'; RETURN 1; END $$
"""


@pytest.mark.parametrize("how", ["SET", "startup"])
def test_the_log_that_a_client_may_read_along_is_kept_from_it(
    louver_factory: Callable[..., Any], tmp_path: Any, database: str, how: str
) -> None:
    """Its lines quote rewritten statements and those of the proxy's own; what a function raises still arrives."""
    with psycopg.connect(database, autocommit=True) as direct:
        direct.execute(LOUD.replace("FUNCTION", "OR REPLACE FUNCTION"))
        direct.execute("SET client_min_messages = log")
        direct.execute("SET log_statement = 'all'")
        said: list[str] = []
        direct.add_notice_handler(lambda diagnostic: said.append(str(diagnostic.message_primary)))
        direct.execute("SELECT phone FROM people")
        assert said == ["statement: SELECT phone FROM people"], "the road is there"
    secret = tmp_path / "secret"
    secret.write_text("00112233445566778899aabbccddeeff" * 2 + "\n")
    secret.chmod(0o600)
    options = " ".join(f"-c {name}={value}" for name, value in TALKATIVE.items()) if how == "startup" else ""
    with (
        louver_factory(users={"ann": {"role": "clerk"}}, policies=PARTIAL, secret_file=str(secret)) as louver,
        psycopg.connect(
            louver.dsn("ann", database="keys"), autocommit=True, prepare_threshold=None, options=options
        ) as client,
    ):
        heard: list[str] = []
        client.add_notice_handler(lambda diagnostic: heard.append(str(diagnostic.message_primary)))
        if how == "SET":
            for name, value in TALKATIVE.items():
                client.execute(f"SET {name} = '{value}'")
        assert client.execute("SELECT phone FROM people").fetchone() == ("****",)
        assert client.execute("SELECT phone FROM people WHERE id = %s", (1,)).fetchone() == ("****",)
        louver.policies.write_text(HASHED)
        louver.hang_up()
        assert client.execute("SELECT phone FROM people WHERE id = %s", (1,)).fetchone() not in {None, ("****",)}
        assert client.execute("SELECT loud()").fetchone() == (1,)
        assert heard == ["heard", "heard, too"]
