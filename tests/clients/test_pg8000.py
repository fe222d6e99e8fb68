"""pg8000 through Louver: a driver in pure Python, with a protocol implementation of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pg8000.native
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def connection(person: Any) -> Iterator[pg8000.native.Connection]:
    """A session of each of the two."""
    where = urlsplit(person.dsn)
    assert where.username
    connection = pg8000.native.Connection(
        where.username, where.hostname or "", where.path[1:], where.port or 0, where.password
    )
    yield connection
    connection.close()


def test_statements(connection: pg8000.native.Connection, person: Any) -> None:
    """Simple, parameterised and prepared statements give each his own values."""
    assert connection.run("SELECT phone FROM people WHERE id = 7") == [[person.phone(7)]]
    assert connection.run("SELECT phone FROM people WHERE id = :id", id=7) == [[person.phone(7)]]
    statement = connection.prepare("SELECT phone FROM people WHERE id = :id")
    assert [statement.run(id=number) for number in (7, 8)] == [[[person.phone(7)]], [[person.phone(8)]]]
    statement.close()


def test_copy(connection: pg8000.native.Connection, person: Any) -> None:
    """COPY in both directions through streams."""
    out = io.BytesIO()
    connection.run("COPY (SELECT phone FROM people WHERE id = 7) TO STDOUT", stream=out)
    assert out.getvalue().decode() == f"{person.phone(7)}\n"
    connection.run("BEGIN")
    connection.run("COPY notes (person, body) FROM STDIN", stream=io.BytesIO(b"7\tpg8000\n8\tpg8000\n"))
    assert connection.row_count == 2
    connection.run("ROLLBACK")


def test_errors(connection: pg8000.native.Connection, person: Any) -> None:
    """An error is raised with its SQLSTATE and the session works on; so is a refusal."""
    failing = {"SELECT 1 / 0": "22012"} | ({} if person.clear else {"UPDATE people SET phone = '0'": "42501"})
    for text, sqlstate in failing.items():
        with pytest.raises(pg8000.native.DatabaseError) as raised:
            connection.run(text)
        assert raised.value.args[0]["C"] == sqlstate
        assert connection.run("SELECT phone FROM people WHERE id = 7") == [[person.phone(7)]]
