"""What of the server's errors reaches a caller from whom something is hidden."""

from __future__ import annotations

import pytest

from proxy.postgres.wire.messages import parse_report, report_fields
from proxy.postgres.wire.reports import discreet, logged


def report(sqlstate: str, text: str, **fields: str) -> bytes:
    """The payload of an error with further fields by their letters."""
    payload = report_fields("ERROR", sqlstate, text)
    return payload[:-1] + b"".join(f"{code}{value}\0".encode() for code, value in fields.items()) + b"\0"


@pytest.mark.parametrize(
    ("sqlstate", "fields", "left"),
    [
        ("23505", {"D": "Key (ssn)=(1) already exists.", "s": "public", "t": "users", "n": "users_ssn"}, "SVCMstn"),
        ("23502", {"D": "Failing row contains (1, SECRET).", "c": "name"}, "SVCMc"),
        ("23514", {"D": "Failing row contains (1, SECRET).", "W": 'COPY users, line 1: "1"'}, "SVCMW"),
        ("23503", {"D": "Key (a)=(SECRET) is not present", "W": "SQL statement SECRET"}, "SVCM"),
        ("44000", {"D": "Failing row contains (SECRET)."}, "SVCM"),
        ("P0001", {"D": "SECRET", "H": "do this", "W": "PL/pgSQL function", "q": "SELECT SECRET", "p": "3"}, "SVCMH"),
        ("HV000", {"D": "SECRET", "W": "remote SQL command: SECRET"}, "SVCM"),
        ("XX000", {"D": "SECRET", "F": "x.c", "L": "1", "R": "f"}, "SVCMFLR"),
    ],
)
def test_an_error_about_stored_rows_does_not_quote_them(sqlstate: str, fields: dict[str, str], left: str) -> None:
    """Detail, inner queries and context go; SQLSTATE, message and the names of constraint, table and column stay."""
    kept = discreet(report(sqlstate, "what happened", **fields))
    assert kept is not None
    assert "".join(parse_report(kept)) == left
    assert b"SECRET" not in kept
    assert parse_report(kept)["C"] == sqlstate


@pytest.mark.parametrize("sqlstate", ["42703", "22P02", "2BP01", "25P02", "40P01", "0A000", "57014", "55P03"])
def test_an_error_about_names_or_operands_stays_as_it_is(sqlstate: str) -> None:
    """What the statement computed from what the caller sees, and what the catalog holds, is his to know."""
    assert discreet(report(sqlstate, "what happened", D="view v depends on it", P="7")) is None
    assert discreet(report("23502", "null value", c="name")) is None


def test_an_error_that_a_guard_provoked_is_told_in_our_words() -> None:
    """The text that had to fail as a number is the message, with the SQLSTATE of a denial."""
    text = 'invalid input syntax for type integer: "louver: email must keep its value, because of "x""'
    kept = discreet(report("22P02", text, F="numutils.c", P="9"))
    assert kept is not None
    assert parse_report(kept) == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "42501",
        "M": 'email must keep its value, because of "x"',
    }


def test_a_limit_tells_no_length() -> None:
    """The message of a row that is too big names its size."""
    kept = discreet(report("54000", "row is too big: size 8336, maximum size 8160"))
    assert kept is not None
    assert b"8336" not in kept


def test_an_error_too_long_to_be_read_is_cut() -> None:
    """Of a message that is not at hand as a whole only its kind is told."""
    kept = discreet(report("23514", "SECRET" * 10)[:40], whole=False)
    assert kept is not None
    assert parse_report(kept) == {"S": "ERROR", "V": "ERROR", "C": "23514", "M": "the error is too long to be shown"}


@pytest.mark.parametrize(
    ("severity", "routine", "is_logged"),
    [
        ("LOG", "exec_simple_query", True),
        ("DEBUG", "exec_parse_message", True),
        ("LOG", "exec_stmt_raise", False),
        ("DEBUG", "exec_stmt_raise", False),
        ("NOTICE", "exec_simple_query", False),
        ("WARNING", "vacuum", False),
        ("INFO", "do_analyze_rel", False),
    ],
)
def test_lines_of_the_log_are_known_by_severity_and_origin(severity: str, routine: str, *, is_logged: bool) -> None:
    """What the server logs is told from what functions RAISE and from notices to the caller."""
    payload = report_fields(severity, "00000", "statement: SELECT louver")
    assert logged(payload[:-1] + b"R" + routine.encode() + b"\0\0") == is_logged
