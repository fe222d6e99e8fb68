"""The tables that a statement names, each with its role and the query block it stands in.

Owns the walk over a tree and the scope of common table expressions: what one hides is no table. May not do: know a catalog.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sqlglot import exp

from rewriter.model import Refusal

if TYPE_CHECKING:
    from rewriter.mysql.reading import Statement

Role = Literal["read", "target", "joined", "deleted"]
"""read: rows are read. target: rows are inserted, or the one table of UPDATE or DELETE. joined: one of several of UPDATE or
DELETE. deleted: an alias in the list of a DELETE, not a table by itself."""


@dataclass(slots=True)
class Reference:
    """One name of a table. `called` is its alias, or its name; `level` the query block among whose tables it is."""

    node: exp.Table
    schema: str | None
    name: str
    called: str
    role: Role
    level: exp.Expr

    @property
    def aliased(self) -> bool:
        """Whether the client gives it an alias."""
        return bool(self.node.alias)

    def shows_all(self, found: Findings) -> bool:
        """Whether the statement may show all columns of the table without naming them."""
        return found.natural or id(self.level) in found.stars or self.called.lower() in found.starred


@dataclass(slots=True)
class Findings:
    """What a statement names.

    `names` are all words and quoted names in lower case with the ways in which each is written. `starred` are the qualifiers of
    stars, in lower case; `stars` the ids of query blocks with a bare one. `places` are the characters at which names stand in
    the tree, `defined` those of them that name something new or old that is no function: tables, aliases, columns of lists.
    `laterals`: JSON_TABLE is among the tables. `rows`: a row is looked for in a list.
    """

    tree: exp.Expr
    references: list[Reference] = field(default_factory=list)
    columns: list[exp.Column] = field(default_factory=list)
    names: dict[str, set[str]] = field(default_factory=dict)
    starred: set[str] = field(default_factory=set)
    stars: set[int] = field(default_factory=set)
    natural: bool = False
    laterals: bool = False
    rows: bool = False
    locks: list[exp.Lock] = field(default_factory=list)
    places: set[int] = field(default_factory=set)
    defined: set[int] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)


def walk(tree: exp.Expr, text: str, statement: Statement, *, folds: bool) -> Findings:
    """Take down what a statement names; raises Refusal where a name could be a table or not."""
    found = Findings(tree, names=_names(text, statement))
    for node in tree.walk():
        if isinstance(node, exp.Identifier):
            _place(node, found)
        elif isinstance(node, exp.Table):
            _table(node, found, folds=folds)
        elif isinstance(node, exp.Column | exp.Star):
            _column(node, found)
        elif isinstance(node, exp.Lock):
            found.locks.append(node)
        elif isinstance(node, exp.Join):
            found.natural = found.natural or str(node.args.get("method") or "").upper() == "NATURAL"
        elif isinstance(node, exp.TableAlias):
            found.aliases.add(node.name)
        elif isinstance(node, exp.In):
            found.rows = found.rows or isinstance(node.this, exp.Tuple)
    return found


def _names(text: str, statement: Statement) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for token in statement.tokens:
        if token.named:
            written = token.text if token.kind == "quoted" else text[token.start : token.end]
            names.setdefault(token.text.lower(), set()).add(written)
    return names


def _column(node: exp.Column | exp.Star, found: Findings) -> None:
    if isinstance(node, exp.Column):
        found.columns.append(node)
        if isinstance(node.this, exp.Star):
            found.starred.add(node.table.lower())
    elif isinstance(node.parent, exp.Select | exp.Returning):
        found.stars.add(id(block_of(node)))


def block_of(node: exp.Expr) -> exp.Expr:
    """The query block or statement that a node stands in."""
    above = node.parent
    while above is not None and not isinstance(above, exp.Select | exp.Update | exp.Delete | exp.Insert):
        above = above.parent
    return above if above is not None else node.root()


def _place(node: exp.Identifier, found: Findings) -> None:
    start = node.meta.get("start")
    if start is None:
        return
    found.places.add(start)
    if isinstance(node.parent, exp.Table | exp.TableAlias | exp.Schema | exp.Alias):
        found.defined.add(start)


def _table(node: exp.Table, found: Findings, *, folds: bool) -> None:
    if isinstance(node.parent, exp.Lock) or isinstance(node.this, exp.Parameter):
        return  # FOR UPDATE OF alias, SELECT ... INTO @variable
    if isinstance(node.this, exp.JSONTable):
        found.laterals = True
        return
    if not isinstance(node.this, exp.Identifier) or node.args.get("catalog") or node.args.get("pivots"):
        raise Refusal("42000", "a table of this form is not available here", hint="Name tables plainly.")
    name, schema = node.name, node.db or None
    if schema is None and _is_common(node, name, folds=folds):
        return
    if schema is None and name.lower() == "dual" and not node.this.args.get("quoted"):
        return
    reference = Reference(node, schema, name, node.alias or name, _role(node), block_of(node))
    found.references.append(reference)


def _is_common(node: exp.Table, name: str, *, folds: bool) -> bool:
    """Whether an unqualified name is a common table expression's here; raises Refusal when that depends on the server."""
    path: list[exp.Expr] = [node]
    while path[-1].parent is not None:
        above = path[-1].parent
        clause = above.args.get("with_")
        if isinstance(clause, exp.With):
            verdict = _among(clause, path, name, folds=folds)
            if verdict is not None:
                return verdict
        path.append(above)
    return False


def _among(clause: exp.With, path: list[exp.Expr], name: str, *, folds: bool) -> bool | None:
    """Whether `name` is one of a WITH clause's; None when it has none of that name."""
    listed = clause.expressions
    visible = len(listed)
    if path[-1] is clause:  # within one of them: those before it are known, and itself when they are recursive
        own = next(index for index, each in enumerate(listed) if each is path[-2])
        visible = own + bool(clause.args.get("recursive"))
    for index, each in enumerate(listed):
        if each.alias.lower() != name.lower():
            continue
        same = folds or each.alias == name
        if same and index < visible:
            return True
        if same and not clause.args.get("recursive"):
            continue  # one that comes later is not known yet
        message = f"it depends on the server whether {name} is a table or the common table expression of that name"
        raise Refusal("42000", message, hint="Give the expression another name.")
    return None


def _role(node: exp.Table) -> Role:
    child: exp.Expr = node
    above = node.parent
    if isinstance(above, exp.Schema):
        child, above = above, above.parent
    if isinstance(above, exp.Insert) and child.arg_key == "this":
        return "target"
    if isinstance(above, exp.Delete) and (
        child.arg_key == "tables" or (child.arg_key == "this" and above.args.get("using"))
    ):
        return "deleted"
    several = False
    listed = isinstance(node.parent, exp.Join)
    while above is not None and isinstance(above, exp.Join | exp.Table | exp.Subquery | exp.From):
        if isinstance(above, exp.Subquery) and not isinstance(above.this, exp.Table | exp.Subquery):
            return "read"
        several = True
        child, above = above, above.parent
    if listed and isinstance(above, exp.Delete) and child.arg_key == "this" and above.args.get("using"):
        return "deleted"  # DELETE FROM a, b USING ...
    if isinstance(above, exp.Update | exp.Delete) and child.arg_key in {"this", "using", "joins", "from_"}:
        alone = not several and not node.args.get("joins") and not above.args.get("using")
        return "target" if alone and not above.args.get("tables") else "joined"
    return "read"
