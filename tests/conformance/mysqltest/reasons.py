"""Why statements of the servers' own tests differ or are refused, by class.

Owns the reasons. May not do: run anything.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

REASONS: Final[Mapping[str, str]] = {
    r"not read under sql_mode": "texts would be read differently",
    r"character set of statements": "statements are read in UTF-8",
    r"OUTFILE|DUMPFILE": "the server would write a file; refused to whoever has replaced tables",
    r"PREPARE": "what PREPARE holds would outlive the decision; drivers prepare by the protocol",
    r"writing through view": "a view over replaced tables is not written",
    r"_rowid|cannot be read safely|is not understood here|can be read in two ways|nested too deeply": "a spelling that is not read",
    r"this form of|parentheses around one table|stands where it is not clear": "a form that no subquery can take the place of",
    r"cannot be set here": "the proxy follows the session by it",
    r"a lock of a set operation|cannot be locked by one clause|lock of a view": "locks do not pass through a subquery",
    r"invisible column": "a subquery has no invisible columns",
    r"this text changes what names mean": "names would be read as they are before it runs",
    r"^1054": "a column that a subquery does not have: _rowid, row_start of a versioned table, or one added behind Louver's back",
    r"^warnings$": "warnings of generated columns that a subquery does not compute",
    r"^3065": "MATCH is another expression in a subquery",
    r"^order$": "rows that compare alike come in the order of another plan",
}
"""A part of a class's message, as a regular expression, and the reason for it."""

BY_TEXT: Final[Mapping[str, str]] = {
    r"^\s*(explain|describe|desc|analyze)\b|optimizer_trace|json_search\(@var": "the plan is that of the rewritten statement",
    r"^\s*show\s+(global\s+|session\s+|local\s+)?status|session_status|global_status|show open tables|Last_query_cost": (
        "counters of what a server has done: another plan, and Louver's own reading, count"
    ),
    r"show\s+(function|procedure)\s+status|show\s+(create\s+)?triggers?|call p\d|execute stmt|information_schema|\.triggers|created|table status": (
        "times at which something was made"
    ),
    r"performance_schema|\bsys\.|processlist": "what others do on the server, Louver's reading among it",
    r"find_in_set": "the server takes the number of a member for its place when the column itself is given",
    r"weight_string": "it depends on the column's own declaration",
    r"sql_auto_is_null": "`id IS NULL` means the last inserted one for a table's own column only",
    r"\b(min|max)\s*\(": "the type of the least and greatest text: VARCHAR of a subquery where it is CHAR of a table",
}
"""A part of a statement, as a regular expression, and the reason for it."""


def statements(lines: Iterable[str]) -> Iterator[str]:
    """The lines that are of statements with an answer."""
    for line in lines:
        if json.loads(line)["outcome"] not in {"left out", "lost"}:
            yield line
