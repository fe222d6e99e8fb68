"""What the shells tell a client in their own words, whatever the protocol, when a session or a statement cannot go on.

Owns these words. May not do: anything.
"""

from __future__ import annotations

from audit.record import Judgement
from policies.model import Decision
from proxy.plans import Plan
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
OVERTAKEN = "louver: what this statement reads was changed by another session while it was under way"
OVERTAKEN_HINT = "Connect again, and send it again."
OUTGROWN = "louver: what you may see has changed, and this session cannot go on with it; connect again"


def unknown_plan() -> Plan:
    """What the audit says of a portal that SQL has opened (DECLARE, PREPARE); its statement was ruled and recorded."""
    judgement = Judgement((), "(continued from DECLARE or PREPARE)", None, (), (), "pass", "", 0)
    return Plan("pass", 0, Decision("", {}, {}), judgement, uses_made=True)
