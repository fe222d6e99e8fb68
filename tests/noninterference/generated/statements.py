"""Random statements: queries by every way that a client can send one, and what is not a query.

Owns the ways. Each statement is a list of texts, run in one transaction that is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from noninterference.generated.choices import Choices
from noninterference.generated.queries import Queries
from noninterference.generated.scope import BANK, Schema, Scope, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

Compared = Literal["rows", "twins"]
"""rows: the masked world answers the same rows. twins: only the twins are compared."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is sent. `binary`: by the extended protocol with results in binary. `alone`: needs no transaction around it.

    `risky`: it may fail on a value, and the planner decides whether it comes to that.
    """

    texts: tuple[str, ...]
    compared: Compared = "rows"
    binary: bool = False
    alone: bool = False
    risky: bool = False

    def __str__(self) -> str:
        return ";\n".join(self.texts) + (" -- extended, binary" if self.binary else "")


def draw(source: Random | Sequence[int], schema: Schema = BANK) -> tuple[Statement, list[int]]:
    """A statement, and the choices that make it again."""
    choices = Choices(source)
    risky = choices.chance(4)
    return replace(_Statements(choices, schema, risky=risky).statement(), risky=risky), choices.made


class _Statements:
    def __init__(self, choices: Choices, schema: Schema, *, risky: bool) -> None:
        self._choices = choices
        self._schema = schema
        self._queries = Queries(choices, risky=risky, schema=schema)
        self._expressions = self._queries.expressions

    def statement(self) -> Statement:
        ways = [self._query] * 12
        ways += [self._copy, self._cursor, self._prepared, self._several, self._locked, self._kept, self._view]
        ways += [self._insert, self._update, self._delete, self._merge, self._returned, self._explain]
        return self._choices.pick(ways)()

    def _query(self) -> Statement:
        return Statement((self._queries.query().text,), binary=self._choices.chance(6), alone=True)

    def _copy(self) -> Statement:
        how = self._choices.pick(["", " (FORMAT csv, HEADER)", " WITH (DELIMITER '|')", " (FORMAT csv, FORCE_QUOTE *)"])
        if self._choices.chance(4):
            return Statement((f"COPY {self._choices.pick(self._schema.protected)} TO STDOUT{how}",), alone=True)
        return Statement((f"COPY ({self._queries.query().text}) TO STDOUT{how}",), alone=True)

    def _cursor(self) -> Statement:
        query = self._queries.query().text
        fetch = self._choices.pick(["FETCH ALL FROM c", "FETCH FORWARD ALL c"])
        return Statement(
            (f"DECLARE c {self._choices.pick(['', 'SCROLL ', 'BINARY '])}CURSOR FOR {query}", fetch, "CLOSE c")
        )

    def _prepared(self) -> Statement:
        query = self._queries.query().text
        return Statement((f"PREPARE p AS {query}", "EXECUTE p", "EXECUTE p", "DEALLOCATE p"))

    def _several(self) -> Statement:
        return Statement(("; ".join(self._queries.query(depth=1).text for _ in range(2)),), alone=True)

    def _locked(self) -> Statement:
        table = self._choices.pick(self._schema.protected)
        source = Source(self._queries.alias(), self._schema.tables[table])
        scope = Scope((source,))
        value, where = self._expressions.any(scope), self._expressions.of(scope, "b", 1)
        how = self._choices.pick(["UPDATE", "SHARE", "NO KEY UPDATE", "KEY SHARE", f"UPDATE OF {source.alias}"])
        return Statement((f"SELECT {value} AS x FROM {table} {source.alias} WHERE {where} FOR {how}",))

    def _kept(self) -> Statement:
        """A table made from a query, then read. One that stays is hidden from its maker, who saw only some rows clear."""
        query = self._queries.query(depth=1).text
        stays = self._choices.chance(8)
        make = "CREATE TABLE kept AS " if stays else "CREATE TEMP TABLE kept AS "
        return Statement((make + query, "SELECT * FROM kept"), "twins" if stays else "rows")

    def _view(self) -> Statement:
        query = self._queries.query(depth=1).text
        return Statement(
            (f"CREATE {'' if self._choices.chance(8) else 'TEMP '}VIEW seen AS {query}", "SELECT * FROM seen")
        )

    def _explain(self) -> Statement:
        # Costs follow the pages of a table, and writes that fail leave pages behind in an order that nobody defends.
        how = self._choices.pick(["", ", ANALYZE, TIMING OFF, SUMMARY OFF", ", VERBOSE"])
        return Statement((f"EXPLAIN (COSTS OFF{how}) {self._queries.query(depth=1).text}",), "twins")

    # -- writes: what they leave is read by the twins only, for a stored new value is shown masked ------------------

    def _target(self) -> tuple[str, Scope]:
        table = self._choices.pick([*self._schema.protected, *self._schema.written])
        return table, Scope((Source(table, self._schema.tables[table]),))

    def _after(self, table: str) -> str:
        return f"SELECT * FROM {table} ORDER BY id"

    def _where(self, scope: Scope) -> str:
        return f" WHERE {self._expressions.of(scope, 'b', 1)}" if self._choices.number(3) else ""

    def _returning(self, scope: Scope) -> str:
        if not self._choices.number(2):
            return ""
        return f" RETURNING {self._choices.pick(['*', self._expressions.any(scope), 'id'])}"

    def _value(self, scope: Scope, kind: str) -> str:
        made = self._expressions.of(scope, kind, 1)
        return {"n": f"({made})::numeric::int", "t": f"left(({made})::text, 10)", "d": f"({made})::date"}.get(
            kind, made
        )

    def _settable(self, table: str) -> list[tuple[str, str]]:
        return [(name, kind) for name, kind in self._schema.tables[table] if not name.endswith("id") and name != "kind"]

    def _update(self) -> Statement:
        table, scope = self._target()
        name, kind = self._choices.pick(self._settable(table))
        more = ""
        if self._choices.chance(3):
            other = Source(self._queries.alias(), self._schema.tables["accounts"])
            more = f" FROM (SELECT * FROM accounts ORDER BY id LIMIT 1) {other.alias}"
            scope = Scope((*scope.sources, other))
        text = (
            f"UPDATE {table} SET {name} = {self._value(scope, kind)}{more}{self._where(scope)}{self._returning(scope)}"
        )
        return Statement((text, self._after(table)), "twins")

    def _delete(self) -> Statement:
        table = self._schema.deleted
        scope = Scope((Source(table, self._schema.tables[table]),))
        text = f"DELETE FROM {table}{self._where(scope)}{self._returning(scope)}"
        return Statement((text, self._after(table)), "twins")

    def _insert(self) -> Statement:
        query = self._queries.scalar(Scope(()), "t")
        table, values = self._choices.pick(self._schema.inserts)
        values = values.replace("{query}", query)
        scope = Scope((Source(table, self._schema.tables[table]),))
        conflict = self._choices.pick(
            ["", "", " ON CONFLICT DO NOTHING", " ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id"]
        )
        return Statement(
            (f"INSERT INTO {table} {values}{conflict}{self._returning(scope)}", self._after(table)), "twins"
        )

    def _merge(self) -> Statement:
        table, scope = self._target()
        source = Source(self._queries.alias(), self._schema.tables["accounts"])
        both = Scope((*scope.sources, source))
        name, kind = self._choices.pick(self._settable(table))
        then = self._choices.pick([f"UPDATE SET {name} = {self._value(both, kind)}", "DO NOTHING"])
        text = f"MERGE INTO {table} USING (SELECT * FROM accounts ORDER BY id LIMIT 5) {source.alias} ON {table}.id = {source.alias}.id"
        return Statement(
            (f"{text} WHEN MATCHED AND {self._expressions.of(both, 'b', 1)} THEN {then}", self._after(table)), "twins"
        )

    def _returned(self) -> Statement:
        """A write in a WITH, and a query over what it returns."""
        table, scope = self._target()
        name, kind = self._choices.pick(self._settable(table))
        text = f"WITH w AS (UPDATE {table} SET {name} = {self._value(scope, kind)}{self._where(scope)} RETURNING *) SELECT * FROM w"
        return Statement((text, self._after(table)), "twins")
