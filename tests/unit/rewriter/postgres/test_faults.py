"""Faults of our own are refusals: parts of the rewriter are replaced by wrong ones, which native code does not let be done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rewriter.model import Refusal
from rewriter.postgres import substitution
from rewriter.postgres.rewrite import rewrite
from rewriter.postgres.scopes import walk


def test_internal_fault_is_a_refusal(rewriter_world, monkeypatch):
    """An exception of ours never lets a statement pass."""
    monkeypatch.setattr("rewriter.postgres.rewrite.rule", lambda *_: 1 / 0)
    world = rewriter_world
    with pytest.raises(Refusal) as caught:
        rewrite("SELECT 1", world.catalog, world.names, world.decision)
    assert caught.value.sqlstate == "XX000"


@pytest.mark.parametrize(
    "wrong", ["(SELECT 1 FROM users) AS users, orders", "(SELECT 'x' AS ssn FROM other) AS users", "users"]
)
def test_proof_catches_a_wrong_edit(rewriter_world, monkeypatch, wrong):
    """When an edit is not what the proof expects, the statement is refused."""
    world = rewriter_world
    real = substitution.splice_of
    monkeypatch.setattr("rewriter.postgres.rewrite.splice_of", lambda s, t: replace(real(s, t), replacement=wrong))
    with pytest.raises(Refusal) as caught:
        rewrite("SELECT ssn FROM users", world.catalog, world.names, world.decision)
    assert caught.value.sqlstate == "XX000"


def test_reference_missed_by_the_walk_is_caught(rewriter_world, monkeypatch):
    """A relation name that the walk does not account for is a refusal, whatever it is."""
    world = rewriter_world

    def blind(root):
        found = walk(root)
        found.references.clear()
        return found

    monkeypatch.setattr("rewriter.postgres.rulings.walk", blind)
    with pytest.raises(Refusal) as caught:
        rewrite("SELECT ssn FROM users", world.catalog, world.names, world.decision)
    assert caught.value.sqlstate == "XX000"
