"""What the tests of alerts share: records as the trail has them, and rules over them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from alerts.loader import parse_rules
from alerts.watching import Told, Watching

BEGIN = dt.datetime(2026, 5, 4, 1, 0, tzinfo=dt.UTC)  # a Monday, 9 o'clock in Shanghai


def use(
    column: str = "public.customers.phone",
    category: str = "phone",
    level: int = 3,
    treatment: str = "clear",
    **more: Any,
) -> dict[str, Any]:
    """One column of a statement."""
    return {
        "column": column,
        "category": category,
        "level": level,
        "treatment": treatment,
        "mask": None,
        "rule": "r",
        "rows": None,
        **more,
    }


class Stream:
    """Records with numbers and times that follow each other; `at` are seconds behind BEGIN."""

    def __init__(self) -> None:
        self._seq = itertools.count(1)
        self._statement = itertools.count(1)

    def record(self, at: float, event: str, **fields: Any) -> dict[str, Any]:
        """One record."""
        time = (BEGIN + dt.timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        who = {
            "session": "s1",
            "principal": "tina",
            "on_behalf_of": None,
            "address": "10.0.0.7:5000",
            "application": "psql",
            "database": "bank",
        }
        return {"seq": next(self._seq), "time": time, "event": event, **who, **fields}

    def asked(
        self, at: float, *uses: dict[str, Any], rows: int | None = 1, status: str = "ok", **fields: Any
    ) -> list[dict[str, Any]]:
        """A statement and its end."""
        number = next(self._statement)
        said = {
            "text": "SELECT phone FROM customers WHERE id = ?",
            "ruling": "pass",
            "relations": ["public.customers"],
            **fields,
        }
        begun = self.record(
            at, "statement", statement=number, columns=list(uses), attributes={"role": "teller"}, **said
        )
        ended = self.record(at, "outcome", statement=number, status=status, rows=rows, bytes=10, sqlstate=None)
        for name in ("on_behalf_of", "address", "application", "database"):
            del ended[name]
        ended |= {name: begun[name] for name in ("session", "principal")}
        return [begun, ended]

    def opened(self, at: float, **fields: Any) -> dict[str, Any]:
        """A login."""
        return self.record(at, "session_opened", attributes={}, **fields)

    def refused(self, at: float, **fields: Any) -> dict[str, Any]:
        """A login that failed."""
        return self.record(
            at, "login_refused", **{"session": "", "reason": "wrong password", "sqlstate": "28P01", **fields}
        )


@pytest.fixture
def stream() -> Stream:
    """Records from the first one on."""
    return Stream()


@pytest.fixture
def watch() -> Callable[[str, Iterable[dict[str, Any]]], list[Told]]:
    """What rules tell of records. `rules` are lines of the list of rules."""

    def told(rules: str, records: Iterable[dict[str, Any]]) -> list[Told]:
        watching = Watching(book(rules))
        return [each for record in records for each in watching.feed(record)]

    return told


def book(rules: str) -> Any:
    """A rulebook of some rules, in Shanghai."""
    return parse_rules(f"version: 1\ntimezone: Asia/Shanghai\nrules:\n{rules}", "alerts.yaml")


@pytest.fixture
def make_book() -> Callable[[str], Any]:
    """Make a rulebook of the lines of some rules."""
    return book
