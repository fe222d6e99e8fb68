"""Masks as SQL: `render` turns a mask of the policy into an expression of the column's own type.

One file per mask; `target` knows the types, `literals` the quoting, `keys` the key of `hash`. The laws, proven on a
real server: the type stays, NULL stays NULL, no value raises an error, no value passes through clear, and nothing is
named without its schema. Where a mask does not fit a type, `full` takes its place, never the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.keys import SETTING, KeyMaterial, MissingKeyError, key_material
from rewriter.postgres.masks.constant import render_constant
from rewriter.postgres.masks.email_address import render_email
from rewriter.postgres.masks.full import render_full, render_null
from rewriter.postgres.masks.keyed_hash import join_hash, render_hash
from rewriter.postgres.masks.partial import render_partial
from rewriter.postgres.masks.rounding import render_round
from rewriter.postgres.masks.target import Request, target_of
from rewriter.postgres.masks.year import render_year

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.model import Mask
    from rewriter.postgres.catalog import Column

__all__ = ["RENDERERS", "SETTING", "KeyMaterial", "MissingKeyError", "join_hash", "key_material", "render"]

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
"""Each mask of the policy: SQL that is NULL for NULL, of the type or (for text) cast to it here; None where it does not fit."""


def render(mask: Mask, column: Column, reference: str, key: KeyMaterial | None = None) -> str:
    """Give the SQL expression that shows `reference`, a column reference, under the mask.

    The expression is parenthesised and has the column's type and collation; a domain gives its base type. It is kept
    short, for the server parses and plans it with every statement. Raises MissingKeyError when the mask is keyed and
    `key` is None, KeyError for a mask that does not exist.
    """
    target = target_of(column)
    request = Request(target, reference, dict(mask.parameters), key)
    shown = RENDERERS[mask.name](request) or render_full(request)
    if target.needs_cast and not shown.startswith("NULL::"):
        shown = f"({shown})::{target.cast}"
    return f"({shown} COLLATE {target.collation})" if target.collation else f"({shown})"
