"""What must fail in place of what is refused, and what the client is told of what the session refuses by itself.

A denial is provoked, not invented: the server itself fails a statement of ours, so it alone owns transaction state, warnings
and the numbers of packets. May not do: keep state, decide.
"""

from __future__ import annotations

from typing import Final

from proxy.mysql.wire.messages import error

SIGNAL: Final = b"SIGNAL SQLSTATE '42000' SET MESSAGE_TEXT = 'louver: refused', MYSQL_ERRNO = 1142"
"""Fails in every state of a session, and leaves what a refusal leaves: SHOW WARNINGS tells of it."""

TOO_LONG: Final = error(
    1153, "08S01", "louver: the statement is longer than louver reads; send it in parts, or values as parameters"
)
OTHER_PACKETS: Final = error(
    1153,
    "08S01",
    "louver: the statement takes more packets than the client has counted once columns are masked; send it in parts",
)
TOO_MANY_TEXTS: Final = error(
    1461,
    "42000",
    "louver: the statements that this session has prepared are too long in all; close those that are not needed",
)
NO_COMMAND: Final = error(
    1235,
    "42000",
    "louver: this command does not pass the proxy (replication, debugging and what SQL has statements for)",
)
NO_REWRITTEN_COMMAND: Final = error(
    1235,
    "42000",
    "louver: this command cannot be answered for a caller who sees parts masked; use the statement in its place",
)
NO_FILE: Final = error(
    3948, "42000", "louver: LOAD DATA LOCAL is not allowed here: the database may not ask clients for files"
)
CHANGED: Final = error(1615, "HY000", "louver: what may be shown has changed; open the cursor again")
PREPARE_AGAIN: Final = error(1615, "HY000", "louver: what may be shown has changed; prepare the statement again")
READ_OTHERWISE: Final = error(
    1615, "HY000", "louver: sql_mode or the character set has changed what texts mean; prepare the statement again"
)
