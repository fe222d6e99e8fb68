"""Rewritten statements on real servers answer as the same statement in a database that physically holds the masked values."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from fixtures.mysql_rewriting import CASES, HIDDEN, catalog, decision, load

from rewriter.mysql.catalog import Catalog, Column, Facts
from rewriter.mysql.rewrite import rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL
    from policies.model import Decision

SELECTS = [case for case in load("select") if "refused" not in case]
SELECTS += [case for case in load("statements") if "out" in case and case.get("run", True)]
WRITES = [case for case in load("writes") if "refused" not in case]
TABLES = ("customers", "orders", "parts", "accounts", "log")


class Worlds:
    """One server with the schema twice: as it is, and with the masked values stored in it."""

    def __init__(self, server: LocalMySQL) -> None:
        self.server = server
        mine = os.environ.get("PYTEST_XDIST_WORKER", "one")  # so that a message says whose it is
        self.real, self.masked = (server.create_schema(f"bank_{kind}_{mine}") for kind in ("real", "masked"))
        self.connection = server.connect()
        for schema in (self.real, self.masked):
            self.connection.select_db(schema)
            for statement in (CASES / "schema.sql").read_text().splitlines():
                self.ask(statement)
        self.decision: Decision = decision(self.real)
        self.catalog = self.describe(self.real)
        self.masked_catalog = self.describe(self.masked)
        for table, column in HIDDEN:
            # the masked values are not unique, and an order by them would be another
            self.ask(f"ALTER TABLE {self.masked}.{table} DROP INDEX {column}")
            self.ask(f"UPDATE {self.masked}.{table} SET {column} = '****' WHERE {column} IS NOT NULL")
        self.ask(f"TRUNCATE {self.masked}.log")

    def ask(self, sql: str) -> tuple[Any, ...]:
        """Labels and rows, or the number of the error."""
        with self.connection.cursor() as cursor:
            try:
                cursor.execute(sql)
            except pymysql.MySQLError as error:
                return ("error", error.args[0])
            return ([each[0] for each in cursor.description or ()], list(cursor.fetchall()), cursor.rowcount)

    def describe(self, schema: str) -> Catalog:
        """The catalog of the fixture with what this server says of columns and views."""
        known = catalog(self.server.flavour, schema)
        tables = {}
        for name, table in known.tables.items():
            _, rows, _ = self.ask(
                "SELECT COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE, DATA_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLLATION_NAME "
                f"FROM information_schema.columns WHERE TABLE_SCHEMA = '{schema}' AND TABLE_NAME = '{name[1]}' ORDER BY 2"
            )
            columns = tuple(Column(r[0], r[1], r[2], r[3], r[4] == "NO", r[5], r[6]) for r in rows)
            _, views, _ = self.ask(
                f"SELECT VIEW_DEFINITION FROM information_schema.views WHERE TABLE_SCHEMA = '{schema}' AND TABLE_NAME = '{name[1]}'"
            )
            definition = views[0][0] if views else None
            indexes = table.indexes if schema == self.real else ()
            tables[name] = replace(table, columns=columns, definition=definition, indexes=indexes)
        version = tuple(int(part) for part in re.findall(r"\d+", self.ask("SELECT version()")[1][0][0])[:3])
        return Catalog("def", 1, known.flavour, version, False, tables, known.routines)  # type: ignore[arg-type]  three numbers

    def rewritten(self, sql: str, modes: str = "") -> str:
        """What leaves for the real schema."""
        facts = Facts(self.real, frozenset(modes.split()))
        return rewrite(sql, catalog=self.catalog, facts=facts, decision=self.decision).text

    def state(self, schema: str) -> list[object]:
        """What the caller sees of all tables of a schema."""
        known = self.catalog if schema == self.real else self.masked_catalog
        found = []
        for table in TABLES:
            text = f"SELECT * FROM {table} ORDER BY 1"
            made = rewrite(text, catalog=known, facts=Facts(schema), decision=decision(schema))
            self.connection.select_db(schema)
            found.append(self.ask(made.text))
        return found


@pytest.fixture(scope="module")
def worlds(either: LocalMySQL) -> Iterator[Worlds]:
    made = Worlds(either)
    yield made
    made.connection.close()


def compared(worlds: Worlds, case: dict[str, Any]) -> tuple[Any, Any]:
    """The answer to a case, and that of the masked world."""
    sql, modes = case["sql"].replace("?", "'222'"), case.get("modes", "")
    answers = []
    for schema in (worlds.real, worlds.masked):
        text = re.sub(r"\bbank\b", schema, sql)
        if schema == worlds.real:
            text = worlds.rewritten(text, modes)
        worlds.connection.select_db(schema)
        worlds.ask(f"SET SESSION sql_mode = '{modes}'")
        labels, rows, *more = worlds.ask(text)
        if labels != "error":
            labels = [label.replace(schema, "bank") for label in labels]
        worlds.ask("SET SESSION sql_mode = ''")
        plain = repr(rows).replace(schema, "bank")
        ordered = rows if case.get("order") or not isinstance(rows, list) else sorted(rows, key=repr)
        answers.append((labels, ordered if plain == repr(rows) else plain, more))
    return answers[0], answers[1]


@pytest.mark.parametrize("case", SELECTS, ids=[case["sql"][:70] for case in SELECTS])
def test_reads(worlds: Worlds, case: dict[str, Any]) -> None:
    """Labels, rows and errors are those of the masked world."""
    if case.get("only", worlds.server.flavour) != worlds.server.flavour or ";" in case["sql"].rstrip("; ").replace(
        "';'", ""
    ):
        return
    mine, theirs = compared(worlds, case)
    if case.get("fails") == "otherwise":
        assert mine[0] == theirs[0] == "error"
        return
    assert mine == theirs
    if case["sql"].strip(" -").startswith(("select", "(", "table", "with")):
        assert (mine[0] == "error") == bool(case.get("fails"))


@pytest.mark.parametrize("case", WRITES, ids=[case["sql"][:70] for case in WRITES])
def test_writes(worlds: Worlds, case: dict[str, Any]) -> None:
    """What a write answers, and what the caller sees afterwards, is as in the masked world."""
    if case.get("only", worlds.server.flavour) != worlds.server.flavour:
        return
    before = worlds.state(worlds.real)
    worlds.ask("BEGIN")
    try:
        mine, theirs = compared(worlds, case)
        if case.get("kept"):
            assert mine == ("error", 1690, [])
            assert worlds.state(worlds.real) == before
            return
        assert worlds.state(worlds.real) == worlds.state(worlds.masked)
    finally:
        worlds.ask("ROLLBACK")
    assert (mine[0] == "error") == bool(case.get("fails"))
    assert mine == theirs or case.get("answer") == "other"


def test_a_masked_value_written_back_keeps_the_real_one(worlds: Worlds) -> None:
    """What the caller sees is not stored; NULL is; anything else is an error, even the stored value itself."""
    worlds.connection.select_db(worlds.real)
    real = "13812345678"
    for new, stored, fails in (
        ("'****'", real, False),
        ("concat(phone, '')", real, False),
        ("NULL", None, False),
        ("'999'", real, True),
        (f"'{real}'", real, True),
    ):
        for modes in ("", "STRICT_TRANS_TABLES"):
            worlds.ask(f"SET SESSION sql_mode = '{modes}'")
            worlds.ask("BEGIN")
            answer = worlds.ask(worlds.rewritten(f"update customers set phone = {new} where id = 1"))
            assert (answer[:2] == ("error", 1690)) == fails
            assert worlds.ask("SELECT phone FROM customers WHERE id = 1")[1] == [(stored,)]
            worlds.ask("ROLLBACK")
    worlds.ask("SET SESSION sql_mode = ''")


def test_rows_do_not_come_in_the_order_of_hidden_values(worlds: Worlds) -> None:
    """An index over a hidden column covers what is asked for, and would give the rows in its order."""
    worlds.connection.select_db(worlds.real)
    texts = [worlds.rewritten(f"select {what} from customers limit 3") for what in ("id", "id, phone", "phone")]
    assert [row[0] for row in worlds.ask("SELECT id, phone FROM customers")[1]] == [3, 1, 4, 2]
    before = [worlds.ask(text) for text in texts]
    worlds.ask("BEGIN")
    try:
        worlds.ask("UPDATE customers SET phone = 999 - id WHERE phone IS NOT NULL")
        assert [worlds.ask(text) for text in texts] == before
    finally:
        worlds.ask("ROLLBACK")


def test_a_locking_read_locks_its_rows(worlds: Worlds) -> None:
    """FOR UPDATE of a masked table keeps others from the row, and from no other."""
    other = worlds.server.connect(worlds.real)
    worlds.connection.select_db(worlds.real)
    worlds.ask("BEGIN")
    try:
        worlds.ask(worlds.rewritten("select phone from customers where id = 1 for update"))
        with other.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout = 1")
            assert cursor.execute("UPDATE customers SET name = name WHERE id = 2") == 0
            with pytest.raises(pymysql.MySQLError, match="1205"):
                cursor.execute("UPDATE customers SET name = 'x' WHERE id = 1")
    finally:
        worlds.ask("ROLLBACK")
        other.close()
