"""The kernel's numbers of a process and those below it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time

import pytest

from benchmarks import processes
from benchmarks.processes import Stat, all_seconds, family, parse_stat, processor_seconds, resident_megabytes, settle

_STAT = "4242 (odd) name) S 17 4242 4242 0 -1 4194560 900 0 0 0 123 45 6 7 20 0 1 0 5000 1000000 300\n"


def test_a_name_may_hold_parentheses() -> None:
    """Fields are counted from the last parenthesis; user and system time are added, children's apart."""
    assert parse_stat(_STAT) == Stat("odd) name", 17, 168, 13)


def test_children_count_and_shells_do_not() -> None:
    """A program below a shell is measured, the shell is not; work done shows as processor time."""
    work = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        ["/bin/sh", "-c", '"$0" -c "$1"; true', sys.executable, work], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        members = family(shell.pid)
        assert shell.pid not in members
        assert len(members) == 1
        assert processor_seconds(shell.pid) >= 0.25
        assert 2 < resident_megabytes(shell.pid) < 200
        shell.communicate(b"\n", timeout=20)


def test_time_is_that_of_now() -> None:
    """What this process works between two readings is their difference, to the clock's tick."""
    before, begun = processor_seconds(os.getpid()), time.process_time()
    while time.process_time() < begun + 0.2:
        pass
    assert 0.15 < processor_seconds(os.getpid()) - before < 2


def test_what_has_ended_still_counts() -> None:
    """The time of a child that has ended is in the whole; what this process itself does is not."""
    before, begun = all_seconds(), time.process_time()
    work = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    while time.process_time() < begun + 0.6:
        pass
    assert 0.25 < all_seconds() - before < 0.3 + 0.6  # the child takes some time to start, more on a busy machine


def test_settling_ends_when_nothing_comes_or_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """While children come and go it looks again, for two seconds at most."""
    looks: list[set[int]] = [{1}, {1, 2}, {1, 3}, {1, 3}, {1, 4}]
    monkeypatch.setattr(processes, "family", lambda _: looks.pop(0))
    settle()
    assert looks == [{1, 4}]
    numbers = itertools.count()
    monkeypatch.setattr(processes, "family", lambda _: {next(numbers)})
    begun = time.monotonic()
    settle()
    assert time.monotonic() - begun > 1.9
    assert next(numbers) > 2
