"""What the kernel says of a process and its children: processor time and memory, from /proc (Linux, proc(5)).

Owns the reading of /proc. May not do: start or end anything.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_SHELLS = {"sh", "dash", "bash"}  # a supervising shell stands above each program; it is no part of what is measured

_SETTLE_SECONDS = 2.0
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Stat:
    """What is used of /proc/PID/stat: the command's name, its parent, and processor time in clock ticks.

    `ticks` is its own time, `reaped` that of its children that have ended.
    """

    name: str
    parent: int
    ticks: int
    reaped: int


def parse_stat(text: str) -> Stat:
    """Read a line of /proc/PID/stat. The name stands in parentheses and may itself hold spaces and parentheses."""
    opened, closed = text.index("("), text.rindex(")")
    fields = text[closed + 2 :].split()  # begins with field 3, the state; utime to cstime are fields 14 to 17
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    return Stat(text[opened + 1 : closed], int(fields[1]), user + system, children_user + children_system)


def family(root: int) -> dict[int, Stat]:
    """Return the programs below (and with) process `root`, shells left out."""
    stats: dict[int, Stat] = {}
    for path in _PROC.iterdir():
        if path.name.isdigit():
            try:
                stats[int(path.name)] = parse_stat((path / "stat").read_text(encoding="utf-8", errors="replace"))
            except (OSError, ValueError):  # it has ended meanwhile
                continue
    members = {root}
    grown = True
    while grown:
        more = {pid for pid, stat in stats.items() if stat.parent in members} - members
        members |= more
        grown = bool(more)
    return {pid: stats[pid] for pid in members if pid in stats and stats[pid].name not in _SHELLS}


def processor_seconds(root: int) -> float:
    """Return the processor time, user and system, that the programs of `root` have used, in seconds."""
    return sum(stat.ticks for stat in family(root).values()) / _TICKS


def all_seconds() -> float:
    """Return the processor time of everything that this process has started, ended or not, in seconds.

    Its own is left out: it only watches.
    """
    own = os.getpid()
    return sum(stat.reaped + (stat.ticks if pid != own else 0) for pid, stat in family(own).items()) / _TICKS


def settle() -> None:
    """Wait until no process that we have started comes or goes: the time of one that ends moves to its parent.

    Gives up after two seconds, for then something goes on that is part of what is measured.
    """
    end = time.monotonic() + _SETTLE_SECONDS
    before = set(family(os.getpid()))
    while time.monotonic() < end:
        time.sleep(_PAUSE_SECONDS)
        now = set(family(os.getpid()))
        if now == before:
            return
        before = now


def resident_megabytes(root: int) -> float:
    """Return the resident memory of the programs of `root` in MB of 1,000,000 bytes."""
    total = 0
    for pid in family(root):
        for line in (_PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total / 1e6
