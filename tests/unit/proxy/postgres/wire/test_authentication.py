"""The authentication dialogues of both login modes, played without sockets."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest

from proxy import scram
from proxy.postgres.wire import authentication, messages
from proxy.postgres.wire.authentication import ServiceAccount, own_login, read_greeting, relay_login, service_login
from proxy.postgres.wire.dialogue import Side
from proxy.postgres.wire.messages import BackendKey, Message
from proxy.postgres.wire.startup import Startup

ME = Startup(messages.VERSION_3_0, "me", "bank", {"client_encoding": "UTF8"}, tls=False)
SERVICE = ServiceAccount("svc_louver", "hidden")
OK = Message(ord("R"), struct.pack("!I", 0))
PLUS_AND_PLAIN = messages.authentication_sasl((scram.SCRAM_PLUS, scram.SCRAM))
PLAIN = messages.authentication_sasl((scram.SCRAM,))
BINDING = hashlib.sha256(b"certificate").digest()


def taken(data: bytes) -> Message:
    """A message as the reader gives it."""
    return Message(data[0], data[5:])


def failure(sqlstate: str, text: str) -> Message:
    """An ErrorResponse of the database."""
    return taken(messages.error_response("FATAL", sqlstate, text))


def relay(**changed: bool) -> Any:
    """The relay dialogue, by default without one certificate on both legs."""
    return relay_login(ME, **({"same_certificate": False, "unproven": False} | changed))


def first_message(mechanism: str, data: bytes) -> Message:
    """A SASLInitialResponse of the client."""
    return taken(messages.sasl_initial_response(mechanism, data))


# ---- relay ----------------------------------------------------------------------------------------------------------


def test_relay_carries_the_exchange_unchanged(play) -> None:
    """SCRAM passes message by message; AuthenticationOk stays for the greeting; the user is the client's."""
    steps = [PLAIN, messages.authentication(11, b"first"), messages.authentication(12, b"final")]
    answers = [first_message(scram.SCRAM, b"n,,n=,r=x"), taken(messages.password_message(b"proof"))]
    played = play(relay(), answers, [*map(taken, steps), OK])
    assert played.error is None
    assert played.to_client == steps
    startup = messages.startup_message(
        messages.VERSION_3_0, {"user": "me", "database": "bank", "client_encoding": "UTF8"}
    )
    assert played.to_upstream == [startup, *(messages.password_message(a.payload) for a in answers)]


@pytest.mark.parametrize("code", [3, 5])
def test_relay_carries_passwords_and_md5(play, code: int) -> None:
    """Cleartext and md5 requests and their answers pass."""
    request = messages.authentication(code, b"salt" if code == 5 else b"")
    played = play(relay(), [taken(messages.password_message(b"pw\0"))], [taken(request), OK])
    assert (played.error, played.to_client) == (None, [request])
    assert played.to_upstream[1:] == [messages.password_message(b"pw\0")]


@pytest.mark.parametrize(("same", "offered"), [(False, PLAIN), (True, PLUS_AND_PLAIN)])
def test_relay_offers_channel_binding_for_one_certificate_only(play, same: bool, offered: bytes) -> None:
    """-PLUS is taken from the offer unless both legs show the same certificate."""
    played = play(relay(same_certificate=same), [], [taken(PLUS_AND_PLAIN)])
    assert played.to_client == [offered]
    assert played.waits_for is Side.CLIENT


def test_relay_explains_the_channel_binding_trap(play) -> None:
    """A client that says it could bind, on a login that the database could bind, is told what to set."""
    played = play(relay(), [first_message(scram.SCRAM, b"y,,n=,r=x")], [taken(PLUS_AND_PLAIN)])
    assert played.error.sqlstate == "28000"
    assert "channel_binding=disable" in played.error.hint
    assert len(played.to_upstream) == 1


def test_relay_needs_a_mechanism_that_can_pass(play) -> None:
    """A database that offers -PLUS alone cannot be logged in to across two certificates."""
    played = play(relay(), [], [taken(messages.authentication_sasl((scram.SCRAM_PLUS,)))])
    assert played.error.sqlstate == "28000"
    assert played.to_client == []


def test_relay_lets_nobody_in_without_a_proof(play) -> None:
    """`trust` for the proxy's address would let in anybody under any name: refused unless the operator wants it."""
    assert play(relay(), [], [OK]).error.sqlstate == "28000"
    assert play(relay(unproven=True), [], [OK]).error is None


def test_relay_passes_the_databases_refusal(play) -> None:
    """The database's error reaches the client in its own words, notices before it, too."""
    refusal = failure("28P01", 'password authentication failed for user "me"')
    notice = taken(messages.notice_response("WARNING", "01000", "soon"))
    played = play(relay(), [], [notice, refusal])
    assert played.error.told
    assert played.error.sqlstate == "28P01"
    assert played.to_client == [
        messages.message(b"N", notice.payload),
        messages.message(b"E", refusal.payload),
    ]


@pytest.mark.parametrize("code", [2, 6, 7, 8, 9, 13])
def test_methods_that_cannot_pass(play, code: int) -> None:
    """Kerberos, GSSAPI, SSPI and unknown methods are refused with what to set."""
    request = taken(messages.authentication(code))
    assert play(relay(), [], [request]).error.sqlstate == "0A000"
    assert play(service_login(ME, SERVICE, encrypted=True, binding=None, nonce=b"x"), [], [request]).error


@pytest.mark.parametrize("kind", [b"Q", b"X", b"\0"])
def test_only_password_messages_answer(play, kind: bytes) -> None:
    """Anything else from the client in place of its password ends the login and reaches nobody."""
    played = play(relay(), [Message(kind[0], b"select 1\0")], [taken(PLAIN)])
    assert played.error.sqlstate == "08P01"
    assert len(played.to_upstream) == 1


@pytest.mark.parametrize("kind", [b"T", b"Z", b"v", b"S", b"\0"])
def test_only_authentication_comes_from_the_database(play, kind: bytes) -> None:
    """Anything but authentication, notices and errors from the database ends the login."""
    message = Message(kind[0], b"\0\0\0\0")
    assert play(relay(), [], [message]).error.sqlstate == "08P01"
    assert play(service_login(ME, SERVICE, encrypted=True, binding=None, nonce=b"x"), [], [message]).error


# ---- own ------------------------------------------------------------------------------------------------------------

VERIFIER = scram.make_verifier("right", b"0123456789abcdef")


def scram_client(
    password: str, *, binding: bytes | None = None, offered: tuple[str, ...] = (scram.SCRAM,)
) -> list[Any]:
    """A client's two answers, the second a function of what it was told."""
    exchange = scram.client_first(offered, binding=binding, nonce=b"clientnonce")

    def final(told: bytes) -> Message:
        answer, _ = scram.client_final(exchange, told[9:], password)
        return taken(messages.password_message(answer))

    return [first_message(exchange.mechanism, exchange.first), final]


def own(*, known: bool = True, binding: bytes | None = None, verifier: scram.Verifier = VERIFIER) -> Any:
    """The dialogue of Louver's own users."""
    return own_login("me", verifier, known=known, binding=binding, nonce=b"servernonce")


@pytest.mark.parametrize("binding", [None, BINDING])
def test_own_lets_in_who_knows_the_password(play, binding: bytes | None) -> None:
    """The right password is let in, with channel binding where the client leg has TLS."""
    offered = (scram.SCRAM_PLUS, scram.SCRAM) if binding else (scram.SCRAM,)
    played = play(own(binding=binding), scram_client("right", binding=binding, offered=offered))
    assert played.error is None
    assert played.to_client[0] == messages.authentication_sasl(offered)
    assert [messages.parse_authentication(m[5:])[0] for m in played.to_client] == [10, 11, 12]


def test_own_refuses_wrong_passwords_and_unknown_users_alike(play) -> None:
    """Both see the same messages and the same error; only the log tells them apart."""
    wrong = play(own(), scram_client("wrong"))
    unknown = play(own(known=False), scram_client("right"))
    strange = play(own(known=False), scram_client("wrong"))
    for played in (wrong, unknown, strange):
        assert played.error.sqlstate == "28P01"
        assert played.error.message == 'password authentication failed for user "me"'
        assert [messages.parse_authentication(m[5:])[0] for m in played.to_client] == [10, 11]
    assert (wrong.error.log, strange.error.log) == ("wrong password", "unknown user")


@pytest.mark.parametrize(
    ("answer", "binding"),
    [
        (first_message("SCRAM-SHA-512", b"n,,n=,r=x"), None),
        (first_message(scram.SCRAM_PLUS, b"p=tls-server-end-point,,n=,r=x"), None),
        (first_message(scram.SCRAM, b"garbage"), None),
        (first_message(scram.SCRAM, b"y,,n=,r=x"), BINDING),
        (Message(ord("Q"), b"select 1\0"), None),
    ],
)
def test_own_refuses_what_is_no_login(play, answer: Message, binding: bytes | None) -> None:
    """A mechanism not offered, garbage, a downgraded binding, or another message ends the login."""
    assert play(own(binding=binding), [answer]).error.sqlstate in ("08P01", "28000")


# ---- the service account --------------------------------------------------------------------------------------------


def service(*, encrypted: bool = False, binding: bytes | None = None, cleartext: bool = False) -> Any:
    """The dialogue of the service account."""
    account = ServiceAccount("svc_louver", "hidden", cleartext=cleartext)
    return service_login(ME, account, encrypted=encrypted, binding=binding, nonce=b"clientnonce")


def scram_server(password: str, *, binding: bytes | None = None) -> list[Any]:
    """A database that asks for SCRAM."""
    verifier = scram.make_verifier(password, b"0123456789abcdef")
    state: list[scram.ServerExchange] = []

    def first(told: bytes) -> Message:
        mechanism, data = messages.parse_sasl_initial_response(told[5:])
        state.append(scram.server_first(data, mechanism, verifier, binding=binding, server_nonce=b"servernonce"))
        return taken(messages.authentication(11, state[0].server_first))

    def final(told: bytes) -> Message:
        return taken(messages.authentication(12, scram.server_final(state[0], told[5:])))

    return [taken(PLUS_AND_PLAIN if binding else PLAIN), first, final, OK]


@pytest.mark.parametrize("binding", [None, BINDING])
def test_service_account_logs_in_by_scram(play, binding: bytes | None) -> None:
    """The service account's name goes out in place of the client's, and the database proves itself."""
    played = play(service(binding=binding), [], scram_server("hidden", binding=binding))
    assert played.error is None
    sent = messages.parse_startup_packet(played.to_upstream[0][4:])
    assert isinstance(sent, messages.StartupMessage)
    assert sent.parameters == {"user": "svc_louver", "database": "bank", "client_encoding": "UTF8"}
    mechanism, _ = messages.parse_sasl_initial_response(played.to_upstream[1][5:])
    assert mechanism == (scram.SCRAM_PLUS if binding else scram.SCRAM)
    assert played.to_client == []


def test_a_database_that_cannot_prove_itself_is_left(play) -> None:
    """A false server signature ends the login: whoever answered does not know the password."""
    script = scram_server("hidden")
    script[2] = taken(messages.authentication(12, b"v=AAAA"))
    assert play(service(), [], script).error.sqlstate == "08004"


def test_service_account_logs_in_by_md5(play) -> None:
    """The md5 answer is that of the manual: md5 over md5(password + user) and the salt."""
    played = play(service(), [], [taken(messages.authentication(5, b"salt")), OK])
    inner = hashlib.md5(b"hiddensvc_louver").hexdigest()
    expected = b"md5" + hashlib.md5(inner.encode() + b"salt").hexdigest().encode()
    assert played.to_upstream[1] == messages.password_message(expected + b"\0")


@pytest.mark.parametrize(
    ("encrypted", "cleartext", "sent"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_the_password_goes_in_clear_only_where_it_may(play, encrypted: bool, cleartext: bool, sent: bool) -> None:
    """A cleartext request is met over TLS or where the operator allows it, else never answered."""
    played = play(service(encrypted=encrypted, cleartext=cleartext), [], [taken(messages.authentication(3)), OK])
    assert (played.to_upstream[1:] == [messages.password_message(b"hidden\0")]) is sent
    assert (played.error is None) is sent


def test_service_account_is_trusted(play) -> None:
    """A database that asks the service account for nothing lets it in."""
    assert play(service(), [], [OK]).error is None


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (failure("28P01", 'password authentication failed for user "svc_louver"'), False),
        (failure("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "svc_louver"'), False),
        (failure("42501", 'permission denied for user "svc_louver"'), False),
        (failure("3D000", 'database "bank" does not exist'), True),
        (failure("53300", "sorry, too many clients already"), True),
        (failure("57P03", "the database system is starting up"), True),
    ],
)
def test_the_service_account_is_never_named(play, report: Message, shown: bool) -> None:
    """Errors about the client's own wishes or the database's state pass; all that names the account does not."""
    for played in (play(service(), [], [report]), play(read_greeting(SERVICE), [], [report])):
        fields = messages.parse_report(report.payload)
        assert (played.error.message == fields["M"]) is shown
        assert "svc_louver" not in f"{played.error.message}{played.error.detail}{played.error.hint}"
        assert fields["M"] in played.error.log
        assert played.to_client == []


def test_the_password_is_not_printed() -> None:
    """The repr of a service account hides its password."""
    assert "hidden" not in repr(SERVICE)


# ---- the greeting ---------------------------------------------------------------------------------------------------

STATUSES = [("client_encoding", "UTF8"), ("standard_conforming_strings", "on"), ("server_version", "17.0")]


def greeting_messages(statuses: list[tuple[str, str]] = STATUSES) -> list[Message]:
    """What a server says after AuthenticationOk."""
    said = [messages.parameter_status(name, value) for name, value in statuses]
    said += [messages.backend_key_data(BackendKey(42, b"abcd")), messages.notice_response("NOTICE", "00000", "hi")]
    return [*map(taken, said), taken(messages.ready_for_query())]


def test_greeting_is_kept_around_the_key(play) -> None:
    """All bytes are kept but the key's, which stands apart with the reported parameters."""
    greeting = play(read_greeting(None), [], greeting_messages()).result
    said = [messages.message(bytes((m.type,)), m.payload) for m in greeting_messages()]
    assert greeting.before_key == messages.authentication(0) + b"".join(said[:3])
    assert greeting.after_key == b"".join(said[4:])
    assert greeting.key == BackendKey(42, b"abcd")
    assert greeting.parameter_status == dict(STATUSES)


@pytest.mark.parametrize(
    "statuses",
    [
        [("client_encoding", "LATIN1"), ("standard_conforming_strings", "on")],
        [("client_encoding", "UTF8"), ("standard_conforming_strings", "off")],
        [("client_encoding", "UTF8")],
        [],
    ],
)
def test_a_server_that_reads_sql_otherwise_is_not_used(play, statuses: list[tuple[str, str]]) -> None:
    """Without UTF8 and standard strings, reported by the server itself, there is no session."""
    assert play(read_greeting(None), [], greeting_messages(statuses)).error.sqlstate == "0A000"


def test_errors_in_the_greeting_are_relayed(play) -> None:
    """In relay, an error after AuthenticationOk reaches the client as it is."""
    refusal = failure("3D000", 'database "bank" does not exist')
    played = play(read_greeting(None), [], [refusal])
    assert played.error.told
    assert played.to_client == [messages.message(b"E", refusal.payload)]


@pytest.mark.parametrize("kind", [b"D", b"T", b"R", b"G", b"\0"])
def test_other_messages_in_the_greeting(play, kind: bytes) -> None:
    """A message that does not belong to a greeting ends the login."""
    assert play(read_greeting(None), [], [Message(kind[0], b"")]).error.sqlstate == "08P01"


def test_an_endless_greeting(play) -> None:
    """A server that never gets ready is left after 64 KiB."""
    endless = [taken(messages.parameter_status("x", "y" * 9000))] * 100
    played = play(read_greeting(None), [], endless)
    assert played.error.sqlstate == "08P01"
    assert played.waits_for is None
    assert authentication.GREETING_LIMIT == 65_536
