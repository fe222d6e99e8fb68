"""The session machine, played packet by packet: statements, refusals, results, cursors, files."""

from __future__ import annotations

import pytest
from fixtures.mysql_sessions import MODERN, PLAIN, taken

from proxy.mysql.wire import provocations
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.packets import LARGEST, packet
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


def test_users_do_not_change(mysql_player) -> None:
    """COM_CHANGE_USER is refused in words of its own."""
    player = mysql_player()
    player.client(packet(0, b"\x11root\0"))
    player.play("] provoke")
    player.server(packet(1, b"\xff\x76\x04#42000louver: refused"))
    assert taken(player.to_client) == [(1, provocations.NO_CHANGE_USER)]


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


# ---- query attributes -------------------------------------------------------------------------------------------------


def test_query_attributes_stay(mysql_player) -> None:
    """The text begins behind them; a rewritten one leaves with the same attributes."""
    types = b"\xfd\x00\x02id" + b"\x08\x00\x01n" + b"\x0c\x00\x01d"
    head = b"\x03\x03\x01" + b"\x02\x01" + types + b"\x03abc" + b"\x04\xe7\x07\x01\x02"  # the second is NULL
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    player.client(packet(0, head + b"select phone"))
    assert taken(player.to_server) == [(0, head + b"select mask")]


def test_questions_and_provocations_have_no_attributes(mysql_player) -> None:
    """Which has to be said where they could be."""
    mysql_player(MODERN | Capability.QUERY_ATTRIBUTES).play(REWRITTEN)


@pytest.mark.parametrize(
    "block",
    [
        b"\x01\x01\x00\x01\x06\x00\x01n",  # NULL: MySQL reads a length where the documentation has nothing
        b"\x01\x01\x00\x01\x09\x00\x01n\x0f\0\0\0",  # INT24: the same
        b"\x01\x01\x00\x01\x0d\x00\x01n\x01\0",  # YEAR: the same
        b"\x01\x01\x00\x01\xf4\x00\x01n\x01x",  # BOOL, which MySQL does not know
        b"\x01\x01\x00\x01\x03\x01\x01n\x05\0\0\0",  # a type of two bytes: not LONG, whatever the first says
        b"\x01\x02\x00\x01\xfd\x00\x01n\x01x",  # two sets
        b"\x01\x01\x00\x00\xfd\x00\x01n\x01x",  # without types
        b"\x01\x01\x00\x02\xfd\x00\x01n\x01x",
        b"\x01\x01\x00\x01\xfd\x00\x01n\xfb",  # a text that is NULL without its bit
        b"\xfe\1\0\0\0\1\0\0\0\x01\x00\x01\xfd\x00\x01n\x01x",  # 2^32 + 1 attributes, which MySQL takes for one
    ],
)
def test_attributes_that_the_server_could_read_otherwise(mysql_player, block: bytes) -> None:
    """Another text would run than the one that was ruled (found on MySQL 9.7): the session ends, nothing leaves."""
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    player.client(packet(0, b"\x03" + block + b"\x20select 1 /* hidden from the rewriter */"))
    assert player.violation is not None
    assert player.to_server == b""


def test_attributes_that_are_null_have_no_value(mysql_player) -> None:
    """Of whatever type."""
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    head = b"\x03\x01\x01\x01\x01\x06\x00\x01n"
    player.client(packet(0, head + b"select phone"))
    assert taken(player.to_server) == [(0, head + b"select mask")]


def test_attributes_that_end_early(mysql_player) -> None:
    """What cannot be read is not sent."""
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    player.client(packet(0, b"\x03\x02\x01\x00\x01\xfd\x00"))
    assert player.violation is not None
    assert player.to_server == b""


# ---- large payloads ---------------------------------------------------------------------------------------------------


def test_long_statements_are_refused_when_they_have_come(mysql_player) -> None:
    """The client's last packet has the number behind which it expects its answer."""
    player = mysql_player()
    data = packet(0, b"\x03" + b"x" * LARGEST)
    assert data[LARGEST + 4 + 3] == 1
    for start in range(0, len(data), 1 << 20):
        assert player.to_server == b""
        player.client(data[start : start + (1 << 20)])
    player.play("] provoke")
    player.server(packet(1, b"\xff\x76\x04#42000louver: refused"))
    assert taken(player.to_client) == [(2, provocations.TOO_LONG)]


def test_rows_of_several_packets_pass(mysql_player) -> None:
    """Continuations are no rows, whatever they begin with."""
    player = mysql_player()
    player.client(packet(0, b"\x03q"))
    row = packet(4, b"\xfe" + b"\xfe" * LARGEST)
    answer = packet(1, b"\x01") + packet(2, b"\x03def" + bytes(9)) + row + packet(6, b"\xfe\0\0\2\0\0\0")
    for start in range(0, len(answer), 1 << 20):
        player.server(answer[start : start + (1 << 20)])
    assert player.to_client == answer
    assert player.ended == ["ok 1"]


@pytest.mark.parametrize("size", [LARGEST - 1, LARGEST, LARGEST + 1])
def test_a_row_of_exactly_a_packet(mysql_player, size: int) -> None:
    """One of 2^24 - 1 bytes has an empty packet behind it."""
    player = mysql_player(PLAIN)
    player.client(packet(0, b"\x03q"))
    row = packet(4, b"\xfe" + b"\xff" * (size - 1))
    head = packet(1, b"\x01") + packet(2, b"\x03def" + bytes(9)) + packet(3, b"\xfe\0\0\2\0")
    answer = head + row + packet(7, b"\xfe\0\0\2\0")
    player.server(answer)
    assert (player.to_client == answer, player.ended) == (True, ["ok 1"])


def test_long_data_passes_piecewise(mysql_player) -> None:
    """Behind its head nothing is looked at, and nothing is kept."""
    player = mysql_player()
    player.play("""
    > prepare(insert ?)
    ] prepare(insert ?)
    < prepared(1,0,1) par
    [ prepared(1,0,1) par
    """)
    data = packet(0, b"\x18\1\0\0\0\0\0" + b"x" * LARGEST)
    for start in range(0, len(data), 999_999):
        player.client(data[start : start + 999_999])
        assert player.session.frontend.buffered == 0
    assert player.to_server == data


# ---- files --------------------------------------------------------------------------------------------------------------

LOAD = """
> query(load data local infile 'f' into table t)
] query(load data local infile 'f' into table t)
< wants(f)
"""


def test_a_file_passes(mysql_player) -> None:
    """The server asks for it, the client sends it up to an empty packet, the server says how it went."""
    mysql_player().play(
        LOAD
        + """
    [ wants(f)
    > file(abc)
    ] file(abc)
    > file()
    ] file()
    < ok
    [ ok
    = ok 0
    """
    )


def test_the_pieces_of_a_file_are_numbered(mysql_player) -> None:
    """Where the server has stopped reading a file, a packet with the number of a command would be one."""
    for number in (0, 1, 4):
        player = mysql_player()
        player.play(LOAD + "[ wants(f)")
        player.to_server = b""
        player.client(packet(number, b"\x03select secret"))
        assert (player.violation is None, player.to_server) == (False, b"")


def test_an_answer_before_the_end_of_the_file(mysql_player) -> None:
    """The rest of the file would be commands that nobody has ruled."""
    mysql_player().play(LOAD + "[ wants(f)\n> file(abc)\n] file(abc)\n< err(1062,x)\n! violation")


def test_a_file_that_may_not_be_asked_for(mysql_player) -> None:
    """The server gets an empty one, the client an error with the number that it expects."""
    player = mysql_player(files=False)
    player.play(LOAD)
    assert taken(player.to_server) == [(2, b"")]
    player.server(packet(3, b"\0\0\0\2\0\0\0"))
    assert taken(player.to_client) == [(1, provocations.NO_FILE)]
    assert (player.session.quiet, player.ended) == (True, ["denied 3948"])


def test_a_file_that_nobody_has_offered(mysql_player) -> None:
    """A server may not read the client's files by answering any statement with a request for one."""
    player = mysql_player()
    player.play("""
    > query(select 1)
    ] query(select 1)
    < wants(/etc/passwd)
    """)
    assert taken(player.to_server) == [(2, b"")]
    player.server(packet(3, b"\xff\x76\x04#42000no"))
    assert taken(player.to_client) == [(1, provocations.NO_FILE)]


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
    """In a character set that loses letters a name could be any."""
    player = mysql_player()
    player.play("""
    > query(set names latin1)
    ] query(set names latin1)
    < ok(4002,character_set_results=latin1)
    [ ok(4002,character_set_results=latin1)
    = ok 0
    ! hide app.customers.phone
    > query(select 1)
    ] query(select 1)
    """)
    player.server(player._server_bytes("cols(1) col(app.customers.ph?ne) row(5)"))
    assert player.session.conversation.exposed


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
