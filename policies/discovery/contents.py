"""Reading sampled values: what share of them are telephone numbers, identity numbers, addresses ...

Owns the tests of values and what their shares say. A value goes in and nothing of it comes out: only categories, shares and
words of this file. May not do: read names, keep or print a value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import phonenumbers

from policies.discovery import checksums
from policies.discovery.people import GIVEN_NAMES, SURNAMES_ZH

if TYPE_CHECKING:
    from collections.abc import Sequence

ENOUGH: Final = 5
"""Different values from which on a share means something."""
_USUAL: Final = 0.7
"""Share of values from which on a column is what they are: real data has mistakes and gaps."""
_LONG: Final = 15
"""Average characters from which on a text may be prose."""
_INSIDE: Final = 0.03
"""Share of texts with a number inside from which on prose tells about people."""

_EMAIL: Final = re.compile(r"[^@\s,;<>\"]{1,64}@(?:[\w-]+\.)+[^\W\d_]{2,}")
_MAC: Final = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_PASSWORD_HASH: Final = re.compile(
    r"\$(?:2[abxy]|argon2\w*|pbkdf2[\w-]*|[156y]|scrypt)\$.{20,}|\{S?SHA\d*\}.{20,}|(?:pbkdf2|scrypt|argon2)\w*[:$].{20,}",
    re.DOTALL,
)
_TOKEN: Final = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|-----BEGIN [A-Z ]*PRIVATE KEY-----.*|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{36,}|sk_live_\w{16,}",
    re.DOTALL,
)
_TRACK: Final = re.compile(r"[;%]?B?(\d{13,19})[=D^]\d{4}.*", re.DOTALL)
_MOBILE_CN: Final = re.compile(r"(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}", re.ASCII)
_LANDLINE_CN: Final = re.compile(r"\(?0(?:10|2\d|[3-9]\d{2})\)?[- ]?[2-9]\d{6,7}(?:-\d{1,5})?", re.ASCII)
_WRITTEN_PHONE: Final = re.compile(r"\(?\d{2,4}\)?(?:[ .-]\d{2,4}){1,4}|\(\d{2,5}\) ?\d{3,8}", re.ASCII)
_WRITTEN_DATE: Final = re.compile(r"\d{4}[-. ]\d{1,2}[-. ]\d{1,2}|\d{1,2}[-. ]\d{1,2}[-. ](?:\d{2}|\d{4})", re.ASCII)
_PLATE_CN: Final = re.compile(
    "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-Z][·.]?[A-Z0-9]{4,5}[A-Z0-9挂学警港澳]"
)
_NAME_ZH: Final = re.compile("[\u4e00-\u9fff·]{2,4}")
_ADDRESS_ZH: Final = re.compile(
    "[\u4e00-\u9fff].*(?:[省市区县镇乡村].*(?:[路街巷道弄里]|小区|[村组号栋幢室楼])|[路街巷弄].*\\d+号)"
)
_ADDRESS: Final = re.compile(
    r"(?:\d+[a-z]?,? (?:[\w.'-]+ ){0,4}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|boulevard|blvd|way|place|pl|square|sq|terrace|parkway|pkwy|highway|hwy|loop|close|crescent)\b.*"
    r"|(?:rue|via|calle|avenida|av\.|rua|plaza|piazza|p\.? ?o\.? box)\b.*\d.*|[\w .'-]*(?:straße|strasse|str\.|weg|platz|gasse|laan|straat|gatan|vej)\b,? ?\d+.*)",
    re.IGNORECASE,
)
_PASSPORT: Final = re.compile(r"(?:E[A-HJ-NP-Z]?|[GDSPH]E?)\d{7,8}", re.ASCII)
_PHONE_INSIDE: Final = re.compile(
    r"(?<!\d)1[3-9]\d{9}(?!\d)|(?<![\d+])\+\d{1,3}[ -]?\d(?:[ -]?\d){6,13}(?!\d)|\(\d{3}\) ?\d{3}-\d{4}|(?<!\d)\d{3}-\d{3}-\d{4}(?!\d)",
    re.ASCII,
)
_ID_INSIDE: Final = re.compile(r"(?<!\d)\d{17}[\dXx](?![\dA-Za-z])", re.ASCII)
_CARD_INSIDE: Final = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-])", re.ASCII)
_SSN_INSIDE: Final = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of a column that were looked at, NULLs and empty ones left out. Nothing of them is shown by `repr`."""

    values: tuple[str, ...] = field(repr=False)

    @property
    def distinct(self) -> tuple[str, ...]:
        """Each value once, in order."""
        return tuple(dict.fromkeys(value.strip() for value in self.values if value.strip()))


@dataclass(frozen=True, slots=True)
class Content:
    """What the values say: a category, how clearly, the share that says so, and what they are in words."""

    category: str
    strength: float
    share: float
    words: str


@dataclass(frozen=True, slots=True)
class _Test:
    """A test of one value. `usual`: the share from which on it says something."""

    category: str
    strength: float
    words: str
    holds: Callable[[str], bool]
    usual: float = _USUAL


def _international(value: str) -> bool:
    """A telephone number in E.164 or with its country's code, which libphonenumber calls valid."""
    if not value.startswith(("+", "00")) or len(value) > 40:
        return False
    try:
        number = phonenumbers.parse("+" + value.lstrip("+0"), None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)


def _written_phone(value: str) -> bool:
    digits = sum(map(str.isdigit, value))
    return 7 <= digits <= 15 and _WRITTEN_PHONE.fullmatch(value) is not None and _WRITTEN_DATE.fullmatch(value) is None


def _ip(value: str) -> bool:
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return False
    return "." in value or ":" in value


def _a_number(check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: len(value) <= 40 and check(checksums.compact(value))


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: len(value) <= 4000 and pattern.fullmatch(value) is not None


def _foreign_identity(value: str) -> bool:
    number = checksums.compact(value)
    checks = (
        *(checksums.hong_kong_id, checksums.taiwan_id, checksums.spanish_id, checksums.polish_id),
        *(checksums.brazilian_id, checksums.indian_id),
    )
    return len(number) <= 16 and any(check(number) for check in checks)


def _track(value: str) -> bool:
    match = _TRACK.fullmatch(value)
    return match is not None and checksums.luhn(match[1])


def _name_zh(value: str) -> bool:
    return _NAME_ZH.fullmatch(value) is not None and (value[0] in SURNAMES_ZH or value[:2] in SURNAMES_ZH)


def _given_name(value: str) -> bool:
    words = re.split(r"[\s,]+", value.lower())
    return 1 <= len(words) <= 4 and any(word in GIVEN_NAMES for word in words)


_TESTS: Final = (
    _Test("card_track", 0.95, "magnetic stripe data (a card number with Luhn's check digit)", _track),
    _Test("secret", 0.95, "password hashes", _matches(_PASSWORD_HASH)),
    _Test("secret", 0.9, "access tokens or private keys", _matches(_TOKEN)),
    _Test("email", 0.95, "e-mail addresses", _matches(_EMAIL)),
    _Test("id_card", 0.95, "Chinese identity numbers (GB 11643 check digit)", _a_number(checksums.citizen_cn)),
    _Test("company_id", 0.9, "Chinese social credit codes (GB 32100 check digit)", _a_number(checksums.credit_code_cn)),
    _Test("bank_card", 0.9, "payment card numbers (issuer and Luhn's check digit)", _a_number(checksums.bank_card)),
    _Test("account_number", 0.95, "IBANs (MOD 97 check digits)", _a_number(checksums.iban)),
    _Test("phone", 0.9, "Chinese mobile numbers", _matches(_MOBILE_CN)),
    _Test("phone", 0.9, "international telephone numbers", _international),
    _Test("phone", 0.7, "Chinese telephone numbers", _matches(_LANDLINE_CN)),
    _Test("phone", 0.55, "numbers written as telephone numbers are", _written_phone),
    _Test("social_security", 0.75, "US social security numbers as they are written", checksums.american_ssn),
    _Test("social_security", 0.7, "British national insurance numbers", _a_number(checksums.british_nino)),
    _Test("social_security", 0.8, "French social security numbers (check digits)", _a_number(checksums.french_id)),
    _Test("id_card", 0.7, "identity numbers of other countries (check digit)", _foreign_identity, usual=0.9),
    _Test("id_card", 0.6, "Swedish or Dutch identity numbers (check digit)",
          lambda value: checksums.swedish_id(checksums.compact(value)) or checksums.dutch_id(checksums.compact(value)), usual=0.9),
    _Test("device_id", 0.8, "numbers of mobile devices (IMEI, Luhn's check digit)", _a_number(checksums.imei)),
    _Test("device_id", 0.85, "MAC addresses", _matches(_MAC)),
    _Test("ip_address", 0.9, "IP addresses", _ip),
    _Test("licence_plate", 0.9, "Chinese licence plates", _matches(_PLATE_CN)),
    _Test("passport", 0.5, "numbers in the form of Chinese passports", _a_number(lambda value: _PASSPORT.fullmatch(value) is not None)),
    _Test("address", 0.85, "Chinese postal addresses", _matches(_ADDRESS_ZH)),
    _Test("address", 0.7, "street addresses", _matches(_ADDRESS), usual=0.5),
    _Test("name", 0.65, "Chinese personal names (surname)", _name_zh, usual=0.85),
    _Test("name", 0.6, "personal names (known given names)", _given_name, usual=0.4),
)  # fmt: skip


def read_values(sample: Sample) -> tuple[Content, ...]:
    """What the values say, the clearest reading of each category. Too few values say nothing."""
    distinct = sample.distinct
    if len(distinct) < ENOUGH:
        return ()
    found: dict[str, Content] = {}
    for test in _TESTS:
        share = _share(test, distinct)
        if share >= test.usual and (test.category not in found or found[test.category].strength < test.strength):
            found[test.category] = Content(test.category, test.strength, share, test.words)
    if "card_track" in found:
        return (found["card_track"],)
    return tuple(found.values()) or _read_prose(distinct)


def _share(test: _Test, distinct: Sequence[str]) -> float:
    """The share of values for which a test holds; 0 as soon as too many have failed it."""
    may_fail = len(distinct) * (1 - test.usual)
    failed = 0
    for value in distinct:
        if not test.holds(value):
            failed += 1
            if failed > may_fail:
                return 0.0
    return 1 - failed / len(distinct)


def _read_prose(distinct: Sequence[str]) -> tuple[Content, ...]:
    """Texts in which numbers and addresses of people stand."""
    if sum(map(len, distinct)) / len(distinct) < _LONG:
        return ()
    kinds = {
        "telephone numbers": lambda text: _PHONE_INSIDE.search(text) is not None,
        "e-mail addresses": lambda text: "@" in text and _EMAIL.search(text) is not None,
        "identity numbers": lambda text: (
            any(checksums.citizen_cn(each.upper()) for each in _ID_INSIDE.findall(text))
            or _SSN_INSIDE.search(text) is not None
        ),
        "card numbers": lambda text: any(
            checksums.bank_card(checksums.compact(each)) for each in _CARD_INSIDE.findall(text)
        ),
    }
    inside: dict[str, int] = {words: sum(map(holds, distinct)) for words, holds in kinds.items()}
    told = [words for words, count in inside.items() if count >= 2 and count / len(distinct) >= _INSIDE]
    if not told:
        return ()
    share = max(inside[words] for words in told) / len(distinct)
    return (Content("free_text", 0.8, share, f"texts with {', '.join(told)} inside"),)


def contradicted(category: str, sample: Sample) -> bool:
    """Tell whether the values cannot be what a name says they are. Too few values contradict nothing."""
    distinct = sample.distinct
    expected = _EXPECTED.get(category)
    if expected is None or len(distinct) < ENOUGH:
        return False
    holds, least = expected
    # what looks encrypted may be anything
    share = sum(holds(value) or _ENCRYPTED.fullmatch(value) is not None for value in distinct) / len(distinct)
    return share < least


_ENCRYPTED: Final = re.compile(r"[0-9a-fA-F]{32,}|[A-Za-z0-9+/_-]{24,}={0,2}|\\x[0-9a-fA-F]{32,}")
_DATE: Final = re.compile(r"(?:1[89]|20)\d{2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{6}")
_LAST_CODES: Final = 8
"""Characters up to which a value is a code: sexes, degrees."""


def _digits(least: int) -> Callable[[str], bool]:
    return lambda value: sum(character.isdigit() or character == "*" for character in value) >= least


_EXPECTED: Final[dict[str, tuple[Callable[[str], bool], float]]] = {
    "email": (lambda value: "@" in value, 0.4),
    "phone": (_digits(5), 0.5),
    "id_card": (_digits(5), 0.5),
    "passport": (_digits(5), 0.5),
    "tax_number": (_digits(5), 0.5),
    "social_security": (_digits(4), 0.5),
    "bank_card": (_digits(8), 0.5),
    "account_number": (_digits(4), 0.5),
    "card_code": (lambda value: value.isdigit() and 3 <= len(value) <= 4, 0.8),
    "card_expiry": (lambda value: len(value) <= 26 and any(map(str.isdigit, value)), 0.8),
    "birth_date": (lambda value: _DATE.fullmatch(value) is not None, 0.5),
    "ip_address": (_ip, 0.5),
    "gender": (lambda value: len(value) <= _LAST_CODES * 2, 0.9),
    "name": (lambda value: len(value) <= 80 and not any(map(str.isdigit, value)), 0.6),
    "secret": (lambda value: len(value) >= 3, 0.5),
}
"""What most values of a category look like at least, and the share of them below which the name is not believed."""
