"""What a session has surely undone: statements that failed, and transactions that were rolled back.

Owns following BEGIN and what ends it by the texts and tags of what has run. In doubt nothing was undone: what may have been
committed counts. May not do: know why somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.postgres.wire.replies import Execution

_BEGINS: Final = ("TRANS_STMT_BEGIN", "TRANS_STMT_START")
_ENDS: Final = ("TRANS_STMT_ROLLBACK", "TRANS_STMT_COMMIT")
_WITHIN: Final = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO")
_ROLLED_BACK: Final = b"ROLLBACK"
"""The tag of a ROLLBACK, and of a COMMIT of a transaction that had failed."""
_TRANSACTION: Final = "TransactionStmt"
_CODE: Final = ("DoStmt", "CallStmt")
"""What may have committed before it failed."""
_NOTHING: Final = range(0)


class Undoing:
    """Follows one session. `kind_of` gives the kind of the one statement of a text, "" when there are several."""

    def __init__(self, kind_of: Callable[[bytes], str]) -> None:
        self._kind_of = kind_of
        self._begun = 0  # the number of the BEGIN of the open transaction; 0 when there is none that is known

    def undone(self, execution: Execution) -> range:
        """The numbers that were reached before the executions that are undone now that this one has ended."""
        plan = execution.plan
        if plan is not None and _TRANSACTION in plan.judgement.kinds:
            return self._turned(execution)
        if (
            execution.status != "error"
            or plan is None
            or not plan.copies
            or self._kind_of(execution.text) in {"", *_CODE}
        ):
            return _NOTHING
        return range(execution.number - 1, execution.number)

    def _turned(self, execution: Execution) -> range:
        kind, begun = self._kind_of(execution.text), self._begun
        if kind in _WITHIN or (kind in _BEGINS and begun):
            return _NOTHING
        self._begun = execution.number if kind in _BEGINS and execution.status == "ok" else 0
        ended = begun and kind in _ENDS and execution.status == "ok" and execution.tag == _ROLLED_BACK
        return range(begun, execution.number - 1) if ended else _NOTHING
