"""What the ready-made alerts find of planted misuse, how many false alarms they raise, and how fast they read.

    python -m benchmarks.alerts [--seeds 3] [--people 40]

Makes five weeks and a recorded day for each seed (see benchmarks/misuse.py), follows them from the first record, and counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.loader import parse_rules
from alerts.watching import Watching
from audit import reader
from benchmarks.misuse import DAY, ZONE, Planted, Traffic

if TYPE_CHECKING:
    from alerts.watching import Told

RULES = 'version: 1\ntimezone: Asia/Shanghai\nstandard: true\nspare: ["svc_*"]\n'


@dataclass(frozen=True, slots=True)
class Score:
    """How one trail was judged; messages by rule.

    `false`: on the day, about those who did nothing; `first`: of the first week, when nothing is known to be usual; `before`: of
    the weeks between.
    """

    planted: int
    found: tuple[Planted, ...]
    missed: tuple[Planted, ...]
    told: int
    false: Counter[str]
    first: Counter[str]
    before: Counter[str]
    days_before: int
    statements: int
    records: int
    seconds: float


def score(directory: Path, traffic: Traffic, weeks: int) -> Score:
    """Read a trail as `louver alerts run` would, and compare what is told with what was planted."""
    watching = Watching(parse_rules(RULES, "alerts.yaml"))
    begins = round((DAY - ZONE).timestamp() * 1_000_000)
    known = begins - 7 * (weeks - 1) * 86_400_000_000
    told: list[Told] = []
    count = 0
    started = time.perf_counter()
    for each in reader.records(directory):
        told += watching.feed(each)
        count += 1
    seconds = time.perf_counter() - started
    of_day = [each for each in told if each.at >= begins]
    said = {Planted(each.rule, each.fields["subject"]["name"]) for each in of_day}
    subjects = {each.subject for each in traffic.planted}
    return Score(
        planted=len(traffic.planted),
        found=tuple(each for each in traffic.planted if each in said),
        missed=tuple(each for each in traffic.planted if each not in said),
        told=len(of_day),
        false=Counter(each.rule for each in of_day if each.fields["subject"]["name"] not in subjects),
        first=Counter(each.rule for each in told if each.at < known),
        before=Counter(each.rule for each in told if known <= each.at < begins),
        days_before=7 * (weeks - 1),
        statements=traffic.statements,
        records=count,
        seconds=seconds,
    )


def measure(seed: int, people: int, weeks: int) -> Score:
    """Make a trail and judge it."""
    with tempfile.TemporaryDirectory() as place:
        traffic = Traffic(Path(place) / "audit", seed, people, weeks)
        traffic.run()
        return score(Path(place) / "audit", traffic, weeks)


def main() -> None:
    """Print the figures of each seed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--people", type=int, default=40)
    asked.add_argument("--weeks", type=int, default=5)
    given = asked.parse_args()
    for seed in range(1, given.seeds + 1):
        got = measure(seed, given.people, given.weeks)
        print(
            f"seed {seed}: {got.statements} statements, {got.records} records, read in {got.seconds:.1f} s ({got.records / got.seconds:,.0f}/s)"
        )
        print(f"  planted {got.planted}, found {len(got.found)}, messages on the day {got.told}")
        print(f"  missed: {', '.join(f'{each.rule} {each.subject}' for each in got.missed) or 'none'}")
        print(f"  false alarms on the day: {sum(got.false.values())} {dict(got.false)}")
        print(f"  in the first week, when nothing was known to be usual: {sum(got.first.values())} {dict(got.first)}")
        print(
            f"  messages in the {got.days_before} days between, with nothing planted: {sum(got.before.values())} {dict(got.before)}"
        )


if __name__ == "__main__":
    main()
