"""What both directions of a session know: pending replies, prepared statements, portals, transaction state.

Owns the state that the frontend and the backend reader share. May not do: read or write bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from policies.model import Decision
from proxy.context import Identity
from proxy.plans import Makes, Plan
from proxy.postgres.wire.replies import BIND_REPLY, Action, Execution, Owed, Pending
from proxy.postgres.wire.statements import Prepared
from proxy.shown import Field, Shown, Snapshots
from proxy.values import Bound
from proxy.violation import Violation
from proxy.witness import Witness
from rewriter.model import Probe

IDLE: Final = b"I"
IN_TRANSACTION: Final = b"T"
FAILED: Final = b"E"

_READING = {b"standard_conforming_strings": b"on", b"client_encoding": b"UTF8"}
"""The settings that say how the server reads a text, with the values under which we read it the same way."""


_LENT = frozenset((b"DateStyle", b"IntervalStyle"))
"""Settings that questions of our own change for some moments."""

_OURS = (Action.DROP, Action.CAPTURE)


class ProtocolViolation(Violation):
    """A peer broke the protocol: the session ends. `sqlstate` and the message are for the client."""

    def __init__(self, message: str, sqlstate: str = "08P01") -> None:
        super().__init__(message, sqlstate)


@dataclass(slots=True, eq=False)
class Conversation:
    """The shared state of one session.

    `epoch` and `decision` are those of the caller's world, set by the shell; epoch 0 has no plans, so that every Bind is
    ruled again; without a decision every Execute is. `skipping`: the server ignores everything up to the
    client's next Sync. `pipelined`: extended messages have been sent since the last Sync. `copying_in`: the server
    reads CopyData; `made`: the decisions under which cursors and statements were made by SQL (DECLARE, PREPARE) that may
    still be there. `swallowed` counts the Syncs sent to it meanwhile, which it ignores unless it has failed
    before. `names_stale`: a statement has been sent that may change what names mean. `farewell`: the server has
    told the client why the session ends. `readable`: the server reads texts as we do (plain strings, UTF-8). `bound`: the
    statement of the last Bind that was queued as BIND_REPLY. `defined`: a statement has ended that may have changed definitions, but not its
    transaction; `published`: the transaction of such a one has, which the shell takes down.
    `witness` is the world's, for what is executed without a plan of its own. `exceeded`: so many rows are the most that an answer may have, and it has more. `exposed`: the hidden column that the server has
    named as the origin of a result; nothing of the server's passes any more. `told`: the columns of which the client has been
    told that it compares masked values. `charge` counts what is compared with real values, or gives the error for it; `spend` does so for
    executions under grants, of which `unclaimed` are those that have to be counted elsewhere first.
    `snapshots` makes what takes down the rows of answers that show something, for which `fields` reads what a RowDescription says of them.
    `identity` is for whom statements are ruled now; None as long as nothing has been said of it since the login.
    """

    unknown_plan: Plan  # for a portal or statement made by SQL (DECLARE, PREPARE), ruled when that SQL was
    epoch: int = 0
    decision: Decision | None = None
    queue: Owed = field(default_factory=Owed)
    statements: dict[bytes, Prepared] = field(default_factory=dict)
    portals: dict[bytes, Prepared] = field(default_factory=dict)
    values: dict[bytes, Bound] | None = (
        None  # what is bound to portals, where the audit keeps hashes of it, or of what answers show
    )
    settings: dict[bytes, bool] = field(default_factory=dict)  # of those that matter: as they must be, or not
    status: bytes = IDLE
    skipping: bool = False
    pipelined: bool = False
    copying_in: bool = False
    swallowed: int = 0
    names_stale: bool = True
    names_touched: bool = False  # within the open transaction, so that its end may change names back
    made: list[tuple[Decision, Makes]] = field(default_factory=list)
    bound: Prepared | None = None
    defined: bool = False
    published: bool = False
    closing: bool = False
    farewell: bool = False
    readable: bool = True
    guarded: bool = True  # as far as is known something is or was hidden: errors must not quote what is stored
    witness: Witness | None = None
    exposed: str = ""
    exceeded: int = -1
    told: set[str] = field(default_factory=set)
    charge: Callable[[Sequence[Probe]], bytes] | None = None
    spend: Callable[[tuple[int, ...]], bytes] | None = None
    unclaimed: Callable[[tuple[int, ...]], bool] | None = None
    snapshots: Snapshots | None = None
    fields: Callable[[bytes], list[Field] | None] | None = None
    identity: Identity | None = None
    number: int = 0
    started: list[Execution] = field(default_factory=list)
    finished: list[Execution] = field(default_factory=list)

    def start(self, execution: Execution) -> None:
        """Queue a statement that runs, number it and hand it to the audit."""
        self.number += 1
        execution.number = self.number
        if self.identity is not None:
            execution.identity = self.identity
        if self.snapshots is not None and execution.shown is None:
            self.watch(execution)
        self.queue.append(execution)
        self.started.append(execution)
        plan = execution.plan
        if plan is not None and plan.makes != "none" and (plan.decision, plan.makes) not in self.made:
            self.made.append((plan.decision, plan.makes))
        if plan is not None and plan.names_effect != "none":
            if plan.names_effect == "changes":
                self.names_touched = True
            if self.names_touched:
                self.names_stale = True
                self.epoch = 0

    def showing(self, plan: Plan) -> bool:
        """Whether the audit is told what the rows of an answer are; of what SQL has prepared or opened it is not known what it shows."""
        return self.snapshots is not None and (plan.uses_made or plan.judgement.shows)

    def watch(self, execution: Execution) -> Shown | None:
        """Have the rows of an execution looked at, if the audit is told of them."""
        if self.snapshots is not None and self.showing(execution.plan):
            execution.watched = True
            execution.shown = self.snapshots.begin()
        return execution.shown

    def subject(self, entry: Pending) -> tuple[Plan | None, bytes]:
        """The plan and the client's text of the statement that an answer is about, where one is known."""
        if isinstance(entry, Execution):
            return entry.plan, entry.text
        prepared = self.bound if entry is BIND_REPLY else entry.prepared
        return (None, b"") if prepared is None else (prepared.plan, prepared.text)

    def report(self, name: bytes, value: bytes) -> bool:
        """The server has reported a setting; whether the client hears of it."""
        expected = _READING.get(name)
        if expected is not None:
            self.settings[name] = value == expected
            self.readable = all(self.settings.values())
        # when a question is answered, all that the client's own statements have changed is reported already
        return name not in _LENT or not self.queue or self.queue.head.action not in _OURS

    def news(self, plan: Plan) -> bytes:
        """The notices of a plan that the client has not got yet; with this it counts as told."""
        untold = [notice for column, notice in plan.notices if column not in self.told]
        self.told.update(column for column, _ in plan.notices)
        return b"".join(untold)

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

    def outdated(self) -> bool:
        """Whether a cursor or a statement made by SQL may be left from before the caller's decision changed."""
        now = self.decision
        return any(made is not now and (made.hides or now is None or now.hides) for made, _ in self.made)

    def running(self) -> list[Execution]:
        """The client's statements that have not ended."""
        return [entry for entry in self.queue if isinstance(entry, Execution)]
