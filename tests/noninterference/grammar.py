"""A grammar of random queries over the twins' tables, drawn by hypothesis.

Owns what is generated: joins, CTEs, subqueries, set operations, aggregates, windows, casts and arithmetic that can fail.
Most of it is valid SQL; what is not must fail alike everywhere.
"""

from __future__ import annotations

from hypothesis import strategies as st

TABLES = {
    "people": {
        "n": ["id", "grp", "salary", "score", "big"],
        "t": ["city", "name", "ssn", "pin", "email", "phone", "note", "nick", "ref"],
        "d": ["born", "seen"],
        "b": ["vip"],
    },
    "accounts": {"n": ["id", "person", "balance"], "t": ["kind", "card"], "d": [], "b": []},
    "events": {"n": ["id", "amount"], "t": ["region", "card"], "d": ["day"], "b": []},
    "events_north": {"n": ["id", "amount"], "t": ["region", "card"], "d": ["day"], "b": []},
    "staff": {"n": ["id"], "t": ["ssn"], "d": [], "b": []},
    "members": {
        "n": ["id", "income", "worth"],
        "t": ["called", "mobile", "idno", "home", "host", "remark", "staff", "kept", "pseudonym", "digits"],
        "d": ["joined", "birth"],
        "b": [],
    },
    "orders": {"n": ["id", "person", "total"], "t": ["memo"], "d": [], "b": []},
    "guess": {"n": ["n"], "t": ["v"], "d": ["d"], "b": []},
}
"""Columns by table and kind: numbers, texts, days, truth values."""

_CONSTANTS = {
    "n": ["0", "1", "7", "41000", "41123.45", "-5", "NULL"],
    "t": ["'x'", "'****'", "'SENTINELNAME1'", "'901-01-4001'", "''", "'Oslo'", "NULL"],
    "d": ["date '1961-03-10'", "date '1970-01-01'", "date '2003-06-01'"],
    "b": ["true", "false", "NULL::bool"],
}
Scope = list[tuple[str, str]]


@st.composite
def expressions(draw: st.DrawFn, scope: Scope, kind: str, depth: int = 2) -> str:
    """An expression of a kind over (alias, table) pairs."""
    columns = [f"{alias}.{column}" for alias, table in scope for column in TABLES[table][kind]]
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from(columns * 3 + _CONSTANTS[kind]))
    deeper = {k: expressions(scope, k, depth - 1) for k in "ntdb"}
    number, text, day, truth = (deeper[k] for k in "ntdb")
    choices = {
        "n": [
            lambda: f"({draw(number)} {draw(st.sampled_from('+-*/%'))} {draw(number)})",
            lambda: f"length({draw(text)})",
            lambda: f"({draw(text)})::numeric",
            lambda: f"extract(year FROM {draw(day)})::numeric",
            lambda: f"(CASE WHEN {draw(truth)} THEN {draw(number)} ELSE {draw(number)} END)",
            lambda: f"coalesce({draw(number)}, {draw(number)})",
            lambda: f"ascii({draw(text)})",
            lambda: f"round({draw(number)}::numeric, 1)",
            lambda: f"(SELECT count(*) FROM people z WHERE z.salary > {draw(number)})",
        ],
        "t": [
            lambda: f"({draw(text)} || {draw(text)})",
            lambda: f"{draw(st.sampled_from(['upper', 'lower', 'reverse', 'md5', 'btrim']))}({draw(text)})",
            lambda: f"left({draw(text)}, {draw(number)}::int)",
            lambda: f"({draw(number)})::text",
            lambda: f"({draw(day)})::text",
            lambda: f"(CASE WHEN {draw(truth)} THEN {draw(text)} END)",
            lambda: f"(SELECT max(z.name) FROM people z WHERE z.ssn < {draw(text)})",
            lambda: f"coalesce({draw(text)}, 'none')",
        ],
        "d": [
            lambda: f"({draw(day)} + interval '1 day')::date",
            lambda: f"date_trunc('month', {draw(day)})",
            lambda: f"({draw(text)})::date",
        ],
        "b": [
            lambda: f"({draw(number)} {draw(st.sampled_from(['=', '<', '>=', '<>']))} {draw(number)})",
            lambda: f"({draw(text)} {draw(st.sampled_from(['=', '<', '>', 'LIKE', '~~', '^@']))} {draw(text)})",
            lambda: f"({draw(day)} < {draw(day)})",
            lambda: f"({draw(truth)} {draw(st.sampled_from(['AND', 'OR']))} {draw(truth)})",
            lambda: f"(NOT {draw(truth)})",
            lambda: f"({draw(st.one_of(number, text, day))} IS NULL)",
            lambda: f"({draw(text)} IN (SELECT y.v FROM guess y))",
            lambda: f"EXISTS (SELECT FROM people y WHERE y.ssn = {draw(text)})",
            lambda: f"({draw(number)} > ALL (SELECT y.balance FROM accounts y WHERE y.id < 4))",
        ],
    }
    return draw(st.sampled_from(choices[kind]))()


@st.composite
def sources(draw: st.DrawFn) -> tuple[str, str, Scope]:
    """(WITH clause, FROM clause, what is in scope)."""
    names = draw(st.lists(st.sampled_from(sorted(TABLES) + ["people"] * 4), min_size=1, max_size=3))
    scope: Scope = [(f"a{n}", name) for n, name in enumerate(names)]
    items, text = [], ""
    for n, (alias, table) in enumerate(scope):
        source = draw(st.sampled_from([table] * 3 + [f"(SELECT * FROM {table})", f"(TABLE {table})", "WITH"]))
        if source == "WITH":
            hint = draw(st.sampled_from(["", "MATERIALIZED ", "NOT MATERIALIZED "]))
            items.append(f"c{n} AS {hint}(SELECT * FROM {table})")
            source = f"c{n}"
        if n == 0:
            text = f"{source} {alias}"
            continue
        kind = draw(st.sampled_from("ntn"))
        left = draw(expressions(scope[:n], kind, 0))
        right = draw(expressions([scope[n]], kind, 0))
        join = draw(st.sampled_from(["JOIN", "LEFT JOIN", "RIGHT JOIN", "JOIN LATERAL"]))
        if join == "JOIN LATERAL":
            text += f" JOIN LATERAL (SELECT * FROM {source} l WHERE true) {alias} ON {left} = {right}"
        else:
            text += f" {join} {source} {alias} ON {left} = {right}"
    return (f"WITH {', '.join(items)} " if items else ""), text, scope


@st.composite
def queries(draw: st.DrawFn) -> str:  # noqa: PLR0911  one for each shape
    """A query whose answer as a multiset is determined."""
    prefix, text, scope = draw(sources())
    where = f" WHERE {draw(expressions(scope, 'b'))}" if draw(st.booleans()) else ""
    shape = draw(
        st.sampled_from(["plain", "plain", "star", "row", "group", "window", "distinct", "union", "limit", "json"])
    )
    kinds = draw(st.lists(st.sampled_from("ntdb"), min_size=1, max_size=3))
    kinds = [k if k in "nt" or any(TABLES[table][k] for _, table in scope) else "n" for k in kinds]
    listed = ", ".join(f"{draw(expressions(scope, kind))} AS x{n}" for n, kind in enumerate(kinds))
    alias = scope[0][0]
    body = f"FROM {text}{where}"
    if shape == "star":
        return f"{prefix}SELECT * {body}"
    if shape == "row":
        return f"{prefix}SELECT {alias}::text, {alias} IS NULL {body}"
    if shape == "json":
        return f"{prefix}SELECT row_to_json({alias})::text {body}"
    if shape == "group":
        key = draw(expressions(scope, draw(st.sampled_from("nt")), 1))
        made = draw(st.sampled_from(["count(*)", "max({n})", "count(DISTINCT {t})", "min({t})", "sum({n})"]))
        made = made.format(n=draw(expressions(scope, "n", 1)), t=draw(expressions(scope, "t", 1)))
        having = f" HAVING count(*) > {draw(st.integers(0, 2))}" if draw(st.booleans()) else ""
        return f"{prefix}SELECT {key} AS k, {made} AS m {body} GROUP BY ({key}){having}"
    if shape == "window":
        order = draw(expressions(scope, draw(st.sampled_from("nt")), 1))
        made = draw(st.sampled_from(["rank()", "dense_rank()", "count(*)", "cume_dist()"]))
        return f"{prefix}SELECT {listed}, {made} OVER (ORDER BY ({order})) AS w {body}"
    if shape == "distinct":
        return f"{prefix}SELECT DISTINCT {listed} {body}"
    if shape == "union":
        one, other = (draw(expressions(scope, "t", 1)) for _ in "ab")
        word = draw(st.sampled_from(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]))
        return f"{prefix}SELECT ({one})::text AS x {body} {word} SELECT ({other})::text FROM {text}"
    if shape == "limit":
        order = draw(expressions(scope, draw(st.sampled_from("nt")), 1))
        return f"{prefix}SELECT ({order}) AS k {body} ORDER BY ({order}) LIMIT {draw(st.integers(0, 5))}"
    return f"{prefix}SELECT {listed} {body}"
