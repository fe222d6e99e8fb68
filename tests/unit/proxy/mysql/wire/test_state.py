"""The session machine, played packet by packet: what is tracked, asked and checked beside the client's statements."""

from __future__ import annotations

import pytest
from fixtures.mysql_sessions import MODERN, PLAIN

from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.packets import packet

BOTH = pytest.mark.parametrize("capabilities", [MODERN, PLAIN])


# ---- the state of the session -------------------------------------------------------------------------------------------


def test_the_state_is_tracked(mysql_player) -> None:
    """Schema, mode and character sets, from whatever packet tells of them."""
    mysql_player().play("""
    > query(use b)
    ] query(use b)
    < ok(4002,=bank)
    [ ok(4002,=bank)
    = ok 0
    ! tracked schema=bank sql_mode= client=utf8mb4
    > query(set x)
    ] query(set x)
    < ok(4002,sql_mode=ANSI_QUOTES)
    [ ok(4002,sql_mode=ANSI_QUOTES)
    = ok 0
    ! tracked sql_mode=ANSI_QUOTES
    > query(select f())
    ] query(select f())
    < cols(1) col(..) row(1) eof(4002,character_set_client=latin1)
    [ cols(1) col(..) row(1) eof(4002,character_set_client=latin1)
    = ok 1
    ! tracked client=latin1
    """)


def test_a_client_without_tracking_hears_nothing_of_it(mysql_player) -> None:
    """The packet is as the server would write it then."""
    mysql_player(PLAIN).play("""
    > query(use b)
    ] query(use b)
    < ok(4002,=bank)
    [ ok
    = ok 0
    ! tracked schema=bank
    """)


def test_tracking_that_is_changed_is_unknown(mysql_player) -> None:
    """Whoever changes what is reported leaves the state to be asked for."""
    player = mysql_player()
    player.play("""
    > query(SET session_TRACK_system_variables='')
    ] query(SET session_TRACK_system_variables='')
    < ok
    [ ok
    = ok 0
    ! tracked
    """)


def test_a_failure_that_may_have_changed_something(mysql_player) -> None:
    """What has changed is reported with the answer to a ping of ours, before anything else is looked at."""
    mysql_player().play("""
    > query(set sql_mode='ANSI', @a = f())
    ] query(set sql_mode='ANSI', @a = f())
    < err(1242,more)
    [ err(1242,more)
    = error 1242
    ] ping
    > query(select 1)
    ]
    < ok(4002,sql_mode=ANSI)
    [
    ! tracked sql_mode=ANSI
    ] query(select 1)
    """)


# ---- questions ------------------------------------------------------------------------------------------------------------


@BOTH
def test_questions_of_our_own(mysql_player, capabilities) -> None:
    """The client sees nothing of them; what it sends meanwhile waits."""
    ends = "eof" if capabilities == PLAIN else ""
    mysql_player(capabilities).play(f"""
    ! ask select @@sql_mode
    ] query(select @@sql_mode)
    ! busy
    < cols(1) col(..) {ends} row(ANSI) row(x) eof
    ! told [['ANSI'], ['x']]
    ! ask bad
    ] query(bad)
    < err(1064,bad)
    ! told 42000
    ! quiet
    """)


def test_the_server_ends_the_session(mysql_player) -> None:
    """Its last words pass, asked for or not."""
    player = mysql_player()
    player.play("< err(4031,The client was disconnected by the server because of inactivity)")
    assert player.session.conversation.farewell


@pytest.mark.parametrize(
    "dialogue",
    [
        "< ok",
        "> ping\n] ping\n< row(a)",
        "> query(a)\n] query(a)\n< cols(0)",
        "> query(a)\n] query(a)\n< cols(2) col(..) eof",
        "> prepare(a)\n] prepare(a)\n< eof",
    ],
)
def test_a_server_out_of_step(mysql_player, dialogue: str) -> None:
    """The session ends."""
    mysql_player(PLAIN).play(dialogue + "\n! violation")


@pytest.mark.parametrize("data", [b"\0\0\0\0", b"\1\0\0\1\x0e", b"\1\0\0\0\x17", b"\2\0\0\0\x19\1", b"\2\0\0\0\x1c\1"])
def test_a_client_out_of_step(mysql_player, data: bytes) -> None:
    """Empty commands, wrong numbers and cut off packets end the session; nothing leaves, and the client hears why."""
    player = mysql_player()
    assert player.session.farewell(b"\xff") == packet(0, b"\xff")  # of our own accord
    player.client(data)
    assert player.violation is not None
    assert player.session.farewell(b"\xff") == packet(1, b"\xff")
    assert player.to_server == b""


# ---- the third witness ----------------------------------------------------------------------------------------------------


@BOTH
def test_a_hidden_origin_ends_the_session(mysql_player, capabilities) -> None:
    """Before the first row; nothing of the server's passes any more."""
    player = mysql_player(capabilities)
    player.play("""
    ! hide app.customers.phone
    > query(select 1)
    ] query(select 1)
    """)
    player.server(player._server_bytes("cols(2) col(app.customers.id) col(app.customers.phone) row(5)"))
    assert player.session.conversation.exposed == "app.customers.phone"
    assert b"5" not in player.to_client
    assert player.ended == ["denied 1142"]


def test_origins_are_asked_for_once(mysql_player) -> None:
    """A definition that names nothing hidden is known; expressions have no origin."""
    player = mysql_player()
    player.play("! hide app.customers.phone")
    for _ in range(2):
        player.play("""
        > query(select 1)
        ] query(select 1)
        < cols(2) col(app.customers.id) col(app..) row(5) eof
        [ cols(2) col(app.customers.id) col(app..) row(5) eof
        = ok 1
        """)
    assert player.session.conversation.witness.asked == ["app.customers.id"]


def test_names_that_cannot_be_read_do_not_pass(mysql_player) -> None:
    """In a character set that loses letters a name could be any, one that was seen before, too."""
    player = mysql_player()
    player.play("""
    ! hide app.customers.phone
    > query(select 1)
    ] query(select 1)
    < cols(1) col(app.customers.ph?ne) row(5) eof
    [ cols(1) col(app.customers.ph?ne) row(5) eof
    = ok 1
    > query(set names latin1)
    ] query(set names latin1)
    < ok(4002,character_set_results=latin1)
    [ ok(4002,character_set_results=latin1)
    = ok 0
    > query(select 1)
    ] query(select 1)
    """)
    player.server(player._server_bytes("cols(1) col(app.customers.ph?ne) row(5)"))
    assert player.session.conversation.exposed


# ---- masks in place -------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("pieces", [lambda data: [data], lambda data: [data[i : i + 1] for i in range(len(data))]])
def test_masks_in_place_are_told_as_columns(mysql_player, capabilities, pieces) -> None:
    """A result column that a mask stands for names its table and column to the client; what the server names itself stays."""
    ends = "" if capabilities & Capability.DEPRECATE_EOF else "eof"
    player = mysql_player(capabilities, pieces)
    player.play(f"""
    ! hide app.people.phone
    > query(select id, phone in place)
    ] query(select id, mask in place)
    < cols(2) expression expression {ends} row(5) row(6) eof
    [ cols(2) expression told(p.people.phone) {ends} row(5) row(6) eof
    = ok 2
    > query(select phone in place)
    ] query(select mask in place)
    < cols(1) expression {ends} eof
    [ cols(1) expression {ends} eof
    = ok 0
    > prepare(select id, phone in place)
    ] prepare(select id, mask in place)
    < prepared(7,2,1) par {ends} col(app.people.id) expression {ends}
    [ prepared(7,2,1) par {ends} col(app.people.id) told(p.people.phone) {ends}
    > execute(7,i)
    ] execute(7,i)
    < cols(2) col(app.people.id) expression {ends} row(5) eof
    [ cols(2) col(app.people.id) told(p.people.phone) {ends} row(5) eof
    = ok 1
    > query(select phone)
    ] query(select mask)
    < cols(2) col(app.people.id) expression {ends} eof
    [ cols(2) col(app.people.id) expression {ends} eof
    = ok 0
    """)


def test_a_hidden_column_in_place_of_a_mask_does_not_pass(mysql_player) -> None:
    """What the server says of a column counts, whatever the plan says."""
    player = mysql_player()
    player.play("""
    ! hide app.people.phone
    > query(select id, phone in place)
    ] query(select id, mask in place)
    """)
    player.server(player._server_bytes("cols(2) col(app.people.id) col(app.people.phone) row(5)"))
    assert player.session.conversation.exposed == "app.people.phone"


# ---- errors ---------------------------------------------------------------------------------------------------------------


def test_errors_lose_stored_values_for_the_guarded(mysql_player) -> None:
    """Only for them."""
    said = "err(1062,Duplicate entry 'value' for key 'k')"
    dialogue = f"""
    > query(insert)
    ] query(insert)
    < {said}
    [ %s
    = error 1062
    """
    mysql_player().play(dialogue % "err(1062,Duplicate entry for key 'k')")
    mysql_player().play("! open" + dialogue % said)
