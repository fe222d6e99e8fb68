"""Prepared statements: prepared once, ruled again when something has changed, prepared anew behind the client's back."""

from __future__ import annotations

import pytest
from fixtures.mysql_sessions import MODERN, PLAIN, taken

from proxy.mysql.wire import provocations
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.packets import packet

PREPARED = """
> prepare(select phone where a = ?)
] prepare(select mask where a = ?)
< prepared(7,1,1) par col(..)
[ prepared(7,1,1) par col(..)
"""
AGAIN = """
! world 2
> execute(7,i)
] close(7) prepare(select hidden where a = ?)
"""


def refused(player, error: bytes) -> None:
    """The client has got this error in place of the provoked one."""
    player.play("] provoke")
    player.server(packet(1, b"\xff\x76\x04#42000louver: refused"))
    assert taken(player.to_client) == [(1, error)]


@pytest.mark.parametrize("capabilities", [MODERN, PLAIN])
def test_a_life(mysql_player, capabilities) -> None:
    """Prepared, run, fetched, reset, closed; each packet with the server's own number."""
    ends = "eof" if capabilities == PLAIN else ""
    mysql_player(capabilities).play(f"""
    > prepare(select ?)
    ] prepare(select ?)
    < prepared(3,1,1) par {ends} col(..) {ends}
    [ prepared(3,1,1) par {ends} col(..) {ends}
    =
    > execute(3,i)
    ] execute(3,i)
    < cols(1) col(..) {ends} row(x) row(y) eof
    [ cols(1) col(..) {ends} row(x) row(y) eof
    = ok 2
    > cursor(3,?)
    ] cursor(3,?)
    < cols(1) col(..) eof(42)
    [ cols(1) col(..) eof(42)
    = ok 0
    > fetch(3)
    ] fetch(3)
    < row(a) row(b) eof(42)
    [ row(a) row(b) eof(42)
    = ok 2
    > fetch(3)
    ] fetch(3)
    < eof(82)
    [ eof(82)
    = ok 0
    > long(3) reset(3)
    ] long(3) reset(3)
    < ok
    [ ok
    > close(3)
    ] close(3)
    ! quiet
    > execute(3,?)
    ] execute(0,?)
    < err(1243,unknown)
    [ err(1243,unknown)
    """)


def test_what_neither_takes_nor_gives_anything(mysql_player) -> None:
    """No parameters, no columns: the answer is one packet."""
    mysql_player().play("""
    > prepare(do 1)
    ] prepare(do 1)
    < prepared(1,0,0)
    [ prepared(1,0,0)
    ! quiet
    > execute(1)
    ] execute(1)
    < ok
    [ ok
    = ok 0
    """)


def test_a_denied_one(mysql_player) -> None:
    """It is not prepared, and the refusal is recorded."""
    player = mysql_player()
    player.play("""
    > prepare(select secret)
    ] provoke
    < err(1142,louver: refused)
    [ err(1142,denied)
    = denied 1142
    """)
    assert player.started == [1]


def test_one_that_the_server_refuses(mysql_player) -> None:
    """Its error passes; nothing is prepared."""
    mysql_player().play("""
    > prepare(selec)
    ] prepare(selec)
    < err(1064,syntax)
    [ err(1064,syntax)
    ! quiet
    """)


def test_prepared_anew(mysql_player) -> None:
    """In another world another text is prepared, and runs under the number that the client knows."""
    mysql_player().play(
        PREPARED
        + AGAIN
        + """
    < prepared(9,1,1) par col(..)
    [
    ] execute(9,i)
    < cols(1) col(..) row(x) eof
    [ cols(1) col(..) row(x) eof
    = ok 1
    > execute(7,?)
    ] execute(9,?)
    < ok
    [ ok
    = ok 0
    > cursor(7,?)
    ] cursor(9,?)
    < cols(1) col(..) eof(42)
    [ cols(1) col(..) eof(42)
    > fetch(7)
    ] fetch(9)
    < eof(82)
    [ eof(82)
    > long(7) reset(7)
    ] long(9) reset(9)
    < ok
    [ ok
    > close(7)
    ] close(9)
    """
    )


def test_types_that_the_server_has_forgotten(mysql_player) -> None:
    """A client tells them once; what is prepared anew gets them again, from us."""
    mysql_player().play(
        PREPARED
        + """
    > execute(7,i)
    ] execute(7,i)
    < ok
    [ ok
    ! world 2
    > execute(7,?)
    ] close(7) prepare(select hidden where a = ?)
    < prepared(9,1,1) par col(..)
    ] execute(9,i)
    < ok
    [ ok
    > execute(7,?)
    ] execute(9,?)
    < ok
    [ ok
    """
    )


def test_types_of_bulks(mysql_player) -> None:
    """MariaDB's bulks tell them by a flag."""
    mysql_player(MODERN | Capability.MARIADB_STMT_BULK_OPERATIONS).play(
        PREPARED
        + """
    > bulk(7,s)
    ] bulk(7,s)
    < ok
    [ ok
    ! world 2
    > bulk(7,?)
    ] close(7) prepare(select hidden where a = ?)
    < prepared(9,1,1) par col(..)
    ] bulk(9,s)
    < ok
    [ ok
    """
    )


def test_types_among_attributes(mysql_player) -> None:
    """With query attributes the parameters are counted, and have names."""
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    player.play("""
    > prepare(select phone where a = ?)
    ] prepare(select mask where a = ?)
    < prepared(7,1,1) par col(..)
    [ prepared(7,1,1) par col(..)
    """)
    head = b"\x17\7\0\0\0\x08\1\0\0\0\2\3"
    told = b"\1" + b"\x03\x00\x00" + b"\xfd\x00\x02id"
    player.client(packet(0, head + told))
    assert player.to_server == packet(0, head + told)
    player.server(packet(1, b"\0\0\0\2\0\0\0"))
    player.to_server = player.to_client = b""
    player.do("world", "2")
    player.client(packet(0, head + b"\0"))
    player.play("] close(7) prepare(select hidden where a = ?)\n< prepared(9,1,1) par col(..)")
    assert player.to_server == packet(0, head.replace(b"\7", b"\x09", 1) + told)


def test_the_same_ruling_needs_nothing(mysql_player) -> None:
    """In another world in which the text is the same, what is prepared stands."""
    mysql_player().play("""
    > prepare(select 1)
    ] prepare(select 1)
    < prepared(1,1,0) col(..)
    [ prepared(1,1,0) col(..)
    ! world 2
    > execute(1)
    ] execute(1)
    < ok
    [ ok
    """)


def test_denied_since(mysql_player) -> None:
    """What may not be shown any more does not run, whatever was prepared."""
    player = mysql_player()
    player.play("""
    > prepare(select 1)
    ] prepare(select 1)
    < prepared(1,1,0) col(..)
    [ prepared(1,1,0) col(..)
    ! world 2
    ! hold
    > execute(1)
    ! waits execute
    """)
    player.session.answer(player.rule(b"secret"))
    player.play("""
    ! rule
    ] provoke
    < err(1142,no)
    [ err(1142,denied)
    = denied 1142
    """)


def test_what_cannot_be_prepared_anew(mysql_player) -> None:
    """The server's error is the answer to the execution, under the server's own state; the next one tries again."""
    mysql_player().play(
        PREPARED
        + AGAIN
        + """
    < err(1146,gone)
    ] provoke
    < err(1142,louver: refused)
    [ err(1146,gone)
    = denied 1146
    > execute(7,i)
    ] prepare(select hidden where a = ?)
    < prepared(9,1,1) par col(..)
    ] execute(9,i)
    < ok
    [ ok
    = ok 0
    """
    )


def test_data_sent_ahead_is_not_lost_in_silence(mysql_player) -> None:
    """The server holds it for the statement that would go: the client has to prepare again."""
    player = mysql_player()
    player.play(PREPARED + "> long(7)\n] long(7)\n! world 2\n> execute(7,i)")
    refused(player, provocations.PREPARE_AGAIN)


def test_names_would_mean_something_else_now(mysql_player) -> None:
    """A statement keeps the schema that it was prepared in; prepared anew it would be read in the present one."""
    player = mysql_player()
    player.play(
        PREPARED
        + """
    > use(b)
    ] use(b)
    < ok(4002,=b)
    [ ok(4002,=b)
    = ok 0
    > execute(7,i)
    ] execute(7,i)
    < ok
    [ ok
    = ok 0
    ! world 2
    > execute(7,i)
    """
    )
    refused(player, provocations.PREPARE_AGAIN)


def test_it_is_ruled_in_the_state_it_was_prepared_in(mysql_player) -> None:
    """The gate is told of that, not of the state of now."""
    player = mysql_player()
    player.play(PREPARED + "> use(b)\n] use(b)\n< ok(4002,=b)\n[ ok(4002,=b)\n! world 2\n! hold\n> execute(7,i)")
    waiting = player.session.next_statement()
    assert (waiting.tracked.schema, player.session.conversation.tracked.schema) == ("app", "b")


def test_one_of_when_the_state_was_not_known(mysql_player) -> None:
    """What it was read in cannot be told, so it does not run for a caller whose statements are read."""
    player = mysql_player()
    state = player.session.conversation
    now, state.tracked = state.tracked, None
    player.play("> prepare(select 1)\n] prepare(select 1)\n< prepared(7,1,0) col(..)\n[ prepared(7,1,0) col(..)")
    state.tracked = now
    player.play("! world 2\n> execute(7)")
    refused(player, provocations.PREPARE_AGAIN)


def test_the_state_counts_that_was_asked_for_meanwhile(mysql_player) -> None:
    """A statement may have waited for it."""
    player = mysql_player()
    state = player.session.conversation
    now, state.tracked, player.holding = state.tracked, None, True
    player.play("> prepare(select phone)")
    state.tracked, player.holding = now, False
    player.do("rule")
    player.play("] prepare(select mask)\n< prepared(7,1,0) col(..)\n[ prepared(7,1,0) col(..)")
    assert state.statements[7].tracked == now


def test_a_cursor_of_another_decision_gives_no_more_rows(mysql_player) -> None:
    """It was opened under a decision that is not the caller's any more."""
    player = mysql_player()
    player.play(
        PREPARED
        + """
    > cursor(7,i)
    ] cursor(7,i)
    < cols(1) col(..) eof(42)
    [ cols(1) col(..) eof(42)
    = ok 0
    ! world 2
    > fetch(7)
    """
    )
    refused(player, provocations.CHANGED)
    assert player.ended == ["denied 1615"]


def test_the_number_of_the_statement_prepared_last(mysql_player) -> None:
    """MariaDB's clients prepare and run in one go; when the preparing is refused, nothing runs."""
    last = "4294967295"
    player = mysql_player()
    player.play(f"""
    > prepare(select 1) execute({last})
    ] prepare(select 1)
    < prepared(5,1,0) col(..)
    ] execute(5)
    [ prepared(5,1,0) col(..)
    < ok
    """)
    player.to_client = b""
    player.play(f"""
    > prepare(select secret) execute({last})
    ] provoke
    < err(1142,louver: refused)
    [ err(1142,denied)
    ] execute(0)
    """)


def test_numbers_of_the_servers_are_nobodys(mysql_player) -> None:
    """A client cannot run by its number there what we have prepared for it."""
    mysql_player().play(
        PREPARED
        + AGAIN
        + """
    < prepared(9,1,1) par col(..)
    ] execute(9,i)
    < ok
    [ ok
    > execute(9,i)
    ] execute(0,i)
    """
    )


def test_other_parameters_than_before(mysql_player) -> None:
    """A statement that takes other parameters is not what the client has prepared."""
    mysql_player().play(PREPARED + AGAIN + "< prepared(9,1,2) par par col(..)\n! violation")


def test_a_new_session_has_no_statements(mysql_player) -> None:
    """A reset closes all."""
    mysql_player().play(
        PREPARED
        + """
    > renew
    ] renew
    < ok
    [ ok
    ! tracked
    > execute(7,i)
    ] execute(0,i)
    """
    )
