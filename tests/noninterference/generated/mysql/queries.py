"""Random queries over the twins' tables whose answer as a multiset is determined, in every shape of SELECT.

Owns sources, clauses and shapes. LIMIT and row-wise windows always have an order that leaves nothing open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noninterference.generated.mysql.expressions import Expressions
from noninterference.generated.mysql.scope import CONDITIONED, TWINS, Columns, Schema, Scope, Source

if TYPE_CHECKING:
    from noninterference.generated.choices import Choices

    from louver.demo.mysql import Flavour

_KINDS = "ntntdbsj"
_JOINS = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "INNER JOIN", "LEFT OUTER JOIN", "STRAIGHT_JOIN"]


@dataclass(frozen=True, slots=True)
class Query:
    """A query's text and its columns, named x0, x1 and so on unless it is a star or a table. `ordered`: by all of them."""

    text: str
    columns: Columns
    ordered: bool = False


class Queries:
    """Draws queries. `made` counts aliases, so that none occurs twice; `ctes` are those in scope."""

    def __init__(self, choices: Choices, flavour: Flavour, *, risky: bool, schema: Schema = TWINS) -> None:
        self._choices = choices
        self._schema = schema
        self._mysql = flavour == "mysql"
        self._made = 0
        self._ctes: list[tuple[str, Columns]] = []
        self._qualifies = choices.number(3)
        self.expressions = Expressions(choices, flavour, self.scalar, risky=risky, looked_up=schema.looked_up)

    def alias(self) -> str:
        """An alias that occurs nowhere else."""
        self._made += 1
        return f"a{self._made}"

    def named(self, name: str) -> str:
        """A name as clients write it: bare, or in backticks."""
        return self._choices.pick([name, name, f"`{name}`"])

    # -- sources -------------------------------------------------------------------------------------------------

    def table(self) -> str:
        """A table or view."""
        return self._choices.pick(self._schema.picked)

    def written(self, name: str) -> str:
        """A table's name in one of its forms; {s} stands for the schema."""
        return self._choices.pick([name, name, name, f"`{name}`", f"{{s}}.{name}", f"`{{s}}`.`{name}`", f"{{s}} . {name}"])  # fmt: skip

    def source(self, scope: Scope, depth: int, *, lateral: bool = False) -> tuple[str, Source]:
        """One item of FROM with its source; `scope` is what a LATERAL one may name."""
        alias = self.alias()
        way = self._choices.number(14)
        if way in {1, 2} and self._ctes:
            name, found = self._choices.pick(self._ctes)
            return f"{name} {alias}", Source(alias, found)
        if way in {3, 4} and depth > 0:
            lateral = lateral and self._mysql
            query = self.query(Scope((), scope.sources) if lateral else Scope(()), depth - 1)
            word = "LATERAL " if lateral else ""
            if self._mysql and self._choices.chance(4):
                found = tuple((f"c{n}", kind) for n, (_, kind) in enumerate(query.columns))
                return f"{word}({query.text}) AS {alias} ({', '.join(c for c, _ in found)})", Source(alias, found)
            return f"{word}({query.text}) {alias}", Source(alias, query.columns)
        if way == 6 and depth > 0:
            return self._nested()
        if way == 5:
            return self._json_table(alias, scope, lateral=lateral)
        return self._values_table(alias) if way == 7 else self._plain_table(alias)

    def _plain_table(self, alias: str, name: str = "") -> tuple[str, Source]:
        name_given, name = bool(name), name or self.table()
        way = 0 if name_given else self._choices.number(8)
        if way == 1 and self._mysql and name in self._schema.starred:
            return f"(TABLE {name}) {alias}", Source(alias, self._schema.tables[name])
        if way == 2 and name == "events":
            return f"events PARTITION ({self._choices.pick(['p0', 'p1', 'p0, p1'])}) {alias}", Source(alias, self._schema.tables[name])  # fmt: skip
        if way == 3 and name in self._schema.indexes:
            hint = self._choices.pick(["USE", "FORCE", "IGNORE"])
            used = self._choices.pick(["", " FOR JOIN", " FOR ORDER BY"])
            return f"{name} {alias} {hint} INDEX{used} ({self._choices.pick(self._schema.indexes[name])})", Source(alias, self._schema.tables[name])  # fmt: skip
        if way == 4 and name in self._schema.starred:
            return f"(SELECT * FROM {self.written(name)}) AS {alias}", Source(alias, self._schema.tables[name])
        quoted = self._choices.pick([alias, alias, f"`{alias}`"])
        return f"{self.written(name)} {self._choices.pick(['', 'AS '])}{quoted}", Source(
            alias, self._schema.tables[name]
        )

    def _json_table(self, alias: str, scope: Scope, *, lateral: bool) -> tuple[str, Source]:
        found: Columns = (("k", "t"), ("o", "n"), ("v", "n"))
        document = self.expressions.of(scope, "j", 1) if lateral and scope.sources else '\'[{"k": 1}, {"k": "a"}, 3]\''
        listed = "k varchar(20) PATH '$.k', o FOR ORDINALITY, v int PATH '$.v'"
        listed += self._choices.pick(["", "", "", " DEFAULT '7' ON EMPTY NULL ON ERROR"])
        path = self._choices.pick(["$[*]", "$", "$.*"])
        return f"JSON_TABLE({document}, '{path}' COLUMNS ({listed})) {alias}", Source(alias, found, row=False)

    def _values_table(self, alias: str) -> tuple[str, Source]:
        one, two = self.expressions.constant("t"), self.expressions.constant("n")
        text = f"(SELECT {one} AS v, {two} AS w UNION ALL SELECT 'v', 2) {alias}"
        if self._mysql and self._choices.number(2):
            text = f"(VALUES ROW({one}, {two}), ROW('v', 2)) AS {alias} (v, w)"
        return text, Source(alias, (("v", "t"), ("w", "n")), row=False)

    def _nested(self) -> tuple[str, Source]:
        """A join as a derived table, by shared columns or by a condition, or in parentheses."""
        one, other = self._choices.pick(self._schema.pairs)
        kinds = dict(self._schema.tables[one]) | dict(self._schema.tables[other])
        shared = [name for name, _ in self._schema.tables[one] if name in dict(self._schema.tables[other])]
        unshared = [name for name, _ in (*self._schema.tables[one], *self._schema.tables[other]) if name not in shared]
        alias = self.alias()
        way = self._choices.number(4)
        if way == 0:
            listed = tuple((name, kinds[name]) for name in dict.fromkeys(["id", *unshared]))
            chosen = listed[: 1 + self._choices.number(len(listed))]
            names = ", ".join(name for name, _ in chosen)
            return f"(SELECT {names} FROM {one} JOIN {other} USING (id)) {alias}", Source(alias, chosen)
        if way == 1 and {one, other} <= self._schema.starred:
            listed = tuple((name, kinds[name]) for name in [*shared, *unshared])
            how = self._choices.pick(["NATURAL JOIN", "NATURAL LEFT JOIN", "NATURAL INNER JOIN"])
            return f"(SELECT * FROM {one} {how} {other}) {alias}", Source(alias, listed)
        right = self.alias()
        on = self.expressions.of(
            Scope((Source(alias, self._schema.tables[one]), Source(right, self._schema.tables[other]))), "b", 1
        )
        if way == 2:  # the right one stays out of scope: it may be NULL, which changes nothing here
            return f"({one} {alias} LEFT JOIN {other} {right} ON {on})", Source(alias, self._schema.tables[one])
        return f"({one} {alias} CROSS JOIN {other} {right})", Source(alias, self._schema.tables[one])

    def sources(self, outer: Scope, depth: int) -> tuple[str, Scope]:
        """A FROM list and its scope."""
        count = self._choices.pick([1, 2, 1, 2, 1, 3]) if depth > 0 else 1
        text, first = self.source(outer, depth)
        found = [first]
        for _ in range(count - 1):
            scope = Scope(tuple(found), outer.sources + outer.outer)
            if self._choices.chance(4):
                made, source = self.source(scope, depth, lateral=True)
                text += f"{self._choices.pick([', ', ' CROSS JOIN ', ' JOIN '])}{made}"
                found.append(source)
                if text.endswith(made) and "," in text[-len(made) - 2 : -len(made)]:
                    text = f"{text[: -len(made) - 2]} CROSS JOIN {made}"  # a comma binds less tightly than JOIN
                continue
            made, source = self.source(scope, depth)
            join = self._choices.pick(_JOINS)
            text += f" {join} {made} ON {self._on(tuple(found), source)}"
            found.append(source)
        return text, Scope(tuple(found), (*outer.sources, *outer.outer))

    def _on(self, found: tuple[Source, ...], source: Source) -> str:
        if self._choices.chance(5):
            return self.expressions.of(Scope((*found, source)), "b", 1)
        kind = self._choices.pick("ntn")
        left = self.expressions.of(Scope(found), kind, 0)
        right = self.expressions.of(Scope((source,)), kind, 0)
        return f"{left} {self._choices.pick(['=', '=', '<=>'])} {right}"

    # -- queries -------------------------------------------------------------------------------------------------

    def scalar(self, scope: Scope, kind: str) -> str:
        """A query of one column and one row, correlated with a scope now and then."""
        name = self.table()
        source = Source(self.alias(), self._schema.tables[name])
        inner = scope.inner(source) if self._choices.number(2) else Scope((source,))
        value = self.expressions.of(Scope((source,)), kind if kind in "ntd" else "n", 0)
        where = f" WHERE {self.expressions.of(inner, 'b', 1)}" if self._choices.number(2) else ""
        made = self._choices.pick(["max", "min", "MAX", "count"] if kind == "n" else ["max", "min"])
        return f"SELECT {made}({value}) FROM {self.written(name)} {source.alias}{where}"

    def query(self, outer: Scope | None = None, depth: int = 2, *, top: bool = False) -> Query:
        """A query in any shape; at the `top` its columns may have no names."""
        outer = outer or Scope(())
        way = self._choices.number(10) if depth > 0 else 0
        if way == 8:
            return self._set_operation(outer, depth - 1)
        if way == 9:
            return self._with(outer, depth - 1)
        return self.select(outer, depth, top=top)

    def select(self, outer: Scope, depth: int, *, top: bool = False) -> Query:
        """One SELECT."""
        text, scope = self.sources(outer, depth)
        where = f" WHERE {self.expressions.of(scope, 'b', depth)}" if self._choices.number(2) else ""
        body = f"FROM {text}{where}"
        shapes = [self._plain, self._plain, self._ordered, self._star, self._grouped, self._window, self._aggregate]
        shapes += [self._distinct, self._rollup, self._by_key, self._values, self._bare if top else self._plain]
        if top and self._choices.chance(6):
            shapes = [self._everything]
        return self._choices.pick(shapes)(scope, body, depth)

    def _list(self, scope: Scope, depth: int) -> tuple[list[str], Columns]:
        kinds = [self._choices.pick(_KINDS) for _ in range(1 + self._choices.number(3))]
        made = [self.expressions.of(scope, kind, depth) for kind in kinds]
        return made, tuple((f"x{n}", kind) for n, kind in enumerate(kinds))

    def _items(self, made: list[str], columns: Columns) -> str:
        word = self._choices.pick([" AS ", " ", " AS "])
        return ", ".join(f"{text}{word}{self.named(name)}" for text, (name, _) in zip(made, columns, strict=True))

    def _first(self) -> str:
        """SELECT with what may stand behind it."""
        if self._choices.number(8):
            return "SELECT"
        words = ["SELECT ALL", "select", "SELECT STRAIGHT_JOIN", "SELECT SQL_BIG_RESULT", "SELECT HIGH_PRIORITY", "SELECT SQL_BUFFER_RESULT", "SELECT SQL_NO_CACHE", "SELECT/**/", "SELECT /*! STRAIGHT_JOIN */"]  # fmt: skip
        words += ["SELECT /*+ NO_MERGE(a1) */", "SELECT /*+ JOIN_FIXED_ORDER() NO_BNL() */", "SELECT /*+ MAX_EXECUTION_TIME(9000) */"]  # fmt: skip
        return self._choices.pick(words)

    def _plain(self, scope: Scope, body: str, depth: int) -> Query:
        made, columns = self._list(scope, depth)
        return Query(f"{self._first()} {self._items(made, columns)} {body}", columns)

    def _bare(self, scope: Scope, body: str, depth: int) -> Query:
        """Columns that are called after their text, or in other ways."""
        made, columns = self._list(scope, depth)
        called = ["", "", " AS 'a b'", ' AS "q"', " AS `sel``ect`", " x"]
        items = ", ".join(f"{text}{self._choices.pick(called)}" for text in made)
        return Query(f"{self._first()} {items} {body}", columns)

    def _star(self, scope: Scope, body: str, _: int) -> Query:
        source = self._choices.pick(scope.sources)
        if "secrets" in body:
            return Query(f"SELECT {source.alias}.{source.columns[0][0]} {body}", source.columns[:1])
        return Query(f"SELECT {source.alias}.* {body}", source.columns)

    def _everything(self, _scope: Scope, body: str, _: int) -> Query:
        return Query(f"SELECT * {body}", ())

    def _ordered(self, scope: Scope, body: str, depth: int) -> Query:
        """In an order of all columns, so that LIMIT leaves nothing open."""
        made, columns = self._list(scope, depth)
        order = ", ".join(f"{n + 1}{self._choices.pick(['', ' DESC', ' ASC'])}" for n in range(len(made)))
        end = self._choices.pick(["", " LIMIT 3", " LIMIT 2, 4", " LIMIT 4 OFFSET 1"])
        return Query(
            f"{self._first()} {self._items(made, columns)} {body} ORDER BY {order}{end}", columns, ordered=True
        )

    def _distinct(self, scope: Scope, body: str, depth: int) -> Query:
        # Of one expression twice, MariaDB gives both columns the last one's name over a derived table.
        once = dict(zip(*self._list(scope, depth), strict=True))
        made, columns = list(once), tuple(once.values())
        return Query(f"SELECT {self._choices.pick(['DISTINCT', 'DISTINCTROW'])} {self._items(made, columns)} {body}", columns)  # fmt: skip

    def _made_of_rows(self, scope: Scope, depth: int) -> tuple[str, str]:
        """(aggregate, kind) whose value does not depend on the order of rows."""
        n, t, d = (self.expressions.of(scope, kind, depth) for kind in "ntd")
        return self._choices.pick(
            [
                ("count(*)", "n"),
                (f"count({t})", "n"),
                (f"sum({n})", "n"),
                (f"max({t})", "t"),
                (f"min({t})", "t"),
                (f"avg({n})", "n"),
                (f"count(DISTINCT {t})", "n"),
                (f"count(DISTINCT {t}, {n})", "n"),
                (f"group_concat({t} ORDER BY {t})", "t"),
                (f"GROUP_CONCAT(DISTINCT {t} ORDER BY {t} DESC SEPARATOR '|')", "t"),
                (f"sum(DISTINCT {n})", "n"),
                (f"max({n})", "n"),
                (f"round(std({n}), 3)", "n"),
                (f"bit_xor(crc32({t}))", "n"),
                (f"bit_or({n})", "n"),
                (f"json_length(json_arrayagg({t}))", "n"),
                (f"json_length(json_objectagg(coalesce({t}, ''), {n}))", "n"),
                (f"min({d})", "d"),
                (f"max(length({t}))", "n"),
                (f"sum({t} IS NULL)", "n"),
                (f"max(concat({t}, {n}))", "t"),
                ("COUNT( * )", "n") if self._mysql else ("COUNT(*)", "n"),
            ]
        )

    def _aggregate(self, scope: Scope, body: str, depth: int) -> Query:
        found = [self._made_of_rows(scope, depth - 1) for _ in range(1 + self._choices.number(3))]
        columns = tuple((f"x{n}", kind) for n, (_, kind) in enumerate(found))
        return Query(f"SELECT {self._items([made for made, _ in found], columns)} {body}", columns)

    def _grouped(self, scope: Scope, body: str, depth: int) -> Query:
        kind = self._choices.pick("ntds")
        key = self.expressions.of(scope, kind, depth - 1)
        made, other = self._made_of_rows(scope, depth - 1)
        having = self._choices.pick(
            ["", "", f" HAVING {self._made_of_rows(scope, 0)[0]} IS NOT NULL", " HAVING x1 > 1"]
        )
        # MariaDB groups by the column of FROM where both have the name, and picks any row of a group for the item
        rival = not self._mysql and any(name == "x0" for source in scope.sources for name, _ in source.columns)
        by = self._choices.pick(["1", key if rival else "x0", key])
        columns = (("x0", kind), ("x1", other))
        text = f"SELECT {self._items([key, made], columns)} {body} GROUP BY {by}{having}"
        if self._choices.chance(4):
            text += self._choices.pick([" ORDER BY NULL", " ORDER BY 1, 2", f" ORDER BY {made}, 1"])
        return Query(text, columns)

    def _by_key(self, scope: Scope, body: str, depth: int) -> Query:
        """Grouped by a primary key, which determines the other columns."""
        source = self._choices.pick(scope.sources)
        names = [name for name, _ in source.columns]
        if "id" not in names or len(source.columns) < 2:
            return self._plain(scope, body, depth)
        name, kind = self._choices.pick(source.columns)
        made, other = self._made_of_rows(scope, 0)
        columns = (("x0", kind), ("x1", other))
        items = self._items([f"{source.alias}.{name}", made], columns)
        return Query(f"SELECT {items} {body} GROUP BY {source.alias}.id, {source.alias}.{name}", columns)

    def _rollup(self, _scope: Scope, _body: str, depth: int) -> Query:
        """Of a table alone: where a condition is false by itself, or into a cursor over a view or subquery, the servers give '' for NULL."""
        text, source = self._plain_table(self.alias(), self._choices.pick(self._schema.tabled))
        scope = Scope((source,))
        one, two = (self.expressions.column(scope, kind) for kind in "tn")
        made, other = self._made_of_rows(scope, depth - 1)
        if "DISTINCT" in made:  # MariaDB forgets it over a table where a primary key is grouped by, in the sums, too
            made, other = "count(*)", "n"
        columns = (("x0", "t"), ("x1", "n"), ("x2", other))
        if one[0] != "a" or two[0] != "a":
            return self._aggregate(scope, f"FROM {text}", depth)
        return Query(f"SELECT {self._items([one, two, made], columns)} FROM {text} GROUP BY {one}, {two} WITH ROLLUP", columns)  # fmt: skip

    def _window(self, scope: Scope, body: str, depth: int) -> Query:
        made, columns = self._list(scope, depth)
        order = self.expressions.of(scope, self._choices.pick("ntd"), 1)
        part = f"PARTITION BY {self.expressions.of(scope, 't', 0)} " if self._choices.number(2) else ""
        frame = self._choices.pick(["", "", " RANGE UNBOUNDED PRECEDING"])
        number = self.expressions.of(scope, "n", 1)
        function = self._choices.pick(
            ["rank()", "dense_rank()", "count(*)", "cume_dist()", f"max({number})", "percent_rank()", f"sum({number})"]
        )
        frame = "" if "(" in function and function.split("(")[0] in {"rank", "dense_rank", "cume_dist", "percent_rank"} else frame  # fmt: skip
        over = f"({part}ORDER BY {order}{frame})"
        columns = (*columns, (f"x{len(columns)}", "n"))
        if self._choices.number(2):
            return Query(f"SELECT {self._items([*made, f'{function} OVER {over}'], columns)} {body}", columns)
        return Query(f"SELECT {self._items([*made, f'{function} OVER w'], columns)} {body} WINDOW w AS {over}", columns)

    def _values(self, scope: Scope, body: str, depth: int) -> Query:
        if not self._mysql:
            return self._plain(scope, body, depth)
        rows = [
            f"ROW(({self._listed(scope, 't')}), ({self._listed(scope, 'n')}))"
            for _ in range(1 + self._choices.number(2))
        ]
        return Query(f"VALUES {', '.join(rows)}", (("column_0", "t"), ("column_1", "n")))

    def _listed(self, scope: Scope, kind: str) -> str:
        """A query within VALUES: MySQL loses the conditions of views there, which over a table in their place it keeps."""
        for _ in range(8):
            text = self.scalar(Scope(scope.outer), kind)
            if not any(name in text for name in CONDITIONED):
                return text
        return f"SELECT {self.expressions.constant(kind)}"

    def _set_operation(self, outer: Scope, depth: int) -> Query:
        kinds = [self._choices.pick("tn") for _ in range(1 + self._choices.number(2))]
        columns = tuple((f"x{n}", kind) for n, kind in enumerate(kinds))
        arms = [self._arm(outer, columns, depth) for _ in range(2 + self._choices.number(2))]
        words = ["UNION", "UNION ALL", "UNION DISTINCT", "EXCEPT", "INTERSECT"]
        if self._mysql or len(arms) == 2:  # MariaDB 10.11 never ends INTERSECT ALL ... EXCEPT ALL, killed or not
            words += ["EXCEPT ALL", "INTERSECT ALL"]
        text = arms[0]
        for arm in arms[1:]:
            text = f"{text} {self._choices.pick(words)} {arm}"
        if self._choices.chance(3):
            text += f" ORDER BY {', '.join(str(n + 1) for n in range(len(kinds)))} LIMIT 5"
        return Query(text, columns)

    def _arm(self, outer: Scope, columns: Columns, depth: int) -> str:
        text, scope = self.sources(outer, max(depth, 0))
        made = [self.typed(scope, kind) for _, kind in columns]
        where = f" WHERE {self.expressions.of(scope, 'b', 1)}" if self._choices.number(2) else ""
        made_text = f"SELECT {self._items(made, columns)} FROM {text}{where}"
        return self._choices.pick([made_text, made_text, f"({made_text})"])

    def typed(self, scope: Scope, kind: str) -> str:
        """An expression of a kind that has the same type everywhere."""
        return f"CAST({self.expressions.of(scope, kind, 1)} AS {'CHAR' if kind == 't' else 'DECIMAL(30,4)'})"

    def _with(self, outer: Scope, depth: int) -> Query:
        known = len(self._ctes)
        items = []
        recursive = self._choices.chance(4)
        for _ in range(1 + self._choices.number(2)):
            name = f"w{self.alias()}"
            if recursive:
                items.append(self._recursive(name))
                continue
            covered = self._schema.covered
            if self._choices.chance(8) and not any(each == covered for each, _ in self._ctes):  # it hides the table
                source = Source(self.alias(), self._schema.tables[covered])
                where = self.expressions.of(Scope((source,)), "b", 1)
                items.append(f"{covered} AS (SELECT * FROM {covered} {source.alias} WHERE {where})")
                self._ctes.append((covered, self._schema.tables[covered]))
                continue
            query = self.query(Scope(()), depth)
            if self._choices.chance(3):
                found = tuple((f"c{n}", kind) for n, (_, kind) in enumerate(query.columns))
                items.append(f"{name} ({', '.join(c for c, _ in found)}) AS ({query.text})")
                self._ctes.append((name, found))
                continue
            items.append(f"{name} AS ({query.text})")
            self._ctes.append((name, query.columns))
        body = self.query(outer, depth)
        del self._ctes[known:]
        text = f"({body.text})" if body.text.startswith("WITH") else body.text
        return Query(f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(items)} {text}", body.columns)

    def _recursive(self, name: str) -> str:
        table = self.table()
        source = Source(self.alias(), self._schema.tables[table])
        start = f"SELECT 1 AS n, CAST(max({self.expressions.of(Scope((source,)), 't', 1)}) AS CHAR(60)) AS t FROM {table} {source.alias}"
        inner = Scope((Source(name, (("n", "n"), ("t", "t"))),))
        again = (
            f"SELECT n + 1, CAST(left({self.expressions.of(inner, 't', 1)}, 60) AS CHAR(60)) FROM {name} WHERE n < 3"
        )
        self._ctes.append((name, (("n", "n"), ("t", "t"))))
        return f"{name} (n, t) AS ({start} UNION {self._choices.pick(['', 'ALL '])}{again})"
