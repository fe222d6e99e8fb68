"""Substitution: the caller's view of a protected table, in place of each reference to it.

Owns which columns a subquery must list, what of a reference moves inside it (partitions, index hints, locks) and the edits of
the client's text. May not do: decide what is protected, or trust its own edits: `rewriter.mysql.proof` checks them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from rewriter.model import Name, Probe, Refusal, Use
from rewriter.mysql import proof
from rewriter.mysql.catalog import Table
from rewriter.mysql.names import fold
from rewriter.mysql.scopes import Reference
from rewriter.mysql.views import FENCE, CallerView, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewriter.mysql.catalog import Catalog, Column
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.scopes import Findings
    from rewriter.mysql.searching import Search
    from rewriter.mysql.views import Hashed
    from rewriter.mysql.world import Expansion

TextEdit = tuple[int, int, str]
"""Replace characters [start, end)."""

_MOVABLE = frozenset({"this", "db", "alias", "partition", "hints", "joins"})
_BEHIND_TABLE = frozenset({"", ")", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "INTO", "ON", ",", ";"})
_HINTS = frozenset({"USE", "FORCE", "IGNORE"})
_UNMERGED = FENCE
"""Where a subquery must not be merged: MySQL takes no expression in place of a column for JSON_TABLE (error 1210), and MariaDB
would compute the hashes of a join anew for each pair of rows, and finds no row in a list of several that hold an expression."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A protected reference with the `edits` of the text that have it read as the caller may see it, and what is read then.

    `reads` are the tables behind it, where it is a view. `filtered` is the name of the filter that leaves out rows. Conditions of the
    caller's have `moved` inside, values and all.
    """

    reference: Reference
    table: Table
    edits: tuple[TextEdit, ...]
    uses: tuple[Use, ...]
    reads: tuple[Name, ...] = ()
    probes: tuple[Probe, ...] = ()
    filtered: str | None = None
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitute(Replacement):
    """A protected reference with what takes its place: `query` for the proof."""

    query: str

    def expect(self) -> None:
        """Change the tree into what the edited text must read as."""
        proof.expect_subquery(self.reference.node, self.query, self.alias)

    @property
    def alias(self) -> str:
        """The name of the subquery, quoted."""
        return quote(self.reference.called)


def substitute_for(  # noqa: PLR0913  a reference and all that takes its place depends on
    reference: Reference,
    view: CallerView,
    found: Findings,
    statement: Statement,
    text: str,
    *,
    mariadb: bool,
    behind: Expansion,
    search: Search | None = None,
    hashes: Sequence[Hashed] = (),
    joined: Sequence[Probe] = (),
) -> Substitute:
    """What takes the place of a reference, with a search of its real values and `hashes` that are `joined` by. Raises Refusal: forms that cannot move inside, denied columns, locks of views."""
    node = reference.node
    odd = {key for key, value in node.args.items() if value} - _MOVABLE
    if odd or (node.args.get("alias") is not None and node.args["alias"].columns):
        full = f"{view.table.schema}.{view.table.name}"
        message = f"this form of reading {full} is not available, because columns of it are masked"
        raise Refusal("42000", message, hint="Name the table plainly.", position=_start(node) + 1)
    at = {token.start: index for index, token in enumerate(statement.tokens)}
    first, name = at[_start(node)], at[node.this.meta["start"]]
    given = node.args.get("alias")
    if not statement.tokens[name].named or (given is not None and "start" not in given.this.meta):
        raise Refusal("42000", "the statement is not understood here", hint="Write names plainly, or in backticks.")
    last, inside = _partition(statement, name, text)
    edits: list[TextEdit] = []
    alias = node.args.get("alias")
    after = at[alias.this.meta["start"]] + 1 if alias is not None else last + 1
    end, hints = _hints(statement, after, text)
    if end > after:
        edits.append((statement.tokens[after - 1].end, statement.tokens[end - 1].end, ""))
    if not mariadb and isinstance(node.parent, exp.Subquery) and not node.args.get("joins"):
        raise Refusal("42000", "parentheses around one table are not available here", hint="Leave them out.")
    lock = _lock(reference, found, mariadb=mariadb)
    if view.filtered is not None and lock:
        full = f"{view.table.schema}.{view.table.name}"
        message = f"locking rows of {full} is not available, because rows of it are hidden from you"
        hint = "The server would lock hidden rows, too. Leave the lock out."
        raise Refusal("42000", message, hint=hint, position=_start(node) + 1)
    kept = _UNMERGED if ((hashes or found.rows) if mariadb else found.laterals) else ""
    if view.body is not None and (inside or hints or lock):
        message = "a partition, an index or a lock of a view is not available, because columns behind it are masked"
        raise Refusal("42000", message, hint="Name the tables behind it.", position=_start(node) + 1)
    words = {token.text for token in statement.tokens if token.kind == "word"}
    query, uses = view.query(
        needed(reference, view.table, found),
        f"{inside} {hints}".strip(),
        f"{kept} {lock}".strip(),
        search=search,
        hashes=hashes,
        rolls="ROLLUP" in words,
        joins=mariadb and "CONCAT_WS" in words,
    )
    made = f"({query})"
    if alias is None:
        made += f" AS {quote(reference.called)}"
    if statement.word(first - 1) == "TABLE":
        named = any(token.kind == "quoted" for token in statement.tokens[last + 1 : last + 2])
        if mariadb or named or statement.word(last + 1) not in _BEHIND_TABLE:
            raise Refusal("42000", "this form of TABLE is not available here", hint="Write SELECT * FROM.")
        first -= 1
        made = f"SELECT * FROM {made}"  # noqa: S608  our own text, and proved after the edit
    edits.insert(0, (statement.tokens[first].start, statement.tokens[last].end, made))
    probes = () if search is None else search.probes
    exact = {probe.column for probe in probes}
    uses = tuple(replace(use, search="exact") if use.column in exact else use for use in uses)
    exact = {probe.column for probe in joined}
    uses = tuple(replace(use, join="exact") if use.column in exact else use for use in uses)
    return Substitute(
        *(reference, view.table, tuple(edits), (*uses, *behind.uses), behind.reads, (*probes, *joined)),
        query=query,
        filtered=None if view.filtered is None else view.filtered.rule,
        moved=search is not None,
    )


def requalify(
    found: Findings, substitutes: list[Substitute], statement: Statement, catalog: Catalog
) -> list[tuple[exp.Column, TextEdit]]:
    """Edits that take the schema off schema.table.column where the table is substituted.

    Raises Refusal 42000 when the bare name could mean another table.
    """
    if not substitutes:
        return []
    at = {token.start: index for index, token in enumerate(statement.tokens)}
    edits = []
    for column in found.columns:
        parts = column.args
        if parts.get("catalog"):
            raise Refusal("42000", "a name of four parts is not available here")
        if not parts.get("db"):
            continue
        name, schema = fold(column.table, catalog), fold(column.db, catalog)
        meant = [s for s in substitutes if fold(s.reference.called, catalog) == name]
        if not any(fold(s.table.schema, catalog) == schema for s in meant):
            continue
        rivals = [r for r in found.references if fold(r.called, catalog) == name]
        if len({(r.schema, r.name.lower()) for r in rivals}) > 1:
            message = f"{column.db}.{column.table} cannot be told from other tables called {column.table}"
            raise Refusal("42000", message, hint="Give the table an alias and use it.")
        start = at[parts["db"].meta["start"]]
        if statement.word(start + 1) != ".":
            raise proof.unproved()
        edits.append((column, (statement.tokens[start].start, statement.tokens[start + 2].start, "")))
    return edits


def unlocked(found: Findings, substitutes: list[Substitute], statement: Statement, catalog: Catalog) -> list[TextEdit]:
    """Edits that take FOR UPDATE OF ... away where it names substituted tables, whose subqueries lock by themselves.

    Changes the tree accordingly. Raises Refusal when it names others, too.
    """
    edits: list[TextEdit] = []
    at = {token.start: index for index, token in enumerate(statement.tokens)}
    called = {fold(substitute.reference.called, catalog) for substitute in substitutes}
    for lock in found.locks:
        named = lock.expressions
        mine = [each for each in named if fold(each.name, catalog) in called]
        if not mine:
            continue
        if catalog.flavour == "mariadb":
            raise Refusal("42000", "this server has no FOR UPDATE OF", hint="Write FOR UPDATE.")
        if len(mine) < len(named):
            raise Refusal("42000", "these tables cannot be locked by one clause", hint="Write FOR UPDATE OF for each.")
        first = at[named[0].this.meta["start"]] - 3
        last = at[named[-1].this.meta["start"]]
        if statement.word(first) != "FOR" or statement.word(first + 2) != "OF":
            raise proof.unproved()
        if statement.word(last + 1) == "NOWAIT":
            last += 1
        elif statement.word(last + 1) == "SKIP":
            last += 2
        edits.append((statement.tokens[first].start, statement.tokens[last].end, ""))
        block = lock.parent
        if block is None:
            raise proof.unproved()
        block.set("locks", [each for each in block.args["locks"] if each is not lock])
    return edits


def _start(node: exp.Table) -> int:
    first = node.args.get("db") or node.this
    return int(first.meta["start"])


def needed(reference: Reference, table: Table, found: Findings) -> list[tuple[Column, str]]:
    """Columns of a table that the statement may read, each with the name that the rest of the statement finds it by.

    All of them when there is a star or NATURAL; an invisible one only when it is named.
    """
    everything = reference.shows_all(found)
    written: dict[str, str] = {}
    for named in found.columns:
        if isinstance(named.parent, exp.Select) and isinstance(named.this, exp.Identifier):
            written.setdefault(named.name.lower(), named.name)
    chosen = []
    for column in table.columns:
        lowered = column.name.lower()
        if column.invisible and everything and lowered in found.names:
            message = f"invisible column {column.name} cannot be named together with all visible ones"
            raise Refusal("42000", message, hint="List the columns instead of writing *.")
        if lowered in found.names or (everything and not column.invisible):
            # a result is called as it is written where it is a column of a table, and as in the subquery behind one
            name = column.name if everything or table.kind == "view" else written.get(lowered, column.name)
            chosen.append((column, name))
    return chosen


def _partition(statement: Statement, name: int, text: str) -> tuple[int, str]:
    """The last token of a table's name with PARTITION (...), and the text of that."""
    if statement.word(name + 1) != "PARTITION" or statement.word(name + 2) != "(":
        return name, ""
    last = statement.closing(name + 2)
    return last, text[statement.tokens[name + 1].start : statement.tokens[last].end]


def end_of(reference: Reference, statement: Statement, text: str) -> int | None:
    """The character behind a table's name, its partitions, its alias and its index hints; None where it is not named plainly."""
    node, alias = reference.node, reference.node.args.get("alias")
    at = {token.start: place for place, token in enumerate(statement.tokens) if token.named}
    place = at.get(node.this.meta.get("start", -1))
    if place is None:
        return None
    place, _ = _partition(statement, place, text)
    if alias is not None:
        named = at.get(alias.this.meta.get("start", -1))
        if named is None or alias.columns:
            return None
        place = named
    behind, _ = _hints(statement, place + 1, text)
    return statement.tokens[behind - 1].end


def _hints(statement: Statement, index: int, text: str) -> tuple[int, str]:
    """The token behind the index hints that begin at `index`, and their text."""
    begin = index
    while True:
        here = index + (statement.word(index) == "," and index > begin)
        if statement.word(here) not in _HINTS or statement.word(here + 1) not in {"INDEX", "KEY"}:
            break
        while statement.word(here) != "(":
            here += 1
            if here >= len(statement.tokens):
                raise proof.unproved()
        index = statement.closing(here) + 1
    if index == begin:
        return begin, ""
    return index, text[statement.tokens[begin].start : statement.tokens[index - 1].end]


def _lock(reference: Reference, found: Findings, *, mariadb: bool) -> str:
    """The locking clause for a subquery: the servers do not lock through one."""
    words: list[str] = []
    for lock in found.locks:
        block = lock.parent
        if isinstance(block, exp.SetOperation):
            raise Refusal("42000", "a lock of a set operation is not available here", hint="Put it in its parts.")
        if block is not reference.level:
            continue
        named = [each.name.lower() for each in lock.expressions]
        if named and reference.called.lower() not in named:
            continue
        wait = lock.args.get("wait")
        share = "LOCK IN SHARE MODE" if mariadb else "FOR SHARE"
        words.append("FOR UPDATE" if lock.args.get("update") else share)
        if isinstance(wait, exp.Literal):
            words.append(f"WAIT {int(wait.name)}")
        elif wait is not None:
            words.append("NOWAIT" if wait else "SKIP LOCKED")
    return " ".join(words)
