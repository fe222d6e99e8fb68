"""Random queries over the bank whose answer as a multiset is determined, in every shape of SELECT.

Owns sources, clauses and shapes. LIMIT, DISTINCT ON and row-wise windows always have an order that leaves nothing open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noninterference.generated.expressions import Expressions
from noninterference.generated.scope import BANK, Columns, Schema, Scope, Source

if TYPE_CHECKING:
    from noninterference.generated.choices import Choices

_JOINS = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]
_KINDS = "ntntdb"


@dataclass(frozen=True, slots=True)
class Query:
    """A query's text and its columns, named x0, x1 and so on unless it is a star or a table."""

    text: str
    columns: Columns


class Queries:
    """Draws queries. `made` counts aliases, so that none occurs twice; `ctes` are those in scope."""

    def __init__(self, choices: Choices, *, risky: bool, schema: Schema = BANK) -> None:
        self._choices = choices
        self._schema = schema
        self._made = 0
        self._ctes: list[tuple[str, Columns]] = []
        self.expressions = Expressions(choices, self.scalar, risky=risky)

    def alias(self) -> str:
        """An alias that occurs nowhere else."""
        self._made += 1
        return f"a{self._made}"

    # -- sources -------------------------------------------------------------------------------------------------

    def table(self) -> str:
        """A table or view."""
        return self._choices.pick(self._schema.picked)

    def source(self, scope: Scope, depth: int, *, lateral: bool = False) -> tuple[str, Source]:
        """One item of FROM with its source; `scope` is what a LATERAL one may name."""
        alias = self.alias()
        way = self._choices.number(12)
        if way in {1, 2} and self._ctes:
            name, found = self._choices.pick(self._ctes)
            return f"{name} {alias}", Source(alias, found)
        if way in {3, 4} and depth > 0:
            query = self.query(Scope((), scope.sources) if lateral else Scope(()), depth - 1)
            word = "LATERAL " if lateral else ""
            return f"{word}({query.text}) {alias}", Source(alias, query.columns)
        if way == 5:
            name = self.table()
            found = tuple((f"c{n}", kind) for n, (_, kind) in enumerate(self._schema.tables[name]))
            return f"{name} AS {alias} ({', '.join(c for c, _ in found)})", Source(alias, found)
        if way == 6:
            return self._function(alias, scope, lateral=lateral)
        return self._group(alias) if way == 7 and depth > 0 else self._plain_table(alias)

    def _plain_table(self, alias: str) -> tuple[str, Source]:
        name = self.table()
        only = self._choices.pick(["", "", "ONLY ", "public.", "TABLE"])
        if only == "TABLE":
            return f"(TABLE {name}) {alias}", Source(alias, self._schema.tables[name])
        return f"{only}{name} {self._choices.pick(['', 'AS '])}{alias}", Source(alias, self._schema.tables[name])

    def _function(self, alias: str, scope: Scope, *, lateral: bool) -> tuple[str, Source]:
        text = self.expressions.of(scope, "t", 1) if lateral else "'a,b'"
        number = self._choices.number(4)
        ways: list[tuple[str, Columns]] = [
            (f"generate_series(1, {number}) AS {alias} (g)", (("g", "n"),)),
            (f"unnest(ARRAY[{text}, 'z']) WITH ORDINALITY AS {alias} (u, o)", (("u", "t"), ("o", "n"))),
            (f"string_to_table({text}, '*') AS {alias} (s)", (("s", "t"),)),
            (f"(VALUES ({text}, {number}), ('v', 2)) AS {alias} (v, w)", (("v", "t"), ("w", "n"))),
            (f"regexp_split_to_table({text}, '0') AS {alias} (s)", (("s", "t"),)),
            (
                f"ROWS FROM (generate_series(1, 2), unnest(ARRAY[{text}])) AS {alias} (g, u)",
                (("g", "n"), ("u", "t")),
            ),
        ]
        if lateral and scope.rows:
            row = self._choices.pick(scope.rows).alias
            ways.append((f"jsonb_each_text(to_jsonb({row})) AS {alias} (k, v)", (("k", "t"), ("v", "t"))))
            ways.append((f"json_object_keys(row_to_json({row})) AS {alias} (k)", (("k", "t"),)))
            ways.append(
                (f"jsonb_to_record(to_jsonb({row})) AS {alias} (phone text, id int)", (("phone", "t"), ("id", "n")))
            )
        made, found = self._choices.pick(ways)
        return made, Source(alias, found, row=False)

    def _group(self, alias: str) -> tuple[str, Source]:
        """A join in parentheses with an alias of its own, or one by shared columns."""
        one, other = self._choices.pick(self._schema.pairs)
        kinds = dict(self._schema.tables[one]) | dict(self._schema.tables[other])
        shared = [name for name, _ in self._schema.tables[one] if name in dict(self._schema.tables[other])]
        unshared = [name for name, _ in (*self._schema.tables[one], *self._schema.tables[other]) if name not in shared]
        way = self._choices.number(3)
        if way == 0:
            found = tuple((name, kinds[name]) for name in ["id", *unshared] if name not in shared or name == "id")
            return f"({one} JOIN {other} USING (id)) AS {alias}", Source(alias, found, row=False)
        if way == 1:
            found = tuple((name, kinds[name]) for name in [*shared, *unshared])
            return f"({one} NATURAL LEFT JOIN {other}) AS {alias}", Source(alias, found, row=False)
        left, right = self.alias(), self.alias()
        found = tuple((name, kinds[name]) for name in unshared)
        on = self.expressions.of(
            Scope((Source(left, self._schema.tables[one]), Source(right, self._schema.tables[other]))), "b", 1
        )
        return f"({one} {left} JOIN {other} {right} ON {on}) AS {alias}", Source(alias, found, row=False)

    def sources(self, outer: Scope, depth: int) -> tuple[str, Scope]:
        """A FROM list and its scope."""
        count = 1 + self._choices.number(3) if depth > 0 else 1
        text, first = self.source(outer, depth)
        found = [first]
        for _ in range(count - 1):
            scope = Scope(tuple(found), outer.sources + outer.outer)
            if self._choices.chance(4):
                made, source = self.source(scope, depth, lateral=True)
                text += (
                    f" CROSS JOIN LATERAL {made.removeprefix('LATERAL ')}"
                    if made.startswith("LATERAL")
                    else f", {made}"
                )
                found.append(source)
                if not made.startswith("LATERAL"):
                    text = text.rsplit(f", {made}", 1)[0] + f" CROSS JOIN {made}"
                continue
            made, source = self.source(scope, depth)
            kind = self._choices.pick("ntn")
            left = self.expressions.of(Scope(tuple(found)), kind, 0)
            right = self.expressions.of(Scope((source,)), kind, 0)
            join = self._choices.pick(_JOINS)
            text += f" {join} {made} ON {left} = {right}"
            found.append(source)
        return text, Scope(tuple(found), (*outer.sources, *outer.outer))

    # -- queries -------------------------------------------------------------------------------------------------

    def scalar(self, scope: Scope, kind: str) -> str:
        """A query of one column and at most one row where that matters, correlated with a scope now and then."""
        name = self.table()
        source = Source(self.alias(), self._schema.tables[name])
        inner = scope.inner(source) if self._choices.number(2) else Scope((source,))
        value = self.expressions.of(Scope((source,)), kind, 0)
        where = f" WHERE {self.expressions.of(inner, 'b', 1)}" if self._choices.number(2) else ""
        made = self._choices.pick(["max", "min", "max"])
        value = f"{made}({value})" if kind != "b" else f"bool_or({value})"
        return f"SELECT {value} FROM {name} {source.alias}{where}"

    def query(self, outer: Scope | None = None, depth: int = 2) -> Query:
        """A query in any shape."""
        outer = outer or Scope(())
        way = self._choices.number(10) if depth > 0 else 0
        if way == 8:
            return self._set_operation(outer, depth - 1)
        if way == 9:
            return self._with(outer, depth - 1)
        return self.select(outer, depth)

    def select(self, outer: Scope, depth: int) -> Query:
        """One SELECT."""
        text, scope = self.sources(outer, depth)
        where = f" WHERE {self.expressions.of(scope, 'b', depth)}" if self._choices.number(2) else ""
        body = f"FROM {text}{where}"
        shapes = [self._plain, self._plain, self._ordered, self._star, self._grouped, self._window, self._aggregate]
        shapes += [self._distinct, self._distinct_on, self._sets, self._values]
        return self._choices.pick(shapes)(scope, body, depth)

    def _list(self, scope: Scope, depth: int) -> tuple[list[str], Columns]:
        kinds = [self._choices.pick(_KINDS) for _ in range(1 + self._choices.number(4))]
        made = [self.expressions.of(scope, kind, depth) for kind in kinds]
        return made, tuple((f"x{n}", kind) for n, kind in enumerate(kinds))

    @staticmethod
    def _items(made: list[str], columns: Columns) -> str:
        return ", ".join(f"{text} AS {name}" for text, (name, _) in zip(made, columns, strict=True))

    def _plain(self, scope: Scope, body: str, depth: int) -> Query:
        made, columns = self._list(scope, depth)
        return Query(f"SELECT {self._items(made, columns)} {body}", columns)

    def _star(self, scope: Scope, body: str, _: int) -> Query:
        source = self._choices.pick(scope.sources)
        return Query(f"SELECT {source.alias}.* {body}", source.columns)

    def _ordered(self, scope: Scope, body: str, depth: int) -> Query:
        """In an order of all columns, so that LIMIT leaves nothing open."""
        made, columns = self._list(scope, depth)
        order = ", ".join(f"{n + 1}{self._choices.pick(['', ' DESC', ' NULLS FIRST'])}" for n in range(len(made)))
        end = self._choices.pick(["", " LIMIT 3", " OFFSET 2 LIMIT 4", " FETCH FIRST 2 ROWS WITH TIES"])
        return Query(f"SELECT {self._items(made, columns)} {body} ORDER BY {order}{end}", columns)

    def _distinct(self, scope: Scope, body: str, depth: int) -> Query:
        made, columns = self._list(scope, depth)
        return Query(f"SELECT DISTINCT {self._items(made, columns)} {body}", columns)

    def _distinct_on(self, scope: Scope, body: str, depth: int) -> Query:
        made, columns = self._list(scope, depth)
        order = ", ".join(made)
        return Query(f"SELECT DISTINCT ON ({made[0]}) {self._items(made, columns)} {body} ORDER BY {order}", columns)

    def _made_of_rows(self, scope: Scope, depth: int) -> tuple[str, str]:
        """(aggregate, kind) whose value does not depend on the order of rows."""
        n, t, b = (self.expressions.of(scope, kind, depth) for kind in "ntb")
        row = self._choices.pick(scope.rows).alias if scope.rows else t
        given = f" FILTER (WHERE {b})" if self._choices.chance(4) else ""
        made, kind = self._choices.pick(
            [
                ("count(*)", "n"),
                (f"count({t})", "n"),
                (f"sum({n})", "n"),
                (f"max({t})", "t"),
                (f"min({t})", "t"),
                (f"avg({n}::numeric)", "n"),
                (f"count(DISTINCT {t})", "n"),
                (f"string_agg({t}, ',' ORDER BY {t})", "t"),
                (f"string_agg(DISTINCT {t}, ',')", "t"),
                (f"array_agg({n} ORDER BY {n})::text", "t"),
                (f"bool_or({b})", "b"),
                (f"every({b})", "b"),
                (f"count({row})", "n"),
                (f"json_agg({t} ORDER BY {t})::text", "t"),
                (f"json_agg({row} ORDER BY {row}::text)::text", "t"),
                (f"array_agg({row}::text ORDER BY {row}::text)::text", "t"),
                (f"jsonb_object_agg(coalesce({t}, ''), 1)::text", "t"),
                (f"max({n})", "n"),
                (f"stddev_pop({n}::numeric)", "n"),
                (f"JSON_ARRAYAGG({t} ORDER BY {t})::text", "t"),
                (f"bit_xor(hashtext({t}))", "n"),
                (f"max(ARRAY[{t}])::text", "t"),
            ]
        )
        if self._choices.chance(8):
            return f"mode() WITHIN GROUP (ORDER BY {t})", "t"
        if self._choices.chance(10):
            return f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {n}){given}", "n"
        return _filtered(made, given), kind

    def _aggregate(self, scope: Scope, body: str, depth: int) -> Query:
        found = [self._made_of_rows(scope, depth - 1) for _ in range(1 + self._choices.number(3))]
        columns = tuple((f"x{n}", kind) for n, (_, kind) in enumerate(found))
        return Query(f"SELECT {self._items([made for made, _ in found], columns)} {body}", columns)

    def _grouped(self, scope: Scope, body: str, depth: int) -> Query:
        kind = self._choices.pick("ntd")
        key = self.expressions.of(scope, kind, depth - 1)
        made, other = self._made_of_rows(scope, depth - 1)
        having = f" HAVING {self._made_of_rows(scope, 0)[0]} IS NOT NULL" if self._choices.chance(4) else ""
        by = self._choices.pick(["1", f"({key})"])
        columns = (("x0", kind), ("x1", other))
        return Query(f"SELECT {self._items([key, made], columns)} {body} GROUP BY {by}{having}", columns)

    def _sets(self, scope: Scope, body: str, depth: int) -> Query:
        """Grouping sets over columns."""
        one, two = (self.expressions.column(scope, kind) for kind in "tn")
        made, other = self._made_of_rows(scope, depth - 1)
        way = self._choices.pick(["GROUPING SETS (({0}), ({1}), ())", "ROLLUP ({0}, {1})", "CUBE ({0}, {1})"])
        way = way.format(one, two) if one[0] == "a" and two[0] == "a" else "()"
        keys = [one, two] if way != "()" else ["NULL::text", "NULL::numeric"]
        columns = (("x0", "t"), ("x1", "n"), ("x2", other))
        return Query(f"SELECT {self._items([*keys, made], columns)} {body} GROUP BY {way}", columns)

    def _window(self, scope: Scope, body: str, depth: int) -> Query:
        made, columns = self._list(scope, depth)
        order = self.expressions.of(scope, self._choices.pick("ntd"), 1)
        part = f"PARTITION BY {self.expressions.of(scope, 't', 0)} " if self._choices.number(2) else ""
        frame = self._choices.pick(["", "", " RANGE UNBOUNDED PRECEDING", " GROUPS 1 PRECEDING"])
        number = self.expressions.of(scope, "n", 1)
        function = self._choices.pick(
            ["rank()", "dense_rank()", "count(*)", "cume_dist()", f"sum({number})", f"max({number})", "percent_rank()"]
        )
        over = f"({part}ORDER BY ({order}){frame})"
        columns = (*columns, (f"x{len(columns)}", "n"))
        if self._choices.number(2):
            return Query(f"SELECT {self._items([*made, f'{function} OVER {over}'], columns)} {body}", columns)
        return Query(f"SELECT {self._items([*made, f'{function} OVER w'], columns)} {body} WINDOW w AS {over}", columns)

    def _values(self, scope: Scope, _: str, depth: int) -> Query:
        rows = [
            f"({self.scalar_in(scope, 't')}, {self.scalar_in(scope, 'n')})" for _ in range(1 + self._choices.number(2))
        ]
        return Query(f"VALUES {', '.join(rows)}", (("column1", "t"), ("column2", "n")))

    def scalar_in(self, scope: Scope, kind: str) -> str:
        """A scalar subquery that names nothing of the query's own sources."""
        return f"({self.scalar(Scope(scope.outer), kind)})"

    def _set_operation(self, outer: Scope, depth: int) -> Query:
        kinds = [self._choices.pick("tn") for _ in range(1 + self._choices.number(2))]
        columns = tuple((f"x{n}", kind) for n, kind in enumerate(kinds))
        arms = [self._arm(outer, columns, depth) for _ in range(2 + self._choices.number(2))]
        words = ["UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"]
        text = arms[0]
        for arm in arms[1:]:
            text = (
                f"({text}) {self._choices.pick(words)} ({arm})"
                if self._choices.number(2)
                else f"{text} {self._choices.pick(words)} {arm}"
            )
        return Query(text, columns)

    def _arm(self, outer: Scope, columns: Columns, depth: int) -> str:
        text, scope = self.sources(outer, max(depth, 0))
        made = [self._typed(scope, kind) for _, kind in columns]
        where = f" WHERE {self.expressions.of(scope, 'b', 1)}" if self._choices.number(2) else ""
        return f"SELECT {self._items(made, columns)} FROM {text}{where}"

    def _typed(self, scope: Scope, kind: str) -> str:
        return f"({self.expressions.of(scope, kind, 1)})::{'text' if kind == 't' else 'numeric'}"

    def _with(self, outer: Scope, depth: int) -> Query:
        known = len(self._ctes)
        items = []
        recursive = self._choices.chance(4)
        for _ in range(1 + self._choices.number(2)):
            name = f"w{self.alias()}"
            if recursive:
                items.append(self._recursive(name))
                continue
            hint = self._choices.pick(["", "", "MATERIALIZED ", "NOT MATERIALIZED "])
            if self._choices.chance(8) and not any(each == "customers" for each, _ in self._ctes):  # it hides the table
                source = Source(self.alias(), self._schema.tables["customers"])
                where = self.expressions.of(Scope((source,)), "b", 1)
                items.append(f"customers AS {hint}(SELECT * FROM customers {source.alias} WHERE {where})")
                self._ctes.append(("customers", self._schema.tables["customers"]))
                continue
            query = self.query(outer, depth)
            items.append(f"{name} AS {hint}({query.text})")
            self._ctes.append((name, query.columns))
        body = self.query(outer, depth)
        del self._ctes[known:]
        text = f"({body.text})" if body.text.startswith("WITH") else body.text
        return Query(f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(items)} {text}", body.columns)

    def _recursive(self, name: str) -> str:
        table = self.table()
        source = Source(self.alias(), self._schema.tables[table])
        start = f"SELECT 1 AS n, {self._typed(Scope((source,)), 't')} AS t FROM {table} {source.alias}"
        again = f"SELECT n + 1, {self._typed(Scope((Source(name, (('n', 'n'), ('t', 't'))),)), 't')} FROM {name} WHERE n < 3"
        self._ctes.append((name, (("n", "n"), ("t", "t"))))
        return f"{name} (n, t) AS ({start} UNION {again})"


def _filtered(made: str, given: str) -> str:
    """An aggregate with its FILTER, before a cast."""
    if not made.endswith("::text"):
        return made + given
    return made.removesuffix("::text") + given + "::text"
