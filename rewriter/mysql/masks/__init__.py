"""Masks as SQL of MySQL and MariaDB: `render` turns a mask of the policy into an expression of the column's own kind.

One file per mask; `target` knows the types, `literals` the quoting. The laws, proven on real servers: the kind of type
stays, with its character set and collation as implicit as a column's own; NULL stays NULL; no value raises an error or a
warning; no value passes through clear; and the expression means the same under every sql_mode, character set and setting
of the session. Where a mask does not fit a type, `full` takes its place, never the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.keys import KeyMaterial, MissingKeyError
from rewriter.mysql.masks.constant import render_constant
from rewriter.mysql.masks.email_address import render_email
from rewriter.mysql.masks.full import render_full, render_null
from rewriter.mysql.masks.keyed_hash import VARIABLES, key_statement, render_hash
from rewriter.mysql.masks.partial import render_partial
from rewriter.mysql.masks.rounding import render_round
from rewriter.mysql.masks.target import Request, target_of
from rewriter.mysql.masks.year import render_year

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.model import Mask
    from rewriter.mysql.catalog import Column

__all__ = ["RENDERERS", "VARIABLES", "KeyMaterial", "MissingKeyError", "key_statement", "render"]

RENDERERS: Final[Mapping[str, Callable[[Request], str | None]]] = {
    "full": render_full,
    "null": render_null,
    "partial": render_partial,
    "email": render_email,
    "hash": render_hash,
    "round": render_round,
    "year": render_year,
    "constant": render_constant,
}
"""Each mask of the policy: SQL of what stands for a value that is not NULL; None where it does not fit."""


def render(mask: Mask, column: Column, reference: str, key: KeyMaterial | None = None) -> str:
    """Give the SQL expression that shows `reference`, a column reference, under the mask.

    The expression can stand anywhere. Raises MissingKeyError when the mask is keyed and `key` is None, KeyError for a mask
    that does not exist.
    """
    target = target_of(column)
    request = Request(target, reference, dict(mask.parameters), key)
    shown = RENDERERS[mask.name](request) or render_full(request)
    if shown is None:
        shown = render_null(request)
    if mask.name == "null" or shown == render_null(request):
        return shown
    # the column itself stands where it is NULL: the expression takes its collation and length, as implicit as a column's
    otherwise = f" ELSE {request.typed}" if target.merges else ""
    return f"CASE WHEN {reference} IS NOT NULL THEN {shown}{otherwise} END"
