"""Plans: what has been decided for the shape of a statement, and the cache that finds it again.

Owns the plan, the ruling (a plan applied to one text) and the cache of one caller's world.
May not do: parse SQL, decide, or know a protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from audit.record import Judgement  # noqa: TC001  mypyc reads the annotations of dataclasses at run time
from policies.model import Decision  # noqa: TC001  the same
from proxy.positions import Move  # noqa: TC001  the same
from proxy.shapes import edited_parts, fill, key_of, shape_of, split

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rewriter.model import Edit

NamesEffect = Literal["none", "changes", "transaction"]
Makes = Literal["none", "transaction", "session"]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The decision for every statement of one shape, by one caller, under one revision of everything.

    `epoch` is the world's that it was made in; a prepared statement of another epoch is ruled again. `decision` is
    that world's; a portal opened under another decision gives no more rows.
    `names_effect`: running it changes what names mean at once, or ends a transaction that may have done so.
    `makes`: it leaves a cursor or a prepared statement that holds its ruling, until the end of the transaction or of the
    session; `uses_made`: it runs such a one.
    `moves` are the edits, by which places in the text that left are found in the client's.
    `judgement` is what the audit says of it, the same for all its statements; `error` is the payload of the
    ErrorResponse of a denied one. Compared by identity: each plan is one decision.
    """

    verdict: Literal["pass", "rewrite", "deny"]
    epoch: int
    decision: Decision
    judgement: Judgement
    error: bytes = b""
    names_effect: NamesEffect = "none"
    changes_catalog: bool = False
    makes: Makes = "none"
    uses_made: bool = False
    moves: tuple[Move, ...] = ()


class Ruling(NamedTuple):
    """A plan applied to one statement; `text` is what leaves in place of the client's, None for the client's own."""

    plan: Plan
    text: bytes | None = None


class PlanCache:
    """The plans of one world: one decision, one catalog revision, one meaning of names.

    Bounded: when `limit` texts or shapes are known the older half is forgotten, for a client that builds a new
    text for each statement would otherwise fill the memory.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._texts: dict[bytes, Ruling] = {}
        self._shapes: dict[tuple[bytes, ...], tuple[Plan, tuple[bytes, ...] | None]] = {}

    def find(self, text: bytes) -> Ruling | None:
        """The ruling for `text` if one is known for it or for its shape."""
        known = self._texts.get(text)
        if known is not None:
            return known
        pieces = split(text)
        literals = pieces[1::2]
        found = self._shapes.get(key_of(pieces, literals))
        if found is None or b"\\" in text:
            return None
        plan, parts = found
        return Ruling(plan) if parts is None else Ruling(plan, fill(parts, literals))

    def keep(
        self,
        text: bytes,
        ruling: Ruling,
        edits: Sequence[Edit] = (),
        *,
        literal_free: bool,
        constants: Collection[int] | None = None,
    ) -> None:
        """Remember a ruling, for the whole shape of the text where that is safe, else for this very text.

        `literal_free` and `constants` are those of `rewriter.model.Rewritten`; without constants any literal will do.
        """
        shape = shape_of(text, constants) if literal_free else None
        if shape is not None:
            parts = edited_parts(shape, edits) if edits else None
            if not edits or parts is not None:
                _forget(self._shapes, self._limit)
                self._shapes[shape.key] = (ruling.plan, parts)
                return
        _forget(self._texts, self._limit)
        self._texts[text] = ruling


def _forget(
    known: dict[bytes, Ruling] | dict[tuple[bytes, ...], tuple[Plan, tuple[bytes, ...] | None]], limit: int
) -> None:
    """Drop the older half once `limit` entries are held."""
    if len(known) >= limit:
        for key in list(known)[: limit // 2]:
            del known[key]  # type: ignore[arg-type]
