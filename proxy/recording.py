"""What the audit is told of one session: its opening, each statement before it leaves, each end.

Owns the caller's side of audit records and the pre-rendered parts of them. No record, no statement: AuditUnavailable
from here ends the session before anything leaves.
May not do: decide, know the protocol.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Literal

from audit import record
from audit.sealing import Sealer
from audit.values import MOST, ValueKey
from audit.writer import AuditUnavailable
from proxy.meter import Meter
from proxy.shown import Snapshots
from proxy.values import literals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit.record import Caller
    from audit.writer import Trail
    from proxy.context import Identity
    from proxy.meter import Count
    from proxy.plans import Plan
    from proxy.shown import Shown
    from proxy.values import Bound

log = logging.getLogger(__name__)

_PLANS: Final = 4096
"""Plans whose record one session refers back to, some 200 bytes each; as many as its world keeps plans."""

_TEXTS: Final = 256
"""Texts whose literals one session remembers the hashes of; nearly all have none."""

_CANCELED: Final = ("57014", "70100")
"""The SQLSTATE of a statement that somebody stopped: PostgreSQL's query_canceled, MySQL's ER_QUERY_INTERRUPTED."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What records keep of values, beyond what their statements have in common; None of each keeps nothing.

    `hashes` is the key for values that statements over labelled columns name, `snapshots` makes what takes down the rows of an answer
    that shows such a column as it is, `sealer` keeps texts for the auditor.
    """

    hashes: ValueKey | None = None
    snapshots: Snapshots | None = None
    sealer: Sealer | None = None


class Recorder:
    """Writes one session's records to the trail. Every method may raise AuditUnavailable."""

    def __init__(self, trail: Trail, caller: Caller, memory: Memory | None = None, meter: Meter | None = None) -> None:
        memory = Memory() if memory is None else memory
        self._trail = trail
        self._sealer = memory.sealer
        self._caller = self.caller = caller
        self.hashes = memory.hashes
        self.snapshots = memory.snapshots
        self._meter = Meter() if meter is None else meter
        # the segment that holds the plan's record for somebody, what refers to it, and what counts such statements
        self._told: dict[tuple[Plan, Identity | None], tuple[int, bytes, Count]] = {}
        self._outcome = record.outcome_prefix(caller)
        self._opened = perf_counter_ns()
        self._statements = 0
        self._named: dict[bytes, list[str]] = {}  # hashes of the literals in texts that have parameters
        self._hashed = b""  # the values of the statement that starts, as its record has them

    def opened(
        self,
        *,
        tls: bool,
        login: Literal["relay", "own"],
        proof: str,
        origins: Mapping[str, str],
        proxy: str | None = None,
    ) -> None:
        """The session has logged in, by a proof, at the proxy of this name; `origins` says from where each attribute is."""
        opened = record.session_opened(self._caller, tls=tls, login=login, proof=proof, origins=origins, proxy=proxy)
        self._trail.append(opened)
        self._trail.flush()
        self._meter.sessions += 1

    def start(
        self,
        plan: Plan,
        number: int,
        text: bytes,
        identity: Identity | None = None,
        bound: Bound | None = None,
    ) -> None:
        """One statement is about to leave; it may once the trail is flushed. `identity`: for whom, where that was said.

        `bound` is what its parameters are, if it has any.
        """
        if self._trail.deaf:
            self._statements += 1
            self._meter.statement(plan.judgement.kinds, plan.verdict).number += 1
            return
        hashes = self.hashes
        self._hashed = b"" if hashes is None or not plan.judgement.columns else self._values(hashes, text, bound)
        told = self._told.get((plan, identity))
        if told is not None and told[0] == self._trail.segment:
            self._append(plan, number, text, told[1])
            told[2].number += 1
        else:
            self._tell(plan, number, text, identity)
        self._statements += 1

    def _values(self, key: ValueKey, text: bytes, bound: Bound | None) -> bytes:
        """The values that a statement names, as its record has them. A text with parameters comes again, most others do not."""
        if bound is None:
            return record.values(key.digests(literals(text)))
        if bound.read:
            return record.values(key.digests(bound.values))
        named = self._named.get(text)
        if named is None:
            if len(self._named) >= _TEXTS:
                self._named.clear()
            named = self._named[text] = key.digests(literals(text))
        digests = key.digests(bound.values)
        if named:
            digests = list(dict.fromkeys(digests + named))[:MOST]
        return record.values(digests, bound.types)

    def _tell(self, plan: Plan, number: int, text: bytes, identity: Identity | None) -> None:
        """Write all that the plan's judgement says, once in each segment."""
        caller = self._caller if identity is None else _caller(self._caller, identity)
        seq = self._append(plan, number, text, record.statement_prefix(caller, plan.judgement))
        if len(self._told) >= _PLANS:
            self._told.clear()
        count = self._meter.statement(plan.judgement.kinds, plan.verdict)
        count.number += 1
        segment = self._trail.segment
        if seq and segment:
            self._told[plan, identity] = (segment, record.statement_like(self._caller, seq), count)

    def _append(self, plan: Plan, number: int, text: bytes, prefix: bytes) -> int:
        if self._sealer is not None:
            sealed = self._sealer.seal(self._caller.session, number, text)
            return self._trail.append(record.statement_sealed(self._hashed + prefix, number, sealed))
        if plan.judgement.text is not None:
            return self._trail.append(record.statement(self._hashed + prefix, number))
        shown = text.decode(errors="backslashreplace")
        return self._trail.append(record.statement_with_text(self._hashed + prefix, number, shown))

    def finish(  # noqa: PLR0913, PLR0917  the fields of the record
        self,
        number: int,
        status: str,
        rows: bytes,
        sent: int,
        nanoseconds: int,
        sqlstate: str,
        shown: Shown | None = None,
    ) -> None:
        """One statement has ended; written with the next flush. `shown` is what its rows were."""
        if status == "suspended":
            status = "ok"
        elif sqlstate in _CANCELED:
            status = "cancelled"
        self._meter.end(status, rows, sent, nanoseconds)
        if self._trail.deaf:
            return
        self._trail.append(
            record.outcome(
                self._outcome,
                number,
                status,
                rows=rows,
                bytes_=sent,
                duration_us=nanoseconds // 1000,
                sqlstate=sqlstate,
                shown=b"" if shown is None else record.shown(shown.hashes, shown.origins, listed=shown.whole),
            )
        )

    def exposed(self, column: str, sqlstate: str) -> None:
        """An answer was cut off before its first row, because the server said that it shows a hidden column."""
        reason = f"the server named the hidden column {column} as the origin of a result"
        self._meter.exposed += 1
        self._trail.append(record.denial(self._caller, what="answer", reason=reason, sqlstate=sqlstate))
        self._trail.flush()

    def exceeded(self, reason: str, sqlstate: str) -> None:
        """An answer was cut off, because it has more rows than a limit allows."""
        self._meter.exceeded += 1
        self._trail.append(record.denial(self._caller, what="answer", reason=reason, sqlstate=sqlstate))
        self._trail.flush()

    def overtaken(self, reason: str, sqlstate: str) -> None:
        """An answer was cut off, because others have changed what it reads."""
        self._meter.overtaken += 1
        self._trail.append(record.denial(self._caller, what="answer", reason=reason, sqlstate=sqlstate))
        self._trail.flush()

    def closed(self, reason: str) -> None:
        """The session has ended."""
        duration = (perf_counter_ns() - self._opened) // 1000
        self._trail.append(
            record.session_closed(self._caller, reason=reason, statements=self._statements, duration_us=duration)
        )
        self._trail.flush()


def _caller(caller: Caller, identity: Identity) -> Caller:
    """The caller as the audit names it for a statement that was ruled for this identity."""
    return replace(
        caller,
        attributes=identity.principal.attributes,
        on_behalf_of=identity.on_behalf_of,
        declared=identity.declared,
    )


def note(trail: Trail, meter: Meter, body: bytes) -> None:
    """Write a record that no statement waits for; of a trail that takes none the log tells."""
    try:
        trail.append(body)
        trail.flush()
    except AuditUnavailable as unavailable:
        meter.recording = False
        meter.unrecorded += 1
        log.error("audit: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
