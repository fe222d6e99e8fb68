"""An abridged text is read as the whole: token by token where it stayed, and with the same ruling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rewriter.model import Refusal, UnknownNames
from rewriter.postgres import abridging
from rewriter.postgres.abridging import Abridged, abridge
from rewriter.postgres.reading import tokens
from rewriter.postgres.rewrite import rewrite

if TYPE_CHECKING:
    from rewriter.model import Rewritten

SETTINGS = settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ITEMS = [
    *(
        "1",
        "-2",
        "3.5",
        "1e5",
        "'a'",
        "''",
        "'it''s'",
        "'中'",
        "'--'",
        "'/*'",
        "'\\'",
        "'$$'",
        "'(1, 2),'",
        "'a\nb'",
        "'\"'",
    ),
    *(
        "$1",
        "$12",
        "NULL",
        "true",
        "default",
        "1::int",
        "'x'::varchar(20)",
        "$3::TIMESTAMP WITHOUT TIME ZONE",
        "'a'::text[]",
    ),
]
ODD_ITEMS = [
    *(
        "E'a'",
        "E'\\''",
        "U&'a'",
        "N'a'",
        "B'1'",
        "$$a$$",
        "$q$,$q$",
        "now()",
        "f(1, 2)",
        "(1)",
        "1 + 1",
        "- 1",
        "'a' 'b'",
    ),
    *(
        "'a'\n'b'",
        "1 -- ,\n",
        "1 /* , */",
        "x",
        '"a"',
        "1::float(24)",
        "1::float(53)",
        "1.",
        "0x1f",
        "nullé",
        "(SELECT ssn FROM users)",
    ),
    *("set_config('search_path', 'x', false)", "'unclosed", "$a$", "'a'::public.\"t\"", "DEFAULT,", "1 AS b"),
]
HEADS = [
    *(
        "INSERT INTO orders VALUES ",
        "INSERT INTO orders (id, memo) VALUES ",
        "VALUES ",
        "SELECT ssn FROM users WHERE id IN ",
    ),
    *(
        "SELECT ",
        "SELECT f(1), ",
        "SELECT * FROM users, LATERAL (VALUES ",
        "SELECT ARRAY[",
        "SELECT 1 FROM users WHERE (id, 1) IN (",
    ),
    *(
        "SELECT E'(' , ",
        "-- (\nVALUES ",
        "/* ' */ VALUES ",
        "SELECT $$(' $$, ",
        'SELECT "a\'b", ',
        "SET search_path TO 'a', ",
        "SELECT 'O''Brien', ",
    ),
]
TAILS = [
    "",
    ")",
    "]",
    ";",
    " RETURNING id",
    ") AND ssn = 'x' ORDER BY 1",
    "; SELECT ssn FROM users",
    ") SELECT salary FROM users",
    " -- '",
]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A statement with a list in it, long or not, of constants or nearly."""
    if draw(st.booleans()):
        item = st.sampled_from(ITEMS)
    else:
        item = st.integers(0, 25).flatmap(lambda n: st.sampled_from(ITEMS if n else ODD_ITEMS))
    items = st.lists(item, min_size=1, max_size=5).map(", ".join)
    space = draw(st.sampled_from(["", " ", "\n"]))
    if draw(st.booleans()):
        row = draw(items)
        same = draw(st.booleans())
        rows = [row if same else draw(items) for _ in range(draw(st.integers(1, 14)))]
        middle = f",{space}".join(f"({row})" for row in rows)
    else:
        middle = f",{space}".join(draw(st.lists(item, min_size=1, max_size=30)))
        middle = f"({middle})" if draw(st.booleans()) else middle
    return draw(st.sampled_from(HEADS)) + middle + draw(st.sampled_from(TAILS))


@pytest.fixture(autouse=True)
def every_text_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let short texts be abridged, too."""
    monkeypatch.setattr(abridging, "LONG", 0)


def spans(data: bytes) -> list[tuple[int, int]]:
    """PostgreSQL's own tokens."""
    found = tokens(data)
    return list(zip(found.starts, found.ends, strict=True))


@given(texts())
@example("VALUES (1, E'\\'), (1, 2), (1, 2), (1, 2), (1, 2), (1, 2), (1, 2)', 3)")
@SETTINGS
def test_the_tokens_that_stay_are_those_of_the_whole(text: str) -> None:
    """Nothing but whole tokens is left out, and each that stays is where `place` says."""
    data = text.encode()
    short = abridge(data)
    if short is None:
        return
    whole = spans(data)
    stayed = spans(short.data)
    places = [(short.place(start), short.place(end - 1) + 1) for start, end in stayed]
    assert set(places) <= set(whole)
    assert all(data[start:end] == short.data[a:b] for (start, end), (a, b) in zip(places, stayed, strict=True))
    left_out = b",".join(data[start:end] for start, end in whole if (start, end) not in set(places))
    assert b"E'" not in left_out
    assert b"set_config" not in left_out


def ruled(world: Any, text: str) -> Rewritten | str:
    """A text rewritten, or the SQLSTATE of its refusal."""
    try:
        return rewrite(text, world.catalog, world.names, world.decision)
    except UnknownNames:
        return "unknown"
    except Refusal as refusal:
        return refusal.sqlstate


@given(texts())
@SETTINGS
def test_the_ruling_is_that_of_the_whole(rewriter_world: Any, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Abridged or not, the statement leaves in the same words and reads the same columns, or is refused alike."""
    abridged = ruled(rewriter_world, text)
    monkeypatch.setattr(abridging, "LONG", 1_000_000)
    full = ruled(rewriter_world, text)
    monkeypatch.setattr(abridging, "LONG", 0)
    if isinstance(full, str) or isinstance(abridged, str):
        # what only the middle makes wrong is for the server to say
        assert abridged == full or (full == "42601" and not isinstance(abridged, str))
        return
    for fact in ("text", "edits", "kinds", "relations", "uses", "changes_names", "changes_catalog"):
        assert getattr(abridged, fact) == getattr(full, fact)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("VALUES " + ", ".join(f"({n}, 'x')" for n in range(99)), "VALUES (0, 'x'), (1, 'x'), (2, 'x'), (3, 'x'), (98, 'x')"),
        ("SELECT a WHERE b IN (" + ",".join(f"'{n}'" for n in range(99)) + ")", "SELECT a WHERE b IN ('0','1','2','3','4','5','6','7','98')"),
        ("VALUES " + ",".join(f"(${n}::INT)" for n in range(99)) + " x", "VALUES ($0::INT),($1::INT),($2::INT),($3::INT),($98::INT) x"),
        ("VALUES (" + ",".join("1" * 99) + "), (" + ",".join("2" * 99) + ")", "VALUES (1,1,1,1,1,1,1,1,1), (2,2,2,2,2,2,2,2,2)"),
    ],
)  # fmt: skip
def test_long_lists_become_short(text: str, left: str) -> None:
    """The lists that programs generate are left out but for their beginnings and their last entries."""
    short = abridge(text.encode())
    assert short is not None
    assert short.data == left.encode()


@pytest.mark.parametrize("odd", ["1::float(53)", "1::secret", "E'x'", "now()", "(SELECT 1)", "x", '"x"', "$a$ $a$"])
def test_what_might_matter_stays(odd: str) -> None:
    """A cast that the beginning of the list does not have, a call, a name: in the middle of a list they are not left out."""
    rows = [f"({n}::float(24))" for n in range(100)]
    rows[50] = f"({odd})"
    short = abridge(("VALUES " + ", ".join(rows)).encode())
    assert short is None or odd.encode() in short.data


def test_an_edit_among_the_entries_is_seen() -> None:
    """The beginning of a list stands for its middle, so an edit there must be made in full."""
    short = Abridged(b"VALUES (1),(1),(1),(1),(9)", ((7, 23),), (1000,))
    assert short.among(8, 9)
    assert short.among(20, 25)
    assert not short.among(0, 6)
    assert not short.among(24, 26)
    assert short.place(22) == 22
    assert short.place(23) == 1023
