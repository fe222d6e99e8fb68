"""Values: what their shares say, and that nothing of them comes out."""

import pytest
from discovery.rows import values
from hypothesis import given
from hypothesis import strategies as st

from policies.discovery.contents import Sample, contradicted, read_values


def read(kind, rows=80):
    """The categories that made-up values of a kind are read as."""
    sample = Sample(tuple(str(value) for value in values(kind, rows, "contents") if value is not None))
    return {content.category for content in read_values(sample)}


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("email", "email"), ("id_card", "id_card"), ("uscc", "company_id"), ("unionpay", "bank_card"), ("card", "bank_card"), ("iban", "account_number"),
        ("mobile_cn", "phone"), ("landline_cn", "phone"), ("phone_us", "phone"), ("ssn", "social_security"), ("imei", "device_id"), ("mac", "device_id"),
        ("ipv4", "ip_address"), ("ipv6", "ip_address"), ("plate_cn", "licence_plate"), ("bcrypt", "secret"), ("jwt", "secret"), ("track2", "card_track"),
        ("address_zh", "address"), ("street", "address"), ("name_zh", "name"), ("full_name", "name"), ("remark_zh", "free_text"), ("ticket", "free_text"),
        ("json_person", "free_text"),
    ],
)  # fmt: skip
def test_values_with_a_form_of_their_own_are_recognised(kind, category):
    """By themselves, whatever the column is called."""
    assert category in read(kind)


@pytest.mark.parametrize(
    "kind",
    ["serial", "number", "price", "date", "timestamp", "uuid", "sha256", "title", "sentence", "sentence_zh", "company_zh", "branch_zh", "city_en",
     "country", "order_code", "version", "url", "user_agent", "digits6", "digits9", "digits11", "band", "genre", "ethnicity_zh", "job"],
)  # fmt: skip
def test_other_values_are_not(kind):
    """Counters, prices, titles, firms and the like are nothing of the kind."""
    assert read(kind) == set()


def test_too_few_values_say_nothing():
    """Three mobile numbers are an accident."""
    assert read_values(Sample(("13812345678", "13912345678", "13612345678"))) == ()
    assert not contradicted("email", Sample(("a", "b", "c")))


def test_a_name_can_be_contradicted():
    """An `email` of which none has an @ is doubted; what looks encrypted is not."""
    assert contradicted("email", Sample(tuple(f"user{n}" for n in range(20))))
    assert not contradicted("email", Sample(tuple(f"{n:064x}" for n in range(20))))


SECRETS = ("13812345678", "13912345679", "13612345670", "13512345671", "13712345672", "13112345673")


def test_nothing_of_a_value_comes_out():
    """Neither the reading nor the sample itself shows one."""
    sample = Sample(SECRETS)
    told = repr(sample) + repr(read_values(sample)) + str(sample)
    assert not any(secret in told for secret in SECRETS)


@given(st.lists(st.text(max_size=60), max_size=12))
def test_no_values_break_the_reading(texts):
    """Whatever a column holds, it is read."""
    for content in read_values(Sample(tuple(texts))):
        assert 0 < content.share <= 1
