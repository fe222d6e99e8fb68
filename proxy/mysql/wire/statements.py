"""A statement on its way: waiting for its ruling, and prepared once it has one.

Owns these two values, and whether what is prepared still stands under a new ruling. May not do: read bytes, rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from proxy.context import Identity
    from proxy.mysql.wire.tracking import Tracked
    from proxy.plans import Plan, Ruling
    from proxy.shown import Field

Source = Literal["query", "prepare", "execute", "fetch", "init_db", "field_list", "kill"]


class Statement:
    """A text that waits for a ruling; nothing behind it is looked at before `answer`.

    `execute`: it is prepared and about to run, but the caller's decision may have changed since. `fetch`: its cursor is open,
    but the caller's decision is not known at this moment. `init_db`, `field_list` and `kill` are commands, given as the SQL that does
    the same. `tracked` is the state of the session that the text is read in: of now, or of when it was prepared; None when that
    is not known.
    """

    def __init__(self, text: bytes, source: Source, tracked: Tracked | None) -> None:
        self.text = text
        self.source = source
        self.tracked = tracked


class Prepared:
    """A prepared statement: the client's text and number, and the plan it was ruled by.

    `sent` is the text that the server got in place of the client's, None when it got that; `server_id` its number there, 0 when it
    is not prepared there any more. `types` are those of the parameters as the client sent them last, which it need not
    repeat, and the server forgets when a statement is prepared anew. `cursor` is the plan that an open cursor was opened under.
    `long_data`: the server holds parameters that were sent ahead. `broken`: preparing it anew has failed with this error.
    """

    client_id: int = 0
    server_id: int = 0
    parameters: int = 0
    types: bytes = b""
    sent_types: bool = False  # to this statement of the server's
    long_data: bool = False
    cursor: Plan | None = None
    broken: bytes = b""
    identity: Identity | None = None  # for whom it was ruled last, where that was said
    columns: list[tuple[Field, int, bool]] | None = None  # of the rows of its cursor, where the audit looks at them

    def __init__(self, text: bytes, plan: Plan, sent: bytes | None, tracked: Tracked | None) -> None:
        self.text = text
        self.plan = plan
        self.sent = sent
        self.tracked = tracked


def still_prepared(prepared: Prepared, ruling: Ruling) -> bool:
    """Whether what the server has prepared is what a new ruling would have it prepare."""
    return prepared.server_id != 0 and prepared.sent == ruling.text
