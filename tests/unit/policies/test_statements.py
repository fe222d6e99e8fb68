"""Decisions that ask for the kind of a statement: one for each kind, and the least of all where it is not certain."""

from __future__ import annotations

import datetime as dt

import pytest

from policies.loader import parse_policies
from policies.masks import DEFAULT_MASK, make_mask
from policies.model import ColumnName, Label, Principal, Session
from policies.statements import KINDS
from rewriter.mysql.catalog import Catalog as MySQLCatalog
from rewriter.mysql.catalog import Facts
from rewriter.mysql.outermost import kind_of as kind_on_mysql
from rewriter.postgres.outermost import kind_of

PHONE, NAME, CARD = (ColumnName("public", "people", name) for name in ("phone", "name", "card"))
LABELS = {PHONE: Label("phone", 3), NAME: Label("name", 2), CARD: Label("bank_card", 4)}
SESSION = Session("bank", "10.0.0.7", "psql", "svc", tls=True, at=dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC))
TEXT = """
version: 1
dictionary:
  - {column: "*.*.people.phone", category: phone, level: 3}
  - {column: "*.*.people.name", category: name, level: 2}
  - {column: "*.*.people.card", category: bank_card, level: 4}
rules:
  - {name: screen, columns: {category: phone}, when: statement.kind == "select", treatment: clear}
  - {name: no bulk cards, columns: {category: bank_card}, when: 'statement.kind in ["copy", "create"]', treatment: deny}
  - {name: cards, columns: {category: bank_card}, treatment: {mask: partial, keep_last: 4}}
  - {name: names on the screen, columns: {category: name}, when: statement.kind == "select", treatment: {mask: partial, keep_first: 1}}
"""


def decided():
    return parse_policies(TEXT).decide(Principal("ann", {}), SESSION, LABELS)


def test_each_kind_has_its_decision():
    """Clear in a SELECT, the default mask elsewhere, denied in bulk."""
    decision = decided()
    assert {kind for kind, _ in decision.kinds} == set(KINDS)
    assert decision.of_kind("select").treatments[PHONE].kind == "clear"
    assert decision.of_kind("copy").treatments[PHONE].kind == "mask"
    assert decision.of_kind("copy").treatments[CARD].kind == "deny"
    assert decision.of_kind("select").treatments[CARD].mask == make_mask("partial", keep_last=4)


def test_what_is_not_certain_gets_the_least():
    """The one mask there is, full where masks differ, denied where any is."""
    decision = decided()
    assert decision.of_kind("") is decision
    assert decision.treatments[PHONE] == decision.of_kind("copy").treatments[PHONE]
    assert decision.treatments[NAME].mask == DEFAULT_MASK
    assert decision.treatments[CARD].kind == "deny"
    assert decision.shows(PHONE)
    assert not decision.shows(NAME)


def test_equal_decisions_are_one_object():
    """So that worlds are shared; and without such a rule there is nothing but the decision itself."""
    policies = parse_policies(TEXT)
    one, two = (policies.decide(Principal(name, {}), SESSION, LABELS) for name in ("a", "b"))
    assert one is two
    plain = parse_policies(TEXT.split("rules:", maxsplit=1)[0]).decide(Principal("ann", {}), SESSION, LABELS)
    assert plain.kinds == ()
    assert plain.of_kind("select") is plain


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", "select"),
        ("VALUES (1)", "select"),
        ("WITH a AS (SELECT 1) TABLE a", "select"),
        ("SELECT 1; SELECT 2", "select"),
        ("SELECT 1; DELETE FROM t", None),
        ("SELECT 1 INTO t", "create"),
        ("INSERT INTO t SELECT 1", "insert"),
        ("WITH a AS (DELETE FROM t RETURNING 1) SELECT * FROM a", None),
        ("WITH a AS (DELETE FROM t RETURNING 1) INSERT INTO u SELECT * FROM a", None),
        ("UPDATE t SET a = (SELECT 1)", "update"),
        ("DELETE FROM t", "delete"),
        ("COPY t TO STDOUT", "copy"),
        ("COPY (SELECT 1) TO STDOUT", "copy"),
        ("COPY (DELETE FROM t RETURNING 1) TO STDOUT", None),
        ("CREATE TABLE t AS SELECT 1", "create"),
        ("MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE", None),
        ("EXPLAIN SELECT 1", None),
        ("PREPARE q AS SELECT 1", None),
        ("EXECUTE q", None),
        ("DECLARE c CURSOR FOR SELECT 1", None),
        ("FETCH c", None),
        ("DO $$ BEGIN END $$", None),
        ("CALL p()", None),
        ("no statement", None),
        ("", None),
    ],
)
def test_the_kind_is_the_outermost_statements(sql, kind):
    """And none where it runs later, or something else runs with it."""
    assert kind_of(sql) == kind


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", "select"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "select"),
        ("INSERT INTO t SELECT 1", "insert"),
        ("REPLACE INTO t VALUES (1)", "insert"),
        ("UPDATE t SET a = 1", "update"),
        ("DELETE FROM t", "delete"),
        ("CREATE TABLE t SELECT 1", "create"),
        ("SELECT 1; DELETE FROM t", None),
        ("EXPLAIN SELECT 1", None),
        ("PREPARE q FROM 'SELECT 1'", None),
        ("EXECUTE q", None),
        ("SET @a = (SELECT 1)", None),
        ("DO 1", None),
        ("CALL p()", None),
        ("'", None),
    ],
)
def test_the_kind_on_mysql(sql, kind):
    """The same words for the same statements."""
    assert kind_on_mysql(sql, MySQLCatalog("mysql", (8, 4, 0), 1, {}, {}, {}), Facts("bank")) == kind
