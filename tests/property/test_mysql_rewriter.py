"""The rewriter for MySQL and MariaDB on texts that nobody would send: an answer or a refusal, and never a protected name left alone."""

from __future__ import annotations

import re

from fixtures.mysql_rewriting import catalog, decision, load
from hypothesis import given, settings
from hypothesis import strategies as st

from rewriter.model import Refusal, UnknownNames
from rewriter.mysql.catalog import Facts
from rewriter.mysql.lexer import apply, lex
from rewriter.mysql.rewrite import describe, rewrite

CATALOGS = (catalog("mysql"), catalog("mariadb"))
DECISION = decision()
MODES = ("", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "ANSI_QUOTES NO_BACKSLASH_ESCAPES")
SEEDS = [case["sql"] for name in ("select", "writes", "statements") for case in load(name)]
PIECES = [
    *(
        "/*!50000 ",
        "/*! ",
        "*/",
        "/*",
        "-- ",
        "--",
        "#",
        "'",
        '"',
        "`",
        "\\",
        "\n",
        "\u00a0",
        "\0",
        "N'x'",
        "@a",
        "@@x",
        ":=",
        ".",
    ),
    *(
        ",",
        "(",
        ")",
        " phone ",
        " customers ",
        " from customers ",
        " union select phone from customers ",
        " as ",
        " c.",
        "1",
        "->'$.a'",
    ),
    *(
        " bank.customers ",
        " natural join customers ",
        " for update ",
        " partition (p0) ",
        " use index (phone) ",
        " ; ",
        " table customers ",
    ),
]

texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*PIECES, "select ", "update customers set "]), max_size=12).map("".join),
    st.tuples(st.sampled_from(SEEDS), st.integers(0, 80), st.sampled_from(PIECES)).map(
        lambda made: made[0][: made[1]] + made[2] + made[0][made[1] :]
    ),
)


@settings(max_examples=600, deadline=None)
@given(texts, st.sampled_from(MODES), st.sampled_from(CATALOGS))
def test_any_text_has_an_answer(text: str, modes: str, known: object) -> None:
    """Whatever the text is, it is rewritten, refused, or asks for names; and it can be described."""
    facts = Facts("bank", frozenset(modes.split()))
    describe(text, facts)
    try:
        made = rewrite(text, catalog=known, facts=facts, decision=DECISION)  # type: ignore[arg-type]  one of ours
    except (Refusal, UnknownNames):
        return
    reads = [kind for kind in made.kinds if kind == "SELECT"]
    if len(reads) == len(made.kinds):
        # a SELECT names a protected table behind FROM or JOIN only within our own subqueries, or a common table expression does,
        # or all that it names of the table is visible
        tokens = [token.text.lower() for token in lex(made.text, facts.modes)]
        named = {i for i, t in enumerate(tokens) if t == "customers" and i and tokens[i - 1] in {"from", "join"}}
        if "with" not in tokens and named:
            edits = [(edit.start, edit.end, " masked ") for edit in made.edits]
            kept = [token.text.lower() for token in lex(apply(text, edits), facts.modes)]
            assert len(named) == len(made.kinds) == kept.count("select") == 1
            assert {"*", "_rowid", "join", "union", "index"}.isdisjoint(kept)
            assert all(kept[i - 1] in {"masked", "as"} for i, t in enumerate(kept) if t == "phone")


@settings(max_examples=200, deadline=None)
@given(texts, st.sampled_from(MODES))
def test_no_token_crosses_another(text: str, modes: str) -> None:
    """Tokens ascend, and what is between them is space and comments."""
    try:
        tokens = lex(text, frozenset(modes.split()))
    except Refusal:
        return
    place = 0
    for token in tokens:
        between = text[place : token.start]
        assert token.start >= place
        assert re.fullmatch(r"(?s)(?:\s|/\*.*?\*/|#[^\n]*(?:\n|$)|--(?:[ \t\r\n\f\v][^\n]*|$))*", between), between
        place = token.end
