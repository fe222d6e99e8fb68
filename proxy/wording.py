"""What the shell tells a client in its own words, when a session or a statement cannot go on.

Owns these words. May not do: anything.
"""

from __future__ import annotations

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
CUT_OFF_HINT = "The definitions of the database may just have changed: connect again, and tell the operator of Louver."
OUTGROWN = "louver: what you may see has changed, and this session cannot go on with it; connect again"
UNREADABLE = "louver: client_encoding must be UTF8 and standard_conforming_strings on while columns are masked for you; connect again"
ABORTED = Refusal("25P02", "current transaction is aborted, commands ignored until end of transaction block")
