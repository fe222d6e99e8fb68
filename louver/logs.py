"""The operational log on standard error: text for people or one JSON object a line for collectors.

Owns the format. Statements and values never go here; they belong to the audit trail.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.settings import Log

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Log nothing meanwhile: for commands that say what goes wrong in words of their own."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)


class _JsonFormatter(logging.Formatter):
    """One JSON object for each record: time (UTC, ISO 8601), level, logger, message, and the fault if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["fault"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    """Time, level, message; control characters are escaped, for clients choose some of the words."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the library's name
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in super().formatMessage(record))


def configure(settings: Log) -> None:
    """Send the log of the whole process to standard error, as the settings say."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonFormatter() if settings.format == "json" else _TextFormatter())
    logging.basicConfig(level=_LEVELS[settings.level], handlers=[handler], force=True)
