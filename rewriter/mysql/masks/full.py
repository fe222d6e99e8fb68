"""`full`: a constant of the column's type, whatever the value is; and `null`: NULL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.mysql.masks.target import hidden

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request


def render_full(request: Request) -> str | None:
    """Hide everything, the length too. A type that no mask knows has no constant: it is shown as NULL."""
    return hidden(request.target, str(request.parameters.get("character", "*")))


def render_null(request: Request) -> str:
    """Give NULL of the column's type."""
    return f"IF(FALSE, {request.typed}, NULL)"
