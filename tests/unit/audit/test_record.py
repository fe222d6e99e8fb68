import ast
import dataclasses
import json
from pathlib import Path

import pytest

from audit import record


def read(body):
    assert b"\n" not in body
    return json.loads(b"{" + body + b"}")


def test_a_statement_says_who_what_and_how(caller, judgement):
    """A statement record carries the documented fields with the values of the caller and the ruling."""
    body = record.statement(record.statement_prefix(caller, judgement), 12)
    fields = read(body)
    assert fields["event"] == "statement"
    assert fields["statement"] == 12
    assert fields["principal"] == "tina"
    assert fields["attributes"] == {"role": "teller", "roles": ["a", "b"]}
    assert fields["text"] == "SELECT phone FROM customers WHERE id = ?"
    assert fields["columns"][0] == {
        "column": "public.customers.phone",
        "category": "phone",
        "level": 3,
        "treatment": "mask",
        "mask": "partial",
        "rule": "tellers",
        "rows": None,
        "search": None,
        "join": None,
    }
    assert (fields["ruling"], fields["policy"], fields["catalog"]) == ("rewrite", "p1", 7)


def test_a_text_of_its_own_stands_in_the_record(caller, judgement):
    """With texts kept whole, each statement brings its own text, whatever it holds."""
    prefix = record.statement_prefix(caller, dataclasses.replace(judgement, text=None))
    text = "SELECT '%d %b',\n\"x\" -- \x1b[31m 张三 \ud800"
    assert read(record.statement_with_text(prefix, 1, text))["text"] == text.replace("\ud800", "\\ud800")


def test_percent_signs_of_a_text_are_only_text(caller, judgement):
    """A constant part with percent signs in it is not taken for a format."""
    prefix = record.statement_prefix(caller, dataclasses.replace(judgement, text="LIKE '%d%b%%'"))
    assert read(record.statement(prefix, 3))["text"] == "LIKE '%d%b%%'"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {"status": "ok", "rows": b"3", "bytes_": 120, "duration_us": 55},
            {"status": "ok", "sqlstate": None, "rows": 3, "bytes": 120, "duration_us": 55},
        ),
        (
            {"status": "error", "sqlstate": '2"', "duration_us": 1},
            {"status": "error", "sqlstate": '2"', "rows": None, "bytes": None, "duration_us": 1},
        ),
    ],
)
def test_an_outcome_says_how_it_ended(caller, arguments, expected):
    """An outcome names its session and statement and carries status, counts and duration."""
    status = arguments.pop("status")
    fields = read(record.outcome(record.outcome_prefix(caller), 9, status, **arguments))
    assert fields == {"event": "outcome", "session": "s1", "principal": "tina", "statement": 9, **expected}


def test_every_other_event_is_an_object_of_its_documented_fields(caller):
    """Each builder gives the event it is named after, with the caller where there is one."""
    bodies = {
        "started": record.started(version="1", address="a:1", policy="p", config="c"),
        "stopped": record.stopped(reason="SIGTERM"),
        "reloaded": record.reloaded(what="policies", ok=False, reason="line 3"),
        "session_opened": record.session_opened(caller, tls=True, login="own", proof="password", origins={}),
        "session_closed": record.session_closed(caller, reason="client", statements=3, duration_us=10),
        "login_refused": record.login_refused(caller, reason="password", sqlstate="28P01"),
        "denial": record.denial(caller, what="function call", reason="not covered", sqlstate="0A000"),
    }
    for event, body in bodies.items():
        fields = read(body)
        assert fields["event"] == event
        assert event in record.EVENTS
        assert event in {"started", "stopped", "reloaded"} or fields["principal"] == "tina"


def test_the_field_list_names_every_field(caller, judgement):
    """The module's list of fields, which docs and readers go by, misses no field of a statement or outcome."""
    source = Path(__file__).parents[3] / "audit" / "record.py"  # native code has no docstring
    documented = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    names = read(record.statement(record.statement_prefix(caller, judgement), 1))
    names |= read(record.outcome(record.outcome_prefix(caller), 1, "ok", duration_us=1))
    assert [name for name in names if name not in documented] == []
