"""Searching a month of audit trail: `python -m benchmarks.searching [--records N]`.

Owns the questions, and what is printed: how long each takes on this machine. The trail is made up by `month`, compacted but for its
last segment, and kept in build/month, so that a second run begins at once.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from audit import compaction, query, reader, tables
from audit.search import Criteria
from benchmarks import month

DIRECTORY = Path("build/month")
SEARCHES: dict[str, Criteria] = {
    "everything of one user": Criteria(user="teller-7"),
    "who saw names clear": Criteria(column="customers.name", treatment="clear"),
    "what was denied": Criteria(ruling="deny"),
    "what failed in the last third": Criteria(errors=True, since="2026-05-20T00:00:00.000000Z"),
    "one hour": Criteria(since="2026-05-10T09:00:00.000000Z", until="2026-05-10T10:00:00.000000Z"),
    "a text of one user": Criteria(user="teller-9", text="page 3 "),
    "a pattern that is nowhere": Criteria(pattern=re.compile("select.*union")),
    "a table and a category": Criteria(table="customers", category="id_card"),
}
COUNTS = ("person", "category", "treatment", "table", "day")


def main() -> None:
    """Make the trail if it is not there, ask, and print seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000, help="how many records the month has")
    arguments = parser.parse_args()
    where = DIRECTORY / str(arguments.records)
    if not (where / "made").exists():
        begun = time.perf_counter()
        month.write(where, arguments.records)
        print(f"{time.perf_counter() - begun:8.1f} s to make {arguments.records} records")
        begun, written = time.perf_counter(), _size(where)
        for number, _ in compaction.candidates(where, "9"):
            compaction.compact(where, number)
        print(f"{time.perf_counter() - begun:8.1f} s to compact {written >> 20} MiB to {_size(where) >> 20} MiB")
        (where / "made").touch()
    for name, criteria in SEARCHES.items():
        begun = time.perf_counter()
        with tables.opened([path for _, path in reader.existing(where, criteria.since)]) as connection:
            found = query.find(connection, criteria, 100)
            shown = len(list(found.entries))
        print(f"{time.perf_counter() - begun:8.2f} s {name}: {found.count} found, the last {shown} read")
    for by in COUNTS:
        begun = time.perf_counter()
        with tables.opened([path for _, path in reader.existing(where)]) as connection:
            kinds = len(query.counts(connection, Criteria(), by))
        print(f"{time.perf_counter() - begun:8.2f} s all of it by {by}: {kinds}")


def _size(where: Path) -> int:
    return sum(path.stat().st_size for path in where.iterdir())


if __name__ == "__main__":
    main()
