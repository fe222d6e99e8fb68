"""The session's manual names every SQLSTATE that the session and the server send, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SENDERS = [
    *(
        ROOT / "proxy" / f"{name}.py"
        for name in ("server", "sessions", "relay", "overtaken", "gate", "wording", "budgets")
    ),
    *(ROOT / "proxy/postgres" / f"{name}.py" for name in ("relay", "gate", "front", "caller", "wording")),
    *(
        ROOT / "proxy/postgres/wire" / f"{name}.py"
        for name in ("session", "frontend", "requests", "admission", "answers", "replies", "conversation")
    ),
]
SQLSTATE = r"(?:[0-9][0-9A-Z]{4}|XX000)"


def test_the_sqlstates_are_those_of_the_code() -> None:
    """The table of SQLSTATEs and the literals in the code are the same set."""
    told = set(re.findall(rf"^\| ({SQLSTATE}) \|", (ROOT / "docs" / "protocol.md").read_text("utf-8"), re.MULTILINE))
    sent = {code for path in SENDERS for code in re.findall(rf'"({SQLSTATE})"', path.read_text("utf-8"))}
    assert told == sent
