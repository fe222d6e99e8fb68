"""The frame: one type byte and a length that counts itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.postgres.wire import frames


@given(st.integers(0, 255), st.binary(max_size=300))
def test_a_frame_reads_as_it_was_written(kind: int, payload: bytes) -> None:
    """Type and payload come back; the length counts its own four bytes but not the type."""
    data = frames.frame(kind, payload)
    assert frames.read_header(data, 0) == (kind, len(payload) + 4)
    assert len(data) == 1 + len(payload) + 4
    assert data[frames.HEADER_SIZE :] == payload


def test_a_header_is_read_wherever_it_stands() -> None:
    """Several messages in one piece of data are read one after the other."""
    data = frames.SYNC_FRAME + frames.FLUSH_FRAME
    assert frames.read_header(data, len(frames.SYNC_FRAME)) == (frames.FLUSH, 4)
    assert data == b"S\0\0\0\4H\0\0\0\4"


def test_each_direction_gives_a_type_one_meaning() -> None:
    """No two messages of one direction share a type byte (manual, 55.7)."""
    names = {name: value for name, value in vars(frames).items() if name.isupper() and isinstance(value, int)}
    names.pop("HEADER_SIZE")
    both = {"COPY_DATA", "COPY_DONE"}
    frontend = [
        "BIND",
        "CLOSE",
        "COPY_FAIL",
        "DESCRIBE",
        "EXECUTE",
        "FLUSH",
        "FUNCTION_CALL",
        "PARSE",
        "PASSWORD",
        "QUERY",
        "SYNC",
        "TERMINATE",
    ]
    sent = [names[name] for name in (*frontend, *both)]
    received = [value for name, value in names.items() if name not in frontend]
    assert len(set(sent)) == len(sent)
    assert len(set(received)) == len(received)
    assert {chr(value) for value in sent} == set("BCdcfDEHFPpQSX")
