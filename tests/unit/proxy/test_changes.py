"""What others change meanwhile: which changes a statement may have met, and which names a text may give another meaning."""

from __future__ import annotations

import pytest

from proxy.changes import ANYTHING, Changes, changed_names, defines, neighbours, reached

V = frozenset(("v",))
W = frozenset(("w",))


def test_a_change_is_met_by_who_was_ruled_before_its_end() -> None:
    """Open or ended since; the session's own is none, nor is one of other names."""
    changes = Changes()
    assert changes.still(0)
    change = changes.begin("a", V)
    assert not changes.still(changes.moment)
    assert changes.met(0, V, "b") == 1
    assert changes.met(changes.moment, V, "b") == 1
    assert changes.met(0, V, "a") == changes.met(0, W, "b") == 0
    assert changes.met(0, None, "b") == 1
    before = changes.moment
    changes.end(change)
    changes.end(change)
    assert changes.met(before, V, "b") == 1
    assert changes.met(changes.moment, V, "b") == 0
    assert changes.still(changes.moment)
    assert not changes.still(before)


def test_two_changes_are_more_than_one() -> None:
    """The second may have undone the first."""
    changes = Changes()
    for _ in range(2):
        changes.end(changes.begin("a", V))
    assert changes.met(0, V, "b") == 2
    changes.begin("c", None)
    assert changes.met(changes.moment, W, "b") == 1


def test_changes_that_are_committed_together_are_one() -> None:
    """Nobody sees the first without the second; what comes after is another."""
    changes = Changes()
    first = changes.begin("a", V)
    second = changes.begin("a", V, first)
    assert changes.met(0, V, "b") == 1
    third = changes.begin("a", V, second)
    changes.end(first)
    changes.end(second)
    changes.end(third)
    assert changes.met(0, V, "b") == 1
    changes.end(changes.begin("a", V))
    assert changes.met(0, V, "b") == 2


def test_who_has_been_under_way_for_longer_than_is_remembered_may_have_met_anything() -> None:
    """A thousand changes are known, of whatever names."""
    changes = Changes()
    for _ in range(1001):
        changes.end(changes.begin("a", W))
    assert changes.met(0, V, "b") == 2
    assert changes.met(changes.moment - 10, V, "b") == 0


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("CREATE TEMP TABLE t AS SELECT phone FROM people", frozenset()),
        ("create temporary table t (a int);", frozenset()),
        ("DROP TEMPORARY TABLE t", frozenset()),
        ("CREATE UNIQUE INDEX i ON people (phone)", frozenset()),
        ("CREATE TABLE IF NOT EXISTS a.T AS SELECT phone FROM people", frozenset(("t",))),
        ("CREATE UNLOGGED TABLE t (a int)", frozenset(("t",))),
        ("ALTER TABLE People RENAME TO x", frozenset(("alter", "table", "people", "rename", "to", "x"))),
        (
            "CREATE TEMP TABLE t (a int); DROP VIEW v",
            frozenset(("create", "temp", "table", "t", "a", "int", "drop", "view", "v")),
        ),
        ("DROP VIEW u", frozenset(("drop", "view", "u"))),
        ("DROP TABLE t CASCADE", None),
        ("ALTER SCHEMA a RENAME TO b", None),
        ('ALTER TABLE U&"\\0076" RENAME TO w', None),
        ("CALL p()", None),
        ("EXECUTE s", None),
        ("DO $$BEGIN EXECUTE 'DROP TABLE t'; END$$", None),
    ],
)
def test_the_names_that_a_text_may_give_another_meaning(text: str, names: frozenset[str] | None) -> None:
    """Too many, rather than too few; None is any."""
    assert changed_names(text.encode()) == names


def test_code_that_defines_nothing() -> None:
    """What cannot be read may."""
    assert defines(None)
    assert defines("begin; execute immediate x; end")
    assert not defines("BEGIN SELECT created, droppings FROM t; END")


def test_what_is_behind_a_name_is_reached() -> None:
    """Views over views, however deep; who runs code may read anything."""
    near = neighbours([("V", ["w"]), ("w", ["t"]), ("t", []), ("f", [ANYTHING]), ("g", ["f"])])
    assert reached(b"SELECT * FROM V", near) == {"v", "w", "t"}
    assert reached(b"SELECT 1 FROM nothing", near) == frozenset()
    assert reached(b"SELECT f(a) FROM t", near) is None
    assert reached(b"SELECT * FROM g", near) is None


def test_names_that_are_no_single_word_are_reached_by_their_words() -> None:
    """Too many, rather than too few: in whatever quotes; a name by the numbers of its letters may be any, and so may one without words."""
    near = neighbours([("a-B", ["t"]), ("c$d", ["a-B"]), ("t", []), ("e f", [ANYTHING]), ("sch\u00f6n", ["t"])])
    assert reached(b'SELECT * FROM "a-B"', near) == reached(b"SELECT b FROM a", near) == {"a", "b", "t"}
    assert reached(b"SELECT * FROM c$d", near) == {"a", "b", "c", "d", "t"}
    assert reached(b"SELECT * FROM a", near) == frozenset()
    assert reached(b"SELECT * FROM `e f`", near) is None
    assert reached("SELECT * FROM SCH\u00d6N".encode(), near) == {"sch\u00f6n", "t"}
    assert reached(b'SELECT * FROM u&"\\0074"', near) is None
    assert reached(b"SELECT 1", neighbours([("!", []), ("t", [])])) is None
