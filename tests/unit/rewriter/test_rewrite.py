"""Rewriting statements: the cases of tests/cases/rewriter, and the laws that hold for any text."""

from __future__ import annotations

import pytest

from rewriter.model import Names, Refusal
from rewriter.rewrite import rewrite


def test_case(rewriter_case, rewriter_world):
    """Each case leaves as its file says, or is refused with the SQLSTATE and words it says."""
    world = rewriter_world
    absent = {(None, "nowhere"): None, ("archive", "nowhere"): None}
    names = Names(world.names.path, looked_up=absent)
    listed = frozenset(rewriter_case.get("listed", ()))

    def run():
        return rewrite(rewriter_case.sql, world.catalog, names, world.decision, listed_functions=listed)

    if rewriter_case.get("refused"):
        with pytest.raises(Refusal) as caught:
            run()
        assert (caught.value.sqlstate, True) == (
            rewriter_case.get("refused"),
            rewriter_case.get("says") in str(caught.value.message) + str(caught.value.hint) + str(caught.value.detail),
        )
        return
    done = run()
    expected = rewriter_case.get("out")
    assert done.text == (rewriter_case.sql if expected == "same" else world.expand(expected))
    if expected == "same":
        assert done.text is rewriter_case.sql
        assert done.edits == ()
    assert (done.changes_names, done.changes_catalog) == (
        rewriter_case.get("names", False),
        rewriter_case.get("catalog", False),
    )
