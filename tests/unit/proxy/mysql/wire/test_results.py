"""OK and EOF packets, and the session's state in them: bytes as MySQL 9.7 and MariaDB 10.11 send them."""

from __future__ import annotations

import pytest

from proxy.mysql.wire import results
from proxy.mysql.wire.packets import ProtocolViolation

NAMES = (
    b"\x00\x00\x00\x02@\x00\x00\x00_\x00\x1c\x14character_set_client\x06latin1\x00 \x18character_set_connection"
    b"\x06latin1\x00\x1d\x15character_set_results\x06latin1"
)
UPDATED = b'\x00\x02\x00"\x00\x00\x00(Rows matched: 2  Changed: 2  Warnings: 0'


def test_changed_variables_are_read() -> None:
    """SET NAMES tells of three."""
    found = results.parse_ok(NAMES)
    assert dict(found.changes) == {
        "character_set_client": b"latin1",
        "character_set_connection": b"latin1",
        "character_set_results": b"latin1",
    }


def test_the_schema_is_read() -> None:
    """USE tells the new one, under no name."""
    assert results.parse_ok(b"\x00\x00\x00\x02@\x00\x00\x00\x06\x01\x04\x03app").changes == (("", b"app"),)


def test_several_variables_in_one_entry() -> None:
    """MariaDB may put them together."""
    entry = b"\x01a\x01b\x01c\x01d"
    block = b"\x00" + bytes([len(entry)]) + entry
    assert results.parse_ok(b"\x00\x00\x00\x02@\x00\x00\x00" + bytes([len(block)]) + block).changes == (
        ("a", b"b"),
        ("c", b"d"),
    )


def test_other_changes_are_passed_over() -> None:
    """Transaction states, GTIDs and what is not known yet."""
    found = results.parse_ok(b"\x00\x00\x00\x01@\x00\x00\x00\x0b\x05\t\x08T_______")
    assert (found.changes, found.status & results.IN_TRANSACTION) == ((), 1)


def test_a_client_without_tracking_gets_what_the_server_would_send() -> None:
    """No state, no flag for it; the words stay behind their length; without words nothing follows."""
    assert results.ok(results.parse_ok(NAMES)) == b"\x00\x00\x00\x02\x00\x00\x00"
    assert results.ok(results.parse_ok(UPDATED)) == UPDATED


def test_the_end_of_rows_as_an_ok_packet() -> None:
    """Its first byte stays."""
    assert results.ok(results.parse_ok(b"\xfe\x00\x00\x22\x00\x00\x00")) == b"\xfe\x00\x00\x22\x00\x00\x00"


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x00\x00\x02", NAMES[:20]])
def test_cut_off_packets(data: bytes) -> None:
    """A packet that ends early is the server's fault."""
    with pytest.raises(ProtocolViolation):
        results.parse_ok(data)


def test_eof() -> None:
    """Warnings and status."""
    assert results.status_of_eof(results.eof(0x22, 3)) == 0x22
    with pytest.raises(ProtocolViolation):
        results.status_of_eof(b"\xfe\x00")
