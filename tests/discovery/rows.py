"""Made-up rows for the schemas of tests/discovery/schemas: deterministic, with the gaps and mistakes that real ones have.

Nobody's data: numbers are made here, with right check digits where the standard has them; names are common ones put together by chance.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_GIVEN = "Mary Patricia Linda Barbara Elizabeth Jennifer Maria Susan Margaret Dorothy Jared Ellis Kim Bjorn Luis Astrid Eduardo Frank Aaron Steve Puja Hugh Roberto Kathy".split()  # noqa: SIM905
_SURNAMES = "Smith Johnson Williams Jones Brown Davis Miller Wilson Moore Taylor Goncalves Tremblay Hansen Schneider Peeters Rojas Harris Brooks Peacock Park Edwards Mitchell Callahan".split()  # noqa: SIM905
_ZH_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹"
_ZH_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红建国文辉玲"
_CITIES = [
    "Oslo",
    "Paris",
    "Lethbridge",
    "Dallas",
    "Tampa",
    "Sasebo",
    "Abha",
    "Osmaniye",
    "Akron",
    "Bratislava",
    "Ljubljana",
    "Kurgan",
    "Tambaram",
    "Zaoyang",
]
_WORDS = "red river clever astounding epistle lumberjack feminist moose drama battle monkey sumo student boat jungle desert trip silent fast quiet old green".split()  # noqa: SIM905
_STREETS = (
    "Main Street",
    "Oak Avenue",
    "Hill Road",
    "Napa Ct.",
    "Workhaven Lane",
    "Nador Way",
    "Pike Place",
    "Park Drive",
)
_PINYIN = ["ZHANG WEI", "LI NA", "WANG FANG", "LIU YANG", "CHEN JING", "YANG MIN", "ZHAO LEI", "HUANG QIANG"]


def values(kind: str, rows: int, seed: str) -> list[Any]:
    """Give `rows` values of a kind (a function of this file, by name); the same for the same seed."""
    chance = random.Random(f"{kind}/{seed}")
    make = _MAKERS[kind]
    return [
        None if kind in _WITH_GAPS and chance.random() < 0.1 else make(chance, number) for number in range(1, rows + 1)
    ]


def luhn(body: str) -> str:
    """Append Luhn's check digit."""
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def _birth(chance: random.Random) -> dt.date:
    return dt.date(1945, 1, 1) + dt.timedelta(days=chance.randrange(22000))


def _id_card(chance: random.Random) -> str:
    if chance.random() < 0.02:  # a typing mistake
        return "11010119900101123"
    body = (
        chance.choice(("110101", "310104", "440305", "510107", "330106"))
        + f"{_birth(chance):%Y%m%d}"
        + _digits(chance, 3)
    )
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


def _uscc(chance: random.Random) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = "91310000" + "".join(chance.choice(alphabet) for _ in range(9))
    total = sum(alphabet.index(character) * pow(3, place, 31) for place, character in enumerate(body))
    return body + alphabet[-total % 31]


def _iban(chance: random.Random) -> str:
    country, length = chance.choice((("DE", 18), ("NL", 14), ("FR", 23)))
    bank = "INGB" if country == "NL" else ""
    body = bank + _digits(chance, length - len(bank))
    number = int("".join(str(int(character, 36)) for character in body + country + "00"))
    return f"{country}{98 - number % 97:02}{body}"


def _name_zh(chance: random.Random) -> str:
    return chance.choice(_ZH_SURNAMES) + "".join(chance.choice(_ZH_GIVEN) for _ in range(chance.choice((1, 2, 2))))


def _mobile(chance: random.Random) -> str:
    return "1" + chance.choice(("38", "39", "86", "77", "50", "99")) + _digits(chance, 8)


def _email(chance: random.Random) -> str:
    return f"{chance.choice(_GIVEN)}.{chance.choice(_SURNAMES)}{chance.randrange(99)}@{chance.choice(('example.com', 'example.org', 'mail.example'))}".lower()


def _full(chance: random.Random) -> str:
    return f"{chance.choice(_GIVEN)} {chance.choice(_SURNAMES)}"


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(9)).capitalize()


def _us(chance: random.Random) -> str:
    area, rest = chance.choice((212, 312, 415, 503, 206)), chance.randrange(200, 999)
    return chance.choice((f"({area}) {rest}-{_digits(chance, 4)}", f"{area}-{rest}-{_digits(chance, 4)}"))


def _day(chance: random.Random) -> dt.date:
    return dt.date(2015, 1, 1) + dt.timedelta(days=chance.randrange(3600))


def _moment(chance: random.Random) -> dt.datetime:
    return dt.datetime(2015, 1, 1) + dt.timedelta(minutes=chance.randrange(5_000_000))  # noqa: DTZ001  columns without zones


def _json_person(chance: random.Random) -> str:
    return json.dumps({"event": chance.choice(_WORDS), "actor": {"mail": _email(chance), "n": chance.randrange(9)}})


def _maybe(chance: random.Random, share: float, text: str, other: str) -> str:
    return text if chance.random() < share else other


_Maker = "Callable[[random.Random, int], Any]"
_MAKERS: dict[str, Callable[[random.Random, int], Any]] = {
    "serial": lambda _, number: number,
    "number": lambda chance, _: chance.randrange(1, 900),
    "flag": lambda chance, _: chance.randrange(3),
    "flag_char": lambda chance, _: chance.choice("012"),
    "bool": lambda chance, _: chance.random() < 0.5,
    "year": lambda chance, _: chance.randrange(2006, 2030),
    "month": lambda chance, _: chance.randrange(1, 13),
    "price": lambda chance, _: round(chance.uniform(0.5, 99), 2),
    "date": lambda chance, _: _day(chance),
    "timestamp": lambda chance, _: _moment(chance),
    "birth_date": lambda chance, _: _birth(chance),
    "birth_timestamp": lambda chance, _: dt.datetime.combine(_birth(chance), dt.time()),
    "given_name": lambda chance, _: chance.choice(_GIVEN),
    "given_name_upper": lambda chance, _: chance.choice(_GIVEN).upper(),
    "surname": lambda chance, _: chance.choice(_SURNAMES),
    "surname_upper": lambda chance, _: chance.choice(_SURNAMES).upper(),
    "initial": lambda chance, _: chance.choice("ABCDEFGJKLM"),
    "full_name": lambda chance, _: _full(chance),
    "name_zh": lambda chance, _: _name_zh(chance),
    "name_pinyin": lambda chance, _: chance.choice(_PINYIN),
    "composer": lambda chance, _: f"{chance.choice(_SURNAMES)}, {chance.choice(_SURNAMES)}",
    "band": lambda chance, _: f"The {chance.choice(_WORDS).title()} {chance.choice(_WORDS).title()}s",
    "login": lambda chance, _: f"{chance.choice(_GIVEN)}{chance.randrange(99)}".lower(),
    "login_domain": lambda chance, _: rf"adventure\{chance.choice(_GIVEN)}{chance.randrange(9)}".lower(),
    "email": lambda chance, _: _email(chance),
    "street": lambda chance, _: (
        f"{chance.randrange(1, 2000)} {chance.choice(_WORDS).title()} {chance.choice(_STREETS)}"
    ),
    "street_second": lambda chance, _: _maybe(chance, 0.2, f"Apt. {chance.randrange(99)}", ""),
    "postcode": lambda chance, _: chance.choice(
        (_digits(chance, 5), f"{chance.choice('TVH')}{_digits(chance, 1)}{chance.choice('GKM')} {_digits(chance, 1)}B2")
    ),
    "postcode_cn": lambda chance, _: chance.choice("1235") + _digits(chance, 5),
    "city_en": lambda chance, _: chance.choice(_CITIES),
    "province_en": lambda chance, _: chance.choice(("Alberta", "Texas", "California", "QLD", "Nagasaki", "SP")),
    "country": lambda chance, _: chance.choice(("Norway", "Canada", "USA", "France", "Japan", "Brazil", "Germany")),
    "address_zh": lambda chance, _: (
        f"{chance.choice(('北京市朝阳区', '上海市徐汇区', '广东省深圳市南山区', '成都市武侯区'))}{chance.choice(('建国路', '漕溪北路', '科技园路', '人民南路'))}{chance.randrange(1, 400)}号{chance.choice(('', '2栋301室'))}"
    ),
    "digits_phone": lambda chance, _: _digits(chance, chance.choice((11, 12))),
    "phone_us": lambda chance, _: _us(chance),
    "phone_us_plus": lambda chance, _: f"+1 {_us(chance)}",
    "phone_intl": lambda chance, _: chance.choice(
        (
            f"+55 (12) 3923-{_digits(chance, 4)}",
            f"+49 0711 2842{_digits(chance, 3)}",
            f"(171) 555-{_digits(chance, 4)}",
            f"+33 01 47 42 {_digits(chance, 2)} {_digits(chance, 2)}",
            f"030-007{_digits(chance, 4)}",
        )
    ),
    "phone_intl_rare": lambda chance, _: _maybe(chance, 0.4, f"+49 0711 2842{_digits(chance, 3)}", ""),
    "phone_e164": lambda chance, _: chance.choice(
        (f"+1415555{_digits(chance, 4)}", f"+4915112345{_digits(chance, 3)}", f"+86{_mobile(chance)}")
    ),
    "mobile_cn": lambda chance, _: _maybe(chance, 0.97, _mobile(chance), "-"),
    "landline_cn": lambda chance, _: chance.choice(
        (f"010-6{_digits(chance, 7)}", f"0755-8{_digits(chance, 7)}", f"021-5{_digits(chance, 7)}")
    ),
    "id_card": lambda chance, _: _id_card(chance),
    "uscc": lambda chance, _: _uscc(chance),
    "company_zh": lambda chance, _: (
        f"{chance.choice(('上海', '北京', '深圳', '成都'))}{chance.choice(('恒通', '嘉禾', '瑞丰', '天成'))}{chance.choice(('贸易', '科技', '制造'))}有限公司"
    ),
    "company_en": lambda chance, _: (
        f"{chance.choice(_WORDS).title()} {chance.choice(('Ltd.', 'Inc.', 'Traders', 'Foods'))}"
    ),
    "branch_zh": lambda chance, _: f"{chance.choice(('朝阳', '徐汇', '南山', '武侯', '滨江', '高新'))}支行",
    "ethnicity_zh": lambda chance, _: chance.choice(
        ("汉族", "汉族", "汉族", "回族", "满族", "壮族", "苗族", "维吾尔族")
    ),
    "letter_gender": lambda chance, _: chance.choice("MF"),
    "letter_marital": lambda chance, _: chance.choice("MS"),
    "salutation": lambda chance, _: chance.choice(("Mr.", "Ms.", "Dr.", "Mrs.", "Sr.")),
    "job": lambda chance, _: chance.choice(
        ("Sales Manager", "Engineer", "IT Staff", "Owner", "Order Administrator", "Production Technician")
    ),
    "account_cn": lambda chance, _: "6222" * 0 + chance.choice(("0200", "1100", "3301")) + _digits(chance, 15),
    "unionpay": lambda chance, _: luhn("62" + chance.choice(("2202", "1700", "2848")) + _digits(chance, 12)),
    "card": lambda chance, _: luhn(chance.choice(("4", "51", "55")).ljust(2, "3") + _digits(chance, 13)),
    "card_brand": lambda chance, _: chance.choice(("Visa", "Mastercard", "Vista", "Distinguish")),
    "track2": lambda chance, _: f"{luhn('622202' + _digits(chance, 12))}=2812{_digits(chance, 10)}",
    "expiry": lambda chance, _: f"{chance.randrange(1, 13):02}{chance.randrange(25, 33)}",
    "expiry_slash": lambda chance, _: f"{chance.randrange(1, 13):02}/{chance.randrange(25, 33)}",
    "digits3": lambda chance, _: _digits(chance, 3),
    "digits4": lambda chance, _: _digits(chance, 4),
    "digits6": lambda chance, _: _digits(chance, 6),
    "digits9": lambda chance, _: _digits(chance, 9),
    "digits11": lambda chance, _: _digits(chance, 11),
    "hex16": lambda chance, _: f"{chance.getrandbits(64):016X}",
    "sha1": lambda chance, _: hashlib.sha1(chance.randbytes(8)).hexdigest(),
    "sha256": lambda chance, _: hashlib.sha256(chance.randbytes(8)).hexdigest(),
    "base64": lambda chance, _: (
        "".join(chance.choice("abcdefghijkLMNOPQRSTUVWXYZ0123456789+/") for _ in range(43)) + "="
    ),
    "base64_short": lambda chance, _: (
        "".join(chance.choice("abcdefghijkLMNOPQRSTU0123456789+/") for _ in range(7)) + "="
    ),
    "bcrypt": lambda chance, _: (
        "$2b$12$" + "".join(chance.choice("abcdefghijkLMNOPQRSTU0123456789./") for _ in range(53))
    ),
    "jwt": lambda chance, _: f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOi{chance.getrandbits(60):x}.{chance.getrandbits(120):x}",
    "ipv4": lambda chance, _: ".".join(str(chance.randrange(1, 255)) for _ in range(4)),
    "ipv6": lambda chance, _: f"2001:db8::{chance.getrandbits(16):x}:{chance.getrandbits(16):x}",
    "imei": lambda chance, _: luhn("35" + _digits(chance, 12)),
    "mac": lambda chance, _: ":".join(f"{chance.getrandbits(8):02x}" for _ in range(6)),
    "uuid": lambda chance, _: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    "plate_cn": lambda chance, _: (
        chance.choice("京沪粤川浙")
        + chance.choice("ABCDE")
        + "".join(chance.choice("ABCDEFGH0123456789") for _ in range(5))
    ),
    "passport_cn": lambda chance, _: "E" + _digits(chance, 8),
    "ssn": lambda chance, _: f"{chance.randrange(100, 665)}-{chance.randrange(10, 99)}-{chance.randrange(1000, 9999)}",
    "iban": lambda chance, _: _iban(chance),
    "bic": lambda chance, _: chance.choice(("DEUTDEFF", "INGBNL2A", "BNPAFRPP", "COBADEFF", "RABONL2U", "AGRIFRPP")),
    "latitude": lambda chance, _: round(chance.uniform(-60, 60), 6),
    "longitude": lambda chance, _: round(chance.uniform(-170, 170), 6),
    "point": lambda chance, _: f"POINT ({chance.uniform(-170, 170):.5f} {chance.uniform(-60, 60):.5f})",
    "image": lambda chance, _: b"\x89PNG" + chance.randbytes(40),
    "code": lambda chance, _: chance.choice(("A1", "B2", "C3", "D4", "E5", "PG")),
    "currency": lambda chance, _: chance.choice(("CNY", "USD", "EUR", "HKD")),
    "customer_code": lambda chance, _: f"C{chance.randrange(10**9):09}",
    "order_code": lambda chance, _: f"SO{chance.randrange(10**5):05}",
    "genre": lambda chance, _: chance.choice(("Action", "Comedy", "Drama", "Jazz", "Rock", "Beverages", "Seafood")),
    "language": lambda chance, _: chance.choice(("English", "Italian", "Japanese", "French", "German")),
    "title": lambda chance, _: f"{chance.choice(_WORDS)} {chance.choice(_WORDS)} {chance.choice(_WORDS)}".title(),
    "sentence": lambda chance, _: _sentence(chance),
    "sentence_zh": lambda chance, _: chance.choice(
        ("网银转账", "工资代发", "水电费扣款", "消费支付", "年终结息", "手续费", "贷款还款")
    ),
    "url": lambda chance, _: f"https://example.com/{chance.choice(_WORDS)}/{chance.randrange(999)}.png",
    "version": lambda chance, _: f"{chance.randrange(9, 18)}.{chance.randrange(9)}.{chance.randrange(9)}",
    "user_agent": lambda chance, _: (
        f"Mozilla/5.0 (X11; Linux x86_64) Gecko/2010{chance.randrange(100, 999)} Firefox/{chance.randrange(90, 140)}.0"
    ),
    "remark_zh": lambda chance, _: _maybe(
        chance, 0.25, f"客户要求回电{_mobile(chance)},已登记", "客户资料齐全,已核对原件,无其他事项"
    ),
    "contact_xml": lambda chance, _: _maybe(
        chance,
        0.5,
        f"<contact><phone>{_us(chance)}</phone></contact> {_sentence(chance)}",
        f"<contact/> {_sentence(chance)}",
    ),
    "resume": lambda chance, _: (
        f"{_full(chance)} has a degree and worked as a {chance.choice(_WORDS)} maker. Reach: {_maybe(chance, 0.5, _email(chance), 'by letter')}."
    ),
    "ticket": lambda chance, _: _maybe(
        chance,
        0.3,
        f"Hello, please call me at {_us(chance)}. {_full(chance)}",
        f"My order has not come. {_sentence(chance)}",
    ),
    "json_person": lambda chance, _: _json_person(chance),
}
_WITH_GAPS = {
    "email",
    "home_tel",
    "landline_cn",
    "phone_us",
    "birth_date",
    "street",
    "address_zh",
    "job",
    "photo",
    "mac",
    "ipv4",
}
