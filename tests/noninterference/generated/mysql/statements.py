"""Random statements: queries by every way that a client can send one, and what is not a query.

Owns the ways. Each statement is a list of steps, run in one transaction that is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from noninterference.generated.choices import Choices
from noninterference.generated.mysql.literals import plain
from noninterference.generated.mysql.queries import Queries
from noninterference.generated.mysql.scope import PROTECTED, TABLES, WRITTEN, Scope, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from louver.demo.mysql import Flavour

Compared = Literal["rows", "counts", "twins", "nothing"]
"""rows: the masked world answers the same. counts: it does but for the rows. twins: only the twins are compared. nothing: it
only prepares or tidies."""


@dataclass(frozen=True, slots=True)
class Step:
    """One text of a client's, in which constants are marked and {s} stands for the schema."""

    text: str
    compared: Compared = "rows"


@dataclass(frozen=True, slots=True)
class Statement:
    """What is sent. `alone`: needs no transaction around it. `prepared`: by COM_STMT_PREPARE, with parameters for its constants.

    `cursor`: a prepared query's rows are fetched. `risky`: it may fail on a value, and the planner decides whether it comes to that. `ordered`: the order of rows counts.
    """

    steps: tuple[Step, ...]
    alone: bool = False
    prepared: bool = False
    cursor: bool = False
    risky: bool = False
    ordered: bool = False

    def __str__(self) -> str:
        texts = ";\n".join(plain(step.text) for step in self.steps)
        return texts + (" -- prepared" if self.prepared else "") + (", fetched" if self.cursor else "")


def draw(source: Random | Sequence[int], flavour: Flavour, *, prepared: bool) -> tuple[Statement, list[int]]:
    """A statement, and the choices that make it again. `prepared`: it goes by the binary protocol, else one in eight does."""
    choices = Choices(source)
    risky = choices.chance(4)
    binary = choices.chance(8) or prepared
    cursor = binary and choices.chance(3)
    made = _Statements(choices, flavour, risky=risky, prepared=binary).statement()
    binary = binary and made.prepared
    return replace(made, risky=risky, prepared=binary, cursor=cursor and binary), choices.made


_MODES = {
    "ANSI_QUOTES": lambda text: text.replace("`", '"'),
    "PIPES_AS_CONCAT": lambda text: text,
    "NO_BACKSLASH_ESCAPES": lambda text: text.replace("'%'", r"'\'"),
    "IGNORE_SPACE": lambda text: text,
    "ANSI": lambda text: text.replace("`", '"'),
}
_USUAL = "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION"


class _Statements:
    def __init__(self, choices: Choices, flavour: Flavour, *, risky: bool, prepared: bool) -> None:
        self._choices = choices
        self._mysql = flavour == "mysql"
        self._prepared = prepared
        self._queries = Queries(choices, flavour, risky=risky)
        self._expressions = self._queries.expressions

    def statement(self) -> Statement:
        ways: list[Callable[[], Statement]] = [*[self._query] * 20, *[self._listed] * 5]
        ways += [self._locked, self._into, self._set, self._insert, self._update, self._delete]
        ways += [self._several_updated, self._upsert, self._several_deleted, self._insert_select]
        if self._prepared:
            return self._choices.pick(ways)()
        ways += [self._several, self._mode, self._explain, self._show, self._commented, self._stepped, self._defined]
        return self._choices.pick(ways)()

    def _defined(self) -> Statement:
        """What changes the catalog, which takes time, and what is refused for the most part."""
        ways = [self._sql_prepared, self._kept, self._sql_prepared, self._sql_prepared, self._kept, self._view]
        return self._choices.pick(ways)()

    def _query(self) -> Statement:
        query = self._queries.query(depth=self._choices.pick([1, 0, 1, 0, 2]), top=True)
        return Statement((Step(query.text),), alone=True, prepared=True, ordered=query.ordered)

    def _listed(self) -> Statement:
        """Columns of one table to which nothing is done: masks of them stand in the list itself, unless the rest names them."""
        table = self._choices.pick(PROTECTED)
        alias = self._choices.pick([table, "z", "`z`"])
        columns = TABLES[table]
        items = []
        for _ in range(1 + self._choices.number(4)):
            name, _kind = self._choices.pick(columns)
            forms = [name, name, f"{alias}.{name}", f"{alias}.`{name.upper()}`"]
            forms += [f"{{s}}.{table}.{name}"] if alias == table else []
            items.append(self._choices.pick(forms) + self._choices.pick(["", "", " AS y", " x", f" {columns[1][0]}"]))
        of = columns if self._choices.chance(3) else columns[: 1 + self._choices.number(3)]
        scope = Scope((Source(alias, of),))
        where = f" WHERE {self._expressions.of(scope, 'b', 1)}" if self._choices.number(3) else ""
        ordered = self._choices.chance(2)
        end = self._choices.pick([f" ORDER BY {alias}.id", f" ORDER BY {alias}.id DESC LIMIT 2", f" ORDER BY 1, {alias}.id LIMIT 1, 3"]) if ordered else ""  # fmt: skip
        lock = self._choices.pick(["", "", "", " FOR UPDATE", " LOCK IN SHARE MODE"])
        source = table if alias == table else f"{table} {self._choices.pick(['', 'AS '])}{alias}"
        text = f"SELECT {', '.join(items)} FROM {source}{where}{end}{lock}"
        return Statement((Step(text),), alone=not lock, prepared=True, ordered=ordered)

    def _commented(self) -> Statement:
        """A query of which parts stand in executable comments, or behind others."""
        text = self._queries.query(depth=1, top=True).text
        way = self._choices.number(5)
        if way == 0:
            text = f"/*!40101 {text} */"
        elif way == 1:
            text = text.replace(" FROM ", " /*!50000 FROM */ ", 1)
        elif way == 2:
            text = f"/* SELECT ssn FROM people */ {text} # the end"
        elif way == 3:
            text = text.replace(" FROM ", " -- from\n FROM ", 1) + ";"
        else:
            text = f"{text} /*!99999 LIMIT 0 */"
        return Statement((Step(text),), alone=True)

    def _several(self) -> Statement:
        return Statement((Step("; ".join(self._queries.query(depth=1).text for _ in range(2))),), alone=True)

    def _stepped(self) -> Statement:
        """A query, and what the session tells of it afterwards."""
        after = self._choices.pick(["SELECT row_count()", "SELECT found_rows()", "SHOW WARNINGS LIMIT 1", "SELECT @@warning_count > 0", "SHOW ERRORS"])  # fmt: skip
        query = self._queries.query(depth=1, top=True).text
        if "found" in after:
            query = (
                query.replace("SELECT ", "SELECT SQL_CALC_FOUND_ROWS ", 1) if query.startswith("SELECT a") else query
            )
        counts: Compared = "rows" if "row" in after else "twins"
        return Statement((Step(query), Step(after, counts)), alone=True)

    def _locked(self) -> Statement:
        table = self._choices.pick(PROTECTED)
        source = Source(self._queries.alias(), TABLES[table])
        scope = Scope((source,))
        value, where = self._expressions.any(scope), self._expressions.of(scope, "b", 1)
        ways = ["FOR UPDATE", "LOCK IN SHARE MODE", "FOR UPDATE NOWAIT", "FOR UPDATE SKIP LOCKED"]
        ways += [f"FOR UPDATE OF {source.alias}", "FOR SHARE"] if self._mysql else []
        text = f"SELECT {value} AS x FROM {table} {source.alias} WHERE {where} {self._choices.pick(ways)}"
        return Statement((Step(text),), prepared=True)

    def _into(self) -> Statement:
        """Variables that take what a query gives, in each place for INTO."""
        one, two = self._queries.scalar(Scope(()), "t"), self._queries.scalar(Scope(()), "n")
        text = self._choices.pick(
            [
                f"SELECT ({one}), ({two}) INTO @x, @y",
                f"SELECT ({one}) INTO @x FROM people WHERE id = 1",
                f"{one} INTO @x",
                f"SELECT @x := ({one}), @y := ({two})",
                f"DO @x := ({one})",
            ]
        )
        return Statement((Step(text, "counts"), *_VARIABLES), prepared=True)

    def _set(self) -> Statement:
        one, two = self._queries.scalar(Scope(()), "t"), self._queries.scalar(Scope(()), "n")
        text = self._choices.pick([f"SET @x = ({one}), @y = ({two})", f"SET @x := concat(({one}), 'q')", f"SET @y = ({two}) + 1"])  # fmt: skip
        return Statement((Step(text, "counts"), *_VARIABLES), prepared=True)

    def _kept(self) -> Statement:
        query = self._queries.query(depth=1).text
        word = self._choices.pick(["AS ", "", "IGNORE AS ", "AS "])
        if "ROLLUP" in query:  # whose NULLs become 0 where the new column cannot be NULL
            word = "AS "
        drop = Step("DROP TEMPORARY TABLE IF EXISTS kept", "nothing")
        make = Step(f"CREATE TEMPORARY TABLE kept {word}{query}", "counts")
        return Statement((make, Step("SELECT * FROM kept"), Step("DESCRIBE kept", "twins"), drop))

    def _view(self) -> Statement:
        query = self._queries.query(depth=0).text
        drop = Step("DROP VIEW IF EXISTS seen", "nothing")
        return Statement((Step(f"CREATE VIEW seen AS {query}", "twins"), Step("SELECT * FROM seen", "twins"), drop))

    def _mode(self) -> Statement:
        mode = self._choices.pick(list(_MODES))
        text = _MODES[mode](self._queries.query(depth=1, top=True).text)
        back = Step(f"SET sql_mode = '{_USUAL}'", "nothing")
        return Statement((Step(f"SET sql_mode = '{_USUAL},{mode}'", "counts"), Step(text), back), alone=True)

    def _sql_prepared(self) -> Statement:
        query = self._queries.query(depth=1).text.replace("'", "''")
        prepare = Step(f"PREPARE p FROM '{query}'", "twins")
        return Statement((prepare, Step("EXECUTE p"), Step("DEALLOCATE PREPARE p", "nothing")))

    def _explain(self) -> Statement:
        how = self._choices.pick(["EXPLAIN", "DESCRIBE", "EXPLAIN FORMAT=JSON", "EXPLAIN EXTENDED"])
        return Statement((Step(f"{how} {self._queries.query(depth=0).text}", "twins"),))

    def _show(self) -> Statement:
        table = self._choices.pick(list(TABLES))
        text = self._choices.pick(
            [
                f"SHOW COLUMNS FROM {table}",
                f"SHOW FULL COLUMNS FROM {table} LIKE '%a%'",
                f"SHOW CREATE TABLE {table}",
                f"SHOW KEYS FROM {table} WHERE Key_name = 'PRIMARY'",
                "SHOW TABLES",
                f"SHOW TABLES WHERE Tables_in_{{s}} LIKE (SELECT max(name) FROM {table})",
                f"DESCRIBE {table}",
                "SHOW VARIABLES LIKE 'sql_mode'",
                f"SELECT table_rows, engine FROM information_schema.tables WHERE table_name = '{table}'",
                f"SELECT index_name, column_name FROM information_schema.statistics WHERE table_name = '{table}'",
                f"CHECKSUM TABLE {table}",
                f"SELECT * FROM mysql.innodb_table_stats WHERE table_name = '{table}'",
            ]
        )
        return Statement((Step(text, "twins"),), alone=True)

    # -- writes: what they leave in protected tables is read by the twins only, for a stored new value is shown masked -----

    def _target(self) -> tuple[str, Scope]:
        table = self._choices.pick([*PROTECTED, "orders", "log", "people", *WRITTEN])
        columns = TABLES.get(table, (("n", "n"), ("t", "t")))
        return table, Scope((Source(self._choices.pick([table, table, "z"]), columns),))

    def _after(self, *tables: str) -> tuple[Step, ...]:
        return tuple(
            Step(f"SELECT * FROM {table} ORDER BY 1" if table != "log" else "SELECT t FROM log ORDER BY t", "rows" if table in {"orders", "log"} else "twins")
            for table in dict.fromkeys(tables)
        )  # fmt: skip

    def _where(self, scope: Scope) -> str:
        return f" WHERE {self._expressions.of(scope, 'b', 1)}" if self._choices.number(4) else ""

    def _value(self, scope: Scope, kind: str) -> str:
        made = self._expressions.of(scope, kind, 1)
        fits = {"n": f"truncate(mod({made}, 100), 0)", "t": f"left({made}, 10)"}
        return fits.get(kind, made)

    def _settable(self, table: str) -> list[tuple[str, str]]:
        found = TABLES.get(table, (("n", "n"), ("t", "t")))
        return [(name, kind) for name, kind in found if name not in {"id", "person", "mood"}]

    def _limit(self, scope: Scope) -> str:
        alias = scope.sources[0].alias
        key = "n" if scope.sources[0].columns[0][0] == "n" else "id"
        return f" ORDER BY {self._expressions.of(scope, 'n', 0)}, {alias}.{key} LIMIT {self._choices.number(4)}"

    def _update(self) -> Statement:
        table, scope = self._target()
        alias = scope.sources[0].alias
        items = []
        for name, kind in {self._choices.pick(self._settable(table)) for _ in range(1 + self._choices.number(2))}:
            value = self._choices.pick([self._value(scope, kind), self._value(scope, kind), self._expressions.constant(kind), f"{alias}.{name}"])  # fmt: skip
            items.append(f"{self._choices.pick([name, f'{alias}.{name}'])} = {value}")
        items.sort()
        target = table if alias == table else f"{table} {alias}"
        end = self._limit(scope) if self._choices.chance(4) else ""
        text = f"UPDATE {self._choices.pick(['', '', '', 'IGNORE '])}{target} SET {', '.join(items)}{self._where(scope)}{end}"
        return Statement((Step(text, "counts"), *self._after(table, "log")), prepared=True)

    def _delete(self) -> Statement:
        table, scope = self._target()
        alias = scope.sources[0].alias
        target = table if alias == table or not self._mysql else f"{table} {alias}"
        where = (
            self._where(scope) if alias in target else self._where(Scope((Source(table, scope.sources[0].columns),)))
        )
        returned = ""
        if not self._mysql and self._choices.chance(3):
            last = TABLES[table][-1][0] if table in TABLES else "t"
            returned = f" RETURNING {self._choices.pick(['*', '1 AS one', last])}"
        text = f"DELETE {self._choices.pick(['', '', 'IGNORE '])}FROM {target}{where}{returned}"
        return Statement(
            (Step(text, "rows" if table in {"orders", "log"} else "counts"), *self._after(table)), prepared=True
        )

    def _insert(self) -> Statement:
        query = self._queries.scalar(Scope(()), "t")
        number = self._queries.scalar(Scope(()), "n")
        verb = self._choices.pick(["INSERT INTO", "INSERT INTO", "INSERT IGNORE INTO", "REPLACE INTO", "INSERT"])
        table, values = self._choices.pick(
            [
                ("log", f"(t) VALUES (left(({query}), 99))"),
                ("log", f"SET t = left(({query}), 90)"),
                ("orders", f"(id, person, memo) VALUES (100, 1, left(({query}), 40)), (101, 2, 'q')"),
                ("orders", f"VALUES (101, 1, mod(({number}), 1000), left(({query}), 9))"),
                ("people", f"(id, name, salary) VALUES (100, left(({query}), 9), 5)"),
                ("people", "(id, name) VALUES (101, 'new'), (102, DEFAULT)"),
                ("events", "VALUES (100, DATE'2025-01-01', 'x', 4)"),
                ("accounts", f"(id, person, card) VALUES (100, 1, left(({query}), 9))"),
            ]
        )
        returned = ""
        if not self._mysql and self._choices.chance(3):
            returned = f" RETURNING {self._choices.pick(['*', '1 AS one', 't' if table == 'log' else 'id'])}"
        return Statement((Step(f"{verb} {table} {values}{returned}", "counts"), *self._after(table)), prepared=True)

    def _insert_select(self) -> Statement:
        name = self._queries.table()
        source = Source(self._queries.alias(), TABLES[name])
        scope = Scope((source,))
        value = self._value(scope, "t")
        verb = self._choices.pick(["INSERT INTO", "INSERT IGNORE INTO", "REPLACE INTO"])
        where = self._where(scope)
        if self._choices.number(2):
            text = f"{verb} log (t) SELECT {value} FROM {name} {source.alias}{where}"
            return Statement((Step(text, "counts"), *self._after("log")), prepared=True)
        key = "id" if "id" in dict(TABLES[name]) else self._expressions.column(scope, "n")
        text = f"{verb} orders (id, memo) SELECT {key} + 100, {value} FROM {name} {source.alias}{where}"
        if key != "id":
            text = f"INSERT INTO orders (id, memo) SELECT 100, max({value}) FROM {name} {source.alias}{where}"
        return Statement((Step(text, "counts"), *self._after("orders")), prepared=True)

    def _upsert(self) -> Statement:
        table = self._choices.pick(["people", "orders", "accounts", "cards"])
        name, kind = self._choices.pick(self._settable(table))
        scope = Scope((Source(table, TABLES[table]),))
        value = self._choices.pick([self._value(scope, kind), f"VALUES({name})", self._value(scope, kind)])
        rows = {
            "people": "(id, name, salary) VALUES (1, 'x', 5), (2, '****', 42000)",
            "orders": "(id, memo) SELECT id, left(name, 40) FROM people" if self._choices.number(2) else "(id, memo) VALUES (1, 'x')",
            "accounts": "(id, person, card) VALUES (1, 1, '4111****0001')",
            "cards": "(id, number) VALUES (1, 'x'), (99, 'y')",
        }[table]  # fmt: skip
        if table == "orders" and "SELECT" in rows:
            value = self._choices.pick([f"VALUES({name})", self._expressions.constant(kind)])
        text = f"INSERT INTO {table} {rows} ON DUPLICATE KEY UPDATE {name} = {value}"
        return Statement((Step(text, "counts"), *self._after(table, "log")), prepared=True)

    def _pair(self) -> tuple[str, str, str, Scope]:
        """(first table, second table, their join, scope): tables that are joined to be changed."""
        one = self._choices.pick(["orders", "accounts", "people", "events", "orders"])
        other = self._choices.pick(["people", "accounts", "cards", "orders", "people_view"])
        left, right = Source(self._queries.alias(), TABLES[one]), Source(self._queries.alias(), TABLES[other])
        scope = Scope((left, right))
        word = self._choices.pick(["JOIN", "LEFT JOIN", "STRAIGHT_JOIN"])
        join = f"{one} {left.alias} {word} {other} {right.alias} ON {left.alias}.id = {right.alias}.id"
        if self._choices.chance(3):
            join = (
                f"{one} {left.alias} JOIN (SELECT * FROM {other}) {right.alias} ON {left.alias}.id = {right.alias}.id"
            )
        return one, other, join, scope

    def _several_updated(self) -> Statement:
        one, other, join, scope = self._pair()
        name, kind = self._choices.pick(self._settable(one))
        where = f" WHERE {self._expressions.of(scope, 'b', 1)}" if self._choices.number(2) else ""
        text = f"UPDATE {join} SET {scope.sources[0].alias}.{name} = {self._value(scope, kind)}{where}"
        return Statement((Step(text, "counts"), *self._after(one, other, "log")), prepared=True)

    def _several_deleted(self) -> Statement:
        one, other, join, scope = self._pair()
        where = f" WHERE {self._expressions.of(scope, 'b', 1)}" if self._choices.number(2) else ""
        alias = scope.sources[0].alias
        text = self._choices.pick([f"DELETE {alias} FROM {join}{where}", f"DELETE FROM {alias} USING {join}{where}"])
        return Statement((Step(text, "counts"), *self._after(one, other)), prepared=True)


_VARIABLES = (Step("SELECT @x, @y"), Step("SET @x = NULL, @y = NULL", "nothing"))
