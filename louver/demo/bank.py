"""The people and the money of the demo bank, made from a seed: the same seed, the same bank.

Owns the rows. Nothing here is real: identity numbers have valid check digits (GB 11643), card numbers pass the
Luhn check, mail addresses lie below example.com (RFC 2606). Pure: no database, no clock.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = tuple[object, ...]

_TODAY = dt.date(2026, 6, 30)  # the bank's own day: data that moved with the clock could not be compared
_CUSTOMERS = 200
_ACCOUNTS = 300
_TRANSACTIONS = 3000

# id, name, city, region, address, opened, the first six digits of identity numbers issued there, roads
_BRANCHES = (
    (1, "外滩支行", "上海", "east", "上海市黄浦区中山东一路 26 号", dt.date(1996, 3, 8), "310101", ("南京东路", "四川中路", "复兴中路")),
    (2, "金融街支行", "北京", "north", "北京市西城区金融大街 9 号", dt.date(1998, 9, 1), "110102", ("金融大街", "西单北大街", "阜成门内大街")),
    (3, "福田支行", "深圳", "south", "深圳市福田区深南大道 4009 号", dt.date(2001, 5, 18), "440304", ("深南大道", "福华一路", "益田路")),
    (4, "Canary Wharf", "London", "overseas", "25 Bank Street, London E14", dt.date(2012, 11, 5), "", ("Bank Street", "Narrow Street", "Cable Street")),
)  # fmt: skip

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_SYLLABLES = {
    "王": "wang", "李": "li", "张": "zhang", "刘": "liu", "陈": "chen", "杨": "yang", "赵": "zhao", "黄": "huang",
    "周": "zhou", "吴": "wu", "徐": "xu", "孙": "sun", "胡": "hu", "朱": "zhu", "高": "gao", "林": "lin", "何": "he",
    "郭": "guo", "马": "ma", "罗": "luo",
}  # fmt: skip
_GIVEN = (
    "伟",
    "芳",
    "娜",
    "秀英",
    "敏",
    "静",
    "丽",
    "强",
    "磊",
    "洋",
    "艳",
    "勇",
    "杰",
    "娟",
    "涛",
    "明",
    "超",
    "子涵",
    "雨桐",
    "浩然",
)
_ENGLISH_GIVEN = ("Alice", "Oliver", "Grace", "Henry", "Isla", "Jack", "Ruby", "Thomas", "Zoe", "Samuel")
_ENGLISH_SURNAMES = (
    "Ashworth",
    "Barker",
    "Clarke",
    "Davies",
    "O'Neill",
    "Fletcher",
    "Hughes",
    "Knight",
    "Marsh",
    "Turner",
)
_JOBS = (("manager", 32_000), ("teller", 9_500), ("teller", 9_500), ("adviser", 15_000), ("analyst", 18_000))
_MERCHANTS = (
    ("groceries", "永辉超市"), ("groceries", "Waitrose"), ("travel", "中国铁路"), ("travel", "Trainline"),
    ("dining", "海底捞"), ("dining", "Pret"), ("health", "仁济医院"), ("salary", "payroll"), ("rent", "自如"),
    ("transfer", "转账"),
)  # fmt: skip
_BRITAIN = "826"  # ISO 3166-1 numeric, part of a foreign permanent resident's identity number
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


@dataclass(frozen=True, slots=True)
class Bank:
    """The rows of each table, columns in the order of bank.sql."""

    branches: tuple[Row, ...]
    employees: tuple[Row, ...]
    customers: tuple[Row, ...]
    accounts: tuple[Row, ...]
    transactions: tuple[Row, ...]


def id_card_check_digit(first17: str) -> str:
    """Return the 18th character of an identity number: ISO 7064 MOD 11-2 over the first 17 digits (GB 11643)."""
    return _ID_CHECKS[sum(int(digit) * weight for digit, weight in zip(first17, _ID_WEIGHTS, strict=True)) % 11]


def luhn_check_digit(number: str) -> str:
    """Return the digit that completes a card number (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, character in enumerate(reversed(number)):
        digit = int(character) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def make_bank(seed: int = 2026) -> Bank:
    """Make the whole bank; the same seed always gives the same rows."""
    chance = random.Random(seed)  # noqa: S311  invented people, not secrets
    customers = tuple(_customers(chance))
    accounts = tuple(_accounts(chance, customers))
    return Bank(
        branches=tuple(branch[:6] for branch in _BRANCHES),
        employees=tuple(_employees(chance)),
        customers=customers,
        accounts=accounts,
        transactions=tuple(_transactions(chance, accounts)),
    )


def bank_script(bank: Bank) -> str:
    """Return the schema and the rows as one script for psql (COPY in text format)."""
    parts = [resources.files("louver.demo").joinpath("bank.sql").read_text(encoding="utf-8")]
    for table in ("branches", "employees", "customers", "accounts", "transactions"):
        rows = "".join("\t".join(_copy_text(value) for value in row) + "\n" for row in getattr(bank, table))
        parts.append(f"COPY {table} FROM stdin;\n{rows}\\.\n")
    parts.append("ANALYZE;\n")
    return "\n".join(parts)


def _copy_text(value: object) -> str:
    """Return one value as COPY's text format writes it."""
    if value is None:
        return r"\N"
    return str(value).replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n")


def _date(chance: random.Random, first: int, last: int) -> dt.date:
    """Return a day of the years `first` to `last`."""
    start = dt.date(first, 1, 1)
    return start + dt.timedelta(days=chance.randrange((dt.date(last, 12, 31) - start).days))


def _phone(chance: random.Random) -> str:
    """Return a mobile number of mainland China: 11 digits."""
    return chance.choice(("138", "139", "150", "159", "176", "186", "199")) + f"{chance.randrange(10**8):08d}"


def _person(chance: random.Random, *, english: bool, number: int) -> tuple[str, str]:
    """Return a name and a mail address that `number` makes unique."""
    if english:
        given, surname = chance.choice(_ENGLISH_GIVEN), chance.choice(_ENGLISH_SURNAMES)
        return f"{given} {surname}", f"{given}.{surname}{number}@example.com".lower().replace("'", "")
    surname, given = chance.choice(_SURNAMES), chance.choice(_GIVEN)
    return surname + given, f"{_SYLLABLES[surname]}{number}@mail.example.com"


def _employees(chance: random.Random) -> Iterator[Row]:
    number = 0
    for branch in _BRANCHES:
        for job, salary in _JOBS:
            number += 1
            name, mail = _person(chance, english=branch[3] == "overseas", number=number)
            pay = f"{salary * chance.uniform(0.9, 1.3):.2f}"
            mail = mail.replace("example.com", "bank.example.com").replace("mail.bank", "bank")
            yield (
                number,
                branch[0],
                name,
                job,
                _phone(chance),
                mail,
                _date(chance, 1970, 2000),
                pay,
                _date(chance, 2010, 2025),
            )


def _customers(chance: random.Random) -> Iterator[Row]:
    for number in range(1, _CUSTOMERS + 1):
        branch, _, city, region, _, _, district, roads = _BRANCHES[(number - 1) % len(_BRANCHES)]
        english = region == "overseas"
        name, mail = _person(chance, english=english, number=number)
        born = _date(chance, 1950, 2006)
        # 9, province of issue, country, birth date, serial: what foreign permanent residents carry since 2023
        place = f"931{_BRITAIN}" if english else district
        first17 = f"{place}{born:%Y%m%d}{number:03d}"
        house, road = chance.randrange(1, 400), chance.choice(roads)
        address = (
            f"{house} {road}, {city}" if english else f"{city}市{road} {house} 号 {chance.randrange(101, 2800)} 室"
        )
        yield (
            number,
            branch,
            region,
            name,
            _phone(chance),
            None if number % 17 == 0 else mail,
            first17 + id_card_check_digit(first17),
            born,
            address,
            _date(chance, 2008, 2025),
        )


def _accounts(chance: random.Random, customers: tuple[Row, ...]) -> Iterator[Row]:
    for number in range(1, _ACCOUNTS + 1):
        owner = customers[(number - 1) % len(customers)]
        issuer = "4571" if owner[2] == "overseas" else "6228481"
        body = issuer + f"{chance.randrange(10**6):06d}{number:05d}"
        kind = ("current", "savings", "credit")[number % 3]
        yield (
            number,
            owner[0],
            body + luhn_check_digit(body),
            kind,
            f"{chance.lognormvariate(10, 1.2):.2f}",
            _date(chance, 2015, 2025),
        )


def _transactions(chance: random.Random, accounts: tuple[Row, ...]) -> Iterator[Row]:
    end = dt.datetime.combine(_TODAY, dt.time(), dt.UTC)
    for number in range(1, _TRANSACTIONS + 1):
        kind, merchant = chance.choice(_MERCHANTS)
        amount = chance.lognormvariate(5, 1) * (12 if kind in {"salary", "rent"} else 1)
        sign = 1 if kind == "salary" else -1
        booked = end - dt.timedelta(minutes=chance.randrange(180 * 24 * 60))
        yield number, chance.choice(accounts)[0], booked.isoformat(), f"{sign * amount:.2f}", kind, merchant
