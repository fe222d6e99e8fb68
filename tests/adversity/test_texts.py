"""What the audit says of the texts of statements, through the wire: their shape, and at which proxy they were asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.mysql_house import mysql_house_of
from fixtures.waiting import recorded
from typer.testing import CliRunner

from louver.commands.audit import audit_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL


@pytest.fixture(scope="module")
def texts(louver_factory: Callable[..., RunningLouver], stage: Any) -> Iterator[RunningLouver]:
    """A proxy with a name, before PostgreSQL."""
    with louver_factory(users={"bob": {"role": "boss"}}, policies=stage.policies, name="branch 7") as louver:
        yield louver


def search(louver: RunningLouver, *arguments: str) -> list[str]:
    """The lines that a search prints."""
    found = CliRunner().invoke(audit_app, ["search", "--directory", str(louver.audit_directory), *arguments])
    assert found.exit_code == 0, found.output
    return found.stdout.splitlines()


def fingerprints(louver: RunningLouver, kinds: list[str]) -> list[str]:
    """The fingerprints of the statements of a kind, in their order."""
    return [each["fingerprint"] for each in recorded(louver, "statement", lambda each: each["kinds"] == kinds)]


def test_statements_of_a_shape_have_one_fingerprint(texts: RunningLouver, stage: Any) -> None:
    """Simple and prepared, whatever their values; a search finds them by it, and counts by it."""
    with psycopg.connect(texts.dsn("bob", database=stage.database), autocommit=True) as client:
        client.execute("select id from people where id in (1, 2)")
        client.execute("SELECT id FROM people -- of today\nWHERE id IN (%s)", [3])
        client.execute("select id from people where id > 1")
    one, again, other = fingerprints(texts, ["SelectStmt"])
    assert one == again
    assert one != other
    assert len(search(texts, "--fingerprint", one)) == 3  # with the heading
    assert f"{one}\t2" in "\n".join(search(texts, "--by", "fingerprint"))


def test_the_proxy_is_named_where_it_starts_and_in_each_session(texts: RunningLouver, stage: Any) -> None:
    """So that trails of several can be told apart."""
    with psycopg.connect(texts.dsn("bob", database=stage.database)):
        assert {each["proxy"] for each in recorded(texts, "session_opened")} == {"branch 7"}
    assert [each["proxy"] for each in recorded(texts, "started")] == ["branch 7"]


def test_double_quotes_hold_values_on_mysql(either: LocalMySQL) -> None:
    """They are neither kept nor part of the shape there, and `#` begins a comment."""
    with mysql_house_of(either) as house:
        with house.connect("tina") as client, client.cursor() as cursor:
            cursor.execute('SELECT id FROM customers WHERE name = "alice" # bob\n')
            cursor.execute("select id FROM customers where name = 'O\"x' -- carol")
            cursor.execute("select id FROM customers where phone = 'x'")
        one, again, other = fingerprints(house.louver, ["SELECT"])[-3:]
        assert one == again
        assert one != other
        trail = b"".join(path.read_bytes() for path in house.louver.audit_directory.glob("*.jsonl"))
        assert not any(word in trail for word in (b"alice", b"bob", b"carol"))
