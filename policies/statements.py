"""Kinds of statements, as conditions see them in `statement.kind`, and what holds where the kind is not certain.

Owns the words, and putting the decisions for all kinds together: what cannot be told for sure to be of one kind gets the least that
any of them does. May not do: read a statement; the rewriters tell its kind.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from policies.masks import DEFAULT_MASK
from policies.model import Decision, Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policies.model import OnWrite

Kind = Literal["select", "insert", "update", "delete", "copy", "create", "other"]

KINDS: Final[tuple[Kind, ...]] = ("select", "insert", "update", "delete", "copy", "create", "other")
"""select: a query. insert, update, delete: a change of rows, with all that it reads. copy: COPY. create: a table made of a query.
other: all others. No statement is decided as `other`: it gets the least of what there is."""


def together(decisions: Mapping[Kind, Decision]) -> Decision:
    """The decision where the kind is not certain, which holds those for each kind."""
    first = next(iter(decisions.values()))
    if all(each.treatments == first.treatments for each in decisions.values()):
        return first
    treatments = {
        column: _least([each.treatments[column] for each in decisions.values()]) for column in first.treatments
    }
    return replace(first, treatments=treatments, kinds=tuple(decisions.items()))


def _least(treatments: Iterable[Treatment]) -> Treatment:
    """What all of some treatments show: the only one that hides, or nothing at all where they hide otherwise."""
    found = list(dict.fromkeys(treatments))
    hiding = [each for each in found if each.hides]
    if len(hiding) <= 1:
        return hiding[0] if hiding else found[0]
    denied = next((each for each in hiding if each.kind == "deny"), None)
    on_write: OnWrite = "deny" if any(each.on_write == "deny" for each in hiding) else "preserve"
    if denied is not None:
        return replace(denied, on_write=on_write)
    return Treatment("mask", hiding[0].rule, DEFAULT_MASK, on_write=on_write)
