"""The `options` startup parameter, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.postgres.wire.dialogue import DialogueError
from proxy.postgres.wire.options import parse_options, split_words


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", []),
        ("   ", []),
        ("-c geqo=off", [("geqo", "off")]),
        ("-cgeqo=off", [("geqo", "off")]),
        ("--geqo=off", [("geqo", "off")]),
        ("--statement-timeout=5s -c work-mem=8MB", [("statement_timeout", "5s"), ("work_mem", "8MB")]),
        ("-c\tsearch_path=a,b\n--geqo=on", [("search_path", "a,b"), ("geqo", "on")]),
        (r"-c search_path=a,\ b", [("search_path", "a, b")]),
        (r"-c x.y=back\\slash", [("x.y", "back\\slash")]),
        ("-c a.b=1=2", [("a.b", "1=2")]),
        ("-c a.b=", [("a.b", "")]),
    ],
)
def test_settings_are_read_as_the_server_reads_them(options: str, expected: list[tuple[str, str]]) -> None:
    """Both spellings, escapes and white space give the parameters in their order, `-` in names as `_`."""
    assert parse_options(options) == expected


@pytest.mark.parametrize(
    "options",
    ["-e", "-c", "-c geqo", "--geqo", "--", "word", "-d 5", "-v 2", "-Ec geqo=off", "-c =x", "-c user=root",
     "-c _pq_.x=1", "-c replication=true", "--options=-c"],
)  # fmt: skip
def test_other_switches_are_refused(options: str) -> None:
    """What is not a setting with a value, or names a startup keyword, is refused, never passed on."""
    with pytest.raises(DialogueError) as refused:
        parse_options(options)
    assert refused.value.sqlstate == "0A000"


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1)))
def test_escaped_words_come_back(words: list[str]) -> None:
    """Words with every character escaped are split into themselves."""
    escaped = " ".join("".join("\\" + c for c in word) for word in words)
    assert list(split_words(escaped)) == words
