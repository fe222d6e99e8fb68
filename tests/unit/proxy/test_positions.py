"""Positions: every character that stayed is found again, and what was put in is where the text it replaced began."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.positions import moves_of, original
from rewriter.model import Edit

WORDS = st.sampled_from(["t", " a ", "'x'", "'中文'", "12", "3.5", "é", "''", "-- it's\n", "$1", "\n"])


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    """A text and edits of it that do not overlap."""
    text = "".join(draw(st.lists(WORDS, max_size=12)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    spans = zip(cuts[::2], cuts[1::2], strict=False)
    distinct = {start: Edit(start, end, draw(st.sampled_from(["", "s.", "(中)"]))) for start, end in spans}
    return text, [edit for edit in distinct.values() if edit.end > edit.start or edit.replacement]


@given(edited())
def test_every_character_is_found_again(case: tuple[str, list[Edit]]) -> None:
    """The text is edited with each character's origin beside it; that is what the moves give."""
    text, edits = case
    origins: list[int] = []
    position = 0
    for edit in edits:
        origins += [*range(position, edit.start), *[edit.start] * len(edit.replacement)]
        position = edit.end
    origins += range(position, len(text))
    moves = moves_of(text.encode(), edits)
    deleted = {edit.end: edit.start for edit in edits if not edit.replacement}
    for index, origin in enumerate(origins):
        found = original(moves, text.encode(), index)
        assert found == origin or found in chain(deleted, origin)


def chain(deleted: dict[int, int], origin: int) -> set[int]:
    """Where the deletions just before a character began: that is where it stands, too."""
    found = set()
    while origin in deleted:
        origin = deleted[origin]
        found.add(origin)
    return found


def test_other_literals_of_a_shape_shift_the_moves() -> None:
    """The moves of one text serve another whose literals are longer or of other characters."""
    edits = [Edit(19, 20, "(SELECT 1)"), Edit(35, 36, "s.u")]
    moves = moves_of(b"SELECT 'a', 1 FROM t WHERE b = 'c', u, nme", edits)
    other = "SELECT '中文中文', 12345 FROM t WHERE b = '', u, nme"
    sent = other.replace(" t ", " (SELECT 1) ").replace(" u,", " s.u,")
    assert original(moves, other.encode(), sent.index("nme")) == other.index("nme")
    assert original(moves, other.encode(), sent.index("ELECT 1)")) == other.index("t WHERE")
    assert original(moves, other.encode(), 3) == 3
