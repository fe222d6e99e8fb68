import csv
import dataclasses
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import present, record
from audit.search import Entry


def read(body, seq=1):
    return {"hash": "h", "seq": seq, "time": "2027-01-15T08:00:00.000000Z", **json.loads(b"{" + body + b"}")}


@pytest.fixture
def entry(caller, judgement):
    """A masked statement that gave two rows."""
    return Entry(
        read(record.statement(record.statement_prefix(caller, judgement), 4)),
        read(record.outcome(record.outcome_prefix(caller), 4, "ok", rows=b"2", bytes_=99, duration_us=1500), 2),
    )


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Cs", "Lu"])))
def test_nothing_that_acts_on_a_terminal_is_shown(text):
    """Of control, format, separator and surrogate characters none stands in what is shown."""
    shown = present.safe(text)
    assert all(c.isprintable() for c in shown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[2Jb\x07", "a\\x1b[2Jb\\x07"),
        ("a\r\n\tb  c ", "a b c"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\x9b31m", "\\x9b31m"),
        ("\U000e0041", "\\U000e0041"),
        ("张三 é", "张三 é"),
    ],
)
def test_escapes_are_readable(text, expected):
    """What is escaped can be read, and ordinary letters of any script stay."""
    assert present.safe(text) == expected


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n-1", "\uff1d1"])
def test_spreadsheet_formulas_are_defused(text):
    """A cell that a spreadsheet would calculate begins with an apostrophe."""
    assert present.cell(text).startswith("'")


def test_ordinary_cells_stay(entry):
    """Text that is no formula, numbers and nothing are written as they are."""
    assert [present.cell(value) for value in ("a=b", -5, None, 0)] == ["a=b", "-5", "", "0"]
    assert entry


def test_a_csv_row_fits_its_columns(entry):
    """An entry becomes one cell for each column, with the outcome's values and the columns in words."""
    cells = dict(zip(present.CSV_COLUMNS, present.csv_row(entry), strict=True))
    assert (cells["principal"], cells["status"], cells["rows"], cells["bytes"]) == ("tina", "ok", "2", "99")
    assert cells["columns"] == (
        "public.customers.phone: partial (tellers); public.customers.name: clear on some rows (names are open)"
    )
    assert cells["attributes"] == '{"role":"teller","roles":["a","b"]}'
    assert cells["seq"] == "1"


def test_csv_survives_hostile_text(caller, judgement):
    """Quotes, commas, line breaks and formulas in a statement make one row that reads back as one."""
    nasty = dataclasses.replace(judgement, text='=cmd|"/c calc",\n"x"')
    row = present.csv_row(Entry(read(record.statement(record.statement_prefix(caller, nasty), 1))))
    out = io.StringIO()
    csv.writer(out).writerow(row)
    (back,) = list(csv.reader(io.StringIO(out.getvalue())))
    assert back[present.CSV_COLUMNS.index("text")] == '\'=cmd|"/c calc", "x"'


def test_json_holds_the_outcome(entry):
    """The JSON form is the record with its outcome inside."""
    fields = json.loads(present.json_line(entry))
    assert fields["outcome"]["rows"] == 2
    assert fields["status"] == "ok"
    assert json.loads(present.json_line(Entry(read(record.stopped(reason="x")))))["reason"] == "x"


def test_a_table_row_tells_the_essentials(entry):
    """A row says when, who, what became of it, how many rows, how long, and which columns how."""
    assert present.table_row(entry) == [
        "1",
        "2027-01-15 08:00:00.000",
        "tina",
        "rewrite",
        "ok",
        "2",
        "1.5",
        "public.customers.phone: partial (tellers)\npublic.customers.name: clear on some rows (names are open)",
        "SELECT phone FROM customers WHERE id = ?",
    ]
    assert present.plain_row(entry).count("\t") == len(present.TABLE_COLUMNS) - 1


def test_every_event_is_told_in_words(caller):
    """Events other than statements say what matters, escaped."""
    told = {
        record.login_refused(caller, reason="wrong password", sqlstate="28P01"): "wrong password",
        record.denial(caller, what="function call", reason="not \x1b covered", sqlstate="0A000"): "not \\x1b covered",
        record.session_opened(
            caller, tls=True, login="own", proof="password", origins={}
        ): "login own, proof password, tls true",
        record.session_closed(caller, reason="client left", statements=3, duration_us=5): "client left, statements 3",
        record.reloaded(what="policies", ok=False, reason="line 3"): "what policies, ok false, reason line 3",
        record.started(version="1", address="a:1", policy="p", config="c"): "version 1, address a:1",
    }
    for body, words in told.items():
        assert words in present.table_row(Entry(read(body)))[-1]


def test_a_refused_statement_says_why(caller, judgement):
    """The reason of a denial stands behind the statement."""
    denied = dataclasses.replace(judgement, ruling="deny", reason="column x is denied", sqlstate="42501")
    row = present.table_row(Entry(read(record.statement(record.statement_prefix(caller, denied), 1))))
    assert row[3:5] == ["deny", "denied 42501"]
    assert row[-1].endswith("-- column x is denied")


def test_columns_of_a_grant_are_no_uses():
    """A grant says by `columns` what it means; it is shown in every form, as what it says."""
    meant = {
        "principal": "tina",
        "columns": {"category": ["phone"]},
        "labels": ["phone 3"],
        "rows": None,
        "database": None,
    }
    body = record.grant(
        grant=17, what="approved", person="mona", at="2027-01-15T08:00:00+00:00", note=None, purpose=None, reason="case 81",
        ends=None, **meant,
    )  # fmt: skip
    told = Entry(read(body))
    assert present.table_row(told)[-2:] == ["", present.what(told.record)]
    assert "person mona" in present.plain_row(told)
    assert present.csv_row(told)[present.CSV_COLUMNS.index("columns")] == ""
