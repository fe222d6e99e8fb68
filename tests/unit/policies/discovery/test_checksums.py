"""Check digits: what the standards' own examples and another implementation say."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, imei, luhn
from stdnum.br import cpf
from stdnum.cn import ric, uscc
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.in_ import aadhaar
from stdnum.nl import bsn
from stdnum.pl import pesel

from policies.discovery import checksums


@pytest.mark.parametrize(
    ("check", "number"),
    [
        (checksums.citizen_cn, "11010519491231002X"),
        (checksums.citizen_cn, "110105491231002"),
        (checksums.credit_code_cn, "91350100M000100Y43"),
        (checksums.bank_card, "4111111111111111"),
        (checksums.bank_card, "6222021234567890128"),
        (checksums.iban, "DE89370400440532013000"),
        (checksums.imei, "490154203237518"),
        (checksums.hong_kong_id, "A1234563"),
        (checksums.hong_kong_id, "AB9876543"),
        (checksums.taiwan_id, "A123456789"),
        (checksums.american_ssn, "536-90-4399"),
        (checksums.british_nino, "AB123456C"),
        (checksums.swedish_id, "8803200016"),
        (checksums.french_id, "295109912611193"),
    ],
)
def test_known_numbers_hold_and_their_neighbours_do_not(check, number):
    """A number that is published as an example is right; with another last but one digit it is not."""
    assert check(number)
    if (check not in {checksums.american_ssn, checksums.british_nino} and len(number) != 15) or check is checksums.imei:
        digit = next(at for at in range(len(number) - 2, -1, -1) if number[at].isdigit())
        assert not check(number[:digit] + str((int(number[digit]) + 1) % 10) + number[digit + 1 :])


def digits(chance, count):
    return "".join(chance.choice("0123456789") for _ in range(count))


def valid_ric(number):
    try:
        ric.get_birth_date(number)
    except Exception:  # noqa: BLE001  theirs raises several kinds
        return False
    return ric.calc_check_digit(number) == number[-1] and int(number[:2]) in checksums._PROVINCES


ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PAIRS = {
    "citizen_cn": (
        valid_ric,
        lambda c: (
            c.choice(["11", "31", "99", "44"])
            + digits(c, 4)
            + c.choice(["1980", "2001"])
            + "0"
            + digits(c, 6)
            + c.choice("0123456789X")
        ),
    ),
    "credit_code_cn": (uscc.is_valid, lambda c: "91310000" + "".join(c.choice(ALPHABET) for _ in range(10))),
    "luhn": (luhn.is_valid, lambda c: digits(c, 16)),
    "imei": (imei.is_valid, lambda c: "35" + digits(c, 13)),
    "dutch_id": (bsn.is_valid, lambda c: digits(c, 9)),
    "polish_id": (pesel.is_valid, lambda c: digits(c, 2) + "0" + c.choice("123") + "1" + digits(c, 6)),
    "brazilian_id": (cpf.is_valid, lambda c: digits(c, 11)),
    "indian_id": (aadhaar.is_valid, lambda c: digits(c, 12)),
    "french_id": (nir.is_valid, lambda c: c.choice("12") + digits(c, 4) + c.choice(["2A", "75"]) + digits(c, 8)),
    "spanish_id": (
        lambda number: dni.is_valid(number) or nie.is_valid(number),
        lambda c: c.choice("XYZ12") + digits(c, 7) + c.choice("TRWAGMYFPDXBNJZSQVHLCKE"),
    ),
    "iban": (
        lambda number: iban.is_valid(number, check_country=False),
        lambda c: c.choice(["DE", "FR"]).ljust(2) + digits(c, 20),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_they_agree_with_another_implementation(name):
    """On thousands of numbers of the right shape, right or wrong, python-stdnum says the same."""
    theirs, make = PAIRS[name]
    ours = getattr(checksums, name)
    chance = random.Random(name)
    right = 0
    for _ in range(4000):
        number = make(chance)
        expected = bool(theirs(number))
        if name == "iban" and number.startswith("FR"):  # an IBAN of France has 27 characters
            expected = False
        assert ours(number) == expected, number
        right += expected
    assert right


@given(st.text(max_size=30))
def test_no_text_breaks_a_check(text):
    """Whatever a column holds, each check answers."""
    for name in (*PAIRS, "bank_card", "hong_kong_id", "taiwan_id", "swedish_id", "american_ssn", "british_nino"):
        assert getattr(checksums, name)(checksums.compact(text)) in {True, False}
