"""Masks as SQL: `render` turns a mask of the policy into an expression of the column's own type.

One file per mask; `target` knows the types, `literals` and `patterns` the quoting, `hashing` the keyed hash. The laws, proven on a
real server: the type stays, NULL stays NULL, no value raises an error, no value passes through clear, and nothing is
named without its schema. Where a mask does not fit a type, `full` takes its place, never the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.masks.registry import WHOLE
from policies.masks.shapes import SHAPED
from rewriter.keys import SETTING, KeyMaterial, MissingKeyError, key_material
from rewriter.postgres.masks.address import render_address
from rewriter.postgres.masks.binary import render_binary
from rewriter.postgres.masks.bucket import render_bucket
from rewriter.postgres.masks.chinese_name import render_chinese_name
from rewriter.postgres.masks.constant import render_constant
from rewriter.postgres.masks.dates import render_age_band, render_month, render_year
from rewriter.postgres.masks.digits import render_digits
from rewriter.postgres.masks.elements import VALUE, of_elements
from rewriter.postgres.masks.email_address import render_email
from rewriter.postgres.masks.free_text import render_free_text
from rewriter.postgres.masks.full import render_full, render_null
from rewriter.postgres.masks.json_paths import render_json
from rewriter.postgres.masks.keyed_hash import join_hash, render_hash
from rewriter.postgres.masks.network import render_ip
from rewriter.postgres.masks.noise import render_noise
from rewriter.postgres.masks.partial import render_partial
from rewriter.postgres.masks.replacing import render_replace
from rewriter.postgres.masks.rounding import render_round
from rewriter.postgres.masks.shaped import shaped
from rewriter.postgres.masks.target import Request, Target, element_of, target_of
from rewriter.postgres.masks.token import render_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.model import Mask
    from rewriter.postgres.catalog import Column

__all__ = ["RENDERERS", "SETTING", "KeyMaterial", "MissingKeyError", "join_hash", "key_material", "render"]

RENDERERS: Final[Mapping[str, Callable[[Request], str | None]]] = {
    "full": render_full,
    "null": render_null,
    "partial": render_partial,
    "chinese_name": render_chinese_name,
    **{name: shaped(name) for name in SHAPED},
    "email": render_email,
    "address": render_address,
    "ip": render_ip,
    "free_text": render_free_text,
    "replace": render_replace,
    "json": render_json,
    "binary": render_binary,
    "hash": render_hash,
    "token": render_token,
    "digits": render_digits,
    "round": render_round,
    "bucket": render_bucket,
    "noise": render_noise,
    "year": render_year,
    "month": render_month,
    "age_band": render_age_band,
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
    parameters = dict(mask.parameters)
    element = element_of(column) if target.base == "array" and mask.name not in WHOLE else None
    if element is None:
        shown = _rendered(mask, Request(target, reference, parameters, key))
    else:
        of = target_of(element)
        one = _rendered(mask, Request(of, VALUE, parameters, key))
        one = f"({one} COLLATE {of.collation})" if of.collation else one
        shown = _of_type(of_elements(reference, target, one), target)
    return f"({shown} COLLATE {target.collation})" if target.collation else f"({shown})"


def _rendered(mask: Mask, request: Request) -> str:
    return _of_type(RENDERERS[mask.name](request) or render_full(request), request.target)


def _of_type(shown: str, target: Target) -> str:
    return f"({shown})::{target.cast}" if target.needs_cast and not shown.startswith("NULL::") else shown
