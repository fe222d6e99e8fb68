"""Random expressions over a scope, by kind. Owns what an expression may be. May not do: know statements.

`risky` expressions can fail on a value: error messages are answers, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from noninterference.generated.choices import Choices
    from noninterference.generated.scope import Scope

CONSTANTS = {
    "n": ["1", "0", "7", "1000", "20000", "-1500.5", "5000", "NULL::numeric", "2 ^ 3"],
    "t": ["'x'", "'****'", "'138****0000'", "'east'", "''", "'王'", "NULL::text", "E'a\\nb'", "$$q$$", "U&'\\0061'"],
    "d": ["date '1985-01-01'", "date '1970-01-01'", "DATE '2000-06-01'", "NULL::date", "'2001-02-03'::date"],
    "b": ["true", "false", "NULL::bool"],
    "s": ["timestamptz '2026-01-01 00:00+00'", "NULL::timestamptz"],
    "j": ['\'{"phone": "****"}\'::jsonb', "jsonb '[1]'", "NULL::jsonb"],
    "x": ["'\\x89504e47'::bytea", "NULL::bytea"],
}


class Expressions:
    """Draws expressions. `subquery` gives a query of one column of a kind within a scope."""

    def __init__(self, choices: Choices, subquery: Callable[[Scope, str], str], *, risky: bool) -> None:
        self._choices = choices
        self._subquery = subquery
        self._risky = risky
        self._makers = {
            "n": self._number,
            "t": self._text,
            "d": self._date,
            "b": self._truth,
            "s": self._moment,
            "j": self._document,
            "x": self._bytes,
        }

    def column(self, scope: Scope, kind: str) -> str:
        """A column of a kind, or a constant where there is none."""
        found = scope.of(kind)
        return self._choices.pick(found) if found else self._choices.pick(CONSTANTS[kind])

    def of(self, scope: Scope, kind: str, depth: int = 2) -> str:
        """An expression of a kind."""
        pick = self._choices
        if depth <= 0 or not pick.number(2):
            if pick.chance(6):
                return pick.pick(CONSTANTS[kind])
            return self.column(scope, kind)
        return self._makers[kind](scope, depth - 1)

    def any(self, scope: Scope, depth: int = 1) -> str:
        """An expression of any kind."""
        return self.of(scope, self._choices.pick("tntdb"), depth)

    def _one(self, *ways: Callable[[], str]) -> str:
        return self._choices.pick(ways)()

    def _row(self, scope: Scope) -> str:
        """The alias of a whole row, or a row of columns where there is none."""
        rows = scope.rows
        return self._choices.pick(rows).alias if rows else f"ROW({self.column(scope, 't')}, {self.column(scope, 'n')})"

    def _field(self, scope: Scope, kind: str) -> str:
        """A column by another way: of a whole row, as a function, out of JSON."""
        rows = [source for source in scope.rows if source.of(kind)]
        if not rows:
            return self.column(scope, kind)
        source = self._choices.pick(rows)
        name = self._choices.pick([name for name, each in source.columns if each == kind])
        cast = {"n": "numeric", "d": "date", "b": "bool", "s": "timestamptz", "t": "text"}[kind]
        return self._choices.pick(
            [
                f"({source.alias}).{name}",
                f"(to_jsonb({source.alias})->>'{name}')::{cast}",
                f"{name}({source.alias})",
                f"(SELECT w.{name} FROM (SELECT {source.alias}.*) w)",
                f"(row_to_json({source.alias})->>'{name}')::{cast}",
            ]
        )

    def _number(self, scope: Scope, depth: int) -> str:
        def n() -> str:
            return self.of(scope, "n", depth)

        def t() -> str:
            return self.of(scope, "t", depth)

        def d() -> str:
            return self.of(scope, "d", depth)

        ways = [
            lambda: f"({n()} {self._choices.pick('+-*')} {n()})",
            lambda: f"length({t()})",
            lambda: f"extract({self._choices.pick(['year', 'month', 'doy'])} FROM {d()})",
            lambda: f"coalesce({n()}, {n()})",
            lambda: f"CASE WHEN {self.of(scope, 'b', depth)} THEN {n()} ELSE {n()} END",
            lambda: self._field(scope, "n"),
            lambda: f"round({n()}::numeric, {self._choices.number(4) - 2})",
            lambda: f"abs({n()})",
            lambda: f"sign({n()})",
            lambda: f"nullif({n()}, {n()})",
            lambda: f"greatest({n()}, {n()})",
            lambda: f"least({n()}, {n()}, {n()})",
            lambda: f"position({t()} IN {t()})",
            lambda: f"ascii({t()})",
            lambda: f"({d()} - {d()})",
            lambda: f"width_bucket({n()}::numeric, 0, 50000, 5)",
            lambda: f"hashtext({t()})",
            lambda: f"octet_length({t()})",
            lambda: f"({self._subquery(scope, 'n')})",
            lambda: f"date_part('day', {d()})::int",
            lambda: f"cardinality(string_to_array({t()}, {t()}))",
            lambda: f"num_nulls({t()}, {n()}, {d()})",
            lambda: f"pg_column_size({t()}) * 0",
            lambda: f"(ARRAY[{n()}, {n()}])[{self._choices.number(3)}]",
            lambda: f"scale({n()}::numeric)",
            lambda: f"jsonb_array_length(jsonb_build_array({n()}, {t()}))",
            lambda: f"octet_length({self.of(scope, 'x', depth)})",
        ]
        if self._risky:
            ways += [
                lambda: f"({n()} / {n()})",
                lambda: f"({t()})::numeric",
                lambda: f"mod({n()}::numeric, {n()}::numeric)",
                lambda: f"CAST({t()} AS int)",
                lambda: f"1 / ({n()} - {n()})",
                lambda: f"sqrt({n()}::numeric)",
                lambda: f"to_number({t()}, '999')",
            ]
        return self._one(*ways)

    def _text(self, scope: Scope, depth: int) -> str:
        def t() -> str:
            return self.of(scope, "t", depth)

        def n() -> str:
            return self.of(scope, "n", depth)

        ways = [
            lambda: f"({t()} || {t()})",
            lambda: (
                f"{self._choices.pick(['upper', 'lower', 'reverse', 'md5', 'btrim', 'initcap', 'quote_literal'])}({t()})"
            ),
            lambda: f"left({t()}, {self._choices.number(8) - 2})",
            lambda: f"({n()})::text",
            lambda: f"({self.of(scope, 'd', depth)})::text",
            lambda: f"coalesce({t()}, 'none')",
            lambda: f"CASE WHEN {self.of(scope, 'b', depth)} THEN {t()} ELSE {t()} END",
            lambda: f"CASE {t()} WHEN {t()} THEN 'same' END",
            lambda: self._field(scope, "t"),
            lambda: f"{self._row(scope)}::text",
            lambda: f"row_to_json({self._row(scope)})::text",
            lambda: f"to_jsonb({self._row(scope)})::text",
            lambda: f"substring({t()} FROM {self._choices.number(5)} FOR 3)",
            lambda: f"substring({t()} FROM '[0-9]+')",
            lambda: f"overlay({t()} PLACING '#' FROM 2)",
            lambda: f"concat_ws('-', {t()}, {n()}, {t()})",
            lambda: f"format('%s/%s', {t()}, {n()})",
            lambda: f"regexp_replace({t()}, '[0-9*]', 'n', 'g')",
            lambda: f"replace({t()}, {t()}, 'r')",
            lambda: f"translate({t()}, '0123', 'abcd')",
            lambda: f"split_part({t()}, '*', 1)",
            lambda: f"lpad({t()}, 6, {t()})",
            lambda: f"to_char({self.of(scope, 'd', depth)}, 'YYYY-MM')",
            lambda: f"json_build_object('a', {t()}, 'b', {n()})::text",
            lambda: f"({self._subquery(scope, 't')})",
            lambda: f"({t()})::varchar(3)",
            lambda: f"({t()})::char(5)::text",
            lambda: f"encode(sha256(convert_to({t()}, 'UTF8')), 'hex')",
            lambda: f"JSON_OBJECT('k': {t()} ABSENT ON NULL)::text",
            lambda: f"(ARRAY[{t()}, {t()}])::text",
            lambda: f'({t()} COLLATE "C")',
            lambda: f"nullif({t()}, {t()})",
            lambda: f"greatest({t()}, {t()})",
            lambda: f"ROW({t()}, {n()})::text",
            lambda: f"array_to_string(ARRAY(SELECT unnest(ARRAY[{t()}, {t()}]) ORDER BY 1), ',')",
            lambda: f"jsonb_path_query_first(to_jsonb({self._row(scope)}), '$.*')::text",
            lambda: f"pg_typeof({self.any(scope, depth)})::text",
            lambda: f"concat({self._row(scope)})",
            lambda: (
                f"({self.of(scope, 'j', depth)} #>> '{self._choices.pick(['{phone}', '{owner,name}', '{owner}'])}')"
            ),
            lambda: f"encode({self.of(scope, 'x', depth)}, 'hex')",
        ]
        if self._risky:
            ways += [
                lambda: f"({t()})::xid::text",
                lambda: f"repeat({t()}, ({n()})::int % 3)",
                lambda: f"chr(({n()})::int)",
                lambda: f"to_jsonb(({t()})::json)::text",
            ]
        return self._one(*ways)

    def _date(self, scope: Scope, depth: int) -> str:
        def d() -> str:
            return self.of(scope, "d", depth)

        ways = [
            lambda: f"({d()} + {self._choices.number(40)})",
            lambda: f"date_trunc('{self._choices.pick(['month', 'year', 'quarter'])}', {d()})::date",
            lambda: f"coalesce({d()}, {d()})",
            lambda: f"greatest({d()}, {d()})",
            lambda: self._field(scope, "d"),
            lambda: f"({self._subquery(scope, 'd')})",
            lambda: f"CASE WHEN {self.of(scope, 'b', depth)} THEN {d()} END",
            lambda: f"({d()} - interval '1 month')::date",
        ]
        if self._risky:
            ways += [
                lambda: f"({self.of(scope, 't', depth)})::date",
                lambda: f"make_date(2000, ({self.of(scope, 'n', depth)})::int % 13, 1)",
            ]
        return self._one(*ways)

    def _moment(self, scope: Scope, depth: int) -> str:
        return self._one(
            lambda: f"({self.of(scope, 's', depth)} + interval '1 day')",
            lambda: f"date_trunc('month', {self.of(scope, 's', depth)})",
            lambda: f"({self.of(scope, 'd', depth)})::timestamptz",
        )

    def _document(self, scope: Scope, depth: int) -> str:
        def j() -> str:
            return self.of(scope, "j", depth)

        return self._one(
            lambda: f"({j()} #> '{self._choices.pick(['{owner}', '{phone}', '{0}'])}')",
            lambda: f"jsonb_set({j()}, '{{n}}', to_jsonb({self.of(scope, 'n', depth)}))" if self._risky else j(),
            lambda: f"to_jsonb({self._row(scope)})",
            lambda: f"jsonb_path_query_first({j()}, '$.owner.name')",
            lambda: f"jsonb_build_object('a', {j()}, 'b', {self.of(scope, 't', depth)})",
        )

    def _bytes(self, scope: Scope, depth: int) -> str:
        def x() -> str:
            return self.of(scope, "x", depth)

        return self._one(
            lambda: f"substring({x()} FROM {1 + self._choices.number(8)})",
            lambda: f"({x()} || {x()})",
            lambda: f"sha256({x()})",
            lambda: f"convert_to({self.of(scope, 't', depth)}, 'UTF8')",
        )

    def _truth(self, scope: Scope, depth: int) -> str:
        def n() -> str:
            return self.of(scope, "n", depth)

        def t() -> str:
            return self.of(scope, "t", depth)

        def d() -> str:
            return self.of(scope, "d", depth)

        def b() -> str:
            return self.of(scope, "b", depth)

        compare = ["=", "<", ">", "<=", ">=", "<>"]
        return self._one(
            lambda: f"({n()} {self._choices.pick(compare)} {n()})",
            lambda: (
                f"({t()} {self._choices.pick([*compare, 'LIKE', 'NOT LIKE', '~~', '^@', 'ILIKE', '!~'])} {t()})"
                if self._risky
                else f"({t()} {self._choices.pick([*compare, '^@'])} {t()})"
            ),
            lambda: f"({d()} {self._choices.pick(compare)} {d()})",
            lambda: f"({b()} {self._choices.pick(['AND', 'OR'])} {b()})",
            lambda: f"(NOT {b()})",
            lambda: f"({self.any(scope, depth)} IS {self._choices.pick(['NULL', 'NOT NULL'])})",
            lambda: f"({t()} LIKE '{self._choices.pick(['1%', '%*%', '_3%', '%a%', '%'])}')",
            lambda: f"({t()} IN ({t()}, {t()}, {self._choices.pick(CONSTANTS['t'])}))",
            lambda: f"({t()} = ANY (ARRAY[{t()}, {t()}]))",
            lambda: f"({n()} BETWEEN {n()} AND {n()})",
            lambda: f"({n()} BETWEEN SYMMETRIC {n()} AND {n()})",
            lambda: f"({t()} IN ({self._subquery(scope, 't')}))",
            lambda: f"({n()} NOT IN ({self._subquery(scope, 'n')}))",
            lambda: f"EXISTS ({self._subquery(scope, 't')})",
            lambda: (
                f"({n()} {self._choices.pick(compare)} {self._choices.pick(['ALL', 'ANY'])} ({self._subquery(scope, 'n')}))"
            ),
            lambda: f"(({t()}, {n()}) {self._choices.pick(compare)} ({t()}, {n()}))",
            lambda: f"({self.any(scope, depth)} IS DISTINCT FROM NULL)",
            lambda: f"({t()} IS DISTINCT FROM {t()})",
            lambda: f"({t()} SIMILAR TO '1[0-9*]+')",
            lambda: f"({t()} ~ '^[0-9]')",
            lambda: f"({self._row(scope)} IS NOT NULL)",
            lambda: f"({b()} IS {self._choices.pick(['TRUE', 'NOT TRUE', 'UNKNOWN'])})",
            lambda: f"(to_jsonb({self._row(scope)}) ? 'phone')",
            lambda: f"(to_jsonb({self._row(scope)}) @> jsonb_build_object('region', {t()}))",
            lambda: f"(ARRAY[{t()}] && ARRAY[{t()}, {t()}])",
            lambda: f"({self.of(scope, 'j', depth)} {self._choices.pick(['@>', '<@', '='])} {self.of(scope, 'j', 0)})",
            lambda: f"({self.of(scope, 'j', depth)} ? '{self._choices.pick(['phone', 'owner'])}')",
            lambda: f"({self.of(scope, 'x', depth)} {self._choices.pick(compare)} {self.of(scope, 'x', 0)})",
            lambda: f"(daterange({d()}, NULL) @> {d()})",
            lambda: f"(({d()}, {d()}) OVERLAPS ({d()}, {d()}))",
            lambda: f"starts_with({t()}, {t()})",
            lambda: f"jsonb_path_exists(to_jsonb({self._row(scope)}), '$.* ? (@ > 10)')",
            lambda: f"({t()} ~* {t()})" if self._risky else f"({t()} LIKE '%0%')",
        )
