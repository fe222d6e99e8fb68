"""What conditions ask, one by one, over facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from unit.alerts.conftest import Stream

PHONE = {"column": "public.customers.phone", "category": "phone", "level": 3, "treatment": "clear", "rule": "r"}
NAME = {"column": "public.customers.name", "category": "name", "level": 2, "treatment": "mask", "rule": "r"}


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("{principal: tina}", True),
        ("{principal: t*}", True),
        ("{principal: Tina}", False),
        ("{principal: [mona, tina]}", True),
        ("{attributes: {role: teller}}", True),
        ("{attributes: {role: clerk}}", False),
        ("{attributes: {unit: x}}", False),
        ("{column: customers.phone}", True),
        ("{column: phone}", True),
        ("{column: hone}", False),
        ("{relation: customers}", True),
        ("{relation: public.customers}", True),
        ("{relation: orders}", False),
        ("{category: phone, treatment: clear}", True),
        ("{category: phone, treatment: mask}", False),  # of one and the same column
        ('{level: ">=3", treatment: mask}', False),
        ('{level: "<3", treatment: mask}', True),
        ("{address: 10.0.0.0/24}", True),
        ("{address: 10.0.1.0/24}", False),
        ("{address: 10.0.*}", True),
        ("{days: [mon-fri]}", True),
        ("{days: [sat, sun]}", False),
        ('{hours: "08:00-10:00"}', True),  # nine in Shanghai, one in UTC
        ('{hours: "00:00-02:00"}', False),
        ('{hours: "22:00-09:01"}', True),
        ("{refused: false}", True),
        ("{database: bank, application: psql*}", True),
    ],
)
def test_a_condition(watch: Callable[..., list[Any]], stream: Stream, when: str, holds: bool) -> None:
    """Whether it holds for tina's statement on Monday at nine; and `unless` is the opposite."""
    records = stream.asked(0, PHONE, NAME)
    assert bool(watch(f"  - {{name: x, events: [statement], when: {when}}}", records)) is holds
    assert bool(watch(f"  - {{name: x, events: [statement], unless: {when}}}", records)) is not holds


def test_an_application_speaks_for_somebody(watch: Callable[..., list[Any]], stream: Stream) -> None:
    """The principal is whom the statement is for, the account who logged in; an end is joined to both."""
    records = stream.asked(0, PHONE, principal="app", on_behalf_of="tina")
    (told,) = watch("  - {name: x, events: [outcome], when: {principal: tina, account: app}}", records)
    assert told.fields["subject"] == {"by": "principal", "name": "tina"}
    assert told.fields["accounts"] == ["app"]


def test_different_columns_are_counted(watch: Callable[..., list[Any]], stream: Stream) -> None:
    """Somebody looks around: three different columns, of those that are meant."""
    rule = "  - {name: x, events: [statement], when: {treatment: clear}, distinct: {of: column, count: 3}, within: 1h}"
    columns = [{**PHONE, "column": f"public.t.c{number}"} for number in (1, 2, 2, 3)]
    records = [each for number, column in enumerate(columns) for each in stream.asked(number, column, NAME)]
    assert watch(rule, records[:-2]) == []
    assert len(watch(rule, records)) == 1
