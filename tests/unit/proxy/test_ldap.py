"""LDAP's encoding, filters and names: what is written is what is read, and nothing else is taken for it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ldap import ber, messages
from proxy.ldap.ber import BadEncoding
from proxy.ldap.filters import BadFilter, read_filter
from proxy.ldap.messages import Entry, Reference, Result
from proxy.ldap.names import BadName, lies_under, read_name
from proxy.ldap.people import Taken, attributes, group_names


@given(st.integers(0, 255), st.binary(max_size=70_000))
def test_what_is_encoded_is_decoded(tag: int, value: bytes) -> None:
    """Short lengths and long ones."""
    data = ber.element(tag, value)
    assert list(ber.elements(data + data)) == [(tag, value), (tag, value)]
    assert ber.header_size(data[1]) == len(data) - len(value)


@given(st.integers(0, 2**31 - 1))
def test_numbers_keep_their_value(value: int) -> None:
    """And their sign: a leading bit that is set would be a minus."""
    ((_, contents),) = ber.elements(ber.integer(value))
    assert ber.number(contents) == value


@given(st.binary(max_size=60))
def test_garbage_is_bad_encoding_and_nothing_else(data: bytes) -> None:
    """No other exception comes out, and no endless loop."""
    for read in (messages.parse, lambda found: list(ber.elements(found))):
        with contextlib.suppress(BadEncoding):
            read(data)


@pytest.mark.parametrize(
    "data", [b"", b"0", b"0\x80", b"0\x85\0\0\0\0\1", b"0\x05\x02\x01", b"0\x84\xff\xff\xff\xff", b"\x02\x01\x00"]
)
def test_a_message_that_is_cut_off_or_endless_is_none(data: bytes) -> None:
    """Indefinite lengths are no LDAP (RFC 4511, section 5.1)."""
    with pytest.raises(BadEncoding):
        messages.parse(data)


def answer(number: int, kind: int, *fields: bytes) -> bytes:
    """A message of a server."""
    return ber.element(ber.SEQUENCE, ber.integer(number), ber.element(kind, *fields))


def text(value: str) -> bytes:
    return ber.element(ber.OCTETS, value.encode())


def test_answers_are_read() -> None:
    """Entries with their attributes put together, references, and results."""
    values = lambda *each: ber.element(ber.SET, *map(text, each))  # noqa: E731
    listed = ber.element(
        ber.SEQUENCE,
        ber.element(ber.SEQUENCE, text("CN"), values("Tina")),
        ber.element(ber.SEQUENCE, text("cn;lang-de"), values("Christine")),
        ber.element(ber.SEQUENCE, text("l"), values()),
    )
    assert messages.parse(answer(7, 0x64, text("cn=Tina"), listed)) == (
        7,
        Entry("cn=Tina", {"cn": (b"Tina", b"Christine"), "l": ()}),
    )
    assert messages.parse(answer(7, 0x73, text("ldap://elsewhere/"))) == (7, Reference())
    code = ber.integer(49, ber.ENUMERATED)
    assert messages.parse(answer(8, 0x61, code, text(""), text("no"))) == (8, Result(49, "no"))


def test_a_name_without_a_password_is_not_sent() -> None:
    """A directory may take it for a success (RFC 4513, section 5.1.2)."""
    for name, password in [("cn=tina", b""), ("", b"x")]:
        with pytest.raises(ValueError, match="proves nothing"):
            messages.bind(1, name, password)
    assert messages.bind(1, "", b"")


# ---- filters --------------------------------------------------------------------------------------------------------

EQUAL = 0xA3


def equality(attribute: str, value: bytes) -> bytes:
    return ber.element(EQUAL, text(attribute), ber.element(ber.OCTETS, value))


@given(st.text())
def test_no_value_becomes_a_part_of_the_filter(person: str) -> None:
    """Whatever a name holds, it is the value of one condition."""
    name = person.encode("utf-8", "surrogatepass")
    found = read_filter("(&(objectClass=person)(uid={name}))").encoded({"name": name})
    assert found == ber.element(0xA0, equality("objectClass", b"person"), equality("uid", name))


@pytest.mark.parametrize(
    ("written", "encoded"),
    [
        ("(uid=tina)", equality("uid", b"tina")),
        (r"(cn=a\2ab\28\29\5c\00)", equality("cn", b"a*b()\\\0")),
        ("(!(uid=a))", ber.element(0xA2, equality("uid", b"a"))),
        ("(|(a=1)(b=2))", ber.element(0xA1, equality("a", b"1"), equality("b", b"2"))),
        ("(mail=*)", ber.element(0x87, b"mail")),
        ("(a>=5)", ber.element(0xA5, text("a"), text("5"))),
        ("(cn=a*b*c)", ber.element(0xA4, text("cn"), ber.element(ber.SEQUENCE, ber.element(0x80, b"a"), ber.element(0x81, b"b"), ber.element(0x82, b"c")))),
        ("(member:1.2.840.113556.1.4.1941:=x)", ber.element(0xA9, ber.element(0x81, b"1.2.840.113556.1.4.1941"), ber.element(0x82, b"member"), ber.element(0x83, b"x"))),
        ("(cn=李娜)", equality("cn", "李娜".encode())),
        (" (&) ", ber.element(0xA0)),
    ],
)  # fmt: skip
def test_filters_are_read_as_they_are_written(written: str, encoded: bytes) -> None:
    """By RFC 4515."""
    assert read_filter(written).encoded({}) == encoded


@pytest.mark.parametrize(
    "written",
    [
        "",
        "uid=a",
        "(uid=a",
        "(uid=a))",
        "(uid=a)(b=c)",
        "((uid=a))",
        "(=a)",
        "(uid)",
        r"(uid=\zz)",
        "(uid={name)",
        "(uid=a}b)",
        "(a:=b",
        "(:=x)",
        "(&(a=1)b)",
        "(!)",
        "(!" * 30 + "(a=1)" + ")" * 30,
    ],
)
def test_a_filter_that_cannot_be_read_is_a_mistake(written: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadFilter):
        read_filter(written)


def test_placeholders_are_known() -> None:
    """Wherever they stand."""
    assert read_filter("(|(member={dn})(!(&(uid=a{name}*))))").placeholders == {"dn", "name"}
    assert read_filter("(uid=a)").placeholders == frozenset()


# ---- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("cn=tellers,ou=groups", ("cn", "tellers")),
        (r"CN=late\2C shift,ou=groups", ("cn", "late, shift")),
        (r"cn=a\, b,ou=groups", ("cn", "a, b")),
        (r"cn=\E6\9D\8E,ou=groups", ("cn", "李")),
        (r"cn= padded \20,ou=groups", ("cn", "padded  ")),
        ("cn=x+ou=y,ou=groups", ("cn", "x")),
        ("cn=,ou=groups", ("cn", "")),
    ],
)
def test_the_first_step_of_a_name(written: str, first: tuple[str, str]) -> None:
    """Escapes and all (RFC 4514)."""
    name = read_name(written)
    assert name[0][0] == first
    assert lies_under(name, read_name("OU=Groups"))


@pytest.mark.parametrize("written", ["tellers", "cn=a,b", "cn=a,", "cn=a+", 'cn="a"', r"cn=\FF", "cn=a;ou=b", "cn=a\\"])
def test_a_name_that_cannot_be_read_is_none(written: str) -> None:
    """Old forms, too."""
    with pytest.raises(BadName):
        read_name(written)


@pytest.mark.parametrize(
    ("name", "base", "under"),
    [
        ("cn=a,ou=groups,dc=bank", "OU=Groups, DC=Bank", True),
        ("cn=a,ou=clubs,ou=groups,dc=bank", "ou=groups,dc=bank", True),
        ("ou=groups,dc=bank", "ou=groups,dc=bank", False),
        ("cn=a,ou=clubs,dc=bank", "ou=groups,dc=bank", False),
        (r"cn=a\,ou=groups\,dc=bank,dc=evil", "ou=groups,dc=bank", False),
        ("cn=ou=groups,dc=bank", "ou=groups,dc=bank", False),
        ("cn=a,ou=xgroups,dc=bank", "ou=groups,dc=bank", False),
    ],
)
def test_what_lies_under_what(name: str, base: str, under: bool) -> None:
    """By whole steps, never by the end of the text."""
    assert lies_under(read_name(name), read_name(base)) is under


def test_a_group_of_the_same_name_elsewhere_is_another() -> None:
    """Who may make groups in one place must not make himself a manager by that."""
    members = (b"cn=managers,ou=clubs,dc=bank", b"cn=tellers,ou=groups,dc=bank", rb"cn=managers\,ou\3dgroups,dc=bank")
    assert group_names(members, "ou=groups,dc=bank") == ("tellers",)


def test_an_attribute_with_many_values_is_a_list_or_a_mistake() -> None:
    """A role that comes and goes with a second value would be a surprise."""
    entry = Entry("cn=a", {"l": (b"east",), "kind": (b"a", b"b"), "photo": (b"\xff",)})
    taken: dict[str, Any] = {"region": "L", "kinds": "kind", "missing": "no"}
    assert attributes(entry, Taken(taken, frozenset(("kinds",)))) == {"region": "east", "kinds": ("a", "b")}
    with pytest.raises(BadEncoding, match="list `kinds` under `lists`"):
        attributes(entry, Taken(taken))
    with pytest.raises(BadEncoding, match="`photo` is no text"):
        attributes(entry, Taken({"p": "photo"}))
