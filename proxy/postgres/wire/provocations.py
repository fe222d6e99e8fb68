"""What must fail in place of what is refused, and what the client is told then.

A denial is provoked, not invented: the server itself fails a message of ours, so it alone owns transaction state, order
and the skipping to Sync.
May not do: keep state, decide.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.postgres.wire import frames
from proxy.postgres.wire.frames import frame

REFUSED = b"louver.refused"
"""The name of a prepared statement and a portal that never exist, and a text that never parses."""

PROVOKE_QUERY = frame(frames.QUERY, REFUSED + b"\0")
PROVOKE_BIND = frame(frames.BIND, b"\0" + REFUSED + b"\0" + bytes(6))
PROVOKE_EXECUTE = frame(frames.EXECUTE, REFUSED + b"\0\0\0\0\0")


@dataclass(frozen=True, slots=True)
class Refusals:
    """ErrorResponse payloads for what the session refuses by itself.

    `too_long`: a statement over the limit; `no_functions`: a FunctionCall; `changed`: what was opened or prepared under
    a decision that has changed; `reshaped`: what was prepared over relations that have changed.
    """

    too_long: bytes
    no_functions: bytes
    changed: bytes
    reshaped: bytes


def parse_frame(name: bytes, text: bytes, parameter_types: bytes) -> bytes:
    """A Parse message; `parameter_types` is their count and their OIDs."""
    return frame(frames.PARSE, name + b"\0" + text + b"\0" + parameter_types)


def provoke_parse(name: bytes) -> bytes:
    """A Parse message that fails, of a statement of this name."""
    return parse_frame(name, REFUSED, b"\0\0")
