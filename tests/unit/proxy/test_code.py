"""What the code of users reads, by the words of its text."""

from __future__ import annotations

from proxy.code import code_of, standing

CODE = code_of(
    [
        ("Look", 'SELECT phone FROM Clients, "a-b"'),
        ("look", "SELECT 1 FROM notes"),
        ("puts", "BEGIN EXECUTE $1; END"),
        ("unread", None),
        ("===", "look"),
        ('a"b', "SELECT executed FROM t"),
    ],
    ["Clients", "A-B", "notes", "c$d"],
)


def test_names_of_a_body() -> None:
    """Of all that share a name, in lower case, with those that are no single word."""
    assert CODE.bodies["look"].names >= {"clients", "notes", "a-b", "phone"}
    assert "c$d" not in CODE.bodies["look"].names
    assert {name for name, body in CODE.bodies.items() if body.open} == {"puts", "unread"}


def test_what_a_text_may_name() -> None:
    """Words, odd names anywhere, names whose quotes are doubled always, and anything by the numbers of its letters."""
    assert standing("SELECT LOOK(1), looking FROM t", CODE) == {"look", 'a"b'}
    assert standing("SELECT 1===2", CODE) == {"===", 'a"b'}
    assert standing('SELECT U&"x"', CODE) == CODE.bodies.keys()
    assert standing("SELECT look", code_of([], ["look"])) == set()
