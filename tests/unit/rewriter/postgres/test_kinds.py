"""The table of statement kinds."""

from __future__ import annotations

import pytest
from postgast import pg_query_pb2

from rewriter.postgres.kinds import KINDS, changes
from rewriter.postgres.reading import parse

# Nodes that end in Stmt and are no statement a client can send.
_PARTS = {"RawStmt", "ReturnStmt", "ReplicaIdentityStmt", "SetOperationStmt", "PLAssignStmt"}


def test_every_statement_of_the_grammar_has_a_row():
    """No kind of the parser is missing, none is made up: a new grammar shows here."""
    grammar = {name for name in pg_query_pb2.DESCRIPTOR.message_types_by_name if name.endswith("Stmt")} - _PARTS
    assert set(KINDS) == grammar


def test_refused_kinds_tell_what_to_do():
    """Each refused kind has a name for readers and a hint."""
    assert all(row.label and row.hint for row in KINDS.values() if row.way == "refuse")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", (False, False)),
        ("SELECT 1 AS a INTO t", (True, True)),
        ("SELECT 1 AS a INTO t UNION SELECT 2", (True, True)),
        ("EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1", (True, True)),
        ("SAVEPOINT s", (False, False)),
        ("RELEASE s", (False, False)),
        ("ROLLBACK", (True, False)),
        ("ROLLBACK TO s", (True, False)),
        ("COMMIT AND CHAIN", (True, False)),
        ("SET Search_Path = x", (True, False)),
        ("SET LOCAL ROLE x", (True, False)),
        ("SET SESSION AUTHORIZATION x", (True, False)),
        ("SET work_mem = '1MB'", (False, False)),
        ("RESET ALL", (True, False)),
        ("DISCARD TEMP", (True, False)),
        ("CREATE TEMP TABLE t (a int)", (True, True)),
        ("GRANT USAGE ON SCHEMA s TO x", (True, False)),
    ],
)
def test_what_a_statement_changes(sql, expected):
    """(changes_names, changes_catalog) of each kind."""
    assert changes(parse(sql.encode())[0]["stmt"]) == expected


def test_unknown_kind_may_change_anything():
    """What the table does not know counts as changing both."""
    assert changes({"FutureStmt": {}}) == (True, True)
