"""The session machine, played packet by packet: statements, commands, refusals, results."""

from __future__ import annotations

import pytest
from fixtures.mysql_sessions import MODERN, PLAIN, taken

from proxy.mysql.wire import provocations
from proxy.mysql.wire.packets import packet
from proxy.plans import Ruling

BOTH = pytest.mark.parametrize("capabilities", [MODERN, PLAIN])

PASSED = """
> query(select 1)
] query(select 1)
! busy
< cols(1) col(..) row(1) eof
[ cols(1) col(..) row(1) eof
= ok 1
! idle
"""


def test_a_statement_passes(mysql_player) -> None:
    """Question and answer, as they came."""
    mysql_player().play(PASSED)


REWRITTEN = """
> query(select phone)
] query(select mask)
< ok
[ ok
= ok 0
> query(select secret)
] provoke
< err(1142,louver: refused)
[ err(1142,denied)
= denied 1142
"""


@BOTH
def test_rewritten_and_denied(mysql_player, capabilities) -> None:
    """Another text leaves; or one that must fail, and our error comes in the place of its own."""
    mysql_player(capabilities).play(REWRITTEN)


def test_a_procedure_with_a_cursor_of_its_own_gives_rows(mysql_player) -> None:
    """The flags of its results tell of a cursor that the client has not asked for: rows follow all the same."""
    mysql_player(PLAIN).play("""
    > query(call p)
    ] query(call p)
    < cols(1) col(..) eof(ea) row(a) eof(ea) ok
    [ cols(1) col(..) eof(ea) row(a) eof(ea) ok
    = ok 1
    ! idle
    > prepare(call p(?))
    ] prepare(call p(?))
    < prepared(3,1,1) par eof col(..) eof
    [ prepared(3,1,1) par eof col(..) eof
    =
    > execute(3,i)
    ] execute(3,i)
    < cols(1) col(..) eof(ea) row(a) eof(ea) ok
    [ cols(1) col(..) eof(ea) row(a) eof(ea) ok
    = ok 1
    """)


def test_results_with_plain_ends(mysql_player) -> None:
    """EOF packets after columns and rows, several results, changes and errors among them."""
    mysql_player(PLAIN).play("""
    > query(call p)
    ] query(call p)
    < cols(2) col(..) col(..) eof row(a) row(b) eof(a) ok(a) cols(1) col(..) eof eof(a) ok
    [ cols(2) col(..) col(..) eof row(a) row(b) eof(a) ok(a) cols(1) col(..) eof eof(a) ok
    = ok 2
    > query(select 1; bad)
    ] query(select 1; bad)
    < cols(1) col(..) eof row(a) eof(a) err(1064,bad)
    [ cols(1) col(..) eof row(a) eof(a) err(1064,bad)
    = error 1064
    > query(select broken)
    ] query(select broken)
    < cols(1) col(..) eof row(a) err(1317,interrupted)
    [ cols(1) col(..) eof row(a) err(1317,interrupted)
    = error 1317
    """)


def test_what_comes_too_early_waits(mysql_player) -> None:
    """A client may send ahead; each command is looked at when the one before it has been answered."""
    player = mysql_player()
    player.client(packet(0, b"\x03a") + packet(0, b"\x0e") + packet(0, b"\x03phone") + packet(0, b"\x01"))
    assert player.to_server == packet(0, b"\x03a")
    for number, sent in ((b"\x0e", 1), (b"\x03mask", 2), (b"\x01", 3)):
        player.to_server = b""
        player.server(packet(1, b"\0\0\0\2\0\0\0"))
        assert (player.to_server, sent) == (packet(0, number), sent)
    assert player.session.conversation.closing


def test_simple_commands(mysql_player) -> None:
    """One packet each; a reset forgets everything."""
    mysql_player(PLAIN).play("""
    > ping
    ] ping
    < ok
    [ ok
    > statistics
    ] statistics
    < words(Uptime: 1)
    [ words(Uptime: 1)
    > option
    ] option
    < eof
    [ eof
    > renew
    ] renew
    < ok
    [ ok
    ! tracked
    """)


@pytest.mark.parametrize(
    "command", [0, 5, 6, 7, 8, 0x0A, 0x0B, 0x0D, 0x12, 0x13, 0x15, 0x1E, 0x20, 0x21, 0x7F, 0xFE, 0xFF]
)
def test_other_commands_are_refused(mysql_player, command: int) -> None:
    """Replication, debugging, shutting down, and what is not known; the session lives."""
    player = mysql_player()
    player.client(packet(0, bytes([command]) + b"x"))
    player.play("] provoke")
    player.server(packet(1, b"\xff\x76\x04#42000louver: refused"))
    assert taken(player.to_client) == [(1, provocations.NO_COMMAND)]
    assert player.ended == ["denied 1235"]
    player.to_client, player.ended = b"", []
    player.play(PASSED)


def test_a_client_that_changes_its_user_leaves_nothing_behind(mysql_player) -> None:
    """The server resets the session; then it is over, and what the client has sent since waits for whoever it is now."""
    player = mysql_player()
    command = packet(0, b"\x11root\0\0\0")
    player.client(command[:6])
    assert player.session.leaving() is None
    player.client(command[6:])
    player.play("] renew")
    player.client(packet(0, b"\x0e"))
    assert player.session.leaving() is None
    player.play("< ok")
    assert player.to_client == b""
    assert player.session.leaving() == (command[4:], packet(0, b"\x0e"))
    assert not player.to_server
    assert player.ended == []


def test_a_change_of_the_user_that_is_no_login_is_refused(mysql_player) -> None:
    """Before it has come: it is larger than any login."""
    player = mysql_player()
    player.client(packet(0, b"\x11" + bytes(1 << 17)))
    player.play("] provoke")
    player.server(packet(1, b"\xff\x76\x04#42000louver: refused"))
    assert taken(player.to_client) == [(1, provocations.TOO_LONG)]


def test_a_provocation_that_succeeds_ends_the_session(mysql_player) -> None:
    """Nothing may run in the place of what was refused."""
    for answer in ("ok", "cols(1)"):
        mysql_player().play(f"""
        > query(select secret)
        ] provoke
        < {answer}
        ! violation
        """)


def test_commands_that_name_something(mysql_player) -> None:
    """They are ruled as the statements that do the same, and pass as they are."""
    mysql_player(PLAIN).play("""
    ! hold
    > use(ba`nk)
    ! waits init_db
    ! rule
    ] use(ba`nk)
    < ok
    [ ok
    = ok 0
    > fields(t)
    ] fields(t)
    < col(a.b.c) col(a.b.d) eof
    [ col(a.b.c) col(a.b.d) eof
    = ok 0
    > use(secret)
    ] provoke
    < err(1142,no)
    [ err(1142,denied)
    = denied 1142
    """)


def test_killing_by_command(mysql_player) -> None:
    """It is ruled as KILL."""
    player = mysql_player()
    player.holding = True
    player.client(packet(0, b"\x0c\x01\x02\0\0"))
    waiting = player.session.next_statement()
    assert (waiting.text, waiting.source) == (b"KILL 513", "kill")
    player.do("rule")
    player.play("] com(0c01020000)\n< ok\n[ ok\n= ok 0")


def test_killing_by_another_number(mysql_player) -> None:
    """The client was greeted with a number of ours: the statement has the server's."""
    player = mysql_player()
    player.holding = True
    player.client(packet(0, b"\x0c\x01\x02\0\0"))
    player.session.answer(Ruling(player.rule(b"kill").plan, b"KILL 7"))
    player.play("! rule\n] query(KILL 7)\n< ok\n[ ok\n= ok 0")


def test_the_names_in_commands_cannot_break_out(mysql_player) -> None:
    """Backquotes are doubled in the statement that is ruled."""
    player = mysql_player()
    player.holding = True
    player.client(packet(0, b"\x02a`; drop"))
    assert player.session.next_statement().text == b"USE `a``; drop`"
    player = mysql_player()
    player.holding = True
    player.client(packet(0, b"\x04a`b\0%"))
    assert player.session.next_statement().text == b"SHOW COLUMNS FROM `a``b`"


def test_a_listing_that_would_have_to_be_rewritten(mysql_player) -> None:
    """It is refused: the command has no place for another text."""
    player = mysql_player()
    player.client(packet(0, b"\x04phone\0"))
    player.play("] provoke")
    player.server(packet(1, b"\xff\x76\x04#42000louver: refused"))
    assert taken(player.to_client) == [(1, provocations.NO_REWRITTEN_COMMAND)]
