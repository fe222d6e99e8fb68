"""Telling the audit trail that a column has got a label by what has become of it.

Owns the record's making from a label of the ledger. May not do: decide which column has which label.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from audit import record
from audit.writer import AuditUnavailable

if TYPE_CHECKING:
    from audit.writer import Trail
    from policies.model import ColumnName
    from proxy.book import Kept, Told

log = logging.getLogger(__name__)


def teller(trail: Trail) -> Told:
    """Return what writes into the trail that a column has got a label."""

    def tell(database: str, kept: Kept, sources: tuple[ColumnName, ...]) -> None:
        try:
            trail.append(
                record.labelled(
                    database=database or kept.column.schema,  # one thing on MySQL
                    column=str(kept.column),
                    category=kept.label.category,
                    level=kept.label.level,
                    why=kept.why,
                    sources=[str(source) for source in sources],
                    principal=kept.by or None,
                )
            )
        except AuditUnavailable as error:  # the ledger has it; statements are refused anyhow
            log.error("that %s is labelled is not recorded: %s", kept.column, error)  # noqa: TRY400  no trace worth reading

    return tell
