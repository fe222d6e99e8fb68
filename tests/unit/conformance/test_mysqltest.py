"""How the servers' own test files are read, how answers to their statements are taken and judged, and which are counted."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from conformance.mysqltest.answers import judge
from conformance.mysqltest.reasons import BY_TEXT, REASONS, statements
from conformance.mysqltest.script import read
from conformance.mysqltest.wire import Answer, Error, Packets, packet, read_answer
from conformance.regress import report

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
# a comment; with an end
--disable_warnings
drop table if exists t1; # it's gone
--enable_warnings
select 'a;b',
  "c" /* d; */ from t1;
let $x = 1;
eval select $x;
eval select 2;
if ($x)
{
  select 3;
}
delimiter |;
create procedure p() begin select 4; end|
delimiter ;|
connect (other,localhost,root,,);
select 5;
connection default;
--source include/more.inc
--error 1064
select from;
perl;
print "6;";
EOF
--disable_parsing
select 7;
--enable_parsing
exit;
select 8;
"""


def test_statements_of_a_file_are_read(tmp_path: Path) -> None:
    """Commands, blocks, other languages, other connections and what needs variables are left out and counted."""
    (tmp_path / "include").mkdir()
    (tmp_path / "include/more.inc").write_text("select 'included';\n")
    (tmp_path / "a.test").write_text(FILE)
    script = read(tmp_path / "a.test", tmp_path)
    assert script.statements == [
        "drop table if exists t1",
        "select 'a;b',\n  \"c\" /* d; */ from t1",
        "select 2",
        "create procedure p() begin select 4; end",
        "select 'included'",
        "select from",
    ]
    assert dict(script.left_out) == {"variables": 1, "in a block": 1, "other connections": 1, "behind an end": 1}


def _answer(*rows: bytes, warnings: int = 0) -> Answer:
    return Answer(((("a",), rows, None),), warnings)


GOOD = _answer(b"1", b"2")
BAD = Answer((), 0, Error(1064, "42000", "no"))
DENIED = Answer((), 0, Error(1142, "42000", "t1 is not available"))


@pytest.mark.parametrize(
    ("text", "answers", "refused", "outcome"),
    [
        ("select", (GOOD, GOOD, GOOD), False, ("same", "")),
        ("select", (GOOD, GOOD, _answer(b"2", b"1")), False, ("same", "order")),
        ("select order by 1", (GOOD, GOOD, _answer(b"2", b"1")), False, ("differs", "order")),
        ("select", (GOOD, GOOD, _answer(b"1", b"1")), False, ("differs", "rows")),
        ("select", (GOOD, GOOD, _answer(b"1", b"2", warnings=1)), False, ("differs", "warnings")),
        ("select", (GOOD, GOOD, DENIED), True, ("refused", "1142 t1 is not available")),
        ("select", (GOOD, GOOD, BAD), False, ("differs", "1064 no")),
        ("select", (GOOD, _answer(), BAD), False, ("differs", "1064 no")),
        ("select", (GOOD, _answer(), GOOD), False, ("unstable", "")),
        ("select", (BAD, BAD, BAD), False, ("failed", "alike")),
        ("select", (BAD, BAD, DENIED), True, ("failed", "refused")),
        ("select", (BAD, BAD, GOOD), False, ("failed", "answered")),
    ],
)
def test_three_answers_are_judged(text: str, answers: tuple, refused: bool, outcome: tuple) -> None:
    """Each way in which the answer through Louver can stand to the direct ones has its outcome and class."""
    assert judge(text, *answers, refused=refused) == outcome


def test_an_answer_is_read_whole() -> None:
    """Results with columns and rows, one without, and an error, in the form with EOF packets."""
    column = b"\x03def\0\0\0\x01a\0\x0c\x2d\0\x50\0\0\0\xfd\x20\0\0"
    parts = [
        b"\1",
        column,
        b"\xfe\0\0\x08\0",
        b"\x01x",
        b"\xfe\0\0\x08\0",
        b"\0\x02\x07\x0a\0\0\0",
        b"\xff\x28\x04#42000no",
    ]
    packets = Packets(io.BytesIO(b"".join(packet(part) for part in parts)).read)
    found = read_answer(packets, ends_in_ok=False, decline=lambda _: None)
    assert found.results[0] == ((("a", 253, 45, 0, True),), (b"\x01x",), None)
    assert found.results[1][2] == (2, 7)
    assert found.error == Error(1064, "42000", "no")


def test_what_has_no_answer_is_not_counted() -> None:
    """Statements left out and lost are no part of the share; a refused one has its reason."""
    lines = [
        {"file": "a", "outcome": "same", "class": "", "text": "select 1"},
        {"file": "a", "outcome": "refused", "class": "1142 INTO OUTFILE is not available", "text": "select 2"},
        {"file": "a", "outcome": "lost", "class": "EOFError()", "text": "select 3"},
        {"file": "a", "outcome": "left out", "class": "", "text": "", "counts": {"variables": 3}},
    ]
    found = report.read(statements(json.dumps(line) for line in lines), REASONS, BY_TEXT)
    assert (found.statements, found.succeeding, found.refused, found.unexplained) == (2, 2, 1, [])
