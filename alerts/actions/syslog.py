"""Syslog: a message as one line, to a collector in one's own network (RFC 3164 by UDP or TCP).

Owns the form of the line. For the whole trail there is `louver audit ship`.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

from alerts.actions.delivery import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alerts.actions.delivery import Message, Send

_LEVELS: Final = {"low": logging.INFO, "medium": logging.WARNING, "high": logging.ERROR, "critical": logging.CRITICAL}
_LONGEST: Final = 8000
"""Bytes of a line that usual collectors take (rsyslog's default is 8 KiB)."""


class _Handler(logging.handlers.SysLogHandler):
    """Says when it fails, in place of printing a traceback."""

    append_nul = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        """Raise what has happened."""
        del record
        raise sys.exc_info()[1] or OSError("unknown")


def sender(options: Mapping[str, Any]) -> Send:
    """Give what sends to one collector."""
    tcp = options.get("protocol", "udp") == "tcp"
    address = (str(options["host"]), int(options.get("port", 514)))
    facility = logging.handlers.SysLogHandler.facility_names[str(options.get("facility", "auth"))]

    def send(message: Message) -> None:
        line = f"louver: {message.headline} {json.dumps({'id': message.id, **message.fields}, separators=(',', ':'))}"
        line = line.encode()[:_LONGEST].decode(errors="ignore") + ("\n" if tcp else "")
        try:
            handler = _Handler(address, facility, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
            try:
                handler.emit(logging.LogRecord("louver", _LEVELS[message.severity], "", 0, "%s", (line,), None))
            finally:
                handler.close()
        except OSError as error:
            raise DeliveryFailed(f"the collector cannot be reached: {error}") from None

    return send
