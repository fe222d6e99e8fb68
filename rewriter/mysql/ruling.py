"""The nouns of ruling on one statement: all that the ruling depends on, and what was found out so far.

Owns no decision: `rewriter.mysql.rulings` and what it asks fill a ruling, `rewriter.mysql.rewrite` edits the text by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlglot import exp

from rewriter.model import Masked, Name, Probe, Use, WrittenName
from rewriter.mysql.catalog import Catalog, Facts, Table
from rewriter.mysql.code import Judge
from rewriter.mysql.lexer import unwrap
from rewriter.mysql.masks import KeyMaterial
from rewriter.mysql.reading import Reading, Statement, read
from rewriter.mysql.substitution import TextEdit
from rewriter.mysql.world import World


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that a ruling depends on besides the statement. It `runs` at once, or is prepared and run later, where nobody counts."""

    reading: Reading
    catalog: Catalog
    facts: Facts
    world: World
    key: KeyMaterial | None
    judge: Judge
    runs: bool = True

    def within(self, text: str) -> Circumstances:
        """The same for the text of PREPARE. Raises Refusal where it cannot be read."""
        plain, _ = unwrap(text, self.facts.modes, self.catalog)
        return replace(self, reading=read(plain, self.facts.modes), runs=False)


@dataclass(slots=True)
class Ruling:
    """What was found out about one statement.

    `tree` is what the edited text must read as, from its token `first` on and with `prefix` before it.
    """

    statement: Statement
    kind: str
    changes_names: bool = False
    changes_catalog: bool = False
    tree: exp.Expr | None = None
    first: int = 0
    prefix: str = ""
    edits: list[TextEdit] = field(default_factory=list)
    labels: list[TextEdit] = field(default_factory=list)  # names of result columns, which no tree expects
    settings: list[TextEdit] = field(default_factory=list)  # values of a SET, which has no tree
    relations: list[Name] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    compared: list[Use] = field(default_factory=list)
    filtered: list[tuple[Table, str]] = field(default_factory=list)  # what leaves out rows, by the filter's name
    masked: tuple[Masked | None, ...] = ()  # by result column, where masks stand in the SELECT list
    moved: bool = False  # conditions stand elsewhere than before, with their constants
    unknown: set[WrittenName] = field(default_factory=set)
