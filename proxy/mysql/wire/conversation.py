"""What both directions of a session know: the answer that is owed, prepared statements, the state of the session.

Owns the state that the reader of the client and that of the server share. May not do: read or write bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from policies.model import Decision
from proxy.context import Identity
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.replies import Execution, Pending
from proxy.mysql.wire.statements import Prepared
from proxy.mysql.wire.tracking import Tracked
from proxy.plans import Plan
from proxy.shown import Snapshots
from rewriter.model import Probe


class OriginWitness(Protocol):
    """What may not be the origin of a result column in the caller's world."""

    def forbids(self, schema: str, table: str, column: str) -> bool:
        """Whether the values of this column are hidden from the caller."""


@dataclass(slots=True, eq=False)
class Conversation:
    """The shared state of one session.

    `epoch` and `decision` are those of the caller's world, set by the shell; epoch 0 has no plans, so that every execution is
    ruled again. `tracked` is None when the state has to be asked for. `status` are the server's last flags. `sequence` is the number of
    the client's last packet. `files_asked`: the client is sending the file that the server wants. `prepared_bytes` are those of the
    texts of `statements`; `last` is the statement prepared last, which MariaDB's clients can name by -1. `guarded`: as far as is known something is hidden, so errors must not quote
    what is stored. `witness` is asked for the origins of results; `origins_of`: the witness of a plan that has one of its
    own. `exceeded`: so many rows are the most that an answer may have, and it has more. `exposed` is the hidden column that the server has named as
    one: nothing of the server's passes any more. `doubtful`: a statement has failed that may have changed the state all the same.
    `leaving` is the COM_CHANGE_USER of a client that wants to be another: it is looked at no more.
    `charge` counts what is compared with real values, or gives the error for it; `spend` does so for
    executions under grants, of which `unclaimed` are those that have to be counted elsewhere first.
    `hashes_values`: the audit keeps hashes of what parameters are; `snapshots` makes what takes down the rows of answers that show something.
    `identity` is for whom statements are ruled now; None as long as nothing has been said of it since the login. `forgotten` is called
    when the server has forgotten what the session had.
    """

    unknown_plan: Plan  # of what is refused before it has one
    capabilities: Capability
    files: bool
    epoch: int = 0
    decision: Decision | None = None
    owed: Pending | None = None
    statements: dict[int, Prepared] = field(default_factory=dict)
    prepared_bytes: int = 0
    last: Prepared | None = None
    tracked: Tracked | None = None
    status: int = 0
    sequence: int = 0
    files_asked: bool = False
    guarded: bool = True
    hashes_values: bool = False
    snapshots: Snapshots | None = None
    witness: OriginWitness | None = None
    exposed: str = ""
    exceeded: int = -1
    origins_of: Callable[[Plan], OriginWitness | None] | None = None
    closing: bool = False
    leaving: bytes = b""
    farewell: bool = False
    doubtful: bool = False
    charge: Callable[[Sequence[Probe]], bytes] | None = None
    spend: Callable[[tuple[int, ...]], bytes] | None = None
    unclaimed: Callable[[tuple[int, ...]], bool] | None = None
    identity: Identity | None = None
    forgotten: Callable[[], None] | None = None
    number: int = 0
    started: list[Execution] = field(default_factory=list)
    finished: list[Execution] = field(default_factory=list)

    @property
    def readable(self) -> bool:
        """Whether the state is known, and the server reads texts in UTF-8 as we do."""
        return self.tracked is not None and self.tracked.readable

    def start(self, execution: Execution) -> None:
        """Owe the answer of a statement that runs, number it and hand it to the audit."""
        self.number += 1
        execution.number = self.number
        if self.identity is not None:
            execution.identity = self.identity
        if self.snapshots is not None and (execution.plan.uses_made or execution.plan.judgement.shows):
            execution.shown = self.snapshots.begin()
        self.owed = execution
        self.started.append(execution)

    def spent(self, plan: Plan) -> bytes:
        """The error for an execution whose grant is over, b"" when it is in force or there is none; then it is counted."""
        grants = plan.judgement.grants
        return self.spend(grants) if grants and self.spend is not None else b""

    def unpaid(self, plan: Plan) -> bool:
        """Whether an execution has to be counted where all proxies see it before it can be `spent`."""
        grants = plan.judgement.grants
        return bool(grants) and self.unclaimed is not None and self.unclaimed(grants)

    def overdrawn(self, probes: Sequence[Probe]) -> bytes:
        """The error for what may be asked of real values no more, b"" when it may; then it is counted."""
        return self.charge(probes) if probes and self.charge is not None else b""

    def find(self, number: int) -> Prepared | None:
        """The prepared statement of this number of the client's."""
        return self.last if number == LAST else self.statements.get(number)

    def keep(self, prepared: Prepared) -> None:
        """The client's statement is prepared: it is the last one now."""
        self._release(prepared.client_id)
        self.statements[prepared.client_id] = prepared
        self.prepared_bytes += len(prepared.text)
        self.last = prepared

    def forget(self, prepared: Prepared) -> None:
        """The client has closed a statement."""
        self._release(prepared.client_id)
        if self.last is prepared:
            self.last = None

    def _release(self, number: int) -> None:
        released = self.statements.pop(number, None)
        if released is not None:
            self.prepared_bytes -= len(released.text)

    def reset(self) -> None:
        """The server has forgotten what the session had: statements, cursors, settings."""
        self.statements.clear()
        self.prepared_bytes = 0
        self.last = None
        self.tracked = None
        if self.forgotten is not None:
            self.forgotten()

    def running(self) -> list[Execution]:
        """The client's statements that have not ended."""
        return [self.owed] if isinstance(self.owed, Execution) else []


LAST = 0xFFFFFFFF
"""The number by which MariaDB's clients mean the statement that was prepared last."""
