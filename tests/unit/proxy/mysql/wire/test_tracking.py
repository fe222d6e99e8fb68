"""The state of a session: asked for, and moved by what is reported."""

from __future__ import annotations

import pytest

from proxy.mysql.wire import tracking
from proxy.mysql.wire.tracking import Tracked

NOW = Tracked("app", "STRICT_TRANS_TABLES,ansi_quotes", "utf8mb4", "utf8mb4", "utf8mb4")


def shown(text: str | None) -> bytes | None:
    """A value as the question has it."""
    return None if text is None else text.encode().hex().upper().encode()


def test_read_from_the_answer() -> None:
    """The account's name may hold an @ of its own."""
    row = [shown("größe"), shown(""), shown("latin1"), shown("utf8mb4"), None, shown("a@b@10.%")]
    found, account = tracking.read_tracked(row)
    assert (found, account) == (Tracked("größe", "", "latin1", "utf8mb4", ""), "a@b")


def test_in_wide_characters() -> None:
    """With results in UTF-16 each digit has a zero byte before it."""
    row = [b"".join(b"\0" + bytes([c]) for c in b"617070"), *[b"", b"", b"", b""], shown("@localhost")]
    found, account = tracking.read_tracked(row)
    assert (found.schema, account) == ("app", "")


def test_no_schema() -> None:
    """NULL."""
    assert tracking.read_tracked([None, *map(shown, ("", "a", "b", "c", "u@h"))])[0].schema is None


def test_modes_are_words() -> None:
    """In upper case."""
    assert NOW.modes == {"STRICT_TRANS_TABLES", "ANSI_QUOTES"}
    assert Tracked(None, "", "", "", "").modes == frozenset()


@pytest.mark.parametrize(
    ("client", "readable"), [("utf8mb4", True), ("utf8mb3", True), ("UTF8", True), ("latin1", False), ("gbk", False)]
)
def test_what_can_be_read(client: str, readable: bool) -> None:
    """Texts in UTF-8."""
    assert Tracked(None, "", client, "", "").readable is readable


def test_changes_move_it() -> None:
    """Each by its name; an empty schema is none; what is not of interest is left alone."""
    moved = tracking.moved(NOW, [("", b""), ("SQL_MODE", b"ANSI"), ("time_zone", b"+00:00")])
    assert moved == Tracked(None, "ANSI", "utf8mb4", "utf8mb4", "utf8mb4")
    assert tracking.moved(NOW, [("time_zone", b"x")]) is NOW


@pytest.mark.parametrize(
    ("listed", "known"),
    [
        (b"*", True),
        (b"", False),
        (b"sql_mode", False),
        (b"SQL_mode, character_set_client,character_set_connection,time_zone", False),
        (b"SQL_mode, character_set_client,character_set_connection,character_set_results,time_zone", True),
    ],
)
def test_what_is_not_reported_any_more_is_unknown(listed: bytes, known: bool) -> None:
    """All that matters must be on the list."""
    assert (tracking.moved(NOW, [("session_track_system_variables", listed)]) is not None) is known


@pytest.mark.parametrize(
    ("client", "text", "read"),
    [
        ("utf8mb4", "größe".encode(), True),
        ("latin1", b"plain", True),
        ("latin1", b"gr\xf6\xdfe", False),
        ("gbk", b"plain", True),
        ("swe7", b"tabell{", False),  # { is a letter there
    ],
)
def test_texts_that_are_read_alike(client: str, text: bytes, read: bool) -> None:
    """In UTF-8, and in ASCII where ASCII means the same."""
    assert Tracked(None, "", client, "", "").reads(text) is read
