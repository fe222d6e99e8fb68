"""Errors as guarded clients get them: texts as MySQL 9.7 and MariaDB 10.11 write them."""

from __future__ import annotations

import pytest

from proxy.mysql.wire.errors import discreet
from proxy.mysql.wire.messages import error, parse_error


def told(errno: int, message: str) -> str:
    """What a guarded client reads."""
    report = parse_error(discreet(error(errno, "23000", message)))
    assert (report.errno, report.sqlstate) == (errno, "23000")
    return report.message.decode()


@pytest.mark.parametrize(
    ("errno", "message", "kept"),
    [
        (1062, "Duplicate entry '13800138000' for key 'customers.phone'", "Duplicate entry for key 'customers.phone'"),
        (1062, "Duplicate entry 'x' for key 'y' for key 'c.k'", "Duplicate entry for key 'c.k'"),
        (1062, "Duplicate entry 'a\nb' for key 'c.k'", "Duplicate entry for key 'c.k'"),
        (1366, "Incorrect integer value: '138' for column 'a' at row 1", "Incorrect integer value for column 'a' at row 1"),
        (
            1366,
            "Incorrect string value: '\\xE4' for column `d`.`t`.`c` at row 1",
            "Incorrect string value for column `d`.`t`.`c` at row 1",
        ),
        (1292, "Truncated incorrect DOUBLE value: '13800138000'", "Truncated incorrect DOUBLE value"),
        (1292, "Incorrect datetime value: '1' for column 'd' at row 1", "Incorrect datetime value for column 'd' at row 1"),
        (1411, "Incorrect datetime value: 'x' for function str_to_date", "Incorrect datetime value for function str_to_date"),
        (1367, "Illegal double '1e999' value found during parsing", "Illegal double (not shown) value found during parsing"),
        (3145, "Invalid JSON character data provided to function f: 'it's'; utf8 is required.", "Invalid JSON character data provided to function f: (not shown); utf8 is required."),
        (3617, "Latitude 91.250000 is out of range in function st_x.", "Latitude (not shown) is out of range in function st_x."),
        (1690, "BIGINT value is out of range in '(9 + `a`)'", "BIGINT value is out of range in (not shown)"),
        (1644, "balance of 'ann' is 500", "balance of (not shown) is 500"),
        (1105, "Unknown error", None),
    ],
)  # fmt: skip
def test_what_quotes_values(errno: int, message: str, kept: str | None) -> None:
    """The number, the SQLSTATE and the names stay."""
    assert told(errno, message) == (message if kept is None else kept)


@pytest.mark.parametrize(
    ("errno", "message"),
    [
        (1064, "You have an error in your SQL syntax near 'selec' at line 1"),
        (1146, "Table 'app.t' doesn't exist"),
        (1054, "Unknown column 'x' in 'SELECT'"),
        (1045, "Access denied for user 'a'@'b' (using password: YES)"),
        (1142, "SELECT command denied to user 'a'@'b' for table 't'"),
        (1213, "Deadlock found when trying to get lock; try restarting transaction"),
        (1264, "Out of range value for column 'a' at row 1"),
        (1406, "Data too long for column 'a' at row 1"),
        (1451, "Cannot delete or update a parent row: a foreign key constraint fails (`a`.`b`, CONSTRAINT `c`)"),
        (1452, "Cannot add or update a child row: a foreign key constraint fails (`a`.`b`, CONSTRAINT `c`)"),
        (3141, 'Invalid JSON text in argument 1 to function json_extract: "Invalid value." at position 0.'),
        (3819, "Check constraint 'positive' is violated."),
        (4025, "CONSTRAINT `positive` failed for `a`.`b`"),
        (1205, "Lock wait timeout exceeded; try restarting transaction"),
        (1243, "Unknown prepared statement handler (7) given to mysqld_stmt_execute"),
    ],
)
def test_what_quotes_names_stays(errno: int, message: str) -> None:
    """Names, and the client's own words."""
    assert told(errno, message) == message


def test_an_error_that_is_not_known_shows_nothing_quoted() -> None:
    """A later server may have new ones."""
    assert told(7777, "value 'a' of \"b\" and 'c'") == "value (not shown)"


def test_words_of_ours_before_a_value_do_not_let_it_pass() -> None:
    """Whoever writes a trigger could put them before what he has read; our own refusals do not come this way."""
    said = discreet(error(1644, "45000", "louver: '13812345678'"))
    assert b"13812345678" not in said
