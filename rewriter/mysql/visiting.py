"""The order in which an UPDATE or DELETE visits the rows of a table that it writes: not that of hidden values.

An index over visible and hidden columns gives the rows that a condition on the visible ones finds in the order of the hidden ones. LIMIT
takes the first of them, variables and RETURNING tell all, and so do the locks of a write that waits: other sessions can ask which rows are
free. So such indexes are forbidden, as they are to queries. Owns the hint, and the form of DELETE that takes one. May not do: replace columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from rewriter.model import Refusal
from rewriter.mysql import proof
from rewriter.mysql.substitution import TextEdit, end_of
from rewriter.mysql.views import quote

if TYPE_CHECKING:
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.scopes import Reference
    from rewriter.mysql.views import CallerView


@dataclass(frozen=True, slots=True)
class Visit:
    """How a table is visited: with an index `hint`. A DELETE of it alone names its `target` before FROM: only that form takes one."""

    tree: exp.Update | exp.Delete
    node: exp.Table
    hint: str
    target: str
    edits: tuple[TextEdit, ...]

    def expect(self) -> None:
        """Change the tree into what the edited text must read as."""
        proof.expect_hint(self.node, self.hint)
        if self.target and isinstance(self.tree, exp.Delete):
            proof.expect_target(self.tree, self.target)


def visit(  # noqa: PLR0913  a reference that is written, and where it stands
    tree: exp.Expr, reference: Reference, view: CallerView, statement: Statement, text: str, *, direct: bool
) -> Visit | None:
    """How a reference that is written is to be visited; None: as the server likes. Raises Refusal where no hint can be given.

    `view` is the caller's of the table that is written, `direct`ly or by a view over it.
    """
    hint = view.unread()
    if not isinstance(tree, exp.Update | exp.Delete) or not hint or not _gives_order(view):
        return None
    single = isinstance(tree, exp.Delete) and reference.role == "target"
    if not direct or (single and any(tree.args.get(clause) for clause in ("order", "limit", "returning"))):
        _refuse(view, "through a view" if not direct else "with ORDER BY, LIMIT or RETURNING")
    end = end_of(reference, statement, text)
    if end is None:
        raise proof.unproved()
    edits = [(end, end, f" {hint}")]
    target = ""
    if single:
        start, target = _target(reference, statement, text)
        edits.insert(0, (start, start, f"{target} "))
    return Visit(tree, reference.node, hint, target, tuple(edits))


def _gives_order(view: CallerView) -> bool:
    """Whether a condition on visible columns can be met by an index that has hidden ones, too.

    One that has all that is asked for is not read in place of a table that is written, as it is for a query: see the servers' plans.
    """
    hidden = {name for name, treatment in view.treatments.items() if treatment.hides}
    columns = ({column.lower() for column in index.columns} for index in view.table.indexes)
    return any(each & hidden and not each <= hidden for each in columns)


def _target(reference: Reference, statement: Statement, text: str) -> tuple[int, str]:
    """Where FROM of a DELETE stands, and what its table is called before it: by its alias, or as it is written."""
    node = reference.node
    first, last = (part.meta.get("start") for part in (node.args.get("db") or node.this, node.this))
    at = {token.start: place for place, token in enumerate(statement.tokens)}
    if first not in at or last not in at or statement.word(at[first] - 1) != "FROM":
        raise proof.unproved()
    name = quote(reference.called) if reference.aliased else text[first : statement.tokens[at[last]].end]
    return statement.tokens[at[first] - 1].start, name


def _refuse(view: CallerView, what: str) -> None:
    full = f"{view.table.schema}.{view.table.name}"
    message = f"writing to {full} {what} is not available: its rows could be visited in the order of hidden values"
    raise Refusal(
        "42000", message, hint="Read the keys of the rows first, and name them in a write of the table itself."
    )
