"""Lineage: what the columns of a new table inherit, by the statement that makes it."""

from __future__ import annotations

import pytest

from policies.masks import DERIVED
from policies.model import ColumnName, Label
from rewriter.postgres.lineage import inheritances, renamed
from rewriter.postgres.reading import encode, parse

SSN, PAY = Label("ssn", 4), Label("salary", 3)
LABELS = {ColumnName("public", "users", "ssn"): SSN, ColumnName("public", "users", "salary"): PAY}
D4, D3 = Label(DERIVED, 4), Label(DERIVED, 3)

CASES = [
    ("CREATE TABLE t AS SELECT id, ssn FROM users", {"ssn": SSN}, None),
    ("CREATE TABLE t AS SELECT ssn AS a, u.salary FROM public.users u", {"a": SSN, "salary": PAY}, None),
    ("CREATE TABLE t AS SELECT * FROM users", {"ssn": SSN, "salary": PAY}, None),
    ("CREATE TABLE t AS SELECT upper(ssn) AS a, salary * 2 AS b, id FROM users", {"a": D4, "b": D3}, None),
    ("CREATE TABLE t AS SELECT upper(ssn), salary::text FROM users", {"upper": D4, "salary": D3}, None),
    ("CREATE TABLE t AS SELECT ssn || 'x', 1 AS one, now() FROM users u WHERE u.id = 3", {"?column?": D4}, None),
    ("CREATE TABLE t AS SELECT upper(u.name) AS a, u.ssn, id + 1 AS b FROM users u", {"ssn": SSN}, None),
    ("CREATE TABLE t AS SELECT u.ssn, o.memo FROM users u JOIN orders o ON o.user_id = u.id", {"ssn": SSN}, None),
    ("CREATE TABLE t AS SELECT u.ssn, o.memo FROM users u JOIN orders o ON o.memo = u.ssn", {}, D4),
    ("CREATE TABLE t AS SELECT u.name FROM users u NATURAL JOIN orders o WHERE u.ssn = ''", {}, D4),
    ("CREATE TABLE t AS SELECT u.name, u.ssn FROM users u NATURAL JOIN users o", {}, D4),
    ("CREATE TABLE t AS SELECT u.row_to_json AS j, id FROM users u", {"j": D4}, None),
    ("CREATE TABLE t AS SELECT (u).* FROM users u", {}, D4),
    ("CREATE TABLE t AS SELECT (u).ssn FROM users u", {"ssn": D4}, None),
    ("CREATE TABLE t AS SELECT u.*, o.id AS o FROM users u, orders o", {"ssn": SSN, "salary": PAY}, None),
    ("CREATE TABLE t AS SELECT ssn AS a, count(*) AS n FROM users GROUP BY 1", {}, D4),
    ("CREATE TABLE t AS SELECT ssn AS a, id FROM users ORDER BY a", {}, D4),
    ("CREATE TABLE t AS SELECT name, count(*) AS n, 7 AS seven, max(salary) AS m FROM users GROUP BY 1", {}, D3),
    ("CREATE TABLE t AS SELECT u AS a, id FROM users u", {"a": D4}, None),
    ("CREATE TABLE t AS SELECT id FROM users WHERE salary > 3", {}, D3),
    ("CREATE TABLE t AS SELECT id FROM users ORDER BY ssn LIMIT 1", {}, D4),
    ("CREATE TABLE t AS SELECT city, max(salary) AS m FROM users GROUP BY city", {"m": D3}, None),
    ("CREATE TABLE t AS SELECT ssn, count(*) AS n FROM users GROUP BY ssn", {}, D4),
    ("CREATE TABLE t AS SELECT id, (SELECT max(ssn) FROM users) AS m FROM orders", {}, D4),
    ("CREATE TABLE t AS SELECT ssn FROM users UNION SELECT memo FROM orders", {}, D4),
    ("CREATE TABLE t AS WITH x AS (SELECT ssn AS a FROM users) SELECT a FROM x", {}, D4),
    ("CREATE TABLE t (a) AS SELECT ssn FROM users", {}, D4),
    ("CREATE TABLE t AS SELECT x.b FROM users x (a, b, c)", {}, D4),
    ("CREATE TABLE t AS SELECT code FROM user_list", {"code": D4}, None),
    ("CREATE MATERIALIZED VIEW t AS SELECT ssn FROM users", {"ssn": SSN}, None),
    ("CREATE TABLE t AS EXECUTE q", {}, D4),
    ("EXPLAIN ANALYZE CREATE TABLE t AS SELECT ssn FROM users", {"ssn": SSN}, None),
    ("SELECT ssn INTO t FROM users", {"ssn": SSN}, None),
    ("SELECT memo INTO t FROM orders UNION SELECT ssn FROM users", {}, D4),
    ("CREATE TABLE t (LIKE users INCLUDING ALL, more int)", {"ssn": SSN, "salary": PAY}, None),
]


@pytest.mark.parametrize(("sql", "columns", "rest"), CASES)
def test_inheritance(rewriter_world, sql, columns, rest):
    """A plain copy has its column's label, what is computed is derived, and what cannot be told is derived as a whole."""
    (statement,) = parse(encode(sql))
    (found,) = inheritances(statement["stmt"], rewriter_world.catalog, LABELS)
    assert (found.name, {name: bare(label) for name, label in found.columns.items()}) == ("t", columns)
    assert bare(found.rest) == rest


def bare(label: Label | None) -> Label | None:
    """A label without where it is from."""
    return label and Label(label.category, label.level)


def test_an_inherited_label_names_its_sources(rewriter_world):
    """All the dictionary's columns that a value is made of, also when it comes by way of a copy."""
    copied = LABELS | {ColumnName("public", "orders", "memo"): Label("ssn", 4, (ColumnName("public", "users", "ssn"),))}
    sql = "CREATE TABLE t AS SELECT ssn, salary || ssn AS both, memo FROM users, orders"
    (statement,) = parse(encode(sql))
    (found,) = inheritances(statement["stmt"], rewriter_world.catalog, copied)
    sources = {name: [str(source) for source in label.sources] for name, label in found.columns.items()}
    both = ["public.users.salary", "public.users.ssn"]
    assert sources == {"ssn": ["public.users.ssn"], "both": both, "memo": ["public.users.ssn"]}


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t AS SELECT id, name FROM users",
        "CREATE TABLE t AS SELECT count(*) AS n FROM users",
        "CREATE TABLE t AS SELECT ssn FROM archive.users",
        "CREATE TABLE t (a int)",
        "CREATE TABLE t (LIKE orders)",
        "SELECT ssn FROM users",
        "DROP TABLE users",
    ],
)
def test_nothing_is_inherited_from_what_is_not_labelled(rewriter_world, sql):
    """Columns without labels, and statements that make no table, leave nothing behind."""
    (statement,) = parse(encode(sql))
    found = inheritances(statement["stmt"], rewriter_world.catalog, LABELS)
    assert not any(each.columns or each.rest for each in found)


def test_what_passes_through_a_temporary_table_is_derived(rewriter_world):
    """The catalog does not know it; whatever is copied from it is as sensitive as all that went into it."""
    passing = {"scratch": D4}
    for sql in (
        "CREATE TABLE t AS SELECT a FROM scratch",
        "CREATE TABLE t (LIKE scratch)",
        "SELECT a INTO t FROM scratch",
    ):
        (statement,) = parse(encode(sql))
        (found,) = inheritances(statement["stmt"], rewriter_world.catalog, LABELS, passing)
        assert (dict(found.columns), found.rest, found.temporary) == ({}, D4, False)
    (statement,) = parse(encode("SELECT id INTO TEMP scratch FROM orders"))
    (found,) = inheritances(statement["stmt"], rewriter_world.catalog, LABELS, passing)
    assert (found.whole, found.temporary, found.anew) == (None, True, True)
    (statement,) = parse(encode("CREATE TEMP TABLE IF NOT EXISTS scratch AS SELECT id FROM orders"))
    (found,) = inheritances(statement["stmt"], rewriter_world.catalog, LABELS, passing)
    assert (found.whole, found.temporary, found.anew) == (None, True, False)


def test_a_table_renamed_by_the_text_that_makes_it(rewriter_world):
    """It inherits under its new name, and its columns under theirs."""
    (statement,) = parse(encode("CREATE TABLE t AS SELECT ssn FROM users"))
    (made,) = inheritances(statement["stmt"], rewriter_world.catalog, LABELS)
    table, column, other = parse(
        encode("ALTER TABLE t RENAME TO s; ALTER TABLE t RENAME ssn TO a; ALTER TABLE x RENAME TO y")
    )
    assert renamed(table["stmt"], made).name == "s"
    assert set(renamed(column["stmt"], made).columns) == {"ssn", "a"}
    assert renamed(other["stmt"], made) is None
