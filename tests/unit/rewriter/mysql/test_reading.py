"""Reading a text: statements, bounds, and the agreement with the parser's tokens."""

from __future__ import annotations

import pytest

from rewriter.model import Refusal
from rewriter.mysql.reading import MAX_DEPTH, parse, read

NONE = frozenset[str]()


@pytest.mark.parametrize(
    "text",
    [
        "select id, `na``me`, @a, @`b c`, @@session.sql_mode, @@`x` from bank.customers as c where a <=> ?",
        "select a->>'$.x', _utf8mb4'q', x'41', 0x41, 0b01, 1.5e3, .5, n'x', 5--1 from t -- done",
        "replace into t values (1, 'a' 'b')",
        "select replace(a, b, c) from t",
        "select a from t where b not in (1) and c is not null and d not like 'x' order by 1 limit 1, 2",
        "select * from a natural left join b straight_join c use index for order by (i)",
        "insert into t set a = 1 on duplicate key update a = values(a)",
        "with recursive c(x) as (select 1 union all select x + 1 from c) select * from c for update",
        "select sum(a) over (partition by b order by c rows between unbounded preceding and current row) from t",
    ],
)
def test_both_lexers_agree_on_everyday_statements(text: str) -> None:
    """The parser's tokens are ours, and there is a tree."""
    reading = read(text, NONE)
    assert parse(reading, reading.statements[0]) is not None


@pytest.mark.parametrize(
    "text",
    [
        "select {{x}}",
        "select 1 from t |> select a",
        "select x:y from t",
        "select 'a' = b'2'",
        "select x'123'",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    """Text of other dialects and templates has no tree."""
    with pytest.raises(Refusal):
        [parse(reading, reading.statements[0]) for reading in [read(text, NONE)]]


def test_semicolons_separate_statements_but_not_in_strings_or_bodies() -> None:
    """Each statement has its own tokens; a routine's body belongs to its definition."""
    assert len(read("select ';'; ;select 2;", NONE).statements) == 2
    body = "create procedure p() begin select 1; select 2; end"
    assert len(read(body, NONE).statements) == 1
    assert len(read(f"select 1; {body}", NONE).statements) == 2
    assert len(read("begin; select 1", NONE).statements) == 2
    assert len(read("begin not atomic select 1; select 2; end", NONE).statements) == 1


def test_places_in_the_tree_are_those_of_the_text() -> None:
    """The second statement's names are found where they stand."""
    text = "select 1; select b from customers"
    reading = read(text, NONE)
    tree = parse(reading, reading.statements[1])
    table = next(node for node in tree.walk() if type(node).__name__ == "Table")
    assert text[table.this.meta["start"] : table.this.meta["end"] + 1] == "customers"


@pytest.mark.parametrize(
    "text", ["select " + "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), "select " + "date(" * 12 + "1" + ")" * 12]
)
def test_what_would_keep_the_parser_busy_is_refused(text: str) -> None:
    """Nesting is bounded before anything recursive or exponential sees it."""
    with pytest.raises(Refusal) as refusal:
        read(text, NONE)
    assert refusal.value.sqlstate == "54001"
