"""What a record is as an event: its weight, its length, and the shapes of a message, held against their standards."""

import functools
import json
import re

import jsonschema
import pytest
from fixtures.shipped import bodies
from hypothesis import given, settings
from hypothesis import strategies as st
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from audit import chain, reader
from shipping import cef, events, ocsf
from shipping.events import Weight

TEXT = st.text(max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["session", "statement", "principal", "on_behalf_of", "address", "application", "database", "kinds", "text", "relations", "columns",
     "ruling", "reason", "sqlstate", "status", "rows", "duration_us", "ok", "what", "grant", "person", "labels", "column", "level", "proof", "cut", "new"]
)  # fmt: skip
EVENTS = st.sampled_from(
    ["statement", "outcome", "denial", "session_opened", "session_closed", "login_refused", "grant", "alert", "labelled", "reloaded",
     "started", "stopped", "segment", "recovered", "yet unknown"]
)  # fmt: skip
ANY = st.builds(
    lambda event, fields, seq: {**fields, "seq": seq, "time": "2027-01-15T08:00:01.000000Z", "event": event},
    EVENTS, st.dictionaries(NAMES, VALUES, max_size=8), st.integers(1, 2**40),
)  # fmt: skip


def records():
    """A record of every kind, as they are read."""
    lines = [chain.render(seq, chain.stamped(1_800_000_000_000_000_000, body)) for seq, body in enumerate(bodies(), 1)]
    return [reader.decode(line) for line in lines]


@functools.cache
def validator(uid):
    """What OCSF itself says of events of a class."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=ocsf.VERSION))
    name = schema.lookup_class_name_from_uid(class_uid=uid)
    return jsonschema.Draft202012Validator(schema.get_class_schema(class_name=name, profiles=["security_control"]))


def valid(event):
    """The mistakes that OCSF's own schema finds."""
    return [f"{list(each.path)}: {each.message}" for each in validator(event["class_uid"]).iter_errors(event)]


@pytest.mark.parametrize("fields", records(), ids=lambda fields: f"{fields['seq']} {fields['event']}")
def test_every_record_is_an_event_of_ocsf(fields):
    """By the schema of the standard; and nothing of the record is lost."""
    event = json.loads(ocsf.as_ocsf("0.1.0", "a1b2", fields))
    assert valid(event) == []
    assert event["metadata"]["uid"] == f"a1b2:{fields['seq']}"
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    said = json.dumps(event, ensure_ascii=False)
    for value in (fields.get("principal"), fields.get("text"), fields.get("reason"), *(fields.get("relations") or [])):
        assert value is None or json.dumps(value, ensure_ascii=False)[1:-1] in said


def test_records_are_of_the_classes_that_they_should_be():
    """The class and the activity of each kind."""
    found = [ocsf.event_of("0", "t", fields)["type_uid"] for fields in records()]
    assert found == [
        600203, 300201, 600501, 600501, 600599, 600599, 600505, 600599, 300201, 600505, 600599, 600599, 600501, 600599,
        300403, 300501, 300502, 200401, 300403, 300403, 300202, 600204,
    ]  # fmt: skip


def test_a_statement_and_its_outcome_are_joined():
    """By what the standard has for that; whoever an application speaks for is the one who acts."""
    found = {fields["seq"]: ocsf.event_of("0", "t", fields) for fields in records()}
    assert found[3]["metadata"]["correlation_uid"] == found[6]["metadata"]["correlation_uid"] == "s1:1"
    assert found[3]["src_endpoint"] == {"ip": "10.0.0.7", "port": 40112}
    assert found[13]["actor"]["user"] == {"name": "安妮"}
    assert found[13]["actor"]["invoked_by"] == "branch-app"


@given(ANY)
def test_whatever_a_record_says_is_an_event_of_ocsf(fields):
    """Odd values as well: someone may have written them."""
    event = json.loads(ocsf.as_ocsf("0.1.0", "a1b2", fields))
    assert valid(event) == []


_CEF = re.compile(r"CEF:0((?:\|(?:[^|\\\n]|\\[|\\])*){6})\|(.*)", re.DOTALL)
_PAIR = re.compile(r"(?:^| )([A-Za-z0-9]+)=((?:[^=\\\n\r]|\\[=\\nr])*)(?= [A-Za-z0-9]+=|$)")
_KEYS = {
    "rt", "externalId", "deviceExternalId", "cat", "suser", "duser", "src", "spt", "shost", "requestClientApplication", "act", "outcome",
    "reason", "msg", *(f"{kind}{n}{label}" for kind, count in (("cs", 6), ("cn", 3)) for n in range(1, count + 1) for label in ("", "Label")),
}  # fmt: skip


def parsed(message):
    """A CEF message taken apart as its implementation standard says; every byte must belong to something."""
    found = _CEF.fullmatch(message.decode())
    assert found, message
    head = [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"\|((?:[^|\\]|\\.)*)", found[1])]
    pairs = _PAIR.findall(found[2])
    assert " ".join(f"{key}={value}" for key, value in pairs) == found[2]
    assert len({key for key, _ in pairs}) == len(pairs)
    assert {key for key, _ in pairs} <= _KEYS
    return head, {key: re.sub(r"\\(.)", r"\1", value) for key, value in pairs}


@pytest.mark.parametrize("fields", records(), ids=lambda fields: f"{fields['seq']} {fields['event']}")
def test_every_record_is_a_message_of_cef(fields):
    """It can be taken apart again, whatever somebody has written."""
    head, pairs = parsed(cef.as_cef("0.1.0", "a1b2", fields))
    assert head[:4] == ["Louver", "Louver", "0.1.0", fields["event"]]
    assert 0 <= int(head[5]) <= 10
    assert (pairs["externalId"], pairs["deviceExternalId"]) == (str(fields["seq"]), "a1b2")
    assert pairs.get("suser", "") == (fields.get("principal") or fields.get("person") or "")


def test_what_stands_in_a_statement_makes_no_key_of_cef():
    """`a=b|c` in a text stays a text, and so do line breaks and escapes of terminals."""
    fields = {
        "seq": 1,
        "event": "statement",
        "ruling": "pass",
        "text": "x act=deny suser=root\nrt=1 | \\",
        "principal": "a|b=c\\",
    }
    _, pairs = parsed(cef.as_cef("0", "t", fields))
    assert pairs["act"] == "pass"
    assert pairs["suser"] == "a|b=c\\"
    assert pairs["msg"] == "x act=deny suser=root rt=1 | \\"


@given(ANY)
def test_whatever_a_record_says_is_a_message_of_cef(fields):
    """Odd values as well."""
    parsed(cef.as_cef("0.1.0", "a1b2", fields))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event": "statement", "ruling": "pass"}, Weight.INFORMATIONAL),
        ({"event": "statement", "ruling": "deny"}, Weight.MEDIUM),
        ({"event": "outcome", "status": "ok"}, Weight.INFORMATIONAL),
        ({"event": "outcome", "status": "lost"}, Weight.LOW),
        ({"event": "login_refused"}, Weight.MEDIUM),
        ({"event": "alert"}, Weight.CRITICAL),
        ({"event": "recovered", "missing": 0, "head_differs": False}, Weight.HIGH),
        ({"event": "recovered", "missing": 3, "head_differs": False}, Weight.CRITICAL),
        ({"event": "reloaded", "ok": True}, Weight.INFORMATIONAL),
        ({"event": "reloaded", "ok": False}, Weight.HIGH),
        ({"event": "grant", "what": "broken glass"}, Weight.MEDIUM),
    ],
)
def test_what_somebody_has_to_look_at_weighs_more(fields, expected):
    """Alerts before refusals, refusals before failures."""
    assert events.weight(fields) == expected


@settings(max_examples=40)
@given(ANY, st.integers(1200, 4000))
def test_a_message_fits_and_says_what_was_cut(fields, limit):
    """The longest goes first; what tells one record from another stays."""
    fields = {**fields, "text": "语句 \"'=|\\" * 600, "rewritten": "x" * 5000, "reason": "y" * 50}
    for shape in (
        events.as_json,
        lambda trail, each: ocsf.as_ocsf("0", trail, each),
        lambda trail, each: cef.as_cef("0", trail, each),
    ):
        message = events.fitted(shape, "t", fields, limit)
        assert len(message) <= limit
    cut = json.loads(events.fitted(events.as_json, "t", fields, limit))
    assert cut["seq"] == fields["seq"]
    assert {"text", "rewritten"} <= set(cut["cut"])


def test_what_fits_stays_as_it_is():
    """Byte for byte."""
    for fields in records():
        assert events.fitted(events.as_json, "t", fields, 10**6) == events.as_json("t", fields)
        assert json.loads(events.as_json("t", fields)) == {"trail": "t", **fields}


@given(VALUES)
def test_json_is_printable_ascii(value):
    """So no receiver can take it for anything else, whatever it thinks of encodings."""
    data = events.ascii_json(value)
    assert all(0x20 <= byte < 0x7F for byte in data)
    assert b"\n" not in data
