"""SCRAM on both sides: against the RFC's example, against another implementation, against hostile input."""

from __future__ import annotations

import base64
import contextlib
import hashlib

import pytest
import scramp.utils
from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramClient, ScramException

from proxy import scram
from proxy.scram import SCRAM, SCRAM_PLUS, ScramError

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
PENCIL = scram.make_verifier("pencil", SALT)
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
FINAL = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
BINDING = hashlib.sha256(b"certificate").digest()


def exchange(first: bytes = FIRST, mechanism: str = SCRAM, binding: bytes | None = None) -> scram.ServerExchange:
    """Let the server answer a first message for the password `pencil`."""
    return scram.server_first(first, mechanism, PENCIL, binding=binding, server_nonce=SERVER_NONCE)


def test_server_follows_the_example_of_rfc_7677() -> None:
    """The server's two answers are those of section 3 of the RFC."""
    state = exchange()
    assert state.server_first == SERVER_FIRST
    assert scram.server_final(state, FINAL) == SERVER_FINAL


@pytest.mark.parametrize("password", ["pencil", "", "pässwörd", "密码", "a\u00a0b", "\u00ad", "x\u0007y", "\u0627b"])
@pytest.mark.parametrize("binding", [None, BINDING])
def test_client_and_server_agree(password: str, binding: bytes | None) -> None:
    """A client with the password is let in, and the server proves itself to it, with and without channel binding."""
    verifier = scram.make_verifier(password, b"salt" * 4)
    client = scram.client_first((SCRAM_PLUS, SCRAM) if binding else (SCRAM,), binding=binding, nonce=b"abc")
    assert client.mechanism == (SCRAM_PLUS if binding else SCRAM)
    server = scram.server_first(client.first, client.mechanism, verifier, binding=binding, server_nonce=b"def")
    final, expected = scram.client_final(client, server.server_first, password)
    assert scram.server_final(server, final) == expected


@pytest.mark.parametrize("binding", [None, ("tls-server-end-point", BINDING)])
def test_another_implementation_logs_in(binding: tuple[str, bytes] | None) -> None:
    """The client of the scramp library is let in and accepts the server's proof."""
    client = ScramClient([SCRAM, SCRAM_PLUS] if binding else [SCRAM], "user", "pencil", channel_binding=binding)
    first = client.get_client_first().encode()
    server = exchange(first, client.mechanism_name, binding[1] if binding else None)
    client.set_server_first(server.server_first.decode())
    client.set_server_final(scram.server_final(server, client.get_client_final().encode()).decode())


def test_a_wrong_password_is_told_from_a_broken_protocol() -> None:
    """Only a proof that does not fit counts as a wrong password."""
    client = scram.client_first((SCRAM,), binding=None, nonce=b"abc")
    server = exchange(client.first)
    final, _ = scram.client_final(client, server.server_first, "pencils")
    with pytest.raises(ScramError) as error:
        scram.server_final(server, final)
    assert error.value.reason == "password"


@pytest.mark.parametrize(
    ("first", "mechanism", "binding"),
    [
        (b"", SCRAM, None),
        (b"n,,", SCRAM, None),
        (b"n,,n=", SCRAM, None),
        (b"n,a=other,n=,r=x", SCRAM, None),
        (b"n,,m=ext,r=x", SCRAM, None),
        (b"n,,n=,r=", SCRAM, None),
        (b"n,,n=,r=\xff", SCRAM, None),
        (b"x,,n=,r=x", SCRAM, None),
        (b"y,,n=,r=x", SCRAM, BINDING),
        (b"p=tls-server-end-point,,n=,r=x", SCRAM, BINDING),
        (b"n,,n=,r=x", SCRAM_PLUS, BINDING),
        (b"p=tls-unique,,n=,r=x", SCRAM_PLUS, BINDING),
    ],
)
def test_first_messages_that_are_refused(first: bytes, mechanism: str, binding: bytes | None) -> None:
    """Malformed messages, foreign identities, unknown extensions and a downgraded binding end the exchange."""
    with pytest.raises(ScramError):
        exchange(first, mechanism, binding)


def test_a_client_that_was_offered_no_binding_may_say_so() -> None:
    """The flag `y` is right when the connection has no channel binding to offer."""
    assert exchange(b"y,,n=,r=x").header == b"y,,"


@pytest.mark.parametrize(
    "final",
    [
        b"",
        FINAL.replace(b"c=biws", b"c=eSws"),
        FINAL.replace(b"r=rO", b"r=xO"),
        FINAL.replace(b"p=dHz", b"p=!!!"),
        FINAL[:-8],
        b"r=x,c=biws,p=AAAA",
    ],
)
def test_final_messages_that_are_refused(final: bytes) -> None:
    """Another header or nonce, or a proof of another form, ends the exchange."""
    with pytest.raises(ScramError) as error:
        scram.server_final(exchange(), final)
    assert error.value.reason != "password"


def test_channel_binding_of_another_certificate_is_refused() -> None:
    """Who bound the login to another certificate than ours has somebody in between."""
    client = scram.client_first((SCRAM_PLUS,), binding=BINDING, nonce=b"abc")
    server = exchange(client.first, SCRAM_PLUS, hashlib.sha256(b"ours").digest())
    final, _ = scram.client_final(client, server.server_first, "pencil")
    with pytest.raises(ScramError) as error:
        scram.server_final(server, final)
    assert error.value.reason == "binding"


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"r=abc,s=c2FsdA==,i=4096",
        b"r=xbcdef,s=c2FsdA==,i=4096",
        b"r=abcdef,s=,i=4096",
        b"r=abcdef,s=!,i=4096",
        b"r=abcdef,s=c2FsdA==,i=0",
        b"r=abcdef,s=c2FsdA==,i=1000001",
        b"r=abcdef,s=c2FsdA==,i=x",
        b"e=other-error",
    ],
)
def test_server_messages_that_the_client_refuses(first: bytes) -> None:
    """A server that does not continue our nonce, or asks for hours of work, gets no answer."""
    client = scram.client_first((SCRAM,), binding=None, nonce=b"abc")
    with pytest.raises(ScramError):
        scram.client_final(client, first, "pencil")


def test_the_client_says_whether_it_could_have_bound() -> None:
    """Over TLS a client that is not offered -PLUS says so, which a server that did offer it must notice."""
    assert scram.client_first((SCRAM,), binding=BINDING, nonce=b"abc").first == b"y,,n=,r=abc"
    assert scram.client_first((SCRAM,), binding=None, nonce=b"abc").first == b"n,,n=,r=abc"
    with pytest.raises(ScramError) as error:
        exchange(b"y,,n=,r=abc", SCRAM, BINDING)
    assert error.value.reason == "binding"


def test_unknown_mechanisms_only() -> None:
    """A server without SCRAM-SHA-256 is not logged in to; PLUS needs a binding."""
    with pytest.raises(ScramError):
        scram.client_first((SCRAM_PLUS, "GS2-KRB5"), binding=None, nonce=b"abc")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_hostile_bytes_only_give_scram_errors(data: bytes) -> None:
    """No bytes in any of the three messages make another exception."""
    for mechanism in (SCRAM, SCRAM_PLUS):
        with contextlib.suppress(ScramError):
            exchange(data, mechanism, BINDING)
        with contextlib.suppress(ScramError):
            exchange(b"n,,n=," + data, mechanism, BINDING)
    for final in (data, b"c=biws,r=" + data + b",p=" + data):
        with pytest.raises(ScramError):
            scram.server_final(exchange(), final)
    client = scram.client_first((SCRAM,), binding=None, nonce=b"abc")
    for first in (data, b"r=abcd,s=" + data + b",i=1", b"r=abcd,s=c2FsdA==,i=" + data[:6]):
        with contextlib.suppress(ScramError):
            scram.client_final(client, first, "pencil")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_passwords_are_prepared_as_by_another_implementation(password: str) -> None:
    """SASLprep gives what scramp's does; where that rejects, the password stays as it is."""
    try:
        expected = scramp.utils.saslprep(password) or password
    except ScramException:
        expected = password
    assert scram.normalize(password) == (password if password.isascii() else expected).encode()


def test_verifier_reads_as_it_was_written() -> None:
    """The text form is PostgreSQL's and comes back."""
    assert str(PENCIL).startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")
    assert scram.parse_verifier(str(PENCIL)) == PENCIL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "md5" + "0" * 32,
        str(PENCIL).replace("SCRAM-SHA-256", "SCRAM-SHA-1"),
        str(PENCIL).replace("$4096", "$0"),
        str(PENCIL).replace("$4096", "$x"),
        str(PENCIL)[:-8],
        "SCRAM-SHA-256$4096:$AAAA:AAAA",
    ],
)
def test_what_is_no_verifier_is_refused(text: str) -> None:
    """A password, another hash or a truncated verifier is not taken for one."""
    with pytest.raises(ScramError):
        scram.parse_verifier(text)


def test_neither_password_nor_keys_are_printed() -> None:
    """The repr of a verifier shows its iterations only."""
    assert repr(PENCIL) == "Verifier(iterations=4096)"


def test_channel_binding_hash_follows_the_certificate() -> None:
    """The certificate's own hash is used, SHA-256 in place of MD5 and SHA-1."""
    assert scram.channel_binding(b"c", "sha384") == hashlib.sha384(b"c").digest()
    assert scram.channel_binding(b"c", "sha1") == hashlib.sha256(b"c").digest()
