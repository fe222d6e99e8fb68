"""Writes to protected tables on a real PostgreSQL: each answers and leaves the tables as in the caller's masked world."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import psycopg
import pytest
from fixtures.rewriting import FOLDER, real_and_masked, rewriter_cases
from servers.test_rewriter import HIDDEN, settings

from policies.model import ColumnName, Mask, Treatment
from proxy.postgres.introspection import read_catalog
from rewriter.model import Refusal
from rewriter.postgres.catalog import Constraint, Link, Names
from rewriter.postgres.masks import render
from rewriter.postgres.rewrite import rewrite

_DATABASES = ("writes_real", "writes_masked")
_CASES = [*rewriter_cases("writes"), *rewriter_cases("updatable")]
_MASKED = {
    "members": "email code phone tags doc place level pad amount seen pin",
    "tickets": "code",
    "stalls": "ticket",
    "halls": "secret",
    "boards": "secret",
    "rooms": "door",
    "seats": "label",
    "desks": "secret",
}
_TABLES = ("users", "staff", "events", "guess", "orders", "members", "visits", "tickets", "stalls", "halls", "boards")
_NAMES = Names(("pg_catalog", "public"))


@pytest.fixture(scope="module")
def world(rewriter_world):
    """The caller of all cases, from whom columns of the tables for writing are hidden, too."""
    treatments = dict(rewriter_world.decision.treatments)
    for table, columns in _MASKED.items():
        for column in columns.split():
            treatments[ColumnName("public", table, column)] = Treatment("mask", "default", mask=Mask("full"))
    return replace(rewriter_world, decision=replace(rewriter_world.decision, treatments=treatments))


@pytest.fixture(scope="module")
def snapshot(postgres, world, rewriter_schema):
    """The catalog of the real database, which alone has the constraints; the masked one is made beside it."""
    schema = rewriter_schema + (FOLDER / "writes.sql").read_text()
    real_and_masked(postgres, schema, world, _DATABASES)
    postgres.run_sql((FOLDER / "constraints.sql").read_text(), _DATABASES[0])
    catalog = asyncio.run(read_catalog(settings(postgres, _DATABASES[0]), 7))
    masked = []
    for table, columns in _MASKED.items():
        relation = catalog.relations[catalog.names["public", table]]
        for column in relation.columns:
            if column.name in columns.split():
                shown = render(Mask("full"), column, f"{table}.{column.name}")
                masked.append(f"UPDATE {table} SET {column.name} = {shown}")
    postgres.run_sql("ALTER TABLE tickets DROP CONSTRAINT tickets_pkey;" + ";".join(masked), _DATABASES[1])
    return catalog


def run(postgres, database: str, sql: str, after: list[str]):
    """The answer to a statement (rows, columns, tag), or its error, and those to others behind it; undone afterwards."""
    with psycopg.connect(postgres.dsn(database)) as connection:
        found = []
        try:
            connection.pgconn.exec_(b"BEGIN")
            for text in (sql, *after):
                result = connection.pgconn.exec_(text.encode())
                if result.error_message:
                    state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE).decode()
                    return state, result.error_field(psycopg.pq.DiagnosticField.MESSAGE_PRIMARY).decode()
                rows = [tuple(result.get_value(r, c) for c in range(result.nfields)) for r in range(result.ntuples)]
                columns = [(result.fname(c), result.ftype(c), result.fmod(c)) for c in range(result.nfields)]
                found.append((rows, columns, result.command_status))
        finally:
            connection.rollback()
        return found


def seen(case, catalog, decision) -> list[str]:
    """Statements that show what the caller sees of every table."""
    lacking = case.get("lacks", ())
    texts = []
    for table in _TABLES:
        relation = catalog.relations[catalog.names["public", table]]
        names = [c.name for c in relation.columns if c.name not in {*lacking, "token", "words", "size"}]
        texts.append(rewrite(f"SELECT {', '.join(names)} FROM {table}", catalog, _NAMES, decision).text)
    return texts


@pytest.mark.parametrize("case", [case for case in _CASES if not case.get("refused")], ids=str)
def test_write_answers_and_leaves_what_the_masked_world_does(case, snapshot, postgres, world):
    """The rows that come back and the tables afterwards are those of the masked world; hidden values survive."""
    done = rewrite(case.sql, snapshot, _NAMES, world.decision)
    hidden = [
        "SELECT id, ssn, salary, note, born FROM users WHERE id < 7",
        "SELECT secret FROM halls",
    ]
    hidden.append("SELECT id, email, code, phone, tags, doc, place::text, level, pad, amount, seen, pin FROM members")
    looks = seen(case, snapshot, world.decision)
    real = run(postgres, _DATABASES[0], done.text, [*looks, *hidden, case.get("raw", "SELECT 1")])
    if case.get("told") or case.get("error"):
        assert isinstance(real, tuple), real
        assert not HIDDEN.search(real[1])
        assert case.get("error") in {None, real[0]}
        assert case.get("told", "") in real[1]
        return
    if case.get("fails"):
        assert real == run(postgres, _DATABASES[1], case.sql, [])
        return
    assert not isinstance(real, tuple), real
    if not case.get("real"):
        masked = run(postgres, _DATABASES[1], case.sql, looks)
        assert not isinstance(masked, tuple), masked
        (rows, columns, tag), (expected, expected_columns, expected_tag) = real[0], masked[0]
        assert not HIDDEN.search(repr(rows))
        assert (Counter(rows), tag) == (Counter(expected), expected_tag)
        if not case.get("record"):
            assert columns == expected_columns
        for mine, theirs, table in zip(real[1:], masked[1:], _TABLES, strict=False):
            assert Counter(mine[0]) == Counter(theirs[0]), table
    if case.get("raw"):
        assert [[v and v.decode() for v in row] for row in real[-1][0]] == case.get("is")
    if case.get("keeps"):
        before = run(postgres, _DATABASES[0], "SELECT 1", hidden)
        for mine, theirs in zip(real[1 + len(looks) : -1], before[1:], strict=True):
            assert not Counter(theirs[0]) - Counter(mine[0])


@pytest.mark.parametrize("case", [case for case in _CASES if case.get("refused")], ids=str)
def test_write_is_refused_with_a_reason(case, snapshot, world):
    """The refusal has its SQLSTATE and names what is in the way."""
    with pytest.raises(Refusal) as caught:
        rewrite(case.sql, snapshot, _NAMES, world.decision)
    told = f"{caught.value.message} {caught.value.hint} {caught.value.rule}"
    assert (caught.value.sqlstate, case.get("says") in told) == (case.get("refused"), True), told


def test_snapshot_knows_what_writes_are_checked_against(snapshot):
    """Constraints, computed columns, foreign keys and defaults are read with the columns they look at."""
    members = snapshot.relations[snapshot.names["public", "members"]]
    known = {constraint.name: constraint for constraint in members.constraints}
    assert known["members_code"] == Constraint(
        "members_code", "unique", frozenset({"tenant", "code"}), frozenset({"tenant", "code"})
    )
    assert known["members_seen"].columns == {"seen", "pin"}
    assert known["members_seen"].keys == {"seen"}
    assert (known["members_least"].kind, known["members_least"].columns) == ("check", {"least", "amount"})
    assert known["members_words"].functions == {"lower", "textcat"}
    assert members.filled == {"region", "note"}
    boards = snapshot.relations[snapshot.names["public", "boards"]]
    assert {(c.name, c.kind, c.settled) for c in boards.constraints} == {
        ("boards_topic", "check", False),
        ("words", "expression", True),
        ("size", "expression", True),
    }
    halls = snapshot.relations[snapshot.names["public", "halls"]]
    assert [(c.kind, c.columns) for c in halls.constraints] == [("partition", {"kind"}), ("policy", {"floor"})]
    rooms = snapshot.relations[snapshot.names["public", "rooms"]]
    assert [(c.name, c.kind, c.columns) for c in rooms.constraints] == [("rooms_log", "rule", {"id", "door"})]
    oid = snapshot.names["public", "members"]
    visits = snapshot.relations[snapshot.names["public", "visits"]]
    assert Link("visits_email", oid, ("email",), ("email",), refers=True, on_delete="c") in visits.links


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("INSERT INTO members (id, email) VALUES {nulls}, (8, 'HIDDEN1@x')", "members_email"),
        ("INSERT INTO members (id, email) VALUES {nulls}, (8, 'HIDDEN1@x'), {nulls}", "members_email"),
        ("INSERT INTO stalls (id, ticket) VALUES {nulls}, (8, 77123), {nulls}", "stalls_ticket"),
        ("INSERT INTO payroll VALUES {nulls}, {nulls}", "payroll is closed"),
    ],
)
def test_a_long_list_of_values_is_read_to_its_end(text, says, snapshot, world):
    """What a list of rows gives a column is looked at in every row, however many there are."""
    nulls = ", ".join(f"({n}, NULL)" for n in range(100, 1500))
    with pytest.raises(Refusal) as caught:
        rewrite(text.format(nulls=nulls), snapshot, _NAMES, world.decision)
    assert says in f"{caught.value.message} {caught.value.rule}"
    rewrite(f"INSERT INTO members (id, email) VALUES {nulls}", snapshot, _NAMES, world.decision)
