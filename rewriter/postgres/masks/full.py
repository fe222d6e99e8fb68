"""`full`: a constant of the column's type, whatever the value is; and `null`: NULL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.postgres.masks.literals import unless_null
from rewriter.postgres.masks.target import hidden, is_known

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_full(request: Request) -> str:
    """Hide everything, the length too. A type that no mask knows gives NULL."""
    if not is_known(request.target.base) and request.target.base != "array":
        return render_null(request)
    return unless_null(request.reference, hidden(request.target, str(request.parameters.get("character", "*"))))


def render_null(request: Request) -> str:
    """Give NULL of the column's type."""
    return f"NULL::{request.target.cast}"
