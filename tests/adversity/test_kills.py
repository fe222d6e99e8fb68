"""The proxy is killed under load, again and again: what it answered is in the trail, which goes on and verifies.

Eight times here; LOUVER_KILLS=200 does it two hundred times, with another seed each time.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import psycopg
from fixtures.louver import running_louver

from audit import reader, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.postgres import LocalPostgres

KILLS = int(os.environ.get("LOUVER_KILLS", "8"))
CLIENTS = 4


class Load:
    """Clients that ask one numbered statement after the other, come back when they are cut off, and note what was answered."""

    def __init__(self, ask: Callable[[int], Iterator[str]]) -> None:
        self._ask = ask
        self._over = threading.Event()
        self.answered: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]

    def _run(self, client: int) -> None:
        while not self._over.is_set():
            with contextlib.suppress(psycopg.Error, OSError):
                for text in self._ask(client):
                    self.answered.append(text)
                    if self._over.is_set():
                        return
            time.sleep(0.02)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_no_answered_statement_is_lost(postgres: LocalPostgres, tmp_path: Path) -> None:
    """At a random moment, in the middle of statements of four clients, the process is gone; the next one goes on."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    audit = {"directory": str(tmp_path / "audit"), "statement_text": "whole", "segment_bytes": 65536}
    numbers = iter(range(10**9))
    answered: list[str] = []
    for _ in range(KILLS):
        with running_louver(postgres, users={"ann": {}}, audit=audit) as louver:

            def ask(client: int, louver: Any = louver) -> Iterator[str]:
                with psycopg.connect(louver.dsn("ann"), autocommit=True, connect_timeout=20) as session:
                    while True:
                        text = f"select 'call {next(numbers)} of {client}'"
                        session.execute(text, prepare=False)
                        yield text

            with Load(ask) as load:
                end = time.monotonic() + 60
                while len(load.answered) < 20:
                    assert time.monotonic() < end, louver.log
                    time.sleep(0.01)
                time.sleep(chance.random() * 0.3)
                os.kill(int((tmp_path / "audit" / segments.LOCK).read_text()), signal.SIGKILL)
            answered += load.answered
    with running_louver(postgres, users={"ann": {}}, audit=audit) as louver:
        louver.stop()
    report = reader.verified(tmp_path / "audit")
    assert report.intact, (seed, report.damages[:5])
    assert len(report.notes) == KILLS
    written = {each["text"] for each in reader.records(tmp_path / "audit") if each["event"] == "statement"}
    lost = [text for text in answered if text not in written]
    assert not lost, (seed, len(lost), lost[:5])
    assert len(answered) >= 20 * KILLS
