"""Names and comments: what they say, and what they only seem to say."""

import pytest

from policies.discovery.naming import persons_in, pinyin_share, read_comment, read_name, shared_prefix, words_of


def said(name, *, people=False, pinyin=0.0, prefix=""):
    """The category that a name says more clearly than not."""
    readings = [r for r in read_name(name, people=people, pinyin=pinyin, prefix=prefix) if r.strength >= 0.5]
    return max(readings, key=lambda r: r.strength).category if readings else None


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("phone", "phone"), ("cust_mobile_no", "phone"), ("HomePhoneNumber", "phone"), ("homephone", "phone"), ("tel1", "phone"),
        ("EMAIL_ADDRESS", "email"), ("firstName", "name"), ("lastname2", "name"), ("customer_name", "name"), ("custname", "name"),
        ("BillingPostalCode", "address"), ("addr_line_2", "address"), ("date_of_birth", "birth_date"), ("DOB", "birth_date"),
        ("id_card_no", "id_card"), ("NationalIDNumber", "id_card"), ("card_number", "bank_card"), ("cvv2", "card_code"),
        ("track2", "card_track"), ("password_hash", "secret"), ("newpassword", "secret"), ("client_secret", "secret"),
        ("remote_addr", "ip_address"), ("ip", "ip_address"), ("mac_address", "device_id"), ("user_name", "user_name"),
        ("email_hash", "email"), ("avail_bal", "balance"), ("txn_amt", "amount"), ("annual_income", "salary"),
        ("客户姓名", "name"), ("手机号码", "phone"), ("证件号码", "id_card"), ("家庭住址", "address"), ("账户余额", "balance"),
        ("shoujihao", "phone"), ("xingming", "name"), ("jiating_dizhi", "address"), ("csrq", "birth_date"), ("sfzh", "id_card"),
        ("dbr_xm", "name"), ("lxr_sjh", "phone"),
    ],
)  # fmt: skip
def test_names_that_say_what_they_are(name, category):
    """Written in whichever way, in English, Chinese or pinyin."""
    assert said(name) == category


@pytest.mark.parametrize(
    "name",
    [
        "phone_type", "phone_id", "is_phone_confirmed", "email_verified_at", "address_type_id", "password_changed_at", "EmailPromotion",
        "card_type", "CardBrand", "PhoneNumberTypeID", "product_name", "file_name", "branch_name", "category_name", "column_name",
        "microphone", "headphone_count", "证件类型", "电话类型", "产品名称", "账户状态", "是否有手机", "网点地址状态", "id", "created_at",
        "customer_id", "status", "interest_rate", "quantity", "zjlx", "jylx",
    ],
)  # fmt: skip
def test_names_that_speak_about_something_else(name):
    """What qualifies a thing is not the thing."""
    assert said(name) is None


def test_a_bare_name_is_a_persons_in_a_table_of_people():
    """`name` means something by its table."""
    assert said("name", people=persons_in("employees")) == "name"
    assert said("name", people=persons_in("Category")) is None
    assert persons_in("khxx")
    assert persons_in("t1", "客户信息表")


def test_initials_of_pinyin_count_in_a_table_full_of_them():
    """Two letters by chance are nothing; among others of their kind they are a name."""
    columns = ["khh", "xm", "zjhm", "sjh", "ye", "dz", "kh", "zt"]
    share = pinyin_share(columns)
    assert share > 0.3
    assert said("ye") is None
    assert said("ye", pinyin=share) == "balance"
    assert said("dz", pinyin=share) == "address"
    assert pinyin_share(["id", "title", "release_year"]) == 0


def test_a_tables_prefix_is_left_out():
    """`c_name` among `c_...` is a name."""
    columns = ["c_id", "c_name", "c_phone", "c_first", "c_last"]
    assert shared_prefix(columns) == "c"
    assert said("c_first", people=True, prefix="c") == "name"
    assert shared_prefix(["id", "first_name", "last_name"]) == ""


@pytest.mark.parametrize(
    ("comment", "category"),
    [
        ("手机号", "phone"), ("客户名称", "name"), ("证件号码(18位)", "id_card"), ("对方账号", "account_number"), ("phone number", "phone"),
        ("证件类型: 1-身份证, 2-护照", None), ("状态,0表示手机未验证", None), ("", None),
        ("The day on which the customer gave us the phone number that we call", None),
    ],
)  # fmt: skip
def test_comments_are_read_up_to_what_explains_them(comment, category):
    """Codes in a comment, and sentences, say nothing about the column."""
    readings = read_comment(comment)
    assert (readings[0].category if readings else None) == category


def test_words_come_apart_at_every_kind_of_border():
    """Underscores, capitals, runs of capitals and digits."""
    assert words_of("custIDCardNo2") == ("cust", "id", "card", "no", "2")
    assert words_of("USER_NAME") == ("user", "name")
