"""Random expressions over a scope, by kind. Owns what an expression may be. May not do: know statements.

`risky` expressions can fail or warn on a value: errors and warnings are answers, too. What depends on the order of rows, on time or on
the connection is not among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noninterference.generated.mysql.literals import marked

if TYPE_CHECKING:
    from collections.abc import Callable

    from noninterference.generated.choices import Choices
    from noninterference.generated.scope import Scope

    from louver.demo.mysql import Flavour

CONSTANTS = {
    "n": [marked("1"), marked("0"), marked("7"), marked("41000"), marked("-1500.5"), "45000", marked("NULL"), "0x1F", "b'101'", "1e2", "TRUE"],
    "t": [
        *(marked(each) for each in ("'x'", "'****'", "'****4001'", "'Oslo'", "''", "'王'", "NULL", "'SENTINELNAME1'")),
        *("N'x'", "_utf8mb4'q'", "x'41'", "_latin1'e'", "'a' 'b'", "'it''s'", "_utf8mb4 x'E78E8B'", "'%'"),
    ],
    "d": ["DATE'1961-01-01'", "DATE '1970-01-01'", "CAST(NULL AS DATE)", "CAST('2001-02-03' AS DATE)"],
    "s": ["TIMESTAMP'2001-01-01 00:00:00'", "CAST(NULL AS DATETIME)", "TIMESTAMP '2005-06-07 08:09:10.5'"],
    "h": ["TIME'01:02:03'", "CAST(NULL AS TIME)", "TIME '00:00:00'"],
    "j": ["JSON_OBJECT('k', 1)", "JSON_ARRAY(1, 'a', NULL)", "JSON_OBJECT()"],
    "r": ["x'00FF'", "BINARY 'r'", "CAST('' AS BINARY)"],
    "b": ["TRUE", "FALSE", marked("NULL"), marked("1"), marked("0")],
}  # fmt: skip
COMPARE = ["=", "<", ">", "<=", ">=", "<>", "!=", "<=>"]


class Expressions:
    """Draws expressions. `subquery` gives a query of one column of a kind within a scope, of one row at most."""

    def __init__(
        self,
        choices: Choices,
        flavour: Flavour,
        subquery: Callable[[Scope, str], str],
        *,
        risky: bool,
        looked_up: tuple[str, str, str, str],
    ) -> None:
        self._choices = choices
        self._looked_up = looked_up
        self._mysql = flavour == "mysql"
        self._subquery = subquery
        self._risky = risky
        self._makers: dict[str, Callable[[Scope, int], list[Callable[[], str]]]] = {
            "n": self._number,
            "t": self._text,
            "d": self._date,
            "s": self._moment,
            "h": self._time,
            "j": self._json,
            "r": self._bytes,
            "b": self._truth,
        }

    def constant(self, kind: str) -> str:
        """A constant of a kind."""
        return self._choices.pick(CONSTANTS[kind])

    def column(self, scope: Scope, kind: str) -> str:
        """A column of a kind, or a constant where there is none."""
        found = scope.of(kind)
        return self._choices.pick(found) if found else self.constant(kind)

    def of(self, scope: Scope, kind: str, depth: int = 2) -> str:
        """An expression of a kind."""
        pick = self._choices
        if depth <= 0 or not pick.number(2):
            if kind == "b" or pick.chance(6):
                return self.constant(kind) if kind != "b" or not pick.number(3) else self._simple_truth(scope)
            return self.column(scope, kind)
        return pick.pick(self._makers[kind](scope, depth - 1))()

    def any(self, scope: Scope, depth: int = 1) -> str:
        """An expression of any kind."""
        return self.of(scope, self._choices.pick("tntndbsjrh"), depth)

    def _simple_truth(self, scope: Scope) -> str:
        kind = self._choices.pick("ntd")
        return f"({self.column(scope, kind)} {self._choices.pick(COMPARE)} {self.constant(kind)})"

    def _windowless(self, text: str) -> str:
        """The same text with something in it that means nothing."""
        return self._choices.pick([text, text, text, f"{text} ", f"/* x */{text}", f"(\n{text})", f"/*!40101 {text} */", f"{text} /*!99999 , nothing */"])  # fmt: skip

    def _number(self, scope: Scope, depth: int) -> list[Callable[[], str]]:
        pick = self._choices.pick

        table, number, text, _ = self._looked_up

        def n() -> str:
            return self.of(scope, "n", depth)

        def t() -> str:
            return self.of(scope, "t", depth)

        def d() -> str:
            return self.of(scope, "d", depth)

        ways = [
            lambda: f"({n()} {pick(['+', '-'])} {n()})",
            lambda: f"{pick(['length', 'char_length', 'octet_length', 'ASCII', 'crc32', 'bit_length'])}({t()})",
            lambda: f"EXTRACT({pick(['YEAR', 'MONTH', 'DAY', 'QUARTER'])} FROM {d()})",
            lambda: f"{pick(['year', 'month', 'dayofyear', 'to_days', 'weekday', 'dayofmonth'])}({d()})",
            lambda: f"{pick(['coalesce', 'ifnull', 'IFNULL'])}({n()}, {n()})",
            lambda: f"CASE WHEN {self.of(scope, 'b', depth)} THEN {n()} ELSE {n()} END",
            lambda: f"IF({self.of(scope, 'b', depth)}, {n()}, {n()})",
            lambda: f"round({n()}, {self._choices.number(4) - 2})",
            lambda: f"truncate({n()}, {self._choices.number(3)})",
            lambda: f"{pick(['abs', 'sign', 'floor', 'CEILING'])}({n()})",
            lambda: f"nullif({n()}, {n()})",
            lambda: f"{pick(['greatest', 'least'])}({n()}, {n()})",
            lambda: f"{pick(['locate', 'instr', 'find_in_set', 'STRCMP'])}({t()}, {t()})",
            lambda: f"POSITION({t()} IN {t()})",
            # MySQL takes these two for never true of a NULL, so that a left join behind which they stand loses rows; not so of a constant
            lambda: f"field(ifnull({t()}, ''), ifnull({t()}, 'q'), {self.constant('t')})",
            lambda: f"interval(ifnull({n()}, 0), 0, 1000, 45000)",
            lambda: f"datediff({d()}, {d()})",
            lambda: f"TIMESTAMPDIFF({pick(['DAY', 'MONTH', 'YEAR'])}, {d()}, {d()})",
            lambda: f"({self._subquery(scope, 'n')})",
            lambda: f"(({n()}) % 7)",
            lambda: f"(-{n()})" if self._choices.number(2) else f"(- {n()})",
            lambda: f"json_length({self.of(scope, 'j', depth)})",
            lambda: f"json_depth({self.of(scope, 'j', depth)})",
            lambda: f"{pick(['hour', 'minute', 'time_to_sec'])}({self.of(scope, 'h', depth)})",
            lambda: (
                f"{pick(['unix_timestamp', 'year', 'to_seconds', 'second', 'microsecond'])}({self.of(scope, 's', depth)})"
            ),
            lambda: f"length({self.of(scope, 'r', depth)})",
            lambda: f"(({self.of(scope, 'b', depth)}) + 1)",
            lambda: f"ord({t()})",
            lambda: f"isnull({self.any(scope, depth)})",
            lambda: self._windowless(n()),
            lambda: f"CAST({n()} AS {pick(['SIGNED', 'DECIMAL(20,3)', 'DECIMAL(30)', 'DOUBLE'])})",
            lambda: f"CONVERT({n()}, SIGNED INTEGER)",
            lambda: f"bit_count(crc32({t()}))",
            lambda: f"(SELECT {n()})",
            lambda: f"format({n()}, 1) + 0" if self._risky else f"length(format({n()}, 1))",
        ]
        if self._risky:
            ways += [
                lambda: f"({n()} {pick(['/', '*', 'DIV', 'MOD', '%'])} {n()})",
                lambda: f"({t()} + 0)",
                lambda: f"CAST({t()} AS {pick(['SIGNED', 'UNSIGNED', 'DECIMAL(10,2)'])})",
                lambda: f"1 / ({n()} - {n()})",
                lambda: f"{pick(['sqrt', 'ln', 'exp', 'log10'])}({n()})",
                lambda: f"pow({n()}, 3)",
                lambda: f"({n()} {pick(['&', '|', '^', '<<', '>>'])} {n()})",
                lambda: f"conv({t()}, 16, 10)",
                lambda: f"CAST({n()} AS UNSIGNED)",
                lambda: f"json_value({t()}, '$.k')",
                lambda: f"({d()} + 0)",
                lambda: f"(SELECT z.{number} FROM {table} z WHERE z.{text} = {t()})",
                lambda: f"inet_aton({t()})",
                lambda: f"json_length({t()})",
                lambda: f"json_extract({t()}, {t()})",
            ]
        return ways

    def _text(self, scope: Scope, depth: int) -> list[Callable[[], str]]:
        pick = self._choices.pick

        table, _, text, other = self._looked_up

        def t() -> str:
            return self.of(scope, "t", depth)

        def n() -> str:
            return self.of(scope, "n", depth)

        ways = [
            lambda: f"concat({t()}, {t()})",
            lambda: f"{pick(['upper', 'lower', 'reverse', 'md5', 'trim', 'quote', 'UCASE', 'ltrim', 'soundex', 'to_base64', 'hex'])}({t()})",
            lambda: f"{pick(['left', 'right'])}({t()}, {self._choices.number(8) - 2})",
            lambda: f"CAST({n()} AS CHAR)",
            lambda: f"CAST({self.of(scope, 'd', depth)} AS CHAR(10))",
            lambda: f"coalesce({t()}, 'none')",
            lambda: f"CASE WHEN {self.of(scope, 'b', depth)} THEN {t()} ELSE {t()} END",
            lambda: f"CASE {t()} WHEN {t()} THEN 'same' END",
            lambda: f"IF({self.of(scope, 'b', depth)}, {t()}, {t()})",
            lambda: f"substring({t()} FROM {self._choices.number(5)} FOR 3)",
            lambda: f"substr({t()}, {self._choices.number(9) - 4})",
            lambda: f"insert({t()}, 2, 1, '#')",
            # MariaDB's loses arguments where one that a subquery computes is given twice
            lambda: f"concat_ws('-', {t()}, {n()}, {self.constant('t') if not self._mysql else t()})",
            lambda: f"regexp_replace({t()}, '[0-9*]', 'n')",
            lambda: f"regexp_substr({t()}, '[a-z*]+')",
            lambda: f"replace({t()}, {t()}, 'r')",
            lambda: f"substring_index({t()}, '*', {self._choices.number(4) - 2})",
            lambda: f"{pick(['lpad', 'rpad'])}({t()}, 6, {t()})",
            lambda: f"date_format({self.of(scope, 'd', depth)}, '%Y-%m')",
            lambda: f"date_format({self.of(scope, 's', depth)}, '%H %d %b %Y')",
            lambda: f"monthname({self.of(scope, 'd', depth)})",
            lambda: f"({self._subquery(scope, 't')})",
            lambda: f"CAST({t()} AS CHAR(3))",
            lambda: f"CONVERT({t()} USING {pick(['utf8mb4', 'latin1', 'ascii'])})" if self._risky else f"CONVERT({t()} USING utf8mb4)",
            lambda: f"sha2({t()}, 256)",
            lambda: f"(CONVERT({t()} USING utf8mb4) COLLATE utf8mb4_bin)",
            lambda: f"nullif({t()}, {t()})",
            lambda: f"{pick(['greatest', 'least'])}({t()}, {t()})",
            lambda: f"elt({self._choices.number(3) + 1}, {t()}, {t()})",
            lambda: f"make_set(5, {t()}, 'm', {t()})",
            lambda: f"export_set(5, {t()}, 'N', '', 4)",
            lambda: f"repeat({t()}, {self._choices.number(3)})",
            lambda: f"json_unquote(json_extract({self.of(scope, 'j', depth)}, '$.k'))",
            lambda: f"CAST({self.of(scope, 'j', depth)} AS CHAR)" if self._mysql else f"concat({self.of(scope, 'j', depth)}, '')",
            lambda: f"json_type({self.of(scope, 'j', depth)})",
            lambda: f"json_quote({t()})",
            lambda: f"hex({self.of(scope, 'r', depth)})",
            lambda: f"{pick(['charset', 'collation'])}({t()})",
            lambda: f"weight_string({t()} AS CHAR(3))" if self._risky and self._mysql else f"hex(weight_string({t()}))",
            lambda: f"format({n()}, 2)",
            lambda: f"{pick(['bin', 'hex'])}({n()})" if self._risky else f"CONCAT({n()}, '')",
            lambda: self._windowless(t()),
            lambda: f"ANY_VALUE({t()})" if self._mysql and self._risky else f"trim(LEADING '*' FROM {t()})",
            lambda: f"trim(BOTH {t()} FROM {t()})",
            lambda: "extractvalue('<a>x</a>', '/a')" if self._choices.number(2) else f"soundex({t()})",
            lambda: "name_const('x', 1)" if self._risky else "char(65, 66 USING utf8mb4)",
        ]  # fmt: skip
        if self._risky:
            ways += [
                lambda: f"repeat({t()}, {n()} % 3)",
                lambda: f"left({t()}, {n()})",
                lambda: f"char({n()} USING utf8mb4)",
                lambda: f"json_extract({t()}, '$.k')",
                lambda: f"({t()} COLLATE {pick(['utf8mb4_bin', 'utf8mb4_general_ci', 'latin1_bin'])})",
                lambda: f"(SELECT z.{text} FROM {table} z WHERE z.{other} > {t()})",
                lambda: f"unhex({t()})",
                lambda: f"from_base64({t()})",
                lambda: f"extractvalue(concat('<a>', {t()}, '</a>'), '/a')",
                lambda: f"regexp_substr({t()}, {t()})",
                lambda: f"date_format({t()}, '%Y')",
                lambda: f"elt({n()}, {t()}, {t()})",
                lambda: f"lpad({t()}, {n()}, '.')",
                lambda: f"{n()} || {t()}",
            ]
        return ways

    def _date(self, scope: Scope, depth: int) -> list[Callable[[], str]]:
        pick = self._choices.pick

        def d() -> str:
            return self.of(scope, "d", depth)

        ways = [
            lambda: (
                f"({d()} {pick('+-')} INTERVAL {self._choices.number(40)} {pick(['DAY', 'MONTH', 'YEAR', 'WEEK'])})"
            ),
            lambda: f"DATE_ADD({d()}, INTERVAL '1-2' YEAR_MONTH)",
            lambda: f"last_day({d()})",
            lambda: f"coalesce({d()}, {d()})",
            lambda: f"{pick(['greatest', 'least'])}({d()}, {d()})",
            lambda: f"date({self.of(scope, 's', depth)})",
            lambda: f"({self._subquery(scope, 'd')})",
            lambda: f"CASE WHEN {self.of(scope, 'b', depth)} THEN {d()} END",
            lambda: f"IF({self.of(scope, 'b', depth)}, {d()}, NULL)",
            lambda: f"CAST({self.of(scope, 's', depth)} AS DATE)",
            lambda: f"makedate(2000, {self._choices.number(300) + 1})",
        ]
        if self._risky:
            ways += [
                lambda: f"CAST({self.of(scope, 't', depth)} AS DATE)",
                lambda: f"makedate(2000, {self.of(scope, 'n', depth)})",
                lambda: f"str_to_date({self.of(scope, 't', depth)}, '%Y')",
                lambda: f"({d()} + INTERVAL {self.of(scope, 'n', depth)} DAY)",
                lambda: f"from_days({self.of(scope, 'n', depth)})",
            ]
        return ways

    def _moment(self, scope: Scope, depth: int) -> list[Callable[[], str]]:
        pick = self._choices.pick

        def s() -> str:
            return self.of(scope, "s", depth)

        return [
            lambda: f"({s()} {pick('+-')} INTERVAL {self._choices.number(90)} {pick(['SECOND', 'DAY', 'MINUTE'])})",
            lambda: f"coalesce({s()}, {s()})",
            lambda: f"CAST({self.of(scope, 'd', depth)} AS DATETIME)",
            lambda: f"timestamp({self.of(scope, 'd', depth)}, {self.of(scope, 'h', depth)})",
            lambda: f"from_unixtime({self._choices.number(9)}00000)",
            lambda: f"convert_tz({s()}, '+00:00', '+02:00')",
            lambda: f"CASE WHEN {self.of(scope, 'b', depth)} THEN {s()} END",
        ]

    def _time(self, scope: Scope, depth: int) -> list[Callable[[], str]]:
        return [
            lambda: f"time({self.of(scope, 's', depth)})",
            lambda: f"coalesce({self.of(scope, 'h', depth)}, {self.of(scope, 'h', depth)})",
            lambda: f"sec_to_time({self._choices.number(9)}00)",
            lambda: f"addtime({self.of(scope, 'h', depth)}, '00:00:01')",
            lambda: f"maketime({self._choices.number(24)}, 1, 2)",
        ]

    def _json(self, scope: Scope, depth: int) -> list[Callable[[], str]]:
        pick = self._choices.pick

        def j() -> str:
            return self.of(scope, "j", depth)

        def t() -> str:
            return self.of(scope, "t", depth)

        ways = [
            lambda: f"json_object('a', {t()}, 'b', {self.of(scope, 'n', depth)})",
            lambda: f"json_array({t()}, {self.of(scope, 'd', depth)})",
            lambda: f"json_set({j()}, '$.x', {t()})",
            lambda: f"json_extract({j()}, '$.{pick(['k', '*', 'a'])}')",
            lambda: f"json_keys({j()})",
            lambda: f"json_merge_patch({j()}, {j()})",
            lambda: f"json_merge_preserve({j()}, {j()})",
            lambda: f"json_remove({j()}, '$.k')",
            lambda: f"json_insert({j()}, '$.y', {self.of(scope, 'n', depth)})",
            lambda: f"json_search({j()}, 'all', {t()})",
        ]
        docs = scope.of("j")
        if self._mysql and docs:
            ways += [lambda: f"{pick(docs)} -> '$.k'", lambda: f"{pick(docs)} ->> '$.k'"]
        return ways

    def _bytes(self, scope: Scope, depth: int) -> list[Callable[[], str]]:
        return [
            lambda: f"CAST({self.of(scope, 't', depth)} AS BINARY)",
            lambda: f"concat({self.of(scope, 'r', depth)}, {self.of(scope, 'r', depth)})",
            lambda: f"unhex(hex({self.of(scope, 't', depth)}))",
            lambda: f"BINARY {self.column(scope, 't')}",
            lambda: f"unhex(md5({self.of(scope, 't', depth)}))",
            lambda: f"CONVERT({self.of(scope, 't', depth)} USING binary)",
        ]

    def _truth(self, scope: Scope, depth: int) -> list[Callable[[], str]]:
        pick = self._choices.pick

        table, number, text, _ = self._looked_up

        def n() -> str:
            return self.of(scope, "n", depth)

        def t() -> str:
            return self.of(scope, "t", depth)

        def d() -> str:
            return self.of(scope, "d", depth)

        def b() -> str:
            return self.of(scope, "b", depth)

        ways = [
            lambda: f"({n()} {pick(COMPARE)} {n()})",
            lambda: f"({t()} {pick(COMPARE)} {t()})",
            lambda: f"({d()} {pick(COMPARE)} {d()})",
            lambda: f"({self.of(scope, 's', depth)} {pick(COMPARE)} {self.of(scope, 's', depth)})",
            lambda: f"({b()} {pick(['AND', 'OR', 'XOR', '&&'])} {b()})",
            lambda: f"(NOT {b()})",
            lambda: f"(! {b()})" if self._risky else f"(NOT ({b()}))",
            lambda: f"({self.any(scope, depth)} IS {pick(['NULL', 'NOT NULL'])})",
            lambda: f"({t()} {pick(['', 'NOT '])}LIKE '{pick(['1%', '%*%', '_3%', '%a%', '%', '4111%', '*_'])}')",
            lambda: f"({t()} IN ({t()}, {t()}, {self.constant('t')}))",
            lambda: f"({n()} {pick(['', 'NOT '])}BETWEEN {n()} AND {n()})",
            lambda: f"({t()} BETWEEN {t()} AND {t()})",
            lambda: f"({t()} {pick(['', 'NOT '])}IN ({self._subquery(scope, 't')}))",
            lambda: f"({n()} {pick(['', 'NOT '])}IN ({self._subquery(scope, 'n')}))",
            lambda: f"{pick(['', 'NOT '])}EXISTS ({self._subquery(scope, 't')})",
            lambda: f"({n()} {pick(COMPARE[:6])} {pick(['ALL', 'ANY', 'SOME'])} ({self._subquery(scope, 'n')}))",
            # Nor is any other comparison of rows true of a NULL to MySQL, though ('a', NULL) < ('b', NULL) is.
            lambda: f"(({t()}, {n()}) {pick(['='] if self._mysql else COMPARE[:6])} ({t()}, {n()}))",
            lambda: f"(({n()}, {t()}) IN (({n()}, {t()}), (1, 'x')))",
            lambda: f"({t()} {pick(['REGEXP', 'RLIKE', 'NOT REGEXP'])} '^[0-9a-n*]')",
            lambda: f"({b()} IS {pick(['TRUE', 'NOT TRUE', 'UNKNOWN', 'FALSE'])})",
            lambda: f"json_contains({self.of(scope, 'j', depth)}, '1', '$.k')",
            lambda: f"json_contains_path({self.of(scope, 'j', depth)}, 'one', '$.k')",
            lambda: f"json_valid({t()})",
            lambda: f"({self.column(scope, 't')} LIKE concat({t()}, '%'))",
            lambda: f"(BINARY {self.column(scope, 't')} = {t()})",
            lambda: f"({self.column(scope, 't')} COLLATE utf8mb4_bin = {t()})" if self._risky else self._simple_truth(scope),
            lambda: self._simple_truth(scope),
        ]  # fmt: skip
        if self._mysql:
            ways += [lambda: f"({n()} MEMBER OF ({self.of(scope, 'j', depth)}))"]
        if self._risky:
            ways += [
                lambda: f"({t()} {pick(COMPARE)} {n()})",
                lambda: f"({t()} LIKE {t()})",
                lambda: f"({t()} SOUNDS LIKE {t()})",
                lambda: f"({t()} REGEXP {t()})",
                t,
                lambda: f"({b()} || {b()})",
                lambda: f"(({n()}, {t()}) = (SELECT z.{number}, z.{text} FROM {table} z WHERE z.id = {n()}))",
            ]
        return ways
