"""What the proxy counts of itself: statements, their ends, how long they take; as plain whole numbers.

Owns the counters and histograms that metrics are made of. One thread writes them, any other may read them: each is one number, and
none is ever set back. The names by which they are told apart are fixed words of ours; nothing that a client, a policy or a database
has named is kept.
May not do: read a clock, know how the numbers are shown.
"""

from __future__ import annotations

from typing import Final

_US: Final = 1000
_MS: Final = 1_000_000

STATEMENT_BOUNDS: Final = tuple(
    _US * bound
    for bound in (
        100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000,
    )
)  # fmt: skip
"""Nanoseconds: from a cached look-up to a report."""

ADDED_BOUNDS: Final = tuple(
    _US * bound for bound in (10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 1_000_000)
)
"""Nanoseconds: from a plan that is at hand to a catalog that has to be read first."""

FAMILIES: Final = (
    "select", "insert", "update", "delete", "copy", "call", "definition", "transaction", "setting", "show", "prepared", "cursor",
    "other", "several", "unknown",
)  # fmt: skip
"""What a statement counts as: `several` is a text of statements of more than one family, `unknown` one that could not be read or was
denied."""

VERDICTS: Final = ("pass", "rewrite", "deny")

STATUSES: Final = ("ok", "error", "denied", "cancelled", "skipped", "lost")

CAUSES: Final = ("credentials", "limit", "database", "other")
"""Why a login is refused."""

_FAMILY_OF: Final = {
    "SelectStmt": "select", "InsertStmt": "insert", "UpdateStmt": "update", "DeleteStmt": "delete", "MergeStmt": "update",
    "CopyStmt": "copy", "CallStmt": "call", "DoStmt": "call", "TransactionStmt": "transaction", "VariableSetStmt": "setting",
    "VariableShowStmt": "show", "ExplainStmt": "show", "PrepareStmt": "prepared", "ExecuteStmt": "prepared",
    "DeallocateStmt": "prepared", "DeclareCursorStmt": "cursor", "FetchStmt": "cursor", "ClosePortalStmt": "cursor",
    "CreateTableAsStmt": "definition", "ViewStmt": "definition", "IndexStmt": "definition", "TruncateStmt": "definition",
    "RenameStmt": "definition", "SELECT": "select", "INSERT": "insert", "REPLACE": "insert", "UPDATE": "update",
    "DELETE": "delete", "LOAD DATA": "copy", "CALL": "call", "DO": "call", "BEGIN": "transaction",
    "START TRANSACTION": "transaction", "COMMIT": "transaction", "ROLLBACK": "transaction", "SAVEPOINT": "transaction",
    "RELEASE SAVEPOINT": "transaction", "XA": "transaction", "SET": "setting", "USE": "setting", "SHOW": "show",
    "EXPLAIN": "show", "PREPARE": "prepared", "EXECUTE": "prepared", "DEALLOCATE PREPARE": "prepared",
    "RENAME TABLE": "definition", "TRUNCATE": "definition", "UNKNOWN": "unknown",
}  # fmt: skip
_DEFINING: Final = ("Create", "Alter", "Drop", "CREATE ", "ALTER ", "DROP ")


def family(kinds: tuple[str, ...]) -> str:
    """Return what a text counts as, by the kinds of its statements as the audit has them."""
    found = {_FAMILY_OF.get(kind) or ("definition" if kind.startswith(_DEFINING) else "other") for kind in kinds}
    if len(found) > 1:
        return "several"
    return found.pop() if found else "unknown"


def cause(sqlstate: str) -> str:
    """Return why a login was refused, by the class of its SQLSTATE."""
    return {"28": "credentials", "53": "limit", "08": "database", "57": "database"}.get(sqlstate[:2], "other")


def _place(bounds: tuple[int, ...], nanoseconds: int) -> int:
    """Where a time is counted: beside the first bound that it is not beyond. Most times are short, and as native code this is the quickest."""
    for place in range(len(bounds)):
        if nanoseconds <= bounds[place]:
            return place
    return len(bounds)


class Count:
    """How often something has happened."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number: int = 0


class Histogram:
    """How often something has taken how long. `counts` has one number more than there are bounds, for what is beyond them."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.counts: list[int] = [0] * (len(bounds) + 1)
        self.total: int = 0

    def observe(self, nanoseconds: int) -> None:
        """Take down one time, in nanoseconds."""
        self.counts[_place(self.bounds, nanoseconds)] += 1
        self.total += nanoseconds


class Meter:
    """All that one process counts."""

    def __init__(self) -> None:
        self.statements: dict[tuple[str, str], Count] = {
            (each, verdict): Count() for each in FAMILIES for verdict in VERDICTS
        }
        self.ends: dict[str, Count] = {status: Count() for status in STATUSES}
        self.taken = Histogram(STATEMENT_BOUNDS)
        self.added = Histogram(ADDED_BOUNDS)
        self.sessions: int = 0  # that have begun
        self.refused: dict[str, Count] = {each: Count() for each in CAUSES}
        self.exposed: int = 0  # answers that were cut off because they would have shown a hidden column
        self.exceeded: int = 0  # answers that were cut off because they had more rows than a limit allows
        self.overtaken: int = 0  # answers that were cut off because others have changed what their statements read
        self.rows: int = 0
        self.sent: int = 0  # bytes of answers
        self.reloads: dict[str, Count] = {"ok": Count(), "failed": Count()}  # of policies
        self.current = True  # the policies in force are those that were read last
        self.recording = True  # the trail has taken what it was given last
        self.synced_at: float = (
            0.0  # when all that had been written until then was on the disk, in seconds of monotonic
        )
        self.delay: float = 0.0  # seconds by which the event loop was late last
        self.unrecorded: int = 0  # times that statements could not go because the audit trail could not be written

    def statement(self, kinds: tuple[str, ...], verdict: str) -> Count:
        """Return the counter of statements of these kinds that were ruled so."""
        return self.statements[family(kinds), verdict]

    def end(self, status: str, rows: bytes, sent: int, nanoseconds: int) -> None:
        """Count one statement that has ended: its rows as their digits, the bytes of its answer, and how long it took."""
        count = self.ends.get(status)
        if count is None:
            count = self.ends["lost"]
        count.number += 1
        if rows == b"1":  # most are, and reading digits takes longer than all the rest
            self.rows += 1
        elif rows:
            self.rows += int(rows)
        self.sent += sent
        taken = self.taken  # observe, written out: this is the hot path
        taken.counts[_place(STATEMENT_BOUNDS, nanoseconds)] += 1
        taken.total += nanoseconds
