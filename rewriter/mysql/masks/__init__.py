"""Masks as SQL of MySQL and MariaDB: `render` turns a mask of the policy into an expression of the column's own kind.

One file per mask; `target` knows the types, `literals` and `patterns` the quoting, `hashing` the keyed hash. The laws, proven on real servers: the kind of type
stays, with its character set and collation as implicit as a column's own; NULL stays NULL; no value raises an error or a
warning; no value passes through clear; and the expression means the same under every sql_mode, character set and setting
of the session. Where a mask does not fit a type, `full` takes its place, never the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.masks.shapes import SHAPED
from rewriter.keys import KeyMaterial, MissingKeyError
from rewriter.mysql.masks.address import render_address
from rewriter.mysql.masks.binary import render_binary
from rewriter.mysql.masks.bucket import render_bucket
from rewriter.mysql.masks.chinese_name import render_chinese_name
from rewriter.mysql.masks.constant import render_constant
from rewriter.mysql.masks.dates import render_age_band, render_month, render_year
from rewriter.mysql.masks.digits import render_digits
from rewriter.mysql.masks.email_address import render_email
from rewriter.mysql.masks.free_text import render_free_text
from rewriter.mysql.masks.full import render_full, render_null
from rewriter.mysql.masks.hashing import VARIABLES, key_statement
from rewriter.mysql.masks.json_paths import render_json
from rewriter.mysql.masks.keyed_hash import join_hash, render_hash
from rewriter.mysql.masks.network import render_ip
from rewriter.mysql.masks.noise import render_noise
from rewriter.mysql.masks.partial import render_partial, short_partial
from rewriter.mysql.masks.replacing import render_replace
from rewriter.mysql.masks.rounding import render_round
from rewriter.mysql.masks.shaped import shaped
from rewriter.mysql.masks.target import Cases, Request, target_of
from rewriter.mysql.masks.token import render_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.model import Mask
    from rewriter.mysql.catalog import Column
    from rewriter.mysql.masks.target import Shown

__all__ = [
    "RENDERERS",
    "VARIABLES",
    "KeyMaterial",
    "MissingKeyError",
    "join_hash",
    "key_statement",
    "render",
    "render_short",
]

RENDERERS: Final[Mapping[str, Callable[[Request], Shown | None]]] = {
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
"""Each mask of the policy: SQL of what stands for a value that is not NULL; None where it does not fit."""


def render(mask: Mask, column: Column, reference: str, key: KeyMaterial | None = None, *, padded: bool = True) -> str:
    """Give the SQL expression that shows `reference`, a column reference, under the mask.

    The expression can stand anywhere. `padded`: the session's sql_mode may have PAD_CHAR_TO_FULL_LENGTH when it is computed. Raises
    MissingKeyError when the mask is keyed and `key` is None, KeyError for a mask that does not exist.
    """
    target = target_of(column)
    request = Request(target, reference, dict(mask.parameters), key, padded)
    nothing = render_null(request)
    shown = RENDERERS[mask.name](request) or render_full(request) or nothing
    if shown == nothing:
        return nothing
    found = shown if isinstance(shown, Cases) else Cases((), shown)
    every = (*found.cases, (f"{reference} IS NOT NULL", found.otherwise))
    cases = " ".join(f"WHEN {condition} THEN {sql}" for condition, sql in every)
    # the column itself stands where it is NULL: the expression takes its collation and length, as implicit as a column's
    otherwise = f" ELSE {request.typed}" if target.merges else ""
    return f"CASE {cases}{otherwise} END"


def render_short(mask: Mask, column: Column, reference: str, *, padded: bool = True) -> tuple[str, int] | None:
    """Give an expression that the server reads in half the time, and how many characters it takes it to have; None where there is none.

    It shows the same as that of `render`, and may stand in the list of a SELECT whose description is put right.
    """
    if mask.name != "partial":
        return None
    return short_partial(Request(target_of(column), reference, dict(mask.parameters), None, padded))
