"""Check digits and structures of numbers that name a person, a firm, an account or a device.

Owns the arithmetic of each standard, and nothing about columns. Every function takes a text without separators (see
`compact`) and tells whether it is such a number; none raises.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from typing import Final

_SEPARATORS: Final = str.maketrans("", "", " -./")
_PROVINCES: Final = frozenset(
    map(
        int,
        [
            "11",
            "12",
            "13",
            "14",
            "15",
            "21",
            "22",
            "23",
            "31",
            "32",
            "33",
            "34",
            "35",
            "36",
            "37",
            "41",
            "42",
            "43",
            "44",
            "45",
            "46",
            "50",
            "51",
            "52",
            "53",
            "54",
            "61",
            "62",
            "63",
            "64",
            "65",
            "71",
            "81",
            "82",
            "83",
            "91",
        ],
    )
)
"""First two digits of a Chinese identity number: the province-level divisions of GB/T 2260."""

_CITIZEN_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CREDIT_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_SPANISH_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_VERHOEFF_PRODUCT: Final = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_VERHOEFF_ORDER: Final = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)
_IBAN_LENGTHS: Final = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FI NL FO GL", "19": "MK SI", "20": "AT EE KZ LT LU XK BA",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS", "23": "AE GI IL IQ TL", "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "PT", "26": "IS TR", "27": "FR GR IT MC MR SM", "28": "AL AZ CY DO GT HU LB PL BY SV", "29": "BR PS QA UA",
        "30": "JO KW MU", "31": "MT SC",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Lengths of the IBAN registry (ISO 13616)."""

_ISSUERS: Final = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|60\d{14}|9[0-9]\d{14,17}"
)
"""Lengths and first digits of Visa, Mastercard, American Express, Diners Club, Discover, JCB, UnionPay, RuPay and China's older cards."""


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII)


def compact(text: str) -> str:
    """Give a number without spaces, hyphens, dots and slashes, in upper case."""
    return text.translate(_SEPARATORS).upper()


def luhn(digits: str) -> bool:
    """Check the last digit by ISO/IEC 7812-1, annex B."""
    if not digits.isascii() or not digits.isdigit():
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) << (place & 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def bank_card(number: str) -> bool:
    """Tell a payment card number: its length and issuer's digits fit, and the check digit is right."""
    return _ISSUERS.fullmatch(number) is not None and luhn(number)


def citizen_cn(number: str) -> bool:
    """Tell a Chinese resident identity number: GB 11643-1999 (ISO 7064 MOD 11-2), or the old one of 15 digits."""
    if _pattern(r"\d{15}").fullmatch(number):
        return int(number[:2]) in _PROVINCES and _is_date(f"19{number[6:12]}")
    if not _pattern(r"\d{17}[\dX]").fullmatch(number) or int(number[:2]) not in _PROVINCES:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _CITIZEN_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[17] and _is_date(number[6:14])


def credit_code_cn(number: str) -> bool:
    """Tell a Chinese unified social credit identifier of an organisation: GB 32100-2015 (modulus 31)."""
    if not _pattern(rf"[{_CREDIT_ALPHABET}]{{2}}\d{{6}}[{_CREDIT_ALPHABET}]{{10}}").fullmatch(number):
        return False
    values = [_CREDIT_ALPHABET.index(character) for character in number]
    total = sum(value * weight for value, weight in zip(values, _CREDIT_WEIGHTS, strict=False))
    return (31 - total % 31) % 31 == values[17] and len(set(number)) > 3


def iban(number: str) -> bool:
    """Tell an international bank account number: ISO 13616, check digits by ISO 7064 MOD 97-10."""
    if not _pattern(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}").fullmatch(number):
        return False
    if _IBAN_LENGTHS.get(number[:2]) != len(number):
        return False
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def imei(number: str) -> bool:
    """Tell a mobile device's number (3GPP TS 23.003): 15 digits, the last by Luhn, the first two a reporting body's."""
    shape = r"(?:0[1-9]|1[0-9]|3[0-9]|4[4-9]|5[0-4]|8[0-9]|9[189])\d{13}"
    return _pattern(shape).fullmatch(number) is not None and luhn(number)


def hong_kong_id(number: str) -> bool:
    """Tell a Hong Kong identity card number: one or two letters, six digits and a check character (modulus 11)."""
    match = _pattern(r"([A-Z]{1,2})(\d{6})\(?([\dA])\)?").fullmatch(number)
    if match is None:
        return False
    letters = [36, *(int(letter, 36) for letter in match[1])][-2:]
    values = [*letters, *map(int, match[2]), int(match[3], 16)]
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def taiwan_id(number: str) -> bool:
    """Tell a Taiwanese identity card number: a letter and nine digits (modulus 10)."""
    if not _pattern(r"[A-Z][1289]\d{8}").fullmatch(number):
        return False
    region = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0]) + 10
    digits = [region // 10, region % 10, *map(int, number[1:])]
    return (
        sum(value * weight for value, weight in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0
    )


def spanish_id(number: str) -> bool:
    """Tell a Spanish DNI or NIE: the letter is the number modulo 23."""
    match = _pattern(r"([XYZ]?)(\d{7,8})([A-Z])").fullmatch(number)
    if match is None or len(match[1]) + len(match[2]) != 8:
        return False
    first = str("XYZ".index(match[1])) if match[1] else ""
    return _SPANISH_LETTERS[int(first + match[2]) % 23] == match[3]


def polish_id(number: str) -> bool:
    """Tell a Polish PESEL: eleven digits, the last by weights 1, 3, 7, 9, with a month that exists."""
    if (
        not _pattern(r"\d{11}").fullmatch(number)
        or not 1 <= int(number[2:4]) % 20 <= 12
        or not 1 <= int(number[4:6]) <= 31
    ):
        return False
    return (
        sum(int(digit) * weight for digit, weight in zip(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), strict=True)) % 10
        == 0
    )


def french_id(number: str) -> bool:
    """Tell a French NIR (social security number): 13 characters and 97 less their remainder by 97."""
    match = _pattern(r"([1-478]\d{4}(?:\d{2}|2A|2B)\d{6})(\d{2})").fullmatch(number)
    if match is None:
        return False
    body = int(match[1].replace("2A", "19").replace("2B", "18"))
    return 97 - body % 97 == int(match[2])


def dutch_id(number: str) -> bool:
    """Tell a Dutch BSN: nine digits that pass the test of eleven."""
    if not _pattern(r"\d{9}").fullmatch(number) or number == "0" * 9:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True))
    return total % 11 == 0


def swedish_id(number: str) -> bool:
    """Tell a Swedish personal identity number: a date, three digits, and Luhn over the last ten."""
    return _pattern(r"(?:19|20)?\d{6}[+]?\d{4}").fullmatch(number) is not None and (
        1 <= int(number.replace("+", "")[-8:-6]) <= 12 and luhn(number.replace("+", "")[-10:])
    )


def brazilian_id(number: str) -> bool:
    """Tell a Brazilian CPF: eleven digits with two check digits (modulus 11)."""
    if not _pattern(r"\d{11}").fullmatch(number) or len(set(number)) == 1:
        return False
    for length in (9, 10):
        total = sum(
            int(digit) * weight for digit, weight in zip(number[:length], range(length + 1, 1, -1), strict=True)
        )
        if total * 10 % 11 % 10 != int(number[length]):
            return False
    return True


def indian_id(number: str) -> bool:
    """Tell an Indian Aadhaar number: twelve digits, the last by Verhoeff, the first neither 0 nor 1."""
    if not _pattern(r"[2-9]\d{11}").fullmatch(number):
        return False
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = int(_VERHOEFF_PRODUCT[check][int(_VERHOEFF_ORDER[place % 8][int(digit)])])
    return check == 0


def american_ssn(text: str) -> bool:
    """Tell a US social security number, written with its hyphens: it has no check digit, so plain digits are not believed."""
    return _pattern(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}").fullmatch(text) is not None


def british_nino(number: str) -> bool:
    """Tell a British national insurance number: two letters of those in use, six digits, a letter."""
    shape = r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]"
    return _pattern(shape).fullmatch(number) is not None


def _is_date(digits: str) -> bool:
    """Tell a day from 1890 on, as YYYYMMDD."""
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year >= 1890
    except ValueError:
        return False
