"""Plans: what has been decided for the shape of a statement, and the cache that finds it again.

Owns the plan, the ruling (a plan applied to one text) and the cache of one caller's world.
May not do: parse SQL, decide, or know a protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, final

from audit.record import Judgement
from policies.model import Decision
from proxy.declaring import Declaration
from proxy.positions import Move
from proxy.shapes import LONGEST, NUL, edited_parts, fill, key_of, shape_of, split
from proxy.witness import Witness
from rewriter.model import Probe

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rewriter.model import Edit

NamesEffect = Literal["none", "changes", "transaction"]
Described = tuple[bytes, bytes, bytes, int, int]
"""What a description says of a result column: a table's alias, the table, the column; and how long it is, of `rewriter.model.Masked`."""
Makes = Literal["none", "transaction", "session"]

_BACKSLASH: Final = 0x5C  # to look for a byte by its number is quicker than for a text of one
_DOUBLE_QUOTE: Final = 0x22


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The decision for every statement of one shape, by one caller, under one revision of everything.

    `epoch` is the world's that it was made in; a prepared statement of another epoch is ruled again. `decision` is
    that world's; a portal opened under another decision gives no more rows.
    `names_effect`: running it changes what names mean at once, or ends a transaction that may have done so.
    `copies`: it may make copies of labelled columns, so that what they become is to be known before it goes; its epoch is no
    world's, for each time that it is bound again counts.
    `makes`: it leaves a cursor or a prepared statement that holds its ruling, until the end of the transaction or of the
    session; `uses_made`: it runs such a one.
    `moves` are the edits, by which places in the text that left are found in the client's.
    `witness` is what its answer's columns are checked against; None when nothing is hidden from the caller.
    `probes` are the real values that each execution asks for, counted against the caller's budget; `array_probes` those that
    each Bind does, by the arrays it brings. `by_kind`: the decision for its kind of statement, where
    that is another. `most_rows`: after so many rows its answer is cut off; -1, never.
    `declares` is what it says of its session, for the statements that follow.
    `masked`: by result column, what its description says, where masks have left it out.
    `notices` are what the caller is told once in a session: the column, and the NoticeResponse.
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
    copies: bool = False
    moves: tuple[Move, ...] = ()
    witness: Witness | None = None
    notices: tuple[tuple[str, bytes], ...] = ()
    declares: Declaration | None = None
    probes: tuple[Probe, ...] = ()
    array_probes: tuple[Probe, ...] = ()
    most_rows: int = -1
    by_kind: Decision | None = None
    masked: tuple[Described | None, ...] = ()


@final
class Ruling:
    """A plan applied to one statement; `text` is what leaves in place of the client's, None for the client's own.

    `literals` are those of the client's text where they are known, as a shape has them (proxy.shapes), and all strings that are in it.
    """

    __slots__ = ("literals", "plan", "text")

    def __init__(self, plan: Plan, text: bytes | None = None, literals: list[bytes] | None = None) -> None:
        self.plan = plan
        self.text = text
        self.literals = literals


def commented(ruling: Ruling, comment: bytes) -> Ruling:
    """The ruling with the comment of the client's text behind what leaves in its place."""
    return ruling if ruling.text is None or not comment else Ruling(ruling.plan, ruling.text + comment, ruling.literals)


class Tally:
    """How often plans were asked for since the start: found by the very text, found by shape, or not."""

    def __init__(self) -> None:
        self.texts = self.shapes = self.misses = 0

    def __str__(self) -> str:
        asked = self.texts + self.shapes + self.misses
        if not asked:
            return "no statement yet"
        found = 100 * (self.texts + self.shapes) / asked
        return f"{asked} statements, {found:.1f} % found: {self.texts} by text, {self.shapes} by shape"


class PlanCache:
    """The plans of one world: one decision, one catalog revision, one meaning of names.

    Bounded, for a client that builds a new text for each statement would otherwise fill the memory: when `limit` texts
    or shapes are known, or `memory` bytes of texts, the older half is forgotten. A text that is too long to have a shape is
    not kept at all. `tally` counts what is found; callers may share one.
    """

    def __init__(self, limit: int = 4096, memory: int = 8 << 20, tally: Tally | None = None) -> None:
        self._limit = limit
        self._memory = memory
        self._held = 0  # bytes of the texts kept since one was forgotten, at least
        self._tally = Tally() if tally is None else tally
        self._texts: dict[bytes, Ruling] = {}
        self._shapes: dict[bytes, tuple[Plan, tuple[bytes, ...] | None]] = {}

    def find(self, text: bytes) -> Ruling | None:
        """The ruling for `text` if one is known for it or for its shape."""
        known = self._texts.get(text)
        if known is not None:
            self._tally.texts += 1
            return known
        if len(text) <= LONGEST and NUL not in text:
            around, literals = split(text)
            found = self._shapes.get(key_of(around, literals))
            if found is not None and _BACKSLASH not in text:
                self._tally.shapes += 1
                plan, parts = found
                plain = None if _DOUBLE_QUOTE in text else literals  # on MySQL that may be a string, too
                return Ruling(plan, None if parts is None else fill(parts, literals), plain)
        self._tally.misses += 1
        return None

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
        if len(text) > LONGEST:
            return
        if len(self._texts) + len(self._shapes) >= self._limit or self._held > self._memory:
            self._forget()
        self._held += len(text) + len(ruling.text or b"")
        shape = shape_of(text, constants) if literal_free else None
        if shape is not None:
            parts = edited_parts(shape, edits) if edits else None
            if not edits or parts is not None:
                self._shapes[shape.key] = (ruling.plan, parts)
                return
        self._texts[text] = ruling

    def _forget(self) -> None:
        """Drop the older half of both."""
        for text in list(self._texts)[: len(self._texts) // 2 + 1]:
            del self._texts[text]
        for key in list(self._shapes)[: len(self._shapes) // 2 + 1]:
            del self._shapes[key]
        self._held //= 2
