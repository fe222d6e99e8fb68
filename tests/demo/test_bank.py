"""The demo bank: the same every time, with numbers that pass the checks of the real ones."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from louver.demo.bank import bank_script, id_card_check_digit, luhn_check_digit, make_bank

if TYPE_CHECKING:
    from louver.demo.postgres import LocalPostgres


@pytest.mark.parametrize(("first17", "check"), [("11010519491231002", "X"), ("44052418800101001", "4")])
def test_the_identity_check_digit_is_the_standards(first17: str, check: str) -> None:
    """The examples of GB 11643-1999 itself come out right."""
    assert id_card_check_digit(first17) == check


@pytest.mark.parametrize(("number", "check"), [("7992739871", "3"), ("411111111111111", "1")])
def test_the_luhn_digit_is_the_standards(number: str, check: str) -> None:
    """Well-known numbers are completed to what they are."""
    assert luhn_check_digit(number) == check


def test_the_same_seed_makes_the_same_bank() -> None:
    """Two banks of one seed are equal, of two seeds not."""
    assert bank_script(make_bank(1)) == bank_script(make_bank(1))
    assert make_bank(1).customers != make_bank(2).customers


def test_the_bank_loads_and_holds_together(postgres: LocalPostgres) -> None:
    """A real server takes the script, with every key, check and type, in the promised numbers."""
    postgres.create_database("bank_script")
    postgres.run_sql(bank_script(make_bank()), "bank_script")
    counts = postgres.run_sql(
        "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM accounts), "
        "(SELECT count(*) FROM transactions), (SELECT count(*) FROM turnover) > 5, "
        "(SELECT count(DISTINCT region) FROM customers)",
        "bank_script",
    )
    assert counts.strip() == "200|300|3000|t|4"


def test_every_number_passes_its_check() -> None:
    """Identity numbers carry the birth date and a valid check digit, card numbers are 16 or 19 digits and valid."""
    bank = make_bank()
    for customer in bank.customers:
        card, born = str(customer[6]), customer[7]
        assert isinstance(born, dt.date)
        assert card[6:14] == f"{born:%Y%m%d}"
        assert card[17] == id_card_check_digit(card[:17])
    for account in bank.accounts:
        number = str(account[2])
        assert len(number) in {16, 19}
        assert number[-1] == luhn_check_digit(number[:-1])
