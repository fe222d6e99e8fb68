"""Everybody comes at once to a proxy that has just started, which has read no catalog yet: nobody is shown what it has not looked up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
from fixtures.mysql_house import MASKED, mysql_house_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

AT_ONCE = 12
ROUNDS = 3


def at_once(ask: Callable[[], Any]) -> list[Any]:
    """What each of many is answered who begin at the same moment."""
    line = threading.Barrier(AT_ONCE)

    def one(_: int) -> Any:
        line.wait(60)
        return ask()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def test_the_first_on_postgresql(louver_factory: Callable[..., RunningLouver], stage: Any) -> None:
    """One of them has the catalog read; the others wait for it, and are answered as ever."""
    for _ in range(ROUNDS):
        with louver_factory(users={"tina": {"role": "teller"}}, policies=stage.policies) as louver:

            def ask(louver: RunningLouver = louver) -> list[Any]:
                with psycopg.connect(louver.dsn("tina", database=stage.database), autocommit=True) as client:
                    return [client.execute("select phone from people order by id").fetchall() for _ in range(3)]

            assert at_once(ask) == [[[("****",)] * 9] * 3] * AT_ONCE


def test_the_first_on_mysql(either: LocalMySQL) -> None:
    """The same on both servers."""
    for _ in range(ROUNDS):
        with mysql_house_of(either) as house:

            def ask(house: Any = house) -> list[Any]:
                with house.connect("tina") as client, client.cursor() as cursor:
                    found = []
                    for _ in range(3):
                        cursor.execute("SELECT id, phone FROM customers ORDER BY id")
                        found.append(cursor.fetchall())
                    return found

            assert at_once(ask) == [[MASKED] * 3] * AT_ONCE
