"""The bank of the example policies in three worlds, for each person of each scene.

Owns who sees what there, written down from the words of the policies and not by deciding, and the rows. `a` and `b` differ in what is
hidden from the person and in nothing that is shown; `m` holds what the person sees.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from noninterference.generated.images import Kind, Shown, image, other

BANK = Path(__file__).parents[2] / "policies" / "examples" / "bank"
COLUMNS = {
    "customers": ("id", "name", "phone", "id_card", "email", "region", "balance"),
    "accounts": ("id", "customer_id", "card_number", "currency", "amount"),
}
KINDS = {
    "name": Kind("text", 40, nullable=True),
    "phone": Kind("text", 20, nullable=True),
    "id_card": Kind("text", 18, nullable=True),
    "email": Kind("text", 60, nullable=True),
    "balance": Kind("numeric", nullable=True),
    "card_number": Kind("text", 19, nullable=True),
    "amount": Kind("numeric", nullable=True),
}
"""The labelled columns of both tables; no name is in both."""

_ATTEMPTS = 50  # at a twin of a row; an amount above all that are drawn has none
Row = dict[str, Any]
Rows = dict[str, list[Row]]

CLEAR, FULL, DENY, LAST = Shown(), Shown("full"), Shown("deny"), Shown("partial", last=4)
_DEFAULTS = {
    "name": Shown("partial", first=1, hide=1),
    "phone": Shown("partial", first=3, last=4),
    "id_card": LAST,
    "email": Shown("email"),
    "balance": FULL,
    "card_number": LAST,
    "amount": FULL,
}
"""What the built-in masks of the categories show."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a scene, with the purpose that is declared. In rows for which `clear` holds, the columns `lifted` are shown."""

    scene: str
    user: str
    shown: Mapping[str, Shown]
    purpose: str = ""
    lifted: tuple[str, ...] = ()
    clear: Callable[[Row], bool] = lambda _: False

    def __str__(self) -> str:
        return "-".join(filter(None, (self.scene, self.user, self.purpose)))

    def treated(self, row: Row) -> dict[str, tuple[Shown, Kind]]:
        """How each labelled column of a row is shown, and its type."""
        lifted = self.lifted if self.clear(row) else ()
        return {name: (CLEAR if name in lifted else self.shown[name], KINDS[name]) for name in row if name in KINDS}


def _person(scene: str, user: str, purpose: str = "", **shown: Shown) -> Person:
    return Person(scene, user, _DEFAULTS | shown, purpose)


def _lifted(person: Person, clear: Callable[[Row], bool], *lifted: str) -> Person:
    return Person(person.scene, person.user, person.shown, person.purpose, lifted, clear)


_ENDS = Shown("partial", first=1, last=2)
_PRIVATE = Shown("constant", constant="private customer")
_WEALTH = _person("wealth", "tina", name=_PRIVATE, phone=FULL)
PEOPLE = (
    _person("roles", "lola", name=CLEAR),
    _person("roles", "cora", name=CLEAR, phone=CLEAR, balance=CLEAR),
    _person("roles", "wendy", name=CLEAR, balance=CLEAR, amount=CLEAR),
    _person("roles", "tim", phone=DENY, id_card=DENY, email=DENY, balance=DENY, card_number=DENY, amount=DENY),
    _person("approval", "tina", name=_ENDS, phone=_ENDS, id_card=_ENDS),
    _person("approval", "mona"),
    _person("purposes", "crm", "care", name=CLEAR, phone=CLEAR),
    _person("purposes", "crm", "marketing", email=CLEAR),
    _person(
        "purposes", "crm", "handling",
        name=CLEAR, phone=CLEAR, id_card=CLEAR, card_number=CLEAR, balance=CLEAR, amount=CLEAR,
    ),
    _person("purposes", "crm", "service", name=CLEAR),
    _person("purposes", "crm", **dict.fromkeys(KINDS, DENY)),
    _person("speaking", "counter", **dict.fromkeys(KINDS, FULL)),
    _lifted(_person("speaking", "teller-17"), lambda row: row.get("region") == "East", "name", "phone"),
    _lifted(
        _person("trading", "dora"),
        lambda row: row.get("currency") in {"CNY", "USD"} and row["amount"] <= 100000,
        "card_number", "amount",
    ),
    _lifted(
        _person("trading", "emil"),
        lambda row: row.get("currency") == "USD" and row["amount"] <= 10000000,
        "card_number", "amount",
    ),
    _lifted(_person("trading", "bea"), lambda row: row.get("region") == "East", "name", "phone"),
    _lifted(_WEALTH, lambda row: "balance" in row and row["balance"] < 50000, "name", "phone", "balance"),
    _person("regions", "hanna", name=CLEAR, phone=CLEAR),
    _person("wealth", "paul", name=CLEAR, phone=CLEAR, balance=CLEAR),
)  # fmt: skip
"""Everybody but who sees all. Purposes: one account, and each purpose is another person."""

_OPEN = (
    ('"10.8.0.0/16"', '"127.0.0.0/8"'),
    ("session.workday", "true"),
    ('session.time >= "09:30" && session.time < "15:00"', "true"),
)
"""So that it is a trading day wherever and whenever the tests run."""


def policies(scene: str) -> str:
    """The policy file of a scene, with its dictionary where it is."""
    text = (BANK / f"{scene}.yaml").read_text(encoding="utf-8")
    text = text.replace("[dictionary.yaml]", f"[{BANK / 'dictionary.yaml'}]")
    if scene == "trading":
        for written, meant in _OPEN:
            assert written in text
            text = text.replace(written, meant)
    return text


def users(scene: str) -> dict[str, dict[str, Any]]:
    """The people of a scene with their attributes."""
    people = yaml.safe_load((BANK / f"{scene}.test.yaml").read_text(encoding="utf-8"))["people"]
    return {name: dict(attributes) for name, attributes in people.items()}


_CUSTOMERS = """
1|Zhang Wei|13812345601|110101198001011237|zhang@example.com|East|1200.00
2|Li Na|13912345602|310101199002022346|lina@example.com|East|9000000.00
3|Wang Fang|13712345603|440101197003033455|wang@example.com|West|64000.00
4|张三||7|no address|West|0.00
5|Zoë|12||zo@example.com|East|-50.25
6||13812345601|11010119800101123X|a@example.com|North|49999.99
7|Li Na|+4790055123|310101199002022346|lina@example.com|West|50000.00
8|O'Neil %_\\|138-1234-5608|440101850303345|o@example.co|East|50000.01
"""
_ACCOUNTS = """
1|1|6222021234567890128|CNY|1200.00
2|2|6222029876543210987|USD|9000000.00
3|3|6222025555666677776|CNY|64000.00
4|4|12|EUR|5.00
5|5|378282246310005|USD|100000.00
6|6||CNY|100000.01
7|7|6222021234567890128|USD|0.00
8|1|4111 1111 1111 1111|EUR|-3.50
9|8|622202987654321|USD|20000000.00
"""


def real_rows() -> Rows:
    """The rows of the examples and more, with odd values in them."""
    texts = {"customers": _CUSTOMERS, "accounts": _ACCOUNTS}
    return {
        table: [
            {
                name: Decimal(value) if name in {"balance", "amount"} else int(value) if name.endswith("id") else value
                for name, value in zip(COLUMNS[table], line.split("|"), strict=True)
            }
            for line in text.strip().splitlines()
        ]
        for table, text in texts.items()
    }


def twin_rows(rows: Rows, person: Person) -> Rows:
    """Other values behind the same images; what a row condition reads may differ as long as it holds or does not as before."""
    chance = random.Random(f"twin of {person}")

    def twin(row: Row) -> Row:
        for _ in range(_ATTEMPTS):
            made = row | {
                name: other(how, kind, row[name], chance) for name, (how, kind) in person.treated(row).items()
            }
            if person.clear(made) == person.clear(row):
                return made
        return row

    return {table: [twin(row) for row in each] for table, each in rows.items()}


def masked_rows(rows: Rows, person: Person) -> Rows:
    """The rows of the person's masked world."""
    return {
        table: [
            row | {name: image(how, kind, row[name], b"") for name, (how, kind) in person.treated(row).items()}
            for row in each
        ]
        for table, each in rows.items()
    }
