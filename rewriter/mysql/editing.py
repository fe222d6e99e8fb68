"""The edited text of a text that has been ruled on, proved.

Owns putting the edits of all its statements into it, and the proof that it then reads as each ruling expects. May not do: rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.model import MAX_BYTES
from rewriter.mysql import proof
from rewriter.mysql.labels import BEFORE, without
from rewriter.mysql.lexer import apply
from rewriter.mysql.reading import parse, read

if TYPE_CHECKING:
    from rewriter.mysql.reading import Reading
    from rewriter.mysql.ruling import Circumstances, Ruling
    from rewriter.mysql.substitution import TextEdit


def edited(rulings: list[Ruling], where: Circumstances, limit: int = MAX_BYTES) -> tuple[str, list[TextEdit]]:
    """The text that was read with all edits of its statements' `rulings`, and these edits in order.

    Changes the rulings' trees, so it can be asked for once. `limit` is the longest text in bytes. Raises Refusal when it is not what was meant.
    """
    text = where.reading.text
    edits = sorted(edit for ruling in rulings for edit in (*ruling.edits, *ruling.labels, *ruling.settings))
    if not edits:
        return text, edits
    made = apply(text, edits)
    _prove(made, edits, rulings, where, limit)
    return made, edits


def _prove(made: str, edits: list[TextEdit], rulings: list[Ruling], where: Circumstances, limit: int) -> None:
    """The edited text reads as each ruling expects, and nothing else of it has changed; raises Refusal."""
    modes = where.facts.modes
    again: Reading = read(made, modes, limit + len(made))
    proof.prove_tokens(where.reading.tokens, again.tokens, edits)
    if len(again.statements) != len(rulings):
        raise proof.unproved()
    added = _places(edits, {label for ruling in rulings for label in ruling.labels})
    for statement, ruling in zip(again.statements, rulings, strict=True):
        if not ruling.edits:
            continue
        if ruling.tree is None or not proof.same(
            ruling.tree, without(parse(again, statement, ruling.first, ruling.prefix), added)
        ):
            raise proof.unproved()


def _places(edits: list[TextEdit], labels: set[TextEdit]) -> set[int]:
    """Where the names that `labels` add begin in the edited text."""
    places, shift = set(), 0
    for edit in edits:
        if edit in labels:
            places.add(edit[0] + shift + len(BEFORE))
        shift += len(edit[2]) - (edit[1] - edit[0])
    return places
