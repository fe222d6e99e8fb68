"""The weighing: names, types, comments and values together."""

import pytest
from discovery.rows import values

from policies.discovery.contents import Sample
from policies.discovery.model import ScannedColumn, ScannedTable
from policies.discovery.recognise import THRESHOLD, recognise


def found(*columns, table="customers", rows=60):
    """Findings by column for (name, kind of type, kind of rows or None, comment) each."""
    scanned = tuple(ScannedColumn(("d", "s", table, name), kind, kind, comment) for name, kind, _, comment in columns)
    samples = {
        name: Sample(tuple(str(v) for v in values(made, rows, "recognise") if v is not None))
        for name, _, made, _ in columns
        if made
    }
    return {f.column.name[3]: f for f in recognise(ScannedTable("d", "s", table, "", scanned), samples)}


def test_signs_that_agree_add_up():
    """A name, its comment and its values are surer together than alone, and all are in the evidence."""
    alone = found(("phone", "text", None, ""))["phone"]
    both = found(("phone", "text", "mobile_cn", "手机号"))["phone"]
    assert THRESHOLD <= alone.confidence < both.confidence <= 0.99
    assert [each.split("`")[0] for each in both.evidence[:2]] == ["the name reads ", "the comment speaks of "]
    assert "different values are Chinese mobile numbers" in both.evidence[2]


def test_values_speak_where_names_do_not():
    """A column with a name that says nothing is found by its check digits."""
    assert found(("c03", "text", "id_card", ""))["c03"].category == "id_card"
    assert found(("x", "integer", "unionpay", ""))["x"].category == "bank_card"


def test_values_outweigh_a_name_of_something_else():
    """What is in a column counts for more than what it is called."""
    assert found(("email", "text", "id_card", ""))["email"].category == "id_card"


def test_a_clear_name_whose_values_do_not_fit_is_still_proposed_with_little_confidence():
    """A person is to look at it; the evidence says why."""
    finding = found(("email", "text", "login", ""))["email"]
    assert finding.confidence < 0.6
    assert "its values do not look like it" in finding.evidence


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("phone", "boolean"),
        ("email", "timestamp"),
        ("address", "integer"),
        ("password", "date"),
        ("photo", "boolean"),
        ("salary", "date"),
    ],
)
def test_a_type_that_cannot_be_rules_a_category_out(name, kind):
    """A boolean `phone` is an answer about one."""
    assert found((name, kind, None, "")) == {}


def test_the_same_gives_the_same():
    """Recognition has no chance in it."""
    columns = (("name", "text", "name_zh", ""), ("c1", "text", "ticket", ""))
    assert found(*columns) == found(*columns)


def test_evidence_holds_no_value():
    """Whatever the values are, none of them is in what comes out."""
    kinds = ("mobile_cn", "id_card", "email", "name_zh", "address_zh", "ticket", "bcrypt", "track2", "ipv4")
    for kind in kinds:
        told = repr(found(("c", "text", kind, ""), ("phone", "text", kind, "")))
        assert not any(str(value) in told for value in values(kind, 60, "recognise") if value and len(str(value)) > 2)
