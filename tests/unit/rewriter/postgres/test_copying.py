"""COPY of a protected table: what its list of columns may hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rewriter.model import Refusal
from rewriter.postgres.rewrite import rewrite

if TYPE_CHECKING:
    from fixtures.rewriting import RewriterWorld


def test_a_generated_column_is_left_out_and_cannot_be_named(rewriter_world: RewriterWorld) -> None:
    """As the server has it: COPY of the table leaves generated columns out, and refuses them by name."""
    world = rewriter_world
    oid = world.catalog.names["public", "users"]
    users = world.catalog.relations[oid]
    columns = tuple(replace(column, generated=column.name == "name") for column in users.columns)
    catalog = replace(world.catalog, relations={**world.catalog.relations, oid: replace(users, columns=columns)})
    assert '"name"' not in rewrite("COPY users TO STDOUT", catalog, world.names, world.decision).text
    with pytest.raises(Refusal) as refused:
        rewrite("COPY users (id, name) TO STDOUT", catalog, world.names, world.decision)
    assert refused.value.sqlstate == "42P10"
