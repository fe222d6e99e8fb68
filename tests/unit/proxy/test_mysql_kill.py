"""Which texts kill a thread, and which."""

from __future__ import annotations

import pytest

from proxy.mysql_gate import killed


@pytest.mark.parametrize(
    ("text", "thread"),
    [
        (b"KILL 12", 12),
        (b"kill query 12", 12),
        (b" KILL\tCONNECTION\n12 ; ", 12),
        (b"KILL HARD QUERY 12", 12),
        (b"KILL /*!50001 QUERY */ 12", None),
        (b"KILL QUERY ID 12", None),  # not of a thread
        (b"KILL USER anna", None),
        (b"KILL (SELECT id FROM information_schema.processlist LIMIT 1)", None),
        (b"KILL 12; SELECT 1", None),
        (b"KILL 12 + 1", None),
        (b"KILL @a", None),
        (b"KILL ?", None),
        (b"SELECT 12", None),
    ],
)
def test_what_a_text_kills(text: bytes, thread: int | None) -> None:
    """Only where it is one number, so that nothing else can be meant."""
    assert killed(text) == thread
