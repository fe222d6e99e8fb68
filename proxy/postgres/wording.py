"""What the shell of a PostgreSQL session tells its client in its own words, when a session or a statement cannot go on.

Owns these words. May not do: anything.
"""

from __future__ import annotations

from typing import Final

from proxy.postgres.wire.messages import error_response, report_fields
from proxy.postgres.wire.provocations import Refusals
from rewriter.model import Refusal

UNREADABLE: Final = "louver: client_encoding must be UTF8 and standard_conforming_strings on while columns are masked for you; connect again"
_PREPARE_AGAIN: Final = "RevalidateCachedQuery"
"""PostgreSQL's routine that reports a prepared statement whose result has changed: by it, and 0A000, drivers know to prepare again."""
ABORTED: Final = Refusal("25P02", "current transaction is aborted, commands ignored until end of transaction block")


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
            "0A000",
            "louver: what you may see has changed since this cursor was opened or this statement was prepared",
            hint="Open or prepare it again; a statement made by PREPARE, or a cursor WITH HOLD, in a new connection.",
            routine=_PREPARE_AGAIN,
        ),
        reshaped=report_fields(
            "ERROR",
            "0A000",
            "cached plan must not change result type",
            hint="A table of this prepared statement has changed: prepare it again.",
            routine=_PREPARE_AGAIN,
        ),
    )
