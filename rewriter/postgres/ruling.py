"""The nouns of ruling on one statement: all that the ruling depends on, and what was found out so far.

Owns no decision: `rewriter.postgres.rulings` and what it asks fill a ruling, `rewriter.postgres.rewrite` edits the text by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from policies.model import RowFilter
from rewriter.model import Probe, WrittenName
from rewriter.postgres.catalog import Catalog, Names, Relation
from rewriter.postgres.code import Judge
from rewriter.postgres.masks import KeyMaterial
from rewriter.postgres.scopes import Findings
from rewriter.postgres.substitution import Patch, Splice, Substitute
from rewriter.postgres.world import World
from rewriter.postgres.writes import Target

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that a ruling depends on besides the statement."""

    data: bytes
    catalog: Catalog
    names: Names
    world: World
    key: KeyMaterial | None
    judge: Judge
    explained: bool = False  # the statement's plan is asked for


@dataclass(slots=True)
class Ruling:
    """What was found out about one statement."""

    node: Node
    kind: str
    found: Findings
    changes_names: bool
    changes_catalog: bool
    literal_free: bool = True
    substitutes: list[Substitute] = field(default_factory=list)
    copied: tuple[Substitute, Splice] | None = None
    qualified: list[tuple[Node, str]] = field(default_factory=list)  # RangeVars of PREPARE and their schema
    settled: set[int] = field(default_factory=set)  # ids of RangeVars that are substituted or qualified
    relations: list[tuple[str, str]] = field(default_factory=list)
    counts_values: bool = False  # it depends on how many values stand in a list, and which are NULL
    patches: list[Patch] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)  # of the relations that it writes
    written: list[Target] = field(default_factory=list)  # protected relations that it writes
    filtered: list[tuple[Relation, RowFilter]] = field(default_factory=list)  # what leaves out rows
    oids: set[int] = field(default_factory=set)  # of the same, ANY_TYPES for a temporary one
    unknown: set[WrittenName] = field(default_factory=set)
    unknown_functions: set[WrittenName] = field(default_factory=set)
