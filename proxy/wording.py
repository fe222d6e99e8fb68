"""What the shell tells a client in its own words, when a session or a statement cannot go on.

Owns these words. May not do: anything.
"""

from __future__ import annotations

from audit.record import Judgement
from policies.model import Decision
from proxy.plans import Plan
from proxy.postgres.messages import error_response, report_fields
from proxy.postgres.provocations import Refusals
from rewriter.model import Refusal

NO_CATALOG = Refusal(
    "55000",
    "louver cannot read the catalog of this database, so nothing can be ruled",
    hint="The operator of Louver finds the reason in its log; the next statement tries again.",
)
NO_LEDGER = Refusal(
    "58030",
    "louver cannot write down which columns become sensitive, so nothing may be ruled that hangs on it",
    hint="The operator of Louver finds the reason in its log; the next statement tries again.",
)
UNSETTLED = Refusal(
    "55000",
    "louver cannot rule this statement: policies or definitions change faster than they can be looked at",
    hint="Send it again.",
)
CUT_OFF_HINT = "The definitions of the database may just have changed: connect again, and tell the operator of Louver."
OUTGROWN = "louver: what you may see has changed, and this session cannot go on with it; connect again"
UNREADABLE = "louver: client_encoding must be UTF8 and standard_conforming_strings on while columns are masked for you; connect again"
ABORTED = Refusal("25P02", "current transaction is aborted, commands ignored until end of transaction block")


def too_many(limit: str) -> bytes:
    """The farewell of a connection above a limit, which is told in words."""
    return error_response(
        "FATAL", "53300", f"louver: too many connections, {limit}", hint="Close some, or raise the limit in `limits`."
    )


def refusals(statement_bytes: int) -> Refusals:
    """What a session machine refuses by itself; `statement_bytes` is the limit of one text."""
    return Refusals(
        too_long=report_fields(
            "ERROR",
            "54000",
            f"louver: the statement is longer than {statement_bytes} bytes",
            hint="Send the data with COPY or as a parameter, or raise `limits.statement_bytes`.",
        ),
        no_functions=report_fields(
            "ERROR",
            "0A000",
            "louver: function calls by the protocol's fast path are refused",
            hint="Call the function in a SELECT.",
        ),
        changed=report_fields(
            "ERROR",
            "42501",
            "louver: what you may see has changed since this cursor was opened or this statement was prepared",
            hint="Open or prepare it again; a statement made by PREPARE, or a cursor WITH HOLD, in a new connection.",
        ),
        reshaped=report_fields(
            "ERROR",
            "0A000",
            "cached plan must not change result type",
            hint="A table of this prepared statement has changed: prepare it again.",
        ),
    )


def unknown_plan() -> Plan:
    """What the audit says of a portal that SQL has opened (DECLARE, PREPARE); its statement was ruled and recorded."""
    judgement = Judgement((), "(continued from DECLARE or PREPARE)", None, (), (), "pass", "", 0)
    return Plan("pass", 0, Decision("", {}, {}), judgement, uses_made=True)
