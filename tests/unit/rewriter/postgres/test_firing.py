"""Which events of triggers a write can come to."""

from __future__ import annotations

import pytest

from rewriter.postgres.catalog import Constraint, Relation
from rewriter.postgres.firing import ALL, DELETE, INSERT, UPDATE, events_of, fires
from rewriter.postgres.reading import read

PLAIN = Relation(1, "public", "t", "r", ())
RULED = Relation(2, "public", "t", "r", (), constraints=(Constraint("also", "rule", frozenset()),))
PARTED = Relation(3, "public", "t", "p", ())


def events(sql, *changed):
    """The events of the first statement of a text."""
    kind, fields = next(iter(read(sql.encode()).statements[0]["stmt"].items()))
    return events_of(kind, fields, changed)


@pytest.mark.parametrize(
    ("sql", "changed", "expected"),
    [
        ("INSERT INTO t VALUES (1)", [PLAIN], INSERT),
        ("INSERT INTO t VALUES (1)", [PARTED, PLAIN], INSERT),
        ("COPY t FROM STDIN", [PLAIN], INSERT),
        ("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1", [PLAIN], ALL),
        ("INSERT INTO t VALUES (1)", [RULED], ALL),
        ("UPDATE t SET a = 1", [PLAIN], UPDATE),
        ("UPDATE t SET a = 1", [PARTED, PLAIN], ALL),
        ("UPDATE t SET a = 1", [PLAIN, RULED], ALL),
        ("DELETE FROM t", [PLAIN], DELETE | UPDATE),
        ("DELETE FROM t", [PLAIN, PARTED], ALL),
        ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", [PLAIN], ALL),
    ],
)
def test_events_of_a_write(sql, changed, expected):
    """A DELETE may come to an UPDATE by a foreign key; rules, moves between partitions and conflicts may come to anything."""
    assert events(sql, *changed) == expected


@pytest.mark.parametrize(
    ("trigger", "expected"), [("INSERT OR UPDATE", [INSERT, UPDATE]), ("UPDATE OF a", [UPDATE]), ("DELETE", [DELETE])]
)
def test_the_events_of_a_trigger_are_those_of_its_text(trigger, expected):
    """The bits are the parser's own."""
    text = f"CREATE TRIGGER x AFTER {trigger} ON t FOR EACH ROW EXECUTE FUNCTION f()"
    node = read(text.encode()).statements[0]["stmt"]["CreateTrigStmt"]
    assert [event for event in (INSERT, DELETE, UPDATE) if fires(node, event)] == expected
